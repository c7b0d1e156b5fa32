"""What a revocation costs does not grow with what it does not concern: passes of a node, or nodes."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_sync.distribute.lines import LINES_PER_TICK, LineNews
from cloud_sync.distribute.node_set import NodeSet
from cloud_sync.ports import NewVersion
from cloud_sync.ports_delivery import SetLines
from cloud_sync.protocol import merkle
from cloud_sync.store import sink_nodes, tables
from cloud_sync.store.book_nodes import NodeLoader
from cloud_sync.store.book_stays import Places
from cloud_sync.store.engine import driver, open_database
from cloud_sync.store.house import Act
from cloud_sync.store.pass_lines import StoredPassLines
from cloud_sync.store.pass_sets import StoredPassSets
from tests.fakes.community_house import SteppedClock, new_house

CODE = "dongfang"
NODES = [f"n{number}" for number in range(40)]


class Counted:
    """How many statements, and how many transactions that write."""

    def __init__(self, engine: sa.Engine) -> None:
        self.statements = self.writing = 0
        sa.event.listen(engine, "before_cursor_execute", self._statement)

    def _statement(self, _connection, _cursor, statement: str, *_: object) -> None:
        self.statements += 1
        self.writing += statement == "BEGIN IMMEDIATE"

    def during(self, work) -> tuple[int, int]:
        self.statements = self.writing = 0
        work()
        return self.statements, self.writing


@pytest.fixture
def engine(tmp_path: Path):
    made = open_database(tmp_path / "community.db")
    yield made
    made.dispose()


@pytest.fixture
def books(tmp_path: Path):
    made = new_house(tmp_path, SteppedClock())
    yield made
    made.close()


def test_a_receipt_reads_only_what_its_node_has_not_proved_yet(engine: sa.Engine) -> None:
    db = driver(engine)
    try:
        asked = (1, CODE, "n1", 7, 7, "root", 7, "root")
        plan = db.execute(f"explain query plan {sink_nodes._PROVED}", asked).fetchall()
    finally:
        db.close()
    assert "pass_line_unproved" in plan[0][3]


def test_what_went_out_to_forty_nodes_is_written_in_one_transaction(engine: sa.Engine) -> None:
    lines = [SetLines(node, 2, "root", {"PS-1": 2, "PS-2": None}) for node in NODES]
    versions = [NewVersion(node, 2, "root") for node in NODES]
    counted = Counted(engine)
    _, told = counted.during(lambda: StoredPassLines(engine, CODE).note(lines, 5))
    _, saved = counted.during(lambda: StoredPassSets(engine, CODE).save(versions, 5))
    assert (told, saved) == (1, 1)
    with engine.connect() as db:
        rows = db.execute(sa.text("select node, pass_id, pass_version, told_ms, receipt_ms from pass_line"))
        assert sorted(map(tuple, rows)) == sorted((node, "PS-1", 2, 5, None) for node in NODES)
        assert db.execute(sa.select(sa.func.count()).select_from(tables.pass_set)).scalar() == len(NODES)


def test_a_version_that_is_older_than_what_is_stored_changes_nothing(engine: sa.Engine) -> None:
    sets = StoredPassSets(engine, CODE)
    sets.save([NewVersion("n1", 5, "newer")], 1)
    sets.save([NewVersion("n1", 4, "older")], 2)
    sets.save([], 3)
    with engine.connect() as db:
        found = db.execute(sa.select(tables.pass_set.c.auth_ver, tables.pass_set.c.root)).one()
    assert tuple(found) == (5, "newer")


def test_a_receipt_that_was_quicker_than_the_line_stands_in_the_line(engine: sa.Engine) -> None:
    StoredPassSets(engine, CODE).save([NewVersion("n1", 3, "root"), NewVersion("n2", 3, "root")], 1)
    with engine.begin() as db:
        proved = {"receipt_ver": 3, "receipt_root": "root", "receipt_ms": 9}
        db.execute(sa.update(tables.pass_set).where(tables.pass_set.c.node == "n1").values(**proved))
    StoredPassLines(engine, CODE).note(
        [SetLines(node, 3, "root", {"PS-1": 1}) for node in ("n1", "n2", "n3")], 10
    )
    with engine.connect() as db:
        rows = db.execute(sa.text("select node, receipt_ms from pass_line order by node"))
        assert list(map(tuple, rows)) == [("n1", 9), ("n2", None), ("n3", None)]


def test_reconciliation_asks_for_forty_nodes_what_it_asks_for_one(books) -> None:
    def look(nodes: list[str]) -> int:
        asked: list[str] = []
        with books.engine.begin() as db:
            db.connection.driver_connection.set_trace_callback(asked.append)
            act = Act(books.house, db, books.clock.now_ms(), "test", "test")
            assert [book.node for book in NodeLoader(act, Places(act)).nodes(nodes)] == nodes
            db.connection.driver_connection.set_trace_callback(None)
        return len(asked)

    StoredPassSets(books.engine, CODE).save([NewVersion(node, 1, "root") for node in NODES], 1)
    assert look(NODES) == look(NODES[:1]) > 3


rows = st.dictionaries(st.text("abc", min_size=1, max_size=3), st.binary(min_size=1, max_size=4), max_size=20)


@settings(deadline=None, max_examples=50)  # a busy machine is no fault of the tree
@given(rows, st.lists(st.tuples(rows, st.booleans()), max_size=6))
def test_a_tree_that_was_changed_is_the_tree_made_anew(start: dict[str, bytes], changes) -> None:
    held = {name: merkle.row_hash(raw) for name, raw in start.items()}
    tree = merkle.Tree(held)
    for told, looked in changes:
        to = {name: None if name in held else merkle.row_hash(raw) for name, raw in told.items()}
        if looked:
            tree.root(1)  # what was computed must not stay where it is wrong
        undo = tree.change(to)
        changed = {name: one for name, one in {**held, **to}.items() if one is not None}
        assert tree.root(1) == merkle.Tree(changed).root(1)
        tree.change(undo)
        assert tree.root(1) == merkle.Tree(held).root(1)
        tree.change(to)
        held = changed
    assert tree.count == len(held)
    assert tree.leaves() == merkle.Tree(held).leaves()


def test_whole_sets_of_many_nodes_are_written_a_few_a_tick_and_none_is_left_out() -> None:
    written: list[list[str]] = []

    class Lines:
        def note(self, lines, _now_ms: int) -> None:
            written.append([one.node for one in lines])

    news = LineNews(Lines())
    for node in NODES[:3]:
        held = NodeSet(node)
        ids = [f"PS-{number}" for number in range(LINES_PER_TICK)]
        news.loaded(held, ids, dict.fromkeys(ids, 1), anew=False)
    for _ in range(5):
        news.write(1)
    assert written == [["n0"], ["n1"], ["n2"]]
