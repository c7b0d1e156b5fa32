"""Every no of the HTTP interface as problem details (RFC 9457): one sentence, and the status it deserves."""

from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.responses import JSONResponse

from cloud_sync.errors import Conflict, NotFound, Refused, SyncError, TooMany

PROBLEM_TYPE = "application/problem+json"


def problem(
    status: int,
    sentence: str,
    *,
    rule: str | None = None,
    fault: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """``type`` is about:blank unless a rule of the house has a name; ``fault`` is for who writes the program."""
    body: dict[str, object] = {
        "type": f"urn:gatehouse:rule:{rule}" if rule else "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": sentence,
    }
    more = {} if fault is None else {"fault": fault}
    return JSONResponse(body | more, status_code=status, headers=headers, media_type=PROBLEM_TYPE)


def _first_fault(error: RequestValidationError) -> str:
    """Where and what, never the value that was sent: it may be a person's."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part != "body")
    return f"{place or 'body'}: {first['msg']}."


Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class ProblemRoute(APIRoute):
    """A route whose failures are problem details wherever it is mounted."""

    def inner_handler(self) -> Handler:
        """What is asked first; its failures are told as problems."""
        return super().get_route_handler()

    def get_route_handler(self) -> Handler:
        handle = self.inner_handler()

        async def handle_or_explain(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                return problem(422, _first_fault(error))
            except (HTTPException, StarletteHTTPException) as error:
                return problem(error.status_code, str(error.detail), headers=error.headers)
            except (Refused, Conflict) as error:
                return problem(error.status, str(error), rule=error.rule)
            except TooMany as error:
                return problem(error.status, str(error), headers={"retry-after": str(error.wait_s)})
            except SyncError as error:
                return problem(error.status, str(error))

        return handle_or_explain


# The sentence for a rule of the records or a status of HTTP, in the language of the request.
Explain = Callable[[Request, str | int], str]


def for_guests(explain: Explain) -> type[APIRoute]:
    """Problem details whose ``detail`` can be shown to a guest as it is: what is the matter, and what to do next."""

    class GuestRoute(APIRoute):
        def get_route_handler(self) -> Handler:
            handle = super().get_route_handler()

            async def handle_or_explain(request: Request) -> Response:
                try:
                    return await handle(request)
                except RequestValidationError as error:
                    return _unreadable(request, error, explain)
                except Refused as error:
                    return _no(request, error, error.rule, explain)
                except NotFound as error:
                    return _no(request, error, error.rule or LINK, explain)
                except SyncError as error:
                    return problem(error.status, explain(request, error.status), fault=str(error))

            return handle_or_explain

    return GuestRoute


LINK = "link"


def _no(request: Request, error: SyncError, rule: str, explain: Explain) -> JSONResponse:
    return problem(error.status, explain(request, rule), rule=rule, fault=str(error))


def _unreadable(request: Request, error: RequestValidationError, explain: Explain) -> JSONResponse:
    """An address that can be no link is told like one that is none."""
    if error.errors()[0]["loc"][0] == "path":
        return problem(404, explain(request, LINK), rule=LINK, fault=_first_fault(error))
    return problem(422, explain(request, 422), fault=_first_fault(error))
