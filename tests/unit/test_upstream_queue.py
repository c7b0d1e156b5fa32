"""Reports to an authority from the books to its register: one final state each, never two of one, every telling on record."""

import json
from dataclasses import replace

import pytest
import sqlalchemy as sa

from cloud_sync.core.lifecycles_upstream import ATTEMPTS_MAX
from cloud_sync.core.policy import DAY_MS, HOUR_MS
from cloud_sync.core.reporting import Op
from cloud_sync.errors import Refused
from cloud_sync.store import audit, tables
from cloud_sync.store import upstream_facts as facts
from cloud_sync.store.house import acting
from cloud_sync.store.tables_upstream import upstream_log, upstream_submission
from cloud_sync.store.upstream_read import send_again, settle
from tests.fakes.community_house import CODE, booking_row, take
from tests.fakes.upstream_authorities import LodgingRegister
from tests.fakes.upstream_far_side import scripted
from tests.fakes.upstream_house import Died, DyingBook, UpstreamHouse, in_threads

LODGING = "lodging_report"
ROOM_OF_1001 = f"{CODE}-1001"


@pytest.fixture
def far():
    made = LodgingRegister(scripted([]))
    yield made
    made.close()


@pytest.fixture
def house(tmp_path, far):
    made = UpstreamHouse(tmp_path, {LODGING: far.url})
    yield made
    made.close()


@pytest.fixture
def either(tmp_path, database, far):
    """On SQLite and on PostgreSQL: what rests on locks, transactions and the words of SQL."""
    made = UpstreamHouse(tmp_path, {LODGING: far.url}, database)
    yield made
    made.close()


def meets(far, *faults):
    far.dice = scripted(faults)


@pytest.mark.story("1f")
def test_a_verified_registration_is_told_once_and_acknowledged(house, far):
    person = house.guest()
    house.rounds()
    row = house.row()
    assert (row.op, row.state, row.sends, row.receipt) == ("submit", "ACKED", 1, f"LR-{row.reference[-10:]}")
    assert far.held == {"X1234567": 1}
    assert house.registration(person).status == "ACKED"
    house.rounds()
    assert len(house.rows()) == 1


@pytest.mark.invariant(11)
def test_the_disclosure_is_on_record_before_the_first_byte_leaves(house, far):
    seen = []
    far._on_request = lambda _text: seen.append([row.kind for row in house.log()])
    house.guest()
    house.rounds()
    assert seen == [["sent"]]
    sent, answer = house.log()
    assert json.loads(sent.fields) == [
        "arrival", "birth_date", "departure", "document_number", "document_type", "listing", "name", "nationality",
        "room", "sex",
    ]  # fmt: skip
    assert (sent.recipient, answer.outcome, answer.receipt) == (
        "lodging register, unit 510107 (rehearsal)",
        "acked",
        house.row().receipt,
    )
    assert sent.legal_basis
    assert audit.first_break(house.books.engine, upstream_log, "dongfang") is None


def test_the_vault_names_the_connector_for_each_field_it_opened(house, far):
    person = house.guest()
    house.rounds()
    with house.books.engine.connect() as db:
        looks = list(db.execute(sa.select(tables.disclosure).where(tables.disclosure.c.screen == LODGING)))
    assert {look.field for look in looks} == {
        "name", "document_type", "document_number", "sex", "birth_date", "nationality",
    }  # fmt: skip
    assert {(look.person, look.actor) for look in looks} == {(person, "upstream")}


@pytest.mark.parametrize(
    "fault",
    ["drop_after", "cut", "late", "500_after", "wrong", "garbage", "drop_before", "500_before", "twice"],
)
def test_a_lost_answer_is_asked_about_and_never_makes_two(house, far, fault):
    meets(far, fault)
    house.guest()
    house.rounds()
    assert house.row().state == "ACKED"
    assert far.held == {"X1234567": 1}
    # One that arrives after the question was answered "no" meets its own reference, sent again.
    sends = {"drop_before": {2}, "500_before": {2}, "late": {1, 2}}.get(fault, {1})
    assert house.row().sends in sends
    assert len([row for row in house.log() if row.kind == "sent"]) == house.row().sends


def test_a_worker_that_dies_between_sending_and_noting_leaves_a_row_that_is_asked_about(either, far):
    either.guest()
    with pytest.raises(Died):
        either.courier(DyingBook(either.book, lambda: True))()
    assert (either.row().state, either.row().uncertain) == ("SENT", 1)
    either.rounds()
    assert (either.row().state, either.row().sends) == ("ACKED", 1)
    assert far.held == {"X1234567": 1}


def test_two_workers_never_send_the_same_report(either, far):
    either.guests([(str(n), f"X{n:07d}") for n in range(12)])
    either.book.derive()
    workers = [either.courier(either.new_book()) for _ in range(3)]

    def work(worker):
        for _ in range(12):
            worker.deliver()

    in_threads(*(lambda worker=worker: work(worker) for worker in workers))
    assert {row.state for row in either.rows()} == {"ACKED"}
    assert {row.sends for row in either.rows()} == {1}
    assert set(far.held.values()) == {1}
    assert far.repeated == 0


def test_a_worker_whose_claim_is_over_neither_sends_nor_notes(either, far):
    either.guest()
    either.book.derive()
    (due,) = either.book.claim(most=1)
    either.clock.step(hours=1)
    (other,) = either.book.claim(most=1)
    assert due.id == other.id
    assert not either.book.begin(due, "nobody", [], "mac")
    assert either.log() == []


def test_a_refused_report_is_a_case_until_the_corrected_one_is_acknowledged(either, far):
    person = either.guest(document="XREFUSE1")
    either.rounds()
    row = either.row()
    assert row.state == "REJECTED"
    assert row.problem == "D-17 no such document …"  # what they quote of us is not kept
    assert either.registration(person).status == "REPORT_REJECTED"
    assert either.open_discrepancies() == [("D13", "S2", f"{row.registration}@{LODGING}")]
    either.rounds()
    assert len(either.rows()) == 1, "the same facts are not sent again"
    either.house.vault.seal(person, "document_number", "X7654321")
    either.book.derive()
    assert either.registration(person).status == "CORRECTED"
    either.rounds()
    assert [row.state for row in either.rows()] == ["REJECTED", "ACKED"]
    assert either.registration(person).status == "ACKED"
    assert either.open_discrepancies() == []


def test_after_the_last_attempt_a_report_is_kept_for_a_person(house, far):
    meets(far, *["500_before"] * 100)
    house.guest()
    house.rounds()
    row = house.row()
    assert (row.state, row.attempts) == ("DEAD_LETTER", ATTEMPTS_MAX)
    assert [kind for kind, _, _ in house.open_discrepancies()] == ["D12"]
    meets(far)
    with pytest.raises(Refused, match="say why"):
        send_again(house.house, row.id, " ", actor="chen", looked=False)
    send_again(house.house, row.id, "their register is back", actor="chen", looked=False)
    house.rounds()
    assert house.row().state == "ACKED"
    assert house.open_discrepancies() == []


def test_a_person_may_settle_a_dead_letter_with_the_number_they_read(house, far):
    meets(far, *["drop_after"] * 100)
    house.guest()
    house.rounds()
    assert house.row().state == "DEAD_LETTER"
    settle(house.house, house.row().id, "LR-by-hand", "read in their register", actor="chen")
    assert (house.row().state, house.row().receipt) == ("ACKED", "LR-by-hand")
    assert house.log()[-1].receipt == "LR-by-hand"
    with pytest.raises(Refused):
        settle(house.house, house.row().id, "LR-again", "twice", actor="chen")


@pytest.mark.story("12e")
def test_the_legal_clock_is_said_before_it_runs_out_and_again_after(either, far):
    meets(far, *["500_before"] * 100)
    either.guest()
    courier = either.courier()
    courier()
    courier()
    subject = f"{either.row().registration}@{LODGING}"
    either.clock.step(ms=2 * 60_000)
    courier()
    courier()
    assert either.open_discrepancies() == [("D12", "S2", subject)]
    either.clock.at_ms = either.row().due_ms + 1
    courier()
    assert either.open_discrepancies() == [("D12", "S1", subject)]


def test_a_report_that_goes_through_at_once_is_nobody_s_case(house, far):
    house.guest()
    house.rounds()
    with house.books.engine.connect() as db:
        assert db.execute(sa.select(tables.discrepancy)).all() == []


@pytest.mark.story("20c")
def test_changed_facts_are_corrected_and_the_end_of_the_stay_is_told(either, far):
    person = either.guest()
    either.rounds()
    either.clock.step(hours=1)
    take(
        either.books,
        "bookings",
        booking_row(external_revision=2, hours=(-1, 44), headcount=1, room=ROOM_OF_1001),
    )
    either.rounds()
    assert [(row.op, row.state) for row in either.rows()] == [("submit", "ACKED"), ("correct", "ACKED")]
    correct = far.reports[either.rows()[1].reference]
    assert correct["number"] == either.rows()[0].receipt
    assert correct["record"]["departure"] == "2026-05-03T08:00"
    either.books.registry.check_out("xc", "1001", actor="op")
    either.rounds()
    assert [row.op for row in either.rows()] == ["submit", "correct", "checkout"]
    assert far.reports[either.rows()[2].reference]["record"] == {"departure": "2026-05-01T13:00"}
    assert either.registration(person).status == "CHECKOUT_REPORTED"
    either.rounds()
    assert len(either.rows()) == 3


def test_what_was_told_of_somebody_who_never_came_is_taken_back(house, far):
    house.guest(entered=False)
    house.rounds()
    take(
        house.books,
        "bookings",
        booking_row(external_revision=2, headcount=1, state="cancelled", room=ROOM_OF_1001),
    )
    house.rounds()
    assert [(row.op, row.state) for row in house.rows()] == [("submit", "ACKED"), ("cancel", "ACKED")]
    assert far.reports[house.rows()[1].reference]["record"] == {}


def test_what_was_not_told_yet_of_somebody_who_never_came_never_is(house, far):
    house.guest(entered=False)
    house.book.derive()
    take(
        house.books,
        "bookings",
        booking_row(external_revision=2, headcount=1, state="cancelled", room=ROOM_OF_1001),
    )
    house.rounds()
    assert house.row().state == "WITHDRAWN"
    assert far.heard == []


def test_missing_facts_are_a_case_and_nothing_is_sent(house, far):
    person = house.guest()
    house.house.vault.forget(person)
    house.rounds()
    row = house.row()
    assert (row.state, row.sends) == ("REJECTED", 0)
    assert "name, document_type" in row.problem
    assert far.heard == []
    assert house.log() == []
    assert [kind for kind, _, _ in house.open_discrepancies()] == ["D13"]


def test_facts_that_changed_while_an_answer_was_outstanding_are_never_sent_under_the_old_reference(
    house, far
):
    meets(far, "drop_before")
    person = house.guest()
    house.courier()()
    house.house.vault.seal(person, "name", "Another Name")
    house.rounds()
    row = house.row()
    assert (row.state, row.sends) == ("DEAD_LETTER", 1)
    assert "facts changed" in row.problem


def test_a_recipient_that_judges_later_is_asked_until_it_has(house, far):
    far.queue_first = True
    house.guest()
    courier = house.courier()
    courier()
    assert (house.row().state, house.row().uncertain) == ("SENT", 0)
    house.rounds()
    assert (house.row().state, house.row().sends) == ("ACKED", 1)


def test_a_profile_that_names_nobody_queues_nothing(tmp_path, far):
    house = UpstreamHouse(tmp_path, {})
    house.guest()
    assert house.book.derive() == 0
    assert house.rows() == []
    house.close()


def test_a_connector_without_a_table_waits_and_says_so(house, far):
    house.guest()
    house.connectors = {}
    house.courier()()
    assert (house.row().state, house.row().sends) == ("QUEUED", 0)
    assert "[upstream.lodging_report]" in house.row().problem


def test_disclosures_are_found_by_person_and_by_subject(house, far):
    person = house.guest()
    house.guest("1002", "X2222222")
    house.rounds()
    with house.books.engine.connect() as db:
        member = tables.stay_member
        subject = db.execute(sa.select(member.c.subject_ref).where(member.c.person == person)).scalar_one()
    (line,) = house.reader.disclosures_of(person)
    assert house.reader.disclosures_of(subject) == [line]
    mine = next(row for row in house.rows() if row.person == person)
    assert (line.outcome, line.receipt) == ("acked", mine.receipt)
    assert len(house.reader.disclosures(most=10)) == 2
    assert house.reader.disclosures_of("PE-nobody") == []


def test_nothing_is_queued_without_a_legal_basis(house):
    house.guest()
    with house.books.engine.connect() as db:
        (case,) = facts.cases(house.house, db, house.clock.now_ms())
    known = house.book._recipients[LODGING]
    house.book._recipients = {LODGING: replace(known, rule=replace(known.rule, basis=""))}
    with pytest.raises(Refused, match="a legal basis does not hold"), acting(house.house, "x", "y") as act:
        house.book.enqueue(act, LODGING, case, Op.SUBMIT)


def test_books_that_were_set_back_do_not_tell_under_a_new_name_what_they_forgot(house, far):
    """A backup of the moment before the report is restored: the register meets the reference it knows."""
    house.guest()
    house.rounds()
    told = house.row().reference
    with house.books.engine.begin() as db:
        db.execute(sa.delete(upstream_submission))
        db.execute(sa.update(tables.registration).values(status="VERIFIED"))
    house.rounds()
    assert (house.row().state, house.row().reference) == ("ACKED", told)
    assert far.held == {"X1234567": 1}


def test_old_stays_are_not_told_for_the_first_time(house, far):
    house.guest()
    house.clock.step(ms=5 * DAY_MS + HOUR_MS)
    assert house.book.derive() == 0
