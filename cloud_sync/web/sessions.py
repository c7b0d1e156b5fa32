"""Who is asking, and whether the form is ours: session cookie, and a token against forged posts."""

import secrets
from dataclasses import dataclass
from hmac import compare_digest

from starlette.requests import Request
from starlette.responses import Response

from cloud_sync.core.roles import Right, may
from cloud_sync.errors import Refused
from cloud_sync.ports import SESSION_COOKIE, Accounts, Session

# Before anybody is logged in there is no session to keep a token in: the form and this cookie carry the same one.
FORM_COOKIE = "gatehouse_form"
# Between the two steps of a login.
STEP_COOKIE = "gatehouse_step"
FORM_TOKEN_BYTES = 24
FORM_RULE = "csrf"


class LoginNeeded(Exception):
    """Nobody is logged in on this browser; the page to go to is the login."""


@dataclass(frozen=True, slots=True)
class Sessions:
    accounts: Accounts

    def current(self, request: Request) -> Session | None:
        token = request.cookies.get(SESSION_COOKIE)
        return self.accounts.session(token) if token else None

    def need(self, request: Request) -> Session:
        session = self.current(request)
        if session is None:
            raise LoginNeeded
        request.state.advised = session.advised
        return session

    def any(self, request: Request) -> Session | None:
        """Also who has to set up a second factor before anything else."""
        token = request.cookies.get(SESSION_COOKIE)
        return self.accounts.any_session(token) if token else None

    def need_right(self, request: Request, right: Right) -> Session:
        """Who is logged in, if their role may do this."""
        session = self.need(request)
        if not may(session.user.role, right):
            raise Refused(f"role.{right.name}", f"The role {session.user.role} may not: {right.value}.")
        return session

    def end(self, request: Request) -> None:
        token = request.cookies.get(SESSION_COOKIE)
        if token:
            self.accounts.logout(token)


def set_cookie(request: Request, response: Response, name: str, value: str) -> None:
    """A cookie for this site and no script; over TLS only, when this page came over TLS."""
    secure = request.url.scheme == "https"
    response.set_cookie(name, value, httponly=True, samesite="strict", secure=secure)


def form_token(request: Request) -> str:
    return request.cookies.get(FORM_COOKIE) or secrets.token_urlsafe(FORM_TOKEN_BYTES)


def check_form(expected: str | None, sent: str) -> None:
    """Refuse a form that was not made by a page of ours."""
    if not expected or not compare_digest(expected.encode(), sent.encode()):
        raise Refused(FORM_RULE, "This form has expired; load the page again and send it once more.")
