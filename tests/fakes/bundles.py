"""Passes as people carry them: signed by the community of ``lone_gate``, shown with or without a phone's key."""

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_sync.protocol import bundle, code
from cloud_sync.protocol.bundle import Kind, PassText
from tests.fakes.lone_gate import COMMUNITY, GATE, HOUR_MS, KEY, KID, NOW_MS

PASS_ID = "PS-01KB7Q2M3N4P5R6S7T8V9W0XYZ"
OTHER_ID = "PS-01KB7Q2M3N4P5R6S7T8V9W0XZ0"


def told(**changes: object) -> PassText:
    words = {
        "kind": Kind.BEARER, "cls": "guest", "kid": KID, "pass_id": PASS_ID, "pass_version": 3, "prereq": 7,
        "not_before_s": (NOW_MS - HOUR_MS) // 1000, "not_after_s": (NOW_MS + 20 * HOUR_MS) // 1000,
        "issued_s": NOW_MS // 1000, "life_min": bundle.LIFE_MAX_MIN, "doors": bundle.tags_of([GATE, "AP-room"]),
    }  # fmt: skip
    return PassText(**{**words, **changes})


def bearer(*, by: Ed25519PrivateKey = COMMUNITY, **changes: object) -> str:
    body = bundle.encode_body(told(**changes))
    return bundle.compose(body, by.sign(bundle.signing_bytes(body)))


def day_code(pin: str, **changes: object) -> str:
    words = {**changes, "kind": Kind.DAY_CODE}
    salt = bundle.encode_body(told(**words, beside=bytes(8)))[:-8]
    return bearer(**words, beside=bundle.pin_proof(KEY, salt, pin))


@dataclass
class Phone:
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def public(self) -> bytes:
        return self.key.public_key().public_bytes_raw()

    def shows(self, *, at_ms: int = NOW_MS, by: Ed25519PrivateKey = COMMUNITY, **changes: object) -> str:
        """The bundle at one step of this phone's clock."""
        body = bundle.encode_body(told(**{**changes, "kind": Kind.PHONE, "beside": self.public}))
        step = code.step_at(at_ms / 1000)
        use = self.key.sign(bundle.used_bytes(body, step))
        return bundle.compose_use(body, by.sign(bundle.signing_bytes(body)), step, use)

    def code(self, credential: bytes, *, at_ms: int = NOW_MS) -> str:
        step = code.step_at(at_ms / 1000)
        return code.compose(credential, step, self.key.sign(code.unsigned(credential, step)))
