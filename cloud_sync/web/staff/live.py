"""News for open staff pages by server-sent events: which case changed, which door moved."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from cloud_sync.core.roles import Right
from cloud_sync.errors import Refused
from cloud_sync.ports import EntryLine
from cloud_sync.ports_cases import CaseChange
from cloud_sync.web.hub import LiveHub, Shelf
from cloud_sync.web.live import HEARTBEAT, HEARTBEAT_S, MISSED, RETRY
from cloud_sync.web.services import Services
from cloud_sync.web.sessions import Sessions

# What moves a door; guests walking in and out are the dashboard's business.
DOOR_EVENTS = ("door.", "fire.", "command.")
# A page that connects may have missed anything: it reads everything anew.
CATCH_UP = b"event: case\ndata: {}\n\n"


def case_frame(change: CaseChange) -> bytes:
    """No person in it: which case, how grave, and whether it is to be heard."""
    return b"event: case\ndata: " + msgspec.json.encode(change) + b"\n\n"


def door_frame(line: EntryLine) -> bytes:
    told = {"access_point": line.access_point, "type": line.type}
    return b"event: door\ndata: " + msgspec.json.encode(told) + b"\n\n"


class StaffLive:
    def __init__(self, services: Services, hub: LiveHub) -> None:
        self._hub = hub
        self._sessions = Sessions(services.accounts)
        self.router = APIRouter(include_in_schema=False)
        self.router.add_api_route("/live/staff", self.stream, methods=["GET"])

    async def stream(self, request: Request) -> StreamingResponse:
        await run_in_threadpool(self._sessions.need_right, request, Right.SEE_STAFF)
        if self._hub.full:
            raise Refused(
                "live_pages", "Too many live pages are open at once; close one and load this one again."
            )
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(self._news(request), media_type="text/event-stream", headers=headers)

    async def _news(self, request: Request) -> AsyncIterator[bytes]:
        shelf = self._hub.join(cases=True)
        try:
            yield RETRY
            yield CATCH_UP
            async for frame in self._follow(request, shelf):
                yield frame
        finally:
            self._hub.leave(shelf)

    async def _follow(self, request: Request, shelf: Shelf) -> AsyncIterator[bytes]:
        """Frames until the page, the session or the server goes."""
        loop = asyncio.get_running_loop()
        check_at = loop.time() + HEARTBEAT_S
        while not shelf.closed:
            taken = await shelf.take(within_s=HEARTBEAT_S)
            for change in taken.changes:
                yield case_frame(change)
            for line in taken.lines:
                if line.type.startswith(DOOR_EVENTS):
                    yield door_frame(line)
            if taken.missed:
                yield MISSED
            if loop.time() >= check_at:
                check_at = loop.time() + HEARTBEAT_S
                if await run_in_threadpool(self._sessions.current, request) is None:
                    return
                yield HEARTBEAT
