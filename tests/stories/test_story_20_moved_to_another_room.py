"""Story 20: a pipe burst; the stay goes to another room, the way in follows, and the old door is no more."""

import pytest

from tests.stories.story import DOOR, DOOR_2, GATE, ROOM_2, visiting


@pytest.fixture
def client(community):
    with visiting(community.app()) as made:
        yield made


@pytest.mark.story("20a")
def test_the_way_in_follows_and_the_old_room_is_taken_away(community):
    community.registers()
    (before,) = community.rows()
    community.comes_in(before)
    assert before.scope == sorted([GATE, DOOR])
    assert community.registry.move_room("xc", "1001", ROOM_2, actor="op", reason="pipe burst") == "IN_HOUSE"
    (after,) = community.rows()
    assert (after.pass_id, after.scope) == (before.pass_id, sorted([GATE, DOOR_2]))
    with community.books.engine.connect() as db:
        from cloud_sync.store import tables

        noted = set(db.execute(tables.audit.select().with_only_columns(tables.audit.c.action)).scalars())
    assert {"booking.move", "pass.narrow"} <= noted


def test_a_platform_moves_it_by_a_newer_revision_and_an_older_one_moves_nothing(community, client):
    community.registers()
    key = {"authorization": f"Bearer {community.desk.make_key('platform', 'bookings', 'xc', actor='t')}"}
    held = client.get("/api/v1/bookings/1001", headers=key).json()
    assert (held["revision"], held["registered"]) == (1, 1)
    moved = {
        "revision": 3, "listing": held["listing"], "room": ROOM_2,
        "arrival": community.at(-1), "departure": community.at(20),
    }  # fmt: skip
    assert client.put("/api/v1/bookings/1001", json=moved, headers=key).json()["status"] == "updated"
    late = {**moved, "revision": 2, "room": held["room"]}
    answer = client.put("/api/v1/bookings/1001", json=late, headers=key).json()
    assert (answer["status"], "kept as history" in answer["said"]) == ("unchanged", True)
    assert community.rows()[0].scope == sorted([GATE, DOOR_2])
    tellings = client.get("/api/v1/bookings/1001", headers=key).json()["tellings"]
    assert [(one["revision"], one["effect"]) for one in tellings] == [
        (3, "applied"),
        (2, "history"),
        (1, "applied"),
    ]


def test_another_source_sees_and_changes_nothing(community, client):
    key = {"authorization": f"Bearer {community.desk.make_key('other', 'bookings', 'yc', actor='t')}"}
    assert client.get("/api/v1/bookings/1001", headers=key).status_code == 404
