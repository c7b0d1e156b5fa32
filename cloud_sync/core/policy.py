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
