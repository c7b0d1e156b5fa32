"""The gate staff's pages through the real application and store: who may what, and what a press does."""

import re

import pytest
import sqlalchemy as sa

from cloud_sync.core.case_types import BY_PEOPLE, CaseEvent, CaseState
from cloud_sync.core.cases import CASE, right_for
from cloud_sync.core.guards import Guard
from cloud_sync.core.roles import MAY, Right, Role, may
from cloud_sync.ports import DoorLine, User
from cloud_sync.store import tables
from cloud_sync.store.read import StoredDashboard
from cloud_sync.web.language import Lang
from cloud_sync.web.staff import words
from cloud_sync.web.staff.shown import ops_of
from cloud_sync.web.texts import texts
from tests.fakes.staff_house import GUARD, OFFICER, OTHER_GUARD, StaffHouse, logged_in
from tests.fakes.web_house import GATE, ROOM, UNIT, door
from tests.fakes.wire_ledger import told


@pytest.fixture
def house(tmp_path):
    made = StaffHouse(tmp_path)
    made.open_up()
    yield made
    made.close()


@pytest.fixture
def guard(house):
    with logged_in(house, GUARD) as client:
        yield client


@pytest.fixture
def officer(house):
    with logged_in(house, OFFICER) as client:
        yield client


def csrf(client):
    return re.search(r'name="csrf" value="([^"]+)"', client.get("/staff").text)[1]


def press(client, case, event, **more):
    return client.post(f"/staff/cases/{case}", data={"csrf": csrf(client), "event": event, **more})


def queue(client):
    return re.findall(r'id="card-([A-Z0-9-]+)"', client.get("/staff").text)


# --- role × page and action ------------------------------------------------------------------------------------

PAGES = [
    ("/", Right.SEE_BOARD),
    ("/parts/board", Right.SEE_BOARD),
    ("/nodes/gate-1", Right.SEE_BOARD),
    ("/api/v1/dashboard", Right.SEE_BOARD),
    ("/staff", Right.SEE_STAFF),
    ("/staff/parts/queue", Right.SEE_STAFF),
    (f"/staff/doors/{GATE}", Right.COMMAND_DOOR),
]


@pytest.mark.parametrize(("path", "right"), PAGES, ids=[path for path, _ in PAGES])
@pytest.mark.parametrize("role", list(Role))
def test_each_role_opens_the_pages_its_rights_name_and_no_other(house, role, path, right):
    house.accounts.add("somebody", role, "a quiet evening at the gate", actor="test")
    with logged_in(house, "somebody") as client:
        status = client.get(path).status_code
    allowed = may(role, right)
    # Gate staff have a first page of their own; they are brought there instead of being refused.
    assert status == (200 if allowed else 303 if path == "/" else 403)


@pytest.mark.parametrize("path", ["/staff", "/staff/parts/queue", f"/staff/doors/{GATE}"])
def test_a_page_that_asks_at_every_move_of_a_door_counts_no_guests_for_it(guard, monkeypatch, path):
    def counted(*_: object) -> None:
        raise AssertionError("the dashboard's numbers grow with the guests")

    monkeypatch.setattr(StoredDashboard, "dashboard", counted)
    assert guard.get(path).status_code == 200


@pytest.mark.parametrize("event", [event for event in BY_PEOPLE if right_for(event, "alert")])
@pytest.mark.parametrize("role", list(Role))
def test_each_role_may_press_what_its_rights_name(role, event):
    for family in ("alert", "discrepancy"):
        assert may(role, right_for(event, family)) is (right_for(event, family) in MAY[role])


EXPECTED = {
    Role.GUARD: {
        "SEE_STAFF",
        "SEE_FIGURES",
        "WORK_CASE",
        "VERIFY_ALERT",
        "COMMAND_DOOR",
        "ADMIT",
        "PREVIEW",
        "PROVE",
    },
    Role.OFFICER: {right.name for right in Right} - {"SECOND_APPROVAL", "ACT_FOR_DEPARTMENT", "OWN_PAGES"},
    Role.ADMIN: {right.name for right in Right} - {"ACT_FOR_DEPARTMENT", "OWN_PAGES"},
    Role.OPERATOR: {"FILE_LISTING", "OWN_PAGES"},
    Role.STREET: {"SEE_LISTINGS", "SEE_FIGURES", "SECOND_APPROVAL", "WHISTLE", "SEE_INBOX"},
    Role.DEPARTMENT: {"SEE_INBOX", "ACT_FOR_DEPARTMENT"},
}


@pytest.mark.parametrize("right", list(Right))
@pytest.mark.parametrize("role", list(Role))
def test_the_table_of_rights_is_the_one_that_was_agreed(role, right):
    assert may(role, right) is (right.name in EXPECTED[role])


def test_a_role_nobody_has_taught_us_may_nothing():
    assert not any(may("gardener", right) or may(None, right) for right in Right)


def test_a_guard_may_not_import(guard):
    answer = guard.post("/api/v1/imports/listings", content=b"x", headers={"x-csrf-token": csrf(guard)})
    assert answer.status_code == 403


def test_nobody_sees_the_staff_page_without_a_login(house):
    with logged_in(house, GUARD) as client:
        client.cookies.clear()
        assert client.get("/staff").headers["location"] == "/login"
        assert client.get("/live/staff").status_code == 401


# --- the queue ---------------------------------------------------------------------------------------------------


def test_a_quiet_house_says_so(guard):
    assert "All quiet" in guard.get("/staff").text


def test_the_gravest_is_first_and_among_equals_the_oldest(house, guard):
    held = house.alarm("door.held", access_point=UNIT, node="building-7")
    forced = house.alarm("door.forced")
    later = next(
        case for case in queue_after(house, guard, "door.forced", ROOM) if case not in (held, forced)
    )
    assert queue(guard) == [forced, later, held]


def queue_after(house, client, type_, access_point):
    house.alarm(type_, access_point=access_point, node="building-7")
    return queue(client)


def test_a_forced_door_sounds_until_somebody_looked(house, guard):
    case = house.alarm("door.forced")
    assert 'data-sounding="1"' in guard.get("/staff").text
    house.alarm("door.secured")
    assert press(guard, case, "acknowledge", reason="the wind").status_code == 303
    assert 'data-sounding="0"' in guard.get("/staff").text


@pytest.mark.parametrize(
    ("lang", "title"), [("en", "Silent alarm: somebody opened"), ("zh", "静默报警")], ids=["en", "zh"]
)
def test_duress_is_first_in_the_queue_and_makes_no_sound(house, guard, lang, title):
    """Whoever threatens the guest may stand beside the guard's screen; a phone that is asked to wake, wakes."""
    held = house.alarm("door.held", access_point=UNIT, node="building-7")
    sounding = guard.get("/staff").text.count(" sounding")
    case = house.alarm("access.duress")
    page = guard.get(f"/staff?lang={lang}").text
    assert (queue(guard), title in page) == ([case, held], True)
    assert ('data-sounding="1"' in page, page.count(" sounding")) == (True, sounding)  # the held door's
    assert house.desk.case(case, house.user(GUARD)).line.case.sounds


@pytest.mark.story("22a")
@pytest.mark.parametrize(
    ("lang", "sentence"), [("en", "silent for 2 min"), ("zh", "已静默 2 分钟")], ids=["en", "zh"]
)
def test_a_silent_node_is_said_in_a_banner(house, guard, lang, sentence):
    house.clock.now += 100_000
    house.report("building-7", [])
    page = guard.get(f"/staff?lang={lang}").text
    assert sentence in page
    assert "gate-1" in page or "East gate" in page


def test_a_service_that_hears_nobody_says_so(house, guard):
    assert "No gate has been heard" not in guard.get("/staff").text
    house.clock.now += 46_000
    assert "No gate has been heard" in guard.get("/staff").text


def test_alarms_that_nobody_sorts_are_said(house, guard):
    house.tell("door.forced")
    house.clock.now += 6_000
    assert "not sorted into cases" in guard.get("/staff").text


def test_a_node_unsure_of_the_time_is_said(house, guard):
    ledger = house.ledgers["gate-1"]
    house.sink.store([told(ledger.hello(clock_state="UNTRUSTED"))], house.clock.now)
    assert "not sure of the time" in guard.get("/staff").text


# --- a case ------------------------------------------------------------------------------------------------------


@pytest.mark.story("26e")
def test_a_case_is_worked_to_its_end_by_two_people(house, guard):
    case = house.alarm("door.held")
    for event in ("acknowledge", "start"):
        assert press(guard, case, event).headers["location"] == f"/staff/cases/{case}"
    house.alarm("door.secured")
    assert press(guard, case, "resolve", code="fixed", reason="a suitcase").status_code == 303
    refused = press(guard, case, "verify")
    assert (refused.status_code, "does not check it" in refused.text) == (409, True)
    with logged_in(house, OTHER_GUARD) as other:
        assert press(other, case, "verify").status_code == 303
        page = other.get(f"/staff/cases/{case}").text
    assert "repaired: a suitcase" in page
    assert house.desk.queue(house.user(GUARD)) == ()


def test_who_may_leave_a_door_open_is_told_that_a_reason_is_wanted(house, officer):
    case = house.alarm("door.forced")
    refused = press(officer, case, "acknowledge")
    assert refused.status_code == 409
    assert "or say why it may stay open" in refused.text
    assert press(officer, case, "acknowledge", reason="moving in, held by hand").status_code == 303


def test_a_forced_door_that_stands_open_is_refused_in_the_readers_words(house, guard):
    case = house.alarm("door.forced")
    refused = press(guard, case, "acknowledge", reason="<b>on my way</b>")
    assert refused.status_code == 409
    assert "Shut it first" in refused.text
    assert "&lt;b&gt;on my way&lt;/b&gt;" in refused.text
    guard.headers["accept-language"] = "zh-CN"
    assert "请先关门" in press(guard, case, "acknowledge").text


def test_a_case_that_moved_on_is_not_moved_twice(house, guard):
    case = house.alarm("door.held")
    press(guard, case, "acknowledge")
    again = press(guard, case, "acknowledge")
    assert (again.status_code, "moved on meanwhile" in again.text) == (409, True)


def test_a_hand_over_is_offered_and_accepted(house, guard):
    case = house.alarm("door.held")
    press(guard, case, "acknowledge")
    assert f"<option>{OTHER_GUARD}</option>" in guard.get(f"/staff/cases/{case}").text
    press(guard, case, "offer", to=OTHER_GUARD)
    with logged_in(house, OTHER_GUARD) as other:
        press(other, case, "accept")
    assert house.desk.case(case, house.user(GUARD)).line.case.owner == OTHER_GUARD


@pytest.mark.story("26b", "26c")
def test_the_page_says_how_to_talk_to_the_door_and_what_it_last_told(house, guard):
    house.report("gate-1", [door(GATE, contact="open", alarm="FORCED")])
    page = guard.get(f"/staff/cases/{house.alarm('door.forced')}").text
    assert 'href="sip:east-gate@intercom.example"' in page
    assert "open" in page
    assert "forced" in page


@pytest.mark.parametrize("form", [{}, {"csrf": "forged", "event": "acknowledge"}])
def test_a_forged_press_does_nothing(house, guard, form):
    case = house.alarm("door.held")
    assert guard.post(f"/staff/cases/{case}", data=form).status_code == 403
    assert house.desk.case(case, house.user(GUARD)).line.case.state is CaseState.NEW


@pytest.mark.parametrize("event", ["raise", "condition clears", "closing condition met", "nonsense", ""])
def test_what_the_world_does_nobody_presses(house, guard, event):
    case = house.alarm("door.held")
    assert press(guard, case, event, reason="x").status_code == 409
    assert house.desk.case(case, house.user(GUARD)).line.case.state is CaseState.NEW


@pytest.mark.parametrize("path", ["/staff/cases/CS-01KB2M7QG3Z8W4V5X6Y7Z8A9BC", "/staff/doors/AP-none"])
def test_what_is_not_there_is_not_found(guard, path):
    assert guard.get(path).status_code == 404


# --- doors by command --------------------------------------------------------------------------------------------


def choose(client, op, reason="a parcel for 602", *, at=GATE, confirm=False, **more):
    path = f"/staff/doors/{at}" + ("/confirm" if confirm else "")
    return client.post(path, data={"csrf": csrf(client), "op": op, "reason": reason, **more})


def commands(house):
    with house.engine.connect() as db:
        return list(db.execute(sa.select(tables.command)).mappings())


def test_the_first_press_only_asks_again(house, guard):
    page = choose(guard, "release")
    assert page.status_code == 200
    assert "Really: Release once?" in page.text
    assert commands(house) == []


@pytest.mark.parametrize(
    ("op", "wire", "arg"),
    [
        ("release", "release", ""),
        ("lock", "lock", ""),
        ("block", "block", ""),
        ("admit", "release", "class=visitor"),
    ],
)
def test_the_second_press_sends_it_under_this_persons_name_with_the_reason(house, guard, op, wire, arg):
    answer = choose(guard, op, confirm=True)
    assert answer.status_code == 303
    (row,) = commands(house)
    assert (row["op"], row["arg"], row["issuer"], row["reason"], row["access_point"]) == (
        wire,
        arg,
        GUARD,
        "a parcel for 602",
        GATE,
    )
    page = guard.get(answer.headers["location"]).text
    assert "on its way" in page
    house.answer(house.commands.state(row["id"]), "done")
    assert 'data-state="DONE"' in guard.get(answer.headers["location"]).text


def test_a_refusal_of_the_door_is_said_in_words(house, guard):
    where = choose(guard, "release", confirm=True).headers["location"]
    house.answer(house.commands.state(commands(house)[0]["id"]), "refused", "x:WrongMode")
    assert "cannot do that in the state it is in" in guard.get(where).text


@pytest.mark.parametrize("confirm", [False, True])
@pytest.mark.parametrize(("op", "reason"), [("release", "  "), ("explode", "why not"), ("", "x")])
def test_half_a_wish_sends_nothing(house, guard, op, reason, confirm):
    assert choose(guard, op, reason, confirm=confirm).status_code == 409
    assert commands(house) == []


@pytest.mark.story("26d")
def test_a_visitor_is_let_in_at_a_gate_and_nowhere_else(house, guard):
    assert 'value="admit"' not in guard.get(f"/staff/doors/{UNIT}").text
    assert choose(guard, "admit", at=UNIT, confirm=True).status_code == 409
    assert commands(house) == []


def test_a_gate_unsure_of_the_time_is_not_opened_and_the_page_says_why(house, guard):
    house.sink.store([told(house.ledgers["gate-1"].hello(clock_state="UNTRUSTED"))], house.clock.now)
    answer = choose(guard, "release", confirm=True)
    assert (answer.status_code, "then only locks and blocks" in answer.text) == (409, True)
    assert commands(house) == []


def test_a_forged_command_is_not_sent(house, guard):
    form = {"csrf": "forged", "op": "release", "reason": "x"}
    assert guard.post(f"/staff/doors/{GATE}/confirm", data=form).status_code == 403
    assert commands(house) == []


# --- words -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", list(Lang))
def test_every_guard_a_person_can_meet_is_explained(lang):
    say = texts(lang)
    world = {Guard.ALERT, Guard.TRANSIENT, Guard.GRAVE, Guard.LIGHT, Guard.DATA_CLOSES, Guard.DISCREPANCY}
    world |= {Guard.MATTER, Guard.STILL_TRUE, Guard.CAUSE, Guard.NEVER_WHISTLED}
    for guard in {one for row in CASE.rows for one in row.guards} - world | {Guard.PERMITTED}:
        assert say(words.REFUSALS[guard.name])


def test_every_state_step_and_event_has_a_word():
    assert set(words.STATES) == set(CaseState)
    assert set(words.STEPS) == set(BY_PEOPLE)
    assert set(words.HAPPENED) == set(CaseEvent)


@pytest.mark.parametrize(
    ("mode", "ops"),
    [
        ("LOCKED", ("release", "lock", "block", "lockdown", "lockopen")),
        ("LOCKED_DOWN", ("lockdown_release", "lockopen")),
        ("LOCKED_OPEN", ("lockopen_release",)),
    ],
)
def test_the_page_offers_what_a_door_in_its_mode_still_takes(mode, ops):
    line = DoorLine(
        "AP-1", "门", "door", "unit", mode, "closed", "NORMAL", "OK", "off", "off", 0, *([None] * 4)
    )
    user = User("officer", Role.OFFICER)
    assert tuple(op for op, _title, _means in ops_of(line, user, texts(Lang.EN))) == ops
