"""``import164k``: 164,253 household rows as communities write them, with the bucket each belongs in in a file apart.

The number is the one a city published: 164,253 imported, 118,541 matched (72.2 %).  Nothing here knows how rows are
matched; a label says what was done to the row when it was made.  Two runs with one seed are the same bytes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from cloud_sync.synth import household_words as words
from cloud_sync.synth.household_files import SHAPES, Labels, write_roll, write_rows

ROWS = 164_253
# What is done to a row, which bucket that is, and how many rows of the whole.
DEEDS: tuple[tuple[str, str, int], ...] = (
    ("plain", "exact", 106_541),
    ("latin", "fuzzy", 4_000),
    ("typo", "fuzzy", 4_000),
    ("no_stair", "fuzzy", 4_000),
    ("other_name", "conflict", 4_000),
    ("moved", "conflict", 2_000),
    ("borrowed_document", "conflict", 2_000),
    ("other_document", "conflict", 1_712),
    ("no_dwelling", "unmatched", 15_000),
    ("nobody", "unmatched", 12_000),
    ("other_estate", "unmatched", 3_000),
    ("no_address", "rejected", 1_500),
    ("no_floor", "rejected", 700),
    ("two_floors", "rejected", 800),
    ("no_name", "rejected", 1_000),
    ("bad_document", "rejected", 1_000),
    ("repeat", "rejected", 1_000),
)
assert sum(n for _, _, n in DEEDS) == ROWS
PHASES, STAIRS, FLOORS, DOORS = 6, 3, 33, 6
PER_BUILDING = STAIRS * FLOORS * DOORS
BUILDINGS = 46  # of a phase: 46 × 594 × 6 = 163,944 dwellings
FIRST_MISSING = 61  # the number of a building that is nowhere
OTHERS = 0.04  # of the rows, recorded and never mentioned
DOCUMENTED = 0.7


@dataclass(frozen=True, slots=True)
class Home:
    phase: int
    building: int
    stair: int
    floor: int
    number: int
    estate: str = words.ESTATE


@dataclass(frozen=True, slots=True)
class Entry:
    """One row before somebody writes it down; ``flaw`` is what is wrong with its address."""

    home: Home
    name: str
    document: str
    flaw: str = ""
    serial: int = 0


def home_of(index: int) -> Home:
    """The ``index``-th dwelling."""
    building, rest = divmod(index, PER_BUILDING)
    phase, building = building % PHASES + 1, building // PHASES + 1
    stair, rest = divmod(rest, FLOORS * DOORS)
    floor, number = divmod(rest, DOORS)
    return Home(phase, building, stair + 1, floor + 1, number + 1)


class Recorded:
    """Who is on the roll at one dwelling; the same whenever it is asked."""

    def __init__(
        self, seed: int, index: int, *, must_be_han: bool = False, must_have_document: bool = False
    ) -> None:
        dice = Random(f"{seed}/roll/{index}")
        self.home = home_of(index)
        self.family, self.given = words.han_name(dice)
        kind, documented = dice.random(), dice.random()
        self.name = self.family + self.given
        self.is_han = must_be_han or kind >= 0.03
        if not self.is_han:
            self.family = self.given = ""
            self.name = dice.choice(words.MINORITY if kind < 0.02 else words.LATIN)
        elif must_be_han and len(self.given) == 1:
            self.given += dice.choice(tuple(words.GIVEN))
            self.name = self.family + self.given
        self.document = words.resident_id(index) if must_have_document or documented < DOCUMENTED else ""


_HAN = frozenset({"latin", "typo", "other_name", "borrowed_document", "other_document"})
_PAPERS = frozenset({"moved", "borrowed_document", "other_document"})
# Deeds to somebody who is on the roll; each has people of its own.
_ON_THE_ROLL = (
    "plain",
    "latin",
    "typo",
    "no_stair",
    "other_name",
    "moved",
    "borrowed_document",
    "other_document",
)


class ImportSet:
    """The data set of one seed, scaled to ``rows``; everything is made when it is asked for."""

    def __init__(self, seed: int, rows: int = ROWS) -> None:
        self.seed = seed
        self.counts = _scaled(rows)
        self._first: dict[str, int] = {}
        at = 0
        for deed in _ON_THE_ROLL:
            self._first[deed] = at
            at += self.counts[deed]
        self.others = at
        self.recorded = at + max(round(rows * OTHERS), 1)
        self.dwellings = self.recorded + self.counts["nobody"]

    def person(self, index: int) -> Recorded:
        deed = next(
            (d for d in reversed(_ON_THE_ROLL) if index >= self._first[d] and self.counts[d]), "plain"
        )
        if index >= self.others:
            deed = "plain"
        return Recorded(self.seed, index, must_be_han=deed in _HAN, must_have_document=deed in _PAPERS)

    def roll(self) -> Iterator[Entry]:
        """Everybody the registry knows."""
        for index in range(self.recorded):
            person = self.person(index)
            yield Entry(person.home, person.name, person.document, serial=index)

    def empty_dwellings(self) -> Iterator[Home]:
        """Dwellings on the roll where nobody is recorded."""
        return (home_of(index) for index in range(self.recorded, self.dwellings))

    def rows(self) -> Iterator[tuple[Entry, str]]:
        """Every row with its label, in the order of the files."""
        order = bytearray()
        for number, (deed, _, _) in enumerate(DEEDS):
            order += bytes([number]) * (self.counts[deed] if deed != "repeat" else 0)
        shuffled = list(order)
        Random(f"{self.seed}/order").shuffle(shuffled)
        done = [0] * len(DEEDS)
        for serial, number in enumerate(shuffled):
            deed, bucket, _ = DEEDS[number]
            yield replace(self._entry(deed, done[number], serial), serial=serial), bucket
            done[number] += 1

    def _entry(self, deed: str, n: int, serial: int) -> Entry:
        dice = Random(f"{self.seed}/row/{serial}")
        if deed in self._first:
            return self._about(deed, self.person(self._first[deed] + n), n, dice)
        if deed == "nobody":
            return Entry(home_of(self.recorded + n), "".join(words.han_name(dice)), "")
        if deed == "no_dwelling":
            home = replace(home_of(n), building=FIRST_MISSING + n // PER_BUILDING)
            return Entry(home, "".join(words.han_name(dice)), "")
        if deed == "other_estate":
            return Entry(
                replace(home_of(n), estate=dice.choice(words.ELSEWHERE)), "".join(words.han_name(dice)), ""
            )
        return self._spoiled(deed, n, dice)

    def _about(self, deed: str, person: Recorded, n: int, dice: Random) -> Entry:
        home, name, document = person.home, person.name, person.document
        if deed == "plain":
            return Entry(home, name, document if dice.random() < 0.6 else "")
        if deed == "no_stair":
            return Entry(home, name, "", flaw="no_stair")
        if deed == "latin":
            family, given = words.spelled(person.family, person.given)
            return Entry(home, _romanised(family, given, dice), "")
        if deed == "typo":
            at = dice.randrange(len(person.given))
            other = dice.choice([one for one in words.GIVEN if one not in person.given])
            return Entry(home, person.family + person.given[:at] + other + person.given[at + 1 :], "")
        if deed == "other_name":
            return Entry(home, words.other_name(person.family, person.given, dice), "")
        if deed == "moved":
            return Entry(home_of(self.others + n % (self.recorded - self.others)), name, document)
        if deed == "borrowed_document":
            return Entry(home, words.other_name(person.family, person.given, dice), document)
        return Entry(home, name, words.resident_id(self.dwellings + n))

    def _spoiled(self, deed: str, n: int, dice: Random) -> Entry:
        home = home_of(dice.randrange(self.dwellings))
        name = "".join(words.han_name(dice))
        if deed == "no_name":
            return Entry(home, dice.choice(words.NOBODY), "")
        if deed == "bad_document":
            return Entry(home, name, words.broken_id(words.resident_id(self.dwellings * 2 + n), dice))
        return Entry(home, name, "", flaw=deed)


def _romanised(family: str, given: str, dice: Random) -> str:
    way = dice.randrange(4)
    if way == 0:
        return f"{family} {given}".upper()
    if way == 1:
        return f"{given.capitalize()} {family.capitalize()}"
    return f"{family}<<{given}".upper() if way == 2 else f"{family.capitalize()}, {given.capitalize()}"


def _scaled(rows: int) -> dict[str, int]:
    """The same shares of fewer rows; what rounding leaves goes to the first."""
    counts = {deed: n * rows // ROWS for deed, _, n in DEEDS}
    counts["plain"] += rows - sum(counts.values())
    return counts


def write_import164k(folder: Path, seed: int, rows: int = ROWS) -> dict[str, object]:
    """The registry's roll, the spreadsheets and ``labels.csv``; what was written, file by file."""
    made = ImportSet(seed, rows)
    folder.mkdir(parents=True, exist_ok=True)
    write_roll(folder, made.roll(), made.empty_dwellings())
    with Labels(folder / "labels.csv") as labels:
        files = write_rows(folder, made.rows(), made.counts["repeat"], rows, seed, labels)
    return {"rows": labels.rows, "buckets": labels.counts, "files": files, "shapes": len(SHAPES)}
