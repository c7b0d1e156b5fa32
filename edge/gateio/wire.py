"""What gate-io and its clients say to each other: one JSON message per packet (hardware.md §3.2).

Fields may be added and are ignored by whoever does not know them; a changed meaning changes ``PROTOCOL``.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

from edge.ports import LockCaps, Outcome, Point
from edge.ports_io import ReadKind, Show

PROTOCOL = 2

# A packet is read whole or not at all; two pages are enough for sixteen doors with all eight points, and keep the reader's
# buffer fixed (one page, as first designed, was enough for five points).
PACKET_MAX = 8192

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
Text = Annotated[str, msgspec.Meta(max_length=200)]
Ns = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Ms = Annotated[int, msgspec.Meta(ge=0, le=86_400_000)]
LatchKind = Literal["fire", "evacuate"]
Verb = Literal["pulse", "hold", "lock", "latch"]


class Hello(msgspec.Struct, frozen=True, tag="hello", tag_field="type"):
    """The first word of every client.  A watcher may leave the hash empty; a commander may not."""

    protocol: int
    profile_hash: Text = ""
    watch: bool = False


class Beat(msgspec.Struct, frozen=True, tag="beat", tag_field="type"):
    seq: Ns


class Command(msgspec.Struct, frozen=True, tag="cmd", tag_field="type", omit_defaults=True):
    """``ms`` belongs to pulse, ``until_ns`` to hold, ``kind`` and ``actor`` to latch."""

    id: Name
    verb: Verb
    door: Name
    deadline_ns: Ns
    reason: Text
    ms: Ms | None = None
    until_ns: Ns | None = None
    kind: LatchKind | None = None
    on: bool | None = None
    actor: Text = ""


class LatchReset(msgspec.Struct, frozen=True, tag="latch_reset", tag_field="type"):
    id: Name
    door: Name
    kind: LatchKind
    actor: Text
    deadline_ns: Ns


class AskSnapshot(msgspec.Struct, frozen=True, tag="snapshot", tag_field="type"):
    id: Text = ""


class SelfTest(msgspec.Struct, frozen=True, tag="selftest", tag_field="type"):
    id: Name
    door: Name


class ShowIt(msgspec.Struct, frozen=True, tag="show", tag_field="type"):
    """For the lights and beepers of a door; never answered."""

    door: Name
    what: Show


ToGate = ShowIt | Hello | Beat | Command | LatchReset | AskSnapshot | SelfTest


class Welcome(msgspec.Struct, frozen=True, tag="hello", tag_field="type"):
    """``commands`` is False when the client only watches."""

    protocol: int
    profile_hash: str
    boot_id: str
    commands: bool
    caps: dict[str, LockCaps]


class BeatBack(msgspec.Struct, frozen=True, tag="beat", tag_field="type"):
    """``news_seq`` is the last edge or latch told; a client that saw less asks for a snapshot."""

    seq: int
    t_ns: int
    news_seq: int


class Answer(msgspec.Struct, frozen=True, tag="result", tag_field="type"):
    id: str
    outcome: Outcome
    done_ns: int
    detail: str = ""


class Snapshot(msgspec.Struct, frozen=True, tag="snapshot", tag_field="type"):
    points: dict[str, dict[Point, bool | None]]
    outputs: dict[str, bool]
    latches: dict[str, list[LatchKind]]
    seq: int
    id: str = ""
    silent: list[str] = []  # doors whose lock does not answer


class EdgeNews(msgspec.Struct, frozen=True, tag="edge", tag_field="type"):
    door: str
    point: Point
    level: bool | None
    t_ns: int
    seq: int


class LatchNews(msgspec.Struct, frozen=True, tag="latch", tag_field="type"):
    door: str
    kind: LatchKind
    on: bool
    t_ns: int
    seq: int


class LockNews(msgspec.Struct, frozen=True, tag="lock", tag_field="type"):
    """A lock behind a bus fell silent or is back."""

    door: str
    online: bool
    t_ns: int
    seq: int
    detail: str = ""


class ReadNews(msgspec.Struct, frozen=True, tag="read", tag_field="type"):
    """Something was shown to a reader; goes to the commander only."""

    door: str
    kind: ReadKind
    data: str
    t_ns: int
    seq: int


class Nack(msgspec.Struct, frozen=True, tag="nack", tag_field="type"):
    """The packet before this one was not understood, or the client is not welcome."""

    reason: str


FromGate = Welcome | BeatBack | Answer | Snapshot | EdgeNews | LatchNews | LockNews | ReadNews | Nack


@dataclass(frozen=True, slots=True)
class Malformed:
    reason: str


_to_gate: msgspec.json.Decoder[ToGate] = msgspec.json.Decoder(ToGate)
_from_gate: msgspec.json.Decoder[FromGate] = msgspec.json.Decoder(FromGate)
_encoder = msgspec.json.Encoder()


def encode(message: ToGate | FromGate) -> bytes:
    """The packet; never longer than ``PACKET_MAX``."""
    packet = _encoder.encode(message)
    assert len(packet) <= PACKET_MAX, f"a {type(message).__name__} of {len(packet)} bytes"
    return packet


def decode_for_gate(packet: bytes) -> ToGate | Malformed:
    """What a client said; whatever the bytes are, a value comes back and nothing is raised."""
    if len(packet) > PACKET_MAX:
        return Malformed(f"longer than {PACKET_MAX} bytes")
    try:
        return _to_gate.decode(packet)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Malformed(str(error)[:200])


def decode_from_gate(packet: bytes) -> FromGate | Malformed:
    """What gate-io said; same promise."""
    if len(packet) > PACKET_MAX:
        return Malformed(f"longer than {PACKET_MAX} bytes")
    try:
        return _from_gate.decode(packet)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Malformed(str(error)[:200])
