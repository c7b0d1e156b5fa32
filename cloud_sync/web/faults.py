"""What a reader sees when it did not work: a page in words for people, problem details for programs."""

import re
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from cloud_sync.errors import SyncError
from cloud_sync.ports import Accounts
from cloud_sync.web.accounts import go
from cloud_sync.web.guest import faults as guest
from cloud_sync.web.headers import HEADERS
from cloud_sync.web.render import MessagePage, answer, chrome_of
from cloud_sync.web.sessions import LoginNeeded, Sessions
from cloud_sync.web.texts import mark, texts

TITLES = {
    401: mark("Please log in"),
    403: mark("Not allowed"),
    404: mark("Not found"),
    405: mark("Not possible here"),
    413: mark("Too large"),
    422: mark("Something in the form is missing"),
    500: mark("Something went wrong here"),
    503: mark("The records cannot be read right now"),
}
SENTENCES = {
    401: mark("This page is for the community's staff."),
    403: mark("A rule of the house says no; go back and try it another way."),
    404: mark("There is no such page. Guests open the link they were sent; staff start from the dashboard."),
    405: mark("This address does not take that kind of request."),
    413: mark("What was sent is larger than this address takes; send it in smaller parts."),
    422: mark("Go back, look at the fields once more, and send the form again."),
    500: mark(
        "The gates work on by themselves. Load the page again; if it stays like this, read the service's log."
    ),
    503: mark("The gates work on by themselves. Wait a moment and load the page again."),
}


PROGRAMS = ("/api/", "/healthz")  # who asks there reads problem details


class Faults:
    def __init__(self, accounts: Accounts, guests: guest.GuestFaults) -> None:
        self._accounts = accounts
        self._guests = guests

    def install(self, app: FastAPI) -> None:
        app.add_exception_handler(LoginNeeded, self.login_needed)
        app.add_exception_handler(HTTPException, self.http_error)
        app.add_exception_handler(RequestValidationError, self.bad_form)
        app.add_exception_handler(SyncError, self.sync_error)
        app.add_exception_handler(500, self.crash)

    def login_needed(self, request: Request, _error: Exception) -> Response:
        """Send people to the login, and a page that refreshes a part of itself as a whole."""
        where = "/login" if self._accounts.has_users() else "/first-run"
        held = Sessions(self._accounts).any(request)
        if held is not None and held.unfinished:
            where = "/account"
        if request.headers.get("hx-request"):
            return Response(status_code=401, headers={"hx-redirect": where})
        if request.url.path.startswith("/live"):
            return _problem(401, "Log in first; the stream is for the community's staff.")
        return go(where)

    def http_error(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        said = self._say(request, error.status_code, str(error.detail))
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            named = (error.headers or {}).get("allow", "")
            described = _allowed(request) if request.url.path.startswith(PROGRAMS) else ""
            said.headers["allow"] = described or named
        return said

    def bad_form(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        nowhere = any(fault["loc"][0] == "path" for fault in error.errors())
        if nowhere and request.url.path.startswith(guest.PAGES):
            return self._say(request, 404, "There is no such address.")
        return self._say(request, 422, "A field is missing or too long.")

    def sync_error(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, SyncError)
        return self._say(request, error.status, str(error))

    def crash(self, request: Request, _error: Exception) -> Response:
        """The last line of defence; the error itself goes to the log, never to the page."""
        response = self._say(request, 500, "Something went wrong here; the service's log says what.")
        response.headers.update(HEADERS)
        return response

    def _say(self, request: Request, status: int, sentence: str) -> Response:
        """To a guest in a guest's words, to a program as details, to staff as a page."""
        path = request.url.path
        if path.startswith(guest.PAGES):
            return self._guests.status(request, status)
        if path.startswith(guest.API):
            return _problem(status, guest.explain(request, status))
        if path.startswith((*PROGRAMS, "/live")):
            return _problem(status, sentence)
        return _page(request, status)


def _allowed(request: Request) -> str:
    """Every method of this address: the router names those of the first line that fits."""
    described, methods = request.app.openapi()["paths"], set[str]()
    if request.url.path in described:  # an address of its own is no value of a longer one
        described = {request.url.path: described[request.url.path]}
    for path, calls in described.items():
        if re.fullmatch(re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(path)), request.url.path):
            methods |= {method.upper() for method in calls}
    return ", ".join(sorted(methods))


def _problem(status: int, sentence: str) -> Response:
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": sentence}
    return JSONResponse(body, status_code=status, media_type="application/problem+json")


def _page(request: Request, status: int) -> Response:
    chrome = chrome_of(request)
    say = texts(chrome.lang)
    title = say(TITLES.get(status, TITLES[500]))
    words = say(SENTENCES.get(status, SENTENCES[500]))
    return answer(request, "message.html", MessagePage(chrome, status, title, words), status)
