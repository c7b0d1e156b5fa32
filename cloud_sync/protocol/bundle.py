"""``AC1:`` codes: the signed pass itself, for a gate that never saw it (access.md §6.2, hardware.md §8, ADR 0032).

Layout, final; integers are big-endian, times in seconds since 1970:
version and kind 1 B (``0x10 | kind``) · class 1 · key id 4 · pass id 16 · pass version 2 · prereq 1 · not before 4 ·
not after 4 · issued 4 · life in minutes 2 · number of doors 1 · 3 for each door · what is proved beside it.  Then the
community's Ed25519 signature (64) over ``"ac-pass-v1\\0"`` and all of that.

| kind | what is proved beside it | what else travels |
|---|---|---|
| 1 bearer | nothing: whoever shows it has it | – |
| 2 phone | 32 B: the phone's public key | step 4 · the phone's signature 64 over ``"ac-pass-use-v1\\0"``, the body and the step |
| 3 day code | 8 B: keyed proof of a PIN that has to be typed after it | – |

A phone's screenshot is therefore dead after one rotation, as of any other code; what nobody's key stands behind lives
``LIFE_MAX_MIN`` at most, like everything here.
"""

import hmac
from collections.abc import Collection
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256

from cloud_sync.protocol.code import BadCode, b45decode, b45encode

PREFIX = "AC1:"
LIFE_MAX_MIN = 24 * 60  # domain.md invariant 15: honoured without the pass aboard, so no longer
DOORS_MAX = 16  # with a phone's key that is QR version 10 at error correction L; five doors fit version 9
VERSION_MAX = 0xFFFF
CLASSES = (
    "resident",
    "long_tenant",
    "guest",
    "day_visitor",
    "courier",
    "operator",
    "maintenance",
    "grid",
    "emergency",
)
_FORMAT = 0x10
_HEAD = 40
_TAG = 3
_KEY = 32
_PIN_PROOF = 8
_SIGNATURE = 64
_STEP = 4
_PASS_DOMAIN, _USE_DOMAIN, _PIN_DOMAIN = b"ac-pass-v1\0", b"ac-pass-use-v1\0", b"ac-day-v1\0"
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ULID_CHARACTERS = 26
_PASS = "PS-"  # noqa: S105 - how the id of a pass begins


class Kind(IntEnum):
    BEARER = 1
    PHONE = 2
    DAY_CODE = 3


_BESIDE = {Kind.BEARER: 0, Kind.PHONE: _KEY, Kind.DAY_CODE: _PIN_PROOF}


@dataclass(frozen=True, slots=True, kw_only=True)
class PassText:
    """What a bundle says of a pass; ``doors`` are tags of 3 bytes, ``beside`` belongs to the kind."""

    kind: Kind
    cls: str
    kid: str  # the first eight hex digits of the signing key's id
    pass_id: str
    pass_version: int
    prereq: int
    not_before_s: int
    not_after_s: int
    issued_s: int
    life_min: int
    doors: frozenset[bytes]
    beside: bytes = b""

    @property
    def expires_s(self) -> int:
        return self.issued_s + 60 * self.life_min


@dataclass(frozen=True, slots=True)
class Bundle:
    """A parsed, not yet verified bundle."""

    told: PassText
    body: bytes
    signature: bytes
    step: int = 0
    use_signature: bytes = b""  # the phone's, for kind PHONE

    @property
    def signed(self) -> bytes:
        """The bytes the community's signature covers."""
        return _PASS_DOMAIN + self.body

    @property
    def used(self) -> bytes:
        """The bytes the phone's signature covers."""
        return used_bytes(self.body, self.step)

    @property
    def pin_salt(self) -> bytes:
        """What a day code's PIN is bound to: everything else the code says."""
        return self.body[: len(self.body) - _BESIDE[self.told.kind]]


def door_tag(access_point: str) -> bytes:
    """Three bytes for a door; two doors of a community share one in one of 16 million pairs."""
    return sha256(b"ac-door-v1\0" + access_point.encode()).digest()[:_TAG]


def key_credential(public_key: bytes) -> bytes:
    """The 16 bytes a node remembers the uses of a key by that it knows from bundles alone."""
    return sha256(b"ac-code-id-v1\0" + public_key).digest()[:16]


def pin_proof(key: bytes, salt: bytes, pin: str) -> bytes:
    """What stands in a day code for the PIN that goes with it; without the community's PIN key it tells nothing."""
    return hmac.digest(key, _PIN_DOMAIN + salt + b"\0" + pin.encode(), sha256)[:_PIN_PROOF]


def signing_bytes(body: bytes) -> bytes:
    return _PASS_DOMAIN + body


def used_bytes(body: bytes, step: int) -> bytes:
    """What the phone signs for one step."""
    return _USE_DOMAIN + body + step.to_bytes(_STEP, "big")


def encode_body(told: PassText) -> bytes:
    """The bytes that are signed.

    Raises:
        BadCode: something does not fit; the sentence says what.
    """
    if not 0 < told.life_min <= LIFE_MAX_MIN:
        raise BadCode(f"a bundle lives 1 to {LIFE_MAX_MIN} minutes, not {told.life_min}")
    if not 0 < len(told.doors) <= DOORS_MAX or any(len(tag) != _TAG for tag in told.doors):
        raise BadCode(f"a bundle names 1 to {DOORS_MAX} doors")
    if not 0 <= told.pass_version <= VERSION_MAX:
        raise BadCode(f"pass version {told.pass_version} does not fit a bundle")
    if len(told.beside) != _BESIDE[told.kind]:
        raise BadCode(f"a {told.kind.name} bundle has {_BESIDE[told.kind]} bytes beside the pass")
    times = (told.not_before_s, told.not_after_s, told.issued_s)
    return b"".join(
        (
            bytes((_FORMAT | told.kind, CLASSES.index(told.cls))),
            bytes.fromhex(told.kid),
            _ulid_bytes(told.pass_id),
            told.pass_version.to_bytes(2, "big"),
            bytes((told.prereq,)),
            *(one.to_bytes(4, "big") for one in times),
            told.life_min.to_bytes(2, "big"),
            bytes((len(told.doors),)),
            *sorted(told.doors),
            told.beside,
        )
    )


def compose(body: bytes, signature: bytes) -> str:
    """The text of a bearer bundle or a day code."""
    assert len(signature) == _SIGNATURE
    return PREFIX + b45encode(body + signature)


def compose_use(body: bytes, signature: bytes, step: int, use_signature: bytes) -> str:
    """The text of a phone's bundle at one step; pages do the same in ``static/guest/code.js``."""
    assert len(signature) == len(use_signature) == _SIGNATURE
    return PREFIX + b45encode(body + signature + step.to_bytes(_STEP, "big") + use_signature)


def parse(text: str) -> Bundle:
    """Take a bundle apart.

    Raises:
        BadCode: not our prefix, not base45, or not of this layout.
    """
    if not text.startswith(PREFIX):
        raise BadCode("not a Gatehouse pass")
    data = b45decode(text.removeprefix(PREFIX))
    if len(data) < _HEAD:
        raise BadCode("a bundle is longer than this")
    kind = _kind(data[0])
    doors_end = _HEAD + _TAG * data[39]
    body_end = doors_end + _BESIDE[kind]
    use = _STEP + _SIGNATURE if kind is Kind.PHONE else 0
    if len(data) != body_end + _SIGNATURE + use:
        raise BadCode("the length of this bundle does not fit what it says of itself")
    body, signature = data[:body_end], data[body_end : body_end + _SIGNATURE]
    told = _told(kind, body, doors_end)
    if not use:
        return Bundle(told, body, signature)
    step = data[body_end + _SIGNATURE :][:_STEP]
    return Bundle(told, body, signature, int.from_bytes(step, "big"), data[-_SIGNATURE:])


def _kind(first: int) -> Kind:
    try:
        if first & 0xF0 != _FORMAT:
            raise ValueError
        return Kind(first & 0x0F)
    except ValueError:
        raise BadCode(f"version {first >> 4}, kind {first & 15} is not known here") from None


def _told(kind: Kind, body: bytes, doors_end: int) -> PassText:
    if body[1] >= len(CLASSES):
        raise BadCode(f"class {body[1]} is not known here")
    tags = [body[at : at + _TAG] for at in range(_HEAD, doors_end, _TAG)]
    told = PassText(
        kind=kind,
        cls=CLASSES[body[1]],
        kid=body[2:6].hex(),
        pass_id=_ulid_text(body[6:22]),
        pass_version=_number(body[22:24]),
        prereq=body[24],
        not_before_s=_number(body[25:29]),
        not_after_s=_number(body[29:33]),
        issued_s=_number(body[33:37]),
        life_min=_number(body[37:39]),
        doors=frozenset(tags),
        beside=body[doors_end:],
    )
    if not 0 < told.life_min <= LIFE_MAX_MIN or not 0 < len(tags) <= DOORS_MAX or tags != sorted(told.doors):
        raise BadCode("this bundle lives too long, or names no doors, too many, or one twice")
    return told


def _number(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _ulid_bytes(pass_id: str) -> bytes:
    digits = pass_id.removeprefix(_PASS)
    known = pass_id.startswith(_PASS) and len(digits) == _ULID_CHARACTERS and set(digits) <= set(_CROCKFORD)
    number = 0
    for character in digits if known else "":
        number = number << 5 | _CROCKFORD.index(character)
    if not known or number >= 1 << 128:
        raise BadCode(f"pass {pass_id} does not have an id that fits a bundle")
    return number.to_bytes(16, "big")


def _ulid_text(data: bytes) -> str:
    number = _number(data)
    return _PASS + "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))


def tags_of(access_points: Collection[str]) -> frozenset[bytes]:
    return frozenset(door_tag(point) for point in access_points)
