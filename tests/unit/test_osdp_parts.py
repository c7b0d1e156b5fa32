"""What an OSDP bus is made of, one piece at a time and without a line."""

import os
import stat
import sys
from pathlib import Path

import pytest

from edge.drivers import osdp_bus
from edge.drivers.osdp_keys import FACTORY_KEY, new_key, read_key
from edge.drivers.osdp_link import Channel, Mailbox, OsdpPlace, SerialLine, library
from edge.drivers.readers.osdp import KEY_PAUSE_NS, KEYS_MAX, Keypad, card_text
from edge.errors import ConfigError, HardwareError
from edge.gateio.drivers import resolve, settings_of

PLACE = {"port": "/dev/ttyAMA2", "key_file": "/run/credentials/gate-io.service/gate.key"}


# --- the library -------------------------------------------------------------------------------------------------


def pretend(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, version: str) -> None:
    """A distribution as an installer leaves it, found before all others."""
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])


def test_the_other_project_of_the_same_name_is_refused(tmp_path, monkeypatch):
    pretend(tmp_path, monkeypatch, "osdp", "0.4.0")
    with pytest.raises(
        HardwareError, match=r"the distribution osdp 0.4.0 is installed; it is another project"
    ):
        library()


def test_a_series_that_was_never_tried_is_refused(tmp_path, monkeypatch):
    pretend(tmp_path, monkeypatch, "libosdp", "4.0.0")
    with pytest.raises(HardwareError, match=r"libosdp 4.0.0 was never tried here. Install libosdp 3.2"):
        library()


def test_the_library_that_is_installed_here_is_taken():
    assert library().ControlPanel


# --- keys --------------------------------------------------------------------------------------------------------


def test_a_new_key_is_ours_alone_and_never_the_same(tmp_path, capsys):
    assert osdp_bus.main(["new-key", str(tmp_path / "a")]) == 0
    new_key(tmp_path / "b")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600
    assert len(read_key(tmp_path / "a")) == 16
    assert read_key(tmp_path / "a") != read_key(tmp_path / "b")
    assert read_key(tmp_path / "a").hex() not in capsys.readouterr().out


def test_a_key_that_is_there_is_never_written_over(tmp_path, capsys):
    new_key(tmp_path / "a")
    before = (tmp_path / "a").read_text()
    assert osdp_bus.main(["new-key", str(tmp_path / "a")]) == 2
    assert "cannot be made (File exists)" in capsys.readouterr().err
    assert (tmp_path / "a").read_text() == before


@pytest.mark.parametrize(
    ("text", "mode", "problem"),
    [
        (FACTORY_KEY.hex(), 0o600, "holds a key that everybody knows"),
        ("00" * 16, 0o600, "holds a key that everybody knows"),
        ("0123456789abcdef", 0o600, "does not hold 32 hex digits"),
        ("not a key at all, but some words", 0o600, "does not hold 32 hex digits"),
        ("schlüssel", 0o600, "is no readable key file"),
        ("00112233445566778899aabbccddeeff", 0o604, "can be read or changed by others"),
        ("00112233445566778899aabbccddeeff", 0o620, "can be read or changed by others"),
    ],
)
def test_a_key_file_that_is_not_right_is_refused(tmp_path, text, mode, problem):
    path = tmp_path / "key"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    with pytest.raises(ConfigError, match=problem):
        read_key(path)


def test_a_key_file_that_is_not_there_is_refused_with_how_to_make_one(tmp_path):
    with pytest.raises(ConfigError, match=r"is no readable key file.*new-key FILE"):
        read_key(tmp_path / "none")


# --- what the owner writes ---------------------------------------------------------------------------------------

TABLES = [
    ("locks", "osdp_output", {"output": 1}),
    ("readers", "osdp", {"reader": 0}),
    ("inputs", "osdp", {"contact": {"input": 0, "active": False}, "own_tamper": True}),
    ("indicators", "osdp", {"idle": "blue", "sound": False}),
]


@pytest.mark.parametrize(("kind", "name", "table"), TABLES, ids=lambda value: str(value)[:12])
def test_a_table_of_the_profile_is_taken(kind, name, table):
    settings = settings_of(resolve(kind, name), PLACE | table, "gate")
    assert settings.port == "/dev/ttyAMA2"
    assert settings.baud == 38_400


@pytest.mark.parametrize(
    ("kind", "name", "table", "problem"),
    [
        ("locks", "osdp_output", {"address": 127}, "address 127 is not within 0 to 126"),
        ("locks", "osdp_output", {"baud": 1200}, "baud 1200 is none of 9600"),
        ("locks", "osdp_output", {"output": 64}, "output 64 is not within 0 to 63"),
        ("locks", "osdp_output", {"output": "one"}, "gate.output"),
        ("locks", "osdp_output", {"key": "00112233"}, "unknown key"),
        ("readers", "osdp", {"reader": 8}, "reader 8 is not within 0 to 7"),
        ("inputs", "osdp", {}, "no input is wired"),
        (
            "inputs",
            "osdp",
            {"contact": {"input": 1}, "rex": {"input": 1}},
            "one input is named for two points",
        ),
        ("inputs", "osdp", {"tamper": {"input": 1}, "own_tamper": True}, "not both"),
        ("indicators", "osdp", {"led": 8}, "led 8 is not within 0 to 7"),
    ],
)
def test_a_table_that_is_not_right_is_refused(kind, name, table, problem):
    with pytest.raises(ConfigError, match=problem):
        settings_of(resolve(kind, name), PLACE | table, "gate")


# --- keypad and cards --------------------------------------------------------------------------------------------


def typed(keypad: Keypad, keys: bytes, at: int = 0) -> list[str]:
    entries = [keypad.press(key, at) for key in keys]
    return [entry for entry in entries if entry is not None]


@pytest.mark.parametrize(
    ("keys", "entries"),
    [
        (b"123456#", ["123456"]),
        (b"123456\r", ["123456"]),
        (b"12*34#", ["34"]),
        (b"12\x7f34#", ["34"]),
        (b"#", []),
        (b"1a2\x002#3#", ["122", "3"]),
        (b"1" * KEYS_MAX + b"#", ["1" * KEYS_MAX]),
        (b"1" * (KEYS_MAX + 40) + b"#7#", ["7"]),
    ],
)
def test_keys_become_whole_entries(keys, entries):
    assert typed(Keypad(), keys) == entries


def test_digits_left_behind_do_not_begin_the_next_persons_entry():
    keypad = Keypad()
    typed(keypad, b"99", at=1)
    assert typed(keypad, b"1234#", at=KEY_PAUSE_NS + 2) == ["1234"]


@pytest.mark.parametrize(
    ("bits", "data", "text"),
    [
        (26, "123456ff", "26:123456c0"),  # what lies beyond the bits says nothing
        (32, "deadbeef", "32:deadbeef"),
        (8, "80", "8:80"),
        (512, "ff" * 64, "512:" + "ff" * 64),
        (4, "f0", None),
        (26, "1234", None),
        (520, "ff" * 65, None),
    ],
)
def test_a_card_is_its_bits(bits, data, text):
    assert card_text(bits, bytes.fromhex(data)) == text


# --- the line ----------------------------------------------------------------------------------------------------


class Copper:
    """A serial line that keeps what reached it."""

    def __init__(self) -> None:
        self.packets: list[bytes] = []
        self.inwards = b""

    def read(self, most: int) -> bytes:
        found, self.inwards = self.inwards[:most], self.inwards[most:]
        return found

    def write(self, packet: bytes) -> int:
        self.packets.append(packet)
        return len(packet)

    def flush(self) -> None: ...


def packet(sequence: int, mark: bool = True) -> bytes:
    return (b"\xff" if mark else b"") + bytes([0x53, 0, 8, 0, 0x04 | sequence, 0x60, 0, 0])


def channel() -> tuple[Channel, Copper]:
    copper = Copper()
    made = Channel(copper)  # type: ignore[arg-type]
    made.sealed = True
    return made, copper


@pytest.mark.parametrize("mark", [True, False])
def test_only_a_sequence_that_moves_on_proves_an_answer(mark):
    made, copper = channel()
    made.write(packet(1, mark))
    copper.inwards = b"noise"
    assert made.read(10) == b"noise"
    made.write(packet(1, mark))  # the library repeats itself: the noise was no answer
    assert made.heard_ns == 0
    made.write(packet(2, mark))
    assert made.heard_ns == made.read_ns > 0


def test_an_answer_in_clear_proves_nothing():
    made, copper = channel()
    made.sealed = False
    made.write(packet(1))
    copper.inwards = b"hello"
    made.read(10)
    made.write(packet(2))
    assert made.heard_ns == 0


def test_what_is_too_late_never_reaches_the_line():
    made, copper = channel()
    made.not_after_ns = 1
    assert made.write(packet(1)) == -1
    assert (made.held_back, made.wrote, copper.packets) == (True, False, [])
    made.renew()
    assert made.write(packet(1)) > 0
    assert (made.held_back, made.wrote) == (False, True)


def test_a_line_whose_port_is_gone_says_so_to_the_library_and_is_closed_twice_without_harm():
    line = SerialLine("/dev/none-such", 9600)
    assert line.read(10) == b""
    assert line.write(b"x") == -1
    line.flush()
    line.drop()
    line.close()
    line.close()


def test_a_mailbox_is_readable_while_it_has_something_and_keeps_the_newest():
    box: Mailbox[int] = Mailbox(2)
    for number in range(3):
        box.put(number)
    assert os.eventfd_read(box.fileno()) == 3
    assert box.take() == [1, 2]
    assert box.take() == []
    box.close()
    box.close()
    box.put(4)  # a thread that did not hear of it yet


def test_a_place_is_what_a_driver_is_told():
    place = OsdpPlace("/dev/ttyAMA2", Path("key"))
    assert (place.address, place.baud) == (0, 38_400)


def test_a_port_that_dies_under_the_library_raises_nothing_into_it():
    """Found by pulling the line away from a running gate-io: the flush of a dead pty is no OSError."""
    master, slave = os.openpty()
    line = SerialLine(os.ttyname(slave), 38_400)
    line.open()
    os.close(slave)
    os.close(master)
    line.flush()
    line.drop()
    assert line.read(10) == b""
    assert line.write(b"x") == -1
    line.close()
