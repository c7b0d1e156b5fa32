"""What people and programs send, and what they get: checked here, trusted inside."""

import base64
import binascii
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

PUBLIC_KEY_BYTES = 32  # Ed25519, raw

# Purposes and versions are words of ours, never text of the guest's.
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$")]


class Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", from_attributes=True)


class CodeKeyRequest(Shape):
    public_key: str = Field(description="The phone's Ed25519 public key, 32 bytes, standard base64.")
    subject_ref: Word | None = Field(None, description="Which member of the stay; left out, the first one.")

    @field_validator("public_key")
    @classmethod
    def _is_a_key(cls, text: str) -> str:
        try:
            raw = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise ValueError("public_key is not base64") from error
        if len(raw) != PUBLIC_KEY_BYTES:
            raise ValueError(f"public_key has {len(raw)} bytes and needs {PUBLIC_KEY_BYTES}")
        return text

    @property
    def raw(self) -> bytes:
        return base64.b64decode(self.public_key)


class CodeKeyAnswer(Shape):
    credential: str
    pass_id: str


class BundleRequest(Shape):
    subject_ref: Word | None = None


class BundleAnswer(Shape):
    """``signed``: base64 of the pass and the community's signature; worth nothing at a gate after ``expires_ms``."""

    signed: str
    expires_ms: int


class ConsentRequest(Shape):
    purpose: Word
    text_version: Word
    language: Literal["zh", "en"]
    channel: Word = "guest-link"
    guardian_ref: Word | None = None


class ConsentAnswer(Shape):
    consent: str


class ImportRow(Shape):
    line: int
    status: Literal["new", "updated", "unchanged", "rejected"]
    key: str
    reason: str


class ImportAnswer(Shape):
    kind: str
    counts: dict[str, int]
    rows: list[ImportRow]


class RatioAnswer(Shape):
    numerator: int
    denominator: int
    as_of_ms: int


class SupplyAnswer(Shape):
    state: str
    charge: int | None
    left_s: int | None


class NodeAnswer(Shape):
    node: str
    online: bool
    head: int
    acked: int
    drained_through_ms: int
    pass_set: str
    clock_state: str
    hello_ms: int
    software: str
    wire: int | None
    outbox: int | None
    missing: int
    free_mb: int | None
    faults: list[str]
    supply: SupplyAnswer | None


class LateAnswer(Shape):
    node: str
    since_ms: int
    online: bool


class DiscrepancyAnswer(Shape):
    id: str
    kind: str
    severity: str
    subject: str
    opened_ms: int
    state: str


class DashboardAnswer(Shape):
    community: str
    synthetic: bool
    now_ms: int
    watermark_ms: int
    expected: RatioAnswer
    arrived: RatioAnswer
    in_house: RatioAnswer
    denied: RatioAnswer
    late: list[LateAnswer]
    nodes: list[NodeAnswer]
    discrepancies: list[DiscrepancyAnswer]


class Pulse(Shape):
    status: Literal["ok"] = "ok"
