"""The I/O profile: each mistake is answered with one sentence that names the key and the way out."""

import copy
from pathlib import Path

import pytest

from edge.core.events import AccessPointId
from edge.errors import ConfigError
from edge.gateio.__main__ import main
from edge.gateio.profile import load_profile, parse_profile, profile_hash

PROFILES = Path(__file__).parents[2] / "firmware_config" / "profiles"

GOOD = {
    "socket": "/run/gate-io/io.sock",
    "door": [
        {
            "access_point": "gate-south",
            "lock_profile": "strike_fail_secure",
            "rex_unlocks": True,
            "fire_group": "house",
            "lock": {"driver": "gpio_relay", "line": "GPIO17"},
            "inputs": {
                "driver": "gpio",
                "contact": {"line": "GPIO27", "active_low": False},
                "rex": {"line": "GPIO22"},
                "fire": {"line": "GPIO23"},
            },
        }
    ],
}


def changed(path, value):
    table = copy.deepcopy(GOOD)
    *way, last = path
    at = table
    for step in way:
        at = at[step]
    if value is None:
        del at[last]
    else:
        at[last] = value
    return table


def test_a_profile_gives_the_rules_of_each_door():
    rules = parse_profile(GOOD).rules()[AccessPointId("gate-south")]
    assert (rules.release_energises, rules.rex_unlocks, rules.t_rex_ms) == (True, True, 3000)
    assert (rules.max_pulse_ms, rules.fire_group) == (65_000, "house")


@pytest.mark.parametrize(
    ("path", "value", "sentences"),
    [
        (["sokcet"], "/tmp/x", ["sokcet: unknown key", "Known here: socket"]),
        (["door", 0, "rex_unlock"], True, ["door.0.rex_unlock: unknown key", "Known here: access_point"]),
        (["door", 0, "rex_unlocks"], None, ["door.0.rex_unlocks: is missing"]),
        (["door", 0, "rex_unlocks"], "yes", ["door.0.rex_unlocks", "boolean", "'yes'"]),
        (["door", 0, "max_pulse_ms"], 65_001, ["door.0.max_pulse_ms", "65000", "65001"]),
        (["door", 0, "t_rex_ms"], 999, ["door.0.t_rex_ms", "1000", "999"]),
        (["door", 0, "max_pulse_ms"], 2000, ["t_rex_ms 3000 is longer than max_pulse_ms 2000"]),
        (["door", 0, "lock_profile"], "magnet", ["lock_profile", "strike_fail_secure", "'magnet'"]),
        (["door", 0, "access_point"], "gate south", ["access_point", "'gate south'"]),
        (["door", 0, "egress_path_signed_by"], "who", ["belongs to a maglock"]),
        (["door", 0, "fire_group"], None, ["fire_group", "missing beside a fire input"]),
        (["door", 0, "inputs", "rex"], None, ["rex_unlocks", "true without a rex input"]),
        (["door", 0, "lock", "driver"], "gpoi", ["no driver named 'gpoi'", "gpio_relay"]),
        (["door", 0, "inputs", "driver"], "gpoi", ["no driver named 'gpoi'", "Installed: "]),
        (["door", 0, "lock", "lien"], "GPIO1", ["lock.lien: unknown key", "gpio_relay knows: line"]),
        (["door", 0, "lock", "line"], None, ["lock.line: is missing"]),
        (["door", 0, "lock", "line"], "17", ["'17' is not a line name"]),
        (["door", 0, "inputs", "rex", "debounce_ms"], 500, ["inputs.rex", "not within 10 to 300"]),
        (["door", 0, "inputs", "rex", "pull"], "up", ["inputs.rex.pull: unknown key"]),
        (["door", 0, "inputs", "rex", "line"], "GPIO27", ["one line is named for two inputs"]),
        (["socket"], "/" + "x" * 120, ["longer than 107 bytes"]),
        (["door"], [], ["door", "at least 1"]),
        (["door"], GOOD["door"] * 2, ["gate-south is written twice"]),
    ],
)
def test_every_mistake_is_one_clear_sentence(path, value, sentences):
    with pytest.raises(ConfigError) as caught:
        parse_profile(changed(path, value))
    for part in sentences:
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_hash_follows_the_wires():
    same = profile_hash(parse_profile(copy.deepcopy(GOOD)))
    assert profile_hash(parse_profile(GOOD)) == same
    assert profile_hash(parse_profile(changed(["door", 0, "t_rex_ms"], 4000))) != same


def test_a_missing_and_a_broken_file_are_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read"):
        load_profile(tmp_path / "none.toml")
    (tmp_path / "broken.toml").write_text("door = [")
    with pytest.raises(ConfigError, match=r"broken\.toml: is not TOML"):
        load_profile(tmp_path / "broken.toml")


@pytest.mark.parametrize("path", sorted(PROFILES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_profile_we_ship_can_be_run(path):
    assert load_profile(path).door


def test_a_profile_that_was_checked_is_said_to_be_good(capsys):
    assert main(["firmware_config/profiles/sim.toml", "--check"]) == 0
    assert capsys.readouterr().out == "firmware_config/profiles/sim.toml: 2 door(s), as it should be.\n"
