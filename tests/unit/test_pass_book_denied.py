"""What was taken away stays taken away: over a restart, over a slot that falls back, and after its row is gone."""

import sqlite3

import pytest

from cloud_sync.protocol import merkle
from edge.core.events import PassId
from edge.core.passes import Denial, PassSet, PassState
from edge.link.translate import decode_passes
from edge.store.ballast import Ballast
from edge.store.pass_book import DENIED_FOR_MS, PassBook
from tests.fakes.lone_gate import pass_row

ONE = PassId("PS-1")


@pytest.fixture
def book(tmp_path):
    held = opened(tmp_path)
    yield held
    held.close()


def opened(folder) -> PassBook:
    return PassBook(folder / "passes.db", decode=decode_passes, ballast=Ballast(folder / "reserve"))


def apply(book: PassBook, version: int, *rows, now_ms: int = 0) -> None:
    assert book.apply(version, merkle.root(version, rows), merkle.pack(rows), now_ms=now_ms)


@pytest.mark.parametrize("state", ["REVOKED", "EXIT_ONLY", "SUSPENDED", "EXPIRED"])
def test_a_denial_outlives_its_row_and_the_process(tmp_path, state):
    book = opened(tmp_path)
    apply(book, 1, pass_row())
    apply(book, 2, pass_row(state=state, pass_version=2))
    apply(book, 3)
    book.close()
    again = opened(tmp_path)
    assert again.denied == {ONE: Denial(2, PassState(state))}
    again.close()


def test_a_slot_that_falls_back_brings_no_right_back(tmp_path):
    book = opened(tmp_path)
    apply(book, 1, pass_row())
    apply(book, 2, pass_row(state="REVOKED", pass_version=2))
    book.close()
    with sqlite3.connect(tmp_path / "passes.db") as db:
        db.execute("update slot set rows = x'00ff' where auth_ver = 2")  # a torn page
    db.close()
    torn = opened(tmp_path)
    assert [row.state for row in torn.passes] == [PassState.ARMED]
    held = PassSet.build(torn.auth_ver, torn.passes, torn.denied).get(ONE)
    assert (held.state, held.pass_version) == (PassState.REVOKED, 1)
    torn.close()


def test_the_verified_set_itself_may_give_back(book):
    apply(book, 1, pass_row(state="SUSPENDED", pass_version=2))
    apply(book, 2, pass_row(pass_version=3))
    assert book.denied == {}


def test_a_pass_that_leads_here_no_more_is_remembered_as_left_and_may_come_back(book):
    apply(book, 1, pass_row(pass_version=4))
    apply(book, 2)
    assert book.denied == {ONE: Denial(4, None)}
    apply(book, 3, pass_row(pass_version=5))
    assert book.denied == {}


def test_a_denial_ends_when_no_text_and_no_node_can_be_that_old(book):
    apply(book, 1, pass_row(state="REVOKED"), now_ms=0)
    apply(book, 2, now_ms=1)
    apply(book, 3, pass_row("PS-2"), now_ms=DENIED_FOR_MS - 1)
    assert ONE in book.denied
    apply(book, 4, now_ms=DENIED_FOR_MS + 1)
    assert ONE not in book.denied
