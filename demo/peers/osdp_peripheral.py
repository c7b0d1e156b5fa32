"""A simulated OSDP reader: the real peripheral half of libosdp on a serial device or pty.

``python -m demo.peers.osdp_peripheral PORT --key-file FILE`` prints one JSON line for each thing that happens, with
``t_ns`` of CLOCK_MONOTONIC, and takes on stdin: ``card 26 12345640``, ``keys 123456#``, ``inputs 1,0``,
``quietly 1,0`` (the same, not told), ``tamper 1``, ``power 1``.  Its outputs count their own time, as iron would.
"""

import argparse
import json
import os
import select
import sys
import time
from pathlib import Path

import osdp_sys
import serial

TICK_S = 0.002
UNIT_S = 0.1  # of timer_count

# osdp_OUT: permanent off, on (ending a running time), the same letting it run out, and for a time on, off.
OFF, ON, OFF_AFTER, ON_AFTER, ON_FOR, OFF_FOR = range(1, 7)

KEY_CODES = {"#": 0x0D, "*": 0x7F}  # as the norm has them


def say(event: str, **more: object) -> None:
    print(json.dumps({"t_ns": time.monotonic_ns(), "event": event, **more}), flush=True)


# Replies libosdp's Python half has taken a reference of without owning one; kept for as long as the program lives.
_replies: list[dict[str, object]] = []


def report_reply(report: bytes) -> dict[str, object]:
    """The answer to a status request.

    libosdp 3.2.9 drops the report of a status answer that is handed over from Python.  A key set command lies in the
    same union, so its bytes become the answer: two that are padding, the number of entries, the entries.
    """
    data = bytes(2) + len(report).to_bytes(4, "little") + report
    _replies.append({"command": osdp_sys.CMD_KEYSET, "type": 0, "data": data})
    return _replies[-1]


class Output:
    """One relay: a permanent level, and perhaps another one for a time."""

    def __init__(self, number: int) -> None:
        self.number, self.permanent, self.until, self.for_now = number, False, 0.0, False

    @property
    def level(self) -> bool:
        return self.for_now if self.until else self.permanent

    def order(self, code: int, count: int) -> None:
        before = self.level
        if code in (OFF, ON):
            self.permanent, self.until = code == ON, 0.0
        elif code in (OFF_AFTER, ON_AFTER):
            self.permanent = code == ON_AFTER
        elif code in (ON_FOR, OFF_FOR):
            # A count of nothing is for ever: the mistake that a cut-off counter would make.
            self.for_now, self.until = code == ON_FOR, time.monotonic() + (count * UNIT_S or 1e9)
        self._tell(before)

    def tick(self) -> None:
        if self.until and time.monotonic() >= self.until:
            before, self.until = self.level, 0.0
            self._tell(before)

    def _tell(self, before: bool) -> None:
        if self.level != before:
            say("output", output=self.number, on=self.level)


class Line:
    """The library's channel over pyserial."""

    id = 1

    def __init__(self, port: str, baud: int) -> None:
        self._serial = serial.Serial(port, baud, timeout=0, write_timeout=0.2)

    def read(self, most: int) -> bytes:
        try:
            return self._serial.read(most)
        except OSError:
            return b""

    def write(self, packet: bytes) -> int:
        try:
            return self._serial.write(packet)
        except OSError:
            return -1

    def flush(self) -> None:
        self._serial.reset_input_buffer()


class Reader:
    def __init__(self, asked: argparse.Namespace) -> None:
        self._asked = asked
        self.outputs = [Output(number) for number in range(asked.outputs)]
        self.inputs = bytes(asked.inputs)
        self.local = bytearray(2)  # tamper, power
        key = None if asked.install else bytes.fromhex(asked.key_file.read_text().strip())
        flags = osdp_sys.FLAG_INSTALL_MODE if asked.install else osdp_sys.FLAG_ENFORCE_SECURE
        abilities = {
            osdp_sys.CAP_CONTACT_STATUS_MONITORING: (1, asked.inputs),
            osdp_sys.CAP_OUTPUT_CONTROL: (4, asked.outputs),
            osdp_sys.CAP_READER_LED_CONTROL: (4, asked.leds),
            osdp_sys.CAP_READER_AUDIBLE_OUTPUT: (2, asked.beepers),
            osdp_sys.CAP_CHECK_CHARACTER_SUPPORT: (1, 0),
            osdp_sys.CAP_READERS: (0, 1),
        }
        self._pd = osdp_sys.PeripheralDevice(
            {
                "name": "bench",
                "address": asked.address,
                "flags": flags,
                "scbk": key,
                "channel": Line(asked.port, asked.baud),
                "version": 1,
                "model": 1,
                "vendor_code": 0x00BE4C,
                "serial_number": 1,
                "firmware_version": 0x010000,
            },
            capabilities=[
                {"function_code": code, "compliance_level": level, "num_items": items}
                for code, (level, items) in abilities.items()
                if level or items
            ],
        )
        self._pd.set_command_callback(self._ordered)
        self._secure = False

    def tick(self) -> None:
        self._pd.refresh()
        for output in self.outputs:
            output.tick()
        if bool(self._pd.is_sc_active()) != self._secure:
            self._secure = not self._secure
            say("secure", on=self._secure)

    def _ordered(self, order: dict[str, object]) -> tuple[int, dict[str, object] | None]:
        kind = order["command"]
        if kind == osdp_sys.CMD_STATUS and kind in self._asked.refuse:
            return -1, None
        if kind == osdp_sys.CMD_STATUS:
            levels = bytes(output.level for output in self.outputs)
            reports = {
                osdp_sys.STATUS_REPORT_INPUT: self.inputs,
                osdp_sys.STATUS_REPORT_OUTPUT: levels,
                osdp_sys.STATUS_REPORT_LOCAL: bytes(self.local),
            }
            return 0, report_reply(reports.get(order["type"], b"\0"))
        if kind == osdp_sys.CMD_KEYSET:
            assert isinstance(order["data"], bytes)
            self._asked.key_file.write_text(order["data"].hex())
            say("key")  # not which
            return 0, None
        say("command", **order)
        if kind == osdp_sys.CMD_OUTPUT:
            if order["output_no"] >= len(self.outputs):
                return -1, None
            self.outputs[order["output_no"]].order(order["control_code"], order["timer_count"])
        return (-1 if kind in self._asked.refuse else 0), None

    def hear(self, line: str) -> None:
        verb, *words = line.split()
        if verb == "card":
            bits, data = int(words[0]), bytes.fromhex(words[1])
            event = {
                "event": osdp_sys.EVENT_CARDREAD,
                "format": osdp_sys.CARD_FMT_RAW_WIEGAND,
                "direction": 0,
            }
            self._tell({**event, "reader_no": 0, "length": bits, "data": data}, verb)
        elif verb == "keys":
            for sign in words[0]:
                code = bytes([KEY_CODES.get(sign, ord(sign))])
                self._tell({"event": osdp_sys.EVENT_KEYPRESS, "reader_no": 0, "data": code}, verb)
        elif verb == "inputs":
            self.inputs = bytes(int(word) for word in words[0].split(","))
            self._report(osdp_sys.STATUS_REPORT_INPUT, self.inputs, verb)
        elif verb == "quietly":  # as if the report of the change were lost
            self.inputs = bytes(int(word) for word in words[0].split(","))
        elif verb in ("tamper", "power"):
            self.local[verb == "power"] = int(words[0])
            self._report(osdp_sys.STATUS_REPORT_LOCAL, bytes(self.local), verb)
        else:
            say("not understood", line=line)

    def _report(self, kind: int, report: bytes, verb: str) -> None:
        self._tell({"event": osdp_sys.EVENT_STATUS, "type": kind, "report": report}, verb)

    def _tell(self, event: dict[str, object], verb: str) -> None:
        say("told", what=verb, taken=bool(self._pd.submit_event(event)))


def serve(reader: Reader, hands: int) -> None:
    """Until stdin ends."""
    rest = b""
    while True:
        ready, _, _ = select.select([hands], [], [], TICK_S)
        if ready:
            heard = os.read(hands, 4096)
            if not heard:
                return
            *lines, rest = (rest + heard).split(b"\n")
            for line in lines:
                if line.strip():
                    reader.hear(line.decode())
        reader.tick()


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="osdp_peripheral", description="A simulated OSDP reader.")
    parser.add_argument("port")
    parser.add_argument("--key-file", type=Path, required=True, help="32 hex digits; written by --install")
    parser.add_argument("--address", type=int, default=0)
    parser.add_argument("--baud", type=int, default=38_400)
    parser.add_argument("--outputs", type=int, default=2)
    parser.add_argument("--inputs", type=int, default=4)
    parser.add_argument("--leds", type=int, default=1)
    parser.add_argument("--beepers", type=int, default=1)
    parser.add_argument("--refuse", type=int, nargs="*", default=[], help="kinds of command it says no to")
    parser.add_argument(
        "--install", action="store_true", help="wait with the factory key for a key of its own"
    )
    asked = parser.parse_args(argv)
    osdp_sys.set_loglevel(osdp_sys.LOG_EMERG)
    reader = Reader(asked)
    say("ready", pid=os.getpid())
    serve(reader, sys.stdin.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())
