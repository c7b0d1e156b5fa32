"""The data sets, as data: how large a community is, and what happens to its nodes (domain.md §18.2, §18.9)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

DAYS_MAX = 1_100  # the identities last for more people than these days bring


@dataclass(frozen=True, slots=True)
class Building:
    """One kind of building and how many of them stand here."""

    count: int
    unit_doors: int
    floors: int
    flats: int  # on each floor behind one unit door


@dataclass(frozen=True, slots=True)
class Fault:
    """Something a node or the site suffers; times in minutes since the first midnight."""

    kind: str  # outage | power | clock_1970 | clock_ahead | clock_drift | storage | blind | stolen | duplicate | fire
    nodes: str  # a node, "*" for all, or "building-3"
    begin: int
    end: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Shape:
    """One community: exact totals, and what a mean day brings."""

    code: str
    name: str
    buildings: tuple[Building, ...]
    gates: int  # pedestrian gates, each with a lane in and a lane out
    garages: int
    lobbies: int
    covered_doors: int  # unit doors with a node; the others have none, on purpose
    operators: int
    listings: int
    rooms: int
    beds: int
    hidden_units: int
    residents: int
    arrivals: float  # people on a mean day
    micro_grid: int = 64  # dwellings in a micro-grid
    coded: int | None = None  # listings with a code on the first day; None: by the shares of §18.3
    operating_peak: int | None = None  # units seen operating by the census, coded or not

    @property
    def access_points(self) -> int:
        return self.gates * 2 + self.garages + self.lobbies + self.covered_doors

    @property
    def dwellings(self) -> int:
        return sum(b.count * b.unit_doors * b.floors * b.flats for b in self.buildings)


@dataclass(frozen=True, slots=True)
class DataSet:
    """A name a person can type, its communities, and the days it lasts unless told otherwise."""

    name: str
    about: str
    shapes: tuple[Shape, ...]
    days: int
    start: date = date(2026, 1, 1)
    script: tuple[Fault, ...] | None = None  # None: faults by chance, at the rates of §18.8
    block: int = 10_000  # stays among which the anomalies of the table are dealt out


DONGFANG = Shape(
    code="dongfang",
    name="东方新城二期",
    buildings=(Building(14, 2, 18, 4), Building(10, 3, 18, 4)),
    gates=4,
    garages=3,
    lobbies=10,
    covered_doors=30,
    operators=550,
    listings=895,
    rooms=3_627,
    beds=5_248,
    hidden_units=40,
    residents=6_000,
    arrivals=1_500.0,
)
# 91 of 225 operating units are coded on the first day, 101 at the end; 241 is every dwelling there is.
NANGUO = Shape(
    code="nanguo",
    name="南国丽景",
    buildings=(Building(3, 1, 20, 4), Building(1, 1, 1, 1)),
    gates=2,
    garages=1,
    lobbies=0,
    covered_doors=4,
    operators=38,
    listings=101,
    rooms=404,
    beds=585,
    hidden_units=124,
    residents=40,
    arrivals=120.0,
    micro_grid=49,
    coded=91,
    operating_peak=225,
)
TINY = Shape(
    code="tiny",
    name="小院",
    buildings=(Building(1, 1, 6, 4),),
    gates=1,
    garages=0,
    lobbies=0,
    covered_doors=1,
    operators=8,
    listings=12,
    rooms=40,
    beds=56,
    hidden_units=2,
    residents=20,
    arrivals=15.0,
)
DAY = 24 * 60
WENJIANG_PEOPLE = (
    10_000, 11_000, 12_000, 12_500, 13_000, 14_000, 15_000, 15_500, 16_000,
    17_000, 18_000, 19_000, 20_000, 22_000, 24_000, 26_000, 28_000, 30_000,
)  # fmt: skip


def _wenjiang(number: int, people: int) -> Shape:
    """A community of the district: few short stays among many households; about 2.9 people in a dwelling."""
    buildings = round(people / 2.9 / (2 * 18 * 4))
    listings = 20 + number * 3
    rooms = round(listings * 4.05)
    return Shape(
        code=f"wenjiang-{number:02}",
        name=f"温江第{number}小区",
        buildings=(Building(buildings, 2, 18, 4),),
        gates=4,
        garages=3,
        lobbies=buildings // 2,
        covered_doors=buildings * 2 - buildings // 2,
        operators=round(listings * 0.61),
        listings=listings,
        rooms=rooms,
        beds=round(rooms * 1.447),
        hidden_units=2,
        residents=people,
        arrivals=listings * 1.6,
    )


def _even_clocks() -> tuple[Fault, ...]:
    kinds = ("clock_1970", "clock_ahead", "clock_drift")
    return tuple(
        Fault(kinds[k % 3], f"dongfang-{k * 5 + 1:03}", DAY + k * 90, 2 * DAY + k * 240, "clockhell")
        for k in range(10)
    )


_OUTAGE = Fault("outage", "*", DAY + 18 * 60, 4 * DAY + 18 * 60, "fibre cut, Friday 18:00 to Monday 18:00")
_FIRE = Fault("fire", "building-4", DAY + 20 * 60, DAY + 20 * 60 + 35, "fire alarm at building 4")

_ALL = (
    DataSet("tiny", "one building, three nodes, about 40 stays", (TINY,), 5, block=40),
    DataSet("nanguo", "241 dwellings, 225 operating at the peak, 91 coded, later 101", (NANGUO,), 30, block=1_000),
    DataSet("dongfang", "895 listings, 5,248 beds, 51 access points", (DONGFANG,), 90),
    DataSet("dongfang-year", "dongfang for 365 days, about 25 million events", (DONGFANG,), 365),
    DataSet(
        "wenjiang18",
        "18 communities of 10,000 to 30,000 people",
        tuple(_wenjiang(k, people) for k, people in enumerate(WENJIANG_PEOPLE, start=1)),
        7,
        block=1_000,
    ),
    DataSet("outage3d", "the fibre is cut from Friday to Monday", (DONGFANG,), 6, date(2026, 4, 9), (_OUTAGE,)),
    DataSet("clockhell", "ten clocks wrong in three ways", (DONGFANG,), 4, date(2026, 4, 13), _even_clocks()),
    DataSet("fire", "a fire alarm at building 4 in the evening", (DONGFANG,), 3, date(2026, 4, 13), (_FIRE,)),
    DataSet("surge1003", "the first days of October", (DONGFANG,), 5, date(2026, 9, 30), ()),
)  # fmt: skip

DATASETS: Mapping[str, DataSet] = MappingProxyType({one.name: one for one in _ALL})
