"""The nodes' lines: numbered without a gap but those in the truth table, by people who were there."""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cloud_sync.synth.reading import event_days, events, rows
from cloud_sync.synth.verdict import Verdict, agrees, holds

SEEN_MIN = 0.97  # of those who came; companions without a pass and lines that were lost are not seen
FEW_UNSEEN = 8  # among a handful of people a share says nothing
PEAK = (0.06, 0.13)
DENIED = (0.005, 0.035)
HOUR_MS = 3_600_000
DAY = 24 * 60
CAME = "access.taken"


@dataclass(slots=True)
class _Guests:
    """Who is expected at the doors on a day; forgotten when they have left."""

    waiting: Iterator[dict[str, str]]
    last: str  # the last day of the run
    next: dict[str, str] | None = None
    known: dict[str, str] = field(default_factory=dict)  # stay -> the day they leave
    seen: set[str] = field(default_factory=set)
    people: int = 0
    came: int = 0

    def until(self, day: str) -> None:
        if self.next is None:
            self.next = next(self.waiting, None)
        while self.next is not None and self.next["day"] <= day:
            row = self.next
            self.known[f"{row['source']} {row['external_ref']}"] = row["left_at"][:10]
            # Who comes by the late train on the last day is seen by nobody any more.
            self.people += int(row["people"]) if row["day"] < self.last or int(row["minute"]) < DAY else 0
            self.next = next(self.waiting, None)

    def forget(self, day: str) -> None:
        gone = {key for key, leaves in self.known.items() if leaves < day}
        for key in gone:
            del self.known[key]
        self.seen = {who for who in self.seen if who.rpartition(" ")[0] not in gone}

    def sees(self, who: str, kind: str) -> bool:
        """Whether this guest may be here."""
        if who.rpartition(" ")[0] not in self.known:
            return False
        if kind == CAME and who not in self.seen:
            self.seen.add(who)
            self.came += 1
        return True


def ledgers(out: Path, told: dict[str, Any]) -> Iterator[Verdict]:
    guests = _Guests(rows(out, "truth/stays.csv"), event_days(out)[-1].name[:10])
    last: dict[str, int] = {}
    gaps: deque[str] = deque()
    kinds: Counter[str] = Counter()
    hours: Counter[int] = Counter()
    strangers = backwards = ""
    count = 0
    for path in event_days(out):
        day = path.name[:10]
        guests.until(day)
        before = 0
        for event in events(path):
            count += 1
            node, seq = event["node"], event["seq"]
            if seq != last.get(node, 0) + 1:
                gaps.append(f"node:{node} seq {last.get(node, 0) + 1}-{seq - 1}")
            if seq <= last.get(node, 0) or event["at"] < before:
                backwards = node
            last[node], before = seq, event["at"]
            kinds[event["type"]] += 1
            hours[event["at"] // HOUR_MS % 24] += 1
            if event.get("class") == "guest" and not guests.sees(event["who"], event["type"]):
                strangers = event["who"]
        guests.forget(day)
    yield agrees("events", count, told["events"])
    yield holds("every node's lines are in order", backwards, "")
    yield holds("guests at the doors have a stay", strangers, "")
    share = guests.came / max(1, guests.people)
    good = guests.came <= guests.people and (share >= SEEN_MIN or guests.people - guests.came <= FEW_UNSEEN)
    yield Verdict("of those who came were seen at a door", f"{share:.2%}", f">= {SEEN_MIN:.0%}", good)
    yield _gaps(out, gaps, last)
    large = count > 20_000
    peak, denied = max(hours.values(), default=0) / max(1, count), kinds["access.denied"] / max(1, count)
    yield Verdict("busiest hour", f"{peak:.1%}", "11 % by plan", not large or PEAK[0] < peak < PEAK[1])
    yield Verdict(
        "denials", f"{denied:.2%}", "2 % by plan, less at rooms", not large or DENIED[0] < denied < DENIED[1]
    )


def _gaps(out: Path, gaps: deque[str], last: dict[str, int]) -> Verdict:
    """Every missing number has its D22 row and every row its missing numbers, but for those after a node's last line."""
    wanted: set[str] = set()
    for row in rows(out, "truth/truth.csv"):
        if row["kind"] == "D22":
            wanted.add(f"{row['subject']} {row['evidence']}")
    missing = _numbers(gaps)
    planned = _numbers(wanted)
    ended = {(node, n) for node, n in planned if n > last.get(node.removeprefix("node:"), 0)}
    differ = (missing - planned) | (planned - missing - ended)
    return holds(f"missing numbers are D22 ({len(missing)})", f"{len(differ)} are not" if differ else "", "")


def _numbers(texts: Iterator[str] | set[str] | deque[str]) -> set[tuple[str, int]]:
    found: set[tuple[str, int]] = set()
    for text in texts:
        node, _, span = text.partition(" seq ")
        lo, hi = (int(part) for part in span.split("-"))
        found |= {(node, n) for n in range(lo, hi + 1)}
    return found
