"""What a guest's link may ask of the records, and how guests are written to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from cloud_sync.core.emergency import Emergency
from cloud_sync.core.jurisdiction import GuestKind
from cloud_sync.core.lifecycles import PassState

FaceAnswer = Literal["not_offered", "ask", "yes", "no"]


@dataclass(frozen=True, slots=True)
class GuestDoor:
    """One door of the way in, in the order a guest meets them."""

    access_point: str
    kind: str
    name_zh: str
    name_en: str
    face: bool
    silent: bool = False  # its node has not been heard lately: it may open for nobody
    near_zh: str = ""  # the entrance next to it that this pass opens too; empty: none that is known
    near_en: str = ""


@dataclass(frozen=True, slots=True)
class GuestMember:
    """One person of the party, without a name: the link shows nobody's data unasked."""

    subject_ref: str
    role: str  # lead | companion | minor
    minor: bool
    registration: str  # a state of the registration, "" before anything was sent
    verified: bool  # registered as far as this community asks
    pass_state: PassState
    listing_permits: bool  # the place may take this person now
    not_before_ms: int
    not_after_ms: int
    face: FaceAnswer
    alike: bool  # agreed that the face is compared with other guests' at enrolment
    more_time: bool  # asked that doors stay released longer
    code: str | None  # the credential id of the phone's code, when one is bound
    has_pin: bool
    hours: str = ""  # of every day, chosen by a guardian; empty: at any time
    tells: bool = False  # the guardian wants to hear of a door that said no outside of them
    guarded: bool = False  # a child whose hours the guest of this link may choose


@dataclass(frozen=True, slots=True)
class GuestPlace:
    """Where in the community the room is, as the unit's row says; what is not known is empty."""

    building: str
    stair: str
    floor: str


@dataclass(frozen=True, slots=True)
class GuestBulletin:
    """A notice of the community that runs now for this stay; ``shown`` when it has stood on a page of theirs."""

    bulletin: str
    text_zh: str
    text_en: str
    ends_ms: int
    shown: bool


DepartureAnswer = Literal["asked", "sure", "shorter"]


@dataclass(frozen=True, slots=True)
class StayWish:
    """Until when the guests asked to stay, and what became of it: ASKED, AGREED, DECLINED or TAKEN_BACK."""

    departure_ms: int
    state: str


@dataclass(frozen=True, slots=True)
class GuestView:
    """Everything the pages of one guest link rest on."""

    community_zh: str
    community_en: str
    synthetic: bool
    stay: str
    stay_state: str
    is_open: bool  # people may still register
    inside: bool  # somebody has come in and not left: they may leave early
    listing: str
    room: str
    planned_in_ms: int
    planned_out_ms: int
    move_by_ms: int | None  # the place was banned while they are inside: until then their doors stay theirs
    headcount: int
    max_guests: int
    doors: tuple[GuestDoor, ...]
    members: tuple[GuestMember, ...]  # registered or waiting for it; the lead first
    failed_checks: int
    notice: str  # the version that is shown now
    notice_read: bool
    rules_read: str  # the version of the house rules that was read, "" before
    has_draft: bool
    consent_texts: Mapping[str, str]
    erase_after_ms: int
    asks: Mapping[str, GuestKind | None]  # what the law asks besides, and of whom; None: of everybody
    emergency: Emergency | None  # declared at this moment: its fields may be asked too
    bulletins: tuple[GuestBulletin, ...]  # the newest last
    can_tell: bool = False  # a guardian can be written to here
    wish: StayWish | None = None
    place: GuestPlace | None = None
    written_to: bool = False  # the address the link was sent to is kept for what concerns this stay

    @property
    def lead(self) -> GuestMember:
        return self.members[0]

    def member(self, subject_ref: str | None) -> GuestMember:
        """The one named, else the lead."""
        return next((one for one in self.members if one.subject_ref == subject_ref), self.lead)


@dataclass(frozen=True, slots=True)
class FormAnswer:
    """What became of one form: faults by field (words of ``FormFault``), or a recorded person."""

    faults: Mapping[str, str]
    subject_ref: str = ""
    verified: bool = False
    failed_checks: int = 0


class GuestDesk(Protocol):
    """What the token in a guest's address allows: this stay, its party, and nobody else.

    Every call raises NotFound when the link is not valid, and Refused with a rule the pages have words for.
    """

    def guest_view(self, guest_token: str) -> GuestView: ...

    def read_notice(self, guest_token: str, notice: str, rules: str) -> None:
        """The notice and the house rules of these versions were shown and gone past."""
        ...

    def saw_bulletins(self, guest_token: str) -> None:
        """The notices that run for this stay stand on a page that is sent now."""
        ...

    def write_no_more(self, guest_token: str) -> None:
        """The address this stay's link was sent to is forgotten; the page tells everything alone."""
        ...

    def draft(self, guest_token: str) -> Mapping[str, str]:
        """What was typed and not sent; {} when there is nothing."""
        ...

    def save_draft(self, guest_token: str, form: Mapping[str, str]) -> None:
        """Seal what was typed so far in the vault; the last one wins."""
        ...

    def register_self(self, guest_token: str, form: Mapping[str, str]) -> FormAnswer:
        """Register the lead guest at the level that typing proves."""
        ...

    def add_companion(self, guest_token: str, form: Mapping[str, str]) -> FormAnswer: ...

    def answer_face(
        self,
        guest_token: str,
        subject_ref: str | None,
        *,
        agrees: bool,
        text_version: str,
        language: str,
        alike_version: str = "",
    ) -> None:
        """Yes is a consent; no costs nothing and is not asked again during this stay.

        ``alike_version`` is the text of the second, separate consent where it was ticked too, else empty.
        """
        ...

    def stop_comparing(self, guest_token: str, subject_ref: str | None) -> int:
        """Withdraw the comparison with other guests and keep the face; how many consents that ended."""
        ...

    def ask_more_time(self, guest_token: str, subject_ref: str | None, *, wanted: bool) -> None:
        """From now on doors stay released longer for this guest, or as long as for anybody again."""
        ...

    def remove_face(self, guest_token: str, subject_ref: str | None) -> int:
        """Withdraw; how many consents that ended.  The way in by code stays."""
        ...

    def set_child_hours(
        self, guest_token: str, subject_ref: str | None, begins: str, ends: str, *, tell: bool
    ) -> None:
        """Limit a child's pass to hours of every day, or with two empty times to none."""
        ...

    def issue_pin(self, guest_token: str, subject_ref: str | None) -> str:
        """Six digits, said once; an older PIN of this guest stops working."""
        ...

    def phone_bundle(self, guest_token: str, subject_ref: str | None) -> tuple[bytes, int]:
        """The pass itself, signed, for a gate that has no news: (body and signature, until when in ms)."""
        ...

    def leave(self, guest_token: str) -> None:
        """Check the party out now; the way out stays open."""
        ...

    def ask_departure(self, guest_token: str, day: str, *, sure: bool) -> DepartureAnswer:
        """Another day of departure: "asked" of the operator, "shorter" at once, or "sure" when that has to be said first."""
        ...

    def take_departure_back(self, guest_token: str) -> None:
        """What was asked and not answered is not asked any more."""
        ...

    def own_data(self, guest_token: str, subject_ref: str | None, last_four: str) -> dict[str, Any]:
        """What is held about this person and this stay, after the end of their document number was said."""
        ...

    def erase_own_data(self, guest_token: str, subject_ref: str | None) -> int:
        """End what nothing orders to keep, once the stay is over; how many consents that ended."""
        ...


# --- writing to guests -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Contact:
    """Where somebody is written to: a way of ``[notify]`` and an address there."""

    channel: str
    to: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Notice:
    """One message, ready to hand over; whom and what it says stays out of every log."""

    id: str
    to: str = field(repr=False)
    subject: str
    text: str = field(repr=False)
    link: str = field(repr=False)
    language: str
    synthetic: bool  # of invented people: no connector sends it
    at_ms: int


class Notifier(Protocol):
    """One way to write to a guest or an operator; a plug-in of the group ``gatehouse.notifiers``."""

    def send(self, notice: Notice) -> str:
        """Hand over and return what the far side answered: the receipt.

        Raises:
            Refused: it will never be taken (a synthetic community, an address that cannot be); not tried again.
            ConnectorError: not now; tried again later.
        """
        ...


@dataclass(frozen=True, slots=True)
class DueNotice:
    """One message that is due, claimed by whoever asked; address and link are for the sender only."""

    id: str
    channel: str
    topic: str
    language: str
    to: str = field(repr=False)
    link: str = field(repr=False)
    community_zh: str
    community_en: str
    planned_in_ms: int
    planned_out_ms: int
    synthetic: bool
    said: Mapping[str, str] = field(
        default_factory=dict, repr=False
    )  # what the topic's words have places for
    operator: str = ""  # of a message to an operator: whom, and about which listing and booking
    listing: str = ""
    about: str = ""
    reason: str = ""


class Outbox(Protocol):
    """Messages to guests and operators: kept until the far side has taken them, with a receipt, or the tries are used up."""

    def claim(self, *, most: int, only: str | None = None) -> Sequence[DueNotice]: ...

    def sent(self, notice: str, receipt: str) -> None: ...

    def failed(self, notice: str, problem: str) -> None:
        """Tried again later, at most as often as the retry table says."""
        ...

    def refused(self, notice: str, problem: str) -> None: ...
