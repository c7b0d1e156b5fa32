"""What Gatehouse refuses, tried: each section goes after one thing of docs/refused.md and is turned away."""

import asyncio
import dataclasses
import typing
from dataclasses import fields, is_dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import sqlalchemy as sa

import models.engine
from cloud_sync.errors import Refused
from cloud_sync.protocol import messages
from cloud_sync.store import tables
from cloud_sync.store.places import NEVER_WATCHED, AccessPointSpec, PiaRecord
from edge.config import NodeConfig, load
from edge.core.credentials import CodeAccepted, CodeMemory
from edge.core.decision import decide
from edge.core.decision_types import (
    Allow,
    Attempt,
    Deny,
    DoorView,
    FaceEvidence,
    Liveness,
    Matcher,
    Moment,
    Policy,
)
from edge.core.door import step
from edge.core.door_events import CameraChanged, RexPressed
from edge.core.door_profile import DoorProfile
from edge.core.door_types import Camera, Contact, DoorState, Mode, Output, output
from edge.core.events import (
    AccessPointId,
    ClockState,
    CredentialKind,
    GrantId,
    PadFact,
    PassId,
    SubjectRef,
)
from edge.core.evidence import Look, Verdict
from edge.core.face_mode import FaceMode
from edge.core.passes import (
    EARLY_MS,
    ENTRY_PREREQS,
    HOUR_MS,
    LocationClass,
    Pass,
    PassSet,
    PassState,
    Prereq,
    SubjectClass,
)
from edge.core.reasons import GUEST_TEXT, Reason
from edge.errors import ConfigError
from edge.gateio.board import Board, DoorRules
from edge.ports import Cmd, Point
from edge.runtime.lookalikes import LookAlikes
from edge.runtime.two_step import open_desk
from models.engine import Quality
from models.gallery import Gallery
from models.manifest import parse_manifest
from models.template import Template
from tests.fakes.faces_at_a_door import INFO, mean_of
from tests.fakes.lone_gate import LoneGate, pass_row
from tests.fakes.web_house import GATE, WebHouse

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

NODE_TOML = """
node = "gate-1"
data_dir = "data"
join_file = "join.json"
io_profile = "io.toml"

[[cameras]]
name = "front"
driver = "v4l2"

[[doors]]
access_point = "AP-gate"
kind = "gate"
camera = "front"
"""
LAWFUL = 'mode = "one_to_n"\npia_record = "PIA-1"\nsignage_attested_by = "chen"\n'

REGISTRATION_HEAD = "source,external_ref,name,document_type,document_number,birth_date,proofing"
NAME, NUMBER = "Wanda Canary", "XC7654321"
REGISTRATION_ROW = f"tujia,B-1,{NAME},passport,{NUMBER},1990-01-31,2"


def configured(folder: Path, more: str) -> NodeConfig:
    path = folder / "node.toml"
    path.write_text(NODE_TOML + more)
    return load(path)


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


# --- face as the only key --------------------------------------------------------------------------------------


@pytest.mark.parametrize("lacking", ["pia_record", "signage_attested_by"])
def test_a_node_switches_no_face_on_without_an_assessment_and_a_sign(lacking, tmp_path):
    lines = [line for line in LAWFUL.splitlines() if not line.startswith(lacking)]
    with pytest.raises(ConfigError, match="face cannot be switched on"):
        configured(tmp_path, "[doors.face]\n" + "\n".join(lines) + "\n")


def test_a_node_with_both_on_record_may_look_at_faces(tmp_path):
    (door,) = configured(tmp_path, "[doors.face]\n" + LAWFUL).doors
    assert door.face.mode == "one_to_n"


@pytest.mark.parametrize(
    "wish",
    ["codes = false\n", "qr = false\n", "[doors.face]\nonly = true\n", '[doors.face]\nmode = "only"\n'],
)
def test_no_key_of_a_door_takes_the_code_away(wish, tmp_path):
    with pytest.raises(ConfigError):
        configured(tmp_path, wish)


def test_the_service_switches_no_face_on_without_an_assessment_and_a_sign(house):
    registry, later = house.registry, house.clock.now + HOUR_MS
    pia = registry.record_pia(PiaRecord("door", "least means", "low", "erase", "chen", later, synthetic=True))
    with pytest.raises(Refused, match="impact assessment"):
        registry.enable_face(GATE, "PIA-none", "chen")
    with pytest.raises(Refused, match="sign"):
        registry.enable_face(GATE, pia, " ")
    house.clock.now = later
    with pytest.raises(Refused, match="review"):
        registry.enable_face(GATE, pia, "chen")


@pytest.mark.story("2a")
def test_a_guest_who_refuses_face_comes_in_by_code_at_the_same_door_and_hour():
    refuser = replace(GUEST, prereq=ENTRY_PREREQS)
    assert decide(replace(BY_CODE, holder=refuser), VIEW, MOMENT, POLICY) == Allow(refuser)
    by_face = decide(replace(BY_FACE, holder=refuser), VIEW, MOMENT, POLICY)
    assert (by_face.reason, type(by_face)) == (Reason.NOT_ENABLED, Deny)


@pytest.mark.parametrize("mode", list(FaceMode))
@pytest.mark.parametrize("prereq", [7, 15])
def test_in_no_mode_of_a_door_is_face_a_guests_duty(mode, prereq):
    """Whoever has no face here, by refusal or by taking it back, types a PIN and is in."""
    gate = LoneGate([pass_row(pin="482913", prereq=prereq)])
    gate.gate.face_mode = mode
    if mode is not FaceMode.OFF:
        gate.gate.desk = open_desk(mode, INFO, fpir_wanted=0.001)
        gate.gate.desk.put_gallery([("PS-other", mean_of("other"))], version=1, k=3)

    async def comes() -> None:
        await gate.boot()
        await gate.gate.on_event(CameraChanged(Camera.OK))
        gate.shown.clear()  # what stands there while nobody does
        await gate.gate.on_pin("482913")

    asyncio.run(comes())
    assert gate.kinds[-1] == "access.granted"
    assert gate.shown == ["welcome"]


def test_nobody_is_compared_with_other_guests_without_agreeing_to_just_that():
    both = {"PS-1": GUEST, "PS-2": replace(GUEST, pass_id=PassId("PS-2"))}
    assert Prereq.FACE_CONSENT in GUEST.prereq
    passes = PassSet.build(1, both.values())
    face = Template.of_parts(
        INFO, [mean_of("ada")], [Quality(0.95, 60, 120, 150, 0, 0, 1)], made_ms=0, not_after_ms=1
    )
    found = LookAlikes(NoPairs())
    assert found.recheck(dict.fromkeys(both, face), passes, INFO) == 0
    assert found.twins_of("PS-1") == frozenset()


class NoPairs:
    def pairs(self):
        return []

    def keep_pairs(self, pairs):
        raise AssertionError(f"{pairs} were kept")


def test_withdrawing_face_costs_the_template_and_not_the_code(registered):
    house, token = registered
    key = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    house.registry.bind_code_key(token, None, key)
    house.registry.give_consent(token, "face_access", "face_access-1", "zh", "guest-link")
    (before,) = house.registry.rows_for("gate-1")
    assert before.prereq & messages.PREREQ_FACE_CONSENT
    house.registry.withdraw_consent(token, "face_access")
    (after,) = house.registry.rows_for("gate-1")
    assert not after.prereq & messages.PREREQ_FACE_CONSENT
    assert after.creds == before.creds
    assert [cred.kind for cred in after.creds] == ["qr"]
    with house.engine.connect() as db:
        asked = set(db.execute(sa.select(tables.erasure.c.node)).scalars())
    assert asked == {"gate-1", "building-7"}


@pytest.mark.parametrize(
    "purpose", ["registration+face_access", "face_access+face_lookalike", "everything", "face_upload"]
)
def test_no_consent_is_bundled_or_made_up(purpose, registered):
    house, token = registered
    with pytest.raises(Refused, match="not a purpose"):
        house.registry.give_consent(token, purpose, "face_access-1", "zh", "guest-link")


# --- cameras inside rooms --------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["inside_guest_room", "bathroom", "changing_room", "toilet"])
def test_no_door_lies_where_nobody_may_be_watched(place, house):
    spec = AccessPointSpec("AP-x", "room", "房间", "Room", place)
    assert place in NEVER_WATCHED
    with pytest.raises(Refused, match=place):
        house.registry.add_access_point("building-7", spec)
    assert all(door["access_point"] != "AP-x" for door in house.registry.doors_of("building-7"))


@pytest.mark.parametrize("kind", ["inside_guest_room", "bedroom", "bathroom"])
def test_a_node_knows_no_kind_of_door_inside_a_dwelling(kind, tmp_path):
    path = tmp_path / "node.toml"
    path.write_text(NODE_TOML.replace('kind = "gate"', f'kind = "{kind}"'))
    with pytest.raises(ConfigError, match="kind"):
        load(path)


# --- credit scores and conduct ---------------------------------------------------------------------------------

CONDUCT = {"points", "credit", "band", "sanction", "rating", "reputation", "conduct", "behaviour", "employer"}


def inputs_of(kind: type, seen: set[type]) -> set[str]:
    """Every field name a decision can reach from this type."""
    if kind in seen or not is_dataclass(kind):
        return set()
    seen.add(kind)
    hints = typing.get_type_hints(kind)
    names = {field.name for field in fields(kind)}
    for hint in hints.values():
        for part in (hint, *typing.get_args(hint)):
            names |= inputs_of(part, seen) if isinstance(part, type) else set()
    return names


def test_a_decision_cannot_see_points_bands_or_sanctions():
    seen: set[type] = set()
    reachable = set().union(*(inputs_of(kind, seen) for kind in (Attempt, DoorView, Moment, Policy)))
    assert {"holder", "prereq", "not_after_ms", "look"} <= reachable
    assert {name for name in reachable for word in CONDUCT if word in name} == set()
    assert {"score", "score_raw"}.isdisjoint(reachable)


@pytest.mark.parametrize("word", sorted(CONDUCT))
def test_a_pass_has_no_place_for_conduct(word):
    with pytest.raises(TypeError, match=word):
        dataclasses.replace(GUEST, **{word: 3})
    with pytest.raises(TypeError, match=word):
        replace(BY_CODE, **{word: 3})


def test_the_service_has_no_column_for_conduct():
    """Of a person, a stay or a pass: points and sanctions are of listings, in tables of their own that name nobody else."""
    of_listings = {"band_table", "conduct_rule", "deposit_entry", "points_entry", "sanction"}
    others = [table for table in tables.metadata.sorted_tables if table.name not in of_listings]
    columns = {column.name for table in others for column in table.columns}
    assert "access_points" in columns  # doors, the only points there are
    assert {name for name in columns - {"access_points"} for word in CONDUCT if word in name} == set()
    held = {column.name for name in of_listings for column in tables.metadata.tables[name].columns}
    assert held & {"person", "stay", "pass_id", "booking", "registration", "subject_ref"} == set()


def test_points_smuggled_behind_a_pass_row_are_dropped_at_the_gate():
    row = messages.PassRow("PS-1", 1, "SJ-1", "guest", "ARMED", [DOOR], "", 0, 1, 7, 1, [])
    smuggled = msgspec.msgpack.encode([*msgspec.to_builtins(row), {"points": -3}])
    assert msgspec.msgpack.decode(smuggled, type=messages.PassRow) == row


# --- emotion, age, ethnicity -----------------------------------------------------------------------------------

SOFT = ("emotion", "mood", "age", "gender", "sex", "ethnic", "race", "expression", "beauty", "attention")


@pytest.mark.parametrize("role", ["emotion", "age", "ethnicity", "gender", "attributes"])
def test_no_model_of_feelings_or_origins_can_be_listed(role):
    manifest = (ROOT / "models/manifest.toml").read_text()
    with pytest.raises(models.engine.EngineError, match="role"):
        parse_manifest(manifest.replace('role = "embedder"', f'role = "{role}"'))


def test_what_an_engine_says_of_a_face_is_where_it_is_and_how_sharp():
    kinds = (models.engine.Face, models.engine.Quality, models.engine.EngineInfo, Template)
    names = {field.name for kind in kinds for field in fields(kind)}
    assert {"landmarks", "sharpness", "dim", "mean"} <= names
    words = {word for name in names for word in name.split("_")}
    assert words.isdisjoint(SOFT)


def test_an_engine_offers_nothing_that_judges_a_person():
    offered = {name for name in vars(models.engine.FaceEngine) if not name.startswith("_")}
    assert offered == {"info", "detect", "align", "embed", "quality", "similarity", "warm_up", "close"}


# --- a watch-list ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"state": PassState.REVOKED},
        {"state": PassState.SUSPENDED},
        {"state": PassState.EXPIRED},
        {"prereq": ENTRY_PREREQS},
        {"not_after_ms": NOW - 1},
        {"scope": frozenset({AccessPointId("AP-elsewhere")})},
    ],
    ids=lambda change: next(iter(change)),
)
def test_nobody_is_looked_for_who_may_not_come_in(change):
    early = EARLY_MS[LocationClass.GATE]
    welcome = PassSet.build(1, [GUEST])
    unwelcome = PassSet.build(1, [replace(GUEST, **change)])
    assert welcome.gallery_passes(DOOR, MOMENT.span, early) == (GUEST,)
    assert unwelcome.gallery_passes(DOOR, MOMENT.span, early) == ()


def test_a_gallery_answers_with_a_pass_and_with_nothing_else():
    me = np.zeros(8, dtype=np.float32)
    me[0] = 1
    gallery = Gallery.build([("PS-1", me)], version=1, similarity=lambda cosine: cosine)
    assert gallery.match(me).best == "PS-1"
    assert {name for name in dir(gallery) if not name.startswith("_")} == {
        "build",
        "match",
        "pass_ids",
        "version",
    }
    with pytest.raises(AttributeError):
        gallery.note = "known thief"


# --- locked out silently, or locked in -------------------------------------------------------------------------

RULES = DoorRules(
    release_energises=True,
    min_pulse_ms=50,
    max_pulse_ms=65_000,
    rex_unlocks=True,
    t_rex_ms=3_000,
    fire_group=None,
)


@pytest.mark.story("17d")
def test_the_way_out_opens_with_no_node_and_after_a_lock_command():
    board = Board({DOOR: RULES}, frozenset())
    board.beat(0)
    board.lock(DOOR, Cmd("c1", 1_000, "lockdown"), 1)
    board.sense(DOOR, Point.REX, True, 2, 2)
    assert board.released(DOOR, 3)
    board.lock(DOOR, Cmd("c2", 1_000, "lockdown"), 4)
    assert board.released(DOOR, 5)


@pytest.mark.story("17d")
@pytest.mark.parametrize("mode", list(Mode))
def test_the_way_out_opens_in_every_mode(mode):
    profile = DoorProfile(access_point=DOOR, rex_unlocks=True)
    inside = DoorState(mode=mode, contact=Contact.CLOSED)
    after = step(inside, RexPressed(GrantId("G-1")), profile, 1).state
    assert output(after, profile) is Output.RELEASED
    assert after.mode is mode


def test_nobody_can_be_asked_for_a_credential_to_leave():
    with pytest.raises(AssertionError, match="never decided"):
        replace(BY_CODE, kind=CredentialKind.REX)


def test_whoever_is_turned_away_is_told_what_to_do_next():
    assert set(GUEST_TEXT) == set(Reason) - {Reason.GRANTED}
    suspended = replace(BY_CODE, holder=replace(GUEST, state=PassState.SUSPENDED))
    refusal = decide(suspended, VIEW, MOMENT, POLICY)
    assert isinstance(refusal, Deny)
    assert refusal.advice.text == "see_guard"


def test_a_suspension_leaves_its_maker_in_the_audit(registered):
    house, _ = registered
    (line,) = house.registry.passes()
    house.registry.suspend_pass(line.pass_id, actor="chen")
    row = tables.audit.c
    with house.engine.connect() as db:
        deeds = list(
            db.execute(sa.select(row.actor, row.action, row.after).where(row.object == line.pass_id))
        )
    assert ("chen", "SUSPENDED") in {(deed.actor, deed.after) for deed in deeds}
