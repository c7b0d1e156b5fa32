"""A look through the door's camera: a page with one button, and pictures for exactly as long as it is held.

The ticket stands behind the ``#`` of the address, where no server and no log sees it; the page sends it when the button goes
down.  Pictures come in the answer to that one request: who lets go ends the request, and with it the look.
"""

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from edge.core.events import AccessPointId
from edge.core.preview import Network, NoLook, is_on_site
from edge.kiosk.asked import from_our_page
from edge.kiosk.texts import Both

PREVIEW_PATH = "/preview/{access_point}"
BODY_MAX = 2_048
LENGTH_BYTES = 4  # before each picture
WAIT_S = 1.0

TITLE = Both("查看门口画面", "Look through the door's camera")
HOLD = Both("按住查看", "Hold to look")
HOW = Both(
    "按住按钮（或空格键）时显示画面，松开即停。不录像；谁在何时查看了多久会被记录。",
    "The picture is there while the button or the space bar is held, and gone when it is let go. Nothing is recorded; who looked, when and for how long is.",
)
LOOKING = Both("正在查看", "Looking")
ENDED = Both("已结束。再次查看请回到门岗页面。", "Ended. For another look, go back to the gate staff's page.")
REFUSED = Both(
    "现在不能查看。请回到门岗页面重新申请。", "No look now. Go back to the gate staff's page and ask again."
)
BUSY = Both("另一位同事正在查看，请稍后再试。", "Somebody else is looking just now; ask again in a moment.")
NO_TICKET = Both("请从门岗页面打开本页。", "Open this page from the gate staff's page.")
PICTURE = Both("门口画面", "The door's picture")


class Held(Protocol):
    """One look, as the page needs it."""

    @property
    def over(self) -> bool: ...

    def listen(self, ring: Callable[[], None] | None) -> None: ...

    def take(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class PreviewPage:
    door: str
    title: Both = TITLE
    hold: Both = HOLD
    how: Both = HOW
    looking: Both = LOOKING
    ended: Both = ENDED
    refused: Both = REFUSED
    busy: Both = BUSY
    no_ticket: Both = NO_TICKET
    picture: Both = PICTURE


class PreviewPages:
    """``GET`` shows the button, ``POST`` shows pictures; both only to the networks that were written down."""

    def __init__(
        self,
        networks: tuple[Network, ...],
        doors: frozenset[AccessPointId],
        begin: "Callable[[AccessPointId, str, str], Future[Held | NoLook]]",
        end: "Callable[[Held, str], Future[None]]",
        templates: Environment,
    ) -> None:
        self._networks, self._doors = networks, doors
        self._begin, self._end = begin, end
        self._templates = templates

    async def page(self, request: Request, access_point: str) -> Response:
        if not is_on_site(_address(request), self._networks):
            return PlainTextResponse("not from here", 403)
        if AccessPointId(access_point) not in self._doors:
            return PlainTextResponse("no camera at this door", 404)
        page = PreviewPage(access_point)
        return HTMLResponse(self._templates.get_template("preview.html").render(page=page))

    async def look(self, request: Request, access_point: str) -> Response:
        if not from_our_page(request):
            return PlainTextResponse("only from this node's own page", 403)
        ticket = await _ticket(request)
        begun = self._begin(AccessPointId(access_point), ticket, _address(request))
        look = await asyncio.wrap_future(begun)
        if isinstance(look, NoLook):
            return PlainTextResponse(look.value, 409 if look is NoLook.BUSY else 403)
        return _Pictures(look, self._end)


class _Pictures(Response):
    """Length and picture, one after the other, until the button is let go or the time is over."""

    media_type = "application/octet-stream"

    def __init__(self, look: Held, end: "Callable[[Held, str], Future[None]]") -> None:
        super().__init__()
        del self.headers["content-length"]
        self._look, self._end = look, end

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.create_task(_until_gone(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await self._show(send, gone)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            why = "released" if gone.done() else "time"
            gone.cancel()
            self._look.listen(None)
            self._end(self._look, why)  # on the node's loop, whatever becomes of this one

    async def _show(self, send: Send, gone: "asyncio.Task[None]") -> None:
        """Who has not taken the last picture is sent no other: ``send`` waits, and the newest replaces the rest."""
        changed, loop = asyncio.Event(), asyncio.get_running_loop()
        self._look.listen(lambda: _ring(loop, changed))
        while not (gone.done() or self._look.over):
            changed.clear()
            jpeg = self._look.take()
            if jpeg:
                body = len(jpeg).to_bytes(LENGTH_BYTES, "big") + jpeg
                await send({"type": "http.response.body", "body": body, "more_body": True})
            else:
                waiting = asyncio.create_task(changed.wait())
                await asyncio.wait({waiting, gone}, timeout=WAIT_S, return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()


def _ring(loop: asyncio.AbstractEventLoop, changed: asyncio.Event) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(changed.set)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _address(request: Request) -> str:
    return request.client.host if request.client is not None else ""


async def _ticket(request: Request) -> str:
    """What the page sent, empty for anything else."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > BODY_MAX:
            return ""
    try:
        ticket = json.loads(body)["ticket"]
    except (ValueError, KeyError, TypeError):
        return ""
    return ticket if isinstance(ticket, str) else ""
