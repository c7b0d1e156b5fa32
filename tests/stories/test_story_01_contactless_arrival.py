"""Story 1: registered by phone and known by face, somebody walks through gate, unit door and room, and is in house."""

import pytest
import sqlalchemy as sa

from cloud_sync.protocol.messages import PREREQ_FACE_CONSENT
from cloud_sync.store import tables
from cloud_sync.store.places import AccessPointSpec, PiaRecord
from edge.core.passes import LocationClass
from tests.fakes.community_house import CODE, DOOR, GATE, NOON_MS, ROOM, booking_row, listing_row, local, take
from tests.fakes.faces_at_a_door import mean_of, walk
from tests.fakes.guest_house import FORM
from tests.stories.doorway import THROUGH_NS, door_of, looked_at, tells

UNIT = "AP-dongfang-201"
PLACES = {GATE: LocationClass.GATE, UNIT: LocationClass.UNIT, DOOR: LocationClass.ROOM}
DAY_MS = 86_400_000


@pytest.fixture
def zhang(at_home):
    """Registered by the link, with a yes to face, at three doors that may know faces; the pass as the node holds it."""
    registry = at_home.registry
    registry.add_access_point("gate-1", AccessPointSpec(UNIT, "unit", "2单元", "Entrance 2"))
    pia = registry.record_pia(
        PiaRecord("doors", "short", "small", "sealed", "chen", NOON_MS + 300 * DAY_MS, synthetic=True)
    )
    for door in (UNIT, DOOR):
        registry.enable_face(door, pia, "chen")
    take(at_home.books, "listings", listing_row(max_guests=4, access_points=f"{GATE} {UNIT} {DOOR}"))
    take(
        at_home.books,
        "bookings",
        booking_row(
            "1001", headcount=1, external_revision=2, arrival=local(NOON_MS), room=ROOM, listing=CODE
        ),
    )
    at_home.read_notice()
    registry.register_self(at_home.token, FORM)
    registry.answer_face(at_home.token, None, agrees=True, text_version="face_access-1", language="zh")
    (row,) = at_home.rows()
    assert row.prereq & PREREQ_FACE_CONSENT
    return row


@pytest.mark.story("1a", "1b", "1c", "1e")
def test_three_doors_open_for_the_face_and_the_stay_is_in_house(at_home, zhang):
    faces = {zhang.pass_id: mean_of("ada"), "P-other": mean_of("bo")}
    doors = []
    for at, location in PLACES.items():
        lone = door_of(at_home.books, [zhang], at=at, location=location)
        looked_at(lone, faces, walk("ada", 0), walks_in=True)
        granted, taken = lone.facts[:2]
        assert (granted.type, granted.credential_kind, granted.pass_id) == (
            "access.granted",
            "face",
            zhang.pass_id,
        )
        assert (taken.type, len(lone.pulses)) == ("access.taken", 1)
        assert lone.at_ns - THROUGH_NS <= 2_000_000_000
        doors.append(lone)
    assert at_home.stay().state != "IN_HOUSE"
    numbers = tells(at_home.gate, *doors)
    assert numbers == list(range(1, len(numbers) + 1))
    with at_home.books.engine.connect() as db:
        stored = db.execute(sa.select(tables.event.c.seq).order_by(tables.event.c.seq)).scalars().all()
    assert stored == numbers
    at_home.time_goes()
    assert at_home.stay().state == "IN_HOUSE"


@pytest.mark.story("1a")
def test_somebody_else_s_face_opens_none_of_them(at_home, zhang):
    for at, location in PLACES.items():
        lone = door_of(at_home.books, [zhang], at=at, location=location)
        looked_at(lone, {zhang.pass_id: mean_of("ada")}, walk("eve", 0))
        assert lone.pulses == []
        assert {fact.reason for fact in lone.facts} == {"CredentialNotFound"}
