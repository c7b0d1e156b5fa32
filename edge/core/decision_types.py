"""What a decision is made from and what comes out.  Points, bands and sanctions have no field here, on purpose."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, get_args

from edge.core.challenge import Why
from edge.core.clock import MAX_OFFLINE_MS, TimeSpan, time_span
from edge.core.credentials import CodeOutcome
from edge.core.door_types import Camera, Mode
from edge.core.events import AccessPointId, ClockState, CredentialKind, Direction, PadFact
from edge.core.evidence import Look, Verdict
from edge.core.passes import EARLY_MS, LocationClass, Pass
from edge.core.reasons import Advice, Reason, advise
from edge.core.requirement import Require

# REX is not among them: the way out is logged, never decided.
EntryKind = Literal[
    CredentialKind.FACE,
    CredentialKind.QR,
    CredentialKind.PIN,
    CredentialKind.CARD,
    CredentialKind.PHONE_BLE,
    CredentialKind.GUARD,
]


class Ruling(StrEnum):
    """What a rule outside the pass says.  NOT_CONFIGURED lets pass, and says that nobody was asked.

    FLAGGED lets pass and marks the grant: soft anti-passback.
    """

    NOT_CONFIGURED = "not_configured"
    MET = "met"
    FLAGGED = "flagged"
    BROKEN = "broken"


class Liveness(StrEnum):
    """What the door asks of a face; with OFF_DEMO every screen says that it is off.

    PASSIVE refuses what was found to be a picture and asks nobody to do anything; CHALLENGE_ON_RISK asks for a turn
    or a nod where there is a reason to, CHALLENGE_ALWAYS every time.
    """

    OFF_DEMO = "off_demo"
    PASSIVE = "passive"
    CHALLENGE_ON_RISK = "challenge_on_risk"
    CHALLENGE_ALWAYS = "challenge_always"


@dataclass(frozen=True, slots=True)
class Matcher:
    """With what the face was compared; goes into the event."""

    threshold_id: str
    model: str
    gallery_version: int
    gallery_n: int


@dataclass(frozen=True, slots=True)
class FaceEvidence:
    """A concluded look; a track that is still LOOKING is not yet an attempt."""

    verdict: Verdict
    matcher: Matcher
    pad: PadFact
    simulated: bool = False  # the engine invents its faces
    by_before: bool = False  # named by the face model that goes: its holder is asked to enrol anew
    pad_why: Why | None = None  # why liveness failed; some of its words accuse nobody

    def __post_init__(self) -> None:
        assert self.verdict.look is not Look.LOOKING, "nothing to decide yet: look at more frames"
        assert self.pad_why is None or self.pad.result == "fail", "only a failure has a reason"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try by one credential.  ``holder`` is the pass it belongs to, None when nobody knows it."""

    kind: EntryKind
    holder: Pass | None
    face: FaceEvidence | None = None  # for a face; or beside a code or PIN, where the door asks for both
    code: CodeOutcome | None = None  # exactly for a rotating code whose credential is known
    factors: int = 1  # independent credentials of the same pass shown together
    also: frozenset[CredentialKind] = (
        frozenset()
    )  # their kinds, besides ``kind``; a face beside a code is not among them
    needs_pin: bool = False  # a day code: worth nothing before its PIN is typed
    signed_age_ms: int | None = None  # how old the community's word is that was shown with it (a bundle)
    aboard: bool = True  # False: this node has the pass from what was shown, and from nowhere else
    seconded_by: Pass | None = None  # somebody else whom this door has just found good
    locked_until_ms: int | None = None  # T_retry_lock is running until then
    duress: bool = False

    def __post_init__(self) -> None:
        assert self.kind in get_args(EntryKind), "the way out is never decided"
        assert self.face is not None or self.kind is not CredentialKind.FACE
        beside = self.kind in {CredentialKind.QR, CredentialKind.PIN} and self.holder is not None
        assert self.face is None or self.kind is CredentialKind.FACE or beside
        needs_code = self.kind is CredentialKind.QR and self.holder is not None
        assert (self.code is not None) == needs_code or CredentialKind.QR in self.also
        assert self.kind not in self.also
        assert not self.also or self.factors > len(self.also)
        if self.face is not None and self.holder is not None:
            named = self.face.verdict.pass_id
            unnamed = named is None and self.kind is not CredentialKind.FACE
            assert unnamed or named == self.holder.pass_id, "a face opens its own pass only"


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorView:
    """The door as the decision needs it."""

    access_point: AccessPointId
    location_class: LocationClass
    lock_silent: bool = False  # nobody is promised a door whose lock does not answer
    mode: Mode
    direction: Direction = "in"
    camera: Camera = Camera.OK
    liveness: Liveness = Liveness.CHALLENGE_ALWAYS
    simulation: bool = False  # a node that is a simulation may open for invented faces
    require: Require = Require.ANY
    else_code: bool = False  # a face that could be two people is asked for its code, and not refused
    schedule: Ruling = Ruling.NOT_CONFIGURED
    schedule_opens_ms: int | None = (
        None  # of a schedule that is closed: when it opens next, where that is sure
    )
    anti_passback: Ruling = Ruling.NOT_CONFIGURED
    interlock: Ruling = Ruling.NOT_CONFIGURED
    occupancy: Ruling = Ruling.NOT_CONFIGURED

    @property
    def early_ms(self) -> int:
        return EARLY_MS[self.location_class]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When, how sure of it, and how old the node's knowledge is."""

    now_ms: int
    clock: ClockState
    floor_ms: int  # the earliest it can be (``clock.lower_bound_ms``)
    contact_age_ms: int | None  # ``freshness.contact_age_ms``
    online: bool
    lease_over: bool = False  # ``freshness.Lease``
    max_offline_ms: int = MAX_OFFLINE_MS

    @property
    def span(self) -> TimeSpan:
        return time_span(self.clock, self.now_ms, self.floor_ms, self.max_offline_ms)


@dataclass(frozen=True, slots=True)
class Policy:
    """The versions a decision was made under, for the record."""

    policy_version: int
    auth_ver: int


class GrantFlag(StrEnum):
    """What was not as it should be although the door opened; travels with the event."""

    STALE = "stale"
    CLOCK_UNTRUSTED = "clock_untrusted"
    LIVENESS_OFF = "liveness_off"
    SIMULATED = "simulated"
    PASSBACK = "passback"  # the pass is recorded as being on the other side
    EMERGENCY = "emergency"  # an emergency pass was used: people look at every one of these


@dataclass(frozen=True, slots=True)
class Allow:
    holder: Pass
    flags: frozenset[GrantFlag] = frozenset()
    duress: bool = False  # opens like any other, and silently calls for help

    @property
    def reason(self) -> Reason:
        return Reason.GRANTED


@dataclass(frozen=True, slots=True)
class Deny:
    """No, with the one reason; ``until_ms`` is when the same would be yes, where that is known."""

    reason: Reason
    kind: CredentialKind
    holder: Pass | None = None
    until_ms: int | None = None

    @property
    def advice(self) -> Advice:
        return advise(self.reason, self.kind, self.until_ms)


@dataclass(frozen=True, slots=True)
class Retry:
    """Not a denial and not recorded as one: ask again, with what the advice says."""

    reason: Reason
    kind: CredentialKind
    until_ms: int | None = None

    @property
    def advice(self) -> Advice:
        return advise(self.reason, self.kind, self.until_ms)


Decision = Allow | Deny | Retry
