"""A person's copy is everything about them and nothing of anybody else; what may end ends, and its receipts are counted."""

import json
import random

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from cloud_sync.cli import app
from cloud_sync.core.policy import DAY_MS, HOUR_MS
from cloud_sync.errors import Refused
from cloud_sync.store import tables
from cloud_sync.store.engine import reading
from cloud_sync.store.house import acting
from cloud_sync.store.subject_rows import PARTS, about_member, rows_about
from tests.fakes.community_house import (
    NOON_MS,
    Gate,
    booking_row,
    listing_row,
    new_house,
    registration_row,
    resident_id,
    take,
)
from tests.fakes.guest_house import ADULT, FORM, GuestHouse

# Rows that are the machine's own, or everybody's: nobody's copy holds them.
NOT_A_COPY = {
    "touched",
    "pass_change",
    "trace_request",
    "trace_telling",
    "legal_hold",
    "person",
    "retention_proof",
}


@pytest.fixture
def made(tmp_path):
    houses = []

    def make(**words):
        house = GuestHouse(tmp_path / str(len(houses)), **words)
        house.read_notice()
        houses.append(house)
        return house

    yield make
    for house in houses:
        house.close()


def stepped_out(house):
    """The guest came in and has left again."""
    gate = Gate(house.books)
    for way in ("in", "out"):
        gate.tells("access.taken", pass_id=house.rows()[0].pass_id, direction=way, decision="allow")
        house.registry.advance_time(since_ms=house.clock.now_ms() - HOUR_MS)
    gate.close()
    house.registry.check_out("xc", "1001", actor="test")


# --- everything, and nobody else's (invariant 17) ---------------------------------------------------------------------


@pytest.mark.story("41a", "41b")
@settings(
    max_examples=4,
    deadline=None,
    phases=(Phase.generate,),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    parties=st.lists(st.integers(1, 3), min_size=2, max_size=4),
    walks=st.lists(st.integers(0, 20), max_size=6),
)
@pytest.mark.invariant(17)
def test_a_copy_holds_every_row_about_its_person_and_nothing_of_others(tmp_path, parties, walks):
    """Every guest carries a mark of their own in name, document and booking; every cell of every table is compared."""
    name = random.Random(repr((parties, walks))).getrandbits(64)
    books = new_house(tmp_path / f"{name:x}")
    gate, marks, people = Gate(books), [], []
    try:
        take(books, "listings", listing_row(max_guests=12))
        for party, size in enumerate(parties):
            ref = f"BOOK{party}X"
            take(books, "bookings", booking_row(ref, headcount=size))
            for seat in range(size):
                mark = f"Mark{party}q{seat}z"
                number = resident_id(f"00000119900131{len(marks):03d}")
                row = registration_row(ref, name=mark, document_number=number)
                assert take(books, "registrations", row) == ["new"]
                marks.append((mark, number))
        with acting(books.house, "test", "test") as act:
            people = [
                about_member(act, str(member.stay), member)
                for member in act.rows(tables.stay_member)
                if act.row(tables.person, person=str(member.person)).doc_hash is not None
            ]
        for step in walks:
            pass_ = people[step % len(people)].passes[0]
            gate.tells("access.taken", direction="in", pass_id=pass_)
        assert len(people) == len(marks)
        for one in people:
            _compare(books, one, [other for other in people if other is not one])
        for party in range(len(parties)):
            _compare_marks(books, f"BOOK{party}X", marks)
    finally:
        gate.close()
        books.close()


def _compare(books, one, others):
    with acting(books.house, "test", "test") as act:
        copy = rows_about(act, one)
    mine = {*one.persons, *one.passes, *one.subject_refs}
    theirs = {word for other in others for word in (*other.persons, *other.passes, *other.subject_refs)}
    with reading(books.engine).connect() as db:
        for table in tables.metadata.sorted_tables:
            if table.name in NOT_A_COPY:
                continue
            rows = db.execute(sa.select(table)).all()
            about = sum(any(str(cell) in mine for cell in row) for row in rows)
            told = len(copy.get(PARTS.get(table.name, table.name), []))
            assert told >= about, f"{table.name}: {about} rows, {told} of them in the copy"
    cells = {str(cell) for rows in copy.values() for row in rows for cell in row.values()}
    assert not cells & theirs


def _compare_marks(books, ref, marks):
    """Through the officer's door, vault included."""
    held = books.registry.export_subject("xc", ref, None, actor="chen", reason="came with the document")
    text = json.dumps(held, ensure_ascii=False)
    party = ref.removeprefix("BOOK").removesuffix("X")
    assert f"Mark{party}q" in text
    own = held["data"][0]["name"]
    assert [mark for mark, number in marks if mark != own and (mark in text or number in text)] == []


@pytest.mark.parametrize("left_out", ["registration", "pass", "stay_member"])
def test_invariant_17_catches_a_copy_that_leaves_out_a_table(made, monkeypatch, left_out):
    house = made()
    house.registry.register_self(house.token, FORM)
    with acting(house.books.house, "test", "test") as act:
        member = next(
            one for one in act.rows(tables.stay_member) if act.row(tables.person, person=one.person).doc_hash
        )
        one = about_member(act, str(member.stay), member)
    _compare(house.books, one, [])
    whole = rows_about
    monkeypatch.setitem(
        _compare.__globals__, "rows_about",
        lambda act, who: {name: rows for name, rows in whole(act, who).items() if name != PARTS.get(left_out, left_out)},
    )  # fmt: skip
    with pytest.raises(AssertionError, match=left_out):
        _compare(house.books, one, [])


def test_every_stay_under_the_same_document_is_in_the_copy_an_officer_hands_out(made):
    house = made()
    house.registry.register_self(house.token, FORM)
    take(house.books, "bookings", booking_row("1002", hours=(48, 60)))
    take(house.books, "registrations", registration_row("1002", name=FORM["name"], document_number=ADULT))
    held = house.registry.export_subject("xc", "1001", None, actor="chen", reason="asks")
    assert {row["external_ref"] for row in held["booking"]} == {"1001", "1002"}
    own = house.registry.own_data(house.token, None, ADULT[-4:])
    assert {row["external_ref"] for row in own["booking"]} == {"1001"}
    looked = {(row["actor"], row["purpose"]) for row in held["looked_at"]}
    assert ("chen", "subject request: asks") in looked


# --- what ends ----------------------------------------------------------------------------------------------------


def test_nothing_is_erased_for_somebody_who_is_still_here(made):
    house = made()
    house.registry.register_self(house.token, FORM)
    with pytest.raises(Refused) as refused:
        house.registry.erase_own_data(house.token, None)
    assert refused.value.rule == "guest.erase_open"


@pytest.mark.story("3f", "41c")
def test_whoever_has_left_ends_consents_and_codes_and_sees_the_receipts(made):
    house = made(headcount=1)
    house.registry.register_self(house.token, FORM)
    version = house.books.house.profile.consent_texts["face_access"]
    house.registry.answer_face(house.token, None, agrees=True, text_version=version, language="zh")
    stepped_out(house)
    assert house.registry.erase_own_data(house.token, None) == 1
    assert house.registry.erase_own_data(house.token, None) == 0
    held = house.registry.own_data(house.token, None, ADULT[-4:])
    assert held["face"]["said"] == "erased by 0/1 nodes"
    assert held["face"]["erased_ms"] is None
    with house.books.engine.begin() as db:
        db.execute(sa.update(tables.erasure).values(acked_ms=NOON_MS + DAY_MS))
    held = house.registry.own_data(house.token, None, ADULT[-4:])
    assert (held["face"]["said"], held["face"]["erased_ms"]) == ("erased by 1/1 nodes", NOON_MS + DAY_MS)
    kept = {row["what"]: row["until_ms"] for row in held["kept"]}
    assert kept["registration"] == NOON_MS + 3 * 365 * DAY_MS
    assert held["data"]["name"] == FORM["name"]  # the profile orders to keep it, and the copy says until when


@pytest.mark.invariant(18)
def test_withdrawing_face_leaves_a_working_code_in_the_same_transaction(made, monkeypatch):
    """Invariant 18: a transaction that dies half-way has withdrawn nothing, and one that lives leaves the code ready."""
    house = made()
    house.registry.register_self(house.token, FORM)
    house.registry.bind_code_key(house.token, None, bytes(range(32)))
    version = house.books.house.profile.consent_texts["face_access"]
    house.registry.answer_face(house.token, None, agrees=True, text_version=version, language="zh")
    (before,) = house.rows()

    def dies(*_words):
        raise RuntimeError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr("cloud_sync.store.guests.refresh_stay", dies)
        with pytest.raises(RuntimeError):
            house.registry.remove_face(house.token, None)
    assert house.rows() == [before]
    with house.books.engine.begin() as db:
        assert db.execute(sa.select(tables.erasure)).all() == []
    house.registry.remove_face(house.token, None)
    (after,) = house.rows()
    assert [cred.kind for cred in after.creds] == [cred.kind for cred in before.creds] != []


# --- by the command line -------------------------------------------------------------------------------------------


@pytest.fixture
def typed(tmp_path):
    """The real command line over a set-up community of invented people."""
    config = tmp_path / "sync.toml"
    config.write_text(
        'data_dir = "data"\n[community]\ncode = "dongfang"\nname_zh = "东方"\nname_en = "Dongfang"\nsynthetic = true\n'
        "[web]\ntls = false\n"
    )

    def run(*words: str):
        return CliRunner().invoke(app, [*words, "--config", str(config)])

    books = new_house(tmp_path)
    take(books, "listings", listing_row())
    take(books, "bookings", booking_row())
    take(books, "registrations", registration_row())
    books.close()
    return run


def test_retention_holds_copies_and_chains_by_hand(typed, tmp_path):
    held = typed("hold", "add", "booking", "xc 1001", "--reason", "court 3", "--days", "300")
    assert held.exit_code == 0, held.output
    assert "court 3" in typed("hold", "list").output
    lifted = typed("hold", "lift", held.output.strip(), "--reason", "closed")
    assert (lifted.exit_code, typed("hold", "list").output) == (0, "")
    out = tmp_path / "copy.zip"
    copied = typed("subject", "export", "xc", "1001", "--reason", "came by", "--out", str(out))
    assert (copied.exit_code, out.stat().st_mode & 0o777) == (0, 0o600)
    first = typed("retention", "run")
    assert "overdue: 0" in first.output
    assert typed("audit", "verify").exit_code == 0
    later = typed("retention", "report", "--as-of", "2033-01-01T03:00+08:00")
    assert later.exit_code == 1
    done = typed("retention", "run", "--as-of", "2033-01-01T03:00+08:00")
    assert (done.exit_code, "removed 1" in done.output) == (0, True)


def test_a_chain_that_was_written_anew_is_found_by_its_signed_head(typed, tmp_path):
    typed("retention", "run")
    books = new_house(tmp_path)
    from cloud_sync.store import audit

    with books.engine.begin() as db:
        rows = db.execute(sa.select(tables.audit).order_by(tables.audit.c.n)).mappings().all()
        db.execute(sa.delete(tables.audit))
        for (
            row
        ) in rows:  # somebody with the database, without the community's key, writes all of it as they like
            deed = audit.Deed("nobody", row["role"], row["action"], row["object"])
            audit.record(db, "dongfang", deed, row["at_ms"])
    assert audit.first_break(books.engine, tables.audit, "dongfang") is None
    books.close()
    said = typed("audit", "verify")
    assert said.exit_code == 1
    assert "audit: rows 1-" in said.output
    assert "written anew" in said.output


@pytest.mark.story("33c")
def test_a_row_that_was_changed_or_taken_out_is_named(typed, tmp_path):
    typed("retention", "run")
    books = new_house(tmp_path)
    with books.engine.begin() as db:
        db.execute(sa.update(tables.audit).where(tables.audit.c.n == 2).values(actor="nobody"))
    books.close()
    said = typed("audit", "verify")
    assert (said.exit_code, "row 2 is not what was written there" in said.output) == (1, True)


def test_real_people_are_never_told_another_time(tmp_path, monkeypatch):
    books = new_house(tmp_path, synthetic=False)
    from cloud_sync.cli_privacy import _house
    from cloud_sync.errors import ConfigError

    with pytest.raises(ConfigError, match="real people"):
        _house(books, "2033-01-01T03:00+08:00")
    books.close()
