"""What every answer carries, and how much anybody may send: two small wraps around the application."""

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# No inline script or style, nothing from elsewhere, no frames: what a template forgets, the browser refuses.
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
YEAR_S = 31_536_000

# A form or a small JSON body; a guest's code key is 44 characters.
BODY_BYTES_MAX = 64 * 1024
# A year of bookings of a large community is below 5 MB of CSV.
IMPORT_BYTES_MAX = 10 * 1024 * 1024
IMPORT_PATH = "/api/v1/imports/"
TOO_LARGE = "What was sent is larger than this address takes; send it in smaller parts."


class SecureHeaders:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._add(MutableHeaders(scope=message), scope)
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _add(self, headers: MutableHeaders, scope: Scope) -> None:
        for name, value in HEADERS.items():
            headers.setdefault(name, value)
        if scope["scheme"] == "https":
            headers.setdefault("strict-transport-security", f"max-age={YEAR_S}")
        if not scope["path"].startswith("/static/"):
            headers.setdefault("cache-control", "no-store")


class BodyLimit:
    """Refuses a body as soon as it is longer than its address takes, whatever its headers say."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = IMPORT_BYTES_MAX if scope["path"].startswith(IMPORT_PATH) else BODY_BYTES_MAX
        received = 0

        async def receive_some() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > most:
                raise HTTPException(413, TOO_LARGE)
            return message

        await self._app(scope, receive_some, send)
