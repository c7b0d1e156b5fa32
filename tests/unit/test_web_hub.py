"""The shelf between the sink's thread and a page: bounded, honest about what it dropped, woken once."""

import asyncio
import threading
from dataclasses import replace

from cloud_sync.ingest.feed import Feed
from cloud_sync.ports import EntryLine
from cloud_sync.web.hub import LiveHub, Shelf

LINE = EntryLine(
    "n1", "e", 1, "access.granted", "AP-1", "东门", "East gate", "allow", None, "qr", None, 1, 1, True
)


def lines(count):
    return [replace(LINE, seq=seq) for seq in range(1, count + 1)]


def seqs(taken):
    return [line.seq for line in taken.lines]


def test_lines_come_out_in_order_and_once():
    async def scene():
        shelf = Shelf()
        for line in lines(3):
            shelf.put(line)
        assert seqs(await shelf.take(within_s=5)) == [1, 2, 3]
        assert seqs(await shelf.take(within_s=0.01)) == []

    asyncio.run(scene())


def test_a_full_shelf_drops_the_oldest_and_says_so_once():
    async def scene():
        shelf = Shelf(lines_max=2)
        for line in lines(3):
            shelf.put(line)
        taken = await shelf.take(within_s=5)
        assert (seqs(taken), taken.missed) == ([2, 3], True)
        shelf.put(LINE)
        assert not (await shelf.take(within_s=5)).missed

    asyncio.run(scene())


def test_lines_put_by_other_threads_are_all_taken():
    async def scene():
        shelf = Shelf()
        threads = [threading.Thread(target=lambda: [shelf.put(line) for line in lines(50)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        got = 0
        while got < 200:
            taken = await shelf.take(within_s=5)
            assert taken.lines, "a line was lost"
            got += len(taken.lines)
        for thread in threads:
            thread.join()
        assert got == 200

    asyncio.run(scene())


def test_closing_wakes_who_is_waiting():
    async def scene():
        shelf = Shelf()
        waiting = asyncio.ensure_future(shelf.take(within_s=60))
        await asyncio.sleep(0)
        shelf.close()
        async with asyncio.timeout(5):
            await waiting
        assert shelf.closed

    asyncio.run(scene())


def test_no_more_pages_join_than_there_is_room_for_and_leaving_makes_room():
    async def scene():
        feed = Feed()
        hub = LiveHub(feed, pages_max=1)
        first = hub.join()
        assert hub.full
        assert hub.join().closed
        hub.leave(first)
        hub.leave(first)
        second = hub.join()
        feed.tell([LINE])
        assert seqs(await second.take(within_s=5)) == [1]
        assert seqs(await first.take(within_s=0.01)) == []

    asyncio.run(scene())
