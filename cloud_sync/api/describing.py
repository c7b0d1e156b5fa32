"""The description of the interface (OpenAPI 3.1): what is asked for, who may, and every no as problem details."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi

from cloud_sync.api.answering import KEY_HEADER, REPLAYED_HEADER
from cloud_sync.api.callers import CSRF_HEADER
from cloud_sync.api.problems import PROBLEM_TYPE
from cloud_sync.core.roles import Right
from cloud_sync.ports import SESSION_COOKIE

VERSION = "1.0.0"
RIGHT = "x-gatehouse-right"
SUMMARY = "Bookings, listings, zones and figures of one community, for programs."
INTRO = (
    "Every no is `application/problem+json` (RFC 9457): `detail` is one sentence, `type` names the rule of the house. "
    "Times are milliseconds since 1970 UTC where a name ends in `_ms`. No answer holds a name or a document number."
)


class Who(StrEnum):
    """Whose call it is."""

    ANYBODY = "anybody"
    READER = "whoever may read"
    WRITER = "whoever may write"
    PERSON = "a person, logged in"
    PROGRAM = "a program, by its key"
    GUEST = "a guest, by their link"
    NODE = "a node, by its signature"


# What is shown: any one of these lines, and all of a line.
ASKED: Mapping[Who, tuple[tuple[str, ...], ...]] = {
    Who.ANYBODY: (),
    Who.READER: (("session",), ("token",)),
    Who.WRITER: (("session", "csrf"), ("token",)),
    Who.PERSON: (("session", "csrf"),),
    Who.PROGRAM: (("key",),),
    Who.GUEST: ((),),
    Who.NODE: (),
}
SCHEMES: Mapping[str, Mapping[str, str]] = {
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": SESSION_COOKIE,
        "description": "The cookie of the pages, after a login there.",
    },
    "csrf": {
        "type": "apiKey",
        "in": "header",
        "name": CSRF_HEADER,
        "description": "The token of that session, from `GET /api/v1/session`; a call that writes sends it.",
    },
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token of `gatehouse-sync tokens make`; it may what its scopes say.",
    },
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": "A key of `gatehouse-sync intake key`, for one source of bookings or one operator's returns.",
    },
}
TAGS: Mapping[str, str] = {
    "who": "Who is asking.",
    "bookings": "What platforms and operators bring.",
    "listings": "An operator's own listings, from filing to leaving.",
    "register": "The community's records for whoever integrates: read-only, page by page, no person in them.",
    "zones": "Commands to every door of a zone, by two people.",
    "figures": "Numbers, each with numerator, denominator and as-of time.",
    "guest": "What a guest's phone asks, by the guest's own link.",
    "nodes": "What gate nodes ask.",
    "service": "The service itself.",
}
SAID: Mapping[int, str] = {
    400: "The body cannot be read.",
    401: "Nobody is logged in, or the token is wrong, over or revoked.",
    403: "A rule of the house says no; `type` names it.",
    404: "There is no such record in this community.",
    409: "The same call is being done.",
    413: "The body is larger than this address takes.",
    422: "The request is not as described, or its Idempotency-Key came with another body before.",
    429: "Too many; `retry-after` says when again.",
    503: "The records cannot be used right now.",
}
PROBLEM: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "Problem details (RFC 9457).",
    "properties": {
        "type": {
            "type": "string",
            "description": "about:blank, or urn:gatehouse:rule: and the rule's name.",
        },
        "title": {"type": "string", "description": "The status in words."},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "One sentence for whoever reads it."},
        "fault": {"type": "string", "description": "For whoever writes the program: where and what."},
    },
    "required": ["type", "title", "status", "detail"],
    "additionalProperties": False,
}
TEXT_HEADER = {"schema": {"type": "string"}}
ERRORS_OF: Mapping[Who, tuple[int, ...]] = {
    Who.ANYBODY: (),
    Who.READER: (401, 403, 429),
    Who.WRITER: (401, 403, 429),
    Who.PERSON: (401, 403, 429),
    Who.PROGRAM: (401, 403),
    Who.GUEST: (403, 404),
    Who.NODE: (403, 404),
}


@dataclass(frozen=True, slots=True)
class Says:
    """What the description says of one call; ``errors`` beside those that every call of its kind can have."""

    summary: str
    tag: str
    who: Who
    errors: tuple[int, ...] = ()
    status: int = 200
    needs: Right | None = None  # of a login, or among a token's scopes
    also: Mapping[int, str] | None = None  # another status with the same answer
    content: Mapping[str, Any] | None = None  # of an answer that is no JSON
    body: Mapping[str, Any] | None = None  # where the body is read by hand


def add(router: APIRouter, method: str, path: str, call: Callable[..., Any], says: Says, **more: Any) -> None:
    """One call with everything that is said of it."""
    once = method == "POST" and says.who in {Who.WRITER, Who.PROGRAM, Who.PERSON}
    statuses = {*ERRORS_OF[says.who], *says.errors, *((409, 422, 429) if once else ()), 422, 503}
    if method in {"POST", "PUT"} and (says.body is not None or _has_body(call)):
        statuses |= {400, 413}
    extra: dict[str, Any] = {"security": [{name: [] for name in one} for one in ASKED[says.who]]}
    if says.needs is not None:
        extra[RIGHT] = says.needs.name
    if once:
        extra["parameters"] = [_key_parameter()]
    if says.body is not None:
        extra["requestBody"] = says.body
    answers: dict[int | str, dict[str, Any]] = {status: _no(status) for status in sorted(statuses)}
    answers[says.status] = _yes(says, once)
    for status, said in (says.also or {}).items():
        answers[status] = {**_yes(says, once), "description": said}
        if "response_model" not in more and says.status != 204:
            answers[status]["model"] = call.__annotations__["return"]
    router.add_api_route(
        path,
        call,
        methods=[method],
        summary=says.summary,
        tags=[says.tag],
        status_code=says.status,
        responses=answers,
        openapi_extra=extra,
        operation_id=f"{says.tag}_{call.__name__}",
        **more,
    )


def _has_body(call: Callable[..., Any]) -> bool:
    return "wish" in call.__annotations__  # what a call is sent is called so throughout


def _yes(says: Says, once: bool) -> dict[str, Any]:
    said: dict[str, Any] = {"description": "As asked."}
    if says.content is not None:
        said["content"] = says.content
    if once:
        replayed = {**TEXT_HEADER, "description": "`true` where this answer was given before."}
        said["headers"] = {REPLAYED_HEADER: replayed}
    return said


def _no(status: int) -> dict[str, Any]:
    example = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": SAID[status].replace("`", ""),
    }
    no: dict[str, Any] = {
        "description": SAID[status],
        "content": {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}},
    }
    if status == 401:
        no["headers"] = {"www-authenticate": TEXT_HEADER}
    if status == 429:
        no["headers"] = {"retry-after": {"schema": {"type": "integer", "minimum": 1}}}
    return no


def _key_parameter() -> dict[str, Any]:
    return {
        "name": KEY_HEADER,
        "in": "header",
        "required": False,
        "description": "Sent twice within a day with the same body, the call is done once and answered twice.",
        "schema": {"type": "string", "pattern": "^[\\x21-\\x7e]{1,128}$"},
        "example": "0b1c9f6e-7d0f-4a55-9f7e-1c2d3e4f5a6b",
    }


def describe(app: FastAPI) -> None:
    """The application tells its interface, and nothing of its pages."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _described(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _described(app: FastAPI) -> dict[str, Any]:
    made = get_openapi(
        title="Gatehouse", version=VERSION, summary=SUMMARY, description=INTRO, routes=app.routes
    )
    made["tags"] = [{"name": name, "description": said} for name, said in TAGS.items()]
    parts = made.setdefault("components", {})
    parts["securitySchemes"] = {name: dict(scheme) for name, scheme in SCHEMES.items()}
    schemas = parts.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = PROBLEM
    return made
