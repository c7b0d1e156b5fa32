"""A Modbus relay board that is a program: eight coils, eight inputs, on TCP or on a serial device.

    python -m demo.peers.modbus_board --tcp 127.0.0.1:5020
    python -m demo.peers.modbus_board --serial /dev/pts/4 --unit 1 --unit 2

It prints one JSON line per change of a coil, ``{"t_ns", "unit", "coil", "level"}`` with CLOCK_MONOTONIC, one per write
it was sent, ``{"t_ns", "unit", "address", "word"}``, and ``{"ready": true}`` once it listens.

On its standard input it takes orders for its first unit, each answered with ``{"ok": order}``: ``input N 0|1`` sets an
input, ``manual N 0|1`` is the button beside relay N, and ``mark N 0`` does nothing.

``--flash`` makes it one of the boards that end a pulse by themselves: the word written to 0x0200 + N energises coil N
for so many tenths of a second, 0x0400 + N de-energises it.
"""

import argparse
import asyncio
import json
import logging
import sys
import time
from contextlib import suppress

from pymodbus.constants import ExcCodes
from pymodbus.framer import FramerType
from pymodbus.pdu import ExceptionResponse, ModbusPDU
from pymodbus.pdu.bit_message import WriteSingleCoilRequest, WriteSingleCoilResponse
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

LINES = 8
FLASH_ON, FLASH_OFF, TENTH_S = 0x0200, 0x0400, 0.1


def say(**words: object) -> None:
    print(json.dumps(words), flush=True)


class Board:
    """The relays and inputs of one unit."""

    def __init__(self, unit: int, *, flash: bool) -> None:
        self.unit = unit
        self.coils = [False] * LINES
        self.inputs = [False] * LINES
        self._flash = flash
        self._ends: dict[int, asyncio.TimerHandle] = {}

    def write(self, address: int, word: int) -> bool:
        """False when there is nothing at this address."""
        say(t_ns=time.monotonic_ns(), unit=self.unit, address=address, word=word)
        if 0 <= address < LINES:
            self.set(address, word != 0)
            return True
        for base, level in ((FLASH_ON, True), (FLASH_OFF, False)):
            if self._flash and base <= address < base + LINES:
                coil = address - base
                self.set(coil, level)
                later = asyncio.get_running_loop().call_later
                self._ends[coil] = later(word * TENTH_S, self.set, coil, not level)
                return True
        return False

    def set(self, coil: int, level: bool) -> None:
        if end := self._ends.pop(coil, None):
            end.cancel()
        if self.coils[coil] != level:
            self.coils[coil] = level
            say(t_ns=time.monotonic_ns(), unit=self.unit, coil=coil, level=int(level))

    async def show(
        self, function: int, _start: int, _address: int, _count: int, registers: list[int], _values: object
    ) -> None:
        """pymodbus asks before every read: put our bits where it looks."""
        bits = self.inputs if function == 2 else self.coils
        registers[0] = sum(1 << number for number, bit in enumerate(bits) if bit)

    def device(self) -> SimDevice:
        def bits() -> list[SimData]:
            return [SimData(0, count=16, values=False, datatype=DataType.BITS)]

        def words() -> list[SimData]:
            return [SimData(0, count=1, values=0, datatype=DataType.REGISTERS)]

        return SimDevice(self.unit, (bits(), bits(), words(), words()), action=self.show)


def coil_writes(boards: dict[int, Board]) -> type[ModbusPDU]:
    """Function 5 with its word as it came: pymodbus keeps only whether it was zero."""

    class WriteCoil(WriteSingleCoilRequest):
        word = 0

        def decode(self, data: bytes) -> None:
            super().decode(data)
            self.word = int.from_bytes(data[2:4], "big")

        async def datastore_update(self, _context: object, device_id: int) -> ModbusPDU:
            if not boards[device_id].write(self.address, self.word):
                return ExceptionResponse(self.function_code, ExcCodes.ILLEGAL_ADDRESS)
            return WriteSingleCoilResponse(address=self.address, bits=self.bits)

    return WriteCoil


async def serve(options: argparse.Namespace) -> None:
    boards = {unit: Board(unit, flash=options.flash) for unit in options.unit or [1]}
    devices = [board.device() for board in boards.values()]
    writes = [coil_writes(boards)]
    server: ModbusTcpServer | ModbusSerialServer
    if options.tcp:
        host, _, port = options.tcp.rpartition(":")
        server = ModbusTcpServer(devices, address=(host, int(port)), custom_pdu=writes)
    else:
        server = ModbusSerialServer(
            devices,
            port=options.serial,
            baudrate=options.baudrate,
            framer=FramerType.RTU,
            ignore_missing_devices=True,  # another board's business: it stays silent, as iron does
            custom_pdu=writes,
        )
    await server.serve_forever(background=True)
    say(ready=True)
    await listen(next(iter(boards.values())))


async def listen(board: Board) -> None:
    """Take orders until the end of time; the end of the input ends only the orders."""
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    while line := await reader.readline():
        try:
            what, number, level = line.decode().split()
            if what == "input":
                board.inputs[int(number)] = bool(int(level))
            elif what == "manual":
                board.set(int(number), bool(int(level)))
            elif what == "mark":  # everything said before this answer happened before it
                pass
            else:
                raise ValueError(what)
            say(ok=line.decode().strip())
        except (ValueError, IndexError) as error:
            say(not_understood=line.decode(errors="replace").strip(), why=str(error))
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--tcp", metavar="HOST:PORT")
    where.add_argument("--serial", metavar="DEVICE")
    parser.add_argument("--baudrate", type=int, default=9600)
    parser.add_argument("--unit", type=int, action="append", help="repeat it for several boards on one line")
    parser.add_argument("--flash", action="store_true", help="a board that ends pulses by itself")
    logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)  # it reports every client that went away
    with suppress(KeyboardInterrupt):
        asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
