"""Two ends of a serial line between two programs: what one writes, the other reads.  Real ptys, no third program."""

import os
import selectors
import threading
import tty
from contextlib import suppress
from pathlib import Path
from typing import Self

CHUNK = 4096


class SerialWire:
    """``ours`` and ``theirs`` are device paths; the wire lies until ``close``."""

    def __init__(self, ours: Path) -> None:
        self._masters: list[int] = []
        self._held: list[int] = []  # an end that is open here stays a line while nobody else has it
        names = [self._open(), self._open()]
        ours.unlink(missing_ok=True)
        ours.symlink_to(names[0])
        self.ours, self.theirs = ours, Path(names[1])
        self._stop_out, self._stop_in = os.pipe()
        self._pump = threading.Thread(target=self._run, name=f"wire {ours.name}", daemon=True)
        self._pump.start()

    def _open(self) -> str:
        master, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(master, False)
        self._masters.append(master)
        self._held.append(slave)
        return os.ttyname(slave)

    def _run(self) -> None:
        other = dict(zip(self._masters, reversed(self._masters), strict=True))
        with selectors.DefaultSelector() as selector:
            for fd in (*self._masters, self._stop_out):
                selector.register(fd, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fd == self._stop_out:
                        return
                    with suppress(OSError):  # a full or quiet end loses bytes, as a line does
                        os.write(other[key.fd], os.read(key.fd, CHUNK))

    def close(self) -> None:
        os.write(self._stop_in, b"x")
        self._pump.join(2)
        for fd in (*self._masters, *self._held, self._stop_in, self._stop_out):
            os.close(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
