"""An application asked without a server: over ASGI, from a plain test; a stream that never ends is left after its beginning."""

import asyncio
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import httpx
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOST = "http://gatehouse.test"


class Asked:
    """``with`` it; one loop for all questions."""

    def __init__(self, app: ASGIApp) -> None:
        self._runner = asyncio.Runner()
        transport = httpx.ASGITransport(app=_leaving(app), raise_app_exceptions=False)
        self._client = httpx.AsyncClient(transport=transport, base_url=HOST)

    def __enter__(self) -> "Asked":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._runner.run(self._client.aclose())
        self._runner.close()

    def ask(self, method: str, address: str, **words: Any) -> httpx.Response:
        """No cookie is kept from one question to the next."""
        self._client.cookies.clear()
        return self._runner.run(self._client.request(method, address, **words))


def _leaving(app: ASGIApp) -> ASGIApp:
    """Ends every stream of events after its first part, as a browser that goes away does."""

    async def asked(scope: Scope, receive: Receive, send: Send) -> None:
        streams = left = False

        async def said(message: Message) -> None:
            nonlocal streams, left
            if left:
                return
            if message["type"] == "http.response.start":
                streams = (b"text/event-stream", True) in [
                    (value.split(b";")[0], name.lower() == b"content-type")
                    for name, value in message["headers"]
                ]
            elif streams:
                left, message = True, {**message, "more_body": False}
            await send(message)

        await app(scope, receive, said)

    return asked


def routes_of(routes: Any) -> Iterator[Route]:
    """Every address of an application with what it takes, as its routers have them."""
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from routes_of(inner.routes)
        elif isinstance(route, Route):
            yield route


def fields_of(route: BaseRoute, kind: str) -> list[Any]:
    """The places of its form or body (``body_params``) or of its question (``query_params``)."""
    dependant = getattr(route, "dependant", None)
    return list(getattr(dependant, kind, ())) if dependant is not None else []
