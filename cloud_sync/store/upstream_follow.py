"""A registration follows what became of its reports (domain.md §5.3)."""

from collections.abc import Sequence

from cloud_sync.core.lifecycles import REGISTRATION, Refusal, advance
from cloud_sync.store import tables
from cloud_sync.store.house import Act


def follow(act: Act, registration: str, events: Sequence[str]) -> None:
    """Take those of these events that its table has for it now, in this order; with several recipients the first one
    that moves it does, and a registration that is over stays as it is."""
    held = act.row(tables.registration, registration=registration)
    if held is None:
        return
    state = before = str(held.status)
    for event in events:
        if not isinstance(advance(REGISTRATION, state, event), Refusal):
            state = act.move(REGISTRATION, registration, state, event)
    if state != before:
        act.update(tables.registration, {"registration": registration}, status=state)
