"""Cards for passes, by number or by the reader at the desk; only a keyed verifier of the number is kept."""

from typing import Any

from cloud_sync.core.lifecycles import CREDENTIAL, CREDENTIAL_LIVE
from cloud_sync.errors import NotFound, Refused
from cloud_sync.protocol.pin import CARD, card_credential, card_of_read
from cloud_sync.store import tables
from cloud_sync.store.house import Act
from cloud_sync.store.issuing import PASS_ENDED, refresh_stay
from cloud_sync.store.subjects import refresh_subject, settle

CARD_KIND = "card"


def card_number(typed: str) -> str:
    """The number as lists have it, of one that is printed, typed by a reader, or told with its bits.

    Raises:
        Refused: it is none.
    """
    plain = "".join(typed.split()).upper()
    card = card_of_read(plain) or plain.replace(":", "").replace("-", "")
    if not CARD.fullmatch(card):
        raise Refused("card", "a card number is 4 to 20 bytes as hex, or <bits>:<hex> as a reader tells it.")
    return card


def enrol_card(act: Act, pass_id: str, typed: str) -> None:
    """From now on this card opens what the pass opens; the pass's card before it does not any more.

    Raises:
        NotFound: no such pass.
        Refused: no card number, a pass that is over, or a card that somebody else has.
    """
    held = _live(act, pass_id)
    cred_id, verifier = card_credential(act.house.pin_key, card_number(typed))
    _hand_back(act, cred_id, pass_id)
    settle(act, pass_id, CARD_KIND, (cred_id, verifier))
    act.note("card.add", pass_id)
    _refresh(act, held)


def withdraw_card(act: Act, pass_id: str, reason: str) -> None:
    """Lost, or given back: it opens nothing any more.

    Raises:
        NotFound: no such pass.
        Refused: no reason.
    """
    if not reason.strip():
        raise Refused("card", "withdrawing a card needs a reason.")
    held = act.row(tables.pass_, pass_id=pass_id)
    if held is None:
        raise NotFound(f"there is no pass {pass_id}.")
    settle(act, pass_id, CARD_KIND, None)
    act.note("card.withdraw", pass_id, reason=reason.strip())
    _refresh(act, held)


def _live(act: Act, pass_id: str) -> Any:
    held = act.row(tables.pass_, pass_id=pass_id)
    if held is None:
        raise NotFound(f"there is no pass {pass_id}; 'gatehouse-sync passes' lists them.")
    if held.state in PASS_ENDED:
        raise Refused("card", f"pass {pass_id} is over; a card opens nothing by it.")
    return held


def _hand_back(act: Act, cred_id: str, pass_id: str) -> None:
    """A card of a stay that is over lies in the drawer again; a node may not find it on two passes."""
    row = act.row(tables.credential, cred_id=cred_id)
    if row is None or row.pass_id == pass_id or row.state not in CREDENTIAL_LIVE:
        return
    before = act.row(tables.pass_, pass_id=row.pass_id)
    if before is None or before.state not in PASS_ENDED:
        return  # somebody else's: ``settle`` says so
    after = act.move(CREDENTIAL, cred_id, row.state, "re-issue")
    act.update(tables.credential, {"cred_id": cred_id}, state=after)
    _refresh(act, before)


def _refresh(act: Act, held: Any) -> None:
    if held.stay is None:
        refresh_subject(act, str(held.pass_id))
    else:
        refresh_stay(act, str(held.stay))
