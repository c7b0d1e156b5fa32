"""A technician's look at gate-io: a watcher on its socket, one packet after the other, every wait bounded."""

import select
import socket
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Self, TypeVar

from edge.errors import LockSilent
from edge.gateio import wire

T = TypeVar("T")

# gate-io answers in milliseconds; a loaded board with a starting process takes a second.
ANSWER_S = 5.0

# Between two looks at an output, of which there is no news but a snapshot.
LOOK_S = 0.05


class GateWatch:
    """``with`` it.  ``boot_id`` is of the gate-io that greeted us: another one means it died meanwhile."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sock: socket.socket | None = None
        self.boot_id = ""

    def __enter__(self) -> Self:
        self._sock = sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            sock.settimeout(ANSWER_S)
            sock.connect(str(self._path))
            sock.send(wire.encode(wire.Hello(wire.PROTOCOL, watch=True)))
            match self._receive(ANSWER_S):
                case wire.Welcome(boot_id=boot_id):
                    self.boot_id = boot_id
                case wire.Nack(reason=reason):
                    raise LockSilent(f"gate-io at {self._path} turned us away: {reason}.")
                case _:
                    raise LockSilent(f"gate-io at {self._path} did not greet us.")
        except OSError as error:
            self.close()
            raise LockSilent(
                f"gate-io at {self._path} cannot be watched ({error.strerror or error}). Is it running, and are you one "
                "of its socket_users?"
            ) from error
        except LockSilent:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._sock is not None:
            self._sock.close()
            self._sock = None

    def snapshot(self) -> wire.Snapshot:
        """The levels now.

        Raises:
            LockSilent: gate-io has gone, or does not answer.
        """
        ask = wire.AskSnapshot(uuid.uuid4().hex)
        return self._answer(
            ask, lambda said: said if isinstance(said, wire.Snapshot) and said.id == ask.id else None
        )

    def _answer(
        self, ask: wire.ToGate, mine: Callable[[wire.FromGate | wire.Malformed | None], T | None]
    ) -> T:
        end = time.monotonic() + ANSWER_S
        try:
            assert self._sock is not None
            self._sock.send(wire.encode(ask))
            while (left_s := end - time.monotonic()) > 0:
                if (answer := mine(self._receive(left_s))) is not None:
                    return answer
        except OSError as error:
            raise LockSilent(f"gate-io at {self._path} has gone ({error.strerror or error}).") from error
        raise LockSilent(f"gate-io at {self._path} does not answer.")

    def selftest(self, door: str) -> str:
        """One sentence about the door's lock and readers; changes nothing.

        Raises:
            LockSilent: gate-io has gone, or does not answer.
        """
        ask = wire.SelfTest(uuid.uuid4().hex, door)
        return self._answer(
            ask, lambda said: said.detail if isinstance(said, wire.Answer) and said.id == ask.id else None
        )

    def until(self, holds: Callable[[wire.Snapshot], bool], within_s: float) -> bool:
        """Whether the levels came to be so in time.

        Raises:
            LockSilent: gate-io went away meanwhile.
        """
        end = time.monotonic() + within_s
        while True:
            if holds(self.snapshot()):
                return True
            left_s = end - time.monotonic()
            if left_s <= 0:
                return False
            self._rest(min(LOOK_S, left_s))

    def gone(self, within_s: float) -> bool:
        """Whether gate-io closed the connection in time, as it does when it dies."""
        end = time.monotonic() + within_s
        while (left_s := end - time.monotonic()) > 0:
            try:
                if self._receive(left_s) is None:
                    return False
            except OSError:
                return True
        return False

    def _rest(self, within_s: float) -> None:
        """Until something is told, or for so long."""
        assert self._sock is not None
        if select.select([self._sock], [], [], within_s)[0]:
            self._receive(0)

    def _receive(self, within_s: float) -> wire.FromGate | wire.Malformed | None:
        """The next packet, or None when none came in time; ConnectionResetError at the end."""
        assert self._sock is not None
        if not select.select([self._sock], [], [], within_s)[0]:
            return None
        packet = self._sock.recv(wire.PACKET_MAX + 1)
        if not packet:
            raise ConnectionResetError("gate-io closed the connection")
        return wire.decode_from_gate(packet)


def came_back(path: Path, boot_id: str, within_s: float, rest: Callable[[float], None]) -> str:
    """The boot id of the gate-io that took the place of the one that died; empty when none came in time."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        try:
            with GateWatch(path) as watch:
                if watch.boot_id != boot_id:
                    return watch.boot_id
        except LockSilent:
            pass  # not there yet
        rest(LOOK_S)
    return ""
