"""Files that communities receive beside their records: each kind becomes what a rule asks for, once, on both databases."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import pytest
import sqlalchemy as sa

from cloud_sync.compose import Books
from cloud_sync.core.codes import listing_code
from cloud_sync.core.policy import HOUR_MS
from cloud_sync.errors import ConfigError, Refused
from cloud_sync.ports import FeedKind, ImportKind
from cloud_sync.store import tables
from cloud_sync.store.evidence_store import EvidenceBook
from cloud_sync.store.intake_files import FORMS, take_file
from cloud_sync.store.tables_model import operator, room_file, unit
from cloud_sync.store.tables_rules import evidence
from cloud_sync.synth.rows import HEADERS
from tests.fakes.community_house import (
    CODE,
    DOOR,
    GATE,
    NOON_MS,
    ROOM,
    Gate,
    SteppedClock,
    booking_row,
    csv_of,
    listing_row,
    local,
    new_house,
    take,
    with_guest,
)

HOME, HIDDEN = "1-301", "1-302"
OTHER = listing_code("000001", "0000000A")
PHONE = "+86 000 1234 5678"
Row = dict[str, object]


def ago(hours: float) -> str:
    return local(NOON_MS - round(hours * HOUR_MS))


@dataclass
class Intake:
    books: Books
    gate: Gate
    folder: Path

    def says(self, kind: str, *rows: Row) -> list[str]:
        """Every row's status, and the sentence of those that were not taken."""
        path = self.folder / f"{kind}.csv"
        columns = dict.fromkeys(name for row in rows for name in row)
        path.write_bytes(csv_of([{name: row.get(name, "") for name in columns} for row in rows]))
        report = take_file(self.books, kind, path, actor="test")
        return [row.reason if row.status == "rejected" else row.status for row in report.rows]

    def found(self) -> list[tuple[str, str, str, str]]:
        """What reconciliation has on record once it has looked at what was touched."""
        self.books.reconciler.run_touched()
        table = tables.discrepancy
        with self.books.engine.connect() as db:
            rows = db.execute(sa.select(table).order_by(table.c.kind, table.c.subject))
            return [(row.kind, row.subject, row.state, row.severity) for row in rows]

    def told(self) -> list[tuple[str, str, str]]:
        with self.books.engine.connect() as db:
            rows = db.execute(sa.select(evidence).order_by(evidence.c.subject, evidence.c.key))
            return [(row.subject, row.type, row.key) for row in rows]


@pytest.fixture
def intake(tmp_path: Path, database: str) -> Iterator[Intake]:
    books = new_house(tmp_path, SteppedClock(), database=database)
    take(books, "listings", listing_row())
    gate = Gate(books)
    made = Intake(books, gate, tmp_path)
    assert made.says("units", home(), home(unit=HIDDEN, door_no="302", use="self")) == ["new", "new"]
    yield made
    gate.close()
    books.close()


def home(**changes: object) -> Row:
    row: Row = {
        "unit": HOME,
        "building": "1",
        "unit_door": "1",
        "floor": "3",
        "door_no": "301",
        "address": "听溪路101号1栋1单元301室",
        "use": "short-let",
        "last_verified_at": "2026-04-20",
    }
    return {**row, **changes}


def advert(unit_id: str, shown: str, **changes: object) -> Row:
    return {
        "platform": "xc",
        "advertisement": f"AD-{unit_id}",
        "unit": unit_id,
        "shown_code": shown,
        **changes,
    }


def looked(**changes: object) -> Row:
    row: Row = {"at": ago(3), "listing": CODE, "unit": HOME, "rooms": 1, "beds": 2, "finding": ""}
    return {**row, **changes}


def beds(count: int) -> Row:
    return {"room": ROOM, "listing": CODE, "label": "301", "beds": count, "max_occupancy": 2, "lock": DOOR}


def receipt(result: str, **changes: object) -> Row:
    row: Row = {"at": ago(3), "source": "xc", "external_ref": "1001", "member": 0, "due_at": ago(-20)}
    return {**row, "result": result, "receipt": "RC-1", **changes}


def visit(number: int, **changes: object) -> Row:
    row: Row = {
        "at": ago(2),
        "ref": f"V-{number}",
        "host_unit": HIDDEN,
        "access_points": GATE,
        "valid_from": ago(1),
        "valid_until": ago(-5),
        "credential": "qr",
    }
    return {**row, **changes}


def test_a_page_without_a_code_is_about_the_listing_or_about_a_dwelling_that_has_none(intake):
    wrong = [advert(HOME, ""), advert(HIDDEN, "")]
    assert intake.says("advertisements", *wrong) == ["new", "new"]
    assert intake.found() == [("D07", HIDDEN, "open", "S2"), ("D16", CODE, "open", "S3")]
    assert intake.says("advertisements", *wrong) == ["unchanged", "unchanged"]
    right = [advert(HOME, CODE), advert(HIDDEN, "", state="gone")]
    assert intake.says("advertisements", *right) == ["updated", "updated"]
    assert intake.found() == [("D07", HIDDEN, "closed", "S2"), ("D16", CODE, "closed", "S3")]
    assert intake.says("advertisements", *right) == ["unchanged", "unchanged"]


def test_a_page_that_shows_anothers_code_and_one_of_a_dwelling_that_got_a_listing(intake):
    assert intake.says("advertisements", advert(HOME, OTHER), advert(HIDDEN, OTHER)) == ["new", "new"]
    coded = listing_row(listing=OTHER, unit=HIDDEN, room=f"{OTHER}-302", label="302")
    assert take(intake.books, "listings", coded) == ["new"]
    assert intake.says("advertisements", advert(HIDDEN, OTHER)) == ["new"]
    assert intake.found() == [("D16", CODE, "open", "S3")]


def test_an_inspection_lays_rooms_and_beds_beside_the_register_and_the_register_may_follow(intake):
    assert "import its rooms first" in intake.says("inspections", looked())[0]
    assert intake.says("rooms", beds(2)) == ["new"]
    assert intake.says("inspections", looked()) == ["new"]
    assert intake.found() == []
    assert intake.says("inspections", looked(at=ago(2), beds=4)) == ["updated"]
    assert intake.found() == [("D17", CODE, "open", "S3")]
    assert intake.says("inspections", looked(), looked(at=ago(2), beds=4)) == ["unchanged", "unchanged"]
    assert intake.says("rooms", beds(4)) == ["updated"]
    assert intake.found() == [("D17", CODE, "closed", "S3")]
    assert intake.says("rooms", beds(4)) == ["unchanged"]


def test_an_inspection_of_a_dwelling_without_a_listing_is_a_sign_until_one_that_found_nothing(intake):
    seen = looked(listing="", unit=HIDDEN, rooms="", beds="", finding="guests and no code")
    assert intake.says("inspections", seen) == ["new"]
    assert intake.found() == [("D07", HIDDEN, "open", "S2")]
    again = {**seen, "at": ago(1), "finding": ""}
    assert intake.says("inspections", again, seen) == ["updated", "unchanged"]
    assert intake.found() == [("D07", HIDDEN, "closed", "S2")]


def test_a_complaint_about_hidden_letting_is_a_sign_and_another_is_staffs(intake):
    noise: Row = {"at": ago(2), "unit": HIDDEN, "category": "noise"}
    said = intake.says("complaints", {**noise, "category": "unfiled listing"}, noise)
    assert said[0] == "new"
    assert "staff open a case of any other complaint" in said[1]
    assert intake.found() == [("D07", HIDDEN, "open", "S2")]
    EvidenceBook(intake.books.house).end(HIDDEN, "Complaint", f"complaint/{ago(2)}", actor="wang")
    assert intake.says("complaints", {**noise, "category": "unfiled listing"}) == ["unchanged"]
    assert intake.found() == [("D07", HIDDEN, "closed", "S2")]


def test_a_dossier_goes_stale_and_a_visit_makes_it_fresh(intake):
    assert intake.says("units", home(), home(unit=HIDDEN, door_no="302", use="self")) == ["unchanged"] * 2
    old = home(unit="1-303", door_no="303", use="self", last_verified_at="2025-10-01")
    never = home(unit="1-304", door_no="304", use="self", last_verified_at="")
    assert intake.says("units", old, never) == ["new", "new"]
    assert intake.found() == [("D24", "1-303", "open", "S4"), ("D24", "1-304", "open", "S4")]
    went = [{"at": ago(1), "unit": name, "by": "grid"} for name in ("1-303", "1-304", "9-999")]
    said = intake.says("verifications", *went)
    assert said[:2] == ["updated", "updated"]
    assert "not in the register of units" in said[2]
    assert intake.found() == [("D24", "1-303", "closed", "S4"), ("D24", "1-304", "closed", "S4")]
    assert intake.says("verifications", *went[:2]) == ["unchanged", "unchanged"]
    assert intake.says("units", old) == ["unchanged"]  # an older day does not make it older
    with intake.books.engine.connect() as db:
        query = sa.select(unit.c.verified_ms, unit.c.verified_by).where(unit.c.unit == "1-303")
        assert tuple(db.execute(query).one()) == (NOON_MS - HOUR_MS, "grid")


def test_three_visitors_of_one_dwelling_are_a_sign_and_their_passes_open_gates_only(intake):
    assert intake.says("visitors", visit(1), visit(2)) == ["new", "new"]
    assert intake.found() == []
    said = intake.says(
        "visitors", visit(2), visit(3), visit(4, access_points=DOOR), visit(5, valid_until=ago(-30))
    )
    assert said[:2] == ["unchanged", "new"]
    assert ["nobody visits a room" in said[2], "24 h at most" in said[3]] == [True, True]
    assert intake.found() == [("D07", HIDDEN, "open", "S2")]
    table = tables.pass_
    with intake.books.engine.connect() as db:
        passes = (
            db.execute(sa.select(table.c.pass_id).where(table.c["class"] == "day_visitor")).scalars().all()
        )
    assert sorted(passes) == sorted(key for _, type_, key in intake.told() if type_ == "UnitVisit")


def test_a_refused_report_is_open_until_it_is_acknowledged(intake):
    with_guest(intake.books)
    assert intake.says("reports", receipt("rejected")) == ["new"]
    assert [(kind, state) for kind, _, state, _ in intake.found()] == [("D13", "open")]
    both = [receipt("rejected"), receipt("acked", at=ago(1), receipt="RC-2")]
    assert intake.says("reports", *both) == ["unchanged", "updated"]
    assert [(kind, state) for kind, _, state, _ in intake.found()] == [("D13", "closed")]
    assert intake.says("reports", *both) == ["unchanged", "unchanged"]
    assert [(kind, state) for kind, _, state, _ in intake.found()] == [("D13", "closed")]


def test_what_is_refused_and_mended_within_one_file_was_refused_all_the_same(intake):
    with_guest(intake.books)
    both = [receipt("rejected"), receipt("acked", at=ago(1))]
    assert intake.says("reports", *both) == ["new", "updated"]
    assert [(kind, state) for kind, _, state, _ in intake.found()] == [("D13", "closed")]


@pytest.mark.parametrize(("hours", "severity"), [(1, "S2"), (30, "S1")])
def test_a_receipt_after_its_time_was_late_until_then(intake, hours, severity):
    with_guest(intake.books)
    assert intake.says("reports", receipt("acked", at=ago(2), due_at=ago(2 + hours))) == ["new"]
    assert [(kind, state, how) for kind, _, state, how in intake.found()] == [("D12", "closed", severity)]


def test_a_report_that_waits_past_its_time_is_late(intake):
    with_guest(intake.books)
    assert intake.says("reports", receipt("pending", due_at=ago(-2))) == ["new"]
    assert intake.found() == []
    intake.books.clock.step(hours=3)
    intake.books.reconciler.run_due()
    assert [(kind, state) for kind, _, state, _ in intake.found()] == [("D12", "open")]


def test_returns_states_operators_and_rooms_go_where_the_desk_keeps_them(intake):
    filed: Row = {"at": ago(4), "operator": "OP-1", "day": "2026-04-30", "guests": 3}
    assert intake.says("returns", filed) == ["new"]
    assert intake.says("returns", filed) == ["unchanged"]
    who: Row = {"operator": "OP-1", "kind": "person", "name": "罗胜", "phone": PHONE, "uscc": ""}
    assert intake.says("operators", who) == ["new"]
    assert intake.says("operators", who) == ["unchanged"]
    assert intake.says("operators", {**who, "phone": f"{PHONE}9"}) == ["updated"]
    shut: Row = {"at": ago(1), "listing": CODE, "state": "SUSPENDED", "reason": "two neighbours complained"}
    assert intake.says("listing_states", shut) == ["updated"]
    assert intake.says("listing_states", shut, {**shut, "state": "DRAFT"}) == [
        "unchanged",
        f"listing {CODE} is SUSPENDED and cannot become DRAFT.",
    ]
    with intake.books.engine.connect() as db:
        assert db.execute(sa.select(tables.listing.c.state)).scalar_one() == "SUSPENDED"
        assert db.execute(sa.select(operator.c.kind)).scalar_one() == "person"
        assert db.execute(sa.select(sa.func.count()).select_from(room_file)).scalar_one() == 0


def test_a_new_booking_after_the_state_was_told_is_d08(intake):
    shut: Row = {"listing": CODE, "state": "SUSPENDED", "reason": "fire door"}
    assert intake.says("listing_states", shut) == ["updated"]
    intake.books.clock.step(hours=1)
    take(intake.books, "bookings", booking_row())
    assert [(kind, state) for kind, _, state, _ in intake.found()] == [("D08", "open"), ("D14", "open")]


def test_once_there_are_grids_a_unit_names_one_of_them(intake):
    whole: Row = {"grid": "g0", "parent": "", "level": "community", "name": "东方", "households": 24}
    part: Row = {"grid": "g1", "parent": "g0", "level": "grid", "name": "第1网格", "households": 24}
    assert intake.says("units", home(grid="3")) == ["updated"]
    assert "put it before those within it" in intake.says("grids", part)[0]
    assert intake.says("grids", whole, part) == ["new", "new"]
    assert intake.says("grids", whole, {**part, "households": 23}) == ["unchanged", "updated"]
    said = intake.says("units", home(grid="g1"), home(grid="g9"), home())
    assert (said[0], "not on the list of grids" in said[1], said[2]) == ("updated", True, "unchanged")


BAD = [
    (
        "advertisements",
        advert("9-999", ""),
        "unit 9-999 is not in the register of units; import the units first.",
    ),
    (
        "advertisements",
        advert(HOME, "", matched_by="smell"),
        "matched_by is not one of address, position, photo.",
    ),
    ("inspections", looked(listing=OTHER), f"there is no listing {OTHER}; import the listings first."),
    ("inspections", looked(unit=HIDDEN), f"listing {CODE} is not in unit {HIDDEN}."),
    ("inspections", looked(at=ago(-30)), "at lies ahead."),
    (
        "inspections",
        looked(listing="", rooms=1),
        "rooms and beds are counted for a listing, and listing is empty.",
    ),
    (
        "complaints",
        {"at": "yesterday", "unit": HIDDEN, "category": "no plate"},
        "at is not a date and time such as",
    ),
    ("units", home(use="hotel"), "use is not one of self, long_let, short_let, vacant, unknown,"),
    ("units", home(last_verified_at="2026-13-01"), "last_verified_at is not a date such as 2026-01-31."),
    (
        "visitors",
        visit(1, host_unit="9-999"),
        "unit 9-999 is not in the register of units; import the units first.",
    ),
    ("visitors", visit(1, access_points="AP-none"), "AP-none"),
    ("reports", receipt("acked"), "there is no booking xc 1001; import the bookings first."),
    ("reports", receipt("lost"), "result is not one of pending, acked, rejected."),
    ("returns", {"operator": "OP-9", "day": "2026-04-30", "guests": 1}, "no listing has the operator OP-9."),
    (
        "operators",
        {"operator": "OP-1", "kind": "club", "name": "罗胜"},
        "kind is not one of person, company.",
    ),
    ("rooms", {**beds(1), "room": "R-9"}, "there is no room R-9; import the listings first."),
    (
        "rooms",
        {**beds(1), "lock": "AP-9"},
        f"door AP-9 is not on the way to room {ROOM}; its listing says which are.",
    ),
    ("rooms", beds(99), "beds is not a whole number from 1 to 12."),
    (
        "grids",
        {"grid": "g", "parent": "", "level": "micro", "name": "x", "households": 1},
        "parent is empty for the",
    ),
    ("listing_states", {"listing": CODE, "state": "GONE", "reason": "x"}, "state is not one of"),
]


def test_a_bad_row_is_one_sentence_and_changes_nothing(tmp_path):
    books = new_house(tmp_path, SteppedClock())
    take(books, "listings", listing_row())
    made = Intake(books, Gate(books), tmp_path)
    made.says("units", home(unit=HIDDEN, door_no="302"))
    before = made.told()
    for kind, row, sentence in BAD:
        (said,) = made.says(kind, row)
        assert sentence in said, f"{kind} {row}: {said}"
    assert (made.told(), made.found()) == (before, [])
    made.gate.close()
    books.close()


def test_every_file_that_is_made_for_intake_is_taken_column_for_column():
    beside = {"bookings_at", "registrations_at"}
    assert set(get_args(FeedKind)) | set(get_args(ImportKind)) == FORMS.keys()
    for kind in HEADERS.keys() - beside:
        form = FORMS[kind]
        assert set(HEADERS[kind]) <= set(form.columns), kind
        assert set(form.needed) <= set(HEADERS[kind]), kind


def test_a_kind_nobody_takes_and_a_file_that_is_not_there_are_one_sentence(tmp_path):
    books = new_house(tmp_path, SteppedClock())
    with pytest.raises(Refused, match="'people' cannot be imported; say one of advertisements, bookings"):
        take_file(books, "people", tmp_path, actor="test")
    with pytest.raises(ConfigError, match="cannot be read"):
        take_file(books, "units", tmp_path / "none.csv", actor="test")
    books.close()
