"""The calls of the HTTP interface and what webhooks tell, printed from the routers and tables themselves for docs/api.md."""

from typing import Any, cast

from fastapi import FastAPI

from cloud_sync.api.bookings import booking_router
from cloud_sync.api.callers import Callers
from cloud_sync.api.describing import RIGHT, TAGS, describe
from cloud_sync.api.listings import listing_router
from cloud_sync.api.metrics import metrics_router
from cloud_sync.api.nodes import node_router
from cloud_sync.api.records import records_router
from cloud_sync.api.v1 import create_router
from cloud_sync.api.zones import zone_router
from cloud_sync.core.webhooks import KINDS
from docs.printed import NONE, table

NOBODY = cast("Any", None)  # the description asks no port


def calls() -> str:
    """Method and address, who calls, the right it needs, and what it is for."""
    paths = _described()["paths"]
    rows = [
        (call["tags"][0], f"`{method.upper()} {path}`", _who(call), _right(call), call["summary"])
        for path, some in paths.items()
        for method, call in some.items()
    ]
    order = list(TAGS)
    rows.sort(key=lambda row: order.index(row[0]))
    return table(("call", "who", "right", "what for"), [row[1:] for row in rows])


def kinds() -> str:
    return table(("kind", "told when"), [(f"`{kind}`", said) for kind, said in KINDS.items()])


def _described() -> dict[str, Any]:
    app, callers = FastAPI(), Callers(NOBODY)
    words = ("community", "reader", "accounts", "registry", "clock", "explain")
    for router in (
        create_router(**dict.fromkeys(words, NOBODY), callers=callers),
        zone_router(callers, NOBODY),
        node_router(NOBODY),
        booking_router(NOBODY, callers),
        listing_router(callers, NOBODY, NOBODY),
        records_router(callers, NOBODY),
        metrics_router(callers, NOBODY, cast("Any", object())),
    ):
        app.include_router(router)
    describe(app)
    return app.openapi()


def _who(call: dict[str, Any]) -> str:
    asked = {name for one in call["security"] for name in one}
    if "token" in asked:
        return "session or token"
    if "session" in asked:
        return "session"
    if "key" in asked:
        return "key"
    return {"guest": "guest's link", "nodes": "node's signature"}.get(call["tags"][0], "anybody")


def _right(call: dict[str, Any]) -> str:
    named = call.get(RIGHT)
    return f"`{named}`" if named else NONE
