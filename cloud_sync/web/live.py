"""Entries as they are stored, by server-sent events: as table rows for the page, as JSON for programs."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import msgspec
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from cloud_sync.core.roles import Right
from cloud_sync.errors import Refused
from cloud_sync.ports import EntryLine
from cloud_sync.web.board import Speaker, entry_key, entry_row
from cloud_sync.web.hub import LiveHub, Shelf
from cloud_sync.web.language import language_of
from cloud_sync.web.render import render_row
from cloud_sync.web.services import Services
from cloud_sync.web.sessions import Sessions
from cloud_sync.web.texts import texts

# Proxies drop a silent connection after 30 to 60 s; this also bounds how long a logged-out page stays live.
HEARTBEAT_S = 15.0

# A page shows fifty lines and a program asks again: more than this after a reconnect is "missed".
CATCH_UP_LINES_MAX = 200

RETRY = b"retry: 2000\n: open\n\n"
# An event, not only a comment: a page cannot see comments, and has to know when its line is dead.
HEARTBEAT = b": heartbeat\nevent: beat\ndata: 1\n\n"
MISSED = b"event: missed\ndata: reload\n\n"

Frame = Callable[[EntryLine], bytes]


@dataclass(frozen=True, slots=True)
class Position:
    """How far this client says it has come; ``key`` is the last line it saw, if it named one."""

    stored_ms: int
    key: str | None


def position_of(request: Request) -> Position | None:
    """From the browser's Last-Event-ID, else from ``after`` in the address; None starts at now."""
    last = request.headers.get("last-event-id", "")
    text = last or request.query_params.get("after", "")
    head = text.partition("/")[0]
    if not (head.isascii() and head.isdigit() and len(head) <= 15):
        return None
    return Position(int(head), last or None)


def sse(line: EntryLine, data: str) -> bytes:
    return f"id: {entry_key(line)}\nevent: entry\ndata: {data}\n\n".encode()


def json_frame(line: EntryLine) -> bytes:
    """No person in it, and no pseudonym either: what happened, where and when."""
    fields = ("node", "epoch", "seq", "type", "decision", "reason", "access_point", "wall_ms", "stored_ms")
    return sse(line, msgspec.json.encode({name: getattr(line, name) for name in fields}).decode())


class LivePages:
    def __init__(self, services: Services, hub: LiveHub) -> None:
        self._services = services
        self._hub = hub
        self._sessions = Sessions(services.accounts)
        self.router = APIRouter(include_in_schema=False)
        self.router.add_api_route("/live", self.rows, methods=["GET"])
        self.router.add_api_route("/live.json", self.json, methods=["GET"])

    async def rows(self, request: Request) -> StreamingResponse:
        lang = language_of(request)
        by = Speaker(texts(lang), self._services.zone)
        return await self._answer(request, lambda line: sse(line, render_row(entry_row(line, by), lang)))

    async def json(self, request: Request) -> StreamingResponse:
        return await self._answer(request, json_frame)

    async def _answer(self, request: Request, frame: Frame) -> StreamingResponse:
        await run_in_threadpool(self._sessions.need_right, request, Right.SEE_BOARD)
        if self._hub.full:
            raise Refused(
                "live_pages", "Too many live pages are open at once; close one and load this one again."
            )
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(
            self._stream(request, frame), media_type="text/event-stream", headers=headers
        )

    async def _stream(self, request: Request, frame: Frame) -> AsyncIterator[bytes]:
        shelf = self._hub.join()
        try:
            yield RETRY
            caught_up = await run_in_threadpool(self._catch_up, position_of(request))
            for line in caught_up:
                yield frame(line)
            if len(caught_up) >= CATCH_UP_LINES_MAX - 1:
                yield MISSED
            async for data in self._follow(request, shelf, frame, {entry_key(line) for line in caught_up}):
                yield data
        finally:
            self._hub.leave(shelf)

    async def _follow(
        self, request: Request, shelf: Shelf, frame: Frame, told: set[str]
    ) -> AsyncIterator[bytes]:
        """Lines until the page, the session or the server goes; ``told`` went out before the first of them."""
        loop = asyncio.get_running_loop()
        check_at = loop.time() + HEARTBEAT_S
        while not shelf.closed:
            taken = await shelf.take(within_s=HEARTBEAT_S)
            for line in taken.lines:
                if entry_key(line) not in told:
                    yield frame(line)
            told = set()
            if taken.missed:
                yield MISSED
            if loop.time() >= check_at:
                check_at = loop.time() + HEARTBEAT_S
                if await run_in_threadpool(self._sessions.current, request) is None:
                    return
                yield HEARTBEAT

    def _catch_up(self, position: Position | None) -> list[EntryLine]:
        """What was stored since ``position``, oldest first, and all that was stored in the same moment.

        Lines of one moment have no order of their own, so a client may get some of them twice; it knows them
        by node, epoch and seq.
        """
        if position is None:
            return []
        community, most = self._services.community, CATCH_UP_LINES_MAX
        lines = self._services.reader.entries_after(community, position.stored_ms, most=most)
        return [line for line in lines if entry_key(line) != position.key]
