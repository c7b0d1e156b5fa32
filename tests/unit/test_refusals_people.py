"""What Gatehouse refuses, tried: names, document numbers and pictures; see docs/refused.md."""

import ast
import asyncio
import inspect
import os
from dataclasses import fields, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx
import msgspec
import pytest
import sqlalchemy as sa

import cloud_sync.connectors
from cloud_sync.connectors.upstream.ways import installed as recipients
from cloud_sync.errors import NotFound, Refused, StoreError
from cloud_sync.ports import SESSION_COOKIE
from cloud_sync.ports_guest import Notice
from cloud_sync.protocol import messages
from cloud_sync.store import audit, tables
from cloud_sync.store.engine import open_database
from cloud_sync.store.vault import FIELDS, Vault
from edge.config_side import PreviewConfig
from edge.core.credentials import CodeAccepted, CodeMemory
from edge.core.decision import decide
from edge.core.decision_fact import about
from edge.core.decision_types import (
    Attempt,
    DoorView,
    FaceEvidence,
    Liveness,
    Matcher,
    Moment,
    Policy,
)
from edge.core.door_types import Mode
from edge.core.events import (
    AccessPointId,
    ClockState,
    CredentialKind,
    Fact,
    PadFact,
    PassId,
    SubjectRef,
)
from edge.core.evidence import Look, Verdict
from edge.core.passes import (
    ENTRY_PREREQS,
    HOUR_MS,
    LocationClass,
    Pass,
    PassState,
    Prereq,
    SubjectClass,
)
from edge.core.reasons import Reason
from edge.link import sealing
from tests.fakes.sealed_nodes import Keys, SealedNode, template
from tests.fakes.web_house import ADMIN, COMMUNITY, LISTING_CSV, PASSWORD, SteppedClock, WebHouse

ROOT = Path(__file__).parents[2]
DOOR = AccessPointId("AP-gate")
NOW = 20_000 * HOUR_MS
GUEST = Pass(
    pass_id=PassId("PS-1"),
    pass_version=1,
    subject_ref=SubjectRef("SJ-1"),
    cls=SubjectClass.GUEST,
    state=PassState.ARMED,
    scope=frozenset({DOOR}),
    schedule="",
    not_before_ms=NOW - HOUR_MS,
    not_after_ms=NOW + HOUR_MS,
    prereq=ENTRY_PREREQS | Prereq.FACE_CONSENT,
    policy=1,
)
MATCHER = Matcher("t1", "sface", 1, 40)
SEEN = FaceEvidence(Verdict(Look.NAMED, GUEST.pass_id, "clear", "wide"), MATCHER, PadFact("na"))
BY_FACE = Attempt(kind=CredentialKind.FACE, holder=GUEST, face=SEEN)
CODE_READ = CodeAccepted(CodeMemory(0, 1, frozenset({DOOR})))
BY_CODE = Attempt(kind=CredentialKind.QR, holder=GUEST, code=CODE_READ)
VIEW = DoorView(
    access_point=DOOR, location_class=LocationClass.GATE, mode=Mode.LOCKED, liveness=Liveness.OFF_DEMO
)
MOMENT = Moment(now_ms=NOW, clock=ClockState.TRUSTED, floor_ms=0, contact_age_ms=0, online=True)
POLICY = Policy(1, 1)

REGISTRATION_HEAD = "source,external_ref,name,document_type,document_number,birth_date,proofing"
NAME, NUMBER = "Wanda Canary", "XC7654321"
REGISTRATION_ROW = f"tujia,B-1,{NAME},passport,{NUMBER},1990-01-31,2"


@pytest.fixture
def house(tmp_path):
    made = WebHouse(tmp_path)
    made.add_nodes()
    yield made
    made.close()


@pytest.fixture
def registered(house):
    """The house with one booked, registered guest; returns it with the guest's link."""
    token = house.guest_link()
    report = house.bring("registrations", f"{REGISTRATION_HEAD}\n{REGISTRATION_ROW}\n")
    assert report.count("rejected") == 0, report.rows
    return house, token


# --- naming people, chat groups, blanket reads -------------------------------------------------------------------

PERSONAL_WORDS = (
    "name",
    "image",
    "photo",
    "picture",
    "template",
    "document",
    "birth",
    "phone",
    "embedding",
    "vector",
)


def wire_structs() -> list[type[msgspec.Struct]]:
    found = [
        kind for _, kind in inspect.getmembers(messages, inspect.isclass) if issubclass(kind, msgspec.Struct)
    ]
    assert messages.EventBody in found
    return found


@pytest.mark.parametrize("kind", wire_structs(), ids=lambda kind: kind.__name__)
def test_no_message_has_room_for_a_person(kind):
    # A tombstone names the template that is to be erased, by an id that says nothing.
    room = [f.name for f in msgspec.structs.fields(kind) if any(word in f.name for word in PERSONAL_WORDS)]
    assert [name for name in room if name != "template_ref"] == []


@pytest.mark.parametrize("field", ["name", "image", "template", "document_number"])
def test_a_gate_cannot_write_a_person_down(field):
    with pytest.raises(TypeError, match=field):
        Fact("access.granted", **{field: "Wanda Canary"})


@pytest.mark.story("42b")
def test_the_denial_of_a_stranger_keeps_nothing_of_the_stranger():
    stranger = replace(BY_FACE, holder=None, face=replace(SEEN, verdict=Verdict(Look.UNKNOWN)))
    decision = decide(stranger, VIEW, MOMENT, POLICY)
    fact = about(decision, stranger, VIEW, MOMENT, POLICY)
    assert (fact.reason, fact.match, fact.subject_ref, fact.pass_id) == (Reason.NOT_FOUND, None, None, None)


def asked(house: WebHouse, *calls: tuple[str, str]) -> list[httpx.Response]:
    """What the real application answers to a logged-in administrator."""
    house.add_admin()
    token = house.accounts.login(ADMIN, PASSWORD)
    transport = httpx.ASGITransport(house.app())

    async def ask() -> list[httpx.Response]:
        cookies = {SESSION_COOKIE: token}
        async with httpx.AsyncClient(
            transport=transport, base_url="https://gate.test", cookies=cookies
        ) as client:
            return [await client.request(method, path) for method, path in calls]

    return asyncio.run(ask())


@pytest.mark.story("15a")
def test_the_pages_and_the_interface_show_nobody_by_name(registered):
    house, _ = registered
    board = house.reader.dashboard(COMMUNITY, datetime.fromtimestamp(house.clock.now / 1000, UTC))
    answers = asked(house, ("GET", "/"), ("GET", "/api/v1/dashboard"), ("GET", "/api/openapi.json"))
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    for shown in (repr(board), *(answer.text for answer in answers)):
        assert NAME not in shown
        assert NUMBER not in shown


def test_a_rejected_row_is_answered_without_repeating_the_person(house):
    report = house.bring("registrations", f"{REGISTRATION_HEAD}\n{REGISTRATION_ROW}\n")
    assert [row.status for row in report.rows] == ["rejected"]
    assert NAME not in repr(report)
    assert NUMBER not in repr(report)


@pytest.mark.story("15a")
def test_there_is_no_address_that_lists_guests(registered):
    house, _ = registered
    wished = ("guests", "persons", "registrations", "disclosures", "police/guests", "employers", "watchlist")
    calls = [(method, f"/api/v1/{path}") for path in wished for method in ("GET", "POST")]
    assert {answer.status_code for answer in asked(house, *calls)} == {404}


def test_what_can_be_read_over_http_is_a_short_list(house):
    paths = house.app().openapi()["paths"]
    api = {path for path, calls in paths.items() if "get" in calls and path.startswith("/api/")}
    assert api == {"/api/v1/dashboard"}


@pytest.fixture
def vault(tmp_path):
    """A vault whose disclosures stand in a real database."""
    engine = open_database(tmp_path / "sync.db")
    tell = partial(audit.disclose, engine, COMMUNITY, at_ms=SteppedClock().now)
    opened = Vault(tmp_path / "vault.db", os.urandom(32), tell)
    opened.seal("PE-1", "name", NAME)
    yield opened, engine
    opened.close()
    engine.dispose()


def looks(engine: sa.Engine) -> list[tuple[str, str, str]]:
    row = tables.disclosure.c
    with engine.connect() as db:
        return [tuple(found) for found in db.execute(sa.select(row.actor, row.purpose, row.field))]


@pytest.mark.parametrize(("actor", "purpose"), [("police", ""), ("", "because"), ("police", "   ")])
def test_nobody_opens_the_vault_without_a_name_and_a_purpose(actor, purpose, vault):
    opened, engine = vault
    with pytest.raises(Refused, match="purpose"):
        opened.open_field("PE-1", "name", actor=actor, purpose=purpose, screen="any")
    assert looks(engine) == []


def test_a_field_that_was_opened_is_on_record_for_good(vault):
    opened, engine = vault
    assert opened.open_field("PE-1", "name", actor="chen", purpose="case CS-1", screen="case") == NAME
    assert looks(engine) == [("chen", "case CS-1", "name")]
    assert audit.first_break(engine, tables.disclosure, COMMUNITY) is None


def test_a_look_that_cannot_be_written_down_does_not_happen(tmp_path):
    def full(_look: audit.Look) -> None:
        raise StoreError("sync.db: its disk is full; free space there and the service goes on by itself.")

    opened = Vault(tmp_path / "vault.db", os.urandom(32), full)
    opened.seal("PE-1", "name", NAME)
    with pytest.raises(StoreError, match="disk is full"):
        opened.open_field("PE-1", "name", actor="chen", purpose="case CS-1", screen="case")
    opened.close()


def test_the_vault_answers_for_one_field_of_one_person_and_for_no_more(vault):
    opened, _ = vault
    offered = {name for name, _ in inspect.getmembers(opened, inspect.ismethod) if not name.startswith("_")}
    # ``fingerprints`` says that a field has changed, ``persons`` and ``holders`` under which keys something stands; none
    # opens any.
    assert offered == {
        *(
            "seal",
            "seal_all",
            "seal_many",
            "persons",
            "holders",
            "forget_fields",
            "open_field",
            "holds",
            "differs",
            "fingerprints",
            "forget",
            "close",
        )
    }
    with pytest.raises(NotFound):
        opened.open_field("%", "name", actor="chen", purpose="all of them", screen="any")


def test_there_is_no_connector_through_which_guests_could_be_passed_on():
    """One kind writes to the guest and is handed nothing about them but their address; the other tells an authority who
    is registered where and until when, by lists that know nothing of what anybody does.
    """
    home = Path(cloud_sync.connectors.__file__).parent
    kinds = {path.name for path in home.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert kinds == {"calendar", "notify", "upstream"}  # a calendar is only read
    told = {field.name for field in fields(Notice)}
    assert told == {"id", "to", "subject", "text", "link", "language", "synthetic", "at_ms"}
    reported = {
        field.name
        for way in recipients().values()
        for wanted in way.shape.fields.values()
        for field in wanted
    }
    stay = {"listing", "room", "arrival", "departure", "headcount", "contract", "contract_date"}
    assert reported - set(FIELDS) == stay
    assert reported.isdisjoint({"guardian_contact", "draft", "notice"})


# --- document images and photographs ---------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["document_image", "photo", "face", "passport_scan"])
def test_an_import_with_a_picture_column_is_refused_whole(column, house):
    house.bring("listings", LISTING_CSV)
    with pytest.raises(Refused, match=column):
        house.bring("registrations", f"{REGISTRATION_HEAD},{column}\n{REGISTRATION_ROW},aGVsbG8=\n")


@pytest.mark.parametrize("field", ["document_image", "photo", "face_template"])
def test_the_vault_has_no_drawer_for_a_picture(field, vault):
    opened, _ = vault
    assert field not in FIELDS
    with pytest.raises(AssertionError, match=field):
        opened.seal("PE-1", field, "aGVsbG8=")


def test_the_service_has_no_column_for_a_picture():
    columns = {column.name for table in tables.metadata.sorted_tables for column in table.columns}
    assert "wall_ms" in columns
    # ``template_ref`` in a request to erase is the word for "all of this pass".
    pictures = ("image", "photo", "picture", "frame", "template", "embedding", "scan")
    assert {name for name in columns for word in pictures if word in name} == {"template_ref"}


@pytest.mark.story("42b")
def test_no_program_of_a_gate_can_write_a_picture():
    writers = {"imwrite", "imencode", "VideoWriter", "imwritemulti"}
    called = [
        (str(path.relative_to(ROOT)), ast.unparse(node.func).rpartition(".")[2])
        for package in ("edge", "models", "cloud_sync")
        for path in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in writers
    ]
    # Into memory, for staff who hold a button (docs/live-look.md); one call, and no other.
    assert called == [("edge/drivers/preview_jpeg.py", "imencode")]


def test_a_look_by_staff_is_off_by_default_and_no_key_of_it_keeps_anything():
    assert set(PreviewConfig.model_fields) == {"networks", "seconds", "fps"}
    assert PreviewConfig().networks == ()
    source = ast.parse((ROOT / "edge" / "drivers" / "preview_jpeg.py").read_text())
    calls = {ast.unparse(node.func) for node in ast.walk(source) if isinstance(node, ast.Call)}
    assert calls == {"cv2.resize", "cv2.imencode", "max", "round", "int", "data.tobytes"}


# --- a face database at the service --------------------------------------------------------------------------------


def test_the_service_has_no_key_and_no_cipher_for_an_envelope():
    openers = {"X25519PrivateKey", "X25519PublicKey", "HKDF"}
    assert openers <= names_in(Path(inspect.getfile(sealing)))  # so the look finds what it looks for
    users = [path for path in (ROOT / "cloud_sync").rglob("*.py") if openers & names_in(path)]
    assert users == []


def names_in(path: Path) -> set[str]:
    return {
        alias.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def test_a_service_that_puts_its_own_key_on_the_roster_is_sealed_nothing(tmp_path):
    own, house, false_house, false_node = Keys("n-a"), Keys("n-b"), Keys("n-b"), Keys("n-c")
    node = SealedNode(tmp_path, own)
    node.knows(own, house, ver=1)
    asyncio.run(node.desk.trust("n-b", house.peer().fingerprint, by="officer-2", reason="the house door"))
    asyncio.run(node.host.enrol_template("P-1", template().to_bytes()))
    node.knows(own, false_house, false_node, ver=2)
    asyncio.run(node.turn())
    assert node.said == []
    node.knows(own, house, false_node, ver=3)
    asyncio.run(node.turn())
    assert len(node.said) == 1
    node.close()
