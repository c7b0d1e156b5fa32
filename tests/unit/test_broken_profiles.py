"""Broken I/O profiles, each answered with exactly one right sentence (tests/golden/broken_profiles)."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from edge.check import findings
from edge.gateio.mistakes import profile_mistakes
from edge.gateio.profile import DoorTable

ROOT = Path(__file__).parents[2]
BROKEN = sorted((ROOT / "tests" / "golden" / "broken_profiles").glob("*.toml"))


def test_there_are_at_least_twenty_and_every_one_has_its_own_sentence():
    told = [path.with_suffix(".txt").read_text() for path in BROKEN]
    assert len(BROKEN) >= 20
    assert len(set(told)) == len(told)


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_a_broken_profile_is_answered_with_one_sentence_and_it_is_the_right_one(path):
    profile, mistakes = profile_mistakes(path)
    assert profile is None
    assert [str(mistake) for mistake in mistakes] == [path.with_suffix(".txt").read_text().rstrip("\n")]
    assert "\n" not in str(mistakes[0])


def test_every_mistake_of_a_file_is_told_and_none_hides_another(tmp_path):
    text = (ROOT / "firmware_config" / "profiles" / "strike_gpio_pi4.toml").read_text()
    for right, wrong in (
        ("socket_users", "sokcet_users"),
        ("t_rex_ms = 3000", "t_rex_ms = 1"),
        ('driver = "gpio"', 'driver = "gpoi"'),
        ('"strike_fail_secure"', '"magnet"'),
    ):
        assert right in text
        text = text.replace(right, wrong)
    second = text[text.index("[[door]]") :].replace("t_rex_ms = 1\n", "").replace('"magnet"', '"barrier"')
    path = tmp_path / "io.toml"
    path.write_text(text + "\n" + second.replace("fire_group", "fire_gruop"))
    told = [str(mistake) for mistake in profile_mistakes(path)[1]]
    for words in (
        "profile.sokcet_users: unknown key. Did you mean socket_users?",
        "door 1 (gate-south).t_rex_ms: should be greater than or equal to 1000 (found 1)",
        "door 1 (gate-south).lock_profile: should be",
        "door 2 (gate-south).fire_gruop: unknown key. Did you mean fire_group?",
        "door 2 (gate-south).lock: names line GPIO17",
    ):
        assert sum(one.startswith(words) for one in told) == 1, (words, told)
    assert len(set(told)) == len(told)


def test_the_mistakes_of_both_drivers_and_of_a_second_door_are_told_together(tmp_path):
    path = tmp_path / "io.toml"
    path.write_text(
        (ROOT / "firmware_config" / "profiles" / "strike_gpio_pi4.toml")
        .read_text()
        .replace('line = "GPIO17"', 'line = "17"\nspeed = 3')
        .replace('rex = { line = "GPIO22" }', 'rex = { lnie = "GPIO22" }')
    )
    told = [str(mistake) for mistake in profile_mistakes(path)[1]]
    assert [one.split(": ")[0] for one in told] == [
        "door 1 (gate-south).lock.speed",
        "door 1 (gate-south).inputs.rex.lnie",
    ]


def test_what_only_gate_io_knows_to_be_wrong_is_never_called_right(tmp_path, monkeypatch):
    from edge.errors import ConfigError

    def refuses(table, where):
        raise ConfigError(where, "something new", "Read the manual.")

    monkeypatch.setattr("edge.gateio.mistakes.parse_profile", refuses)
    profile, mistakes = profile_mistakes(ROOT / "firmware_config" / "profiles" / "sim.toml")
    assert (profile, [str(one) for one in mistakes]) == (None, ["profile: something new. Read the manual."])


# --- the node's file beside it ---------------------------------------------------------------------------------------

IO = """
[[door]]
access_point = "gate-south"
lock_profile = "strike_fail_secure"
rex_unlocks = true
fire_group = "house"
max_pulse_ms = 20000
lock = { driver = "simulated", record = "lock.jsonl" }
inputs = { driver = "simulated", rig = "rig.sock", wired = ["contact", "rex"] }
"""
NODE = """
node = "n1"
data_dir = "data"
join_file = "none.json"
io_profile = "{io}"
[kiosk]
port = 8081
[[cameras]]
name = "front"
driver = "replay"
[[doors]]
access_point = "gate-south"
kind = "gate"
camera = "front"
"""


@pytest.fixture
def files(tmp_path):
    def write(*changes):
        io, node = IO, NODE.format(io=tmp_path / "io.toml")
        for right, wrong in changes:
            assert right in io + node, right
            io, node = io.replace(right, wrong), node.replace(right, wrong)
        (tmp_path / "io.toml").write_text(io)
        (tmp_path / "node.toml").write_text(node)
        return tmp_path / "node.toml"

    return write


def told(path, io=None):
    found = findings(path, io)
    return (
        [one.sentence for one in found if not one.warning],
        [one.sentence for one in found if one.warning],
    )


def test_two_files_that_agree_are_answered_with_nothing(files):
    assert told(files()) == ([], [])


MAGNET = ('"strike_fail_secure"', '"maglock_fail_safe"')
FACE = ("camera =", 'face = { mode = "one_to_n", pia_record = "P", signage_attested_by = "S" }\ncamera =')
CROSS = [
    ((('access_point = "gate-south"\nkind', 'access_point = "gate-suoth"\nkind'),), "gate-suoth: is not wired in"),
    ((("camera =", "t_release_ms = 12000\ncamera ="),), "longer than max_pulse_ms 20000"),
    ((("camera =", "t_release_ms = 55000\ncamera ="), ("20000", "65000")), "longer than 60000 ms, where the watchdog"),
    ((FACE, ('wired = ["contact", "rex"]', 'wired = ["rex"]')), "face is on and no contact is wired"),
    ((("port = 8081", "port = 0"), ('camera = "front"\n', "")), "nothing can be shown to it"),
    ((("[kiosk]", '[clock]\nrehearsal = "hour"\n[kiosk]'), ('"simulated", record = "lock.jsonl"', '"gpio_relay", line = "GPIO17"')), "moves the time of day"),
    ((('driver = "replay"', 'driver = "rplay"'),), "no driver named 'rplay'"),
    ((('camera = "front"\n', 'camera = "font"\n'),), "names camera 'font'"),
    ((("camera =", "t_prealarm_ms = 60000\ncamera ="),), "t_prealarm_ms is longer than t_open_ms"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "words"), CROSS, ids=[words for _, words in CROSS])
def test_what_the_two_files_say_against_each_other_is_one_sentence(changes, words, files):
    mistakes = [one for one in told(files(*changes))[0] if "nobody's pass opens it" not in one]
    assert len(mistakes) == 1
    assert words in mistakes[0]


WARNED = [
    ((MAGNET,), "no signed egress path"),
    ((('fire_group = "house"\n', ""),), "stands in no fire group"),
    ((('wired = ["contact", "rex"]', 'wired = ["rex"]'),), "cannot be commissioned"),
    ((('[kiosk]', '[face]\nengine = "synthetic"\n[kiosk]'),), "its faces open nothing"),
    ((("node = \"n1\"", "node = \"n1\"\nsimulation = true"), ('"simulated", record = "lock.jsonl"', '"gpio_relay", line = "GPIO17"')), "opens without a commissioning list"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "words"), WARNED, ids=[words for _, words in WARNED])
def test_what_somebody_has_to_have_decided_is_a_warning_and_no_mistake(changes, words, files):
    mistakes, warnings = told(files(*changes))
    assert mistakes == []
    assert len(warnings) == 1
    assert words in warnings[0]


def test_all_mistakes_of_a_nodes_file_are_told(files):
    path = files(("port = 8081", "port = 99999\ncolour = 1"), ('kind = "gate"', 'kind = "tower"'))
    assert [one.split(": ")[0] for one in told(path)[0]] == ["kiosk.port", "kiosk.colour", "doors.0.kind"]


def test_a_door_wired_for_nobody_is_told_as_one(files, tmp_path):
    path = files()
    io = tmp_path / "io.toml"
    io.write_text(IO + IO.replace("gate-south", "gate-north").replace("rig.sock", "rig2.sock"))
    assert [one for one in told(path)[0] if "gate-north" in one and "nobody's pass opens it" in one]


def run(*asked):
    command = [sys.executable, "-c", "from edge.cli import main; main()", "check", *map(str, asked)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, cwd=ROOT)
    return done.returncode, done.stdout, done.stderr


def test_the_command_says_every_sentence_and_ends_with_two(files, tmp_path):
    good = files()
    status, said, complaints = run(good)
    assert (status, complaints) == (0, "")
    assert "as it should be" in said
    assert run("--config", good)[0] == 0
    status, said, complaints = run(good, "--io", BROKEN[0])
    assert (status, said) == (2, "")
    assert complaints == f"{BROKEN[0]}: {BROKEN[0].with_suffix('.txt').read_text()}"
    assert run("--io", BROKEN[0])[0] == 2
    assert run()[0] == 2


def test_the_example_of_a_good_door_really_is_one():
    table = tomllib.loads((ROOT / "firmware_config" / "profiles" / "sim.toml").read_text())
    assert set(table["door"][0]) <= set(DoorTable.model_fields)
