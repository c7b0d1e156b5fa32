"""Why a door said no, and which of four sentences the person reads.  One closed set for ledger, pages and tests."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from edge.core.events import CredentialKind


class Reason(StrEnum):
    """The single logged reason; ONVIF's word where it has one, ``x:`` where it has none (access.md §5)."""

    GRANTED = "Granted"
    BLOCKED = "pt:Blocked"
    LOCKED_DOWN = "LockedDown"
    LOCK_SILENT = "x:LockSilent"
    RETRY_LATER = "x:RetryLater"
    LOW_QUALITY = "face_low_quality"
    SIMULATED_ENGINE = "x:SimulatedEngine"
    PRESENTATION_ATTACK = "x:PresentationAttack"
    NOT_FOUND = "CredentialNotFound"
    AMBIGUOUS = "x:Ambiguous"
    CODE_REPLAYED = "x:CodeReplayed"
    CODE_OUT_OF_TIME = "x:CodeOutOfTime"
    SUPERSEDED = "x:Superseded"  # a newer word about this pass is aboard than the one shown
    NOT_ENABLED = "CredentialNotEnabled"
    NOT_ACTIVE = "CredentialNotActive"
    EXPIRED = "CredentialExpired"
    UNAUTHORIZED = "Unauthorized"
    NOT_AT_THIS_TIME = "NotPermittedAtThisTime"
    LISTING_NOT_PERMITTING = "x:ListingNotPermitting"
    STAY_CLOSED = "x:StayClosed"
    NOT_REGISTERED = "x:NotRegistered"
    OFFLINE_EXPIRED = "x:OfflineExpired"
    SECOND_FACTOR = "x:SecondFactor"
    SECOND_PERSON = "x:SecondPerson"
    CLOCK_UNTRUSTED = "x:ClockUntrusted"
    ANTI_PASSBACK = "x:AntiPassback"
    INTERLOCK = "x:Interlock"
    OCCUPANCY = "x:Occupancy"


class GuestText(StrEnum):
    """All a person at the door is ever told; the details stay in the ledger."""

    TRY_AGAIN = "try_again"
    USE_CODE = "use_code"
    WAIT_UNTIL = "wait_until"
    SEE_GUARD = "see_guard"


@dataclass(frozen=True, slots=True)
class Advice:
    """One of the four texts; ``until_ms`` is set exactly when the text is WAIT_UNTIL."""

    text: GuestText
    until_ms: int | None = None

    def __post_init__(self) -> None:
        assert (self.text is GuestText.WAIT_UNTIL) == (self.until_ms is not None)


# Every reason but GRANTED, which opens the door and needs no advice.
GUEST_TEXT: Mapping[Reason, GuestText] = MappingProxyType(
    {
        Reason.BLOCKED: GuestText.SEE_GUARD,
        Reason.LOCKED_DOWN: GuestText.SEE_GUARD,
        Reason.LOCK_SILENT: GuestText.SEE_GUARD,
        Reason.RETRY_LATER: GuestText.WAIT_UNTIL,
        Reason.LOW_QUALITY: GuestText.USE_CODE,  # comes after 2 s without a good picture: the code is quicker
        Reason.SIMULATED_ENGINE: GuestText.USE_CODE,
        Reason.PRESENTATION_ATTACK: GuestText.USE_CODE,  # an honest face judged wrongly still has a way in
        Reason.NOT_FOUND: GuestText.USE_CODE,
        Reason.AMBIGUOUS: GuestText.USE_CODE,
        Reason.CODE_REPLAYED: GuestText.TRY_AGAIN,  # the phone shows the next code within 30 s
        Reason.CODE_OUT_OF_TIME: GuestText.TRY_AGAIN,
        Reason.SUPERSEDED: GuestText.TRY_AGAIN,  # the phone's page has the newer one, or the ordinary code will do
        Reason.NOT_ENABLED: GuestText.SEE_GUARD,
        Reason.NOT_ACTIVE: GuestText.WAIT_UNTIL,
        Reason.EXPIRED: GuestText.SEE_GUARD,
        Reason.UNAUTHORIZED: GuestText.SEE_GUARD,
        Reason.NOT_AT_THIS_TIME: GuestText.WAIT_UNTIL,
        Reason.LISTING_NOT_PERMITTING: GuestText.SEE_GUARD,
        Reason.STAY_CLOSED: GuestText.SEE_GUARD,
        Reason.NOT_REGISTERED: GuestText.SEE_GUARD,
        Reason.OFFLINE_EXPIRED: GuestText.SEE_GUARD,
        Reason.SECOND_FACTOR: GuestText.USE_CODE,
        Reason.SECOND_PERSON: GuestText.TRY_AGAIN,
        Reason.CLOCK_UNTRUSTED: GuestText.SEE_GUARD,
        Reason.ANTI_PASSBACK: GuestText.SEE_GUARD,
        Reason.INTERLOCK: GuestText.TRY_AGAIN,
        Reason.OCCUPANCY: GuestText.SEE_GUARD,
    }
)


def advise(reason: Reason, kind: CredentialKind, until_ms: int | None = None) -> Advice:
    """What to tell the person; a text that cannot help them (a time nobody knows, a code after a code) becomes SEE_GUARD."""
    if kind is CredentialKind.PIN and reason is not Reason.RETRY_LATER:
        return Advice(GuestText.TRY_AGAIN)  # one text for every PIN: which digits exist is nobody's business
    text = GUEST_TEXT[reason]
    if text is GuestText.WAIT_UNTIL:
        return Advice(text, until_ms) if until_ms is not None else Advice(GuestText.SEE_GUARD)
    if text is GuestText.USE_CODE and kind is CredentialKind.QR:
        return Advice(GuestText.SEE_GUARD)
    return Advice(text)
