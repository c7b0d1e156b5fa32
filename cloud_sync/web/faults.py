"""What a reader sees when it did not work: a page in words for people, problem details for programs."""

from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from cloud_sync.errors import SyncError
from cloud_sync.ports import Accounts
from cloud_sync.web.accounts import go
from cloud_sync.web.headers import HEADERS
from cloud_sync.web.render import MessagePage, answer, chrome_of
from cloud_sync.web.sessions import LoginNeeded
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
# Guests have a link and no dashboard.
GUEST_PATHS = ("/g/", "/arrive")
GUEST_SENTENCES = {
    404: mark("There is no such page; open the link of your booking once more, or ask the gate staff."),
    405: mark("There is no such page; open the link of your booking once more, or ask the gate staff."),
    500: mark("The gates work on by themselves. Load the page again, or ask the gate staff."),
}
SENTENCES = {
    401: mark("This page is for the community's staff."),
    403: mark("A rule of the house says no; go back and try it another way."),
    404: mark("There is no such page; the dashboard is a good place to start from."),
    405: mark("This address does not take that kind of request."),
    413: mark("What was sent is larger than this address takes; send it in smaller parts."),
    422: mark("Go back, look at the fields once more, and send the form again."),
    500: mark(
        "The gates work on by themselves. Load the page again; if it stays like this, read the service's log."
    ),
    503: mark("The gates work on by themselves. Wait a moment and load the page again."),
}


class Faults:
    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    def install(self, app: FastAPI) -> None:
        app.add_exception_handler(LoginNeeded, self.login_needed)
        app.add_exception_handler(HTTPException, self.http_error)
        app.add_exception_handler(RequestValidationError, self.bad_form)
        app.add_exception_handler(SyncError, self.sync_error)
        app.add_exception_handler(500, self.crash)

    def login_needed(self, request: Request, _error: Exception) -> Response:
        """Send people to the login, and a page that refreshes a part of itself as a whole."""
        where = "/login" if self._accounts.has_users() else "/first-run"
        if request.headers.get("hx-request"):
            return Response(status_code=401, headers={"hx-redirect": where})
        if request.url.path.startswith("/live"):
            return _problem(401, "Log in first; the stream is for the community's staff.")
        return go(where)

    def http_error(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return _say(request, error.status_code, str(error.detail))

    def bad_form(self, request: Request, _error: Exception) -> Response:
        return _say(request, 422, "A field is missing or too long.")

    def sync_error(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, SyncError)
        return _say(request, error.status, str(error))

    def crash(self, request: Request, _error: Exception) -> Response:
        """The last line of defence; the error itself goes to the log, never to the page."""
        response = _say(request, 500, "Something went wrong here; the service's log says what.")
        response.headers.update(HEADERS)
        return response


def _problem(status: int, sentence: str) -> Response:
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": sentence}
    return JSONResponse(body, status_code=status, media_type="application/problem+json")


def _say(request: Request, status: int, sentence: str) -> Response:
    if request.url.path.startswith(("/api/", "/live")):
        return _problem(status, sentence)
    chrome = chrome_of(request)
    say = texts(chrome.lang)
    title = say(TITLES.get(status, TITLES[500]))
    guest = request.url.path.startswith(GUEST_PATHS)
    known = {**SENTENCES, **GUEST_SENTENCES} if guest else SENTENCES
    words = say(known.get(status, known[500]))
    return answer(request, "message.html", MessagePage(chrome, status, title, words, guest), status)
