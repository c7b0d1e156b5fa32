"""A scanner that plays a keyboard: the kernel's own events, through a FIFO in place of its device file.

A FIFO gives the same bytes and the same end of file; it cannot be grabbed, so the grab is handed in.  Where the kernel
lets us make a keyboard (/dev/uinput), the last test does it for real.
"""

import contextlib
import errno
import fcntl
import json
import os
import select
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from edge.core.events import AccessPointId
from edge.drivers.keyboard import LINE_NS, PLAIN, SHIFTED, TEXT_MAX, Typist, card_of
from edge.drivers.readers.hid import EVENT, EVIOCGRAB, HidReader, HidSettings, grab, open_reader
from edge.gateio.drivers import resolve
from edge.ports_io import Read
from tests.fakes.gateio_rig import until

GATE = AccessPointId("gate")
EV_SYN, EV_KEY = 0, 1
ENTER, KP_ENTER, SHIFT, ALT = 28, 96, 42, 56
KEYPAD = {"7": 71, "8": 72, "9": 73, "4": 75, "5": 76, "6": 77, "1": 79, "2": 80, "3": 81, "0": 82}
KEY_OF = {char: (code, False) for code, char in reversed(PLAIN.items())} | {
    char: (code, True) for code, char in SHIFTED.items() if char not in PLAIN.values()
}
PASS_CODE = "AC1:" + "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:" * 3 + "Q7"
MS = 1_000_000


def us(text: str) -> list[tuple[int, int]]:
    """(code, value) as a scanner in US layout types it."""
    keys: list[tuple[int, int]] = []
    for char in text:
        code, shifted = KEY_OF[char]
        press = [(code, 1), (code, 0)]
        keys += [(SHIFT, 1), *press, (SHIFT, 0)] if shifted else press
    return keys


def alt(text: str) -> list[tuple[int, int]]:
    """The same, as a scanner in ALT-numpad mode types it."""
    keys: list[tuple[int, int]] = []
    for char in text:
        digits = [(KEYPAD[digit], value) for digit in f"{ord(char):03d}" for value in (1, 0)]
        keys += [(ALT, 1), *digits, (ALT, 0)]
    return keys


def enter(code: int = ENTER) -> list[tuple[int, int]]:
    return [(code, 1), (code, 0)]


def event(kind: int, code: int, value: int) -> bytes:
    return EVENT.pack(0, 0, kind, code, value)


def packets(keys: list[tuple[int, int]]) -> bytes:
    return b"".join(event(EV_KEY, *key) + event(EV_SYN, 0, 0) for key in keys)


# --- keystrokes -------------------------------------------------------------------------------------------------


def typed(keys: list[tuple[int, int]], mode: str = "us", step_ns: int = MS) -> list[str]:
    typist, now, lines = Typist(mode, gap_ns=1000 * MS), 0, []
    for code, value in keys:
        now += step_ns
        if (line := typist.key(code, value, now)) is not None:
            lines.append(line)
    return lines


ASCII = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=40)


@given(ASCII)
def test_what_a_us_keyboard_types_is_read_back(text):
    assert typed(us(text) + enter()) == [text]


@given(ASCII)
def test_what_alt_and_the_keypad_type_is_read_back(text):
    assert typed(alt(text) + enter(), "alt_numpad") == [text]


def test_alt_013_ends_a_line_as_enter_does():
    assert typed(alt("AC1:7\r") + alt("x\r"), "alt_numpad") == ["AC1:7", "x"]


@given(st.lists(st.tuples(st.integers(0, 255), st.integers(-1, 3)), max_size=200))
def test_no_keystrokes_whatever_break_it_or_make_a_line_longer_than_allowed(keys):
    for mode in ("us", "alt_numpad"):
        assert all(0 < len(line) <= TEXT_MAX for line in typed(keys, mode))


def test_two_reads_are_two_and_an_enter_alone_is_none():
    assert typed(us("A1") + enter() + enter() + us("B2") + enter(KP_ENTER)) == ["A1", "B2"]


def test_a_key_that_repeats_itself_is_one_key():
    code, _ = KEY_OF["7"]
    assert typed([(code, 1), (code, 2), (code, 2), (code, 0), *enter()]) == ["7"]


def test_a_line_that_is_too_long_is_dropped_whole_and_the_next_one_read():
    assert typed(us("x" * TEXT_MAX) + enter()) == ["x" * TEXT_MAX]
    assert typed(us("x" * (TEXT_MAX + 1)) + enter() + us("ok") + enter()) == ["ok"]


def test_what_was_typed_before_a_long_pause_is_forgotten():
    typist = Typist("us", gap_ns=1000 * MS)
    for code, value in us("half"):
        typist.key(code, value, MS)
    lines = [typist.key(code, value, 1500 * MS) for code, value in us("whole") + enter()]
    assert [line for line in lines if line] == ["whole"]


def test_a_line_that_takes_for_ever_is_dropped():
    keys = us("x" * 40) + enter()
    assert typed(keys, step_ns=LINE_NS // len(keys) - MS) == ["x" * 40]
    assert typed(keys, step_ns=LINE_NS // (len(keys) - 3)) == []


def test_a_broken_line_is_never_half_a_code():
    assert typed([(ALT, 1), *us("A"), (ALT, 0), *us("B"), *enter()]) == []
    assert typed(alt("A") + alt("\x07") + alt("B") + enter(), "alt_numpad") == []


@pytest.mark.parametrize(
    ("text", "bits", "base", "card"),
    [
        ("0012345678", 32, 10, "32:00bc614e"),
        ("67108863", 26, 10, "26:ffffffc0"),
        ("1", 26, 10, "26:00000040"),
        ("04A2b3C4", 32, 16, "32:04a2b3c4"),
        ("67108864", 26, 10, None),  # 27 bits
        ("12 34", 32, 10, None),
        ("", 32, 10, None),
        ("٣", 32, 10, None),
    ],
)
def test_a_card_number_becomes_its_bits_or_nothing(text, bits, base, card):
    assert card_of(text, bits, base) == card


# --- the device ---------------------------------------------------------------------------------------------------


class Device:
    """A FIFO in the place of /dev/input/by-id/..., which can be plugged in and pulled out."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.grabbed = 0
        self.busy = False
        self._fd = -1

    def plug_in(self) -> None:
        os.mkfifo(self.path)
        self._fd = os.open(self.path, os.O_RDWR | os.O_NONBLOCK)

    def pull_out(self) -> None:
        self.path.unlink()
        os.close(self._fd)
        self._fd = -1

    def grab(self, fd: int) -> None:
        """As the ioctl: the descriptor is the device's, and only one may have it."""
        assert os.path.sameopenfile(fd, self._fd)
        if self.busy:
            raise OSError(errno.EBUSY, "Device or resource busy")
        self.grabbed += 1

    def send(self, data: bytes) -> None:
        os.write(self._fd, data)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)


@pytest.fixture
def device(tmp_path) -> Iterator[Device]:
    made = Device(tmp_path / "scanner-event-kbd")
    yield made
    made.close()


@contextlib.contextmanager
def reader_at(device: Device, *, online: bool = True, **changed: object) -> Iterator[HidReader]:
    reader = HidReader(HidSettings(device.path, **changed), GATE, device.grab)
    try:
        if online:
            until(lambda: reader.online, "the reader")
        yield reader
    finally:
        reader.close()
        reader.close()


def next_read(reader: HidReader) -> Read:
    until(lambda: bool(select.select([reader.fileno()], [], [], 0)[0]), "a read")
    (read,) = reader.reads()
    return read


def test_a_code_is_read_once_for_each_enter_and_with_its_time(device):
    device.plug_in()
    with reader_at(device) as reader:
        began = time.monotonic_ns()
        device.send(packets(us(PASS_CODE) + enter()))
        read = next_read(reader)
        assert (read.kind, read.data) == ("text", PASS_CODE)
        assert began <= read.t_ns <= time.monotonic_ns()
        assert not select.select([reader.fileno()], [], [], 0)[0]
        assert device.grabbed == 1


def test_events_cut_anywhere_are_put_together_again(device):
    device.plug_in()
    with reader_at(device, mode="alt_numpad") as reader:
        data = packets(alt("AC2:X9") + enter())
        for start in range(0, len(data), 7):
            device.send(data[start : start + 7])
        assert next_read(reader).data == "AC2:X9"


def test_a_card_reader_gives_bits_and_a_keypad_digits(device):
    device.plug_in()
    with reader_at(device, kind="card", card_bits=26) as reader:
        device.send(packets(us("no card") + enter() + us("0000000001") + enter()))
        read = next_read(reader)
        assert (read.kind, read.data) == ("card", "26:00000040")
    with reader_at(device, kind="keys") as reader:
        device.send(packets(us("12a") + enter() + [(KEYPAD["4"], 1), (KEYPAD["2"], 1)] + enter(KP_ENTER)))
        assert next_read(reader).data == "42"


def test_what_was_read_is_not_logged(device, caplog):
    device.plug_in()
    with caplog.at_level("DEBUG"), reader_at(device, kind="card") as reader:
        device.send(packets(us("secret") + enter() + us("4711") + enter()))
        next_read(reader)
    assert "no card" in caplog.text
    assert "secret" not in caplog.text
    assert "4711" not in caplog.text


def test_nothing_is_left_open(device):
    device.plug_in()
    before = set(Path("/proc/self/fd").iterdir())
    with reader_at(device) as reader:
        device.send(packets(us("AC1:1") + enter()))
        next_read(reader)
    assert set(Path("/proc/self/fd").iterdir()) == before
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("hid")]


def test_lost_keystrokes_spoil_the_line_and_not_the_next_one(device):
    device.plug_in()
    with reader_at(device) as reader:
        dropped = event(EV_SYN, 3, 0)
        device.send(packets(us("AC1:12")) + dropped + packets(us("34") + enter() + us("AC1:5") + enter()))
        assert next_read(reader).data == "AC1:5"


def test_a_reader_is_unplugged_and_back(device):
    with reader_at(device, online=False) as reader:
        assert not reader.online
        for _ in range(2):
            device.plug_in()
            until(lambda: reader.online, "the reader")
            device.send(packets(us("AC1:1") + enter()))
            assert next_read(reader).data == "AC1:1"
            device.send(packets(us("half")))
            device.pull_out()
            until(lambda: not reader.online, "the loss of the reader")
        assert "is not there" in reader.selftest()


def test_a_reader_that_cannot_be_grabbed_is_not_read(device):
    device.plug_in()
    device.busy = True
    device.send(packets(us("AC1:1") + enter()))
    with reader_at(device, online=False) as reader:
        until(lambda: "busy" in reader.selftest(), "the refusal")
        assert not reader.online
        assert reader.reads() == []
        device.busy = False
        assert next_read(reader).data == "AC1:1"


def test_at_most_the_newest_sixteen_reads_are_kept(device):
    device.plug_in()
    with reader_at(device) as reader:
        for number in range(20):
            device.send(packets(us(f"N{number}") + enter()))
        found: list[str] = []
        # Nothing is fetched until all twenty have come: the last one is there to wait for.
        until(lambda: bool(peek(reader)) and peek(reader)[-1] == "N19", "all of them")
        found = [read.data for read in reader.reads()]
        assert found == [f"N{number}" for number in range(4, 20)]


def peek(reader: HidReader) -> list[str]:
    return [read.data for read in [*reader._outbox._items]]


# --- what the owner writes ------------------------------------------------------------------------------------------


def test_gate_io_finds_the_driver_by_name():
    assert resolve("readers", "hid").settings is HidSettings
    assert resolve("readers", "hid").open is open_reader


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ({}, "required"),
        ({"device": "/dev/input/event0", "mode": "azerty"}, "'us' or 'alt_numpad'"),
        ({"device": "/dev/input/event0", "card_bits": 4}, "card_bits 4 is not within 8 to 128"),
        ({"device": "/dev/input/event0", "gap_ms": 5}, "gap_ms 5 is not within 100 to 15000"),
    ],
)
def test_a_wrong_setting_is_one_clear_sentence(table, why):
    with pytest.raises(ValidationError, match=why):
        TypeAdapter(HidSettings).validate_json(json.dumps(table), strict=True)


def test_an_event_is_what_this_kernel_writes():
    assert EVENT.size == 24 or struct.calcsize("l") == 4
    assert (EVIOCGRAB >> 30, EVIOCGRAB >> 16 & 0x3FFF, chr(EVIOCGRAB >> 8 & 0xFF), EVIOCGRAB & 0xFF) == (
        1,
        4,
        "E",
        0x90,
    )


# --- a keyboard of the kernel's -----------------------------------------------------------------------------------------

UINPUT = Path("/dev/uinput")
UI_SET_EVBIT, UI_SET_KEYBIT, UI_DEV_SETUP = 0x40045564, 0x40045565, 0x405C5503
UI_DEV_CREATE, UI_DEV_DESTROY, UI_GET_SYSNAME = 0x5501, 0x5502, 0x8040552C


def kernels_own_keyboard_is_grabbed_and_read():
    fd = os.open(UINPUT, os.O_WRONLY | os.O_NONBLOCK)
    try:
        fcntl.ioctl(fd, UI_SET_EVBIT, EV_KEY)
        for code in range(1, 128):
            fcntl.ioctl(fd, UI_SET_KEYBIT, code)
        fcntl.ioctl(fd, UI_DEV_SETUP, struct.pack("HHHH80sI", 3, 1, 1, 1, b"gatehouse test scanner", 0))
        fcntl.ioctl(fd, UI_DEV_CREATE)
        name = fcntl.ioctl(fd, UI_GET_SYSNAME, bytes(64)).rstrip(b"\0").decode()
        (node,) = Path(f"/sys/devices/virtual/input/{name}").glob("event*")
        path = Path("/dev/input") / node.name
        until(path.exists, "the device file")
        reader = open_reader(HidSettings(path), GATE)
        try:
            until(lambda: reader.online, "the reader")
            other = os.open(path, os.O_RDONLY)
            with pytest.raises(OSError, match="busy"):
                grab(other)
            os.close(other)
            os.write(fd, packets(us(PASS_CODE) + enter()))
            assert next_read(reader).data == PASS_CODE
        finally:
            reader.close()
    finally:
        fcntl.ioctl(fd, UI_DEV_DESTROY)
        os.close(fd)


# A kernel that can pretend a keyboard is asked to; the head of the report says which kind this one is.
if os.access(UINPUT, os.W_OK):
    test_a_keyboard_of_the_kernel_is_grabbed_and_read = kernels_own_keyboard_is_grabbed_and_read
