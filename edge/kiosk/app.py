"""The kiosk page of each door: printed with its present screen, then kept up to date by server-sent events."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from ipaddress import ip_address
from pathlib import Path

import structlog
from fastapi import FastAPI
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge.core.events import AccessPointId
from edge.kiosk import texts
from edge.kiosk.asked import from_our_page
from edge.kiosk.code import qr_svg
from edge.kiosk.preview import PREVIEW_PATH, PreviewPages
from edge.kiosk.roll import ROLL_PATH, RollPages
from edge.kiosk.state import Door, DoorView, HelpState, KioskState, Listener

HERE = Path(__file__).parent

# The page says "not connected" when it has heard nothing for three of these.
HEARTBEAT_S = 5.0

# One screen a door, a guard's browser, an engineer's: more on one node is not a kiosk.
SCREENS_OPEN_MAX = 16

PIN_BODY_MAX = 64  # {"pin":"…"} with twelve digits, and room to be written differently
PIN_CHARS_MAX = 12

# Takes digits to a door on the node's own loop; the future ends when the door has answered.
Keypad = Callable[[AccessPointId, str], Future[None]]
# Tells the node that somebody calls for help at a door; what becomes of it comes back as the door's view.
Bell = Callable[[AccessPointId], object]

log = structlog.get_logger()

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
# The one page with a form of its own; everything else speaks by script.
ROLL_HEADERS = HEADERS | {
    "content-security-policy": HEADERS["content-security-policy"].replace(
        "form-action 'none'", "form-action 'self'"
    )
}


@dataclass(frozen=True, slots=True)
class KioskPage:
    view: DoorView
    sentence: texts.Sentence
    banners: tuple[texts.Both, ...]
    no_connection: texts.Both
    alarm: texts.Both | None
    help: texts.Both | None
    words: "Words"


@dataclass(frozen=True, slots=True)
class Words:
    """What stands on the keypad, below the code and on the buttons."""

    open: texts.Both = texts.PIN_OPEN
    title: texts.Both = texts.PIN_TITLE
    clear: texts.Both = texts.PIN_CLEAR
    close: texts.Both = texts.PIN_CLOSE
    enter: texts.Both = texts.PIN_ENTER
    busy: texts.Both = texts.PIN_BUSY
    short: texts.Both = texts.PIN_SHORT
    scan: texts.Both = texts.SCAN
    tools: texts.Both = texts.TOOLS
    larger: texts.Both = texts.LARGER
    zh: texts.Both = texts.TONGUE_ZH
    en: texts.Both = texts.TONGUE_EN
    sound_blocked: texts.Both = texts.SOUND_BLOCKED
    help: texts.Both = texts.HELP_OPEN
    help_again: texts.Both = texts.HELP_AGAIN


@dataclass(frozen=True, slots=True)
class DoorsPage:
    doors: tuple[Door, ...]
    title: texts.Both


class LocalOnly:
    """Answers this machine and its private network, nobody else; and adds the headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(ROLL_HEADERS if scope["path"] == ROLL_PATH else HEADERS)
            await send(message)

        app = self._app if _is_local(scope) else PlainTextResponse("local network only", 403)
        await app(scope, receive, send_with_headers)


def _is_local(scope: Scope) -> bool:
    try:
        address = ip_address((scope.get("client") or ("",))[0])
    except ValueError:
        return False
    return address.is_private or address.is_loopback or address.is_link_local


class KioskPages:
    def __init__(self, state: KioskState, keypad: Keypad | None, bell: Bell | None) -> None:
        self._state = state
        self._keypad = keypad
        self._bell = bell
        self._typing: set[AccessPointId] = set()
        self._screens: set[asyncio.Event] = set()
        self._closing = False
        self._templates = templates()

    async def doors(self) -> Response:
        """One door: its screen.  Several: a list to choose from."""
        page = DoorsPage(self._state.doors, texts.CHOOSE_DOOR)
        if len(page.doors) == 1:
            return Response(status_code=307, headers={"location": f"/{page.doors[0].access_point}"})
        return self._page("doors.html", page)

    async def door(self, access_point: str) -> Response:
        view = self._state.view(AccessPointId(access_point))
        if view is None:
            return self._page("doors.html", DoorsPage(self._state.doors, texts.NO_SUCH_DOOR), 404)
        page = KioskPage(
            view,
            texts.sentence_of(view),
            texts.banners_of(view),
            texts.lost_text(view),
            texts.alarm_text(view),
            texts.help_text(view),
            Words(),
        )
        return self._page("kiosk.html", page)

    async def register_code(self, access_point: str) -> Response:
        """The address to register at as a QR code."""
        view = self._state.view(AccessPointId(access_point))
        if view is None or not view.door.register_url:
            return PlainTextResponse("no address to register at", 404)
        return Response(qr_svg(view.door.register_url), media_type="image/svg+xml")

    async def pin(self, request: Request, access_point: str) -> Response:
        """Digits for a door: taken or not taken, never right or wrong; the screen tells the person the rest."""
        door = AccessPointId(access_point)
        view = self._state.view(door)
        if self._keypad is None or view is None or not view.pin_pad:
            return PlainTextResponse("no keypad here", 404)
        if not from_our_page(request):
            return PlainTextResponse("only from the screen's own page", 403)
        digits = await _digits(request)
        if digits is None:
            return PlainTextResponse("not digits", 422)
        if door in self._typing:
            return PlainTextResponse("one at a time", 429)
        self._typing.add(door)
        asyncio.wrap_future(self._keypad(door, digits)).add_done_callback(
            lambda done: self._typed(door, done)
        )
        return Response(status_code=202)

    def _typed(self, door: AccessPointId, done: "asyncio.Future[None]") -> None:
        self._typing.discard(door)
        if not done.cancelled() and (error := done.exception()) is not None:
            log.error("pin_failed", access_point=door, why=repr(error))

    async def help(self, request: Request, access_point: str) -> Response:
        """Somebody calls for help: passed on or not; the screen tells the person what became of it."""
        door = AccessPointId(access_point)
        view = self._state.view(door)
        if self._bell is None or view is None or not view.fittings.help_call:
            return PlainTextResponse("no call for help here", 404)
        if not from_our_page(request):
            return PlainTextResponse("only from the screen's own page", 403)
        if view.help_state is not HelpState.NONE:
            return PlainTextResponse("called already", 429)
        self._bell(door)
        return Response(status_code=202)

    async def live(self, access_point: str) -> Response:
        door = AccessPointId(access_point)
        if self._state.view(door) is None:
            return PlainTextResponse("no such door", 404)
        if len(self._screens) >= SCREENS_OPEN_MAX:
            return PlainTextResponse("too many screens are open", 503)
        return StreamingResponse(self._stream(door), media_type="text/event-stream")

    def close(self) -> None:
        """End every stream, so that the server can stop; called in the server's loop."""
        self._closing = True
        for changed in self._screens:
            changed.set()

    async def _stream(self, door: AccessPointId) -> AsyncIterator[str]:
        """The present screen at once, then each newest one; a change nobody looked at in time is skipped."""
        changed = asyncio.Event()
        end = self._state.listen(door, _ringer(changed))
        self._screens.add(changed)
        try:
            while not self._closing:
                changed.clear()
                yield f"retry: 1000\nevent: screen\ndata: {_news(self._state.view(door))}\n\n"
                await _set_within(changed, HEARTBEAT_S)
        finally:
            self._screens.discard(changed)
            end()

    def _page(self, template: str, page: KioskPage | DoorsPage, status: int = 200) -> HTMLResponse:
        return HTMLResponse(self._templates.get_template(template).render(page=page), status)


def _ringer(changed: asyncio.Event) -> Listener:
    """Sets the event from whichever thread the node shows a screen in."""
    loop = asyncio.get_running_loop()

    def ring() -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(changed.set)

    return ring


async def _set_within(event: asyncio.Event, within_s: float) -> None:
    try:
        async with asyncio.timeout(within_s):
            await event.wait()
    except TimeoutError:
        pass  # the heartbeat: the same screen is sent again, and the page knows that the node is there


async def _digits(request: Request) -> str | None:
    """What was typed, or None for anything else."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > PIN_BODY_MAX:
            return None
    try:
        pin = json.loads(body)["pin"]
    except (ValueError, KeyError, TypeError):
        return None
    fits = isinstance(pin, str) and pin.isascii() and pin.isdigit() and len(pin) <= PIN_CHARS_MAX
    return pin if fits else None


def _news(view: DoorView | None) -> str:
    assert view is not None, "doors are never taken away while the node runs"
    sentence, alarm, called = texts.sentence_of(view), texts.alarm_text(view), texts.help_text(view)
    news = {
        "screen": view.screen.value,
        "title": asdict(sentence.title),
        "hint": asdict(sentence.hint),
        "banners": [asdict(banner) for banner in texts.banners_of(view)],
        "alarm": view.alarm.value,
        "alarm_text": None if alarm is None else asdict(alarm),
        "said": view.said.value,
        "times": view.times,
        "help": view.help_state.value,
        "help_text": None if called is None else asdict(called),
    }
    return json.dumps(news, ensure_ascii=False)


def templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined
    )


def create_kiosk(
    state: KioskState,
    keypad: Keypad | None = None,
    bell: Bell | None = None,
    roll: RollPages | None = None,
    preview: PreviewPages | None = None,
) -> FastAPI:
    """``/`` chooses a door, ``/{access_point}`` is its screen; local network only, no login, nothing personal."""
    app = FastAPI(title="Gatehouse kiosk", docs_url=None, redoc_url=None, openapi_url=None)
    pages = KioskPages(state, keypad, bell)
    app.state.pages = pages
    app.mount("/static", StaticFiles(directory=HERE / "static"))
    app.add_api_route("/", pages.doors, methods=["GET"])
    if roll is not None:
        app.add_api_route(ROLL_PATH, roll.form, methods=["GET"])
        app.add_api_route(ROLL_PATH, roll.roll, methods=["POST"])
    if preview is not None:
        app.add_api_route(PREVIEW_PATH, preview.page, methods=["GET"])
        app.add_api_route(PREVIEW_PATH, preview.look, methods=["POST"])
    app.add_api_route("/live/{access_point}", pages.live, methods=["GET"])
    app.add_api_route("/{access_point}/register.svg", pages.register_code, methods=["GET"])
    app.add_api_route("/{access_point}/pin", pages.pin, methods=["POST"])
    app.add_api_route("/{access_point}/help", pages.help, methods=["POST"])
    app.add_api_route("/{access_point}", pages.door, methods=["GET"])
    app.add_middleware(LocalOnly)
    return app
