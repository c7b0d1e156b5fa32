"""The sealed gallery: what is on the card opens with the node's key only, and erased means erased."""

import sqlite3

import pytest

from edge.errors import StoreError
from edge.store.gallery_store import GalleryStore

CANARY = b"template-bytes-of-somebody" * 4


@pytest.fixture
def store(tmp_path):
    opened = GalleryStore(tmp_path / "gallery.db", tmp_path / "gallery.key")
    yield opened
    opened.close()


def everything_on_disk(folder):
    return b"".join(path.read_bytes() for path in folder.iterdir())


def test_a_template_comes_back_as_it_went_in_and_is_never_in_clear_on_the_disk(store, tmp_path):
    store.put("p1", CANARY, not_after_ms=10)
    (kept,) = store.all()
    assert (kept.pass_id, kept.data, kept.not_after_ms) == ("p1", CANARY, 10)
    assert CANARY not in everything_on_disk(tmp_path)


def test_one_pass_has_one_template(store):
    store.put("p1", b"old", not_after_ms=10)
    store.put("p1", b"new", not_after_ms=20)
    assert [kept.data for kept in store.all()] == [b"new"]


def test_erasing_takes_the_row_and_the_key(store, tmp_path):
    store.put("p1", CANARY, not_after_ms=10)
    store.put("p2", b"stays", not_after_ms=10)
    with sqlite3.connect(tmp_path / "gallery.db") as peek:
        (sealed,) = peek.execute("select sealed from template where pass_id = 'p1'").fetchone()
    peek.close()
    old_key = (tmp_path / "gallery.key").read_bytes()
    assert store.erase({"p1"}) == 1
    assert [kept.pass_id for kept in store.all()] == ["p2"]
    assert (tmp_path / "gallery.key").read_bytes() != old_key
    assert sealed not in everything_on_disk(tmp_path)
    assert store.erase({"p1"}) == 0


def test_a_crash_between_the_new_key_and_the_rows_loses_nobody(tmp_path):
    first = GalleryStore(tmp_path / "gallery.db", tmp_path / "gallery.key")
    first.put("p1", CANARY, not_after_ms=10)
    first.close()
    (tmp_path / "gallery.next").write_bytes(b"k" * 32)  # written, then the power went before the rows changed
    again = GalleryStore(tmp_path / "gallery.db", tmp_path / "gallery.key")
    assert [kept.data for kept in again.all()] == [CANARY]
    again.close()


def test_a_crash_between_the_rows_and_the_renaming_loses_nobody(tmp_path):
    first = GalleryStore(tmp_path / "gallery.db", tmp_path / "gallery.key")
    first.put("p1", CANARY, not_after_ms=10)
    first.put("p2", CANARY, not_after_ms=10)
    old = (tmp_path / "gallery.key").read_bytes()
    first.erase({"p2"})
    first.close()
    (tmp_path / "gallery.key").replace(tmp_path / "gallery.next")
    (tmp_path / "gallery.key").write_bytes(old)
    again = GalleryStore(tmp_path / "gallery.db", tmp_path / "gallery.key")
    assert [kept.pass_id for kept in again.all()] == ["p1"]
    again.close()


@pytest.mark.parametrize("torn", [b"", b"half a key"])
def test_a_key_torn_by_a_power_cut_before_the_first_template_is_made_anew(tmp_path, torn):
    (tmp_path / "gallery.key").write_bytes(torn)
    made = GalleryStore(tmp_path / "gallery.db", tmp_path / "gallery.key")
    made.put("P-1", CANARY, not_after_ms=1)
    assert [one.data for one in made.all()] == [CANARY]
    made.close()


def test_a_next_key_torn_by_a_power_cut_is_not_taken_for_the_key(tmp_path):
    made = GalleryStore(tmp_path / "gallery.db", tmp_path / "gallery.key")
    (tmp_path / "gallery.next").write_bytes(b"half")
    made.close()
    again = GalleryStore(tmp_path / "gallery.db", tmp_path / "gallery.key")
    again.put("P-1", CANARY, not_after_ms=1)
    assert again.erase({"P-1"}) == 1
    again.close()


def test_templates_whose_key_is_gone_are_said_in_one_sentence(tmp_path):
    made = GalleryStore(tmp_path / "gallery.db", tmp_path / "gallery.key")
    made.put("P-1", CANARY, not_after_ms=1)
    made.close()
    (tmp_path / "gallery.key").write_bytes(b"")
    with pytest.raises(StoreError, match="not a key"):
        GalleryStore(tmp_path / "gallery.db", tmp_path / "gallery.key")


def test_a_foreign_key_is_said_in_one_sentence(store, tmp_path):
    store.put("p1", CANARY, not_after_ms=10)
    store.close()
    (tmp_path / "gallery.key").write_bytes(b"x" * 32)
    stranger = GalleryStore(tmp_path / "gallery.db", tmp_path / "gallery.key")
    with pytest.raises(StoreError, match="does not open with"):
        stranger.all()
    stranger.close()


def test_a_template_past_its_own_end_is_named(store):
    store.put("p1", b"a", not_after_ms=10)
    store.put("p2", b"b", not_after_ms=99)
    assert store.expired(50) == {"p1"}
