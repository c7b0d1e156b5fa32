"""The rest of firmware_config: boot files, networks, rules, the first boot; each by the rules it has to keep."""

import base64
import configparser
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from cloud_sync.protocol.claim import LETTERS, claim_code
from edge.gateio.profile import load_profile
from tools.profile_schema import schema

HERE = Path(__file__).parents[2] / "firmware_config"
BOOT = HERE / "provisioning" / "boot"
NETWORKS = sorted((HERE / "provisioning" / "network").glob("*.nmconnection*"))
SYSTEMD = HERE / "systemd"


def words(path: Path) -> list[str]:
    lines = [line.strip() for line in path.read_text().splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


# --- profiles --------------------------------------------------------------------------------------------------------


def test_the_schema_is_the_one_of_the_model():
    assert (HERE / "profiles" / "schema.json").read_text() == schema()


# --- boot ------------------------------------------------------------------------------------------------------------


def test_config_txt_holds_every_line_that_a_dead_process_needs():
    said = words(BOOT / "config.txt")
    for wanted in (
        "dtparam=strict_gpiod",
        "dtparam=watchdog=on",
        "dtparam=i2c_arm=on",
        "dtoverlay=i2c-rtc,ds3231",
        "dtoverlay=disable-bt",
    ):
        assert said.count(wanted) == 1
    assert all(re.fullmatch(r"\[\w+\]|[a-z_0-9]+=[\w.,=-]+", line) for line in said)
    assert len(said) == len(set(said))


def test_every_relay_of_the_pi_profiles_has_its_dead_level_from_power_on():
    levels = dict(re.findall(r"(?m)^gpio=(\d+)=op,(d[hl])$", (BOOT / "config.txt").read_text()))
    relays = 0
    for path in HERE.glob("profiles/*_gpio_pi?.toml"):
        for door in load_profile(path).door:
            number = re.fullmatch(r"GPIO(\d+)", str(door.lock.rest["line"]))
            assert number is not None
            high = door.dead != bool(door.lock.rest.get("active_low"))
            assert levels[number[1]] == ("dh" if high else "dl")
            relays += 1
    assert relays >= 2


def test_the_kernels_command_line_is_one_line_and_restarts_after_a_panic():
    text = (BOOT / "cmdline.txt").read_text()
    assert text.count("\n") == 1
    assert {"rootwait", "panic=10", "root=PARTUUID={root}"} <= set(text.split())


# --- networks, time, filter ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", NETWORKS, ids=lambda path: path.name)
def test_a_network_profile_is_whole_and_keeps_no_secret(path):
    read = configparser.ConfigParser(interpolation=None, strict=True)
    read.read_string(path.read_text())
    assert {"connection", "ipv4", "ipv6"} <= set(read.sections())
    assert read["connection"]["type"] in {"ethernet", "wifi", "gsm"}
    metric = {"ethernet": "100", "wifi": "600", "gsm": "700"}[read["connection"]["type"]]
    assert (read["ipv4"]["route-metric"], read["ipv6"]["route-metric"]) == (metric, metric)
    secrets = [value for part in read.values() for name, value in part.items() if name in ("psk", "password")]
    assert all(re.fullmatch(r"\{\w+\}", value) for value in secrets)


def test_the_clock_steps_only_at_the_start_and_keeps_its_chip():
    said = words(HERE / "provisioning" / "network" / "chrony.conf")
    assert {"makestep 1 3", "rtcsync"} <= set(said)
    assert all(
        line.split()[0] in {"server", "pool", "driftfile", "makestep", "rtcsync", "leapsectz"}
        for line in said
    )


def test_the_packet_filter_lets_in_the_screen_and_ssh_from_private_networks_only():
    path = HERE / "provisioning" / "network" / "nftables.conf"
    text = path.read_text()
    assert text.count("{") == text.count("}")
    assert re.search(r"hook input priority 0; policy drop;", text)
    assert re.findall(r"dport (\{.*?\})", text) == ["{ 22, 8081 }"]
    assert "ip saddr @private4 tcp dport" in text
    nft = shutil.which("nft", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if nft:  # asks the kernel's own reader where it is installed; it changes nothing
        done = subprocess.run([nft, "-c", "-f", str(path)], capture_output=True, text=True, timeout=30)
        assert done.returncode == 0 or "Operation not permitted" in done.stderr, done.stderr


# --- systemd beside the units ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "section", "wanted"),
    [
        ("system.conf.d/watchdog.conf", "Manager", {"runtimewatchdogsec": "15", "rebootwatchdogsec": "60"}),
        ("journald.conf.d/volatile.conf", "Journal", {"storage": "volatile", "runtimemaxuse": "16M"}),
    ],
)
def test_watchdog_and_journal_are_as_the_card_and_the_board_need_them(name, section, wanted):
    read = configparser.ConfigParser()
    read.read_string((SYSTEMD / name).read_text())
    assert (read.sections(), dict(read[section])) == ([section], wanted)


def test_the_places_of_tmpfiles_are_whole_lines():
    for line in words(SYSTEMD / "tmpfiles.d" / "gate.conf"):
        assert re.fullmatch(r"d /\S+ 0[0-7]{3} \w+ \w+ - -", line)


MATCH = r'(SUBSYSTEM|KERNEL|ATTR\{\w+\}|ATTRS\{\w+\}|ENV\{\w+\})=="[^"]+"'
SET = r'(SYMLINK\+|GROUP|MODE|ENV\{\w+\})="[^"]+"'


@pytest.mark.parametrize("path", sorted((SYSTEMD / "udev").glob("*.rules")), ids=lambda path: path.name)
def test_a_udev_rule_matches_first_and_gives_to_a_group_and_never_to_everybody(path):
    rules = words(path)
    assert rules
    for rule in rules:
        parts = rule.split(", ")
        kinds = [
            "match" if re.fullmatch(MATCH, part) else "set" if re.fullmatch(SET, part) else part
            for part in parts
        ]
        assert kinds == sorted(kinds), rule  # m before s
        assert set(kinds) == {"match", "set"}
        assert re.search(r'MODE="06[46]0"', rule)


def test_every_service_of_the_gate_is_started_by_the_target():
    for unit in SYSTEMD.glob("gate-*.service"):
        assert "WantedBy=gate.target" in unit.read_text()
    assert "WantedBy=multi-user.target" in (SYSTEMD / "gate.target").read_text()


def test_the_screen_shows_one_page_without_a_key_and_keeps_its_sandbox():
    text = (SYSTEMD / "gate-kiosk.service").read_text()
    assert "--no-sandbox" not in text
    assert "LoadCredential" not in text
    assert "--user-data-dir=/run/gate-kiosk/profile" in text
    (page,) = re.findall(r"http://\S+", text)
    policy = json.loads((HERE / "provisioning" / "chromium-policy.json").read_text())
    assert (policy["URLBlocklist"], page.rstrip("/")) == (["*"], policy["URLAllowlist"][0])


# --- first start -----------------------------------------------------------------------------------------------------


def test_the_first_start_makes_the_three_users_with_the_groups_their_units_name():
    text = (HERE / "provisioning" / "user-data.in").read_text()
    assert text.startswith("#cloud-config\n")
    filled = (
        text.replace("{hostname}", "g1").replace("{admin}", "site").replace("{admin_key}", "ssh-ed25519 x")
    )
    users = {user["name"]: set(user["groups"]) for user in yaml.safe_load(filled)["users"]}
    for name in ("gate-io", "gate-node", "gate-kiosk"):
        unit = configparser.ConfigParser(strict=False, interpolation=None)
        unit.optionxform = str
        unit.read_string((SYSTEMD / f"{name}.service").read_text())
        assert set(unit["Service"]["SupplementaryGroups"].split()) == users[unit["Service"]["User"]]


def test_a_claim_code_is_of_the_node_and_its_key_and_is_easily_read():
    code = claim_code("n1", b"k" * 32)
    assert re.fullmatch(rf"([{LETTERS}]{{4}}-){{2}}[{LETTERS}]{{4}}", code)
    assert len({code, claim_code("n2", b"k" * 32), claim_code("n1", b"j" * 32)}) == 3
    assert claim_code("n1", base64.b64decode(base64.b64encode(b"k" * 32))) == code
