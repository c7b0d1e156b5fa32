"""The node's side of the socket against a gate-io that misbehaves on purpose."""

import asyncio
import contextlib
import itertools
import socket
import time

import pytest

from edge.core.events import AccessPointId
from edge.errors import LockSilent
from edge.gateio import wire
from edge.gateio.client import GateIoClient
from edge.gateio.shelf import NewsShelf
from edge.ports import Cmd, Edge, FailMode, Feedback, IoSnapshot, LockCaps, Lost, Outcome, Point

GATE = AccessPointId("gate")
CAPS = {"gate": LockCaps(FailMode.SECURE, False, Feedback.NONE, 50, 65_000, 300, 2000)}
_ids = itertools.count()


def cmd(within_ms=2000):
    return Cmd(f"c{next(_ids)}", time.monotonic_ns() + within_ms * 1_000_000, "test")


class Stub:
    """Speaks gate-io's words, and only those a test puts into its mouth."""

    def __init__(self, path):
        self.path = path
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        self.listener.bind(str(path))
        self.listener.listen(4)
        self.sock = None

    async def accept(self, seq=0):
        if self.sock:
            self.sock.close()
        self.sock, _ = await asyncio.get_running_loop().sock_accept(self.listener)
        hello = await self.hear(wire.Hello)
        self.say(wire.Welcome(wire.PROTOCOL, hello.profile_hash, "boot", True, CAPS))
        self.say(wire.Snapshot({"gate": {Point.CONTACT: False}}, {"gate": False}, {}, seq))

    def say(self, message):
        self.sock.send(wire.encode(message))

    async def hear(self, kind, within_s=30):
        async with asyncio.timeout(within_s):
            while True:
                packet = await asyncio.get_running_loop().sock_recv(self.sock, 5000)
                said = wire.decode_for_gate(packet)
                if isinstance(said, kind):
                    return said

    def close(self):
        for sock in (self.sock, self.listener):
            if sock:
                sock.close()


@contextlib.asynccontextmanager
async def met(tmp_path, seq=0):
    stub = Stub(tmp_path / "io.sock")
    try:
        async with GateIoClient(stub.path, "hash") as client:
            await stub.accept(seq)
            await client.connected(5)
            yield stub, client, client.news()
    finally:
        stub.close()


async def soon(news):
    return await asyncio.wait_for(anext(news), 5)


def run(scene):
    return asyncio.run(asyncio.wait_for(scene, 30))


def edge(seq, level=True):
    return wire.EdgeNews("gate", Point.CONTACT, level, 1, seq)


def test_a_gap_in_the_numbers_is_answered_with_a_fresh_snapshot(tmp_path):
    async def scene():
        async with met(tmp_path, seq=4) as (stub, _, news):
            assert isinstance(await soon(news), IoSnapshot)
            stub.say(edge(5))
            stub.say(edge(7))
            await stub.hear(wire.AskSnapshot)
            stub.say(wire.Snapshot({"gate": {Point.CONTACT: True}}, {"gate": False}, {}, 7))
            got = [await soon(news) for _ in range(3)]
            assert [item.seq for item in got] == [5, 7, 7]
            assert isinstance(got[2], IoSnapshot)

    run(scene())


def test_a_lost_last_edge_is_found_by_the_next_beat(tmp_path):
    async def scene():
        async with met(tmp_path) as (stub, _, _news):
            beat = await stub.hear(wire.Beat)
            stub.say(wire.BeatBack(beat.seq, 1, news_seq=3))
            await stub.hear(wire.AskSnapshot)

    run(scene())


def test_a_command_without_an_answer_may_still_happen_and_the_line_is_dropped(tmp_path):
    async def scene():
        async with met(tmp_path) as (stub, client, news):
            assert isinstance(await soon(news), IoSnapshot)
            result = await client.pulse(GATE, cmd(within_ms=100), 500)
            assert result.outcome is Outcome.TIMEOUT_UNKNOWN
            lost = await soon(news)
            assert isinstance(lost, Lost)
            assert not lost.back
            await stub.accept(seq=9)
            back, shot = await soon(news), await soon(news)
            assert (isinstance(back, Lost), back.back, shot.seq) == (True, True, 9)

    run(scene())


def test_a_connection_that_breaks_under_a_command_is_unknown_too(tmp_path):
    async def scene():
        async with met(tmp_path) as (stub, client, _news):
            asked = asyncio.create_task(client.pulse(GATE, cmd(), 500))
            await stub.hear(wire.Command)
            stub.sock.close()
            stub.sock = None
            assert (await asked).outcome is Outcome.TIMEOUT_UNKNOWN

    run(scene())


def test_a_gate_io_that_falls_silent_counts_as_gone(tmp_path):
    async def scene():
        async with met(tmp_path) as (_stub, client, news):
            assert isinstance(await soon(news), IoSnapshot)
            assert isinstance(await soon(news), Lost)
            assert client.trouble

    run(scene())


def test_without_gate_io_commands_are_offline_and_questions_raise(tmp_path):
    async def scene():
        async with GateIoClient(tmp_path / "nobody.sock", "hash") as client:
            assert (await client.lock(GATE, cmd())).outcome is Outcome.OFFLINE
            with pytest.raises(LockSilent, match=r"nobody\.sock"):
                await client.snapshot()
            with pytest.raises(LockSilent, match="is not there"):
                await client.connected(0.3)
            assert await soon(client.news()) == Lost(False, pytest.approx(time.monotonic_ns(), rel=1))

    run(scene())


def test_a_command_that_is_late_already_is_not_sent(tmp_path):
    async def scene():
        async with met(tmp_path) as (_stub, client, _news):
            assert (await client.pulse(GATE, cmd(within_ms=-1), 500)).outcome is Outcome.REFUSED
            assert (await client.latch(GATE, cmd(), "flood", True, "x")).outcome is Outcome.REFUSED

    run(scene())


def test_nonsense_from_the_other_end_does_not_end_the_conversation(tmp_path):
    async def scene():
        async with met(tmp_path) as (stub, _, news):
            assert isinstance(await soon(news), IoSnapshot)
            stub.sock.send(b"\xff\x00nonsense")
            stub.say(wire.Nack("what?"))
            stub.say(wire.Answer("nobody-asked", Outcome.DONE, 1))
            stub.say(edge(1))
            assert isinstance(await soon(news), Edge)

    run(scene())


def test_a_full_shelf_drops_the_past_and_says_so():
    async def scene():
        shelf = NewsShelf(size=2)
        assert [shelf.put(Lost(False, number)) for number in range(3)] == [True, True, False]
        assert (await shelf.take(), shelf.missed) == (Lost(False, 2), 2)

    run(scene())
