"""Two factors of one pass, or two people: neither opens alone, and what waits is forgotten after half a minute."""

import asyncio
from itertools import permutations

import pytest

from edge.core.door_events import CameraChanged, RexPressed, Tick
from edge.core.door_types import Camera
from edge.core.events import ClockState, GrantId
from edge.core.face_mode import FaceMode
from edge.core.passes import Denial, PassState
from edge.core.requirement import SECOND_WITHIN_NS, Require
from edge.runtime.two_step import open_desk
from tests.fakes.bundles import OTHER_ID, PASS_ID, day_code
from tests.fakes.faces_at_a_door import INFO, mean_of, walk
from tests.fakes.lone_gate import HOUR_MS, NOW_MS, LoneGate, pass_row
from tests.fakes.shown import CREDENTIAL, OTHER_PIN, PHONE, PIN, everything, show

S_NS = 1_000_000_000
TOO_LATE = SECOND_WITHIN_NS + 1


def at(require: Require, *rows, **words) -> LoneGate:
    return LoneGate(list(rows), require=require, **words)


def play(lone: LoneGate, *what: str, every_ns: int = S_NS) -> LoneGate:
    async def scene() -> None:
        await lone.boot()
        for one in what:
            lone.at_ns += every_ns
            await show(lone, one)

    asyncio.run(scene())
    return lone


def decided(lone: LoneGate) -> list[tuple[str, str | None]]:
    return [
        (fact.type.removeprefix("access."), fact.reason) for fact in lone.facts if fact.reason is not None
    ]


@pytest.mark.parametrize(
    ("require", "pair"), [(Require.CODE_AND_PIN, ("qr", "pin")), (Require.CARD_AND_PIN, ("card", "pin"))]
)
def test_both_open_in_either_order_and_neither_alone(require, pair):
    for order in permutations(pair):
        lone = play(at(require, everything()), *order)
        assert decided(lone) == [("granted", "Granted")], order
        assert (len(lone.pulses), lone.facts[0].x["also"]) == (1, order[0])
        assert lone.lights == ["wait", "idle", "granted"]
    for alone in pair:
        lone = play(at(require, everything()), alone, alone)
        assert (lone.pulses, lone.facts) == ([], [])


@pytest.mark.parametrize("other", ["card", "pin"])
def test_a_code_and_something_else_than_asked_for_do_not_open(other):
    require = Require.CARD_AND_PIN if other == "pin" else Require.CODE_AND_PIN
    lone = play(at(require, everything()), "qr", other)
    assert lone.pulses == []


def test_the_first_is_forgotten_after_half_a_minute_and_the_screen_rests():
    async def scene() -> LoneGate:
        lone = await at(Require.CODE_AND_PIN, everything()).boot()
        await show(lone, "qr")
        lone.at_ns += TOO_LATE
        await lone.gate.on_event(Tick())
        await show(lone, "pin")
        return lone

    lone = asyncio.run(scene())
    assert lone.pulses == []
    assert lone.shown == ["now_pin", "face_off", "now_second"]
    assert lone.lights == ["wait", "idle", "wait"]


def test_the_wait_ends_by_itself_though_nothing_happens_any_more():
    async def scene() -> LoneGate:
        lone = await at(Require.CODE_AND_PIN, everything()).boot()
        timers = asyncio.create_task(lone.gate.run_timers())
        await show(lone, "qr")
        lone.at_ns += TOO_LATE
        lone.gate._timers_changed.set()
        for _ in range(200):
            if "idle" in lone.lights:
                break
            await asyncio.sleep(0.005)
        timers.cancel()
        return lone

    assert asyncio.run(scene()).lights == ["wait", "idle"]


def test_a_wrong_pin_after_the_code_is_told_as_every_wrong_pin_and_the_right_one_still_opens():
    lone = play(at(Require.CODE_AND_PIN, everything()), "qr", "wrong pin", "pin")
    assert decided(lone) == [("denied", "CredentialNotFound"), ("granted", "Granted")]
    assert lone.pulses != []


def test_where_a_pin_is_half_nobody_learns_whether_it_was_right():
    right, wrong = (play(at(Require.CODE_AND_PIN, everything()), what) for what in ("pin", "wrong pin"))
    assert (right.shown, right.lights) == (wrong.shown, wrong.lights) == (["now_second"], ["wait"])
    assert decided(wrong) == [("denied", "CredentialNotFound")]


def test_somebody_else_s_pin_makes_nobody_s_code_whole():
    other = pass_row(OTHER_ID, pin=OTHER_PIN)
    lone = play(at(Require.CODE_AND_PIN, everything(), other), "qr", "other pin")
    assert lone.pulses == []


def test_a_pass_that_changed_in_between_is_shown_again():
    async def scene() -> LoneGate:
        lone = await at(Require.CODE_AND_PIN, everything()).boot()
        await show(lone, "qr")
        lone.rows = [everything(pass_version=2)]
        await show(lone, "pin")
        return lone

    assert asyncio.run(scene()).pulses == []


@pytest.mark.parametrize("how", ["revoked", "denied"])
def test_what_was_taken_away_in_between_is_half_of_nothing(how):
    """The first factor, the first person and a paper code whose PIN is typed after the news came."""

    async def scene(require: Require, first: str, then: str) -> LoneGate:
        lone = await at(require, everything(), second()).boot()
        await show(lone, first)
        gone = [everything(state="REVOKED", pass_version=2)] if how == "revoked" else []
        lone.denied = {} if gone else {PASS_ID: Denial(2, PassState.REVOKED)}
        lone.rows = [*gone, second()]
        lone.at_ns += S_NS
        await (lone.gate.on_pin(DAY_PIN) if then == "day pin" else show(lone, then))
        return lone

    for scenery in (
        (Require.CODE_AND_PIN, "qr", "pin"),
        (Require.TWO_PERSONS, "qr", "other pin"),
        (Require.ANY, PAPER, "day pin"),
    ):
        assert asyncio.run(scene(*scenery)).pulses == [], scenery


@pytest.mark.story("25c")
def test_a_clock_nobody_believes_makes_no_code_too_old_beside_its_pin():
    async def scene() -> LoneGate:
        lone = await at(Require.CODE_AND_PIN, everything(not_before=0), clock=ClockState.UNTRUSTED).boot()
        await lone.gate.on_pin(PIN)
        await lone.gate.on_code(PHONE.code(CREDENTIAL, at_ms=NOW_MS - HOUR_MS), 0)
        return lone

    lone = asyncio.run(scene())
    assert decided(lone) == [("granted", "Granted")]


def test_a_code_that_was_half_is_used_up_when_both_open():
    lone = play(at(Require.CODE_AND_PIN, everything()), "qr", "pin")
    assert list(lone.codes) == [CREDENTIAL.hex()]


@pytest.mark.parametrize("face", ["ada", "bo", "nobody"])
def test_a_face_in_the_picture_neither_opens_nor_takes_a_code_s_place(face):
    """While the guest types, the camera goes on looking: at them, at a companion with a pass, at a stranger."""

    async def scene() -> LoneGate:
        rows = everything(prereq=15), second(prereq=15)
        lone = await at(Require.CODE_AND_PIN, *rows).boot()
        lone.gate.desk = open_desk(FaceMode.ONE_TO_N, INFO, fpir_wanted=0.001)
        people = [(PASS_ID, mean_of("ada")), (OTHER_ID, mean_of("bo"))]
        lone.gate.desk.put_gallery(people, version=1, k=3)
        await lone.gate.on_event(CameraChanged(Camera.OK))
        await show(lone, "qr")
        for one in walk(face, lone.at_ns + 1):
            lone.at_ns = one.t_ns
            await lone.gate.on_face(one)
        assert lone.pulses == []
        await show(lone, "pin")
        return lone

    lone = asyncio.run(scene())
    (granted,) = [fact for fact in lone.facts if fact.type == "access.granted"]
    assert (granted.pass_id, granted.x["also"], list(lone.codes)) == (PASS_ID, "qr", [CREDENTIAL.hex()])
    assert len(lone.pulses) == 1


# --- staff without news, emergencies ----------------------------------------------------------------------------


@pytest.mark.parametrize("order", [("qr", "pin"), ("pin", "qr"), ("card", "pin"), ("pin", "card")])
@pytest.mark.parametrize("cls", ["operator", "maintenance", "grid"])
def test_staff_of_a_gate_without_news_show_two(cls, order):
    lone = at(Require.ANY, everything(cls=cls, prereq=0), online=False, contact_age_ms=8 * 24 * HOUR_MS)
    play(lone, *order)
    assert decided(lone) == [("granted", "Granted")]
    assert lone.facts[0].x["flags"] == "stale"
    assert lone.facts[0].freshness == "STALE"


def test_an_emergency_takes_two_and_is_always_said_as_such():
    lone = at(Require.ANY, everything(cls="emergency", prereq=0), online=False, contact_age_ms=None)
    play(lone, "qr", "pin")
    fact, told = lone.facts
    assert (fact.cls, fact.freshness, fact.x["flags"]) == ("emergency", "FRESH", "emergency")
    assert (told.type, told.pass_id, told.grant_id is not None) == ("access.emergency", PASS_ID, True)
    assert play(at(Require.ANY, everything(cls="emergency", prereq=0)), "qr", "qr").pulses == []


# --- day codes ----------------------------------------------------------------------------------------------------

DAY_PIN = "630517"
PAPER = day_code(DAY_PIN)


def test_a_day_code_opens_with_its_own_pin_and_not_without():
    away = {"online": False, "contact_age_ms": None}

    async def scene(lone: LoneGate, *digits: str) -> LoneGate:
        await lone.boot()
        await show(lone, PAPER)
        for one in digits:
            await lone.gate.on_pin(one)
        return lone

    opened = asyncio.run(scene(LoneGate([], **away), DAY_PIN))
    (fact,) = opened.facts
    assert (fact.type, fact.credential_kind, fact.x["also"], fact.pass_id) == (
        "access.granted",
        "pin",
        "qr",
        PASS_ID,
    )
    assert opened.shown == ["now_pin", "welcome"]
    alone = asyncio.run(scene(LoneGate([], **away)))
    assert (alone.facts, alone.pulses, alone.shown) == ([], [], ["now_pin"])
    for wrong in ("630518", "63051", "000000"):
        refused = asyncio.run(scene(LoneGate([], **away), wrong))
        if wrong != "630518":  # one higher: that is the PIN under duress
            assert (refused.pulses, refused.shown[-1]) == ([], "pin_refused")
            assert decided(refused) == [("denied", "CredentialNotFound")]


def test_the_pin_of_a_day_code_is_nothing_without_it_nor_with_another():
    assert play(LoneGate([]), "630517").pulses == []
    lone = LoneGate([])

    async def scene() -> None:
        await lone.boot()
        await lone.gate.on_pin(DAY_PIN)
        await show(lone, day_code(DAY_PIN, pass_id=OTHER_ID))
        await lone.gate.on_pin("630510")

    asyncio.run(scene())
    assert lone.pulses == []


def test_a_guest_with_a_pin_of_their_own_enters_while_a_day_code_waits():
    lone = play(LoneGate([pass_row(OTHER_ID, pin=OTHER_PIN)]), PAPER, "other pin")
    assert [fact.pass_id for fact in lone.facts] == [OTHER_ID]


def test_a_day_code_of_yesterday_is_paper():
    old = day_code(DAY_PIN, issued_s=(NOW_MS - 25 * HOUR_MS) // 1000)
    lone = play(LoneGate([]), old)
    assert decided(lone) == [("denied", "x:CodeOutOfTime")]
    assert set(lone.shown) == {"see_guard"}  # a sheet of paper has no next code to wait for


# --- two people -----------------------------------------------------------------------------------------------------


def second(**changes: object):
    return pass_row(OTHER_ID, pin=OTHER_PIN, **changes)


def test_two_people_open_and_one_twice_does_not():
    lone = play(at(Require.TWO_PERSONS, everything(), second()), "qr", "other pin")
    (fact,) = lone.facts
    assert (fact.type, fact.pass_id, fact.x["second"]) == ("access.granted", OTHER_ID, PASS_ID)
    assert lone.shown == ["second_person", "welcome"]
    for alone in (("qr", "pin"), ("qr", "card"), ("pin", "pin"), ("other pin", "other pin")):
        twice = play(at(Require.TWO_PERSONS, everything(), second()), *alone)
        assert (twice.pulses, decided(twice)) == ([], []), alone


def test_two_passes_of_one_person_are_one_person():
    lone = at(Require.TWO_PERSONS, everything(subject_ref="SJ-1"), second(subject_ref="SJ-1"))
    assert play(lone, "qr", "other pin").pulses == []


def test_the_second_person_has_to_be_good_and_to_come_in_time():
    over = play(at(Require.TWO_PERSONS, everything(), second(not_after=NOW_MS - 1)), "qr", "other pin")
    assert (over.pulses, decided(over)) == ([], [("denied", "CredentialExpired")])
    assert (
        play(at(Require.TWO_PERSONS, everything(), second()), "qr", "other pin", every_ns=TOO_LATE).pulses
        == []
    )


def test_the_first_person_s_code_is_used_up_when_it_is_shown():
    lone = play(at(Require.TWO_PERSONS, everything(), second()), "qr", "other pin")
    assert list(lone.codes) == [CREDENTIAL.hex()]


def test_a_class_only_first_person_is_not_named_by_the_second_s_fact():
    lone = play(at(Require.TWO_PERSONS, everything(cls="resident", prereq=16), second()), "card", "other pin")
    assert "second" not in lone.facts[0].x


def test_three_things_of_one_pass_leave_the_code_used_up_and_the_door_open():
    lone = play(at(Require.CODE_AND_PIN, everything()), "qr", "card", "pin")
    assert decided(lone) == [("granted", "Granted")]
    assert list(lone.codes) == [CREDENTIAL.hex()]


def test_staff_without_news_are_two_people_with_two_things_each():
    stale = {"online": False, "contact_age_ms": 8 * 24 * HOUR_MS}
    rows = everything(cls="operator", prereq=0), second(cls="grid", prereq=0)
    lone = play(at(Require.TWO_PERSONS, *rows, **stale), "qr", "pin", "other pin")
    assert lone.pulses == []  # the second person has shown one thing only
    guest = play(at(Require.TWO_PERSONS, rows[0], second(), **stale), "qr", "pin", "other pin")
    assert decided(guest) == [("granted", "Granted")]
    assert list(guest.codes) == [CREDENTIAL.hex()]
    other_way = play(at(Require.TWO_PERSONS, rows[0], second(), **stale), "other pin", "qr", "pin")
    assert decided(other_way) == [("granted", "Granted")]
    slow = play(
        at(Require.TWO_PERSONS, rows[0], second(), **stale), "other pin", "qr", "pin", every_ns=20 * S_NS
    )
    assert slow.pulses == []


# --- the way out ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("require", list(Require))
def test_the_way_out_never_asks_for_two(require):
    lone = play(at(require, everything(), direction="out"), "pin")
    assert decided(lone) == [("granted", "Granted")]

    async def leave() -> LoneGate:
        inside = await at(require).boot()
        await inside.gate.on_event(RexPressed(GrantId("g")))
        return inside

    assert "door.rex" in asyncio.run(leave()).kinds
