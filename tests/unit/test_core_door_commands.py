"""Commands of a person at one door: release, lock, unlock and block, in every mode a door may be in."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from edge.core.door import output, step
from edge.core.door_events import (
    Boot,
    Command,
    DpsClose,
    DpsOpen,
    Event,
    Granted,
    RexPressed,
    SchedOpen,
    Tick,
    Verb,
)
from edge.core.door_profile import DoorProfile, LockProfile
from edge.core.door_types import Contact, DoorState, Effect, Hold, Mode, Output, Refusal, Relock
from edge.core.events import AccessPointId, CredentialKind, Fact, GrantId

STRIKE = DoorProfile(access_point=AccessPointId("AP-gate"), rex_unlocks=True)
MAGNET = replace(STRIKE, lock=LockProfile.MAGLOCK_FAIL_SAFE)
BOOT = Boot("b1", Contact.CLOSED)
ADA = Granted(GrantId("ada"), Fact(type="access.granted"))


class Door:
    """One door and its story; each command gets the next number."""

    def __init__(self, profile: DoorProfile = STRIKE) -> None:
        self.profile = profile
        self.state = step(DoorState(), BOOT, profile, 0).state
        self.told: list[Fact] = []
        self.effects: list[Effect] = []
        self.refusal: Refusal | None = None

    def at(self, now_s: float, *events: Event | Verb) -> "Door":
        for event in events or (Tick(),):
            done = step(self.state, self._named(event), self.profile, round(now_s * 1e9))
            self.state, self.refusal = done.state, done.refusal
            self.told += done.facts
            self.effects += done.effects
        return self

    def _named(self, event: Event | Verb) -> Event:
        if not isinstance(event, Verb):
            return event
        n = self.state.counter + 1
        return Command(event, "staff-7", n, GrantId(f"c{n}") if event is Verb.ACCESS else None)

    @property
    def output(self) -> Output:
        return output(self.state, self.profile)

    def kinds(self) -> list[str]:
        return [fact.type for fact in self.told]


def in_mode(mode: Mode, profile: DoorProfile = STRIKE) -> Door:
    """Brought there by what brings a door there."""
    ways: dict[Mode, Sequence[Event | Verb]] = {
        Mode.LOCKED: (),
        Mode.ACCESSED: (ADA,),
        Mode.UNLOCKED: (Verb.UNLOCK,),
        Mode.BLOCKED: (Verb.BLOCK,),
    }
    door = Door(profile)
    for event in ways[mode]:
        door.at(0, event)
    assert door.state.mode is mode
    door.told, door.effects = [], []
    return door


@pytest.mark.parametrize("mode", [Mode.LOCKED, Mode.ACCESSED, Mode.UNLOCKED])
def test_block_shuts_a_door_and_names_who_did_it(mode: Mode) -> None:
    door = in_mode(mode).at(1, Verb.BLOCK)
    assert (door.state.mode, door.output, door.refusal) == (Mode.BLOCKED, Output.SECURED, None)
    (changed,) = [fact for fact in door.told if fact.type == "door.mode"]
    assert (changed.actor, changed.mode) == ("staff-7", "BLOCKED")
    assert door.effects[-1] == Relock()


def test_a_grant_that_still_waits_is_cancelled_by_a_block() -> None:
    door = Door().at(0, ADA).at(1, Verb.BLOCK)
    assert [(fact.type, fact.reason) for fact in door.told[1:]] == [
        ("access.not_taken", "x:Cancelled"),
        ("door.mode", None),
    ]
    assert door.at(30).kinds().count("access.not_taken") == 1


@pytest.mark.parametrize("event", [ADA, Verb.ACCESS, SchedOpen()])
def test_a_blocked_door_opens_for_no_pass_no_release_and_no_schedule(event: Event | Verb) -> None:
    door = in_mode(Mode.BLOCKED).at(1, event)
    assert (door.refusal is None) == isinstance(event, SchedOpen)  # a schedule only waits
    assert (door.state.mode, door.output, door.told, door.effects) == (Mode.BLOCKED, Output.SECURED, [], [])


def test_the_way_out_of_a_blocked_door_works() -> None:
    door = in_mode(Mode.BLOCKED).at(1, RexPressed(GrantId("out")))
    assert (door.refusal, door.output) == (None, Output.RELEASED)
    door.at(2, DpsOpen()).at(3, DpsClose()).at(10)
    assert door.kinds() == ["access.granted", "access.taken", "door.closed"]
    assert (door.state.mode, door.output) == (Mode.BLOCKED, Output.SECURED)


def test_a_blocked_door_that_opens_by_itself_was_forced() -> None:
    assert in_mode(Mode.BLOCKED).at(1, DpsOpen()).kinds() == ["door.forced"]


def test_a_blocked_door_becomes_an_ordinary_one_by_lock() -> None:
    door = in_mode(Mode.BLOCKED).at(1, Verb.LOCK).at(2, ADA)
    assert (door.state.mode, door.output) == (Mode.ACCESSED, Output.RELEASED)
    assert [(fact.type, fact.mode) for fact in door.told] == [
        ("door.mode", "LOCKED"),
        ("access.granted", "LOCKED"),
    ]


@pytest.mark.parametrize("mode", [Mode.LOCKED, Mode.ACCESSED, Mode.BLOCKED])
def test_unlock_holds_a_door_open_from_wherever_it_was(mode: Mode) -> None:
    door = in_mode(mode).at(1, Verb.UNLOCK).at(100)
    assert (door.state.mode, door.output) == (Mode.UNLOCKED, Output.RELEASED)
    assert isinstance(door.effects[-1], Hold)


def test_lock_ends_what_a_pass_has_opened() -> None:
    """An operator outranks a user (access.md §4.5)."""
    door = Door().at(0, ADA).at(1, Verb.LOCK)
    assert (door.state.mode, door.output) == (Mode.LOCKED, Output.SECURED)
    assert [(fact.type, fact.reason) for fact in door.told[1:]] == [
        ("access.not_taken", "x:Cancelled"),
        ("door.mode", None),
    ]


@pytest.mark.parametrize(
    ("mode", "verb"),
    [(Mode.LOCKED, Verb.LOCK), (Mode.UNLOCKED, Verb.UNLOCK), (Mode.BLOCKED, Verb.BLOCK)],
)
def test_what_a_door_does_already_is_no_refusal_and_no_event(mode: Mode, verb: Verb) -> None:
    door = in_mode(mode).at(1, verb)
    assert (door.state.mode, door.refusal, door.told, door.effects) == (mode, None, [], [])


def test_a_magnet_blocked_while_its_door_stands_open_holds_as_soon_as_it_shuts() -> None:
    door = Door(MAGNET).at(0, ADA).at(1, DpsOpen()).at(2, Verb.BLOCK)
    assert (door.state.mode, door.output) == (Mode.BLOCKED, Output.RELEASED)
    door.at(3, DpsClose()).at(4)
    assert (door.state.mode, door.output) == (Mode.BLOCKED, Output.SECURED)


def test_a_magnet_blocked_while_its_door_never_shuts_is_watched_too() -> None:
    door = Door(MAGNET).at(0, ADA).at(1, DpsOpen()).at(2, Verb.BLOCK).at(70)
    assert door.output is Output.SECURED
    assert (door.state.mode, "door.watchdog" in door.kinds()) == (Mode.BLOCKED, True)


def test_a_release_is_an_act_of_staff_for_whomever_they_say() -> None:
    door = Door()
    done = step(door.state, Command(Verb.ACCESS, "staff-7", 1, GrantId("g"), "visitor"), STRIKE, 0)
    (granted,) = done.facts
    assert (granted.type, granted.credential_kind, granted.cls) == (
        "access.granted", CredentialKind.GUARD, "visitor",
    )  # fmt: skip
    assert (granted.actor, granted.decision, granted.subject_ref) == ("staff-7", "override", None)
