"""Shifts at the gate on the real store and pages: signed, taken over with their cases, counted by their rows, and kept."""

import re

import pytest
import sqlalchemy as sa

from cloud_sync.core.case_types import OPEN, CaseState
from cloud_sync.core.case_types import CaseEvent as E
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports_cases import CaseWish
from cloud_sync.store import tables
from cloud_sync.store.shifts import SqlShifts
from cloud_sync.store.tables_shifts import shift
from tests.fakes.staff_house import GUARD, OFFICER, OTHER_GUARD, StaffHouse, logged_in
from tests.fakes.web_house import GATE, PASSWORD, UNIT, door

NOTE = "the east barrier is slow today"


@pytest.fixture
def house(tmp_path):
    made = StaffHouse(tmp_path)
    made.open_up()
    made.shifts = SqlShifts(made.books)
    yield made
    made.close()


def act(house, case, event, name, **more):
    return house.desk.act(case, CaseWish(event, **more), house.user(name))


def cases_of(house, kind):
    return next(line.case.id for line in house.desk.queue(house.user(OFFICER)) if line.case.kind == kind)


def an_evening(house):
    """A held door somebody works on, one put aside, one silenced, one under repair, one nobody saw, and a command."""
    house.report("building-7", [door(UNIT)])
    for type_ in ("door.tamper", "door.contact_fault"):
        house.alarm(type_)
    for type_ in ("door.held", "door.jammed"):
        house.alarm(type_, node="building-7", access_point=UNIT)
    held, jammed, tamper = (cases_of(house, kind) for kind in ("held", "jammed", "tamper"))
    for case in (held, jammed):
        act(house, case, E.ACK, GUARD)
        act(house, case, E.START, GUARD)
    act(house, jammed, E.HOLD, GUARD, reason="the smith comes", until_ms=house.clock.now + 900_000)
    act(house, tamper, E.SHELVE, OFFICER, reason="painters", until_ms=house.clock.now + 900_000)
    act(house, cases_of(house, "contact_fault"), E.TAKE_OUT, OFFICER, reason="permit 17")
    for type_ in ("door.power_low", "door.lock_silent"):
        house.alarm(type_)
    house.commands.issue(GATE, "lock", actor=GUARD, reason="a fight in the lane")
    return held, jammed


def truth(house):
    """Counted from the tables, without the report's own words."""
    with house.engine.connect() as db:
        states = list(db.execute(sa.select(tables.case_.c.state)).scalars())
        commands = len(list(db.execute(sa.select(tables.command.c.id))))
        events = list(db.execute(sa.select(tables.event.c.type)).scalars())
    of = {name: sum(state in some for state in states) for name, some in GROUPS.items()}
    return of | {"commands": commands, "doors": sum(one in ("door.held", "door.forced") for one in events)}


GROUPS = {
    "unseen": {"NEW", "RTN_UNACK"},
    "taken": {"ACKED", "IN_PROGRESS", "ON_HOLD"},
    "away": {"TRANSFERRED", "DEPT_SIGNED", "DEPT_ACTING"},
    "to_check": {"RESOLVED"},
    "shelved": {"SHELVED"},
    "explained": {"SUPPRESSED"},
    "out": {"OUT_OF_SERVICE"},
    "closed": {"CLOSED"},
}


def counts(text):
    return {name: int(n) for name, n in re.findall(r'id="count-(\w+)">[^<]*<strong>(\d+)</strong>', text)}


def rows(text, part):
    found = re.search(rf'id="part-{part}".*?</section>', text, re.DOTALL)[0]
    return re.findall(r"<li>(.*?)</li>", found, re.DOTALL)


def post(client, path, **data):
    csrf = re.search(r'name="csrf" value="([^"]+)"', client.get("/staff/shift").text)[1]
    return client.post(path, data={"csrf": csrf, **data})


def test_the_groups_of_a_report_are_all_states_of_a_case_and_none_twice():
    named = [state for some in GROUPS.values() for state in some]
    assert sorted(named) == sorted(CaseState)
    assert set(named) - {"CLOSED"} == set(OPEN)


def test_a_report_counts_what_the_tables_hold_and_every_number_is_the_rows_it_leads_to(house):
    mine = house.shifts.begin(house.user(GUARD))
    an_evening(house)
    house.shifts.note(NOTE, house.user(GUARD))
    with logged_in(house, GUARD) as client:
        text = client.get("/staff/shift").text
        seen = counts(text)
        assert seen == truth(house) | {"notes": 1}
        assert seen["shelved"] == seen["out"] == seen["explained"] == seen["commands"] == seen["doors"] == 1
        assert seen["taken"] == 2
        for part, n in seen.items():
            assert f'href="#part-{part}"' in text
            assert len(rows(text, part)) == n, part
        for href in re.findall(r'href="(/staff/(?:cases|commands)/[^"]+)"', text):
            assert client.get(href).status_code == 200
        assert (
            post(client, f"/staff/shift/{mine}", event="sign", to=OTHER_GUARD, note=NOTE).status_code == 303
        )
        kept = client.get(f"/staff/shift/{mine}").text
        assert counts(kept) == seen
        house.alarm("door.forced")
        assert counts(client.get(f"/staff/shift/{mine}").text) == seen  # as it was signed
        assert counts(client.get("/staff/shift").text)["unseen"] == seen["unseen"] + 1


def test_open_cases_go_over_by_the_machine_and_with_their_history_when_the_other_takes_them(house):
    mine = house.shifts.begin(house.user(GUARD))
    held, jammed = an_evening(house)
    house.shifts.sign(mine, OTHER_GUARD, NOTE, house.user(GUARD))
    owners = [house.desk.case(one, house.user(OFFICER)).line.case.owner for one in (held, jammed)]
    assert owners == [GUARD, GUARD]  # until the other takes over
    with logged_in(house, OTHER_GUARD) as client:
        assert f"I take over from {GUARD}" in client.get("/staff/shift").text
        assert post(client, f"/staff/shift/{mine}", event="take over").status_code == 303
    for one, before in ((held, [E.START]), (jammed, [E.HOLD, E.RESUME])):
        view = house.desk.case(one, house.user(OTHER_GUARD))
        assert view.line.case.owner == OTHER_GUARD
        tail = [(note.event, note.actor, note.ref) for note in view.notes][-2:]
        assert tail == [(E.OFFER, GUARD, mine), (E.ACCEPT, OTHER_GUARD, mine)]
        assert [note.event for note in view.notes][-2 - len(before) : -2] == before
    (now,) = house.shifts.on()
    assert (now.user, now.state) == (OTHER_GUARD, "ON")
    (before,) = house.shifts.earlier(most=9)
    assert (before.shift, before.note, set(before.handed)) == (mine, NOTE, {held, jammed})
    with house.engine.connect() as db:
        deeds = list(db.execute(sa.select(tables.audit.c.action).order_by(tables.audit.c.n)).scalars())
    assert [one for one in deeds if one.startswith("shift.")] == [
        *("shift.begin", "shift.sign", "shift.take over", "shift.begin"),
    ]
    assert deeds.count("case.offer") == deeds.count("case.accept") == 2


def test_nobody_signs_for_another_or_takes_what_was_not_given_to_them(house):
    mine = house.shifts.begin(house.user(GUARD))
    with pytest.raises(Refused):
        house.shifts.begin(house.user(GUARD))
    for to, note, name in (
        (OTHER_GUARD, NOTE, OTHER_GUARD),
        (GUARD, NOTE, GUARD),
        ("nobody", NOTE, GUARD),
        (OTHER_GUARD, " ", GUARD),
    ):
        with pytest.raises(Refused):
            house.shifts.sign(mine, to, note, house.user(name))
    with pytest.raises(NotFound):
        house.shifts.kept(mine)
    house.shifts.sign(mine, OTHER_GUARD, NOTE, house.user(GUARD))
    with pytest.raises(Refused):
        house.shifts.take_over(mine, house.user(OFFICER))
    house.shifts.sign(mine, OFFICER, "wang is ill", house.user(GUARD))  # somebody else relieves
    with logged_in(house, OTHER_GUARD) as client:
        said = post(client, f"/staff/shift/{mine}", event="take over")
        assert said.status_code == 409
        assert "signed over to somebody else" in said.text
    house.shifts.take_over(mine, house.user(OFFICER))
    with pytest.raises(Refused):
        house.shifts.take_over(mine, house.user(OFFICER))
    with house.engine.connect() as db:
        assert len(list(db.execute(sa.select(shift)))) == 2


def test_a_department_is_not_somebody_to_hand_a_gate_to(house):
    house.accounts.add("ma", "department", PASSWORD, actor="test")
    mine = house.shifts.begin(house.user(GUARD))
    with pytest.raises(Refused):
        house.shifts.sign(mine, "ma", NOTE, house.user(GUARD))


def test_a_report_names_no_guest_and_no_stay(house):
    mine = house.shifts.begin(house.user(GUARD))
    house.alarm("access.duress", subject_ref="SU-7777", pass_id="PA-7777")
    house.shifts.sign(mine, OTHER_GUARD, NOTE, house.user(GUARD))
    _, sheet = house.shifts.kept(mine)
    assert len(sheet.cases) == 1
    with house.engine.connect() as db:
        text = db.execute(sa.select(shift.c.sheet)).scalar_one()
    assert "7777" not in text
    assert sheet.cases[0].about == ""
