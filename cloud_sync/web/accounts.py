"""First run, login, logout."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from cloud_sync.errors import Refused
from cloud_sync.ports import SESSION_COOKIE, Accounts
from cloud_sync.web.render import Chrome, FirstRunPage, LoginPage, answer, chrome_of
from cloud_sync.web.sessions import FORM_COOKIE, FORM_RULE, Sessions, check_form, form_token, set_cookie
from cloud_sync.web.texts import mark, texts

# Long enough for a passphrase, short enough that hashing it is no gift to an attacker.
FIELD_CHARS_MAX = 200
Field = Annotated[str, Form(max_length=FIELD_CHARS_MAX)]

# The same floor as the accounts': said here in two languages, enforced there.
PASSWORD_CHARS_MIN = 10

WRONG_LOGIN = mark(
    "Name or password is not right. After several wrong tries there is a wait of a few minutes."
)
OFF_DUTY = mark("You have no duty today; ask the community officer for one.")
DIFFERENT = mark("The two passwords are not the same.")
SHORT = mark("Choose a password of at least 10 characters.")
NAMELESS = mark("Choose a name.")
EXISTS = mark("The first administrator exists already; please log in.")
WRONG_TOKEN = mark("This is not the setup token that was printed last.")
EXPIRED_FORM = mark("This form has expired; load the page again and send it once more.")


def go(path: str) -> RedirectResponse:
    return RedirectResponse(path, status_code=303)


def _first_run_problem(name: str, password: str, again: str) -> str | None:
    if not name:
        return NAMELESS
    if len(password) < PASSWORD_CHARS_MIN:
        return SHORT
    return DIFFERENT if password != again else None


def _said(problem: str, chrome: Chrome) -> str:
    return texts(chrome.lang)(problem) if problem else ""


class AccountPages:
    """Every post is checked against the token of the page it came from."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._sessions = Sessions(accounts)
        self.router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        self.router.add_api_route("/first-run", self.show_first_run, methods=["GET"])
        self.router.add_api_route("/first-run", self.first_run, methods=["POST"])
        self.router.add_api_route("/login", self.show_login, methods=["GET"])
        self.router.add_api_route("/login", self.login, methods=["POST"])
        self.router.add_api_route("/logout", self.logout, methods=["POST"])

    def show_first_run(self, request: Request) -> Response:
        if self._accounts.has_admin():
            return go("/login")
        return self._first_run_page(request, "", "")

    def first_run(
        self,
        request: Request,
        csrf: Field = "",
        name: Field = "",
        password: Field = "",
        again: Field = "",
        setup_token: Field = "",
    ) -> Response:
        name, problem = name.strip(), _first_run_problem(name.strip(), password, again)
        if problem is None:
            problem = self._create(request, csrf, name, password, setup_token)
        if problem is not None:
            return self._first_run_page(request, problem, name, 422)
        return self._enter(request, name, password)

    def _create(self, request: Request, csrf: str, name: str, password: str, setup_token: str) -> str | None:
        """Make the administrator, or say which rule spoke against it."""
        try:
            check_form(request.cookies.get(FORM_COOKIE), csrf)
            self._accounts.create_first_admin(name, password, setup_token.strip())
        except Refused as refused:
            if refused.rule == FORM_RULE:
                return EXPIRED_FORM
            return EXISTS if self._accounts.has_admin() else WRONG_TOKEN
        return None

    def show_login(self, request: Request) -> Response:
        if not self._accounts.has_users():
            return go("/first-run")
        if self._sessions.current(request) is not None:
            return go("/")
        return self._login_page(request, "", "")

    def login(self, request: Request, csrf: Field = "", name: Field = "", password: Field = "") -> Response:
        try:
            check_form(request.cookies.get(FORM_COOKIE), csrf)
        except Refused as refused:
            return self._login_page(request, EXPIRED_FORM, name, refused.status)
        return self._enter(request, name.strip(), password)

    def logout(self, request: Request, csrf: Field = "") -> Response:
        session = self._sessions.need(request)
        check_form(session.csrf, csrf)
        self._sessions.end(request)
        response = go("/login")
        response.delete_cookie(SESSION_COOKIE)
        return response

    def _enter(self, request: Request, name: str, password: str) -> Response:
        try:
            token = self._accounts.login(name, password)
        except Refused:
            return self._login_page(request, OFF_DUTY, name, 403)
        if token is None:
            return self._login_page(request, WRONG_LOGIN, name, 401)
        response = go("/")
        set_cookie(request, response, SESSION_COOKIE, token)
        response.delete_cookie(FORM_COOKIE)
        return response

    def _login_page(self, request: Request, problem: str, name: str, status: int = 200) -> Response:
        chrome = chrome_of(request, csrf=form_token(request))
        page = LoginPage(chrome, _said(problem, chrome), name)
        response = answer(request, "login.html", page, status)
        set_cookie(request, response, FORM_COOKIE, chrome.csrf)
        return response

    def _first_run_page(self, request: Request, problem: str, name: str, status: int = 200) -> Response:
        chrome = chrome_of(request, csrf=form_token(request))
        page = FirstRunPage(chrome, _said(problem, chrome), name)
        response = answer(request, "first_run.html", page, status)
        set_cookie(request, response, FORM_COOKIE, chrome.csrf)
        return response
