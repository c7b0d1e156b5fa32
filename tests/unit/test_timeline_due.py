"""Noon is everybody's: however many rooms are handed on at one moment, each is found in the one look that can find it."""

import sqlalchemy as sa

from cloud_sync.store import tables
from cloud_sync.store.engine import reading
from cloud_sync.store.house import Act
from cloud_sync.store.timeline import STAYS_PER_ACT, _stays_of_due_passes
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
