"""Invariant 14: nobody is filmed where they sleep, wash or change, by whatever way a door is added or renamed."""

import random

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_sync.errors import NotFound, Refused
from cloud_sync.store import places
from cloud_sync.store.places import AccessPointSpec, NodeJoin
from tests.fakes.community_house import new_house, public_key

PRIVATE = ("inside_guest_room", "bathroom", "changing_room", "toilet")
SPELLED = (
    *PRIVATE,
    "Bathroom",
    "TOILET",
    "toilet ",
    "inside-guest-room",
    "bath room",
    "浴室",
    "wc",
    "changing_room\n",
)
WORDS = st.sampled_from(("", "entrance", "stairwell", "corridor", "garage", *SPELLED)) | st.text(max_size=8)
DOORS = st.lists(
    st.tuples(
        st.sampled_from(("join", "add")),
        st.integers(1, 4),
        st.sampled_from(("gate", "unit", "room", "garage")),
        WORDS,
    ),
    min_size=1,
    max_size=12,
)
PUBLIC = {"entrance", "stairwell", "corridor", "garage"}


def add(books, way: str, n: int, kind: str, place: str) -> None:
    spec = AccessPointSpec(f"AP-{n}", kind, "门", "Door", place)
    if way == "join":
        books.registry.add_node(NodeJoin("gate-1", "South", public_key(), (spec,)))
    else:
        books.registry.add_access_point("gate-1", spec)


def watched(books) -> set[str]:
    with books.engine.connect() as db:
        return {str(row[0]) for row in db.execute(sa.text("select location_class from access_point"))}


def play(books, doors) -> int:
    refused = 0
    for door in doors:
        try:
            add(books, *door)
        except (Refused, NotFound):
            refused += 1
        assert watched(books) <= PUBLIC, door
    return refused


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """One community for all examples: what one of them left is where the next begins."""
    books = new_house(tmp_path_factory.mktemp("places"))
    yield books
    books.close()


@settings(max_examples=25, deadline=None, derandomize=True)
@given(doors=DOORS)
def test_invariant_14_no_door_on_record_looks_into_a_private_place(home, doors):
    """Only the four places of §4 are ever on record, however a private one is spelled."""
    play(home, doors)


@pytest.mark.parametrize("place", SPELLED)
@pytest.mark.parametrize("way", ["join", "add"])
def test_invariant_14_a_private_place_is_refused_with_a_sentence(tmp_path, place, way):
    books = new_house(tmp_path)
    with pytest.raises(Refused) as refused:
        add(books, way, random.Random(place).randrange(1, 5), "room", place)
    assert str(refused.value).endswith(".")
    assert watched(books) <= PUBLIC
    books.close()


def test_invariant_14_catches_a_list_of_places_that_was_forgotten(tmp_path, monkeypatch):
    books = new_house(tmp_path)
    monkeypatch.setattr(places, "NEVER_WATCHED", frozenset())
    monkeypatch.setattr(places, "PLACES", frozenset(PRIVATE))
    with pytest.raises(AssertionError):
        play(books, [("add", 1, "room", "bathroom")])
    books.close()
