"""Which stay has something wrong with it: dealt like cards, so that the numbers of the table come out (domain.md §18.8)."""

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType

from cloud_sync.synth.streams import Streams

# Per 10,000 stays.  D04, D14 and D18 have no number in the table: enough that 90 days of dongfang have thirty.
PER_10K: Mapping[str, int] = MappingProxyType(
    {
        "D01": 60, "D02": 120, "D03": 150, "D04": 8, "D05": 90, "D06": 10, "D08": 8, "D09": 6, "D10": 12, "D11": 80,
        "D12": 70, "D13": 30, "D14": 8, "D18": 9, "D19": 15, "D20": 12, "name_variant": 150,
        "cancelled_with_luggage": 10, "room_move": 40, "duplicate_feed": 50, "out_of_order": 60, "ical_late": 200,
    }
)  # fmt: skip
# A block of 40 stays has room for one of a few.
SMALL = (
    "D01",
    "D02",
    "D03",
    "D05",
    "D11",
    "D12",
    "D13",
    "D14",
    "name_variant",
    "duplicate_feed",
    "out_of_order",
)

UNSCORED: Mapping[str, str] = MappingProxyType(
    {
        "D15": "a pass outlives its basis only inside the service; no file that comes in can make one",
        "D21": "what a node holds aboard is known to a running node only; no file can make it drift",
        "D26": "what is kept past its clock is the service's own doing; no file can make it keep anything",
    }
)


def _block(size: int) -> list[str]:
    if size < 1_000:
        return [*SMALL, *[""] * (size - len(SMALL))]
    labels = [label for label, n in PER_10K.items() for _ in range(max(1, round(n * size / 10_000)))]
    return [*labels, *[""] * (size - len(labels))]


class Dealer:
    """One label for each stay, "" for most; a block of stays has exactly the numbers of the table."""

    def __init__(self, streams: Streams, block: int) -> None:
        self._streams = streams
        self._block = block
        self._cards: list[str] = []
        self._kept: list[str] = []  # dealt to a stay that could not play them
        self._blocks = 0
        self.turns: Counter[str] = Counter()  # how often each was dealt: the next variant of it

    def deal(self) -> str:
        if self._kept:
            return self._kept.pop()
        if not self._cards:
            self._cards = _block(self._block)
            self._streams.of(f"deal/{self._blocks}").shuffle(self._cards)
            self._blocks += 1
        return self._cards.pop()

    def keep(self, label: str) -> None:
        """For the next stay: this one is too small for it."""
        self._kept.append(label)

    def turn(self, label: str) -> int:
        self.turns[label] += 1
        return self.turns[label] - 1
