"""What a jurisdiction may change: clocks, buffers, proofing (domain.md §§5.12, 14, 15).  Data, never code."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from cloud_sync.core.jurisdiction import Jurisdiction

# Purposes of consent (domain.md §4); each has its own text and its own tick.
FACE_ACCESS = "face_access"
MORE_TIME = "more_time"  # doors stay released longer for this guest (T_release + extension)
FACE_LOOKALIKE = (
    "face_lookalike"  # at enrolment the face is compared with other guests', so that both get a lock
)

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


@dataclass(frozen=True, slots=True)
class RuleThresholds:
    """What the rules of domain.md §10 count with; a community may change each, and shows them to its residents."""

    off: frozenset[str] = frozenset({"D18"})  # it reads residents' movements
    unseen_exit_ms: int = DAY_MS  # D04: gone that long
    company_least: int = 2  # D05: one passage too many is a mistake of the count
    crowd_minutes: int = 30  # D05: a counted crowd that is gone sooner was a visit
    crowd_factor: float = 1.5  # D05: above this many times the listing's maximum it is grave
    two_stays_ms: int = 30 * MINUTE_MS  # D09
    wrong_doors: int = 3  # D11: twice is a guest who has not found the stair
    dates_off_ms: int = DAY_MS  # D11
    near_arrival_ms: int = 4 * HOUR_MS  # D14
    reports_upstream: bool = False  # D12, D13: whether anything is reported to an authority's system here
    report_legal_ms: int = DAY_MS  # D12: the law waits that much longer than we do
    after_checkout_ms: int = 5 * MINUTE_MS  # D15: a door that is told by radio may be that late
    tenancy_ms: int = 30 * DAY_MS  # D18: longer is a tenancy
    walk_least_ms: int = 20_000  # D19: nobody is at another node's gate sooner
    ins_most: int = 6  # D19: ways in at gates without one way out between
    visits_least: int = 3  # D07 (a)
    unlocks_least: int = 10  # D07 (e)
    visit_days_ms: int = 30 * DAY_MS  # D07: how far back
    dossier_ms: int = 90 * DAY_MS  # D24
    path_least: int = 30  # D25: fewer tell nothing
    path_success: float = 0.95  # D25
    path_slower: float = 1.5  # D25


@dataclass(frozen=True, slots=True)
class PolicyProfile:
    """One profile at one version; a pass names the version it was issued under."""

    name: str
    version: int
    proofing_min: int  # domain.md §14: 2 = chip or official verify result
    age_of_majority: int
    face_age_min: int  # below it a guardian has to consent (R7)
    registration_notice: str
    # Purpose → version of the notice that is shown now; a consent to another text is refused (R1).
    consent_texts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    # Common doors open before the room; the longest of them decides when a pass counts as in its window.
    early_ms: Mapping[str, int] = field(
        default_factory=lambda: MappingProxyType(
            {"gate": 2 * HOUR_MS, "unit": 2 * HOUR_MS, "garage": 2 * HOUR_MS, "room": 0}
        )
    )
    grace_ms: int = 60 * MINUTE_MS  # late buffer after planned_out
    overstay_hold_ms: int = 6 * HOUR_MS  # nobody loses the door before a person has looked
    turnover_late_ms: int = 60 * MINUTE_MS  # gate only, when the room is let again the same day
    preload_ms: int = 72 * HOUR_MS  # a node cut off for three days still knows tonight's guests
    erase_after_ms: int = 24 * HOUR_MS  # after the pass ended; rows stay that long to name the reason
    no_show_after_ms: int = 12 * HOUR_MS
    relocation_ms: int = 24 * HOUR_MS
    drift_ms: int = 10 * MINUTE_MS  # a pass set may be under way that long before D21
    silent_ms: int = 90_000  # no heartbeat that long: offline (domain.md §5.8)
    # Retransmission closes ordinary gaps; its longest wait is 30 s, so a minute means the events are not coming.
    gap_settles_ms: int = 60_000
    reports_to: tuple[str, ...] = ()  # the connectors of core.reporting that are told of everybody registered
    rules: RuleThresholds = RuleThresholds()
    # Days by the name of a clock of core.retention, where this jurisdiction keeps shorter or longer than its default.
    retention_days: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    jurisdiction: Jurisdiction = field(default_factory=Jurisdiction)

    @property
    def early_most_ms(self) -> int:
        return max(self.early_ms.values())


# Buffers, texts and clocks of the doors; a place's file (``cloud_sync.jurisdictions``) lays its law over them.
CN_DEFAULT = PolicyProfile(
    name="cn-default",
    version=1,
    proofing_min=2,
    age_of_majority=18,
    face_age_min=14,
    registration_notice="registration-1",
    consent_texts=MappingProxyType(
        {FACE_ACCESS: "face_access-1", FACE_LOOKALIKE: "face_lookalike-1", MORE_TIME: "more_time-1"}
    ),
)
