"""Until when a registration has to be reported: computed from the place's law whenever an event of it happens.

Until somebody was seen at a door the planned arrival stands for their entry, so that no registration is without a time.
"""

from typing import Any

from cloud_sync.core.jurisdiction import ClockEvent, GuestKind, ReportClock
from cloud_sync.store import tables
from cloud_sync.store.house import Act
from cloud_sync.store.tables_booking import registration_clock


def begin(act: Act, registration: str, stay: Any, kind: GuestKind) -> None:
    """Write down whose clock this registration runs on; safe to repeat."""
    first = _first(act, stay, kind)
    values = _values(act, stay, kind, first)
    if act.row(registration_clock, registration=registration) is None:
        act.insert(registration_clock, registration=registration, **values)
    else:
        act.update(registration_clock, {"registration": registration}, **values)
    due_ms = first[2] if first is not None else int(stay.planned_in_ms)
    act.update(tables.registration, {"registration": registration}, due_ms=due_ms)


def set_again(act: Act, stay_id: str) -> None:
    """The stay has other times, or somebody of it was seen for the first time: every clock of it is set anew."""
    stay = act.row(tables.stay, stay=stay_id)
    assert stay is not None, f"there is no stay {stay_id}"
    for row in act.rows(tables.registration, stay=stay_id):
        held = act.row(registration_clock, registration=str(row.registration))
        kind = GuestKind(str(held.guest_kind)) if held is not None else GuestKind.NATIONAL
        begin(act, str(row.registration), stay, kind)


def cancelled(act: Act, stay_id: str) -> None:
    """From now on the only duty is to tell the cancellation; connectors find it by its clock."""
    for row in act.rows(tables.registration, stay=stay_id):
        held = act.row(registration_clock, registration=str(row.registration))
        kind = GuestKind(str(held.guest_kind)) if held is not None else GuestKind.NATIONAL
        for clock in _law(act, act.row(tables.stay, stay=stay_id), kind):
            if clock.event is ClockEvent.CANCELLATION:
                due = clock.due_ms(act.now_ms, act.house.zone)
                key = {"registration": str(row.registration)}
                values = {"runs_from": clock.event.value, "started_ms": act.now_ms, "due_ms": due}
                act.update(registration_clock, key, **values)
                act.update(tables.registration, key, due_ms=due)


def kind_held(act: Act, registration: str) -> GuestKind | None:
    held = act.row(registration_clock, registration=registration)
    return GuestKind(str(held.guest_kind)) if held is not None else None


def _law(act: Act, stay: Any, kind: GuestKind) -> tuple[ReportClock, ...]:
    length_ms = stay.planned_out_ms - stay.planned_in_ms
    return act.house.profile.jurisdiction.clocks_for(kind, length_ms)


def _moments(act: Act, stay: Any) -> dict[ClockEvent, int]:
    booking = act.row(tables.booking, booking=stay.booking)
    assert booking is not None
    moments = {
        ClockEvent.BOOKING: int(booking.received_ms),
        ClockEvent.ARRIVAL: int(stay.planned_in_ms),
        ClockEvent.ENTRY: int(stay.first_entry_ms or stay.planned_in_ms),
    }
    if stay.checked_out_ms is not None:
        moments[ClockEvent.DEPARTURE] = int(stay.checked_out_ms)
    return moments


def _first(act: Act, stay: Any, kind: GuestKind) -> tuple[ReportClock, int, int] | None:
    moments = _moments(act, stay)
    running = [
        (clock, moments[clock.event], clock.due_ms(moments[clock.event], act.house.zone))
        for clock in _law(act, stay, kind)
        if clock.event in moments
    ]
    return min(running, key=lambda one: one[2], default=None)


def _values(
    act: Act, stay: Any, kind: GuestKind, first: tuple[ReportClock, int, int] | None
) -> dict[str, object]:
    """``started_ms`` is None while the event itself has not happened and its plan stands for it."""
    law = act.house.profile.jurisdiction
    values: dict[str, object] = {"guest_kind": kind.value, "jurisdiction": f"{law.name} {law.version}"}
    if first is None:
        return values | {"runs_from": "", "started_ms": None, "due_ms": None}
    clock, event_ms, due = first
    planned = clock.event in (ClockEvent.ARRIVAL, ClockEvent.ENTRY) and stay.first_entry_ms is None
    return values | {
        "runs_from": clock.event.value,
        "started_ms": None if planned else event_ms,
        "due_ms": due,
    }
