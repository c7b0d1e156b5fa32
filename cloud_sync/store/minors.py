"""Somebody under age whose guardian nobody named, where the place's rules let them in and ask a person to look (D20)."""

from typing import TYPE_CHECKING, Any

from cloud_sync.core.reconcile import Key
from cloud_sync.store.house import Act
from cloud_sync.store.reconcile_store import raise_now

if TYPE_CHECKING:
    from cloud_sync.store.registering import RegistrationWish


def alert(act: Act, stay: Any, registration: str, wish: "RegistrationWish") -> None:
    if not (wish.guardian_contact and wish.relation):
        raise_now(act, Key("D20", str(stay.stay), int(stay.planned_in_ms)), "S1", (registration,))
