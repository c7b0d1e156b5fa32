"""Passes on their way to a node: what is taken away comes first, a change costs its bytes, whatever is lost is repaired."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from cloud_sync.protocol.messages import PUBLISH_BYTES_MAX
from tests.fakes.passes_down import T0_MS, TOPICS, Node, Office, passes


@pytest.fixture
def office(tmp_path: Path):
    made = Office(Node(tmp_path))
    yield made
    made.node.book.close()


def test_the_first_set_comes_whole_and_a_change_as_a_delta(office: Office) -> None:
    office.wanted = passes(*range(300))
    office.settle()
    office.kinds.clear()
    office.wanted |= passes(7, pass_version=2, not_after=T0_MS + 90_000_000)
    assert office.settle() == 1
    assert office.kinds == ["auth/delta", "auth/head"]
    assert office.distributor.counters.snapshots == 1


def test_what_takes_away_goes_ahead_and_works_without_the_rest(office: Office) -> None:
    office.wanted = passes(*range(300))
    office.settle()
    office.kinds.clear()
    office.wanted |= passes(8, pass_version=2, state="REVOKED") | passes(*range(1_000, 1_100))
    office.turn()
    assert office.kinds[0] == "auth/deny"
    topic, payload = office.down.popleft()
    office.down.clear()  # nothing else arrives
    office.node.hear(topic, payload)
    assert office.node.states()["PS-00008"] == "REVOKED"
    assert office.node.book.auth_ver == 1
    office.node.restart()
    assert office.node.states()["PS-00008"] == "REVOKED"


def test_a_set_older_than_the_word_that_came_ahead_gives_nothing_back(office: Office) -> None:
    office.wanted = passes(1, 2)
    office.settle()
    office.wanted |= passes(2, pass_version=2)
    office.turn()
    delta = next(frame for frame in office.down if frame[0] == TOPICS.auth_delta)
    office.wanted |= passes(2, pass_version=3, state="SUSPENDED")
    office.turn()
    deny = next(frame for frame in office.down if frame[0] == TOPICS.auth_deny)
    office.node.hear(*deny)
    office.node.hear(*delta)
    assert (office.node.book.auth_ver, office.node.states()["PS-00002"]) == (2, "SUSPENDED")
    office.settle()
    assert office.node.states()["PS-00002"] == "SUSPENDED"
    office.wanted |= passes(2, pass_version=4)
    office.settle()
    assert office.node.states()["PS-00002"] == "ARMED"
    office.node.hear(*deny)  # somebody plays it again
    assert office.node.states()["PS-00002"] == "ARMED"


def test_every_frame_fits_a_publish_however_much_changes(office: Office) -> None:
    office.wanted = passes(*range(2_000))
    office.settle()
    office.wanted |= passes(*range(0, 2_000, 3), pass_version=2, state="REVOKED")
    for number in range(1, 2_000, 7):
        office.wanted.pop(f"PS-{number:05d}")
    office.turn()
    assert max(len(payload) for _, payload in office.down) <= PUBLISH_BYTES_MAX
    office.settle()


def test_a_node_that_lost_its_disk_gets_its_set_though_its_old_receipt_still_stands(office: Office) -> None:
    office.wanted = passes(*range(300))
    office.settle()
    office.turn()
    office.deliver()
    office.node.book.close()
    (office.node.folder / "passes.db").unlink()
    del office.node.book
    office.node.restart()
    held = office.held
    office.reconnect()
    assert office.held == held
    office.settle()
    for _ in range(50):
        office.turn()
        office.deliver()
    assert office.node.book.auth_ver == held.auth_ver
    assert len(office.node.book.passes) == 300


def test_what_a_node_missed_comes_as_the_steps_from_where_it_is(office: Office) -> None:
    office.wanted = passes(*range(300))
    office.settle()
    office.online = False
    for number in range(5):
        office.wanted |= passes(number, pass_version=2, state="REVOKED")
        office.turn()
        office.down.clear()
    office.online = True
    office.reconnect()
    office.settle()
    assert office.distributor.counters.snapshots == 1
    assert sorted(state for state in office.node.states().values())[-5:] == ["REVOKED"] * 5


def test_where_the_steps_are_not_known_any_more_only_the_buckets_that_differ_travel(office: Office) -> None:
    office.wanted = passes(*range(3_000))
    office.settle()
    whole = office.distributor.counters.parts
    office.wanted |= passes(17, 18, pass_version=2, state="REVOKED")
    office.restart()  # the service forgot its steps
    office.reconnect()
    office.settle()
    counters = office.distributor.counters
    assert (counters.repairs, counters.snapshots, counters.parts) == (1, 0, 1)
    assert whole > 20
    assert office.node.states()["PS-00017"] == "REVOKED"


def test_a_node_that_fell_back_to_an_older_set_is_repaired_and_the_floor_stays(office: Office) -> None:
    office.wanted = passes(*range(300))
    office.settle()
    office.wanted |= passes(1, pass_version=2, state="REVOKED")
    office.settle()
    with office.node.book._db as db:
        db.execute("update delta set rows = x'00ff'")
    office.node.restart()
    assert (office.node.book.auth_ver, office.node.book.floor.auth_ver) == (1, 2)
    assert office.node.states()["PS-00001"] == "REVOKED"
    office.held = replace(office.held, receipt_ver=1, receipt_root="")
    office.reconnect()
    office.settle()
    assert office.node.book.auth_ver == 2


@pytest.mark.parametrize("wv", [1, 2])
def test_a_node_that_comes_back_with_nothing_gets_all_of_it_although_its_name_receipted_it_once(
    tmp_path: Path, wv: int
) -> None:
    office = Office(Node(tmp_path, wv=wv), passes(*range(5)))
    office.settle()
    (tmp_path / "new").mkdir()
    office.node = Node(tmp_path / "new", office.now, wv)  # another card, or another device in its place
    office.reconnect()
    assert office.node.states() == {}
    assert office.settle(turns=100) < 100
    assert office.distributor.counters.built == 1  # no new version: the same set, told again


def test_an_older_service_is_never_asked_and_an_older_node_never_sent_a_delta(tmp_path: Path) -> None:
    office = Office(Node(tmp_path, wv=1))
    office.wanted = passes(*range(300))
    office.settle()
    office.wanted |= passes(1, pass_version=2, state="REVOKED")
    office.settle()
    assert set(office.kinds) == {"auth", "auth/head"}
    assert office.distributor.counters.snapshots == 2
    office.node.book.close()


def test_what_the_disk_holds_is_bounded_and_reads_as_it_was(office: Office) -> None:
    office.wanted = passes(*range(20))
    office.settle()
    for version in range(2, 30):
        office.wanted |= passes(version % 7, pass_version=version)
        office.settle()
    deltas = office.node.book._db.execute("select count(*) from delta").fetchone()
    for _ in range(60):
        office.turn()
        office.deliver()
    left = office.node.book._db.execute("select count(*) from delta").fetchone()
    (slots,) = office.node.book._db.execute("select count(*) from slot").fetchone()
    before = (office.node.book.auth_ver, office.node.book.root, office.node.states())
    office.node.restart()
    assert (deltas, left, slots) == ((28,), (28,), 2)  # the older slot still needs them
    assert (office.node.book.auth_ver, office.node.book.root, office.node.states()) == before


@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_lost_repeated_and_shuffled_the_node_gets_there(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    office = Office(Node(tmp_path))
    office.wanted = passes(*range(120))
    version = 1
    for _ in range(60):
        version += 1
        act = dice.random()
        if act < 0.55:
            number = dice.randrange(140)
            state = dice.choice(["ARMED", "ARMED", "REVOKED", "SUSPENDED", "EXIT_ONLY"])
            office.wanted |= passes(number, pass_version=version, state=state)
        elif act < 0.65 and office.wanted:
            del office.wanted[dice.choice(sorted(office.wanted))]
        elif act < 0.7:
            office.node.restart()
            office.reconnect()
        elif act < 0.75:
            office.restart()
        elif act < 0.8:
            office.online = not office.online
            office.reconnect()
        office.turn()
        frames = [frame for frame in office.down for _ in range(dice.choice([0, 1, 1, 1, 2]))]
        if dice.random() < 0.2:
            dice.shuffle(frames)
        office.down.clear()
        office.down.extend(frames)
        office.deliver()
    office.online = True
    office.reconnect()
    office.settle()
    told = {row.pass_id: row.state for row in office.wanted.values()}
    assert office.node.states() == told
    office.node.restart()
    assert office.node.states() == told
    office.node.book.close()
