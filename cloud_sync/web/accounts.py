"""First run, login in one step or two or by passkey, logout."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from cloud_sync.core.accounts import device_of
from cloud_sync.errors import Refused
from cloud_sync.ports import SESSION_COOKIE, Accounts, FactorNeeded
from cloud_sync.ports_accounts import OwnAccount
from cloud_sync.web.render import Chrome, CodePage, FirstRunPage, LoginPage, answer, chrome_of
from cloud_sync.web.sessions import (
    FORM_COOKIE,
    FORM_RULE,
    STEP_COOKIE,
    LoginNeeded,
    Sessions,
    check_form,
    form_token,
    set_cookie,
)
from cloud_sync.web.texts import mark, texts

# Long enough for a passphrase, short enough that hashing it is no gift to an attacker.
FIELD_CHARS_MAX = 200
Field = Annotated[str, Form(max_length=FIELD_CHARS_MAX)]
# A browser's answer with a large key and a statement of its maker's; most are below one thousand.
Answer = Annotated[str, Form(max_length=16_000)]

# The same floor as the accounts': said here in two languages, enforced there.
PASSWORD_CHARS_MIN = 10

WRONG_LOGIN = mark(
    "Name or password is not right. After several wrong tries there is a wait of a few minutes."
)
WRONG_CODE = mark(
    "This code is not right, or was used before. Wait for the next one, or use a recovery code."
)
STEP_OVER = mark("That took too long. Begin again with name and password.")
WRONG_PASSKEY = mark("This passkey was not accepted. Try again, or log in with name and password.")
PASSKEY_ONLY = mark("You need a second factor here, and you have a passkey: log in with it.")
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


def device(request: Request) -> str:
    return device_of(request.headers.get("user-agent", ""))


def _said(problem: str, chrome: Chrome) -> str:
    return texts(chrome.lang)(problem) if problem else ""


class AccountPages:
    """Every post is checked against the token of the page it came from."""

    def __init__(self, accounts: Accounts, own: OwnAccount | None) -> None:
        self._accounts = accounts
        self._own = own
        self._sessions = Sessions(accounts)
        self.router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        self.router.add_api_route("/first-run", self.show_first_run, methods=["GET"])
        self.router.add_api_route("/first-run", self.first_run, methods=["POST"])
        self.router.add_api_route("/login", self.show_login, methods=["GET"])
        self.router.add_api_route("/login", self.login, methods=["POST"])
        self.router.add_api_route("/login/code", self.show_code, methods=["GET"])
        self.router.add_api_route("/login/code", self.code, methods=["POST"])
        self.router.add_api_route("/logout", self.logout, methods=["POST"])
        if own is not None and own.site is not None:
            self.router.add_api_route("/login/passkey/options", self.passkey_options, methods=["POST"])
            self.router.add_api_route("/login/passkey", self.passkey, methods=["POST"])

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

    def show_code(self, request: Request) -> Response:
        return self._code_page(request, "") if request.cookies.get(STEP_COOKIE) else go("/login")

    def code(self, request: Request, csrf: Field = "", code: Field = "") -> Response:
        try:
            check_form(request.cookies.get(FORM_COOKIE), csrf)
        except Refused as refused:
            return self._code_page(request, EXPIRED_FORM, refused.status)
        try:
            step = request.cookies.get(STEP_COOKIE, "")
            token = self._accounts.second_step(step, code, device(request))
        except Refused as refused:
            return self._no_entry(request, refused, STEP_OVER)
        return self._code_page(request, WRONG_CODE, 401) if token is None else self._let_in(request, token)

    def passkey_options(self, request: Request, csrf: Field = "") -> Response:
        """A challenge for this browser's authenticator, as JSON for the page's script."""
        assert self._own is not None
        check_form(request.cookies.get(FORM_COOKIE), csrf)
        asked = self._own.begin_sign_in()
        return JSONResponse({"ceremony": asked.token, "options": asked.options})

    def passkey(
        self, request: Request, csrf: Field = "", ceremony: Field = "", answer: Answer = ""
    ) -> Response:
        assert self._own is not None
        try:
            check_form(request.cookies.get(FORM_COOKIE), csrf)
        except Refused as refused:
            return self._login_page(request, EXPIRED_FORM, "", refused.status)
        try:
            token = self._own.sign_in(ceremony, answer, device(request))
        except Refused as refused:
            return self._no_entry(request, refused, WRONG_PASSKEY)
        return (
            self._login_page(request, WRONG_PASSKEY, "", 401)
            if token is None
            else self._let_in(request, token)
        )

    def _no_entry(self, request: Request, refused: Refused, otherwise: str) -> Response:
        """It was the right person, on a day without a duty; or something else."""
        off_duty = refused.rule == "duty"
        return self._login_page(request, OFF_DUTY if off_duty else otherwise, "", 403 if off_duty else 401)

    def login(self, request: Request, csrf: Field = "", name: Field = "", password: Field = "") -> Response:
        try:
            check_form(request.cookies.get(FORM_COOKIE), csrf)
        except Refused as refused:
            return self._login_page(request, EXPIRED_FORM, name, refused.status)
        return self._enter(request, name.strip(), password)

    def logout(self, request: Request, csrf: Field = "") -> Response:
        session = self._sessions.any(request)
        if session is None:
            raise LoginNeeded
        check_form(session.csrf, csrf)
        self._sessions.end(request)
        response = go("/login")
        response.delete_cookie(SESSION_COOKIE)
        return response

    def _enter(self, request: Request, name: str, password: str) -> Response:
        try:
            entered = self._accounts.login(name, password, device(request))
        except Refused:
            return self._login_page(request, OFF_DUTY, name, 403)
        if entered is None:
            return self._login_page(request, WRONG_LOGIN, name, 401)
        if isinstance(entered, str):
            return self._let_in(request, entered)
        return self._ask_more(request, entered, name)

    def _ask_more(self, request: Request, needed: FactorNeeded, name: str) -> Response:
        if not needed.step:
            return self._login_page(request, PASSKEY_ONLY, name, 401)
        response = go("/login/code")
        set_cookie(request, response, STEP_COOKIE, needed.step)
        return response

    def _let_in(self, request: Request, token: str) -> Response:
        """A fresh session; whatever this browser had before ends."""
        self._sessions.end(request)
        response = go("/")
        set_cookie(request, response, SESSION_COOKIE, token)
        response.delete_cookie(FORM_COOKIE)
        response.delete_cookie(STEP_COOKIE)
        return response

    def _code_page(self, request: Request, problem: str, status: int = 200) -> Response:
        chrome = chrome_of(request, csrf=form_token(request))
        response = answer(request, "account/code.html", CodePage(chrome, _said(problem, chrome)), status)
        set_cookie(request, response, FORM_COOKIE, chrome.csrf)
        return response

    def _login_page(self, request: Request, problem: str, name: str, status: int = 200) -> Response:
        chrome = chrome_of(request, csrf=form_token(request))
        site = self._own.site if self._own is not None else None
        page = LoginPage(chrome, _said(problem, chrome), name, site.origin if site else "")
        response = answer(request, "login.html", page, status)
        set_cookie(request, response, FORM_COOKIE, chrome.csrf)
        return response

    def _first_run_page(self, request: Request, problem: str, name: str, status: int = 200) -> Response:
        chrome = chrome_of(request, csrf=form_token(request))
        page = FirstRunPage(chrome, _said(problem, chrome), name)
        response = answer(request, "first_run.html", page, status)
        set_cookie(request, response, FORM_COOKIE, chrome.csrf)
        return response
