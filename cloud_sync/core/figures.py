"""The figures of a community (domain.md §12): each with its name, its numerator and denominator, and as of when.

A figure that no book of the service can count says so, and why; it is never a number.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType

FEW = 10  # fewer people than that are nobody's business below the community officer
DAYS_MAX = 90
DAYS_USUAL = 30
ROWS_MAX = 1_000  # what one page can show; the number above it is always the whole
Cell = str | int | None


class Row(StrEnum):
    """The rows of the table, in its order."""

    REGISTRATION = "registration"
    REPORTS_DUE = "reports_due"
    CODING = "coding"
    GAP = "gap"
    HOUSEHOLDS = "households"
    STAYS = "stays"
    SPOT_CHECKS = "spot_checks"
    BEDS = "beds"
    TODAY = "today"
    DISCREPANCIES = "discrepancies"
    GATES = "gates"
    WAYS_IN = "ways_in"
    OVERRIDES = "overrides"
    LABOUR = "labour"
    PRIVACY = "privacy"
    UPSTREAM = "upstream"
    CASES = "cases"
    MACHINE = "machine"
    POINTS = "points"


class Shape(StrEnum):
    SHARE = "share"  # numerator of denominator
    COUNT = "count"  # a number of things, of none
    RATE = "rate"  # numerator for each of the denominator, mostly less than one
    SPAN = "span"  # numerator: milliseconds; denominator: of how many they are taken
    NONE = "none"  # no book can count it


class AsOf(StrEnum):
    TOLD = "told"  # from what doors told: the watermark
    BOOKS = "books"  # from the community's own books: now
    CENSUS = "census"  # the day of the census
    FILE = "file"  # when the file was brought


class Why(StrEnum):
    """Why there is no number."""

    NO_CENSUS = "no_census"
    NO_BEDS = "no_beds"
    NO_DWELLINGS = "no_dwellings"
    NO_HOUSEHOLD_FILE = "no_household_file"
    NO_ACTIVATION = "no_activation"
    NO_DECISION_TIMES = "no_decision_times"
    NO_FALSE_REJECTS = "no_false_rejects"
    NO_STAFF_TIMES = "no_staff_times"
    NO_SURVEYS = "no_surveys"


@dataclass(frozen=True, slots=True)
class Spec:
    """What one figure is.  ``people``: it counts persons; ``rows``: the page that lists what was counted.

    ``parts``: what each line of it is about, where it has several: level, kind, gate, adapter …
    """

    name: str
    row: Row
    shape: Shape
    source: str
    as_of: AsOf = AsOf.BOOKS
    people: bool = False
    parts: str = ""
    rows: str = ""
    why: Why | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """One number; ``denominator`` 0 means that there is nothing to say, not nought per cent.

    ``why``: there is none, for that reason.  ``hidden``: too few people to be shown to whoever asked; the numbers are 0 then.
    """

    name: str
    numerator: int
    denominator: int | None
    as_of_ms: int
    part: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    why: Why | None = None
    hidden: bool = False

    @property
    def spec(self) -> Spec:
        return SPECS[self.name]

    @property
    def share(self) -> float | None:
        return self.numerator / self.denominator if self.denominator else None


@dataclass(frozen=True, slots=True)
class OpenLine:
    """Open discrepancies of one kind, weight and age, and whose eyes their case asks for."""

    kind: str
    severity: str
    age: str
    owner: str
    count: int


@dataclass(frozen=True, slots=True)
class FigureRow:
    """One row behind a number: what it adds to the numerator and to the denominator; a row may count for either alone.

    ``cells`` name nobody; ``…_ms`` are moments, ``span`` is how long something took.
    """

    counts: int
    of: int
    cells: Mapping[str, Cell]


@dataclass(frozen=True, slots=True)
class Behind:
    """One number, and the first thousand rows it was counted from, in one picture."""

    figure: Figure
    now_ms: int
    told_ms: int
    days: int
    rows: tuple[FigureRow, ...]


@dataclass(frozen=True, slots=True)
class OpenOnes:
    """Open discrepancies of one field of the matrix, the oldest first; ``count`` is all of them."""

    now_ms: int
    count: int
    rows: tuple[FigureRow, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """One consistent picture; ``told_ms`` is the watermark: how far the slowest node has told."""

    now_ms: int
    told_ms: int
    days: int
    figures: tuple[Figure, ...]
    open: tuple[OpenLine, ...]


_R, _S, _A = Row, Shape, AsOf
_EVENTS = "event"
_ALL: tuple[Spec, ...] = (
    Spec("registration_rate", _R.REGISTRATION, _S.SHARE, "presence, registration", _A.TOLD, True, rows="/morning/registration"),
    Spec("registration_by_level", _R.REGISTRATION, _S.SHARE, "presence, registration", _A.TOLD, True, "level"),
    Spec("timely_report_rate", _R.REPORTS_DUE, _S.SHARE, "upstream_submission", rows="/upstream"),
    Spec("coding_coverage", _R.CODING, _S.SHARE, "listing, discrepancy", rows="/listings"),
    Spec("coding_of_dwellings", _R.CODING, _S.SHARE, "listing, unit, roll_unit", rows="/listings"),
    Spec("gap_operating", _R.GAP, _S.SHARE, "census", _A.CENSUS),
    Spec("gap_households", _R.GAP, _S.SHARE, "census", _A.CENSUS),
    Spec("register_operating", _R.GAP, _S.SHARE, "listing, unit, evidence", rows="/listings"),
    Spec("register_households", _R.GAP, _S.SHARE, "listing, unit, roll_unit", rows="/listings"),
    Spec("register_census", _R.GAP, _S.SHARE, "listing, census", rows="/listings"),
    Spec("household_match_rate", _R.HOUSEHOLDS, _S.SHARE, "import_run", _A.FILE, rows="/registry"),
    Spec("household_buckets", _R.HOUSEHOLDS, _S.SHARE, "import_run", _A.FILE, parts="bucket", rows="/registry"),
    Spec("household_decided", _R.HOUSEHOLDS, _S.SHARE, "import_row, import_decision", rows="/registry"),
    Spec("household_activated", _R.HOUSEHOLDS, _S.NONE, "", why=Why.NO_ACTIVATION),
    Spec("stay_reconciliation_rate", _R.STAYS, _S.SHARE, "stay, pass, discrepancy", people=True),
    Spec("true_registration_estimate", _R.SPOT_CHECKS, _S.SHARE, "spot_check"),
    Spec("bed_occupancy", _R.BEDS, _S.SHARE, "presence, room_file", _A.TOLD, True, rows="/morning/in_house"),
    Spec("expected_today", _R.TODAY, _S.SHARE, "stay", people=True),
    Spec("arrivals_today", _R.TODAY, _S.SHARE, "stay, presence", _A.TOLD, True, rows="/morning/arrivals"),
    Spec("departures_today", _R.TODAY, _S.SHARE, "stay", people=True),
    Spec("in_house", _R.TODAY, _S.SHARE, "stay_member, presence", _A.TOLD, True, rows="/morning/in_house"),
    Spec("refused_today", _R.TODAY, _S.SHARE, _EVENTS, _A.TOLD),
    Spec("arrivals_by_hour", _R.TODAY, _S.COUNT, "presence", _A.TOLD, True, "hour"),
    Spec("departures_by_hour", _R.TODAY, _S.COUNT, "stay", _A.BOOKS, True, "hour"),
    Spec("discrepancies_grave", _R.DISCREPANCIES, _S.SHARE, "discrepancy", rows="/morning/discrepancies"),
    Spec("discrepancy_close_median", _R.DISCREPANCIES, _S.SPAN, "discrepancy"),
    Spec("discrepancy_close_p90", _R.DISCREPANCIES, _S.SPAN, "discrepancy"),
    Spec("gates_online", _R.GATES, _S.SHARE, "node, node_state", rows="/fleet"),
    Spec("gates_lag_most", _R.GATES, _S.SPAN, "node_state", rows="/fleet"),
    Spec("gates_outbox", _R.GATES, _S.COUNT, "node_state", rows="/fleet"),
    Spec("gates_clock_most", _R.GATES, _S.SPAN, "node_state", rows="/fleet"),
    Spec("gates_on_battery", _R.GATES, _S.SHARE, "case_, access_point", rows="/morning/cases"),
    Spec("decisions_by_credential", _R.GATES, _S.SHARE, _EVENTS, _A.TOLD, parts="credential"),
    Spec("gates_by_software", _R.GATES, _S.SHARE, "node_state", parts="software", rows="/fleet"),
    Spec("decision_time_p95", _R.GATES, _S.NONE, "", why=Why.NO_DECISION_TIMES),
    Spec("false_rejects", _R.GATES, _S.NONE, "", why=Why.NO_FALSE_REJECTS),
    Spec("path_success", _R.WAYS_IN, _S.SHARE, _EVENTS, _A.TOLD, parts="credential"),
    Spec("path_median", _R.WAYS_IN, _S.SPAN, _EVENTS, _A.TOLD, parts="credential"),
    Spec("override_rate", _R.OVERRIDES, _S.SHARE, _EVENTS, _A.TOLD),
    Spec("override_by_gate", _R.OVERRIDES, _S.SHARE, _EVENTS, _A.TOLD, parts="gate"),
    Spec("override_by_shift", _R.OVERRIDES, _S.SHARE, _EVENTS, _A.TOLD, parts="shift"),
    Spec("desk_avoided", _R.LABOUR, _S.SHARE, "registration", people=True),
    Spec("staff_minutes", _R.LABOUR, _S.NONE, "", why=Why.NO_STAFF_TIMES),
    Spec("face_people_now", _R.PRIVACY, _S.SHARE, "consent, person", people=True, rows="/privacy"),
    Spec("face_people_ever", _R.PRIVACY, _S.SHARE, "consent, person", people=True, rows="/privacy"),
    Spec("erase_p95", _R.PRIVACY, _S.SPAN, "erasure", rows="/privacy"),
    Spec("erasures_overdue", _R.PRIVACY, _S.SHARE, "erasure", rows="/privacy"),
    Spec("consents_given", _R.PRIVACY, _S.SHARE, "stay_member, stay", people=True),
    Spec("consents_refused", _R.PRIVACY, _S.SHARE, "stay_member, stay", people=True),
    Spec("consents_withdrawn", _R.PRIVACY, _S.SHARE, "consent", people=True),
    Spec("traces_open", _R.PRIVACY, _S.SHARE, "trace_request", rows="/privacy"),
    Spec("reports_acked", _R.UPSTREAM, _S.SHARE, "upstream_submission", parts="adapter", rows="/upstream"),
    Spec("reports_sent", _R.UPSTREAM, _S.SHARE, "upstream_submission", parts="adapter", rows="/upstream"),
    Spec("reports_rejected", _R.UPSTREAM, _S.SHARE, "upstream_submission", parts="adapter", rows="/upstream"),
    Spec("reports_pending", _R.UPSTREAM, _S.SHARE, "upstream_submission", parts="adapter", rows="/upstream"),
    Spec("reports_oldest", _R.UPSTREAM, _S.SPAN, "upstream_submission", parts="adapter", rows="/upstream"),
    Spec("cases_open", _R.CASES, _S.SHARE, "case_", rows="/morning/cases"),
    Spec("cases_closed", _R.CASES, _S.SHARE, "case_"),
    Spec("case_close_median", _R.CASES, _S.SPAN, "case_"),
    Spec("case_close_p90", _R.CASES, _S.SPAN, "case_"),
    Spec("alerts_decided", _R.CASES, _S.SHARE, "case_, case_note", rows="/morning/cases"),
    Spec("alert_decision_median", _R.CASES, _S.SPAN, "case_, case_note"),
    Spec("alert_decision_p90", _R.CASES, _S.SPAN, "case_, case_note"),
    Spec("cases_reopened", _R.CASES, _S.SHARE, "case_"),
    Spec("cases_first_receiver", _R.CASES, _S.SHARE, "case_, case_note"),
    Spec("whistle_to_check_in", _R.CASES, _S.SPAN, "case_note"),
    Spec("whistle_to_close", _R.CASES, _S.SPAN, "case_, case_note"),
    Spec("case_satisfaction", _R.CASES, _S.NONE, "", why=Why.NO_SURVEYS),
    Spec("alarms_per_person", _R.MACHINE, _S.RATE, "case_, case_note"),
    Spec("alarms_busiest", _R.MACHINE, _S.COUNT, "case_"),
    Spec("floods", _R.MACHINE, _S.COUNT, "case_"),
    Spec("chatter_sources", _R.MACHINE, _S.COUNT, "case_"),
    Spec("cases_stale", _R.MACHINE, _S.SHARE, "case_, case_note"),
    Spec("shelved_now", _R.MACHINE, _S.SHARE, "case_"),
    Spec("priority_mix", _R.MACHINE, _S.SHARE, "case_", parts="severity"),
    Spec("cases_by_family", _R.MACHINE, _S.SHARE, "case_", parts="family"),
    Spec("matters_by_class", _R.MACHINE, _S.SHARE, "case_", parts="class"),
    Spec("time_to_detect", _R.MACHINE, _S.SPAN, "case_", parts="kind"),
    Spec("time_to_report", _R.MACHINE, _S.SPAN, "case_, case_note", parts="kind"),
    Spec("time_to_resolve", _R.MACHINE, _S.SPAN, "case_, case_note", parts="kind"),
    Spec("whistle_to_check_in_p90", _R.MACHINE, _S.SPAN, "case_note"),
    Spec("whistle_to_close_p90", _R.MACHINE, _S.SPAN, "case_, case_note"),
    Spec("retriaged", _R.MACHINE, _S.SHARE, "case_note"),
    Spec("closed_unverified", _R.MACHINE, _S.SHARE, "case_"),
    Spec("listings_by_band", _R.POINTS, _S.SHARE, "listing, points_entry", parts="band", rows="/listings"),
    Spec("appeals_pending", _R.POINTS, _S.SHARE, "points_entry, sanction", rows="/listings/queue"),
    Spec("points_reversed", _R.POINTS, _S.SHARE, "points_entry", rows="/listings/queue"),
)  # fmt: skip
SPECS: Mapping[str, Spec] = MappingProxyType({spec.name: spec for spec in _ALL})


def not_counted(spec: Spec, now_ms: int) -> Figure:
    assert spec.why is not None
    return Figure(spec.name, 0, None, now_ms, why=spec.why)


def shown(figures: Iterable[Figure], *, few: bool) -> tuple[Figure, ...]:
    """As somebody may see them; without ``few`` nothing that speaks of fewer than ten people.

    What one line hides could be had from the lines beside it and their sum, so the lines of a figure are hidden together.
    """
    found = tuple(figures)
    if few:
        return found
    names = {one.name for one in found if speaks_of_few(one)}
    return tuple(_hidden(one) if one.name in names else one for one in found)


def speaks_of_few(figure: Figure) -> bool:
    """Whether numerator, denominator or what lies between them is a handful of people."""
    if not figure.spec.people or figure.why is not None:
        return False
    numbers = [figure.numerator]
    # A limit that no community reaches is no crowd to hide in, and what is beside the beds is no people.
    if figure.denominator is not None and figure.name not in NOT_OF_PEOPLE:
        numbers += [figure.denominator, figure.denominator - figure.numerator]
    return any(0 < number < FEW for number in numbers)


# Counted are people; what they are counted against are none.
NOT_OF_PEOPLE = frozenset({"bed_occupancy", "face_people_now", "face_people_ever"})


def _hidden(figure: Figure) -> Figure:
    denominator = None if figure.denominator is None else 0
    return replace(figure, numerator=0, denominator=denominator, low=None, high=None, hidden=True)
