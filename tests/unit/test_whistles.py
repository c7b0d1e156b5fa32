"""Whistles, matters and field tasks on the real store and pages: asked, signed, answered, verified, counted (stories 29, 34)."""

import re

import pytest
import sqlalchemy as sa

from cloud_sync.core.case_types import CaseEvent as E
from cloud_sync.core.case_types import CaseState as S
from cloud_sync.core.field_tasks import share
from cloud_sync.core.figures import Row
from cloud_sync.core.policy import DAY_MS, HOUR_MS, MINUTE_MS
from cloud_sync.errors import NotFound, Refused
from cloud_sync.jobs import CaseWork
from cloud_sync.ports import User
from cloud_sync.ports_cases import CaseWish, Department
from cloud_sync.ports_field import MatterWish, SweepWish
from cloud_sync.ports_model import UnitWish
from cloud_sync.store import tables
from cloud_sync.store.case_intake import CaseIntake
from cloud_sync.store.cases_store import SqlCaseDesk
from cloud_sync.store.departments import SqlDepartments
from cloud_sync.store.field_tasks import SqlField
from cloud_sync.store.figures import StoredFigures
from cloud_sync.store.matters import SqlMatters
from cloud_sync.store.tables_cases import field_task, matter_report
from tests.fakes.community_house import DOOR, GATE
from tests.fakes.listing_house import OFFICER, OTHER, PASSWORD, UNIT, ListingHouse
from tests.fakes.web_house import log_in, visiting

ZHAO, QIAN = User("zhao", "officer"), User("qian", "officer")
FIRE, HEALTH = User("ma", "department"), User("gao", "department")
SUN = User("sun", "street")
HIDDEN, OTHERS = "9-901", ("9-902", "9-903")


class Street(ListingHouse):
    """With two departments, and a hidden unit that was confirmed as let."""

    def __init__(self, folder):
        super().__init__(folder)
        self.work = CaseWork(CaseIntake(self.books.house), self.clock)
        self.cases = SqlCaseDesk(self.books.house)
        self.departments = SqlDepartments(self.books.house)
        self.matters, self.field = SqlMatters(self.books.house), SqlField(self.books.house)
        for user, office in ((FIRE, "fire"), (HEALTH, "health")):
            self.books.accounts.add(user.name, user.role, PASSWORD, actor="test")
            self.departments.put(Department(office, "部门", office.title()), actor="test")
            self.departments.join(office, user.name, actor="test")
        for one in (HIDDEN, *OTHERS):
            self.desk.put_unit(UnitWish(one, "9", grid="3", use="vacant"), "survey", OFFICER)

    def found(self):
        made = self.desk.report_unit(HIDDEN, "occupied_no_code", "keys in a box", OTHER)
        return self.desk.decide_finding(made, "confirm", "guests at the door", OFFICER)

    def whistled(self):
        case = self.found()
        self.act(case, E.ACK, ZHAO)
        self.act(case, E.WHISTLE, ZHAO, code="work", to="fire", colour="blue")
        return case

    def act(self, case, event, user, **more):
        return self.cases.act(case, CaseWish(event, **{"reason": "seen to", **more}), user)

    def answers(self, case, event, user=FIRE, reason="on the site"):
        self.departments.act(case, CaseWish(event, reason), user)

    def goes_on(self, ms):
        self.clock.step(ms=ms)
        self.work()

    def case(self, case_id):
        return self.cases.case(case_id, ZHAO).line.case

    def figure(self, name, row):
        found = StoredFigures(self.books.house).figures(30, frozenset({row})).figures
        return next((one.numerator, one.denominator) for one in found if one.name == name)

    def rows(self, table):
        with self.books.engine.connect() as db:
            return list(db.execute(sa.select(table)).mappings())


@pytest.fixture
def street(tmp_path):
    made = Street(tmp_path)
    yield made
    made.close()


@pytest.mark.story("34b")
def test_a_department_signs_makes_contact_and_reports_in_each_by_a_clock(street):
    case = street.whistled()
    (line,) = street.departments.inbox(FIRE)
    began = street.clock.now_ms()
    assert (line.kind, line.place_zh, line.asked, line.due_ms) == ("D07", HIDDEN, "seen to", began + HOUR_MS)
    assert street.departments.inbox(HEALTH) == ()
    street.goes_on(HOUR_MS)
    assert street.case(case).colour == "yellow"
    with pytest.raises(NotFound):
        street.answers(case, E.SIGN, HEALTH)
    street.answers(case, E.SIGN)
    signed = street.clock.now_ms()
    # A Friday noon: one working day is Monday, three are Wednesday.
    assert street.case(case).contact_due_ms == signed + 3 * DAY_MS
    assert street.case(case).report_due_ms == signed + 5 * DAY_MS
    street.goes_on(3 * DAY_MS)
    assert street.case(case).colour == "red"
    street.answers(case, E.CONTACT)
    street.answers(case, E.REPORT_IN)
    assert street.case(case).state is S.DEPT_ACTING
    assert street.figure("whistle_to_check_in", Row.CASES) == (HOUR_MS, 1)


@pytest.mark.story("34c")
def test_the_finding_of_the_site_comes_back_and_another_person_verifies_it(street):
    case = street.whistled()
    for event in (E.SIGN, E.REPORT_IN):
        street.answers(case, event)
    street.answers(case, E.RESULT, reason="sealed, guests moved")
    held = street.case(case)
    assert (held.state, held.resolved_by, held.note) == (S.RESOLVED, "ma", "sealed, guests moved")
    with pytest.raises(Refused):
        street.answers(case, E.VERIFY)
    street.act(case, E.VERIFY, ZHAO)
    assert (street.case(case).state, street.case(case).verified_by) == (S.CLOSED, "zhao")
    assert [(n.actor, n.event) for n in street.cases.case(case, ZHAO).notes][2:] == [
        ("zhao", E.WHISTLE), ("ma", E.SIGN), ("ma", E.REPORT_IN), ("ma", E.RESULT), ("zhao", E.VERIFY)
    ]  # fmt: skip


def test_what_a_department_returns_is_the_first_receivers_again(street):
    case = street.whistled()
    street.answers(case, E.RETURN, reason="of the health office")
    assert (street.case(case).state, street.case(case).owner) == (S.IN_PROGRESS, "zhao")
    assert street.departments.inbox(FIRE) == ()


@pytest.mark.story("34e")
@pytest.mark.parametrize(("after_ms", "counted"), [(14 * DAY_MS, 1), (15 * DAY_MS, 0)])
def test_within_fourteen_days_it_counts_as_reopened(street, after_ms, counted):
    case = street.whistled()
    for event in (E.SIGN, E.REPORT_IN, E.RESULT):
        street.answers(case, event)
    street.act(case, E.VERIFY, ZHAO)
    street.clock.step(ms=after_ms)
    fresh = street.act(case, E.REOPEN, ZHAO, reason="let again")
    assert street.case(fresh).reopened_from == case
    assert street.figure("cases_reopened", Row.CASES) == (counted, 1)


# --- pages ------------------------------------------------------------------------------------------------------------


def form_of(page):
    return re.search(r'name="csrf" value="([^"]+)"', page)[1]


def test_the_inbox_of_a_department_and_of_the_street_by_their_pages(street):
    case = street.found()
    street.act(case, E.ACK, ZHAO)
    with visiting(street.app(), **{"accept-language": "en"}) as client:
        log_in(client, name="sun", password=PASSWORD)
        page = client.get("/inbox").text
        assert "Whistle to a department" in page
        asked = {"csrf": form_of(page), "event": E.WHISTLE, "reason": "let without a code"}
        refused = client.post(f"/inbox/{case}", data={**asked, "to": "fire"})
        assert (refused.status_code, "Choose a department" in refused.text) == (409, True)
        sent = {**asked, "to": "fire", "colour": "red", "code": "hard"}
        assert client.post(f"/inbox/{case}", data=sent).status_code == 303
    with visiting(street.app(), **{"accept-language": "zh"}) as client:
        log_in(client, name="ma", password=PASSWORD)
        assert client.get("/").headers["location"] == "/inbox"
        assert client.get("/staff").status_code == 403
        page = client.get("/inbox").text
        assert HIDDEN in page
        assert "签收" in page
        assert (
            "keys in a box" not in page
        )  # what the community knows of the unit is not the department's to read
        assert client.post(f"/inbox/{case}", data={"csrf": form_of(page), "event": E.SIGN}).status_code == 303
        assert "首次联系" in client.get("/inbox").text or "已联系" in client.get("/inbox").text
    assert street.case(case).state is S.DEPT_SIGNED


def test_a_matter_is_taken_down_triaged_and_seen_by_its_link(street):
    with visiting(street.app(), **{"accept-language": "en"}) as client:
        log_in(client, name="zhao", password=PASSWORD)
        page = client.get("/staff/matters").text
        told = {"csrf": form_of(page), "kind": "noise", "place": UNIT, "said": "music at one in the night"}
        wrong = client.post("/staff/matters", data={**told, "place": "moon"})
        assert (wrong.status_code, "There is no unit" in wrong.text) == (409, True)
        link = re.search(r"/status/[0-9a-f]{40}", client.post("/staff/matters", data=told).text)[0]
        again = client.post("/staff/matters", data=told)
        assert (again.status_code, "Add it to that case" in again.text) == (409, True)
        (line,) = street.cases.queue(ZHAO)
        joined = client.post("/staff/matters", data={**told, "join": line.case.id})
        assert "It is on record." in joined.text
        page = client.get(f"/staff/cases/{line.case.id}").text
        assert page.index('value="small"') < page.index('value="big"')
        done = {"csrf": form_of(page), "event": E.TRIAGE, "code": "big"}
        assert client.post(f"/staff/cases/{line.case.id}", data=done).status_code == 303
    with visiting(street.app(), **{"accept-language": "en"}) as anybody:
        page = anybody.get(link).text
        assert "nobody has taken it up yet" in page
        assert UNIT not in page
        assert "music" not in page
        assert anybody.get("/status/" + "0" * 40).status_code == 404
    case = street.case(line.case.id)
    assert (case.count, case.matter_class, case.severity, case.owner_role) == (2, "big", "S2", "street")
    assert len(street.rows(matter_report)) == 2


def test_what_comes_three_times_in_thirty_days_is_suggested_as_big_and_retriage_is_on_record(street):
    for day in range(3):
        made = street.matters.report(MatterWish("noise", UNIT, "music again"), ZHAO).case_id
        expected = "big" if day == 2 else "small"
        assert street.cases.case(made, ZHAO).suggested == expected
        street.act(made, E.TRIAGE, ZHAO, code="small")
        street.act(made, E.TRIAGE, ZHAO, code="private")
        street.clock.step(ms=2 * DAY_MS)
    noted = [n.reason for n in street.cases.case(made, ZHAO).notes if n.event == E.TRIAGE]
    assert [reason.split(" · ")[0] for reason in noted] == ["small", "private"]


# --- in the field -----------------------------------------------------------------------------------------------------


@pytest.mark.story("29e")
def test_an_officer_plans_a_sweep_and_what_it_finds_moves_the_rates(street):
    street.coded(UNIT)
    assert street.figure("register_operating", Row.GAP) == (1, 1)
    street.field.plan(SweepWish("sweep", (HIDDEN, *OTHERS), 7, "guests were seen"), ZHAO)
    (card,) = street.field.sweeps(most=9)
    first, second, third = (task.task for task in card.tasks)
    for task, result in ((first, "let"), (second, "not_let")):
        street.field.act(task, "claim", QIAN)
        street.field.act(task, "report", QIAN, result=result, note="two beds, keys in a box")
    assert street.figure("register_operating", Row.GAP) == (1, 1)  # nobody has checked it yet
    with pytest.raises(Refused):
        street.field.act(first, "check", QIAN)
    street.field.act(first, "check", ZHAO)
    street.field.act(second, "check", ZHAO)
    assert street.figure("register_operating", Row.GAP) == (1, 2)
    assert street.figure("coding_coverage", Row.CODING) == (1, 2)
    (card,) = street.field.sweeps(most=9)
    assert (card.planned, card.seen, card.checked, card.missed) == (3, 2, 2, 0)
    street.clock.step(ms=7 * DAY_MS)
    assert (street.field.miss(), street.field.miss()) == (1, 0)
    assert {row["state"] for row in street.rows(field_task)} == {"CHECKED", "MISSED"}
    with pytest.raises(Refused):
        street.field.act(third, "claim", QIAN)


def test_a_unit_that_is_let_no_more_moves_them_back(street):
    street.found()
    assert street.figure("register_operating", Row.GAP)[1] == 2
    street.field.plan(SweepWish("verification", (HIDDEN,), 3, "a second look"), ZHAO)
    (task,) = street.field.sweeps(most=9)[0].tasks
    street.field.act(task.task, "claim", QIAN)
    street.field.act(task.task, "report", QIAN, result="not_let", note="a family lives there")
    street.field.act(task.task, "check", ZHAO)
    assert street.figure("register_operating", Row.GAP)[1] == 1


def test_the_field_page_plans_claims_and_reports(street):
    with visiting(street.app(), **{"accept-language": "en"}) as client:
        log_in(client, name="zhao", password=PASSWORD)
        csrf = form_of(client.get("/staff/field").text)
        plan = {"csrf": csrf, "kind": "sweep", "days": "7", "reason": "guests were seen"}
        wrong = client.post("/staff/field", data={**plan, "units": "moon"})
        assert (wrong.status_code, "not in the register" in wrong.text) == (409, True)
        assert (
            client.post("/staff/field", data={**plan, "units": f"{HIDDEN}\n{OTHERS[0]}"}).status_code == 303
        )
        task = re.search(r'id="task-(FT-[0-9A-Z]{26})"', client.get("/staff/field").text)[1]
        for done in ({"event": "claim"}, {"event": "report", "result": "nobody", "note": "dark"}):
            assert client.post(f"/staff/field/{task}", data={"csrf": csrf, **done}).status_code == 303
        page = client.get("/staff/field").text
        assert "1 of 2 visited, 0 checked, 0 missed" in page
        refused = client.post(f"/staff/field/{task}", data={"csrf": csrf, "event": "check"})
        assert (refused.status_code, "This task has moved on" in refused.text) == (409, True)


def test_a_patrol_is_a_round_of_points_due_in_hours_and_says_how_much_of_it_is_covered(street):
    began = street.clock.now_ms()
    for kind, hours in (("sweep", 4), ("patrol", 73)):
        with pytest.raises(Refused):
            street.field.plan(SweepWish(kind, (HIDDEN,), 7, "the night round", hours), ZHAO)
    with pytest.raises(Refused):
        street.field.plan(SweepWish("sweep", (GATE,), 7, "doors"), ZHAO)  # only a patrol goes to doors
    street.field.plan(SweepWish("patrol", (GATE, DOOR, HIDDEN), 7, "the night round", 4), ZHAO)
    (card,) = street.field.sweeps(most=9)
    assert card.due_ms == began + 4 * HOUR_MS
    tasks = {one.unit: one.task for one in card.tasks}
    assert {one.unit: one.point_en for one in card.tasks} == {
        GATE: "South gate",
        DOOR: "Room 301",
        HIDDEN: "",
    }
    with visiting(street.app(), **{"accept-language": "en"}) as client:
        log_in(client, name="zhao", password=PASSWORD)
        csrf = form_of(client.get("/staff/field").text)

        def acts(place, **words):
            return client.post(f"/staff/field/{tasks[place]}", data={"csrf": csrf, **words}).status_code

        assert "0 % covered" in client.get("/staff/field").text
        assert acts(GATE, event="claim") == 303
        assert ">not in order<" in client.get("/staff/field").text  # a door is not asked whether it is let
        assert acts(GATE, event="report", result="let", note="guests") == 409
        assert acts(GATE, event="report", result="not_in_order", note="the hinge is loose") == 303
        page = client.get("/staff/field").text
        assert "1 of 3 visited, 0 checked, 0 missed" in page
        assert "33 % covered" in page
        assert "not in order: the hinge is loose" in page
    street.field.act(tasks[GATE], "check", QIAN)
    street.clock.step(ms=4 * HOUR_MS)
    assert street.field.miss() == 2
    (card,) = street.field.sweeps(most=9)
    assert (card.planned, card.seen, card.checked, card.missed) == (3, 1, 1, 2)
    assert (share(2, 3), share(3, 3), share(0, 0)) == (66, 100, 0)
    assert street.rows(tables.case_) == []  # what a round finds at a door accuses nobody


def test_what_people_told_ends_with_its_case_and_tasks_by_their_own_clock(street):
    made = street.matters.report(MatterWish("noise", UNIT, "music"), ZHAO).case_id
    with street.books.engine.connect() as db:
        assert (
            db.execute(sa.select(tables.case_.c.opener).where(tables.case_.c.id == made)).scalar_one()
            == "zhao"
        )
    street.goes_on(25 * HOUR_MS + MINUTE_MS)
    assert street.case(made).level == 1
