"""Invariants of what travels: events once and without a hole, revocations in time, receipts or a case."""

import itertools
import random

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud_sync.store import tables
from cloud_sync.store.engine import open_database
from cloud_sync.store.sink import SinkStore
from tests.fakes.community_house import booking_row, take
from tests.fakes.delivery_house import NODE, DeliveryHouse
from tests.fakes.passes_down import T0_MS as OFFICE_T0_MS
from tests.fakes.passes_down import Node, Office, passes
from tests.fakes.wire_ledger import T0_MS, WireLedger, body, device_public, told

# A disk that waits for each commit; a busy machine makes it longer.
pytestmark = pytest.mark.timeout(600)

FOLDERS = itertools.count()
own_folder = settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

# --- 5 ----------------------------------------------------------------------------------------------------------------

# How a ledger travels: batches of any of its rows, in any order, again and again.
TRAVEL = st.lists(st.lists(st.integers(1, 30), min_size=1, max_size=8), max_size=14)


class Sink:
    """The real store of events on a database of its own, with one node."""

    def __init__(self, database: str) -> None:
        self.engine = open_database(database)
        self.store = SinkStore(self.engine, "dongfang")
        with self.engine.begin() as db:
            words = {"node": "n1", "name": "n1", "device_public_key": device_public("n1"), "registered_ms": 1}
            db.execute(tables.node.insert().values(community="dongfang", **words))

    def hear(self, message: object) -> None:
        self.store.store([told(message)], T0_MS + 1_000)

    def events(self) -> list[tuple[int, str]]:
        with self.engine.connect() as db:
            return [tuple(row) for row in db.execute(sa.text("select seq, h from event order by seq"))]

    def holes(self) -> int:
        with self.engine.connect() as db:
            return int(db.execute(sa.text("select count(*) from gap")).scalar_one())

    def close(self) -> None:
        self.store.close()
        self.engine.dispose()


def wanting(ledger: WireLedger, stored: list[tuple[int, str]]) -> list[str]:
    """What is there twice, is missing, or is another than the node's own, counted by hand."""
    seqs = [seq for seq, _ in stored]
    found = [f"{seq} is there twice" for seq in set(seqs) if seqs.count(seq) > 1]
    found += [f"{seq} is missing" for seq in range(1, ledger.head + 1) if seq not in seqs]
    found += [f"{seq} is another" for seq, h in stored if not ledger.h(seq).hex().startswith(h)]
    return found


@own_folder
@given(size=st.integers(1, 30), travel=TRAVEL, seed=st.integers(0, 99))
def test_invariant_05_after_a_drain_every_event_is_there_once(tmp_path, size, travel, seed):
    ledger = WireLedger("n1")
    ledger.record(*(body("access.granted", x={"n": n}) for n in range(size)))
    sink = Sink(str(tmp_path / f"{next(FOLDERS)}.db"))
    try:
        for some in travel:
            sink.hear(ledger.batch(sorted({seq for seq in some if seq <= size} or {1})))
            stored = sink.events()
            assert len({seq for seq, _ in stored}) == len(stored)
            assert {seq for seq, _ in stored} <= set(range(1, size + 1))
        dice = random.Random(seed)
        rest = list(range(1, size + 1))
        dice.shuffle(rest)
        for at in range(0, size, 4):
            sink.hear(ledger.batch(sorted(rest[at : at + 4])))
        sink.hear(ledger.hello())
        assert wanting(ledger, sink.events()) == []
        assert sink.holes() == 0
    finally:
        sink.close()


def test_invariant_05_on_either_database_a_storm_is_absorbed(database):
    """The same, once, on SQLite and on PostgreSQL."""
    ledger = WireLedger("n1")
    ledger.record(*(body("access.granted", x={"n": n}) for n in range(12)))
    sink = Sink(database)
    dice = random.Random(7)
    for _ in range(20):
        sink.hear(ledger.batch(sorted(dice.sample(range(1, 13), dice.randrange(1, 6)))))
    sink.hear(ledger.batch(range(1, 13)))
    sink.hear(ledger.hello())
    assert (wanting(ledger, sink.events()), sink.holes()) == ([], 0)
    sink.close()


@pytest.mark.parametrize(
    ("harm", "word"),
    [("delete from event where seq = 2", "missing"), ("update event set h = 'ff' where seq = 2", "another")],
)
def test_invariant_05_catches_an_event_that_is_gone_or_another(tmp_path, harm, word):
    ledger = WireLedger("n1")
    ledger.record(*(body("access.granted", x={"n": n}) for n in range(3)))
    sink = Sink(str(tmp_path / "harmed.db"))
    sink.hear(ledger.batch([1, 2, 3]))
    assert wanting(ledger, sink.events()) == []
    with sink.engine.begin() as db:
        db.execute(sa.text(harm))
    assert [fault for fault in wanting(ledger, sink.events()) if word in fault]
    sink.close()


# --- 15 ---------------------------------------------------------------------------------------------------------------

HISTORY = st.lists(
    st.tuples(st.sampled_from(["more", "change", "restart", "cut off"]), st.integers(1, 40)), max_size=5
)


@own_folder
@given(history=HISTORY, which=st.integers(0, 9), word=st.sampled_from(["REVOKED", "SUSPENDED", "EXIT_ONLY"]))
def test_invariant_15_what_is_taken_away_is_away_at_an_online_node_within_five_seconds(
    tmp_path, history, which, word
):
    """Both real ends and a wire; time is told in turns of a tenth of a second, whatever the machine."""
    folder = tmp_path / str(next(FOLDERS))
    folder.mkdir()
    office = Office(Node(folder))
    office.wanted = passes(*range(10))
    office.settle()
    version = 1
    for what, how in history:
        version += 1
        if what == "more":
            office.wanted |= passes(*range(10, 10 + how))
        elif what == "change":
            office.wanted |= passes(how % 10, pass_version=version)
        elif what == "restart":
            office.restart()
        else:
            office.down.clear()  # what was on its way is lost, and both know of a new session
        office.reconnect()
        office.settle()
    name = f"PS-{which:05d}"
    office.wanted |= passes(which, pass_version=version + 1, state=word)
    before_ms = office.now
    while office.node.states()[name] != word:
        assert office.now - before_ms < 5_000
        office.turn()
        office.deliver()
    office.node.book.close()


def test_invariant_15_catches_a_word_that_never_leaves(tmp_path):
    office = Office(Node(tmp_path))
    office.wanted = passes(*range(3))
    office.settle()
    office.wanted |= passes(1, pass_version=2, state="REVOKED")
    for _ in range(50):
        office.turn()
        office.down.clear()
    assert office.now - OFFICE_T0_MS >= 5_000
    assert office.node.states()["PS-00001"] == "ARMED"
    office.node.book.close()


# --- 27 ---------------------------------------------------------------------------------------------------------------

DAYS = st.lists(
    st.sampled_from(["answers", "silent", "longer", "restart", "receipt", "beat"]), min_size=1, max_size=5
)


def owed(house: DeliveryHouse) -> bool:
    """Whether the node has not said that it holds the newest set: by its own words, as this test noted them."""
    return house.told != house.newest()


def wish(house: DeliveryHouse, what: str, revision: int) -> None:
    if what in {"answers", "silent"}:
        house.answers = what == "answers"
    elif what == "longer":
        take(house.books, "bookings", booking_row(hours=(26, 60 + revision), external_revision=revision))
    elif what == "restart":
        house.restart()
    elif what == "receipt":
        house.receipt()
    house.beat()


@own_folder
@given(days=st.lists(DAYS, min_size=1, max_size=2))
def test_invariant_27_after_each_check_what_a_node_lacks_is_a_case_and_what_it_has_is_none(tmp_path, days):
    house = DeliveryHouse(tmp_path / str(next(FOLDERS)))
    try:
        house.beats(2)
        house.until(22, day=1)
        revision = 1
        for day, deeds in enumerate(days, start=2):
            for what in deeds:
                revision += 1
                wish(house, what, revision)
            for hour in (8, 22):
                house.until(hour, day=day)
                _minutes_pass(house)
                assert house.cases() == ([("delivery_failed", NODE)] if owed(house) else []), (
                    days,
                    day,
                    hour,
                )
    finally:
        house.close()


def _minutes_pass(house: DeliveryHouse) -> None:
    """What was told a moment ago may be under way; a minute and a half later it is late."""
    for _ in range(3):
        house.clock.step(ms=30_000)
        house.beats(2)


HOURS = st.lists(
    st.tuples(
        st.sampled_from(["answers", "silent", "longer", "longer", "restart", "receipt"]), st.integers(3, 140)
    ),
    min_size=3,
    max_size=7,
)
LATE_MS = 66 * 60_000  # an hour, and the next look after it


@own_folder
@given(hours=HOURS)
def test_invariant_27_what_a_node_has_lacked_for_an_hour_is_a_case_at_whatever_time(tmp_path, hours):
    """Between the checks too; the hour is counted here from the first moment at which the node was behind."""
    house = DeliveryHouse(tmp_path / str(next(FOLDERS)))
    try:
        house.beats(2)
        house.until(9)
        behind_ms = changed_ms = house.clock.now_ms()
        for n, (what, minutes) in enumerate(hours):
            wish(house, what, n + 2)
            changed_ms = house.clock.now_ms() if what == "longer" else changed_ms
            if what == "restart":  # what stands on the disk is when the newest version went out
                behind_ms = max(behind_ms, changed_ms)
            was_behind = owed(house)
            behind_ms = behind_ms if was_behind else house.clock.now_ms()
            house.clock.step(ms=minutes * 60_000)
            house.beats(7 if what != "restart" else 100)
            if not owed(house):
                assert house.cases() == [], hours[: n + 1]
            elif house.clock.now_ms() - behind_ms >= LATE_MS:
                assert house.cases() == [("delivery_failed", NODE)], hours[: n + 1]
    finally:
        house.close()


def test_invariant_27_catches_a_check_that_never_looks(tmp_path):
    house = DeliveryHouse(tmp_path)
    house.beats(2)
    house.until(22, day=1)
    house.work.delivery = lambda: None
    wish(house, "silent", 2)
    wish(house, "longer", 3)
    house.until(8)
    _minutes_pass(house)
    assert owed(house)
    assert house.cases() == []
    house.close()
