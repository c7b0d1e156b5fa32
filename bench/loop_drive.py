"""Everything that happens during the loop's measures, each kind at its own moments and all of them at once."""

import random
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from bench.staff_browser import StaffBrowser
from cloud_sync.compose import Books
from demo import count
from demo.crowd import ACTOR
from demo.night import Night
from demo.outside import read_book
from demo.people import Guest
from demo.stage import wait_until
from demo.world import GATE, NODES, ROOM, UNIT, DoorPlan, form_field
from edge.ports import Point
from edge.runtime import control

WITHIN_S = 20.0  # whatever takes longer is not slow but broken, and ends the run with its name
LOOK_EVERY_S = 0.002
FORCED = (GATE, ROOM)  # the stair between them is commanded
NODE_OF = {door.access_point: plan.node for plan in NODES for door in plan.doors}

Tick = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of everything."""

    guests: int
    revocations: int
    commands: int
    forced: int  # at each of two doors; each is followed by a shutting
    seed: int


@dataclass
class Loop:
    """The measures, on a world that runs; times are milliseconds."""

    night: Night
    books: Books
    page: StaffBrowser
    tablet: httpx.Client
    sizes: Sizes
    enforced_ms: list[float] = field(default_factory=list)
    lock_ms: list[float] = field(default_factory=list)

    # --- gate → staff page ---------------------------------------------------------------------------------------

    def force(self, door: DoorPlan, tick: Tick) -> None:
        """Force the door and shut it again, as often as wished; the next move waits until the page shows this one."""
        dice = random.Random(f"{self.sizes.seed}/{door.access_point}")
        for _ in range(self.sizes.forced):
            for level, word in ((True, "open"), (False, "shut")):
                time.sleep(dice.uniform(0.2, 0.9))
                self.night.move(door, Point.CONTACT, level)
                wait_until(
                    lambda word=word: self.page.contact(door.access_point) == word,
                    within_s=WITHIN_S, what=f"the staff page shows {door.name_en} {word}", every_s=0.01,
                )  # fmt: skip
                tick()

    # --- officer → every gate ------------------------------------------------------------------------------------

    def revoke(self, guests: Sequence[Guest], tick: Tick) -> None:
        """Cancel each booking as ``gatehouse-sync booking cancel`` does, and wait until every node decides by it."""
        dice = random.Random(f"{self.sizes.seed}/revoke")
        books = [NodeBook(plan.node) for plan in NODES]
        for guest in guests:
            time.sleep(dice.uniform(0.1, 0.6))
            began_ns = time.monotonic_ns()
            self.books.registry.cancel_booking(
                "demo", guest.ref, actor=ACTOR, reason="cancelled on the platform"
            )
            for book in books:
                book.wait_revoked(guest.phone.pass_id)
            self.enforced_ms.append((time.monotonic_ns() - began_ns) / 1e6)
            tick()

    # --- staff page → lock -----------------------------------------------------------------------------------------

    def command(self, door: DoorPlan, tick: Tick) -> None:
        """Release and lock from the page in turn; each moves the bolt, and the lock's own record says when."""
        dice = random.Random(f"{self.sizes.seed}/command")
        address = f"/staff/doors/{door.access_point}"
        csrf = form_field(self.tablet.get(address).raise_for_status().text, "csrf")
        for i in range(self.sizes.commands):
            op, moves = (("release", "energise"), ("lock", "de-energise"))[i % 2]
            time.sleep(dice.uniform(0.2, 0.8))
            form = {"csrf": csrf, "op": op, "reason": "measuring"}
            self.tablet.post(address, data=form).raise_for_status()
            before, pressed_ns = self._moves(door), time.monotonic_ns()
            self.tablet.post(f"{address}/confirm", data=form).raise_for_status()
            moved = wait_until(
                lambda before=before: self._moves(door)[len(before) :],
                within_s=WITHIN_S, what=f"the lock of {door.name_en} moves", every_s=LOOK_EVERY_S,
            )  # fmt: skip
            assert moved[0]["event"] == moves, f"{op} was pressed and the lock did {moved[0]['event']}"
            self.lock_ms.append((moved[0]["t_ns"] - pressed_ns) / 1e6)
            tick()

    def _moves(self, door: DoorPlan) -> list[dict[str, Any]]:
        return list(count.lines(Path(NODE_OF[door.access_point], f"lock-{door.camera}.jsonl")))

    # --- asked of the door itself ------------------------------------------------------------------------------------

    def ask_doors(self, cancelled: list[Guest], still: Guest) -> dict[str, int]:
        """Show codes to the stair's camera: the cancelled are refused, and somebody who is not comes in."""
        tried = [self.night.fresh_code(UNIT, guest.phone, "guest") for guest in (*cancelled, still)]
        answers = [one["type"] for one in tried]
        assert answers == ["access.denied"] * len(cancelled) + ["access.granted"], (
            f"the door answered {tried}"
        )
        return {"refused": len(cancelled), "let_in": 1}


class NodeBook:
    """One node's pass book, read from outside as it changes; for one thread."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._db = sqlite3.connect(f"file:{Path(node, 'data/passes.db')}?mode=ro", uri=True)
        self._version = 0
        self._armed: frozenset[str] = frozenset()

    def wait_revoked(self, pass_id: str) -> None:
        """Until the book has this pass armed no longer, and the node's doors decide by that book."""
        wait_until(
            lambda: pass_id not in self._read(),
            within_s=WITHIN_S, what=f"{self._node} revokes", every_s=LOOK_EVERY_S,
        )  # fmt: skip
        wait_until(
            lambda: self._decides_by() >= self._version,
            within_s=WITHIN_S, what=f"{self._node} decides by it", every_s=LOOK_EVERY_S,
        )  # fmt: skip

    def _read(self) -> frozenset[str]:
        version, held = read_book(self._db)
        if version != self._version:
            self._version = version
            self._armed = frozenset(row.pass_id for row in held.values() if row.state == "ARMED")
        return self._armed

    def _decides_by(self) -> int:
        """The version of the passes by which the node's doors decide now, as the node says."""
        return int(control.ask(Path(self._node, "data/control.sock"), {"do": "status"})["auth_ver"])
