"""Commands at the node: written down before the door is told, done once, and always told what became of them."""

import asyncio
import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from cloud_sync.protocol.commands import Argument
from cloud_sync.protocol.messages import EventBody
from edge.core.commands import Answer, State
from edge.core.door_events import Verb
from edge.core.door_types import Mode
from edge.core.events import ClockState, Fact
from edge.errors import DiskFull
from edge.link.translate import received
from edge.runtime.commands import UNSIGNED_EVERY_NS, WAITING_MAX
from edge.runtime.hands import Did
from edge.store import command_book
from tests.fakes.command_node import NOW_MS, CommandNode, Door, Issuer


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def node(tmp_path: Path, issuer: Issuer) -> Iterator[CommandNode]:
    node = CommandNode(tmp_path, issuer)
    yield node
    node.ledger.close()


def hears(node: CommandNode, *frames: bytes, retained: bool = False) -> None:
    for frame in frames:
        asyncio.run(node.hears(frame, retained=retained))


def facts(node: CommandNode) -> list[tuple[str, str | None, str | None]]:
    bodies = [msgspec.json.decode(body, type=EventBody) for body in node.events()]
    return [(body.type, body.reason, body.actor) for body in bodies]


def said(node: CommandNode) -> list[tuple[str, str]]:
    return [(answer.state, answer.why) for answer in node.answers]


# --- yes ----------------------------------------------------------------------------------------------------------


def test_a_release_is_carried_out_and_told_twice_over(node: CommandNode, issuer: Issuer) -> None:
    hears(node, issuer.frame("release", arg=Argument(class_="visitor")))
    (told,) = node.door.told
    assert (told.verb, told.actor, told.grant_id, told.cls) == (Verb.ACCESS, "st-7", "g", "visitor")
    id_ = "0000000000000001"
    assert node.answers == [
        Answer(id_, State.ACCEPTED),
        Answer(id_, State.DONE, mode="LOCKED", seq=1),
    ]
    (body,) = [msgspec.json.decode(body, type=EventBody) for body in node.events()]
    assert (body.type, body.access_point, body.actor, body.mode, body.x) == (
        "command.done", "AP-1", "st-7", "LOCKED", {"cmd": id_, "op": "release"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("op", "verb"), [("lock", Verb.LOCK), ("unlock", Verb.UNLOCK), ("block", Verb.BLOCK)]
)
def test_each_op_is_its_verb_at_the_door(node: CommandNode, issuer: Issuer, op: str, verb: Verb) -> None:
    hears(node, issuer.frame(op))
    assert [(told.verb, told.grant_id) for told in node.door.told] == [(verb, None)]


def test_the_door_hears_numbers_that_only_rise(node: CommandNode, issuer: Issuer) -> None:
    """Two keys count for themselves; the door counts for both."""
    hears(node, *reversed([issuer.frame() for _ in range(3)]))
    assert [told.counter for told in node.door.told] == [1, 2, 3]


def test_a_door_that_may_not_says_so_and_it_is_no_fault(tmp_path: Path, issuer: Issuer) -> None:
    node = CommandNode(tmp_path, issuer, door=Door(Did(Mode.BLOCKED, refused=True)))
    hears(node, issuer.frame())
    assert said(node)[-1] == ("refused", "pt:Blocked")
    assert facts(node) == [("command.refused", "pt:Blocked", "st-7")]
    node.ledger.close()


def test_a_lock_that_does_not_answer_is_a_failure(tmp_path: Path, issuer: Issuer) -> None:
    node = CommandNode(tmp_path, issuer, door=Door(Did(Mode.ACCESSED, fault="pulse: offline")))
    hears(node, issuer.frame())
    assert said(node)[-1] == ("failed", "x:NotCarriedOut")
    assert facts(node) == [("command.failed", "x:NotCarriedOut", "st-7")]
    node.ledger.close()


# --- once ---------------------------------------------------------------------------------------------------------


def test_the_same_bytes_again_get_the_same_answer_and_nothing_else(node: CommandNode, issuer: Issuer) -> None:
    frame = issuer.frame()
    hears(node, frame, frame, frame)
    assert len(node.door.told) == 1
    assert node.answers[1:] == [Answer("0000000000000001", State.DONE, mode="LOCKED", seq=1)] * 3
    assert node.ledger.head == 1


def test_what_was_done_stays_done_when_it_is_heard_too_late(node: CommandNode, issuer: Issuer) -> None:
    """A repetition that comes after its time is answered with the result, not with "expired"."""
    frame = issuer.frame()
    hears(node, frame)
    node.reading = replace(node.reading, wall_ms=NOW_MS + 60_000)
    hears(node, frame)
    assert said(node)[-1] == ("done", "")
    assert node.ledger.head == 1


def test_another_command_under_a_used_number_is_refused(node: CommandNode, issuer: Issuer) -> None:
    hears(node, issuer.frame(ctr=7), issuer.frame(ctr=7))
    assert said(node)[-1] == ("refused", "duplicate")
    assert len(node.door.told) == 1


def test_a_node_that_died_at_the_door_never_does_it_again_and_says_so(tmp_path: Path, issuer: Issuer) -> None:
    frame = issuer.frame("unlock")
    before = CommandNode(tmp_path, issuer, door=Door(did=None))
    with pytest.raises(KeyboardInterrupt):
        hears(before, frame)
    before.ledger.close()
    after = CommandNode(tmp_path, issuer)
    asyncio.run(after.desk._settle_interrupted())
    hears(after, frame)
    assert after.door.told == []
    assert said(after) == [("failed", "x:Interrupted")] * 2
    assert facts(after) == [("command.failed", "x:Interrupted", "st-7")]
    after.ledger.close()


def test_what_cannot_be_written_down_is_not_done(node: CommandNode, issuer: Issuer) -> None:
    fill_disk(node, issuer)
    hears(node, issuer.frame())
    assert node.door.told == []
    assert said(node) == [("failed", "x:NotRecorded")]


def fill_disk(node: CommandNode, issuer: Issuer) -> None:
    """No further event and no further command fits in this file, and the reserve is spent."""
    node.ledger._db.execute("pragma max_page_count = 1")
    an_order = received(issuer.frame(), retained=False, nonces=frozenset()).order
    numbers = itertools.count(1_000)

    def accept() -> None:
        n = next(numbers)
        node.book.accept([replace(an_order, id=f"{n:016x}", ctr=n)], NOW_MS)

    for write in (lambda: asyncio.run(node.record([Fact("door.rex")])), accept):
        with contextlib.suppress(DiskFull):
            for _ in range(10_000):
                write()
    assert node.ledger.disk_alarm


# --- no -----------------------------------------------------------------------------------------------------------


@pytest.mark.story("21f")
def test_an_expired_command_is_dropped_told_once_and_answered_each_time(
    node: CommandNode, issuer: Issuer
) -> None:
    frame = issuer.frame(issued_ms=NOW_MS - 60_000)
    hears(node, frame, frame)
    assert node.door.told == []
    assert said(node) == [("refused", "expired")] * 2
    assert facts(node) == [("command.refused", "expired", "st-7")]


def test_an_older_change_of_mode_does_not_undo_a_newer_one(node: CommandNode, issuer: Issuer) -> None:
    older, newer = issuer.frame("unlock"), issuer.frame("block")
    hears(node, newer, older, issuer.frame("release", ctr=1))
    assert [told.verb for told in node.door.told] == [Verb.BLOCK, Verb.ACCESS]
    assert said(node)[2] == ("refused", "superseded")


def test_a_door_of_another_node_is_not_ours_to_name(node: CommandNode, issuer: Issuer) -> None:
    hears(node, issuer.frame(door="AP-9"))
    (body,) = [msgspec.json.decode(body, type=EventBody) for body in node.events()]
    assert (body.reason, body.access_point) == ("wrong_node", None)


def test_what_is_retained_is_refused_and_not_answered(node: CommandNode, issuer: Issuer) -> None:
    frame = issuer.frame()
    hears(node, frame, retained=True)
    assert (node.door.told, node.answers) == ([], [])
    assert facts(node) == [("command.refused", "retained", None)]
    hears(node, frame)
    assert len(node.door.told) == 1


def test_noise_and_forgeries_fill_no_ledger(node: CommandNode, issuer: Issuer) -> None:
    forged = [Issuer("k1").frame(id=f"{i:016x}") for i in range(50)]
    hears(node, *forged, *[b"noise" * 20] * 50)
    assert node.door.told == []
    assert node.answers == []
    assert facts(node) == [("command.refused", "bad_sig", None), ("command.refused", "bad_format", None)]
    node.reading = replace(node.reading, mono_ns=node.reading.mono_ns + UNSIGNED_EVERY_NS)
    hears(node, *forged)
    assert node.ledger.head == 3


def test_a_key_the_node_was_never_given_is_named_in_the_answer(node: CommandNode) -> None:
    """The usual cause is a join file from before the key: somebody has to be told."""
    hears(node, Issuer("k2").frame())
    assert said(node) == [("refused", "unknown_key")]
    assert facts(node) == [("command.refused", "unknown_key", None)]


# --- the nonce ----------------------------------------------------------------------------------------------------


def test_a_nonce_is_used_up_by_the_command_that_quotes_it(node: CommandNode, issuer: Issuer) -> None:
    node.reading = replace(node.reading, state=ClockState.UNTRUSTED, wall_ms=5)
    hears(node, issuer.frame("lock"), issuer.frame("unlock", nonce="c5d2"))
    assert (node.door.told, node.nonces_used) == ([], 0)
    hears(node, issuer.frame("lock", nonce="c5d2"))
    assert ([told.verb for told in node.door.told], node.nonces_used) == ([Verb.LOCK], 1)


# --- bounds -------------------------------------------------------------------------------------------------------


def test_the_book_forgets_the_oldest_and_never_carries_them_out_again(
    node: CommandNode, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command_book, "ROWS_PER_KEY_MAX", 20)
    frames = [issuer.frame() for _ in range(60)]
    hears(node, *frames)
    (rows,) = node.ledger.transact(lambda db: db.execute("select count(*) from command").fetchone())
    assert rows == 21
    hears(node, *frames[:10])
    assert len(node.door.told) == len(frames)
    assert said(node)[-10:-6] == [("refused", "duplicate")] * 4


def test_a_flood_is_dropped_and_what_waits_is_bounded(node: CommandNode, issuer: Issuer) -> None:
    frames = [issuer.frame() for _ in range(WAITING_MAX + 20)]

    async def flood() -> None:
        serving = asyncio.create_task(node.desk.run())
        await asyncio.sleep(0)
        for frame in frames:
            node.desk.take(received(frame, retained=False, nonces=frozenset()))
        for _ in range(10_000):
            await asyncio.sleep(0)
            if len(node.door.told) == WAITING_MAX:
                break
        serving.cancel()

    asyncio.run(flood())
    assert [told.counter for told in node.door.told] == list(range(1, WAITING_MAX + 1))


def test_before_it_serves_nothing_waits(node: CommandNode, issuer: Issuer) -> None:
    node.desk.take(received(issuer.frame(), retained=False, nonces=frozenset()))
    assert node.desk._waiting.empty()


def test_a_command_that_a_slow_disk_outlives_moves_nothing(
    node: CommandNode, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Judged in its time, written down too late: the row stands, the door stays, and the answer says why."""
    accept = node.book.accept

    def slow(orders, at_ms):
        numbers = accept(orders, at_ms)
        node.reading = replace(node.reading, wall_ms=NOW_MS + 10_001)
        return numbers

    monkeypatch.setattr(node.book, "accept", slow)
    frame = issuer.frame("release")
    hears(node, frame, frame)
    assert node.door.told == []
    assert said(node) == [("accepted", ""), ("refused", "expired"), ("refused", "expired")]
    assert facts(node) == [("command.refused", "expired", "st-7")]
    assert node.book.unfinished() == []
