"""The officer's page: a trace needs two people, a copy is on record, and a guard sees none of it."""

import io
import json
import zipfile

import pytest
import sqlalchemy as sa

from cloud_sync.core.policy import DAY_MS, HOUR_MS
from cloud_sync.core.retention import CLOCKS
from cloud_sync.core.trace import Purpose, TellingRule, TraceKind, TraceWish, fault_of, telling_fault
from cloud_sync.errors import NotFound, Refused
from cloud_sync.store import tables
from cloud_sync.store.privacy_desk import SqlPrivacy
from cloud_sync.store.retention import run_retention
from cloud_sync.store.tables_privacy import trace_telling
from tests.fakes.community_house import GATE as HOUSE_GATE
from tests.fakes.community_house import Gate
from tests.fakes.staff_house import GUARD, OFFICER, StaffHouse, logged_in

SECOND = "sun"
TOLD = TellingRule("told")


@pytest.fixture
def house(tmp_path):
    made = StaffHouse(tmp_path)
    made.open_up()
    made.accounts.add(SECOND, "officer", "a quiet evening at the gate", actor="test")
    made.guest_link()
    yield made
    made.close()


@pytest.fixture
def books(tmp_path, database):
    from tests.fakes.community_house import new_house, with_guest

    opened = new_house(tmp_path, database=database)
    with_guest(opened)
    yield opened
    opened.close()


def wish(now_ms: int, **changes: object) -> TraceWish:
    words = {
        "kind": "booking", "ref": "xc 1001", "purpose": "police", "reason": "missing person", "case_ref": "2026-17",
        "from_ms": now_ms - DAY_MS, "until_ms": now_ms + HOUR_MS,
    }  # fmt: skip
    return TraceWish(**{**words, **changes})  # type: ignore[arg-type]


def csrf_of(page) -> str:
    return page.text.split('name="csrf" value="')[1].split('"')[0]


# --- a trace on the books ------------------------------------------------------------------------------------------


@pytest.mark.story("33a", "33b")
@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({}, ""),
        ({"kind": "face"}, "scope"),
        ({"ref": " "}, "scope"),
        ({"purpose": "curiosity"}, "purpose"),
        ({"case_ref": ""}, "case"),
        ({"case_ref": "", "purpose": "danger"}, ""),
        ({"kind": "door"}, "window"),
        ({"until_ms": 0}, "window"),
        ({"from_ms": 10**13, "until_ms": 10**13 + 1}, "window"),
    ],
)
def test_what_cannot_be_asked_for_is_said_by_a_word(changes, fault):
    assert fault_of(wish(10**12, **changes), 10**12) == fault


def test_there_is_no_way_to_ask_by_face():
    assert {kind.value for kind in TraceKind} == {"booking", "door"}
    assert not any("face" in name for name in (*TraceWish.__dataclass_fields__, *Purpose))


@pytest.mark.story("15b", "33a", "33c")
def test_nobody_approves_their_own_trace_and_nothing_is_shown_before(books):
    desk, now_ms = SqlPrivacy(books.house), books.clock.now_ms()
    gate = Gate(books)
    passed = books.registry.passes()[0]
    gate.tells("access.taken", direction="in", pass_id=passed.pass_id, subject_ref=passed.subject_ref)
    gate.close()
    trace = desk.ask_trace(wish(now_ms), actor="chen")
    with pytest.raises(Refused) as nothing:
        desk.show_trace(trace, actor="chen")
    with pytest.raises(Refused) as alone:
        desk.decide_trace(trace, approve=True, actor="chen")
    assert (nothing.value.rule, alone.value.rule) == ("trace.not_approved", "trace.same_person")
    desk.decide_trace(trace, approve=True, actor="sun", telling=TOLD)
    shown = desk.show_trace(trace, actor="chen")
    assert [(line.event, line.access_point) for line in shown.lines] == [("access.taken", HOUSE_GATE)]
    with books.engine.begin() as db:
        (look,) = db.execute(sa.select(tables.disclosure)).all()
        deeds = [row.action for row in db.execute(sa.select(tables.audit)) if row.action.startswith("trace")]
    assert (look.actor, look.field, look.purpose) == (
        "chen",
        "movements",
        f"trace {trace}: police; person told, by sun",
    )
    assert deeds == ["trace.ask", "trace.decide", "trace.telling", "trace.show"]
    books.clock.step(hours=25)
    with pytest.raises(Refused, match="its day is over"):
        desk.show_trace(trace, actor="chen")


def test_a_trace_nobody_decided_lapses_and_a_refused_one_stays_refused(books):
    desk = SqlPrivacy(books.house)
    first, second = (desk.ask_trace(wish(books.clock.now_ms()), actor="chen") for _ in range(2))
    desk.decide_trace(second, approve=False, actor="sun")
    with pytest.raises(Refused, match="decided already"):
        desk.decide_trace(second, approve=True, actor="sun")
    books.clock.step(hours=25)
    with pytest.raises(Refused, match="within a day"):
        desk.decide_trace(first, approve=True, actor="sun")
    with pytest.raises(Refused, match="nobody else"):
        desk.show_trace(second, actor="chen")


def test_one_person_asks_five_times_a_day_at_most(books):
    desk = SqlPrivacy(books.house)
    for _ in range(5):
        desk.ask_trace(wish(books.clock.now_ms()), actor="chen")
    with pytest.raises(Refused, match="at most 5"):
        desk.ask_trace(wish(books.clock.now_ms()), actor="chen")
    assert desk.ask_trace(wish(books.clock.now_ms()), actor="sun")
    with pytest.raises(NotFound):
        desk.ask_trace(wish(books.clock.now_ms(), ref="xc 9"), actor="sun")
    books.clock.step(hours=25)
    assert desk.ask_trace(wish(books.clock.now_ms()), actor="chen")


# --- pages -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/privacy", f"/privacy/traces/TR-{'0' * 26}"])
def test_a_guard_does_not_see_it(house, path):
    with logged_in(house, GUARD) as client:
        assert client.get(path).status_code == 403


@pytest.mark.story("43a")
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_clock_stands_on_the_page_with_its_oldest_and_overdue(house, lang):
    run_retention(house.books)
    with logged_in(house, OFFICER, **{"accept-language": lang}) as client:
        page = client.get("/privacy")
    assert page.status_code == 200
    assert page.text.count("<li><strong>") == len(CLOCKS)


@pytest.mark.story("33a", "33d")
def test_a_trace_through_the_pages_needs_the_second_officer(house):
    with logged_in(house, OFFICER) as client:
        csrf = csrf_of(client.get("/privacy"))
        form = {
            "csrf": csrf, "kind": "booking", "ref": "tujia B-1", "purpose": "police", "case_ref": "7",
            "begins": "2026-11-01T00:00", "ends": "2026-11-20T00:00", "reason": "missing person",
        }  # fmt: skip
        again = client.post("/privacy/traces", data={**form, "case_ref": ""})
        assert again.status_code == 409
        assert "missing person" in again.text
        asked = client.post("/privacy/traces", data=form)
        assert asked.status_code == 303
        address = asked.headers["location"]
        assert 'id="approve"' not in client.get(address).text
        assert client.post(address, data={"csrf": csrf, "approve": "yes"}).status_code == 409
        assert client.post(f"{address}/lines", data={"csrf": csrf}).status_code == 409
    with logged_in(house, SECOND) as client:
        csrf = csrf_of(client.get(address))
        assert client.post(address, data={"csrf": csrf, "approve": "yes"}).status_code == 409
        rule = {"telling": "deferred", "ground": "duty", "until": "2026-12-24T00:00"}
        said = client.post(address, data={"csrf": csrf, "approve": "yes", **rule})
        assert said.status_code == 303
        shown = client.post(f"{address}/lines", data={"csrf": csrf})
    assert shown.status_code == 200
    assert f"· {SECOND} ·" in shown.text
    assert shown.headers["cache-control"] == "no-store"


# --- whether the person is told -----------------------------------------------------------------------------------


def looks_in_copy(books) -> list[str]:
    held = books.registry.export_subject("xc", "1001", None, actor="chen", reason="asked at the desk")
    return [row["purpose"] for row in held["looked_at"] if row["field"] == "movements"]


def walked_and_asked(books, desk: SqlPrivacy) -> str:
    gate, passed = Gate(books), books.registry.passes()[0]
    gate.tells("access.taken", direction="in", pass_id=passed.pass_id, subject_ref=passed.subject_ref)
    gate.close()
    return desk.ask_trace(wish(books.clock.now_ms()), actor="chen")


@pytest.mark.story("33e")
def test_telling_that_was_put_off_holds_the_look_back_and_is_owed_when_its_day_comes(books):
    desk = SqlPrivacy(books.house)
    trace = walked_and_asked(books, desk)
    later = TellingRule("deferred", "duty", books.clock.now_ms() + 30 * DAY_MS)
    with pytest.raises(Refused, match="whether the person is told"):
        desk.decide_trace(trace, approve=True, actor="sun")
    assert desk.trace(trace).state == "ASKED"  # an approval without a rule is none
    desk.decide_trace(trace, approve=True, actor="sun", telling=later)
    desk.show_trace(trace, actor="chen")
    day = books.house.local_day(later.until_ms).isoformat()
    with books.engine.begin() as db:
        (look,) = db.execute(sa.select(tables.disclosure)).all()
    assert look.purpose == f"trace {trace}: police; person deferred until {day} (duty), by sun"
    assert looks_in_copy(books) == []
    assert desk.traces_owed() == ()
    books.clock.step(hours=30 * 24)
    assert [one.trace for one in desk.traces_owed()] == [trace]
    assert looks_in_copy(books) == [look.purpose]  # nothing holds it back any more
    with pytest.raises(Refused, match="whoever asked"):
        desk.record_telling(trace, TellingRule("not_told", "danger"), actor="chen")
    desk.record_telling(trace, TOLD, actor="chen")
    assert desk.traces_owed() == ()
    with pytest.raises(Refused, match="they were told"):
        desk.record_telling(trace, TellingRule("not_told", "danger"), actor="sun")
    assert [(one.rule.rule, one.decided_by) for one in desk.trace(trace).told] == [
        ("deferred", "sun"),
        ("told", "chen"),
    ]


def test_who_is_not_told_does_not_find_it_for_as_long_as_the_log_has_it(books):
    desk = SqlPrivacy(books.house)
    trace = walked_and_asked(books, desk)
    desk.decide_trace(trace, approve=True, actor="sun", telling=TellingRule("not_told", "secrecy"))
    desk.show_trace(trace, actor="chen")
    assert looks_in_copy(books) == []
    books.clock.step(hours=24 * 1100)
    run_retention(books.house)  # the look is cut from the log, and the rule waits for that
    with books.engine.begin() as db:
        assert db.execute(sa.select(tables.disclosure)).all() == []
        assert len(db.execute(sa.select(trace_telling)).all()) == 1
    run_retention(books.house)
    with books.engine.begin() as db:
        assert db.execute(sa.select(trace_telling)).all() == []


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        (TellingRule(""), "telling"),
        (TellingRule("never"), "telling"),
        (TellingRule("not_told"), "ground"),
        (TellingRule("not_told", "because"), "ground"),
        (TellingRule("deferred", "duty"), "until"),
        (TellingRule("deferred", "duty", 5), "until"),
        (TellingRule("deferred", "duty", 5 + 367 * DAY_MS), "until"),
        (TellingRule("deferred", "duty", 5 + 366 * DAY_MS), ""),
        (TellingRule("told"), ""),
    ],
)
def test_a_rule_about_telling_has_a_ground_and_an_end(rule, fault):
    assert telling_fault(rule, "", "chen", "sun", 5) == fault


@pytest.mark.story("33e")
def test_the_rule_stands_on_the_page_and_what_has_run_out_is_on_the_list(house):
    desk = SqlPrivacy(house.books)
    now_ms = house.books.clock.now_ms()
    trace = desk.ask_trace(wish(now_ms, ref="tujia B-1"), actor=OFFICER)
    later = TellingRule("deferred", "danger", now_ms + HOUR_MS)
    desk.decide_trace(trace, approve=True, actor=SECOND, telling=later)
    with logged_in(house, OFFICER, **{"accept-language": "en"}) as client:
        page = client.get(f"/privacy/traces/{trace}").text
        line = page.split('id="telling">')[1].split("<")[0]
        assert line.startswith("the person is told later")
        assert "telling would put somebody in danger" in line
        assert SECOND in line
        assert 'id="owed"' not in client.get("/privacy").text
    house.clock.now += 2 * HOUR_MS
    with logged_in(house, OFFICER) as client:
        listed = client.get("/privacy").text
        assert trace in listed.split('id="owed"')[1].split("</ul>")[0]
        form = {"csrf": csrf_of(client.get("/privacy")), "telling": "told"}
        assert client.post(f"/privacy/traces/{trace}/telling", data=form).status_code == 303
        assert 'id="owed"' not in client.get("/privacy").text
        assert client.post(f"/privacy/traces/{trace}/telling", data=form).status_code == 409


def test_a_copy_is_a_file_with_records_and_a_page_in_each_language(house):
    with logged_in(house, OFFICER) as client:
        csrf = csrf_of(client.get("/privacy"))
        form = {"csrf": csrf, "source": "tujia", "ref": "B-1", "reason": "came with the document"}
        assert client.post("/privacy/copies", data={**form, "reason": ""}).status_code == 409
        assert client.post("/privacy/copies", data={**form, "ref": "B-9"}).status_code == 409
        got = client.post("/privacy/copies", data=form)
    file = zipfile.ZipFile(io.BytesIO(got.content))
    assert sorted(file.namelist()) == [
        "my-data-en.html",
        "my-data-ja.html",
        "my-data-ko.html",
        "my-data-zh.html",
        "my-data.json",
    ]
    held = json.loads(file.read("my-data.json"))
    assert held["booking"][0]["external_ref"] == "B-1"
    assert held["face"]["said"] == "no face was ever asked of a node"
    assert "有关您" in file.read("my-data-zh.html").decode() or "您" in file.read("my-data-zh.html").decode()


@pytest.mark.story("43c")
def test_a_hold_is_made_and_ended_on_the_page(house):
    with logged_in(house, OFFICER) as client:
        csrf = csrf_of(client.get("/privacy"))
        form = {"csrf": csrf, "kind": "booking", "ref": "tujia B-1", "days": "30", "reason": "court 3"}
        assert client.post("/privacy/holds", data={**form, "days": "999"}).status_code == 409
        assert client.post("/privacy/holds", data=form).status_code == 303
        page = client.get("/privacy").text
        assert "court 3" in page
        held = page.split("/privacy/holds/")[1].split('"')[0]
        assert client.post(f"/privacy/holds/{held}", data={"csrf": csrf, "reason": "over"}).status_code == 303
        assert "court 3" not in client.get("/privacy").text
