"""What Gatehouse refuses, tried: looking for a person by their face, following one alone, scoring guests, lists to keep out."""

import re
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa

from cloud_sync.core.columns import Kind
from cloud_sync.core.trace import TraceWish
from cloud_sync.errors import Refused
from cloud_sync.protocol import messages
from cloud_sync.store import tables
from cloud_sync.store.engine import reading
from cloud_sync.store.privacy_desk import SqlPrivacy
from edge.ports import Point
from tests.fakes.asgi import fields_of, routes_of
from tests.fakes.community_house import NOON_MS, booking_row, csv_of, new_house, registration_row, with_guest
from tests.fakes.listing_house import ListingHouse
from tests.fakes.web_house import log_in, visiting

ROOT = Path(__file__).parents[2]
# domain.md §21, thing by thing, and the row of docs/refused.md that answers it.
REFUSED = {
    "face as the only key": "face as the only key",
    "cameras or people-sensing inside rooms without the guest's knowledge": "cameras or people-sensing inside rooms",
    "public naming of guests or residents": "naming guests or residents in public",
    "resident credit scores that affect access": "credit scores of residents that affect access",
    "emotion, age or ethnicity inference": "inferring emotion, age or ethnicity",
    "a face watch-list": "a watch-list of faces",
    "reporting conduct to employers": "reporting conduct to employers",
    "sharing guest identities in chat groups": "sharing guests' identities in chat groups",
    "blanket police read access": "blanket reading by the police",
    "keeping document images": "keeping images of documents or people",
    "silent lock-out of a person who is inside": "locking somebody out silently, or in",
}
# Refused besides: what follows from them and was tried too.
BESIDES = {"a face database at the service", "looking for a person by their face", "following somebody alone"}
HOUR_MS = 3_600_000


@pytest.fixture
def books(tmp_path):
    opened = new_house(tmp_path)
    with_guest(opened)
    yield opened
    opened.close()


@pytest.fixture
def register(tmp_path):
    made = ListingHouse(tmp_path)
    yield made
    made.close()


def test_every_refusal_of_the_design_has_its_row_and_no_row_is_without_a_reason():
    text = (ROOT / "docs/refused.md").read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")][1:]
    assert {row[0].removeprefix("| ") for row in rows} == set(REFUSED.values()) | BESIDES
    assert [row[0] for row in rows if len(row) != 4 or not row[1].strip()] == []


# --- a face is not looked for ------------------------------------------------------------------------------------

SEARCHES = (
    "faces",
    "faces/search",
    "search",
    "persons/search",
    "identify",
    "recognise",
    "galleries",
    "stays/by-face",
)
BIOMETRIC = re.compile(r"image|photo|picture|template|vector|embedding|selfie|frame")
PICTURES = re.compile(rf"face|^file$|{BIOMETRIC.pattern}")


@pytest.mark.parametrize("path", SEARCHES)
def test_no_address_takes_a_face_and_says_whose_it_is(register, path):
    with visiting(register.app()) as client:
        log_in(client, name="zhao")
        picture = {"image": ("who.jpg", b"\xff\xd8\xff\xe0", "image/jpeg")}
        said = [
            client.post(f"{begin}/{path}", files=picture).status_code
            for begin in ("/api/v1", "/staff", "/privacy")
        ]
    assert set(said) <= {404, 405}


def test_no_field_of_any_form_takes_a_picture(register):
    routes = list(routes_of(register.app().routes))
    taken = {
        field.name
        for route in routes
        for kind in ("body_params", "query_params")
        for field in fields_of(route, kind)
    }
    assert {"csrf", "reason", "listing"} <= taken | {"listing"}
    assert {name for name in taken if PICTURES.search(name)} == set()


def test_no_message_asks_a_node_for_a_face_or_brings_it_one_to_look_for():
    """What goes down with a template in it is sealed for one pass; a command has no place for anything but its words."""
    kinds = [
        kind
        for kind in vars(messages).values()
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct)
    ]
    carrying = {
        f"{kind.__name__}.{field.name}"
        for kind in kinds
        for field in msgspec.structs.fields(kind)
        if BIOMETRIC.search(field.name) and field.name != "template_ref"  # of an erasure: "all of this pass"
    }
    assert messages.Sealed in kinds
    assert carrying == set()


@pytest.mark.parametrize("kind", ["face", "person", "name", "document", "everybody", ""])
def test_a_trace_goes_by_a_booking_or_a_door_and_by_nothing_else(books, kind):
    with pytest.raises(Refused):
        SqlPrivacy(books.house).ask_trace(asked(kind=kind), actor="zhao")
    assert traces(books) == []


# --- nobody is followed by one person alone ----------------------------------------------------------------------


def asked(**changes: object) -> TraceWish:
    words: dict[str, object] = {
        "kind": "booking", "ref": "xc 1001", "purpose": "police", "reason": "missing", "case_ref": "2026-17",
        "from_ms": NOON_MS - HOUR_MS, "until_ms": NOON_MS + HOUR_MS,
    }  # fmt: skip
    return TraceWish(**{**words, **changes})  # type: ignore[arg-type]


def traces(books) -> list[object]:
    with reading(books.engine).connect() as db:
        return list(db.execute(sa.select(tables.metadata.tables["trace_request"])))


@pytest.mark.parametrize(
    "changes",
    [
        {"ref": "*"},
        {"ref": "xc %"},
        {"ref": " "},
        {"purpose": "curiosity"},
        {"case_ref": ""},
        {"reason": " "},
        {"from_ms": 0},
        {"kind": "door", "ref": "AP-dongfang-001", "until_ms": NOON_MS + 5 * HOUR_MS},
        {"kind": "door", "ref": "*"},
    ],
    ids=repr,
)
def test_a_trace_of_everybody_or_without_its_reason_is_not_even_asked_for(books, changes):
    with pytest.raises(Exception, match=r".") as said:
        SqlPrivacy(books.house).ask_trace(asked(**changes), actor="police")
    assert type(said.value).__name__ in {"Refused", "NotFound"}
    assert traces(books) == []


def test_one_officer_alone_follows_nobody(books):
    desk = SqlPrivacy(books.house)
    trace = desk.ask_trace(asked(), actor="zhao")
    for alone in (
        lambda: desk.show_trace(trace, actor="zhao"),
        lambda: desk.decide_trace(trace, approve=True, actor="zhao"),
        lambda: desk.show_trace(trace, actor="zhao"),
    ):
        with pytest.raises(Refused):
            alone()


# --- guests have no score, and no list keeps anybody out -----------------------------------------------------------

JUDGED = re.compile(r"score|rating|rank|risk|trust|reputation|blacklist|watch|banned|penalt|flag")


def test_no_row_about_a_person_has_room_for_a_score_or_a_flag():
    about = {"person", "stay", "pass_id", "subject_ref", "booking", "registration"}
    held = [table for table in tables.metadata.sorted_tables if about & set(table.columns.keys())]
    assert len(held) > 15
    room = {
        f"{table.name}.{column.name}"
        for table in held
        for column in table.columns
        if JUDGED.search(column.name)
    }
    assert room == set()
    assert [table.name for table in tables.metadata.sorted_tables if JUDGED.search(table.name)] == []


@pytest.mark.parametrize("column", ["score", "credit", "rating", "blacklisted", "risk"])
@pytest.mark.parametrize(
    ("kind", "row"), [("registrations", registration_row()), ("bookings", booking_row("1002"))]
)
def test_a_file_that_brings_a_score_is_refused_whole(books, kind, row, column):
    with pytest.raises(Refused, match=column):
        books.registry.import_csv(kind, csv_of([{**row, column: 3}]), actor="test")


def test_no_file_is_a_list_of_people_to_keep_out():
    assert [kind for kind in Kind if JUDGED.search(kind)] == []


@pytest.mark.parametrize(
    "path", ["blacklist", "watchlist", "banned", "persons/score", "guests/score", "residents/credit"]
)
def test_no_address_scores_or_lists_anybody(register, path):
    with visiting(register.app()) as client:
        log_in(client, name="zhao")
        said = {
            client.request(method, f"{begin}/{path}").status_code
            for method in ("GET", "POST")
            for begin in ("/api/v1", "/staff")
        }
    assert said <= {404, 405}


# --- no line of a door senses who is in a room ---------------------------------------------------------------------


@pytest.mark.parametrize("wished", ["presence", "motion", "occupancy", "microphone", "radar", "people"])
def test_no_line_of_a_node_senses_people(wished):
    with pytest.raises(ValueError, match=wished):
        Point(wished)
