"""Rules propose, people decide: what reconciliation asks about a listing reaches those who confirm it, once."""

import json

import pytest
import sqlalchemy as sa

from cloud_sync.core.reconcile import Key
from cloud_sync.store.discrepancy_rows import raise_now
from cloud_sync.store.house import acting
from cloud_sync.store.proposing import propose_all
from cloud_sync.store.tables_model import points_entry, sanction
from tests.fakes.listing_house import OFFICER, ListingHouse


@pytest.fixture
def house(tmp_path):
    made = ListingHouse(tmp_path)
    yield made
    made.close()


def found(house: ListingHouse, kind: str, subject: str) -> None:
    with acting(house.books.house, "reconcile", "system") as act:
        raise_now(act, Key(kind, subject, 0), "S2", ("EV-1",))


def rows(house: ListingHouse, table: sa.Table) -> list[sa.Row]:
    with house.books.engine.connect() as db:
        return list(db.execute(sa.select(table)))


@pytest.mark.story("44c")
def test_a_discrepancy_of_a_listing_proposes_points_once_and_takes_none(house):
    code = house.coded()
    found(house, "D06", code)
    assert propose_all(house.books.house) == 1
    assert propose_all(house.books.house) == 0
    (made,) = rows(house, points_entry)
    assert (made.listing, made.rule, made.state, made.proposed_by) == (code, "C04", "PROPOSED", "rule C04")
    assert json.loads(made.evidence)[0].startswith("DC-")
    assert house.state(code) == "ACTIVE"
    house.desk.decide_points(made.id, "confirm", "counted on two evenings", OFFICER)
    assert rows(house, points_entry)[0].state == "EFFECTIVE"


def test_a_listing_used_while_suspended_proposes_a_step_of_the_ladder_and_changes_nothing(house):
    code = house.coded()
    found(house, "D08", code)
    propose_all(house.books.house)
    (made,) = rows(house, sanction)
    assert (made.listing, made.rule, made.tier, made.state) == (code, "C09", 4, "PROPOSED")
    assert house.state(code) == "ACTIVE"


def test_what_is_no_listings_waits_for_a_person(house):
    found(house, "D07", "1-301")
    found(house, "D06", "ST-nobody")
    assert propose_all(house.books.house) == 0
    assert rows(house, points_entry) == []
