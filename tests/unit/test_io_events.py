"""What levels and edges at the wires mean to the doors of a node."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from edge.core.door_events import (
    BeamBroken,
    BoltChanged,
    Boot,
    ClockChanged,
    DpsClose,
    DpsFault,
    DpsOpen,
    FireOff,
    FireOn,
    FireReset,
    LockLost,
    PowerLow,
    RexPressed,
    RexReleased,
    TamperOn,
)
from edge.core.door_profile import DoorProfile
from edge.core.door_types import Bolt, Contact, DoorState, Mode
from edge.core.events import AccessPointId, ClockState
from edge.ports import IoSnapshot, Point
from edge.runtime.io_events import BootNews, FirePanel, boot_events, edge_event, later_events, told_of

A, B, C = AccessPointId("a"), AccessPointId("b"), AccessPointId("c")
GROUPS = {A: "house", B: "house", C: None}


def shot(points: dict[tuple[AccessPointId, Point], bool | None], *, latches=(), silent=()) -> IoSnapshot:
    return IoSnapshot(points, {}, frozenset(latches), 1, frozenset(silent))


def at_boot(snapshot: IoSnapshot, modes: dict[str, str] | None = None):
    panel = FirePanel(GROUPS)
    panel.read(snapshot)
    told = boot_events(
        snapshot, dict.fromkeys(GROUPS), panel, BootNews("b1", modes or {}, ClockState.TRUSTED)
    )
    return {door: [event for at, event in told if at == door] for door in GROUPS}


@pytest.mark.parametrize(
    ("point", "level", "event"),
    [
        (Point.CONTACT, True, DpsOpen()),
        (Point.CONTACT, False, DpsClose()),
        (Point.CONTACT, None, DpsFault()),
        (Point.REX, False, RexReleased()),
        (Point.REX, None, None),
        (Point.BOLT, True, BoltChanged(Bolt.UNLOCKED)),
        (Point.BOLT, None, BoltChanged(Bolt.FAULT)),
        (Point.BEAM, True, BeamBroken()),
        (Point.POWER, True, PowerLow()),
        (Point.TAMPER, True, TamperOn()),
        (Point.RESET, True, FireReset("panel key")),
        (Point.RESET, False, None),
        (Point.FIRE, None, None),
    ],
)
def test_an_edge_is_one_event_and_a_broken_wire_is_a_fault_where_one_can_be_seen(point, level, event):
    assert edge_event(point, level, lambda: "x") == event


def test_a_press_of_the_button_gets_a_passage_of_its_own():
    assert edge_event(Point.REX, True, lambda: "x") == RexPressed("x")


@pytest.mark.story("23e")
def test_the_doors_boot_from_their_sensors_and_tell_what_is_broken():
    told = at_boot(
        shot(
            {
                (A, Point.CONTACT): True,
                (A, Point.BOLT): False,
                (A, Point.POWER): True,
                (B, Point.CONTACT): None,
            },
            latches=[(B, "evacuate")],
            silent=[C],
        ),
        {A: "LOCKED_DOWN", B: "nonsense"},
    )
    boot = told[A][0]
    assert isinstance(boot, Boot)
    assert (boot.contact, boot.bolt, boot.prev_mode) == (Contact.OPEN, Bolt.LOCKED, Mode.LOCKED_DOWN)
    assert told[A][1:] == [ClockChanged(ClockState.TRUSTED), PowerLow()]
    assert (told[B][0].contact, told[B][0].prev_mode, told[B][0].evacuated) == (Contact.FAULT, None, True)
    assert (told[C][0].contact, told[C][-1]) == (Contact.UNKNOWN, LockLost())


def test_a_door_boots_from_the_first_snapshot_that_speaks_for_it():
    doors = dict.fromkeys(GROUPS)
    own = replace(shot({}), doors=frozenset({C}))
    assert told_of(own, doors, set()) == ({C: None}, {})
    assert told_of(shot({}), doors, {C}) == ({A: None, B: None}, {C: None})
    assert told_of(own, doors, {C}) == ({}, {C: None})


def test_a_door_burns_with_its_group_and_is_quiet_only_with_the_last_of_it():
    panel = FirePanel(GROUPS)
    assert panel.hear(A, True) == [(A, FireOn()), (B, FireOn())]
    assert panel.hear(B, True) == [(A, FireOn()), (B, FireOn())]
    assert panel.hear(A, False) == [(A, FireOn()), (B, FireOn())]
    assert panel.hear(B, False) == [(A, FireOff()), (B, FireOff())]
    assert panel.hear(C, True) == [(C, FireOn())]
    assert panel.hear(A, None) == [(A, FireOff()), (B, FireOff())]


def test_a_door_without_an_input_of_its_own_boots_burning_with_its_group():
    told = at_boot(
        shot({(A, Point.FIRE): True, (A, Point.CONTACT): False}, latches=[(A, "fire"), (B, "fire")])
    )
    assert [told[door][0].fire_input for door in GROUPS] == [True, True, False]


def test_a_later_snapshot_tells_what_differs_and_nothing_else():
    states = {
        A: DoorState(contact=Contact.CLOSED, bolt=Bolt.LOCKED),
        B: DoorState(contact=Contact.OPEN, bolt=Bolt.JAMMED),
        C: DoorState(contact=Contact.UNKNOWN, bolt=Bolt.JAMMED),
    }
    gates = {
        door: SimpleNamespace(state=state, profile=DoorProfile(access_point=door), owes=lambda _kind: False)
        for door, state in states.items()
    }
    snapshot = shot(
        {
            (A, Point.CONTACT): True, (A, Point.BOLT): False, (A, Point.FIRE): True,
            (B, Point.CONTACT): True, (B, Point.BOLT): True, (C, Point.BOLT): False,
        }
    )  # fmt: skip
    panel = FirePanel(GROUPS)
    panel.read(snapshot)
    assert later_events(snapshot, gates, panel) == [
        (A, DpsOpen()), (A, FireOn()), (B, FireOn()),
        (C, BoltChanged(Bolt.LOCKED)),  # where it should be: free again; the other is not
    ]  # fmt: skip
