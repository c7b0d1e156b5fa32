"""Cases on the real store: what the gates tell becomes cases once, people work them, and every act is on record."""

import pytest
import sqlalchemy as sa

from cloud_sync.core.case_types import CaseEvent as E
from cloud_sync.core.case_types import CaseState as S
from cloud_sync.core.policy import MINUTE_MS
from cloud_sync.errors import NotFound, Refused
from cloud_sync.jobs import CaseWork
from cloud_sync.ports import User
from cloud_sync.ports_cases import CaseWish
from cloud_sync.protocol.messages import DoorHealth, State
from cloud_sync.store import audit, tables
from cloud_sync.store.case_intake import CaseIntake
from cloud_sync.store.cases_store import CaseNews, SqlCaseDesk
from tests.fakes.community_house import DOOR, GATE, Gate, SteppedClock, new_house, rfc3339
from tests.fakes.wire_ledger import body

LI, WANG, CHEN = User("li", "guard"), User("wang", "guard"), User("chen", "officer")


class Desk:
    """A community, its gate, its jobs and three people, one second a beat."""

    def __init__(self, folder, database):
        self.clock = SteppedClock()
        self.books = new_house(folder, self.clock, database=database)
        self.gate = Gate(self.books)
        self.gate.says_hello()
        self.work = CaseWork(CaseIntake(self.books.house), self.clock)
        self.desk = SqlCaseDesk(self.books.house)
        self.books.accounts.add(WANG.name, WANG.role, "a quiet evening", actor="test")

    def beat(self, ms=1000):
        self.clock.step(ms=ms)
        self.work()

    def tells(self, type_, **more):
        self.gate.tells(type_, **more)
        self.beat()

    def only(self, user=CHEN):
        (line,) = self.desk.queue(user)
        return line.case

    def act(self, event, user, case=None, **more):
        case_id = (case or self.only()).id
        return self.desk.act(case_id, CaseWish(event, **{"reason": "seen to", **more}), user)

    def rows(self, table):
        with self.books.engine.connect() as db:
            return list(db.execute(sa.select(table)).mappings())

    def doors(self, **words):
        health = DoorHealth(
            access_point=GATE,
            **{
                "mode": "LOCKED",
                "contact": "closed",
                "alarm": "NORMAL",
                "camera": "OK",
                "lock": "OK",
                **words,
            },
        )
        self.gate.hears(State(on=True, e=self.gate.ledger.epoch, boot_id="b1", doors=[health]))


@pytest.fixture
def house(tmp_path, database):
    made = Desk(tmp_path, database)
    yield made
    made.gate.close()
    made.books.close()


# --- from events to cases ------------------------------------------------------------------------------------


@pytest.mark.story("26a", "27c")
@pytest.mark.parametrize(
    ("type_", "kind", "severity"),
    [
        ("door.forced", "forced", "S1"),
        ("door.held", "held", "S2"),
        ("door.watchdog", "watchdog", "S1"),
        ("fire.release", "fire_release", "S1"),
        ("access.duress", "duress", "S1"),
        ("door.tailgating", "tailgate_rate", "S2"),
        ("help.called", "help", "S2"),
        ("access.wrong_tries", "wrong_tries", "S2"),
        ("access.attack", "presentation_attack", "S1"),
    ],
)
def test_an_alarm_is_a_case_a_second_later(house, type_, kind, severity):
    house.tells(type_)
    case = house.only()
    assert (case.kind, case.severity, case.state, case.access_point, case.node) == (
        kind,
        severity,
        S.NEW,
        GATE,
        "gate-1",
    )
    assert case.owner is None
    assert house.desk.oldest_waiting_ms() is None


@pytest.mark.parametrize(
    "type_", ["access.denied", "access.granted", "access.tailgate", "door.rex", "door.closed"]
)
def test_what_is_no_alarm_is_no_case(house, type_):
    house.tells(type_)
    assert house.desk.queue(CHEN) == ()


def test_the_same_frame_twice_is_one_case_counted_once(house):
    house.tells("door.forced")
    house.gate.hears(house.gate.ledger.batch([1]))
    house.beat()
    assert house.only().count == 1


def test_alarms_before_anybody_looked_are_one_case(house):
    house.tells("door.forced")
    house.tells("door.secured")
    house.beat(10 * MINUTE_MS)
    house.gate.says_hello()
    house.tells("door.forced")
    forced = [line.case for line in house.desk.queue(CHEN) if line.case.kind == "forced"]
    assert [(case.state, case.count) for case in forced] == [(S.NEW, 2)]


def test_an_alarm_later_than_a_minute_after_the_acknowledgement_is_a_new_linked_case(house):
    house.tells("door.held")
    house.act(E.ACK, LI)
    first = house.only()
    house.tells("door.held")
    assert house.only().count == 2
    house.beat(2 * MINUTE_MS)
    house.gate.says_hello()
    house.tells("door.held")
    second = next(line.case for line in house.desk.queue(CHEN) if line.case.state is S.NEW)
    assert house.desk.case(second.id, LI).links == (first.id,)


def test_two_doors_are_two_cases(house):
    house.tells("door.forced")
    house.tells("door.forced", access_point=DOOR)
    assert {line.case.access_point for line in house.desk.queue(LI)} == {GATE, DOOR}


@pytest.mark.parametrize(
    ("event", "more"), [("door.secured", {}), ("door.boot", {"contact": "closed"})], ids=["secured", "boot"]
)
def test_a_door_shut_again_waits_for_eyes(house, event, more):
    house.tells("door.forced")
    house.tells(event, **more)
    assert house.only().state is S.RTN_UNACK


def test_a_door_that_starts_with_its_leaf_open_is_not_called_shut(house):
    house.tells("door.forced")
    house.tells("door.boot", contact="open")
    assert house.only().state is S.NEW


def test_an_alarm_sent_later_keeps_its_hour_and_still_asks_for_eyes(house):
    seen_ms = house.clock.now_ms()
    house.gate.ledger.record(body("door.forced", access_point=GATE, wall=rfc3339(seen_ms)))
    house.clock.step(hours=3)
    house.gate.says_hello()
    house.gate.hears(house.gate.ledger.batch([1], live=False))
    house.beat()
    case = house.only()
    assert (case.first_seen_ms, case.opened_ms) == (seen_ms, house.clock.now_ms())


# --- silence -----------------------------------------------------------------------------------------------------


@pytest.mark.story("22a")
def test_a_node_silent_for_more_than_ninety_seconds_is_a_case_and_its_hello_ends_the_condition(house):
    house.beat(89_000)
    assert house.desk.queue(CHEN) == ()
    house.beat(2_000)
    case = house.only()
    assert (case.kind, case.severity, case.subject) == ("node_offline", "S2", "gate-1")
    house.gate.says_hello()
    house.beat()
    assert house.only().state is S.RTN_UNACK
    house.beat()
    assert house.only().count == 1


def test_a_node_that_speaks_no_version_of_ours_is_a_case_until_one_of_the_two_is_updated(house):
    house.gate.says_hello(wv=9, wv_min=9)
    house.beat()
    case = house.only()
    assert (case.kind, case.severity, case.subject) == ("version_refused", "S2", "gate-1")
    house.beat()
    assert house.only().count == 1
    house.gate.says_hello()
    house.beat()
    assert house.only().state is S.RTN_UNACK


def hello_off_by(house, ms):
    house.gate.hears(house.gate.ledger.hello(wall=rfc3339(house.clock.now_ms() + ms)))
    house.beat()


@pytest.mark.story("25f")
@pytest.mark.parametrize("off_ms", [3_600_000, -3_600_000])
def test_a_clock_that_is_off_by_more_than_ten_seconds_is_a_case_until_it_is_right(house, off_ms):
    for _ in range(2):
        hello_off_by(house, off_ms)
    case = house.only()
    assert (case.kind, case.severity, case.subject, case.count) == ("clock_off", "S3", "gate-1", 1)
    (line,) = house.rows(tables.node_state)
    assert line["clock_off_ms"] == off_ms
    for _ in range(2):
        hello_off_by(house, 9_000 if off_ms > 0 else -9_000)
    assert house.desk.queue(CHEN) == ()


def test_one_hello_that_travelled_long_is_no_wrong_clock(house):
    for ms in (0, -25_000, -100, -25_000):
        hello_off_by(house, ms)
    assert house.desk.queue(CHEN) == ()


def test_a_node_that_fell_silent_with_a_wrong_clock_has_not_set_it_right(house):
    hello_off_by(house, 60_000)
    house.beat(2 * MINUTE_MS)
    by_kind = {line.case.kind: line.case for line in house.desk.queue(CHEN)}
    assert (by_kind["clock_off"].active, "node_offline" in by_kind) == (True, True)


def test_after_a_stop_of_the_service_nodes_get_time_to_say_hello(house):
    house.clock.step(hours=2)
    fresh = CaseWork(CaseIntake(house.books.house), house.clock)
    house.clock.step(ms=80_000)
    fresh()
    assert house.desk.queue(CHEN) == ()
    house.clock.step(ms=11_000)
    fresh()
    assert house.only().kind == "node_offline"


def test_a_lost_camera_is_a_case_until_it_is_back_and_silence_does_not_bring_it_back(house):
    house.doors(camera="LOST")
    house.beat()
    assert (house.only().kind, house.only().access_point) == ("camera_lost", GATE)
    house.beat(2 * MINUTE_MS)
    by_kind = {line.case.kind: line.case for line in house.desk.quiet(CHEN, most=9)}
    assert (by_kind["camera_lost"].state, by_kind["camera_lost"].active) == (S.SUPPRESSED, True)
    house.gate.says_hello()
    house.doors(camera="OK")
    house.beat()
    assert not any(line.case.active for line in house.desk.queue(CHEN))


# --- discrepancies -----------------------------------------------------------------------------------------------


def differ(house, kind="D02", severity="S3", subject="ST-1", **more):
    values = {"id": f"DC-{kind}", "kind": kind, "severity": severity, "subject": subject, "window_ms": 0}
    now = house.clock.now_ms()
    row = {"state": "open", "opened_ms": now, "updated_ms": now, "evidence": "[]", **values, **more}
    with house.books.engine.begin() as db:
        db.execute(sa.insert(tables.discrepancy).values(community="dongfang", **row))
    house.beat()


def change(house, **values):
    with house.books.engine.begin() as db:
        db.execute(sa.update(tables.discrepancy).values(**values))
    house.beat()


def test_a_discrepancy_is_one_case_however_often_we_look(house):
    differ(house)
    house.beat()
    case = house.only()
    assert (case.family, case.kind, case.severity, case.count) == ("discrepancy", "D02", "S3", 1)
    assert house.desk.queue(LI) == ()


def test_from_a_discrepancy_to_the_case_that_is_about_it(house):
    assert house.desk.case_about("DC-D02") is None
    differ(house)
    assert house.desk.case_about("DC-D02") == house.only().id


def test_an_inconclusive_one_is_no_case(house):
    differ(house, state="inconclusive")
    assert house.desk.queue(CHEN) == ()


def test_what_the_data_settle_closes_by_itself_and_what_needs_a_person_waits_for_one(house):
    differ(house, "D02")
    differ(house, "D05", "S2")
    change(house, state="closed", close_reason="equal")
    case = house.only()
    assert (case.kind, case.state) == ("D05", S.RESOLVED)
    house.beat()
    assert house.only() == case


def test_late_evidence_has_its_own_word(house):
    differ(house)
    change(house, state="closed", close_reason="no longer so: the records it was about have changed")
    (line,) = house.desk.closed(CHEN, most=5)
    assert line.case.resolution == "cleared_by_late_evidence"


def test_one_that_grew_heavier_makes_its_case_heavier_once(house):
    differ(house)
    change(house, severity="S1")
    house.beat()
    assert (house.only().severity, house.only().count) == ("S1", 2)


def test_the_discrepancy_of_a_forced_door_joins_the_doors_case_and_is_explained_with_it(house):
    house.tells("door.forced")
    differ(house, "D23", "S1", subject=GATE)
    case = house.only()
    assert (case.kind, house.desk.case(case.id, CHEN).links) == ("forced", ("DC-D23",))
    house.tells("door.secured")
    house.act(E.ACK, LI, reason="the wind")
    house.act(E.VERIFY, WANG)
    house.beat()
    (held,) = house.rows(tables.discrepancy)
    assert (held["state"], held["close_reason"]) == ("closed", "human: resolved: the wind")
    assert house.desk.queue(CHEN) == ()


def test_verifying_a_discrepancys_case_explains_the_discrepancy(house):
    differ(house, "D05", "S2")
    for event in (E.ACK, E.START, E.RESOLVE):
        house.act(event, CHEN, reason="one guest was a day visitor")
    house.act(E.VERIFY, User("zhao", "officer"))
    house.beat()
    assert house.rows(tables.discrepancy)[0]["state"] == "closed"
    assert house.desk.queue(CHEN) == ()


def test_who_explained_on_the_command_line_does_not_check_it_too(house):
    differ(house, "D05", "S2")
    house.books.reconciler.close_by_human("DC-D05", "counted twice", actor="chen")
    house.beat()
    assert house.only().resolved_by == "chen"
    with pytest.raises(Refused, match="somebody else"):
        house.act(E.VERIFY, CHEN)


# --- people ------------------------------------------------------------------------------------------------------


@pytest.mark.story("26e")
def test_every_act_is_on_record_with_who_and_why_and_the_chain_holds(house):
    house.tells("door.held")
    house.act(E.ACK, LI)
    house.act(E.START, LI)
    house.act(E.OFFER, LI, to="wang", reason="my shift ends")
    house.act(E.ACCEPT, WANG)
    house.tells("door.secured")
    house.act(E.RESOLVE, WANG, reason="a suitcase stood in the door", code="blocked")
    case = house.only()
    house.act(E.VERIFY, LI)
    deeds = [
        (row["action"], row["actor"], row["before"], row["after"])
        for row in house.rows(tables.audit)
        if row["object"] == case.id
    ]
    assert deeds == [
        ("case.acknowledge", "li", "NEW", "ACKED"),
        ("case.start", "li", "ACKED", "IN_PROGRESS"),
        ("case.offer", "li", "IN_PROGRESS", "IN_PROGRESS"),
        ("case.accept", "wang", "IN_PROGRESS", "IN_PROGRESS"),
        ("case.resolve", "wang", "IN_PROGRESS", "RESOLVED"),
        ("case.verify", "li", "RESOLVED", "CLOSED"),
    ]
    assert audit.first_break(house.books.engine, tables.audit, "dongfang") is None
    view = house.desk.case(case.id, LI)
    assert [note.event for note in view.notes] == [
        "raise", "acknowledge", "start", "offer", "accept", "condition clears", "resolve", "verify"
    ]  # fmt: skip
    assert "a suitcase stood in the door" in (view.notes[6].reason or "")


def test_a_refusal_names_its_rule_and_writes_nothing(house):
    house.tells("door.forced")
    before = len(house.rows(tables.audit))
    with pytest.raises(Refused) as refused:
        house.act(E.ACK, LI)
    assert refused.value.rule == "case.acknowledge.DOOR_SHUT"
    assert house.only().state is S.NEW
    assert len(house.rows(tables.audit)) == before


def test_a_case_is_offered_to_somebody_who_is_there(house):
    house.tells("door.held")
    house.act(E.ACK, LI)
    with pytest.raises(Refused, match="nobody here is called"):
        house.act(E.OFFER, LI, to="ghost")


def test_a_case_that_is_not_there_or_not_for_these_eyes_is_not_found(house):
    differ(house)
    for case_id in ("CS-none", house.only().id):
        with pytest.raises(NotFound):
            house.desk.case(case_id, LI)
        with pytest.raises(NotFound):
            house.desk.act(case_id, CaseWish(E.ACK), LI)


@pytest.mark.story("34d")
def test_opening_again_is_a_new_case_linked_to_the_closed_one(house):
    house.tells("door.forced")
    house.tells("door.secured")
    house.act(E.ACK, LI)
    closed = house.only()
    house.act(E.VERIFY, WANG)
    fresh = house.act(E.REOPEN, CHEN, closed, reason="the leaf is bent")
    view = house.desk.case(fresh, CHEN)
    assert (view.line.case.reopened_from, view.links) == (closed.id, (closed.id,))
    assert house.desk.case(closed.id, CHEN).line.case.state is S.CLOSED


def test_nobody_looks_and_the_next_is_asked_each_minute(house):
    house.tells("door.forced")
    asked = []
    for _ in range(4):
        asked.append(house.only().owner_role)
        house.gate.says_hello()
        house.beat(MINUTE_MS)
    assert asked == ["guard", "shift_lead", "officer", "emergency_call"]


def test_open_pages_are_told_of_each_change_once_and_in_order(house):
    news, heard = CaseNews(house.books.house), []
    stop = news.subscribe(heard.append)
    house.tells("door.forced")
    assert news() == 1
    house.tells("door.secured")
    house.act(E.ACK, LI)
    news()
    assert news() == 0
    stop()
    house.act(E.VERIFY, WANG)
    assert news() == 1
    assert [(change.state, change.sounds) for change in heard] == [("NEW", True), ("RESOLVED", False)]


def test_an_idle_look_takes_no_lock(house):
    with house.books.engine.begin():
        house.beat()
    assert house.desk.queue(CHEN) == ()
