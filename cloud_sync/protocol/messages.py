"""Every message that travels, sent exactly as declared and received generously (unknown fields pass).

JSON upwards and for everything small; msgpack arrays for the bulk rows of a snapshot.  No message has room for
a name, an image, a template or a document number, and a match travels as buckets, never as a score.
Absent = null; nulls are left out on the wire.  Times on the wire are RFC 3339 UTC text in events and integer
milliseconds since 1970 in signed objects.
"""

from typing import Annotated, Literal, TypeVar

import msgspec

# iotcore takes at most 20,480 bytes; the measured set for it is 16 KB a publish (sync.md §10).
PUBLISH_BYTES_MAX = 16_384
BATCH_EVENTS_MAX = 100
PART_BYTES_MAX = 12_000  # before base64, so that one part stays below PUBLISH_BYTES_MAX

# Both ends keep numbers in SQLite; one that does not fit in 64 bits must be refused as a frame, not stall a store.
Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Seq = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]

ClockStateName = Literal["TRUSTED", "HOLDOVER", "UNTRUSTED"]


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """Common manners of everything below."""


class Match(Message, frozen=True, kw_only=True):
    """What recognition said, in buckets; face only."""

    score_bucket: str
    margin_bucket: str
    threshold_id: str
    model: str
    gallery_version: int
    gallery_n: int


class Pad(Message, frozen=True, kw_only=True):
    result: Literal["pass", "fail", "na"]
    score_bucket: str | None = None
    species_hint: str | None = None


class EventBody(Message, frozen=True, kw_only=True):
    """One fact, immutable once encoded (access.md §10, sync.md §5.1)."""

    type: str
    boot_id: str
    mono_ms: int
    wall: str
    clock_state: ClockStateName
    clock_bound_ms: int
    access_point: str | None = None
    direction: Literal["in", "out", "unknown"] | None = None
    mode: str | None = None
    contact: str | None = None
    bolt: str | None = None
    door_result: Literal["not_opened", "opened", "held", "forced"] | None = None
    subject_ref: str | None = None
    class_: str | None = msgspec.field(default=None, name="class")
    pass_id: str | None = None
    pass_version: int | None = None
    grant_id: str | None = None
    credential_kind: str | None = None
    registered: bool | None = None
    match: Match | None = None
    pad: Pad | None = None
    quality: str | None = None
    decision: Literal["allow", "deny", "override", "release"] | None = None
    reason: str | None = None
    actor: str | None = None
    link_state: str | None = None
    freshness: str | None = None
    evidence_ref: str | None = None
    policy_version: int | None = None
    auth_ver: int | None = None
    x: dict[str, int | str] | None = None


class Tombstone(Message, frozen=True, kw_only=True):
    """A range that cannot be filled any more, declared by the node that lost it and signed by its device key.

    The last ``kept`` events of the range did survive and travel in the same batch: where a damaged page took the
    hashes with it, the chain goes on behind the first event after it (``vouched.tombstone_bytes``).
    """

    lo: Seq
    hi: Seq
    reason: str
    h: Annotated[
        str, msgspec.Meta(pattern="^[0-9a-f]{64}$")
    ]  # the full chain hash at ``hi``: the chain goes on
    sig: str = ""  # from version 2 on: base64 of the device key's signature
    kept: Count = 0


class Anchor(Message, frozen=True, kw_only=True):
    """Where the node's chain stood, once a day, signed by its device key: the service cannot have made it up."""

    seq: Seq
    h: str  # the full chain hash at ``seq``
    sig: str
    at: Count = 0  # ms since 1970 by the node's clock


class Batch(Message, frozen=True, kw_only=True):
    """``n/{node}/ev``: events in order; each row is [seq, body, first 16 hex of the chain hash]."""

    v: int  # always written out: a default would be left out and mean something else one version later
    n: str
    e: str
    sg: str = ""
    lv: bool = False
    ev: list[tuple[Seq, msgspec.Raw, str]] = []
    tomb: list[Tombstone] = []
    anchor: Anchor | None = None


class Lag(Message, frozen=True, kw_only=True):
    outbox: Count = 0
    free_mb: Count = 0


class Hello(Message, frozen=True, kw_only=True):
    """``n/{node}/hello``: birth and heartbeat."""

    v: int
    n: str
    e: str
    sg: str = ""
    head: Count
    oldest: Count
    acked: Count
    head_h: str
    sw: str
    wv: Count
    wv_min: Count
    auth_ver: Count = 0
    root: str = ""
    cfg_ver: Count = 0
    erase_ver: Count = 0
    boot_id: str
    mono_ms: Count
    wall: str
    clock_state: ClockStateName
    clock_bound_ms: Count
    nonce: str = ""
    lag: Lag = Lag()


class Ack(Message, frozen=True, kw_only=True):
    """``d/{node}/ack``: everything up to ``upto`` of epoch ``e`` is committed.  Never retained."""

    e: str
    upto: int
    sg: str
    missing: list[tuple[int, int]] = []
    wv: int
    wv_min: int
    refuse: str | None = None
    anchored: Count = 0  # the newest anchor of this epoch that is kept; a node repeats what is above


class DoorHealth(Message, frozen=True, kw_only=True):
    access_point: str
    mode: str
    contact: str
    alarm: str
    camera: str
    lock: str
    face: str = "off"
    liveness: str = "off_demo"
    gallery_n: int = 0
    threshold: float | None = None
    threshold_note: str | None = None
    expected_fpir: float | None = None
    engine: str | None = None
    dry_run: bool = False
    face_mode: str = "off"  # off | one_to_n | one_to_one | one_to_n_else_code
    tail: str | None = None  # what the threshold rests on: measured | indicative | bounded
    verified_by: str | None = None  # whether its table was verified with real people or simulated ones
    battery: str | None = None  # low | ok: of a lock the node drives itself; figures stay at the node
    signal: str | None = None  # low | ok: how well the radio hears it


class Supply(Message, frozen=True, kw_only=True):
    """What feeds a node, as its uninterruptible supply says; what it does not say is left out."""

    state: str  # mains | battery | low | unknown
    charge: int | None = None  # percent
    left_s: int | None = None  # how long the battery lasts


class State(Message, frozen=True, kw_only=True):
    """``n/{node}/st``, retained: online or (by will) offline, and how the node is."""

    on: bool
    e: str
    boot_id: str
    state: str = "ONLINE"
    sw: str = ""
    outbox: int = 0
    clock_state: ClockStateName = "TRUSTED"
    doors: list[DoorHealth] = []
    faults: list[str] = []
    supply: Supply | None = None  # of a node that has one to ask


class SinkState(Message, frozen=True, kw_only=True):
    on: bool
    sg: str = ""


class Cred(msgspec.Struct, frozen=True, array_like=True):
    """One way to use a pass: ``verifier`` is a public key (qr) or a keyed hash (pin); never a face."""

    kind: str
    cred_id: str
    verifier: bytes


class PassRow(msgspec.Struct, frozen=True, array_like=True):
    """One pass as it stands on a node (sync.md §7.2).  Times in ms since 1970."""

    pass_id: str
    pass_version: int
    subject_ref: str
    cls: str
    state: str
    scope: list[str]
    schedule: str
    not_before: int
    not_after: int
    prereq: int
    policy: int
    creds: list[Cred]


PREREQ_LISTING = 1
PREREQ_STAY = 2
PREREQ_REGISTERED = 4
PREREQ_FACE_CONSENT = 8  # not needed for entry: the face of this pass may be enrolled and matched
PREREQ_LOOKALIKE = 32  # not needed for entry: that face may be compared with other guests' at enrolment
PREREQ_MORE_TIME = 64  # not needed for entry: the holder asked for more time at the door
PREREQ_CLASS_ONLY = (
    16  # the holder chose it: the node's ledger keeps the class of who passed, and nobody's pass
)


class Head(Message, frozen=True, kw_only=True):
    """``d/{node}/auth/head``, retained: what the node's pass set has to be by now."""

    node: str
    auth_ver: int
    count: int
    root: str
    issued: int
    lease_until: int
    erase_ver: int
    kid: str
    sig: str = ""


class Part(Message, frozen=True, kw_only=True):
    """``d/{node}/auth``: one piece of a snapshot (``data`` is base64 of a slice of the packed rows).

    ``b`` says which of the 256 buckets the rows replace, in hex; left out, all of them: the whole set.
    """

    auth_ver: int
    i: int
    n: int
    data: str
    b: str = ""


class AuthAck(Message, frozen=True, kw_only=True):
    """``n/{node}/authack``: the receipt.  Success is this, never the broker's PUBACK."""

    auth_ver: Count
    root: str
    applied_at: Count
    slot: int = 0
    refused: str | None = None


class EraseItem(Message, frozen=True, kw_only=True):
    """``pass_version`` is the pass's when it was asked: no template sealed under it or before may come back."""

    template_ref: str
    pass_id: str
    reason: str
    pass_version: Count = 0


class Erase(Message, frozen=True, kw_only=True):
    """``d/{node}/erase``: all tombstones up to ``erase_ver``, signed by the community key."""

    node: str
    erase_ver: int
    items: list[EraseItem]
    kid: str
    sig: str = ""


class EraseAck(Message, frozen=True, kw_only=True):
    erase_ver: Count
    done_at: Count
    erased: Count
    sig: str = ""


class RosterNode(Message, frozen=True, kw_only=True):
    """A node that may take part in faces; all three are base64, ``proof`` is its device key's word for the second."""

    node: str
    device_key: str
    sealing_key: str
    proof: str
    doors: list[str]


class Roster(Message, frozen=True, kw_only=True):
    """``d/{node}/faces``, retained and signed: which nodes a named person has approved for faces, and their doors."""

    community: str
    ver: Count
    issued: Count
    nodes: list[RosterNode]
    kid: str
    sig: str = ""


class Sealed(Message, frozen=True, kw_only=True, rename={"from_": "from"}):
    """``n/{node}/sealed`` and ``d/{node}/sealed``: one envelope; the service reads its address and nothing more.

    ``epk`` and ``ct`` are base64; ``ct`` has the same length for everybody.  Signed by the sending node's device key.
    """

    v: int
    id: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]
    from_: Annotated[str, msgspec.Meta(max_length=64)]
    to: Annotated[str, msgspec.Meta(max_length=64)]
    pass_id: Annotated[str, msgspec.Meta(max_length=64)]
    pass_version: Count  # at the sealing; an erasure of this or a later version refuses it for ever
    model: Annotated[str, msgspec.Meta(max_length=64)]  # sha256 of the embedder
    not_after: Count
    epk: Annotated[str, msgspec.Meta(max_length=44)]
    ct: Annotated[str, msgspec.Meta(max_length=14_000)]
    sig: Annotated[str, msgspec.Meta(max_length=88)] = ""


class SealedAck(Message, frozen=True, kw_only=True):
    """``n/{node}/sealedack`` from the receiver, ``d/{node}/sealed/ack`` to the sender: what became of an envelope."""

    id: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]
    state: Literal["stored", "kept", "refused"]
    why: Annotated[str, msgspec.Meta(max_length=64)] = ""


class CmdAck(Message, frozen=True, kw_only=True):
    """``n/{node}/cmdack``: what became of a command so far; its event in the ledger says the same, and never gets lost."""

    id: str
    state: Literal["accepted", "done", "failed", "refused"]
    why: str = ""  # of "failed" and "refused"
    mode: str = ""  # the door's, where it was asked
    seq: Count = 0  # of the event, once there is one
    door: str = ""  # of a zone's command: which of the node's doors


def encode(message: Message) -> bytes:
    return msgspec.json.encode(message)


M = TypeVar("M", bound=Message)


class BadMessage(ValueError):
    """A frame that does not decode; the sentence says which kind and why."""


def decode(data: bytes, kind: type[M]) -> M:
    """Parse one message.

    Raises:
        BadMessage: the bytes are not a message of this kind.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadMessage(f"{kind.__name__}: {error}") from error


_DOMAINS: dict[type[Message], bytes] = {
    Head: b"ac-head-v1\0",
    Erase: b"ac-erase-v1\0",
    Roster: b"ac-roster-v1\0",
    Sealed: b"ac-sealed-v1\0",
}


def signing_bytes(message: Head | Erase | Roster | Sealed) -> bytes:
    """What is signed: a domain, then the message with an empty signature."""
    return _DOMAINS[type(message)] + msgspec.json.encode(msgspec.structs.replace(message, sig=""))
