"""How long each kind of record is kept: a table (domain.md §15).  A profile may change the times, never what happens.

A clock begins with something that is over; when it has run out the record ends, unless a legal hold keeps it.  A day
later it is overdue, and that is a discrepancy of its own (D26).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cloud_sync.core.policy import DAY_MS, PolicyProfile

SLACK_MS = DAY_MS  # invariant 12: nothing is older than its clock and a day
YEAR = 365
HOLD_MOST_MS = 366 * DAY_MS  # a hold that is still needed then is made anew, and thought about anew


@dataclass(frozen=True, slots=True)
class Clock:
    """``days`` unless the profile says otherwise, and never fewer than ``least`` where the law orders keeping."""

    name: str
    days: int
    begins: str
    then: str
    basis: str
    least: int = 0


CLOCKS: tuple[Clock, ...] = (
    Clock(
        "face.template",
        0,
        "a node is told to erase",
        "the node says that it has erased; the service has no template",
        "R3, R14: checkout and 24 h, a withdrawal at once",
    ),
    Clock("face.envelope", 1, "its pass ends", "deleted", "R14"),
    Clock(
        "entry.guest",
        90,
        "it was told, or happened where the clock was good",
        "only its digest and a count are left",
        "R4; a profile may say up to 180",
    ),
    Clock("entry.resident", 30, "as above", "only its digest and a count are left", "R4"),
    Clock("presence", 90, "it was last seen", "deleted", "R4: movements, as the entries"),
    Clock(
        "registration",
        3 * YEAR,
        "the stay ends",
        "stay, booking, persons, passes and vault fields deleted",
        "CN local practice (secondary); each profile its own",
    ),
    Clock("stay.unused", 90, "the planned departure", "as above: nobody was ever registered", "R4"),
    Clock("subject", 30, "a resident's, tenant's, staff's or visitor's right ends", "deleted", "R4"),
    Clock("consent", 3 * YEAR, "it is withdrawn, or else given", "deleted", "R15, R27", least=3 * YEAR),
    Clock("assessment", 3 * YEAR, "its review date", "deleted", "R15", least=3 * YEAR),
    Clock("disclosure", 3 * YEAR, "it was written", "cut off the chain's beginning", "R27", least=3 * YEAR),
    Clock(
        "audit", 3 * YEAR, "it was written", "cut off the chain's beginning", "law asks 6 months", least=183
    ),
    Clock("trace", 3 * YEAR, "it was asked for", "deleted", "as disclosures", least=3 * YEAR),
    Clock("case", 3 * YEAR, "it was closed", "deleted with its notes", "as the audit log"),
    Clock("discrepancy", 3 * YEAR, "it was closed", "deleted", "as the audit log"),
    Clock(
        "emergency.answer",
        0,
        "the emergency is over",
        "deleted from the vault, and the rows that say who was asked",
        "R33: destroyed when the emergency ends",
    ),
    Clock("emergency", 3 * YEAR, "it is over, or was not approved", "deleted", "as the audit log"),
    Clock("rollout", 3 * YEAR, "it ended", "deleted with its nodes' lines", "as the audit log"),
    Clock("breach", 3 * YEAR, "every step of it is done", "deleted with its steps", "R9, as the audit log"),
    Clock("command", 3 * YEAR, "it was given", "deleted", "as the audit log"),
    Clock(
        "conduct",
        3 * YEAR,
        "its effect ended, it was refused, or it was seen",
        "deleted; a listing's newest inspection stays",
        "analysis: an effect lasts 12 months, its row 3 years",
    ),
    Clock("duty", 3 * YEAR, "it ended, or the return was filed", "deleted", "as the audit log"),
    Clock("field", 3 * YEAR, "its task was due", "deleted", "as the audit log"),
    Clock("shift", 3 * YEAR, "somebody took over, or the note was written", "deleted", "as the audit log"),
    Clock(
        "operator",
        3 * YEAR,
        "the operator left",
        "deleted with its letters and deposit ledger, and from the vault",
        "as registrations",
    ),
    Clock("import", YEAR, "the file was taken", "deleted, sealed cells with it", "analysis: R4"),
    Clock("upstream", 3 * 366, "its report ended", "deleted", "invariant 11, R27", least=3 * 366),
    Clock(
        "upstream_log",
        3 * 366,
        "it was written",
        "cut off the chain's beginning",
        "invariant 11, R27",
        least=3 * 366,
    ),
    Clock("message", 90, "it was written", "deleted, sealed address with it", "R4"),
    Clock("contact", 1, "the stay ends", "deleted, sealed address with it", "R4"),
    Clock("draft", 7, "something was typed", "deleted from the vault", "R4"),
    Clock("complaint", YEAR, "it was answered, or else made", "deleted", "R4: a proposal may rest on it"),
    Clock("arrival", 7, "somebody said it at a gate", "deleted", "R4"),
    Clock("deadletter", 90, "it came", "deleted", "R4: what could not be read may hold anything"),
    Clock("alert.queue", 1, "it was put aside", "deleted; its case is there since", "R4"),
    Clock("token", YEAR, "it ended or was revoked", "deleted", "analysis: the audit log says who had it"),
    Clock("answer", 1, "it was given", "deleted", "R4: an Idempotency-Key holds for a day"),
    Clock("delivery", 30, "a webhook's delivery ended", "deleted", "R4"),
    Clock("session", 1, "the login ends", "deleted", "R4"),
    Clock("staging", 90, "a file was imported", "the run deleted; ten of a kind are kept at most", "R4"),
    Clock("vault.orphan", 0, "nothing refers to it", "deleted from the vault", "R4"),
)
BY_NAME: Mapping[str, Clock] = MappingProxyType({clock.name: clock for clock in CLOCKS})


def keep_ms(clock: Clock, profile: PolicyProfile) -> int:
    """How long this profile keeps it after the clock has begun."""
    return max(profile.retention_days.get(clock.name, clock.days), clock.least) * DAY_MS


def unknown_clocks(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names) - BY_NAME.keys()))


@dataclass(frozen=True, slots=True)
class Proof:
    """One line of the nightly report; times in milliseconds, ``oldest_ms`` is when the oldest clock began."""

    clock: str
    keep_ms: int
    oldest_ms: int | None
    overdue: int
    held: int
    removed: int
    ran_ms: int

    @property
    def is_kept(self) -> bool:
        return self.overdue == 0


@dataclass(frozen=True, slots=True)
class Hold:
    """What may not end before ``until_ms``: one class of records, or everything of one stay."""

    hold: str
    kind: str  # clock | stay
    ref: str
    author: str
    reason: str
    made_ms: int
    until_ms: int


# --- 100,000 persons (R20) ---------------------------------------------------------------------------------------

FILE_AT = 100_000
WARN_AT = (50_000, 80_000, 95_000)
FILE_WITHIN_WORKING_DAYS = 30


@dataclass(frozen=True, slots=True)
class FacePersons:
    """Distinct people who agreed to a face: now, and ever on record here."""

    now: int
    ever: int

    @property
    def level(self) -> int:
        """0 calm; 1 to 3 the warnings; 4 the community has to file."""
        return sum(self.now >= at for at in (*WARN_AT, FILE_AT))

    @property
    def next_at(self) -> int:
        return next((at for at in (*WARN_AT, FILE_AT) if self.now < at), FILE_AT)
