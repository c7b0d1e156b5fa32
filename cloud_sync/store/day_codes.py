"""What staff put into people's hands: a visitor's QR, and a code on paper with its PIN, each journaled with who and why."""

from dataclasses import dataclass, field, replace
from typing import Any

from cloud_sync.errors import NotFound, Refused
from cloud_sync.protocol import bundle
from cloud_sync.protocol.bundle import LIFE_MAX_MIN, Kind
from cloud_sync.store import tables
from cloud_sync.store.bundles import SignedPass, body_of, open_row, sign, signed_pass, told_of
from cloud_sync.store.house import Act
from cloud_sync.store.pins import DAY, free_pin

REASON_MAX = 500


@dataclass(frozen=True, slots=True)
class DayCode:
    signed: SignedPass
    pin: str = field(repr=False)


def bearer_pass(act: Act, pass_id: str, *, minutes: int, reason: str) -> SignedPass:
    """A QR for somebody without a page of their own; whoever shows it has it."""
    check_reason(reason)
    check_life(minutes)
    return signed_pass(act, open_row(_pass(act, pass_id)), Kind.BEARER, b"", minutes, reason)


def day_code(act: Act, pass_id: str, *, minutes: int, reason: str) -> DayCode:
    """A code on paper and the PIN that has to be typed after it; the PIN is said once, and kept only as taken.

    Raises:
        NotFound: no such pass.
        Refused: no reason, a life of more than a day, or a pass that opens nothing now.
    """
    check_reason(reason)
    check_life(minutes)
    row = open_row(_pass(act, pass_id))
    pin, cred_id, verifier = free_pin(act)
    shape = told_of(act, row, Kind.DAY_CODE, bytes(8), minutes)
    proof = bundle.pin_proof(act.house.pin_key, body_of(shape)[:-8], pin)
    # Kept so that nobody else is given these digits meanwhile; nodes are never told of it.
    act.insert(
        tables.credential, cred_id=cred_id, pass_id=pass_id, kind=DAY, verifier=verifier, state="ISSUED"
    )
    return DayCode(sign(act, replace(shape, beside=proof), row, reason), pin)


def check_reason(reason: str) -> None:
    if not reason.strip() or len(reason) > REASON_MAX:
        raise Refused("credential.reason", f"this needs a reason, with at most {REASON_MAX} characters.")


def check_life(minutes: int) -> None:
    if not 0 < minutes <= LIFE_MAX_MIN:
        raise Refused("credential.life", f"a signed pass lives 1 to {LIFE_MAX_MIN} minutes.")


def _pass(act: Act, pass_id: str) -> Any:
    held = act.row(tables.pass_, pass_id=pass_id)
    if held is None:
        raise NotFound(f"there is no pass {pass_id}; 'gatehouse-sync passes' lists them.")
    return held
