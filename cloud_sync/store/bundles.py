"""Passes that people carry themselves: a phone's bundle, a visitor's QR, a day code on paper (access.md §6.2).

Each is signed with the community's key and lives a day at most; what staff make stands in the audit with who and why.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cloud_sync.core.lifecycles import CREDENTIAL_LIVE
from cloud_sync.errors import NotFound, Refused
from cloud_sync.protocol import bundle
from cloud_sync.protocol.bundle import DOORS_MAX, LIFE_MAX_MIN, Kind, PassText
from cloud_sync.protocol.code import BadCode
from cloud_sync.protocol.messages import PassRow
from cloud_sync.store import tables
from cloud_sync.store.guests import live_pass, member_of, stay_of_token
from cloud_sync.store.house import Act
from cloud_sync.store.issuing import held_row
from cloud_sync.store.pins import DAY, free_pin

MINUTE_MS = 60_000
S_MS = 1_000
KID_DIGITS = 8
REASON_MAX = 500
# Nobody needs a code for a gate less than the doors behind it: where not all fit, the way to the room comes first.
_ORDER = ("room", "unit", "garage", "gate")


@dataclass(frozen=True, slots=True)
class SignedPass:
    """``signed`` is the body and the community's signature; a phone adds its own to every showing."""

    pass_id: str
    signed: bytes = field(repr=False)
    expires_ms: int
    doors: tuple[str, ...]

    @property
    def text(self) -> str:
        """For what needs no phone's key."""
        return bundle.compose(self.signed[:-64], self.signed[-64:])


@dataclass(frozen=True, slots=True)
class DayCode:
    signed: SignedPass
    pin: str = field(repr=False)


def phone_bundle(act: Act, token: str, subject_ref: str | None) -> SignedPass:
    """The guest's pass for the phone that is bound to it.

    Raises:
        NotFound: the link or the member is not known.
        Refused: the pass does not open anything now, or no phone is bound.
    """
    stay = stay_of_token(act, token)
    held = live_pass(act, stay, member_of(act, stay.stay, subject_ref).person)
    keys = [
        bytes(row.verifier)
        for row in act.rows(tables.credential, pass_id=held.pass_id)
        if row.kind == "qr" and row.state in CREDENTIAL_LIVE
    ]
    if not keys:
        raise Refused("credential.bundle", "no phone is bound to this pass; open the code first.")
    return _signed(act, _open_row(held), Kind.PHONE, keys[0], LIFE_MAX_MIN, "")


def bearer_pass(act: Act, pass_id: str, *, minutes: int, reason: str) -> SignedPass:
    """A QR for somebody without a page of their own; whoever shows it has it."""
    check_reason(reason)
    return _signed(act, _open_row(_pass(act, pass_id)), Kind.BEARER, b"", minutes, reason)


def day_code(act: Act, pass_id: str, *, minutes: int, reason: str) -> DayCode:
    """A code on paper and the PIN that has to be typed after it; the PIN is said once, and kept only as taken.

    Raises:
        NotFound: no such pass.
        Refused: no reason, a life of more than a day, or a pass that opens nothing now.
    """
    check_reason(reason)
    row = _open_row(_pass(act, pass_id))
    pin, cred_id, verifier = free_pin(act)
    shape = _told(act, row, Kind.DAY_CODE, bytes(8), minutes)
    proof = bundle.pin_proof(act.house.pin_key, _body(shape)[:-8], pin)
    # Kept so that nobody else is given these digits meanwhile; nodes are never told of it.
    act.insert(
        tables.credential, cred_id=cred_id, pass_id=pass_id, kind=DAY, verifier=verifier, state="ISSUED"
    )
    return DayCode(_sign(act, replace(shape, beside=proof), row, reason), pin)


def check_reason(reason: str) -> None:
    if not reason.strip() or len(reason) > REASON_MAX:
        raise Refused("credential.reason", f"this needs a reason, with at most {REASON_MAX} characters.")


def _pass(act: Act, pass_id: str) -> Any:
    held = act.row(tables.pass_, pass_id=pass_id)
    if held is None:
        raise NotFound(f"there is no pass {pass_id}; 'gatehouse-sync passes' lists them.")
    return held


def _open_row(held: Any) -> PassRow:
    """The row as the doors have it, where it opens anything in its window."""
    row = held_row(held.wire)
    if row is None or row.state != "ARMED" or row.schedule or not row.scope:
        raise Refused(
            "credential.bundle", "this pass does not open doors at the moment; nothing can be signed."
        )
    return row


def _signed(act: Act, row: PassRow, kind: Kind, beside: bytes, minutes: int, reason: str) -> SignedPass:
    return _sign(act, _told(act, row, kind, beside, minutes), row, reason)


def _told(act: Act, row: PassRow, kind: Kind, beside: bytes, minutes: int) -> PassText:
    left_min = (row.not_after - act.now_ms) // MINUTE_MS
    if not 0 < minutes <= LIFE_MAX_MIN:
        raise Refused("credential.life", f"a signed pass lives 1 to {LIFE_MAX_MIN} minutes.")
    if left_min < 1:
        raise Refused("credential.over", "this pass is over.")
    return PassText(
        kind=kind,
        cls=row.cls,
        kid=act.house.signer.kid[:KID_DIGITS],
        pass_id=row.pass_id,
        pass_version=row.pass_version,
        prereq=row.prereq,
        not_before_s=-(-row.not_before // S_MS),
        not_after_s=row.not_after // S_MS,
        issued_s=act.now_ms // S_MS,
        life_min=min(minutes, left_min),
        doors=bundle.tags_of(_doors(act, row.scope)),
        beside=beside,
    )


def _doors(act: Act, scope: Sequence[str]) -> tuple[str, ...]:
    kinds = {str(row.access_point): str(row.kind) for row in act.rows(tables.access_point)}
    known = [door for door in scope if kinds.get(door) in _ORDER]
    return tuple(sorted(known, key=lambda door: (_ORDER.index(kinds[door]), door))[:DOORS_MAX])


def _body(told: PassText) -> bytes:
    try:
        return bundle.encode_body(told)
    except BadCode as error:
        raise Refused("credential.bundle", f"{error}.") from error


def _sign(act: Act, told: PassText, row: PassRow, reason: str) -> SignedPass:
    body = _body(told)
    signature = act.house.signer.sign(bundle.signing_bytes(body))
    if told.kind is not Kind.PHONE:  # a guest's own phone has the pass anyway
        made = f"{told.kind.name.lower()} v{told.pass_version} {told.life_min} min"
        act.note("credential.signed", told.pass_id, None, made, reason.strip())
    return SignedPass(told.pass_id, body + signature, told.expires_s * S_MS, _doors(act, row.scope))
