"""Invariants that hold in the books whatever happens: passes, moves, names, cases, discrepancies, consents.

After every act the books are read with plain SQL; what these tests know of states is written here by hand.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_sync.protocol.messages import PassRow
from tests.fakes import page_tables
from tests.fakes.many_acts import ACTS, FOLDERS, Town, asked, canary, harm, whatever

# A disk that waits for each commit; a busy machine makes it longer.
pytestmark = pytest.mark.timeout(600)

VERIFIED = {
    *("VERIFIED", "REPORTED", "REPORT_RETRY", "ACKED", "REPORT_REJECTED", "CORRECTED", "CHECKOUT_REPORTED"),
    "RETAINED",
}
HERE = {"IN_HOUSE", "DUE_OUT", "OVERSTAY"}
NOT_CLOSED = {"EXPECTED", "REGISTERED", *HERE}
PERMITTING, PERMITTING_INSIDE = {"ACTIVE", "LAPSED", "WITHDRAWING"}, {"SUSPENDED", "REVOKED"}
HOLD_MS = 6 * 3_600_000

Check = Callable[[Town], list[str]]


def after_every_act(folder: Path, acts: list[tuple[str, str, int]], check: Check) -> Town:
    """Play them, and read the books after each; the town is open still."""
    town = Town(folder / str(next(FOLDERS)))
    for n, act in enumerate(acts):
        town.happen(*act)
        found = check(town)
        assert found == [], (found, acts[: n + 1])
    return town


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """One for all harms that are taken back."""
    town = peopled(tmp_path_factory.mktemp("kept"))
    yield town
    town.close()


@pytest.fixture
def town(tmp_path):
    town = peopled(tmp_path)
    yield town
    town.close()


def peopled(folder: Path) -> Town:
    """Two parties registered, one of them inside, with codes and a consent."""
    town = Town(folder)
    for ref in ("7001", "7002"):
        for what in ("register", "code", "consent"):
            town.happen(what, ref, 4)
    town.happen("walk", "7001", 0)
    return town


# --- 1 ----------------------------------------------------------------------------------------------------------------


def groundless(town: Town) -> list[str]:
    """Rows that would open a door at a node, and have no ground in the books."""
    found = []
    rows = asked(
        town,
        "select p.wire, s.state as stay, s.planned_out_ms as ends, l.state as listing, r.access_points as way,"
        " (select group_concat(g.status || ' ' || g.proofing) from registration g"
        "  where g.stay = p.stay and g.person = p.person) as registered"
        " from pass p join stay s on s.stay = p.stay join listing l on l.listing = s.listing"
        " join room r on r.room = s.room where p.\"class\" = 'guest'",
    )
    for one in rows:
        row = msgspec.msgpack.decode(one.wire, type=PassRow) if one.wire else None
        if row is None or row.state != "ARMED":
            continue
        proved = [words.split() for words in (one.registered or "").split(",") if words]
        held = {
            "registration": any(status in VERIFIED and int(level) >= 2 for status, level in proved),
            "stay": one.stay in NOT_CLOSED,
            "listing": one.listing in PERMITTING or (one.stay in HERE and one.listing in PERMITTING_INSIDE),
            "scope": set(row.scope) <= set(json.loads(one.way)),
            "window": row.not_after <= one.ends + HOLD_MS,
        }
        found += [f"{row.pass_id}: {what}" for what, holds in held.items() if not holds]
    return found


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ("update registration set status = 'VERIFY_FAILED'", "registration"),
        ("update registration set proofing = 1", "registration"),
        ("update stay set state = 'CHECKED_OUT'", "stay"),
        ("update listing set state = 'CLOSED'", "listing"),
        ("update room set access_points = '[]'", "scope"),
        ("update stay set planned_out_ms = planned_out_ms - 1", "window"),
    ],
)
def test_invariant_01_catches_a_ground_that_is_gone(kept, change, word):
    assert groundless(kept) == []
    with harm(kept, change):
        assert any(word in fault for fault in groundless(kept))


# --- 10 ---------------------------------------------------------------------------------------------------------------

KEPT = {
    "booking": "booking",
    "stay": "stay",
    "registration": "registration",
    "pass": "pass_id",
    "credential": "cred_id",
}


def off_the_tables(town: Town) -> list[str]:
    """Steps in the audit that no page has, chains with a hole, and states that no audited step led to."""
    allowed = {(line.lifecycle, line.state, line.event, line.outcome) for line in page_tables.lines()}
    last: dict[tuple[str, str], str | None] = {}
    found = []
    for row in asked(town, "select action, object, before, after, actor, role from audit order by n"):
        table, _, event = row.action.partition(".")
        if table not in KEPT or row.after not in page_tables.states(table):
            continue  # a note about the thing, and no step of its life
        if (table, row.before, event, row.after) not in allowed:
            found.append(f"{row.action}: {row.before} → {row.after}")
        if last.get((table, row.object)) != row.before:
            found.append(f"{table} {row.object} was {last.get((table, row.object))}, not {row.before}")
        if not row.actor or not row.role:
            found.append(f"{row.action}: nobody did it")
        last[table, row.object] = row.after
    for table, key in KEPT.items():
        column = "status" if table == "registration" else "state"
        now = asked(town, f'select {key} as id, {column} as state from "{table}"')
        ends = [(held.state, last.get((table, held.id))) for held in now]
        found += [f"{table} is {is_}, and the audit ends with {was}" for is_, was in ends if is_ != was]
    return found


@pytest.mark.parametrize(
    "change",
    [
        "update stay set state = 'OVERSTAY'",
        "update pass set state = 'EXIT_ONLY'",
        "update registration set status = 'PURGED'",
        "update audit set after = 'CLOSED' where action like 'stay.%'",
        "update audit set actor = '' where action like 'pass.%'",
        "delete from audit where action = 'booking.confirmed'",
    ],
)
def test_invariant_10_catches_a_state_that_nobody_led_to(kept, change):
    assert off_the_tables(kept) == []
    with harm(kept, change):
        assert off_the_tables(kept) != []


# --- 4 ----------------------------------------------------------------------------------------------------------------


def named_in_files(town: Town, words: list[str]) -> list[str]:
    """Files of a closed town that hold one of these words, whatever file it is."""
    files = [path for path in sorted(town.folder.rglob("*")) if path.is_file()]
    return [f"{path.name}: {word}" for path in files for word in words if word.encode() in path.read_bytes()]


def test_invariant_04_catches_a_name_in_any_table(town):
    words = [word for pair in town.people for word in pair]
    assert len(words) == 4
    with town.books.engine.begin() as db:
        db.execute(sa.text("update listing set name = :name"), {"name": f"room of {canary(0)[0]}"})
    town.books.engine.dispose()
    assert named_in_files(town, words) != []


# --- 18 ---------------------------------------------------------------------------------------------------------------


def codes(town: Town) -> dict[str, set[tuple[str, str, bytes]]]:
    """The live codes of every pass, none of them a face."""
    found: dict[str, set[tuple[str, str, bytes]]] = defaultdict(set)
    for row in asked(town, "select pass_id, cred_id, kind, verifier, state from credential"):
        if row.state in {"ISSUED", "READY", "IN_USE"} and row.kind != "face":
            found[row.pass_id].add((row.cred_id, row.kind, bytes(row.verifier)))
    return found


def aboard(town: Town) -> dict[str, PassRow]:
    rows = [row.wire for row in asked(town, "select wire from pass") if row.wire]
    return {row.pass_id: row for row in (msgspec.msgpack.decode(wire, type=PassRow) for wire in rows)}


@whatever
@given(acts=ACTS, dies=st.booleans())
def test_invariant_18_a_withdrawal_takes_the_face_and_no_code(tmp_path, acts, dies):
    """Before and after it the same codes are alive; one that dies half-way has withdrawn nothing."""
    first = [("register", "7001", 4), ("code", "7001", 3), ("consent", "7001", 0)]
    town = after_every_act(tmp_path, [*first, *acts, ("consent", "7001", 0)], lambda _town: [])
    before, rows = codes(town), aboard(town)
    with pytest.MonkeyPatch.context() as patch:
        if dies:
            patch.setattr("cloud_sync.store.guests.refresh_stay", _power_cut)
            with suppress(PowerCut):  # or it was refused, before it came so far
                town.happen("withdraw", "7001", 0)
            assert aboard(town) == rows
        else:
            town.happen("withdraw", "7001", 0)
    after = codes(town)
    assert {pass_id: after[pass_id] for pass_id in before} == before
    for pass_id, row in aboard(town).items():
        assert {cred.cred_id for cred in row.creds} == {cred.cred_id for cred in rows[pass_id].creds}
    if not dies:
        stands = asked(
            town,
            "select p.wire from pass p join stay s on s.stay = p.stay join booking b on b.booking = s.booking"
            " where b.external_ref = '7001' and not exists (select 1 from consent c where c.stay = s.stay"
            " and c.person = p.person and c.purpose = 'face_access' and c.withdrawn_ms is null)",
        )
        bits = [msgspec.msgpack.decode(one.wire, type=PassRow).prereq & 8 for one in stands if one.wire]
        assert set(bits) <= {0}
    town.close()


class PowerCut(Exception):
    pass


def _power_cut(*_words: object) -> None:
    raise PowerCut


def test_invariant_18_catches_a_withdrawal_that_takes_the_code_along(town, monkeypatch):
    before = codes(town)
    assert any(before.values())
    real = "cloud_sync.store.guests.erase_face"

    def takes_all(act, pass_id, *_words):
        act.connection.execute(sa.text("update credential set state = 'DESTROYED'"))

    monkeypatch.setattr(real, takes_all)
    town.books.registry.withdraw_for_booking("xc", "7001", "face_access", actor="chen")
    assert {pass_id: codes(town)[pass_id] for pass_id in before} != before


# --- 22, 23, 26 -------------------------------------------------------------------------------------------------------


def doubled(town: Town) -> list[str]:
    """More than one open for the same (kind, subject, window), as a record or as a case."""
    open_ = asked(town, "select kind, subject, window_ms from discrepancy where state = 'open'")
    cases = asked(town, "select group_key from case_ where family = 'discrepancy' and state <> 'CLOSED'")
    counted = Counter([*map(tuple, open_), *((row.group_key,) for row in cases)])
    return [f"{key}: {n}" for key, n in counted.items() if n > 1]


def test_invariant_23_catches_a_second_one(town):
    """The books themselves refuse a second record; a second case is counted."""
    town.happen("walk", "7002", 2)
    with pytest.raises(sa.exc.IntegrityError), town.books.engine.begin() as db:
        db.execute(
            sa.text(
                "insert into discrepancy (community, id, kind, subject, window_ms, severity, state, opened_ms,"
                " updated_ms, evidence) values ('dongfang', 'a', 'D01', 's', 1, 'S2', 'open', 1, 1, '[]'),"
                " ('dongfang', 'b', 'D01', 's', 1, 'S2', 'open', 1, 1, '[]')"
            )
        )
    town.happen("alarm", "7001", 0)
    with town.books.engine.begin() as db:
        db.execute(sa.text("update case_ set family = 'discrepancy'"))
        columns = [row[1] for row in db.execute(sa.text("pragma table_info(case_)"))]
        chosen = ", ".join("'twice'" if name == "id" else f'"{name}"' for name in columns)
        db.execute(sa.text(f"insert into case_ select {chosen} from case_ limit 1"))
    assert doubled(town) != []


def misowned(before: dict[str, Any], town: Town, event: str) -> list[str]:
    """Cases nobody answers for, checked by who resolved them, or that changed hands without a word."""
    found = []
    rows = asked(town, "select id, state, owner, owner_role, resolved_by, verified_by, offered_to from case_")
    for row in rows:
        if not row.owner and not row.owner_role:
            found.append(f"{row.id}: nobody's")
        if row.verified_by and row.verified_by == row.resolved_by:
            found.append(f"{row.id}: {row.verified_by} checked themselves")
        was = before.get(row.id)
        if was is not None and was.owner and row.owner != was.owner and was.offered_to != row.owner:
            found.append(f"{row.id}: from {was.owner} to {row.owner}, who was not asked")
        if was is not None and row.owner != was.owner and event not in {"handle", "alone"}:
            found.append(f"{row.id}: {event} gave it to {row.owner}")
    return found


CASES = st.lists(
    st.tuples(
        st.sampled_from(["alarm", "handle", "handle", "handle", "wait"]), st.just("7001"), st.integers(0, 59)
    ),
    min_size=12,
    max_size=30,
)


@pytest.mark.invariant(26)
@whatever
@given(acts=CASES)
def test_invariant_22_a_case_has_one_owner_and_changes_hands_by_acceptance(tmp_path, acts):
    """Invariant 26 with it: whoever verifies is not who resolved."""
    town = Town(tmp_path / str(next(FOLDERS)))
    before: dict[str, Any] = {}
    for act in [("alarm", "7001", 0), ("alone", "7001", 2), *acts]:
        town.happen(*act)
        assert misowned(before, town, act[0]) == []
        before = {row.id: row for row in asked(town, "select id, owner, offered_to from case_")}
    assert before
    town.close()


@pytest.mark.invariant(26)
def test_invariant_22_catches_an_owner_who_was_not_asked_and_a_check_of_ones_own(town):
    town.happen("alarm", "7001", 0)
    before = {row.id: row for row in asked(town, "select id, owner, offered_to from case_")}
    assert misowned(before, town, "handle") == []
    for said in ("owner_role = ''", "resolved_by = 'li', verified_by = 'li'"):
        with town.books.engine.begin() as db:
            db.execute(sa.text(f"update case_ set {said}"))
        assert misowned(before, town, "handle") != []


# --- all of them, after every act ---------------------------------------------------------------------------------------


@pytest.mark.invariant(1, 4, 23)
@settings(whatever, max_examples=8)
@given(acts=ACTS)
def test_invariant_10_after_every_act_the_books_hold_to_their_rules(tmp_path, acts):
    """Grounds of every pass, steps along the pages, nothing open twice; at the end nobody's name in any file or line.

    One play for four invariants: the act is the dear part, the counts are cheap.
    """
    with structlog.testing.capture_logs() as logs:
        town = after_every_act(
            tmp_path,
            [("register", "7001", 4), *acts, ("look", "7001", 0)],
            lambda town: groundless(town) + off_the_tables(town) + doubled(town),
        )
    words = [word for pair in town.people for word in pair]
    rows = repr([msgspec.to_builtins(row) for row in town.books.registry.rows_for("gate-1")])
    events = repr(asked(town, "select body from event"))
    assert [word for word in words if word in rows + events + repr(logs)] == []
    town.close()
    assert named_in_files(town, words) == []
