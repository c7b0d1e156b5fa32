"""What people and programs send, and what they get: checked here, trusted inside."""

import base64
import binascii
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

PUBLIC_KEY_BYTES = 32  # Ed25519, raw

# Purposes and versions are words of ours, never text of the guest's.
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$")]


# One line as a person types it; the records take no control characters.
LINE = r"^[^\x00-\x1f\x7f]*$"
# How long a reason may be is said by the rule that asks for one.
Reason = Annotated[str, Field(min_length=1, max_length=200, pattern=LINE)]


class Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", from_attributes=True)


class Wish(Shape):
    """What is sent: a number is a number, and no text that looks like one."""

    model_config = ConfigDict(strict=True)

    @model_validator(mode="before")
    @classmethod
    def _whole_numbers(cls, sent: object) -> object:
        """JSON has one kind of number: 12.0 is 12."""
        if not isinstance(sent, dict):
            return sent
        return {name: _whole(value) for name, value in sent.items()}


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def shown(**example: Any) -> ConfigDict:
    """An example, for the description of the interface."""
    return ConfigDict(json_schema_extra={"examples": [example]})


class CodeKeyRequest(Wish):
    model_config = shown(public_key="11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")

    public_key: str = Field(
        description="The phone's Ed25519 public key, 32 bytes, standard base64.",
        json_schema_extra={"pattern": "^[A-Za-z0-9+/]{43}=$"},
    )
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
    model_config = shown(credential="9f2c51", pass_id="PS-01HZY3Q5K8G7V0000000000001")  # noqa: S106 - no secret

    credential: str
    pass_id: str


class BundleRequest(Wish):
    model_config = shown(subject_ref="b3f1")

    subject_ref: Word | None = None


class BundleAnswer(Shape):
    """``signed``: base64 of the pass and the community's signature; worth nothing at a gate after ``expires_ms``."""

    model_config = shown(signed="AAECAw==", expires_ms=1_779_000_000_000)

    signed: str
    expires_ms: int


class ConsentRequest(Wish):
    model_config = shown(purpose="face_access", text_version="face_access-1", language="zh")

    purpose: Word
    text_version: Word
    language: Literal["zh", "en"]
    channel: Word = "guest-link"
    guardian_ref: Word | None = None


class ConsentAnswer(Shape):
    model_config = shown(consent="CN-01HZY3Q5K8G7V0000000000001")

    consent: str


class ImportRow(Shape):
    model_config = shown(line=2, status="new", key="tujia B-1", reason="")

    line: int
    status: Literal["new", "updated", "unchanged", "rejected"]
    key: str
    reason: str


class ImportAnswer(Shape):
    model_config = shown(
        kind="bookings",
        counts={"new": 1, "updated": 0, "unchanged": 0, "rejected": 0},
        rows=[{"line": 2, "status": "new", "key": "tujia B-1", "reason": ""}],
    )

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
    model_config = shown(status="ok")

    status: Literal["ok"] = "ok"
