"""What the loop's measures come to, counted from outside: ledgers, the service's database, and what two pages showed."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from bench.loop_drive import FORCED
from bench.staff_browser import Look
from demo import count
from demo.world import NODES, DoorPlan

PAGE_WORD = {"open": "open", "closed": "shut"}  # the ledger's word for a contact, and the page's


@dataclass(frozen=True, slots=True)
class Counted:
    """What ledgers, database and both pages say of the time in which everything ran."""

    door_ms: list[float]  # an opening or a shutting recorded → the staff page's door list says so
    case_ms: list[float]  # a forced door recorded → its case is in the staff page's queue
    board_ms: list[float]  # any event recorded → its line has come to the dashboard
    stored_ms: list[float]  # any event recorded → stored by the service
    lost: int
    double: int
    per_s: float


def counted(looks: Sequence[Look], since_ms: float) -> Counted:
    """As ``demo.count`` does it: from what lies on the disk.  The working folder is the world's."""
    events = [event for plan in NODES for event in count.ledger(Path(plan.node, "data/events.db"), plan.node)]
    stored = count.service(Path("sync/data/community.db"))
    recorded = {event.key for event in events}
    wall = {event.key: ms for event in events if (ms := wall_ms(event)) >= since_ms}
    seen = {
        (line["node"], line["epoch"], line["seq"]): line["seen_ms"]
        for line in count.lines(Path("page.jsonl"))
    }
    doors = [sight for door in FORCED for sight in door_sights(door, events, looks, since_ms)]
    return Counted(
        door_ms=doors,
        case_ms=[sight for door in FORCED for sight in case_sights(door, events, looks)],
        board_ms=[seen[key] - ms for key, ms in wall.items()],
        stored_ms=[stored.stored_ms[key] - ms for key, ms in wall.items()],
        lost=len(recorded - stored.keys),
        double=stored.counted - len(stored.keys),
        per_s=round(len(wall) / ((max(wall.values()) - since_ms) / 1000), 1),
    )


def door_sights(
    door: DoorPlan, events: Sequence[count.Event], looks: Sequence[Look], since_ms: float
) -> Iterator[float]:
    """Each change of the contact in the ledger, and the page's first look from then on that shows it.

    The next change came only after the page had shown this one, so no look can be of another.
    """
    before = "closed"
    for event in events:
        contact = event.body.get("contact")
        mine = event.body.get("access_point") == door.access_point and wall_ms(event) >= since_ms
        if mine and contact in PAGE_WORD and contact != before:
            before = contact
            yield first_look(looks, wall_ms(event), partial(_says, door, PAGE_WORD[contact]))


def case_sights(door: DoorPlan, events: Sequence[count.Event], looks: Sequence[Look]) -> Iterator[float]:
    """The n-th forcing in the ledger, and the first look by which the queue counts n."""
    forced = [
        event
        for event in events
        if event.body["type"] == "door.forced" and event.body["access_point"] == door.access_point
    ]
    for n, event in enumerate(forced, 1):
        yield first_look(looks, wall_ms(event), partial(_counts, door, n))


def _says(door: DoorPlan, word: str, look: Look) -> bool:
    return look.contact.get(door.access_point) == word


def _counts(door: DoorPlan, n: int, look: Look) -> bool:
    return look.times.get(("Door forced open", door.name_en), 0) >= n


def first_look(looks: Sequence[Look], since_ms: float, shows: Callable[[Look], bool]) -> float:
    """How many ms after ``since_ms`` the page first showed it."""
    return next(look.at_ms for look in looks if look.at_ms >= since_ms and shows(look)) - since_ms


def wall_ms(event: count.Event) -> float:
    return datetime.fromisoformat(event.body["wall"]).timestamp() * 1000
