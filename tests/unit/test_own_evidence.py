"""What the service tells reconciliation by itself, and what its own books say since files bring more: on both databases."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from cloud_sync.compose import Books
from cloud_sync.core.evidence import BODIES, TELLERS, UnitVisit
from cloud_sync.store import tables
from cloud_sync.store.evidence_store import told_body
from cloud_sync.store.intake_files import FORMS
from cloud_sync.store.own_evidence import tell_own
from cloud_sync.store.places import AccessPointSpec
from cloud_sync.store.tables_rules import evidence
from cloud_sync.store.visitors import VisitWish
from cloud_sync.synth.doors import counted, taken
from cloud_sync.synth.wire import body_of
from tests.fakes.community_house import (
    CODE,
    DOOR,
    GATE,
    ROOM,
    Gate,
    SteppedClock,
    booking_row,
    csv_of,
    listing_row,
    new_house,
    registration_row,
    resident_id,
    take,
    with_guest,
)

STORE = Path(tables.__file__).parent
STAIR, OTHER_DOOR = "AP-dongfang-u1", "AP-dongfang-302"
OTHER_ROOM = f"{CODE}-302"
WRONG = resident_id()[:17] + ("0" if resident_id()[17] != "0" else "1")


class Community:
    def __init__(self, folder: Path, database: str) -> None:
        self.clock = SteppedClock()
        self.books: Books = new_house(folder, self.clock, database=database)
        for name, kind in ((STAIR, "unit"), (OTHER_DOOR, "room")):
            self.books.registry.add_access_point("gate-1", AccessPointSpec(name, kind, name, name))
        self.gate = Gate(self.books)

    def found(self) -> list[tuple[str, str, str]]:
        self.books.reconciler.run_touched()
        self.books.reconciler.run_due()
        table = tables.discrepancy
        with self.books.engine.connect() as db:
            rows = db.execute(sa.select(table).order_by(table.c.kind, table.c.subject, table.c.window_ms))
            return [(row.kind, row.state, row.severity) for row in rows]

    def checks(self) -> list[tuple[str, str]]:
        """Of D10 alone: whoever is not registered yet is D14 as well."""
        return [(state, severity) for kind, state, severity in self.found() if kind == "D10"]

    def told(self, type_: str) -> list[object]:
        query = (
            sa.select(evidence).where(evidence.c.type == type_).order_by(evidence.c.subject, evidence.c.key)
        )
        with self.books.engine.connect() as db:
            return [told_body(row) for row in db.execute(query)]

    def brings(self, kind: str, row: dict[str, object]) -> str:
        (answer,) = self.books.registry.import_file(kind, csv_of([row]), actor="test").rows
        return answer.status

    def passes(self, door: str, pass_id: str, **more: object) -> None:
        self.gate.tells("access.taken", direction="in", pass_id=pass_id, access_point=door, **more)

    def pass_of(self, cls: str) -> str:
        (held,) = [
            one for one in self.books.registry.passes() if one.pass_id and self._class(one.pass_id) == cls
        ]
        return held.pass_id

    def _class(self, pass_id: str) -> str:
        with self.books.engine.connect() as db:
            query = sa.select(tables.pass_.c["class"]).where(tables.pass_.c.pass_id == pass_id)
            return str(db.execute(query).scalar_one())

    def close(self) -> None:
        self.gate.close()
        self.books.close()


@pytest.fixture
def place(tmp_path: Path, database: str) -> Iterator[Community]:
    made = Community(tmp_path, database)
    yield made
    made.close()


def test_a_return_that_nobody_files_is_missing_at_noon_until_it_is_filed(place):
    take(place.books, "listings", listing_row())
    place.clock.step(hours=23)
    assert place.found() == []
    place.clock.step(hours=2)
    assert place.found() == [("D12", "open", "S2")]
    assert tell_own(place.books.house) == 0
    assert place.brings("returns", {"operator": "OP-1", "day": "2026-05-01", "guests": 0}) == "new"
    assert place.found() == [("D12", "closed", "S2")]


def test_a_listing_owes_returns_from_the_day_of_its_code(place):
    take(place.books, "listings", listing_row(state="FILED"))
    place.clock.step(hours=72)
    assert place.found() == []
    state = {"listing": CODE, "state": "ACTIVE", "reason": "coded"}
    assert place.brings("listing_states", state) == "updated"
    place.clock.step(hours=12)
    assert place.found() == []
    place.clock.step(hours=13)
    assert place.found() == [("D12", "open", "S2")]


def test_doors_of_the_house_that_a_visitors_pass_opened_are_counted(place):
    take(place.books, "listings", listing_row())
    wish = VisitWish("day_visitor", (GATE, STAIR), 600, "to see the flat", unit="1-301")
    place.books.registry.admit(wish, actor="li.na")
    visitor = place.pass_of("day_visitor")
    assert place.told("UnitVisit") == [UnitVisit(visitor, 0, visitor=True)]
    for door, more in ((GATE, {}), (STAIR, {}), (STAIR, {"direction": "out"}), (STAIR, {})):
        place.gate.tells(
            "access.taken", **{"direction": "in", "pass_id": visitor, "access_point": door, **more}
        )
    assert tell_own(place.books.house) == 1
    assert place.told("UnitVisit") == [UnitVisit(visitor, 2, visitor=True)]
    assert tell_own(place.books.house) == 0


def test_the_ways_in_are_timed_by_day_door_and_kind(place):
    for n, (kind, wait_ms) in enumerate([("face", 1_000), ("face", 2_000), ("qr", 4_000), ("qr", 200_000)]):
        place.gate.tells("access.granted", decision="allow", credential_kind=kind, grant_id=f"g{n}")
        place.clock.step(ms=wait_ms)
        place.gate.tells("access.taken", credential_kind=kind, grant_id=f"g{n}")
    assert tell_own(place.books.house) == 0  # the day is not over
    place.clock.step(hours=16)
    assert tell_own(place.books.house) == 2
    assert [(one.kind, one.passages, one.median_ms) for one in place.told("PathTimes")] == [
        ("face", 2, 1_500),
        ("qr", 1, 4_000),
    ]
    assert tell_own(place.books.house) == 0


def test_a_room_that_is_ordered_for_more_than_it_may_hold_is_d06_until_the_register_says_otherwise(place):
    take(place.books, "listings", listing_row(max_guests=6))
    take(place.books, "bookings", booking_row(hours=(6, 20), headcount=3))
    room = {"room": ROOM, "listing": CODE, "beds": 1, "max_occupancy": 2}
    assert place.brings("rooms", room) == "new"
    assert place.found() == [("D06", "open", "S2")]
    assert place.brings("rooms", {**room, "max_occupancy": 3}) == "updated"
    assert place.found() == [("D06", "closed", "S2")]


def test_anothers_lock_that_opens_is_d11_and_the_room_somebody_moved_from_is_not(place):
    with_guest(place.books)
    other = listing_row(room=OTHER_ROOM, label="302", access_points=f"{GATE} {OTHER_DOOR}")
    take(place.books, "listings", other)
    guest = place.books.registry.passes()[0].pass_id
    place.passes(DOOR, guest)
    assert take(place.books, "bookings", booking_row(external_revision=2, room=OTHER_ROOM)) == ["updated"]
    place.passes(OTHER_DOOR, guest)
    assert place.found() == []
    place.passes(STAIR, guest)
    assert place.found() == []
    third = listing_row(room=f"{CODE}-303", label="303", access_points=f"{GATE} AP-dongfang-303")
    place.books.registry.add_access_point("gate-1", AccessPointSpec("AP-dongfang-303", "room", "303", "303"))
    take(place.books, "listings", third)
    place.passes("AP-dongfang-303", guest)
    assert place.found() == [("D11", "open", "S3")]


def test_three_numbers_with_a_wrong_check_character_are_d10_until_the_party_is_verified(place):
    with_guest(place.books, registered=False)
    for _ in range(2):
        assert take(place.books, "registrations", registration_row(document_number=WRONG)) == ["rejected"]
    assert place.checks() == []
    wrong, right = registration_row(document_number=WRONG), registration_row()
    assert take(place.books, "registrations", wrong, right) == ["rejected", "new"]
    assert place.checks() == [("open", "S1")]
    stem = "00000119910131000"
    second = registration_row(document_number=resident_id(stem), birth_date="1991-01-31", name="同行人")
    assert take(place.books, "registrations", second) == ["new"]
    assert place.checks() == [("closed", "S1")]
    assert take(place.books, "registrations", wrong, right) == ["rejected", "unchanged"]
    assert place.checks() == [("closed", "S1")]


def test_who_is_named_as_telling_a_type_is_found_in_the_code_and_nobody_else():
    assert TELLERS.keys() == BODIES.keys()
    calls = {
        node.func.id
        for path in STORE.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert {name for name, who in TELLERS.items() if who} == calls & BODIES.keys()
    kinds = {words.removeprefix("import ") for who in TELLERS.values() for words in who if "import " in words}
    assert kinds <= FORMS.keys()


def test_a_minor_without_guardian_is_d20_from_the_books_alone(place):
    with_guest(place.books)
    minor = registration_row(
        document_number=resident_id("00000120150131000"), birth_date="2015-01-31", name="孩子"
    )
    take(place.books, "registrations", minor)
    assert ("D20", "open", "S1") in place.found()


def test_a_count_as_synth_writes_it_is_one_a_node_could_have_sent(place):
    with_guest(place.books)
    guest = place.books.registry.passes()[0]
    for grant in ("g1", "g2"):
        for text in (taken("in", "xc 1001 0", "guest", "qr", grant), counted(grant, 3)):
            line = json.loads(f'{{"at":{place.clock.now_ms()},"access_point":"{GATE}",{text}}}')
            body = body_of(
                line, boot_id="b1", booted_ms=0, pass_of=lambda _: (guest.pass_id, guest.version, "SJ-1")
            )
            place.gate.ledger.record(json.dumps(body).encode())
            place.gate.hears(place.gate.ledger.batch([place.gate.ledger.head]))
            place.clock.step(ms=3_000)
    assert place.found() == [("D05", "open", "S2")]
