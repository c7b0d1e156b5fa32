"""Passes that people carry themselves: the phone's, and what all signed ones have in common (access.md §6.2).

Each is signed with the community's key and lives a day at most; what staff make stands in the audit with who and why.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from cloud_sync.core.lifecycles import CREDENTIAL_LIVE
from cloud_sync.errors import Refused
from cloud_sync.protocol import bundle
from cloud_sync.protocol.bundle import DOORS_MAX, LIFE_MAX_MIN, Kind, PassText
from cloud_sync.protocol.code import BadCode
from cloud_sync.protocol.messages import PassRow
from cloud_sync.store import tables
from cloud_sync.store.guests import live_pass, member_of, stay_of_token
from cloud_sync.store.house import Act
from cloud_sync.store.issuing import held_row

MINUTE_MS = 60_000
S_MS = 1_000
KID_DIGITS = 8
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
    return signed_pass(act, open_row(held), Kind.PHONE, keys[0], LIFE_MAX_MIN, "")


def open_row(held: Any) -> PassRow:
    """The row as the doors have it, where it opens anything in its window."""
    row = held_row(held.wire)
    if row is None or row.state != "ARMED" or row.schedule or not row.scope:
        raise Refused(
            "credential.bundle", "this pass does not open doors at the moment; nothing can be signed."
        )
    return row


def signed_pass(act: Act, row: PassRow, kind: Kind, beside: bytes, minutes: int, reason: str) -> SignedPass:
    return sign(act, told_of(act, row, kind, beside, minutes), row, reason)


def told_of(act: Act, row: PassRow, kind: Kind, beside: bytes, minutes: int) -> PassText:
    left_min = (row.not_after - act.now_ms) // MINUTE_MS
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


def body_of(told: PassText) -> bytes:
    try:
        return bundle.encode_body(told)
    except BadCode as error:
        raise Refused("credential.bundle", f"{error}.") from error


def sign(act: Act, told: PassText, row: PassRow, reason: str) -> SignedPass:
    body = body_of(told)
    signature = act.house.signer.sign(bundle.signing_bytes(body))
    if told.kind is not Kind.PHONE:  # a guest's own phone has the pass anyway
        made = f"{told.kind.name.lower()} v{told.pass_version} {told.life_min} min"
        act.note("credential.signed", told.pass_id, None, made, reason.strip())
    return SignedPass(told.pass_id, body + signature, told.expires_s * S_MS, _doors(act, row.scope))
