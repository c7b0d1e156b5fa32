"""A socket on which a director or a test plays the world: what is pressed, shown or cut, one JSON packet at a time.

Every packet is answered: ``{"ok": true, "t_ns"}`` once it is taken, ``{"ok": false, "reason"}`` when it is not.
"""

import json
import os
import selectors
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from edge.core.events import AccessPointId
from edge.errors import HardwareError

# A read of 512 characters, each of them escaped as JSON may, and the words around it.
PACKET_MAX = 4096

# A director and a few test hands; whoever comes later waits in the listen queue.
HANDS_MAX = 8

# One answer takes milliseconds; a rig that is silent for longer has no gate-io behind it.
ANSWER_WITHIN_S = 2.0

# sun_path holds 108 bytes with its closing zero.
PATH_MAX = 107

# Takes what one packet said at that time (CLOCK_MONOTONIC ns); a sentence says why it is not taken.
Take = Callable[[Mapping[str, object], int], str]


def check_path(path: Path) -> None:
    """Raises ValueError where no socket can be made of it."""
    if len(os.fsencode(path)) > PATH_MAX:
        raise ValueError(f"the rig path is longer than {PATH_MAX} bytes; choose a shorter one")


class Rig:
    """The listening end; ``hear`` never waits."""

    def __init__(self, path: Path, door: AccessPointId) -> None:
        """Raises HardwareError when the socket cannot be made."""
        self._path = path
        self._hands: set[socket.socket] = set()
        self._listener = _listen(path, door)
        self._epoll = selectors.EpollSelector()
        self._epoll.register(self._listener, selectors.EVENT_READ)

    def fileno(self) -> int:
        return self._epoll.fileno()

    def hear(self, take: Take) -> None:
        """One packet of every hand that has one."""
        for key, _ in self._epoll.select(0):
            assert isinstance(key.fileobj, socket.socket)
            if key.fileobj is self._listener:
                self._accept()
            else:
                self._hear(key.fileobj, take)

    def close(self) -> None:
        for hand in [*self._hands]:
            self._drop(hand)
        self._epoll.close()
        self._listener.close()
        self._path.unlink(missing_ok=True)

    def _accept(self) -> None:
        try:
            hand, _ = self._listener.accept()
        except OSError:  # it left before we looked
            return
        if len(self._hands) >= HANDS_MAX:
            hand.close()
            return
        hand.setblocking(False)
        self._hands.add(hand)
        self._epoll.register(hand, selectors.EVENT_READ)

    def _drop(self, hand: socket.socket) -> None:
        self._hands.discard(hand)
        self._epoll.unregister(hand)
        hand.close()

    def _hear(self, hand: socket.socket, take: Take) -> None:
        try:
            packet = hand.recv(PACKET_MAX)
            if not packet:
                self._drop(hand)
                return
            hand.send(json.dumps(_answer(packet, take)).encode())
        except OSError:  # the hand went away before its answer; what it did stays done
            self._drop(hand)


def _answer(packet: bytes, take: Take) -> dict[str, object]:
    try:
        said = json.loads(packet)
    except (ValueError, RecursionError) as error:
        return {"ok": False, "reason": f"not understood: {error}"}
    if not isinstance(said, dict):
        return {"ok": False, "reason": "not understood: no object"}
    now = time.monotonic_ns()
    reason = take(said, now)
    return {"ok": False, "reason": reason} if reason else {"ok": True, "t_ns": now}


def _listen(path: Path, door: AccessPointId) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        listener.bind(str(path))
        path.chmod(0o660)
        listener.listen(HANDS_MAX)
    except OSError as error:
        listener.close()
        raise HardwareError(f"{door}: the rig socket {path} cannot be made ({error.strerror}).") from error
    return listener


def play(path: Path, said: Mapping[str, object]) -> int:
    """Do one thing from outside; returns the time (CLOCK_MONOTONIC ns) at which it was taken.

    Raises:
        HardwareError: nobody is at the rig, or it refused.
    """
    answer: object = {"reason": "no answer"}
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as hand:
        hand.settimeout(ANSWER_WITHIN_S)
        with suppress(OSError, ValueError):
            hand.connect(str(path))
            hand.send(json.dumps(said).encode())
            answer = json.loads(hand.recv(PACKET_MAX))
    found = answer if isinstance(answer, dict) else {}
    taken = found.get("t_ns")
    if not isinstance(taken, int):
        raise HardwareError(f"rig {path}: not taken ({found.get('reason', 'no answer')}).")
    return taken
