"""One's own account: where one is logged in, the password, the code of an app, and passkeys."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Annotated

import segno
from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, Response

from cloud_sync.core.accounts import Way
from cloud_sync.core.roles import Role
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports import SESSION_COOKIE, Session
from cloud_sync.ports_accounts import AccountView, Challenge, Enrolment, OwnAccount, PasskeyLine, SessionLine
from cloud_sync.web import words
from cloud_sync.web.accounts import DIFFERENT, SHORT, Answer, Field, go
from cloud_sync.web.board import Speaker
from cloud_sync.web.language import language_of
from cloud_sync.web.render import Chrome, answer, chrome_of
from cloud_sync.web.services import Services
from cloud_sync.web.sessions import LoginNeeded, Sessions, check_form, set_cookie
from cloud_sync.web.texts import Texts, mark, texts

CONFLICT = 409
SessionId = Annotated[str, Form(max_length=64)]

ROLES: Mapping[str, str] = MappingProxyType({
    Role.GUARD: mark("gate staff"),
    Role.OFFICER: mark("community officer"),
    Role.ADMIN: mark("administrator"),
    Role.OPERATOR: mark("operator of the listing"),
    Role.STREET: mark("street office"),
    Role.DEPARTMENT: mark("a department"),
})  # fmt: skip
WAYS: Mapping[str, str] = MappingProxyType({
    Way.PASSWORD: mark("with the password"),
    Way.CODE: mark("with password and code"),
    Way.RECOVERY: mark("with password and a recovery code"),
    Way.PASSKEY: mark("with a passkey"),
})  # fmt: skip
PROBLEMS: Mapping[str, str] = MappingProxyType({
    "account.password": mark("This is not your password, or it was wrong too often: then wait a few minutes."),
    "account.short": SHORT,
    "totp.code": mark("This code is not right, or was used before. Wait for the next one."),
    "totp.over": mark("That took too long. Begin again."),
    "totp.on": mark("A code is asked for already."),
    "passkey.over": mark("That took too long. Begin again."),
    "passkey.answer": mark("This passkey was not accepted."),
    "passkey.name": mark("Give the passkey a name."),
    "passkey.many": mark("You have ten passkeys already; remove one first."),
    "passkey.site": mark("There are no passkeys here."),
})  # fmt: skip
DONE: Mapping[str, str] = MappingProxyType({
    "password": mark("Your password is changed; every other login of yours has ended."),
    "off": mark("No code is asked for any more."),
    "passkey": mark("The passkey is kept; every other login of yours has ended."),
    "removed": mark("The passkey is removed."),
    "ended": mark("That login has ended."),
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class LoginRow:
    id: str
    device: str
    way: str
    began: str
    seen: str
    own: bool


@dataclass(frozen=True, slots=True)
class KeyRow:
    id: str
    name: str
    made: str
    used: str  # empty: never


@dataclass(frozen=True, slots=True)
class OwnPage:
    chrome: Chrome
    role: str
    logins: tuple[LoginRow, ...]
    code_since: str  # empty: no code is asked for
    recovery_left: int
    keys: tuple[KeyRow, ...]
    origin: str  # empty: there are no passkeys here
    unfinished: bool
    problem: str = ""
    done: str = ""


@dataclass(frozen=True, slots=True)
class EnrolPage:
    chrome: Chrome
    ceremony: str
    secret: str
    picture: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class CodesPage:
    """The only page that ever shows these."""

    chrome: Chrome
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KeyPage:
    chrome: Chrome
    ceremony: str
    options: str
    origin: str


@dataclass(frozen=True, slots=True)
class _Asked:
    session: Session
    token: str
    chrome: Chrome
    by: Speaker


class OwnAccountPages:
    """Open to every login, also to one that has to set up a second factor first."""

    def __init__(self, services: Services, own: OwnAccount) -> None:
        self._services = services
        self._own = own
        self._sessions = Sessions(services.accounts)
        self.router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        self.router.add_api_route("/account", self.show, methods=["GET"])
        for name, deed in (
            ("sessions/end", self.end_session),
            ("sessions/end-others", self.end_others),
            ("password", self.password),
            ("code", self.begin_code),
            ("code/confirm", self.confirm_code),
            ("code/off", self.code_off),
            ("passkey", self.begin_passkey),
            ("passkey/confirm", self.confirm_passkey),
            ("passkey/remove", self.remove_passkey),
        ):
            self.router.add_api_route(f"/account/{name}", deed, methods=["POST"])

    def show(self, request: Request, done: str = "") -> Response:
        asked = self._asked(request)
        return self._page(request, asked, done=words.say(DONE, done, asked.by.say) if done in DONE else "")

    # --- sessions and password ----------------------------------------------------------------------------------

    def end_session(self, request: Request, csrf: Field = "", login: SessionId = "") -> Response:
        asked = self._posted(request, csrf)
        self._own.end_session(asked.token, login)
        return go("/account?done=ended")

    def end_others(self, request: Request, csrf: Field = "") -> Response:
        asked = self._posted(request, csrf)
        self._own.end_others(asked.token)
        return go("/account?done=ended")

    def password(
        self, request: Request, csrf: Field = "", password: Field = "", new: Field = "", again: Field = ""
    ) -> Response:
        asked = self._posted(request, csrf)
        if new != again:
            return self._page(request, asked, problem=asked.by.say(DIFFERENT))
        try:
            token = self._own.change_password(asked.token, password, new)
        except Refused as refused:
            return self._page(request, asked, problem=_why(refused, asked.by.say))
        return _again(request, token, "password")

    # --- the code of an app -------------------------------------------------------------------------------------

    def begin_code(self, request: Request, csrf: Field = "", password: Field = "") -> Response:
        asked = self._posted(request, csrf)
        try:
            begun = self._own.begin_totp(asked.token, password)
        except Refused as refused:
            return self._page(request, asked, problem=_why(refused, asked.by.say))
        return self._enrol_page(request, asked, begun)

    def confirm_code(
        self, request: Request, csrf: Field = "", ceremony: Field = "", code: Field = ""
    ) -> Response:
        asked = self._posted(request, csrf)
        try:
            codes, token = self._own.confirm_totp(asked.token, ceremony, code)
        except Refused as refused:
            if refused.rule != "totp.code":
                return self._page(request, asked, problem=_why(refused, asked.by.say))
            begun = self._own.enrolment(asked.token, ceremony)
            return self._enrol_page(request, asked, begun, _why(refused, asked.by.say))
        fresh = self._services.accounts.any_session(token)
        chrome = replace(asked.chrome, csrf=fresh.csrf if fresh is not None else "")
        page = CodesPage(chrome, tuple(f"{one[:4]} {one[4:8]} {one[8:]}" for one in codes))
        response = answer(request, "account/codes.html", page)
        set_cookie(request, response, SESSION_COOKIE, token)
        return response

    def code_off(
        self, request: Request, csrf: Field = "", password: Field = "", code: Field = ""
    ) -> Response:
        asked = self._posted(request, csrf)
        try:
            self._own.end_totp(asked.token, password, code)
        except Refused as refused:
            return self._page(request, asked, problem=_why(refused, asked.by.say))
        return go("/account?done=off")

    def _enrol_page(self, request: Request, asked: _Asked, begun: Enrolment, problem: str = "") -> Response:
        picture = segno.make(begun.uri, error="m", micro=False).svg_data_uri(scale=5, border=4)
        secret = " ".join(begun.secret[at : at + 4] for at in range(0, len(begun.secret), 4))
        page = EnrolPage(asked.chrome, begun.token, secret, picture, problem)
        return answer(request, "account/enrol.html", page, CONFLICT if problem else 200)

    # --- passkeys -----------------------------------------------------------------------------------------------

    def begin_passkey(self, request: Request, csrf: Field = "", password: Field = "") -> Response:
        asked = self._posted(request, csrf)
        try:
            begun: Challenge = self._own.begin_passkey(asked.token, password)
        except Refused as refused:
            return self._page(request, asked, problem=_why(refused, asked.by.say))
        page = KeyPage(asked.chrome, begun.token, begun.options, self._origin())
        return answer(request, "account/passkey.html", page)

    def confirm_passkey(
        self,
        request: Request,
        csrf: Field = "",
        ceremony: Field = "",
        answer: Answer = "",
        name: Field = "",
    ) -> Response:
        asked = self._posted(request, csrf)
        try:
            token = self._own.add_passkey(asked.token, ceremony, answer, name)
        except Refused as refused:
            return self._page(request, asked, problem=_why(refused, asked.by.say))
        return _again(request, token, "passkey")

    def remove_passkey(
        self, request: Request, csrf: Field = "", key: Answer = "", password: Field = ""
    ) -> Response:
        asked = self._posted(request, csrf)
        try:
            self._own.remove_passkey(asked.token, key, password)
        except Refused as refused:
            return self._page(request, asked, problem=_why(refused, asked.by.say))
        except NotFound:
            return go("/account")  # removed already, on another page
        return go("/account?done=removed")

    # --- within -------------------------------------------------------------------------------------------------

    def _asked(self, request: Request) -> _Asked:
        token, session = request.cookies.get(SESSION_COOKIE, ""), self._sessions.any(request)
        if session is None:
            raise LoginNeeded
        by = Speaker(texts(language_of(request)), self._services.zone)
        place = by.name(self._services.name_zh, self._services.name_en)
        chrome = chrome_of(request, user=session.user.name, csrf=session.csrf, place=place)
        return _Asked(session, token, chrome, by)

    def _posted(self, request: Request, csrf: str) -> _Asked:
        asked = self._asked(request)
        check_form(asked.session.csrf, csrf)
        return asked

    def _origin(self) -> str:
        return self._own.site.origin if self._own.site is not None else ""

    def _page(self, request: Request, asked: _Asked, *, problem: str = "", done: str = "") -> Response:
        view = self._own.view(asked.token)
        page = _own_page(view, asked, self._origin(), problem, done)
        return answer(request, "account/own.html", page, CONFLICT if problem else 200)


def _own_page(view: AccountView, asked: _Asked, origin: str, problem: str, done: str) -> OwnPage:
    by = asked.by
    return OwnPage(
        asked.chrome,
        words.say(ROLES, view.user.role, by.say),
        tuple(_login_row(line, by) for line in view.sessions),
        by.day_and_clock(view.totp_ms) if view.totp_ms is not None else "",
        view.recovery_left,
        tuple(_key_row(line, by) for line in view.passkeys),
        origin,
        view.unfinished,
        problem,
        done,
    )


def _login_row(line: SessionLine, by: Speaker) -> LoginRow:
    browser, _, system = line.device.partition("/")
    device = by.say(
        mark("%(browser)s on %(system)s"),
        browser=browser or by.say(mark("A browser")),
        system=system or by.say(mark("an unknown system")),
    )
    way = words.say(WAYS, line.way, by.say)
    began, seen = by.day_and_clock(line.began_ms), by.day_and_clock(line.seen_ms)
    return LoginRow(line.id, device, way, began, seen, line.own)


def _key_row(line: PasskeyLine, by: Speaker) -> KeyRow:
    used = by.day_and_clock(line.used_ms) if line.used_ms is not None else ""
    return KeyRow(line.id, line.name, by.day_and_clock(line.made_ms), used)


def _again(request: Request, token: str, done: str) -> Response:
    """Back to the page with this browser's new session."""
    response = go(f"/account?done={done}")
    set_cookie(request, response, SESSION_COOKIE, token)
    return response


def _why(refused: Refused, say: Texts) -> str:
    """A session that ended meanwhile is no sentence of this page but the login."""
    if refused.rule not in PROBLEMS:
        raise LoginNeeded
    return say(PROBLEMS[refused.rule])
