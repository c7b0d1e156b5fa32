"""Noon is everybody's: however many rooms are handed on at one moment, each is found in the one look that can find it."""

import sqlalchemy as sa

from cloud_sync.store import tables
from cloud_sync.store.engine import reading
from cloud_sync.store.house import Act, acting
from cloud_sync.store.timeline import STAYS_PER_ACT, _automatic_checkouts, _stays_of_due_passes
from tests.fakes.community_house import new_house

MANY = STAYS_PER_ACT + 50


def test_more_rooms_than_one_transaction_takes_are_handed_on_at_one_moment(tmp_path, database):
    books = new_house(tmp_path, database=database)
    noon = books.clock.now_ms()
    mine = {"community": books.house.community}
    stays = [
        {
            **mine, "stay": f"ST-{n:05}", "booking": f"BK-{n}", "listing": "L", "room": f"R-{n}", "planned_in_ms": noon - 9,
            "planned_out_ms": noon, "state": "IN_HOUSE", "guest_token_hash": "",
        }
        for n in range(MANY)
    ]  # fmt: skip
    passes = [
        {
            **mine, "pass_id": f"PS-{n:05}", "subject_ref": f"SJ-{n}", "class": "guest", "stay": f"ST-{n:05}",
            "person": f"PE-{n}", "scope": "[]", "not_before_ms": noon - 9, "not_after_ms": noon + 9, "state": "ACTIVE",
            "version": 1, "wire": b"",
        }
        for n in range(MANY)
    ]  # fmt: skip
    with books.house.engine.begin() as db:
        db.execute(sa.insert(tables.stay), stays)
        db.execute(sa.insert(tables.pass_), passes)
    with reading(books.house.engine).begin() as db:
        act = Act(books.house, db, noon, "t", "test")
        assert _stays_of_due_passes(act, noon - 1) == [one["stay"] for one in stays]
        assert _stays_of_due_passes(act, noon) == []
    books.close()


def test_who_waits_for_a_door_that_is_cut_off_hides_nobody(tmp_path, database):
    books = new_house(tmp_path, database=database)
    now, mine = books.clock.now_ms(), {"community": books.house.community}
    over_ms = now - books.house.profile.grace_ms - 60_000
    # As many as one transaction takes live behind a gate that has told nothing since; one who left later does not.
    homes = [("cut-off", over_ms - 1)] * MANY + [("there", over_ms)]
    doors = [
        {**mine, "access_point": node, "node": node, "kind": "gate", "name_zh": "", "name_en": ""}
        for node in ("cut-off", "there")
    ]
    told = [
        {**mine, "node": node, "drained_through_ms": ms, "clock_state": "TRUSTED", "clock_bound_ms": 0}
        for node, ms in (("cut-off", 0), ("there", now))
    ]
    rooms = [
        {**mine, "room": f"R-{n}", "listing": "L", "access_points": f'["{node}"]'}
        for n, (node, _) in enumerate(homes)
    ]
    stays = [
        {
            **mine, "stay": f"ST-{n:05}", "booking": f"BK-{n}", "listing": "L", "room": f"R-{n}", "planned_in_ms": 9,
            "planned_out_ms": end_ms, "state": "DUE_OUT", "guest_token_hash": "",
        }
        for n, (_, end_ms) in enumerate(homes)
    ]  # fmt: skip
    passes = [
        {
            **mine, "pass_id": f"PS-{n:05}", "subject_ref": f"SJ-{n}", "class": "guest", "stay": f"ST-{n:05}",
            "person": f"PE-{n}", "scope": "[]", "not_before_ms": 9, "not_after_ms": now, "state": "ACTIVE",
            "version": 1, "wire": b"",
        }
        for n in range(len(homes))
    ]  # fmt: skip
    booked = [{**mine, "booking": f"BK-{MANY}", "listing": "L", "room": f"R-{MANY}", "state": "CONFIRMED"}]
    listed = [{**mine, "listing": "L", "state": "ACTIVE", "unit": "U"}]
    left = [{**mine, "pass_id": one["pass_id"], "state": "out", "as_of_ms": over_ms} for one in passes]
    with books.house.engine.begin() as db:
        for table, rows in (
            (tables.access_point, doors), (tables.node_state, told), (tables.room, rooms), (tables.stay, stays),
            (tables.booking, booked), (tables.listing, listed),
            (tables.pass_, passes), (tables.presence, left),
        ):  # fmt: skip
            db.execute(sa.insert(table), [_whole(table, row) for row in rows])
    with acting(books.house, "t", "test") as act:
        assert _automatic_checkouts(act) == 1
        assert act.row(tables.stay, stay=f"ST-{MANY:05}").state == "CHECKED_OUT"
    books.close()


def _whole(table, row):
    """With something in every column that has to hold something."""
    must = {
        one.name: 0
        if isinstance(one.type, sa.Integer)
        else b""
        if isinstance(one.type, sa.LargeBinary)
        else ""
        for one in table.columns
        if not one.nullable and one.default is None
    }
    return must | row
