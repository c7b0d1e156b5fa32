"""Keys with which a platform brings its bookings, or an operator their returns: told once, kept as a hash."""

import hashlib

from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports_booking import IntakeKey, KeyKind
from cloud_sync.store import tables
from cloud_sync.store.house import Act
from cloud_sync.store.tables_booking import intake_key

KEY_BYTES = 24
PREFIX = "gk_"  # so that a key in the wrong place is known for what it is
KEYS_MAX = 200


def hashed(key: str) -> str:
    """192 random bits need no salt."""
    return hashlib.sha256(key.encode()).hexdigest()


def make(act: Act, name: str, kind: KeyKind, subject: str) -> str:
    """A new key; shown this once.

    Raises:
        Refused: the name is taken, or there are too many.
        NotFound: no listing has this operator.
    """
    if act.row(intake_key, name=name) is not None:
        raise Refused("intake.name", f"there is a key {name} already; give another name.")
    if len(act.rows(intake_key)) >= KEYS_MAX:
        raise Refused("intake.many", f"there are {KEYS_MAX} keys; end some first.")
    if kind == "returns" and not act.rows(tables.listing, operator=subject):
        raise NotFound(f"no listing has the operator {subject}.")
    key = PREFIX + act.house.randomness(KEY_BYTES).hex()
    act.insert(
        intake_key,
        key_hash=hashed(key),
        name=name,
        kind=kind,
        subject=subject,
        made_ms=act.now_ms,
        made_by=act.actor,
    )
    act.note("intake.key", name, None, kind, subject)
    return key


def end(act: Act, name: str) -> None:
    """The key opens nothing any more.  Raises NotFound."""
    held = act.row(intake_key, name=name)
    if held is None or held.ended_ms is not None:
        raise NotFound(f"there is no key {name} that is in use.")
    act.update(intake_key, {"name": name}, ended_ms=act.now_ms)
    act.note("intake.key_ended", name)


def whose(act: Act, key: str, kind: KeyKind) -> str | None:
    held = act.row(intake_key, key_hash=hashed(key))
    good = held is not None and held.kind == kind and held.ended_ms is None
    return str(held.subject) if good and held is not None else None


def listed(act: Act) -> tuple[IntakeKey, ...]:
    rows = sorted(act.rows(intake_key), key=lambda row: str(row.name))
    return tuple(IntakeKey(row.name, row.kind, row.subject, row.made_ms, row.ended_ms) for row in rows)
