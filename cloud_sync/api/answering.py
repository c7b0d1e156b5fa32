"""``Idempotency-Key``: a POST that is sent twice is done once, and answered twice."""

import hashlib
import re
from collections.abc import Callable

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from cloud_sync.api.problems import Handler, ProblemRoute
from cloud_sync.errors import Refused, SyncError
from cloud_sync.ports import SESSION_COOKIE
from cloud_sync.ports_api import Answers, Kept

KEY_HEADER = "idempotency-key"
REPLAYED_HEADER = "idempotent-replayed"
KEY = re.compile(r"[\x21-\x7e]{1,128}")


Admit = Callable[[Request], object]


def once_route(answers: Answers, admit: Admit) -> type[APIRoute]:
    """A route whose POSTs may carry a key; what is not done leaves none behind.

    ``admit`` raises for whoever is nobody: a token that was revoked is not told again what it was told before.
    """

    class OnceRoute(ProblemRoute):
        def inner_handler(self) -> Handler:
            handle = super().inner_handler()
            return _once(answers, admit, handle) if "POST" in (self.methods or ()) else handle

    return OnceRoute


def _once(answers: Answers, admit: Admit, handle: Handler) -> Handler:
    async def handle_once(request: Request) -> Response:
        key, caller = request.headers.get(KEY_HEADER), _caller(request)
        if key is None or not caller:
            return await handle(request)
        if not KEY.fullmatch(key):
            raise Refused("idempotency", "An Idempotency-Key has 1 to 128 visible ASCII characters.")
        await run_in_threadpool(admit, request)
        digest = await _digest(request)
        kept = await run_in_threadpool(answers.begin, caller, key, digest)
        if kept is not None:
            return _again(kept)
        return await _do(answers, handle, request, caller, key)

    return handle_once


async def _do(answers: Answers, handle: Handler, request: Request, caller: str, key: str) -> Response:
    """What was refused changed nothing, and is judged anew; what was done is kept as it was said.

    What broke in an unknown way keeps the key: whether it was done is for a person to see.
    """
    try:
        answer = await handle(request)
    except (HTTPException, RequestValidationError, SyncError):
        await run_in_threadpool(answers.release, caller, key)
        raise
    media_type = answer.headers.get("content-type", "")
    kept = Kept(answer.status_code, media_type, bytes(answer.body))
    await run_in_threadpool(answers.finish, caller, key, kept)
    return answer


def _again(kept: Kept) -> Response:
    answer = Response(kept.body, kept.status, {REPLAYED_HEADER: "true"})
    if kept.media_type:
        answer.headers["content-type"] = kept.media_type
    return answer


def _caller(request: Request) -> str:
    """A key is one caller's own: whoever shows another token, or logs in anew, has other keys."""
    shown = request.headers.get("authorization") or request.cookies.get(SESSION_COOKIE, "")
    return hashlib.sha256(shown.encode()).hexdigest() if shown else ""


async def _digest(request: Request) -> str:
    said = f"{request.method} {request.url.path}\n".encode() + await request.body()
    return hashlib.sha256(said).hexdigest()
