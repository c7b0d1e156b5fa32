"""What a reader of gate-io says reaches its own door, and holds up neither the sensors nor other doors."""

import asyncio
from contextlib import suppress
from dataclasses import replace

from edge.ports import Edge, Point, Shown
from tests.fakes.eyes_only import DOOR, EyesOnly

TURNS = 10


class News:
    def __init__(self, *news) -> None:
        self._news = news

    async def news(self):
        for one in self._news:
            yield one


def test_a_reader_s_word_reaches_its_door_beside_the_sensors():
    shown = Shown(DOOR, "card", "32:04A1B2C3", 1)
    stranger = Shown("AP-9", "card", "32:04A1B2C3", 1)
    heard, waiting = [], asyncio.Event()

    async def run() -> None:
        eyes = EyesOnly()

        async def on_shown(one) -> None:
            heard.append(one)
            await waiting.wait()  # a door that takes its time

        async def on_event(event) -> None:
            heard.append(type(event).__name__)

        eyes.door.on_shown, eyes.door.on_event = on_shown, on_event
        news = News(shown, stranger, Edge(DOOR, Point.CONTACT, True, 2, 1))
        eyes.node._parts = replace(eyes.node._parts, io=news)
        task = asyncio.create_task(eyes.node._io_news())
        for _ in range(TURNS):
            await asyncio.sleep(0)
        waiting.set()
        with suppress(asyncio.CancelledError):
            await task
        eyes.node.close()

    asyncio.run(run())
    assert sorted(heard, key=str) == sorted([shown, "DpsOpen"], key=str)


def test_a_reader_s_number_stands_in_no_text_of_the_node():
    assert "04A1B2C3" not in repr(Shown(DOOR, "card", "32:04A1B2C3", 1))
