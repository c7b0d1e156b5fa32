"""The facts a node writes down (access.md §10).  No name, no image, no template, no document number fits in.

``Fact`` is what happened; ``Stamp`` is when and under which clock, added by whoever records it.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, NewType

NodeId = NewType("NodeId", str)
AccessPointId = NewType("AccessPointId", str)
PassId = NewType("PassId", str)
SubjectRef = NewType("SubjectRef", str)
GrantId = NewType("GrantId", str)


class ClockState(StrEnum):
    TRUSTED = "TRUSTED"
    HOLDOVER = "HOLDOVER"
    UNTRUSTED = "UNTRUSTED"


class CredentialKind(StrEnum):
    FACE = "face"
    QR = "qr"
    PIN = "pin"
    CARD = "card"
    PHONE_BLE = "phone-ble"
    GUARD = "guard"
    REX = "rex"


Direction = Literal["in", "out", "unknown"]
DecisionWord = Literal["allow", "deny", "override", "release"]
DoorResult = Literal["not_opened", "opened", "held", "forced"]


@dataclass(frozen=True, slots=True)
class Stamp:
    """``wall_ms`` is raw UTC in ms since 1970; it is evidence with a bound, never the order."""

    boot_id: str
    mono_ms: int
    wall_ms: int
    clock_state: ClockState
    clock_bound_ms: int


@dataclass(frozen=True, slots=True)
class MatchFact:
    score_bucket: str
    margin_bucket: str
    threshold_id: str
    model: str
    gallery_version: int
    gallery_n: int


@dataclass(frozen=True, slots=True)
class PadFact:
    result: Literal["pass", "fail", "na"]
    score_bucket: str | None = None
    species_hint: str | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the ledger.  Absent is None; field names are those of the wire."""

    type: str
    access_point: AccessPointId | None = None
    direction: Direction | None = None
    mode: str | None = None
    contact: str | None = None
    bolt: str | None = None
    door_result: DoorResult | None = None
    subject_ref: SubjectRef | None = None
    cls: str | None = None
    pass_id: PassId | None = None
    pass_version: int | None = None
    grant_id: GrantId | None = None
    credential_kind: CredentialKind | None = None
    registered: bool | None = None
    match: MatchFact | None = None
    pad: PadFact | None = None
    quality: str | None = None
    decision: DecisionWord | None = None
    reason: str | None = None
    actor: str | None = None
    link_state: str | None = None
    freshness: str | None = None
    evidence_ref: str | None = None
    policy_version: int | None = None
    auth_ver: int | None = None
    x: dict[str, int | str] = field(default_factory=dict)
