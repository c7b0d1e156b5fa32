"""The bytes on an OSDP line, judged by a decoder of our own: both ends of the bench are the same library.

``tests/golden/osdp/packets.json`` was recorded once, in clear, from libosdp 3.2.9: what its control panel says to a
reader at address 5 and what its peripheral answers.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import osdp_sys
import pytest

from edge.drivers.indicators.osdp import LOOKS
from edge.drivers.osdp_peer import Command, Event, Report
from edge.ports_io import Show
from tests.fakes.osdp_packets import (
    ACK,
    BUZ,
    CAP,
    ID,
    LED,
    OUT,
    PDCAP,
    PDID,
    POLL,
    RAW,
    crc16,
    decode,
    encode,
)
from tests.fakes.waiting import eventually

GOLDEN: dict[str, str] = json.loads((Path(__file__).parents[1] / "golden/osdp/packets.json").read_text())
ADDRESS = 5

COMMANDS = {"poll": POLL, "id": ID, "cap": CAP, "out": OUT, "led": LED, "buz": BUZ}
REPLIES = {"ack": ACK, "pdid": PDID, "pdcap": PDCAP, "raw": RAW}
KINDS = COMMANDS | REPLIES

PULSE = {"command": Command.OUTPUT, "output_no": 1, "control_code": 5, "timer_count": 30}
LIGHT = {
    "command": Command.LED,
    "reader": 0,
    "led_number": 0,
    "temporary": False,
    "control_code": 1,
    "on_count": 2,
    "off_count": 3,
    "on_color": 1,
    "off_color": 0,
}
BEEP = {
    "command": Command.BUZZER,
    "reader": 0,
    "control_code": 2,
    "on_count": 1,
    "off_count": 4,
    "rep_count": 3,
}
CARD = {
    "event": Event.CARD,
    "reader_no": 0,
    "format": 1,
    "direction": 0,
    "length": 26,
    "data": bytes.fromhex("12345640"),
}


class Pipe:
    """Both directions of a line in memory; every packet of a sender is kept."""

    id = 1

    def __init__(self, inwards: bytearray, outwards: bytearray, said: list[bytes]) -> None:
        self._in, self._out, self._said = inwards, outwards, said

    def read(self, most: int) -> bytes:
        found = bytes(self._in[:most])
        del self._in[:most]
        return found

    def write(self, packet: bytes) -> int:
        self._said.append(packet)
        self._out += packet
        return len(packet)

    def flush(self) -> None: ...


def exchange(*commands: dict[str, Any], events: tuple[dict[str, Any], ...] = ()) -> list[tuple[bytes, bytes]]:
    """What is said in clear between panel and reader, as pairs, until everything was done."""
    osdp_sys.set_loglevel(osdp_sys.LOG_EMERG)
    down, up = bytearray(), bytearray()
    asked: list[bytes] = []
    answered: list[bytes] = []
    about = {
        "name": "golden",
        "address": ADDRESS,
        "flags": 0,
        "version": 1,
        "model": 2,
        "vendor_code": 0x00BE4C,
        "serial_number": 3,
        "firmware_version": 0x010203,
    }
    abilities = [
        {"function_code": code, "compliance_level": 1, "num_items": 2}
        for code in (
            osdp_sys.CAP_OUTPUT_CONTROL,
            osdp_sys.CAP_READER_LED_CONTROL,
            osdp_sys.CAP_READER_AUDIBLE_OUTPUT,
        )
    ]
    panel = osdp_sys.ControlPanel([{**about, "scbk": None, "channel": Pipe(up, down, asked)}])
    reader = osdp_sys.PeripheralDevice(
        {**about, "scbk": None, "channel": Pipe(down, up, answered)}, capabilities=abilities
    )
    reader.set_command_callback(lambda order: (0, None))
    done: list[int] = []
    panel.set_event_callback(lambda _, event: done.append(event["event"]))
    panel.set_command_completion_callback(lambda _, command, status: done.append(status))

    def turn(until: Callable[[], object]) -> None:
        def holds() -> object:
            panel.refresh()
            reader.refresh()
            return until()

        eventually(holds)

    turn(panel.status)
    for number, command in enumerate(commands, start=1):
        assert panel.submit_command(0, command)
        turn(lambda number=number: len(done) == number)
    for event in events:
        assert reader.submit_event(event)
    turn(lambda: len(done) == len(commands) + len(events) and len(asked) == len(answered))
    return list(zip(asked, answered, strict=True))


@pytest.fixture(scope="module")
def said() -> dict[str, bytes]:
    """One packet of each golden kind, as the library says it now."""
    lines = [line for pair in exchange(PULSE, LIGHT, BEEP, events=(CARD,)) for line in pair]
    kinds = {packet.kind: line for line in lines if (packet := decode(line)) is not None}
    return {name: kinds[kind] for name, kind in KINDS.items()}


def whole(name: str) -> Any:
    packet = decode(bytes.fromhex(GOLDEN[name]))
    assert packet is not None
    assert packet.address == ADDRESS
    return packet


def test_the_check_is_the_one_of_the_norm():
    assert crc16(b"123456789") == 0xE5CC  # CRC-16/SPI-FUJITSU, the catalogue's name for it


def test_a_flipped_bit_is_no_packet():
    good = bytearray.fromhex(GOLDEN["out"])
    assert decode(bytes(good))
    for at in range(len(good)):
        good[at] ^= 1
        assert decode(bytes(good)) is None or at == 0
        good[at] ^= 1


@pytest.mark.parametrize("name", KINDS)
def test_a_golden_packet_is_a_packet_of_the_norm(name):
    packet = whole(name)
    assert packet.kind == KINDS[name]
    assert packet.answer == (name in REPLIES)


def test_a_pulse_is_written_as_the_norm_writes_it():
    assert list(whole("out").data) == [
        1,
        5,
        30,
        0,
    ]  # output 1, on for a time, 30 tenths of a second, low byte first


def test_a_light_is_written_as_the_norm_writes_it():
    temporary, permanent = [0, 0, 0, 0, 0, 0, 0], [1, 2, 3, 1, 0]
    assert list(whole("led").data) == [0, 0, *temporary, *permanent]


def test_a_beep_is_written_as_the_norm_writes_it():
    assert list(whole("buz").data) == [0, 2, 1, 4, 3]


def test_a_card_is_written_as_the_norm_writes_it():
    assert whole("raw").data == bytes([0, 1, 26, 0]) + bytes.fromhex("12345640")


def test_the_library_of_today_still_says_the_golden_bytes(said):
    def body(line: bytes) -> tuple[int, bytes]:
        packet = decode(line)
        assert packet is not None
        return packet.kind, packet.data

    assert {name: body(line) for name, line in said.items()} == {
        name: body(bytes.fromhex(text)) for name, text in GOLDEN.items()
    }


def test_the_librarys_counter_of_a_pulse_still_wraps_at_eight_bits():
    """Why a pulse over 25.5 s is sent in parts.  When this fails the library was mended, and the parts may go."""
    pairs = exchange({**PULSE, "timer_count": 256})
    (packet,) = [one for command, _ in pairs if (one := decode(command)) and one.kind == OUT]
    assert list(packet.data) == [1, 5, 0, 0]


def test_a_packet_can_be_put_together_again():
    packet = whole("pdcap")
    again = encode(packet, packet.data)
    assert decode(again) == packet


def test_our_names_for_commands_and_events_are_the_librarys():
    assert {one.name: one.value for one in Command} == {
        "OUTPUT": osdp_sys.CMD_OUTPUT,
        "LED": osdp_sys.CMD_LED,
        "BUZZER": osdp_sys.CMD_BUZZER,
        "STATUS": osdp_sys.CMD_STATUS,
    }
    assert {one.name: one.value for one in Event} == {
        "CARD": osdp_sys.EVENT_CARDREAD,
        "KEYS": osdp_sys.EVENT_KEYPRESS,
        "STATUS": osdp_sys.EVENT_STATUS,
        "NOTIFICATION": osdp_sys.EVENT_NOTIFICATION,
    }
    assert {one.name: one.value for one in Report} == {
        "INPUT": osdp_sys.STATUS_REPORT_INPUT,
        "OUTPUT": osdp_sys.STATUS_REPORT_OUTPUT,
        "LOCAL": osdp_sys.STATUS_REPORT_LOCAL,
    }


def test_every_show_has_its_look_and_no_two_differ_by_colour_alone():
    assert set(LOOKS) == set(Show) - {Show.IDLE}
    rhythms = [(look.on, look.off, look.beep_on, look.beep_off, look.beeps) for look in LOOKS.values()]
    assert len(set(rhythms)) == len(rhythms)


def test_no_light_flashes_three_times_a_second():
    assert [what for what, look in LOOKS.items() if look.off and 10 / (look.on + look.off) >= 3] == []
