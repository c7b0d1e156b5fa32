"""Clocks on the real store: what has run out ends, what is left is proved, and holds keep what they name."""

import random
from dataclasses import replace

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cloud_sync.core.policy import CN_DEFAULT, DAY_MS, HOUR_MS
from cloud_sync.core.retention import CLOCKS, FacePersons, keep_ms
from cloud_sync.errors import NotFound, Refused
from cloud_sync.retaining import retention_work
from cloud_sync.store import tables
from cloud_sync.store.chain_check import verify_node
from cloud_sync.store.engine import reading
from cloud_sync.store.house import acting
from cloud_sync.store.retention import (
    active_holds,
    hold,
    lift,
    newest_proof,
    proof_text,
    prove_retention,
    run_retention,
)
from cloud_sync.store.shelves import ENDS_WITH, NOBODYS, shelves
from cloud_sync.store.tables_privacy import chain_cut
from cloud_sync.store.tables_rules import evidence
from tests.fakes.community_house import (
    NAME,
    NOON_MS,
    NUMBER,
    Gate,
    SteppedClock,
    booking_row,
    new_house,
    registration_row,
    take,
    with_guest,
)


@pytest.fixture
def books(tmp_path, database):
    opened = new_house(tmp_path, database=database)
    yield opened
    opened.close()


@pytest.fixture
def own_books(tmp_path):
    opened = new_house(tmp_path)
    yield opened
    opened.close()


def rows(books, table):
    with reading(books.engine).connect() as db:
        return db.execute(sa.select(table)).all()


def night(books, *, days: float):
    """The night so many days after the beginning; its proof by clock."""
    books.clock.at_ms = NOON_MS + round(days * DAY_MS)
    books.registry.advance_time(since_ms=books.clock.at_ms - DAY_MS)
    return {line.clock: line for line in run_retention(books.house)}


def walked(books):
    """A registered guest who has come in, and a resident who has."""
    with_guest(books)
    pass_id = books.registry.passes()[0].pass_id
    gate = Gate(books)
    person = {"pass_id": pass_id, "subject_ref": "SJ-1"}
    gate.tells("access.granted", decision="allow", reason="ok", class_="guest", **person)
    gate.tells("access.granted", decision="allow", reason="ok", class_="resident", subject_ref="SJ-2")
    gate.tells("door.forced")
    gate.close()
    return pass_id


# --- the table ---------------------------------------------------------------------------------------------------


def test_every_table_has_a_clock_or_holds_nobody():
    named = {shelf.table.name for shelf in shelves()} | ENDS_WITH.keys() | NOBODYS
    assert set(tables.metadata.tables) - named == set()


def test_every_clock_has_its_shelf_or_its_chain():
    known = {clock.name for clock in CLOCKS}
    assert {shelf.clock for shelf in shelves()} | {
        "audit",
        "disclosure",
        "upstream_log",
        "staging",
        "vault.orphan",
    } == known
    assert set(ENDS_WITH.values()) <= known


def test_a_profile_may_keep_longer_and_not_shorter_than_the_law_orders():
    profile = replace(CN_DEFAULT, retention_days={"entry.guest": 180, "consent": 10})
    days = {clock.name: keep_ms(clock, profile) // DAY_MS for clock in CLOCKS}
    assert (days["entry.guest"], days["consent"], days["entry.resident"]) == (180, 3 * 365, 30)


def test_warnings_come_before_a_hundred_thousand_faces():
    levels = [FacePersons(n, n).level for n in (49_999, 50_000, 80_000, 95_000, 100_000)]
    assert levels == [0, 1, 2, 3, 4]


# --- what ends ------------------------------------------------------------------------------------------------------


def test_an_entry_loses_its_person_after_its_clock_and_the_chain_still_holds(books):
    pass_id = walked(books)
    early = night(books, days=31)
    assert (early["entry.resident"].removed, early["entry.guest"].removed) == (1, 0)
    assert [row.pass_id for row in rows(books, tables.event) if row.pass_id] == [pass_id]
    assert night(books, days=91)["entry.guest"].removed == 2
    left = rows(books, tables.event)
    assert [(row.pass_id, row.subject_ref) for row in left] == [(None, None)] * 3
    assert {row.decision for row in left} == {"allow", None}
    assert all(row.wall_ms % HOUR_MS == 0 for row in left)
    assert not any(pass_id.encode() in bytes(row.body) for row in left)
    (check,) = verify_node(books.engine, "dongfang", "gate-1")
    assert check.first_break is None


def test_evidence_that_never_ends_by_itself_ends_with_its_stay(own_books):
    with_guest(own_books)
    (stay,) = rows(own_books, tables.stay)
    with acting(own_books.house, "test", "test") as act:
        words = {"type": "IdentityCheck", "key": "self", "since_ms": NOON_MS, "body": "{}", "writer": "chen"}
        act.insert(evidence, subject=stay.stay, told_ms=NOON_MS, **words)
    night(own_books, days=100)
    assert [row.subject for row in rows(own_books, evidence)] == [stay.stay]
    night(own_books, days=1_200)
    assert rows(own_books, evidence) == []


def test_a_changed_row_still_breaks_the_chain_after_bodies_have_gone(own_books):
    walked(own_books)
    night(own_books, days=91)
    with own_books.engine.begin() as db:
        db.execute(sa.update(tables.event).where(tables.event.c.seq == 1).values(body=b"\0" + bytes(32)))
    (check,) = verify_node(own_books.engine, "dongfang", "gate-1")
    assert check.first_break == 1


def test_a_stay_ends_with_everything_of_it_and_the_vault_is_empty(books):
    walked(books)
    assert night(books, days=3 * 365)["registration"].removed == 0
    assert books.house.vault.persons()
    assert night(books, days=3 * 365 + 2)["registration"].removed == 1
    for table in (tables.stay, tables.booking, tables.person, tables.registration, tables.pass_):
        assert rows(books, table) == [], table.name
    assert books.house.vault.persons() == frozenset()


def test_a_booking_nobody_registered_for_goes_after_ninety_days(own_books):
    with_guest(own_books, registered=False)
    assert night(own_books, days=95)["stay.unused"].removed == 1
    assert rows(own_books, tables.booking) == []


def test_a_person_with_a_later_stay_is_kept_for_it(own_books):
    with_guest(own_books)
    take(own_books, "bookings", booking_row("1002", hours=(2400, 2424)))
    take(own_books, "registrations", registration_row("1002"))
    night(own_books, days=3 * 365 + 2)
    (person,) = {row.person for row in rows(own_books, tables.stay_member) if row.role == "lead"}
    assert own_books.house.vault.holds(person, "name")
    night(own_books, days=3 * 365 + 120)
    assert own_books.house.vault.persons() == frozenset()


def test_what_a_crash_left_in_the_vault_is_swept(own_books):
    own_books.house.vault.seal("PE-nobody", "name", "谁也不是")
    assert night(own_books, days=1)["vault.orphan"].removed == 1
    assert own_books.house.vault.persons() == frozenset()


def test_nothing_of_a_departed_person_stands_in_any_file(own_books, tmp_path):
    walked(own_books)
    names = [NAME.encode(), NUMBER.encode(), own_books.registry.passes()[0].pass_id.encode()]
    held = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert names[2] in held  # the scan finds what is there
    night(own_books, days=3 * 365 + 2)
    night(own_books, days=2 * (3 * 365 + 4))  # the audit rows that name the pass have run out as well
    left = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert [name for name in names if name in left] == []


def test_rows_of_imported_files_go_with_their_clock(own_books):
    with_guest(own_books)
    aside = own_books.registry.staged()
    assert aside.oldest() == NOON_MS
    own_books.clock.at_ms += 89 * DAY_MS
    assert {line.removed for line in run_retention(own_books.house, (aside,)) if line.clock == "staging"} == {
        0
    }
    own_books.clock.at_ms += 3 * DAY_MS
    (line,) = [one for one in prove_retention(own_books.house, asides=(aside,)) if one.clock == "staging"]
    assert (line.overdue, line.oldest_ms) == (1, NOON_MS)
    (line,) = [one for one in run_retention(own_books.house, (aside,)) if one.clock == "staging"]
    assert (line.removed, line.overdue, line.oldest_ms) == (3, 0, None)


def test_what_others_seal_under_keys_of_their_own_is_not_judged(own_books):
    own_books.house.vault.seal("ROW-1", "name", "somebody's work list")
    night(own_books, days=1)
    assert own_books.house.vault.holds("ROW-1", "name")


# --- proof, holds, nights ---------------------------------------------------------------------------------------------


@pytest.mark.story("43b")
@pytest.mark.invariant(12)
def test_what_cannot_end_is_overdue_a_day_later_and_becomes_d26(books):
    with_guest(books)
    with acting(books.house, "test", "test") as act:
        act.insert(
            tables.erasure, node="gate-1", erase_ver=1, template_ref="*",
            pass_id=books.registry.passes()[0].pass_id, reason="consent withdrawn", asked_ms=act.now_ms, pass_version=1,
        )  # fmt: skip
    assert night(books, days=1)["face.template"].overdue == 0
    assert night(books, days=1.1)["face.template"].overdue == 1
    (found,) = rows(books, tables.discrepancy)
    assert (found.kind, found.subject, found.severity) == ("D26", "retention/face.template", "S1")
    with books.engine.begin() as db:
        db.execute(sa.update(tables.erasure).values(acked_ms=books.clock.now_ms()))
    night(books, days=2)
    (found,) = rows(books, tables.discrepancy)
    assert found.state == "closed"


def test_a_hold_keeps_one_stay_until_its_day_and_no_other(own_books):
    with_guest(own_books)
    take(own_books, "bookings", booking_row("1002", hours=(30, 40)))
    own_books.clock.at_ms = NOON_MS + 80 * DAY_MS
    with acting(own_books.house, "chen", "staff") as act:
        held = hold(act, booking=("xc", "1001"), reason="court 12-3", days=360)
    assert [(one.author, one.reason) for one in active_holds(own_books.house)] == [("chen", "court 12-3")]
    proof = night(own_books, days=92)
    assert proof["stay.unused"].removed == 1
    assert (proof["entry.guest"].overdue, proof["registration"].removed) == (0, 0)
    with acting(own_books.house, "chen", "staff") as act:
        lift(act, held, "court has closed it")
        with pytest.raises(NotFound):
            lift(act, held, "again")
    assert active_holds(own_books.house) == ()


def test_a_held_record_is_told_as_held_and_not_as_overdue(own_books):
    with_guest(own_books, registered=False)
    own_books.clock.at_ms = NOON_MS + 80 * DAY_MS
    with acting(own_books.house, "chen", "staff") as act:
        hold(act, booking=("xc", "1001"), reason="court 12-3", days=30)
    line = night(own_books, days=95)["stay.unused"]
    assert (line.removed, line.overdue, line.held) == (0, 0, 1)
    assert night(own_books, days=111)["stay.unused"].removed == 1


def test_a_hold_has_a_reason_an_end_and_one_scope(own_books):
    with acting(own_books.house, "chen", "staff") as act:
        for words in ({"days": 367}, {"days": 0}, {"reason": " "}, {"clock": "everything"}, {"clock": ""}):
            with pytest.raises(Refused):
                hold(act, **{"clock": "case", "reason": "court", "days": 30, **words})
        with pytest.raises(NotFound):
            hold(act, booking=("xc", "nobody"), reason="court", days=3)


def test_the_night_is_worked_once_and_made_up_for_when_it_was_missed(own_books):
    work = retention_work(own_books.house)
    assert [work(), work()] == [True, False]
    own_books.clock.at_ms += 20 * HOUR_MS  # noon to eight: three o'clock has passed
    assert [work(), work()] == [True, False]


@pytest.mark.story("43a")
def test_the_proof_is_a_chained_audit_row_for_every_clock(own_books):
    with_guest(own_books)
    lines = run_retention(own_books.house)
    told = [row for row in rows(own_books, tables.audit) if row.action == "retention.proof"]
    assert [(row.object, row.after) for row in told] == [(line.clock, proof_text(line)) for line in lines]
    assert newest_proof(own_books.house) == lines
    assert len(lines) == len(CLOCKS)


def test_the_chains_are_cut_at_their_clock_and_never_under_a_hold(own_books):
    with_guest(own_books)
    with acting(own_books.house, "chen", "staff") as act:
        hold(act, clock="case", reason="inquiry", days=360)
    before = len(rows(own_books, tables.audit))
    own_books.clock.at_ms += 30 * DAY_MS
    run_retention(own_books.house)
    assert len(rows(own_books, tables.audit)) > before
    assert rows(own_books, chain_cut) == []
    proof = night(own_books, days=3 * 365 + 31)
    assert proof["audit"].removed > before
    assert {row.chain for row in rows(own_books, chain_cut)} == {"audit"}


# --- any history ----------------------------------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(st.sampled_from(("guest", "empty", "walk", "hold", "leave")), st.integers(0, 400)),
    min_size=1,
    max_size=7,
)


@settings(
    max_examples=8,
    deadline=None,
    phases=(Phase.generate,),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=STEPS, seed=st.integers(0, 9))
@pytest.mark.invariant(12)
def test_after_a_night_nothing_is_older_than_its_clock_and_a_day(tmp_path, steps, seed):
    """Whatever happened before, and however long nobody ran it; only a hold or a silent node may keep something."""
    dice = random.Random(repr((steps, seed)))
    folder = tmp_path / f"{dice.getrandbits(64):x}"
    books = new_house(folder, SteppedClock())
    gate, bookings, held = Gate(books), [], set()
    take(books, "listings", {**_listing()})
    try:
        for n, (what, days) in enumerate(steps):
            _happens(books, gate, what, f"r{n}", bookings, held)
            books.clock.at_ms += days * DAY_MS
            books.registry.advance_time(since_ms=books.clock.at_ms - days * DAY_MS)
        run_retention(books.house)
        late = {line.clock: line.overdue for line in prove_retention(books.house) if line.overdue}
        assert late == {}
        now_ms = books.clock.now_ms()
        kept = {one.ref for one in active_holds(books.house)}
        for stay in rows(books, tables.stay):
            end_ms = stay.checked_out_ms or stay.planned_out_ms
            assert stay.stay in kept or now_ms - end_ms <= (3 * 365 + 1) * DAY_MS
        for told in rows(books, tables.event):
            named = told.pass_id is not None or told.subject_ref is not None
            assert not named or kept or now_ms - told.wall_ms <= 91 * DAY_MS
    finally:
        gate.close()
        books.close()


def _listing():
    from tests.fakes.community_house import listing_row

    return listing_row()


def _happens(books, gate, what, ref, bookings, held):
    offset = (books.clock.now_ms() - NOON_MS) / HOUR_MS
    if what in ("guest", "empty"):
        take(books, "bookings", booking_row(ref, hours=(offset - 1, offset + 20)))
        bookings.append(ref)
        if what == "guest":
            take(books, "registrations", registration_row(ref))
    elif what == "walk":
        passes = books.registry.passes()
        named = {"pass_id": passes[-1].pass_id, "subject_ref": passes[-1].subject_ref} if passes else {}
        gate.tells("access.granted", class_="guest", **named)
    elif what == "hold" and bookings:
        with acting(books.house, "chen", "staff") as act:
            if act.row(tables.booking, source="xc", external_ref=bookings[-1]) is not None:
                hold(act, booking=("xc", bookings[-1]), reason="court", days=365)
    elif what == "leave" and bookings:
        with acting(books.house, "chen", "staff") as act:
            for row in act.rows(tables.stay):
                if row.state == "IN_HOUSE":
                    act.update(tables.stay, {"stay": str(row.stay)}, checked_out_ms=act.now_ms)
