"""Statements built once: the same answer each time, with an empty key, and with a name that no column has."""

from pathlib import Path

import pytest

from cloud_sync.store import built, tables
from cloud_sync.store.house import acting
from tests.fakes.community_house import new_house


def test_a_column_of_the_key_may_be_changed(tmp_path: Path) -> None:
    with acting(new_house(tmp_path).house, "t", "intake") as act:
        act.insert(tables.person, person="PE-1", minor=0)
        act.update(tables.person, {"person": "PE-1"}, person="PE-2", minor=1)
        assert act.row(tables.person, person="PE-1") is None
        (held,) = act.rows(tables.person, minor=1)
        assert held.person == "PE-2"


def test_an_empty_key_finds_what_is_empty(tmp_path: Path) -> None:
    with acting(new_house(tmp_path).house, "t", "intake") as act:
        act.insert(tables.person, person="PE-1", minor=0, birth_year=1990)
        act.insert(tables.person, person="PE-2", minor=0)
        whose: dict[str, object] = {"community": act.house.community, "birth_year": None}
        assert [row.person for row in built.select(act.connection, tables.person, whose)] == ["PE-2"]
        whose["birth_year"] = 1990
        assert [row.person for row in built.select(act.connection, tables.person, whose)] == ["PE-1"]
        assert built.update(act.connection, tables.person, {"birth_year": None}, {"minor": 1}) == 1


def test_a_name_that_no_column_has_is_refused(tmp_path: Path) -> None:
    with acting(new_house(tmp_path).house, "t", "intake") as act:
        with pytest.raises(AssertionError, match="has no column shoe_size"):
            act.insert(tables.person, person="PE-1", minor=0, shoe_size=44)
        with pytest.raises(AssertionError, match="has no column shoe_size"):
            act.update(tables.person, {"person": "PE-1"}, shoe_size=44)
        with pytest.raises(KeyError):
            act.rows(tables.person, shoe_size=44)


def test_a_row_that_is_not_there_cannot_be_changed(tmp_path: Path) -> None:
    with (
        acting(new_house(tmp_path).house, "t", "intake") as act,
        pytest.raises(AssertionError, match="has no row"),
    ):
        act.update(tables.person, {"person": "PE-1"}, minor=1)
