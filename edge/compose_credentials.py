"""What people show, from the community's wire to the values the doors judge: codes, passes, PINs, cards, day codes."""

from collections.abc import Collection

from cloud_sync.protocol import bundle as wire
from cloud_sync.protocol import code as rotating
from cloud_sync.protocol.pin import (
    PIN,
    card_credential,
    card_of_read,
    pin_credential,
    pin_under_duress,
)
from edge.core.bundle import Bundle, PhoneUse
from edge.core.events import AccessPointId, PassId, SubjectRef
from edge.core.passes import Pass, PassState, Prereq, SubjectClass
from edge.store.device_key import Join

S_MS = 1_000
Keyed = tuple[str, bytes]  # credential id, verifier


def parse_code(text: str, doors: Collection[AccessPointId]) -> rotating.RotatingCode | Bundle | None:
    """A code of ours, or None for anybody else's QR; ``doors`` are this node's.

    Raises:
        ValueError: ours by its prefix, and broken.
    """
    if text.startswith(rotating.PREFIX):
        return rotating.parse(text)
    return _bundle(wire.parse(text), doors) if text.startswith(wire.PREFIX) else None


def _bundle(read: wire.Bundle, doors: Collection[AccessPointId]) -> Bundle:
    told, kind = read.told, read.told.kind
    use = None
    if kind is wire.Kind.PHONE:
        use = PhoneUse(wire.key_credential(told.beside), read.step, read.used, read.use_signature)
    return Bundle(
        told=Pass(
            pass_id=PassId(told.pass_id),
            pass_version=told.pass_version,
            subject_ref=SubjectRef(""),  # a pseudonym has no business in a text that people hand about
            cls=SubjectClass(told.cls),
            state=PassState.ARMED,
            scope=frozenset(door for door in doors if wire.door_tag(door) in told.doors),
            schedule="",
            not_before_ms=told.not_before_s * S_MS,
            not_after_ms=told.not_after_s * S_MS,
            prereq=Prereq(told.prereq),
            policy=0,
        ),
        kid=told.kid,
        issued_ms=told.issued_s * S_MS,
        expires_ms=told.expires_s * S_MS,
        signed=read.signed,
        signature=read.signature,
        use=use,
        key=told.beside if kind is wire.Kind.PHONE else b"",
        pin_salt=read.pin_salt if kind is wire.Kind.DAY_CODE else b"",
        pin_proof=told.beside if kind is wire.Kind.DAY_CODE else b"",
    )


def read_pin(key: bytes, digits: str) -> Keyed | None:
    """What a PIN stands for, or None where it is none or this node has no key for PINs."""
    return pin_credential(key, digits) if key and PIN.fullmatch(digits) else None


def read_duress(key: bytes, digits: str) -> Keyed | None:
    """The PIN behind these digits, taken as typed by somebody who is made to."""
    return pin_credential(key, pin_under_duress(digits)) if key and PIN.fullmatch(digits) else None


def read_card(key: bytes, data: str) -> Keyed | None:
    """What a card stands for, of what a reader tells of it; None for what is no card number."""
    card = card_of_read(data) if key else None
    return None if card is None else card_credential(key, card)


def day_proofs(key: bytes, salt: bytes, digits: str) -> tuple[bytes, bytes] | None:
    """The proofs of these digits beside a day code: typed freely, and typed under duress."""
    if not key or not PIN.fullmatch(digits):
        return None
    return wire.pin_proof(key, salt, digits), wire.pin_proof(key, salt, pin_under_duress(digits))


def verify_pass(join: Join, kid: str, message: bytes, signature: bytes) -> bool:
    """True when the community signed this; a shown pass names its key by the first eight digits of the key's id."""
    return join.verify_pass(kid, message, signature)
