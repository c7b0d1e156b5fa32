"""What the service needs from the world, and what its pages may ask of the store."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from cloud_sync.ports_guest import GuestDesk
from cloud_sync.ports_staff import StaffDesk
from cloud_sync.protocol.delta import Repair
from cloud_sync.protocol.identity import Renew
from cloud_sync.protocol.messages import (
    Ack,
    AuthAck,
    Batch,
    CmdAck,
    EraseAck,
    EraseItem,
    Hello,
    Sealed,
    SealedAck,
    State,
)


class Clock(Protocol):
    """Told, never asked in passing: tests step it."""

    def now_ms(self) -> int:
        """Milliseconds since 1970 UTC."""
        ...


@dataclass(frozen=True, slots=True)
class Delivery:
    """One publish as it arrived; ``token`` settles it."""

    topic: str
    payload: bytes
    retain: bool
    token: int


class Inbox(Protocol):
    """The sink's side of a broker (sync.md §6)."""

    def take(self, *, most: int, within_s: float) -> list[Delivery]: ...

    def settle(self, deliveries: Sequence[Delivery]) -> None:
        """PUBACK, in order of receipt, after COMMIT."""
        ...

    def send(self, topic: str, payload: bytes, *, retain: bool = False) -> None: ...

    def close(self) -> None: ...


class Publisher(Protocol):
    """The service's voice on the bus."""

    @property
    def session(self) -> int:
        """Counts connections: when it moves, retained state may be forgotten and is published again."""
        ...

    def send(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Hand one frame over; while the broker is away it is dropped and counted, never waited for."""
        ...


# --- what the sink hands to the store, and what it may tell once that is committed ---------------------------

UpMessage = Batch | Hello | State | AuthAck | Repair | EraseAck | CmdAck | Sealed | SealedAck | Renew


@dataclass(frozen=True, slots=True)
class Told:
    """One understood frame: who said what, and its bytes as they came (none of an envelope: it says itself whole)."""

    node: str
    message: UpMessage
    raw: bytes


@dataclass(frozen=True, slots=True)
class BadFrame:
    """One frame nobody could read; kept as a dead letter, so that it never stalls a gate."""

    node: str
    raw: bytes
    error: str


@dataclass(frozen=True, slots=True)
class Stored:
    """What one committed transaction changed: the acks now due, and the events that are new."""

    acks: tuple[tuple[str, Ack], ...]  # (node, ack), one per node and epoch
    lines: Sequence["EntryLine"]
    events: int  # how many were not there before; ``lines`` leaves out what no page shows
    duplicates: int
    conflicts: int


class EventStore(Protocol):
    """The sink's database: each call is one transaction, committed before it returns."""

    def sink_gen(self) -> str: ...

    def store(self, frames: Sequence[Told | BadFrame], now_ms: int) -> Stored:
        """Take frames in order of receipt.

        Raises:
            StoreError: nothing of this call was kept; hand the same frames over again later.
        """
        ...


# --- passes down ---------------------------------------------------------------------------------------------


class Signer(Protocol):
    """The community's signing key (Ed25519); the key itself never leaves it."""

    @property
    def kid(self) -> str: ...

    def sign(self, message: bytes) -> bytes:
        """64 bytes; on the wire they travel as standard base64."""
        ...


@dataclass(frozen=True, slots=True)
class PassNews:
    """Encoded rows by pass; None for one that no node is to hold now.  ``whole``: all there are, not only the changed.

    ``doors`` are the nodes' doors: a pass belongs to every node with a door in its scope.
    """

    whole: bool
    rows: Mapping[str, bytes | None]
    doors: Mapping[str, str]  # access point → node


class PassSource(Protocol):
    """What the registry wants the nodes to hold."""

    def news(self, *, whole: bool) -> PassNews:
        """What may have changed since the last call, or everything; each change is told at least once.

        Whoever could not keep what was told asks for everything next.
        """
        ...


@dataclass(frozen=True, slots=True)
class HeldSet:
    """The newest pass set built for a node, and the newest receipt for it."""

    auth_ver: int
    root: str
    receipt_ver: int
    receipt_root: str


@dataclass(frozen=True, slots=True)
class NodeView:
    """One node as the distributor sees it: what it said it holds, and what it should hold."""

    node: str
    online: bool
    told_ver: int
    told_root: str
    held: HeldSet | None
    erase_ver: int  # the newest tombstone ever asked of this node
    erasures: tuple[tuple[int, EraseItem], ...]  # (erase_ver, item) not yet receipted, oldest first
    asked_ms: int = 0  # when it last asked for a repair,
    leaves: str = ""  # and what it said it has (``Repair.leaves``)
    wv: int = 1  # the wire version of its last hello: below ``DELTAS_SINCE`` it takes whole sets only


@dataclass(frozen=True, slots=True)
class NewVersion:
    """A version of a node's pass set, to be stored before it is told."""

    node: str
    auth_ver: int
    root: str


class PassSets(Protocol):
    """The distributor's memory."""

    def views(self, now_ms: int) -> list[NodeView]: ...

    def save(self, versions: Sequence[NewVersion], now_ms: int) -> None:
        """All of them in one transaction, on disk when it returns."""
        ...


# --- reading for the pages: frozen values, nothing a template could change or fetch -------------------------


@dataclass(frozen=True, slots=True)
class Ratio:
    """A number nobody has to take on trust: numerator, denominator, and as of when."""

    numerator: int
    denominator: int
    as_of_ms: int


@dataclass(frozen=True, slots=True)
class EntryLine:
    """One event as the dashboard shows it: no person, a pseudonym at most."""

    node: str
    epoch: str
    seq: int
    type: str
    access_point: str
    access_point_zh: str
    access_point_en: str
    decision: str | None
    reason: str | None
    credential_kind: str | None
    subject_ref: str | None
    wall_ms: int
    stored_ms: int
    live: bool


@dataclass(frozen=True, slots=True)
class DoorLine:
    access_point: str
    name_zh: str
    name_en: str
    kind: str
    mode: str
    contact: str
    alarm: str
    camera: str
    face: str
    liveness: str
    gallery_n: int
    threshold: float | None
    threshold_note: str | None
    expected_fpir: float | None
    engine: str | None
    dry_run: bool = False
    face_mode: str = "off"
    tail: str | None = None
    verified_by: str | None = None


@dataclass(frozen=True, slots=True)
class SupplyLine:
    """What a node last told of what feeds it."""

    state: str  # mains | battery | low | unknown
    charge: int | None  # percent
    left_s: int | None  # how long its battery lasts


@dataclass(frozen=True, slots=True)
class NodeLine:
    node: str
    name: str
    online: bool
    silent_for_s: float | None
    head: int
    acked: int
    drained_through_ms: int
    clock_state: str
    pass_set: Literal["equal", "behind", "unknown"]
    faults: tuple[str, ...]
    doors: tuple[DoorLine, ...]
    hello_ms: int = 0  # when it was last heard; 0: never
    clock_bound_ms: int = 0
    software: str = ""
    outbox: int | None = None  # as its last hello told; None: it told none
    free_mb: int | None = None
    wire: int | None = None  # the newest wire version it speaks
    missing: int = 0  # events inside gaps: known to exist, not here
    clock_off_ms: int | None = (
        None  # its clock less the service's, as far as that is certain; None: not known
    )
    supply: SupplyLine | None = None  # None: it has none to ask


@dataclass(frozen=True, slots=True)
class LateNode:
    """A node that has not told everything: what it recorded after ``since_ms`` may be missing from every number."""

    node: str
    name: str
    since_ms: int  # 0: it has never told anything
    online: bool


@dataclass(frozen=True, slots=True)
class DiscrepancyLine:
    id: str
    kind: str
    severity: str
    subject: str
    opened_ms: int
    state: str


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Everything the community sees on its first page."""

    community: str
    name_zh: str
    name_en: str
    synthetic: bool
    now_ms: int
    watermark_ms: int
    expected: Ratio  # stays expected today that are registered / all expected today
    arrived: Ratio  # stays with a first entry today / expected today
    in_house: Ratio  # members with presence in / members of open stays
    denied: Ratio  # denials today / decisions today
    nodes: tuple[NodeLine, ...]
    discrepancies: tuple[DiscrepancyLine, ...]
    entries: tuple[EntryLine, ...]  # newest first, at most 50
    # First entries of stays today, by the community's hour 0-23; () = not counted.
    arrivals_by_hour: tuple[int, ...] = ()
    late: tuple[LateNode, ...] = ()  # () = every number is whole up to the watermark


class DashboardReader(Protocol):
    def dashboard(self, community: str, now: datetime) -> Dashboard: ...

    def nodes(self, community: str, now_ms: int) -> Sequence[NodeLine]:
        """The nodes of the dashboard without its numbers, which grow with the guests: for pages that ask often."""
        ...

    def entries_after(self, community: str, stored_ms: int, *, most: int) -> Sequence[EntryLine]:
        """Events stored at or after ``stored_ms``, oldest first: the catch-up of a live page that reconnects."""
        ...


class EventFeed(Protocol):
    """Events as the sink commits them, for pages that are open; a slow page loses lines, never the sink time."""

    def subscribe(self, listener: Callable[[EntryLine], None]) -> Callable[[], None]:
        """``listener`` is called from the sink's thread and must only hand over; the result unsubscribes."""
        ...


# Pages and HTTP interface read the same session; neither may import the other.
SESSION_COOKIE = "gatehouse_session"


@dataclass(frozen=True, slots=True)
class User:
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class Session:
    user: User
    csrf: str
    unfinished: bool = False  # opens nothing but the page where a second factor is set up
    advised: bool = False  # has no second factor, and is asked to set one up


@dataclass(frozen=True, slots=True)
class FactorNeeded:
    """The password is right and not enough."""

    step: str  # what ``second_step`` is given; empty: only a passkey lets this person in


class Accounts(Protocol):
    def has_users(self) -> bool: ...

    def has_admin(self) -> bool:
        """False: the first administrator is still to be made, whoever else has a login already."""
        ...

    def create_first_admin(self, name: str, password: str, setup_token: str) -> User:
        """Refused unless no user exists and the token printed at first run is shown."""
        ...

    def login(self, name: str, password: str, device: str = "") -> str | FactorNeeded | None:
        """A new session token, what else is needed, or None; takes as long either way.  Refused: right, and without a duty today."""
        ...

    def second_step(self, step: str, code: str, device: str = "") -> str | None:
        """A new session token, or None for a wrong code; refused once the step is over."""
        ...

    def session(self, token: str) -> Session | None:
        """Who is logged in and may go on."""
        ...

    def any_session(self, token: str) -> Session | None:
        """Also one that is not finished."""
        ...

    def users(self) -> tuple[User, ...]:
        """Everybody who may log in, by name."""
        ...

    def logout(self, token: str) -> None: ...


ImportKind = Literal["listings", "bookings", "registrations", "residents", "staff"]
# What else communities receive as files: facts and evidence that no record of the five above holds.
FeedKind = Literal[
    "advertisements",
    "census",
    "complaints",
    "grids",
    "inspections",
    "listing_states",
    "operators",
    "reports",
    "returns",
    "rooms",
    "units",
    "verifications",
    "visitors",
]


@dataclass(frozen=True, slots=True)
class RowAnswer:
    """What became of one row of an import; every row gets exactly one."""

    line: int
    status: Literal["new", "updated", "unchanged", "rejected"]
    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class ImportReport:
    kind: str
    rows: tuple[RowAnswer, ...]

    def count(self, status: str) -> int:
        return sum(row.status == status for row in self.rows)


class Registry(GuestDesk, StaffDesk, Protocol):
    """What the HTTP interface and the command line may ask of the community's records.

    Names and document numbers go in and are sealed in the vault at once; they never come back from here.
    """

    def import_csv(self, kind: ImportKind, data: bytes, *, actor: str) -> ImportReport: ...

    def guest_link(self, source: str, external_ref: str) -> str:
        """A fresh guest token for the stay of this booking; the previous one stops working."""
        ...

    def bind_code_key(self, guest_token: str, subject_ref: str | None, public_key: bytes) -> tuple[str, str]:
        """Bind the phone's Ed25519 public key (32 bytes) to the guest's pass; returns (credential id hex, pass id)."""
        ...

    def give_consent(
        self,
        guest_token: str,
        purpose: str,
        text_version: str,
        language: str,
        channel: str,
        *,
        guardian_ref: str | None = None,
        subject_ref: str | None = None,
    ) -> str: ...

    def withdraw_consent(self, guest_token: str, purpose: str, *, subject_ref: str | None = None) -> None: ...
