"""Story 38: one person stays in two communities; neither finds, shows or hands out anything of the other."""

import json

import pytest
import sqlalchemy as sa

from cloud_sync.store import tables
from tests.fakes.community_house import booking_row, take
from tests.fakes.guest_house import FORM, GuestHouse


def registered(folder, ref: str) -> GuestHouse:
    folder.mkdir()
    house = GuestHouse(folder)
    take(house.books, "bookings", booking_row(ref, headcount=1))
    house.token = house.registry.guest_link("xc", ref)
    house.read_notice()
    assert house.registry.register_self(house.token, FORM).verified
    return house


def hashes(house: GuestHouse) -> set[str]:
    with house.books.engine.connect() as db:
        found = db.execute(sa.select(tables.person.c.doc_hash)).scalars()
        return {str(one) for one in found if one is not None}


@pytest.mark.story("38a", "38b")
def test_the_same_document_is_another_number_in_each_and_a_copy_has_its_own_rows_only(tmp_path):
    a, b = registered(tmp_path / "a", "A-7001"), registered(tmp_path / "b", "B-9002")
    try:
        assert len(hashes(a)) == len(hashes(b)) == 1
        assert hashes(a).isdisjoint(hashes(b))
        copy = json.dumps(b.registry.own_data(b.token, None, FORM["document_number"][-4:]), default=str)
        assert "B-9002" in copy
        assert "A-7001" not in copy
        assert not hashes(a) & {word.strip('"') for word in copy.split()}
        (one,) = hashes(a)
        assert one not in copy
    finally:
        a.close()
        b.close()
