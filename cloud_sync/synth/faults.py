"""What nodes suffer, and what it does to their lines (domain.md §18.8)."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from cloud_sync.synth.doors import BOOTED, FIRE, FIRE_OVER, POWER_BACK, POWER_LOW, Line
from cloud_sync.synth.place import Place
from cloud_sync.synth.rows import Truth
from cloud_sync.synth.shape import Fault
from cloud_sync.synth.stay import DAY
from cloud_sync.synth.streams import Streams

MONTH = 30  # days among which the faults of a month fall
# (kind, how many a month, shortest and longest in hours)
RATES = (
    ("outage", 6, 2, 20),
    ("power", 4, 1, 6),
    ("clock_1970", 1, 2, 12),
    ("clock_ahead", 1, 2, 12),
    ("clock_drift", 1, 48, 96),
    ("storage", 2, 1, 3),
    ("blind", 1, 6, 24),
    ("stolen", 1, 12, 36),
    ("duplicate", 1, 4, 12),
)
SITE_OUTAGE_HOURS = 72
DRILL_MINUTES, FIRE_MINUTES = 20, 35
LOSING = ("storage", "stolen")  # whose lines are never told
GAP_EVERY = 3  # days between two single lines that are lost on the way
MINUTE = 60_000
YEARS_TO_1970_MS = 56 * 365 * DAY * MINUTE


def by_chance(streams: Streams, place: Place, block: int) -> Iterator[Fault]:
    """The faults of one month, each at its own time and node."""
    rng = streams.of(f"faults/{block}")
    nodes = [point.node for point in place.points]
    for kind, count, shortest, longest in RATES:
        for _ in range(count):
            begin = block * MONTH * DAY + rng.randrange(MONTH * DAY)
            yield Fault(
                kind, rng.choice(nodes), begin, begin + rng.randrange(shortest * 60, longest * 60 + 1)
            )
    begin = (block * MONTH + rng.randrange(MONTH - 3)) * DAY + 18 * 60
    yield Fault("outage", "*", begin, begin + SITE_OUTAGE_HOURS * 60, "site outage")
    buildings = sorted({point.building for point in place.points if point.building})
    for note, minutes in (("drill", DRILL_MINUTES), ("fire", FIRE_MINUTES)):
        begin = (block * MONTH + rng.randrange(MONTH)) * DAY + rng.randrange(10 * 60, 21 * 60)
        where = f"building-{rng.choice(buildings)}" if buildings else "*"
        yield Fault("fire", where, begin, begin + minutes, note)


def nodes_of(fault: Fault, place: Place) -> list[str]:
    if fault.nodes == "*":
        return [point.node for point in place.points]
    if fault.nodes.startswith("building-"):
        number = int(fault.nodes.removeprefix("building-"))
        return [point.node for point in place.points if point.building == number]
    return [fault.nodes]


def lines_of(fault: Fault, place: Place, day: int) -> Iterator[Line]:
    """What the doors themselves say about it on this day."""
    said = {"fire": (FIRE, FIRE_OVER), "power": (POWER_LOW, POWER_BACK), "clock_1970": (BOOTED, "")}.get(
        fault.kind
    )
    if said is None:
        return
    at = {point.node: k for k, point in enumerate(place.points)}
    for node in nodes_of(fault, place):
        for minute, body in ((fault.begin, said[0]), (fault.end, said[1])):
            if body and minute // DAY == day:
                yield minute * MINUTE, at[node], body


@dataclass(slots=True)
class Spell:
    """One fault as it bears on one node, in ms."""

    kind: str
    begin: int
    end: int
    first_lost: int = 0  # the numbers of the lines that will never be told; 0: none
    last_lost: int = 0


def bend(spell: Spell, ms: int, body: str, epoch_ms: int) -> str:
    """The line as a node with this fault writes it: its clock's own time, and another credential without a camera."""
    if spell.kind == "blind":
        return body.replace('"credential_kind":"face"', '"credential_kind":"qr"')
    if spell.kind == "clock_1970":
        wall, clock = epoch_ms + ms - YEARS_TO_1970_MS, "UNTRUSTED"
    elif spell.kind == "clock_ahead":
        wall, clock = epoch_ms + ms + 2 * 60 * MINUTE, "UNTRUSTED"
    elif spell.kind == "clock_drift":
        wall, clock = epoch_ms + ms - (ms - spell.begin) * 35 // 86_400, "HOLDOVER"
    else:
        return body
    return f'{body},"wall":{wall},"clock_state":"{clock}"'


def lost_truth(node: str, spell: Spell) -> Truth:
    evidence = f"seq {spell.first_lost}-{spell.last_lost}"
    return Truth("D22", f"node:{node}", spell.begin // MINUTE, spell.end // MINUTE, evidence, spell.kind)


def gap_node(rng: Random, place: Place, day: int) -> str | None:
    """The node that loses one line on the way today, if any."""
    node = rng.choice(place.points).node
    return node if day % GAP_EVERY == 1 else None
