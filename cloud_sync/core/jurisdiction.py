"""What the law of a place asks of a registration (domain.md §§13, 14): read from data, never written as code.

Which persons are reported, from when and within which time, which fields, how well proved, and how long it is kept.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

HOUR_MS = 3_600_000
# What a registration can be asked for beyond name, document and birth date; each is a sealed field of the vault.
MORE_FIELDS = (
    "family_name",
    "second_family_name",
    "given_names",
    "sex",
    "birth_place",
    "residence",
    "phone",
    "email",
    "support_number",
    "place_of_issue",
    "occupation",
    "next_destination",
    "signature",
)
SATURDAY = 5


class GuestKind(StrEnum):
    """Whose guest this is, as the law asks: nationality, and never anything else about the person."""

    NATIONAL = "national"
    FOREIGNER = "foreigner"


class ClockEvent(StrEnum):
    """What a report's time runs from."""

    BOOKING = "booking"
    ARRIVAL = "arrival"  # the planned check-in
    ENTRY = "entry"  # the first passage that was seen
    DEPARTURE = "departure"
    CANCELLATION = "cancellation"


class Within(StrEnum):
    HOURS = "hours"
    WORKING_DAYS = "working_days"  # Monday to Friday; holidays are the deployer's calendar
    SAME_DAY = "same_day"


@dataclass(frozen=True, slots=True)
class ReportClock:
    """One duty to report: from ``event``, ``amount`` of ``within``; 0 hours is at once and is never batched."""

    event: ClockEvent
    within: Within
    amount: int
    guests: frozenset[GuestKind]
    stay_hours_under: int | None = None  # only for stays shorter than this

    def due_ms(self, event_ms: int, zone: tzinfo) -> int:
        """When it has to be done, for an event at ``event_ms``."""
        if self.within is Within.HOURS:
            return event_ms + self.amount * HOUR_MS
        local = datetime.fromtimestamp(event_ms / 1000, zone)
        last = local.date() if self.within is Within.SAME_DAY else _working_day(local.date(), self.amount)
        ends = datetime(last.year, last.month, last.day, tzinfo=zone) + timedelta(days=1)
        return round(ends.timestamp() * 1000)


def _working_day(day: date, count: int) -> date:
    """The ``count``-th Monday to Friday after ``day``."""
    left = count
    while left:
        day += timedelta(days=1)
        left -= day.weekday() < SATURDAY
    return day


@dataclass(frozen=True, slots=True)
class Jurisdiction:
    """One place's rules at one version."""

    name: str = "plain"
    title: str = "no place in particular"
    version: int = 1
    home: frozenset[str] = frozenset({"CHN"})  # nationalities that are not foreign here
    reportable: frozenset[GuestKind] = frozenset(GuestKind)
    clocks: tuple[ReportClock, ...] = ()
    required: Mapping[GuestKind, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    proofing: Mapping[GuestKind, int] = field(default_factory=lambda: MappingProxyType({}))
    separate_from: int = 0  # from this age a person is registered by themselves
    signature_from: int | None = None
    minors: Literal["withhold", "alert"] = "withhold"
    face: Literal["allowed", "forbidden"] = "allowed"
    cancelled: Literal["purge", "report"] = "purge"
    keep_days: tuple[int, int | None] = (0, None)  # at least, at most

    def kind_of(self, nationality: str) -> GuestKind:
        """An unknown nationality is taken for the one with more duties."""
        return GuestKind.NATIONAL if nationality in self.home else GuestKind.FOREIGNER

    def asks(self, kind: GuestKind, age: int | None = None) -> tuple[str, ...]:
        """The fields without which a registration of this kind is not complete; a child signs nothing."""
        signs = age is None or self.signature_from is None or age >= self.signature_from
        return tuple(name for name in self.required.get(kind, ()) if signs or name != "signature")

    def asked_besides(self) -> dict[str, GuestKind | None]:
        """What a form has beyond name, document and birth date, in the order of MORE_FIELDS: of whom, None of everybody."""
        by = {kind: set(self.required.get(kind, ())) for kind in GuestKind}
        found: dict[str, GuestKind | None] = {}
        for name in MORE_FIELDS:
            kinds = [kind for kind in GuestKind if name in by[kind]]
            if kinds:
                found[name] = kinds[0] if len(kinds) == 1 else None
        return found

    def proofing_min(self, kind: GuestKind, default: int) -> int:
        return self.proofing.get(kind, default)

    def clocks_for(self, kind: GuestKind, stay_ms: int) -> tuple[ReportClock, ...]:
        """The duties for one guest of a stay of this length; a rule for short stays takes the place of the general one."""
        if kind not in self.reportable:
            return ()
        mine = [clock for clock in self.clocks if kind in clock.guests]
        short = {clock.event for clock in mine if _is_short(clock, stay_ms)}
        return tuple(
            clock
            for clock in mine
            if _is_short(clock, stay_ms) or (clock.stay_hours_under is None and clock.event not in short)
        )


def _is_short(clock: ReportClock, stay_ms: int) -> bool:
    return clock.stay_hours_under is not None and stay_ms < clock.stay_hours_under * HOUR_MS


def earliest(clocks: Iterable[ReportClock], moments: Mapping[ClockEvent, int], zone: tzinfo) -> int | None:
    """The first duty that is running: None while nothing that starts one has happened."""
    running = [clock.due_ms(moments[clock.event], zone) for clock in clocks if clock.event in moments]
    return min(running, default=None)
