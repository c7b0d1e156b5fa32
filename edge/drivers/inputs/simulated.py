"""Inputs without wires: a rig socket on which a director or a test presses, opens and burns.

One packet ``{"door", "point", "level"}`` sets one point and is answered ``{"ok": true, "t_ns"}`` once it is taken,
or ``{"ok": false, "reason"}`` when it is not.
"""

import json
import os
import selectors
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from edge.core.events import AccessPointId
from edge.errors import HardwareError
from edge.ports import LineEdge, Point

PACKET_MAX = 512

# A director and a few test hands; whoever comes later waits in the listen queue.
HANDS_MAX = 8

# One answer takes milliseconds; a rig that is silent for longer has no gate-io behind it.
ANSWER_WITHIN_S = 2.0


@dataclass(frozen=True, slots=True)
class SimulatedInputsSettings:
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    rig: Path
    wired: tuple[Point, ...] = (Point.CONTACT, Point.REX, Point.FIRE)

    def __post_init__(self) -> None:
        if len(os.fsencode(self.rig)) > 107:  # sun_path
            raise ValueError("the rig path is longer than 107 bytes; choose a shorter one")

    @property
    def points(self) -> frozenset[Point]:
        return frozenset(self.wired)


class SimulatedInputs:
    def __init__(self, rig: socket.socket, settings: SimulatedInputsSettings, door: AccessPointId) -> None:
        self._rig = rig
        self._path = settings.rig
        self._door = door
        self._levels = dict.fromkeys(settings.wired, False)
        self._hands: set[socket.socket] = set()
        self._epoll = selectors.EpollSelector()
        self._epoll.register(rig, selectors.EVENT_READ)

    def fileno(self) -> int:
        return self._epoll.fileno()

    def edges(self) -> list[LineEdge]:
        found: list[LineEdge] = []
        for key, _ in self._epoll.select(0):
            assert isinstance(key.fileobj, socket.socket)
            if key.fileobj is self._rig:
                self._accept()
            else:
                found += self._hear(key.fileobj)
        return found

    def levels(self) -> dict[Point, bool]:
        return dict(self._levels)

    def close(self) -> None:
        for hand in [*self._hands]:
            self._drop(hand)
        self._epoll.close()
        self._rig.close()
        self._path.unlink(missing_ok=True)

    def _accept(self) -> None:
        hand, _ = self._rig.accept()
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

    def _hear(self, hand: socket.socket) -> list[LineEdge]:
        edges: list[LineEdge] = []
        try:
            packet = hand.recv(PACKET_MAX)
            if not packet:
                self._drop(hand)
                return edges
            edges, answer = self._take(packet)
            hand.send(json.dumps(answer).encode())
        except OSError:  # the hand went away before its answer; what it set stays set
            self._drop(hand)
        return edges

    def _take(self, packet: bytes) -> tuple[list[LineEdge], dict[str, object]]:
        try:
            said = json.loads(packet)
            door, point, level = said["door"], Point(said["point"]), said["level"]
        except (ValueError, KeyError, TypeError) as error:
            return [], {"ok": False, "reason": f"not understood: {error}"}
        if door != self._door or point not in self._levels or not isinstance(level, bool):
            return [], {
                "ok": False,
                "reason": f"{door} has no {point} here, or the level is not true or false",
            }
        now = time.monotonic_ns()
        changed = self._levels[point] != level
        self._levels[point] = level
        return ([LineEdge(point, level, now)] if changed else []), {"ok": True, "t_ns": now}


def open_inputs(settings: SimulatedInputsSettings, door: AccessPointId) -> SimulatedInputs:
    """Every wired point starts False: closed, not pressed, no fire."""
    rig = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
    try:
        settings.rig.parent.mkdir(parents=True, exist_ok=True)
        settings.rig.unlink(missing_ok=True)
        rig.bind(str(settings.rig))
        settings.rig.chmod(0o660)
        rig.listen(HANDS_MAX)
    except OSError as error:
        rig.close()
        raise HardwareError(
            f"{door}: the rig socket {settings.rig} cannot be made ({error.strerror})."
        ) from error
    return SimulatedInputs(rig, settings, door)


def set_point(rig: Path, door: str, point: Point, level: bool) -> int:
    """Set one point from outside; returns the time (CLOCK_MONOTONIC ns) at which gate-io took it.

    Raises:
        HardwareError: nobody is at the rig, or it has no such point.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as hand:
        hand.settimeout(ANSWER_WITHIN_S)
        answer: dict[str, object] = {"reason": "no answer"}
        with suppress(OSError, ValueError):
            hand.connect(str(rig))
            hand.send(json.dumps({"door": door, "point": point, "level": level}).encode())
            answer = json.loads(hand.recv(PACKET_MAX))
    taken = answer.get("t_ns")
    if not isinstance(taken, int):
        raise HardwareError(f"rig {rig}: {door} {point} was not set ({answer.get('reason')}).")
    return taken
