"""Who calls: somebody logged in, by the cookie of the pages, or a program, by a token that speaks for somebody."""

from dataclasses import dataclass
from hmac import compare_digest

from fastapi import HTTPException, Request
from fastapi.routing import APIRoute

from cloud_sync.api.answering import Admit, once_route
from cloud_sync.api.problems import ProblemRoute
from cloud_sync.core.roles import MAY, Right, role_of
from cloud_sync.errors import Refused
from cloud_sync.ports import SESSION_COOKIE, Accounts, User
from cloud_sync.ports_api import Answers, ApiTokens, Holder

CSRF_HEADER = "x-csrf-token"
CHALLENGE = {"www-authenticate": 'Bearer realm="gatehouse"'}
TOKEN_MAX = 200


@dataclass(frozen=True, slots=True)
class Caller:
    """``csrf`` is empty for a token: nothing makes a browser send one unasked."""

    user: User
    rights: frozenset[Right]
    csrf: str = ""
    holder: Holder | None = None


class Callers:
    """Asked by every call that is not a guest's or a node's."""

    def __init__(
        self, accounts: Accounts, tokens: ApiTokens | None = None, answers: Answers | None = None
    ) -> None:
        self._accounts = accounts
        self._tokens = tokens
        self._answers = answers
        self.route = self.route_for(self.who)

    def route_for(self, admit: Admit) -> type[APIRoute]:
        """Routes whose callers ``admit`` knows; a POST may carry an Idempotency-Key."""
        return ProblemRoute if self._answers is None else once_route(self._answers, admit)

    def who(self, request: Request) -> Caller:
        """Raises 401 where nobody is."""
        bearer = bearer_of(request)
        caller = self._token(request, bearer) if bearer is not None else self._session(request)
        if caller is None:
            raise HTTPException(
                401, "Log in first, or send a token in the header Authorization: Bearer TOKEN.", CHALLENGE
            )
        return caller

    def reads(self, request: Request, right: Right) -> Caller:
        """Who calls, if they may.

        Raises:
            Refused: their role, or their token, may not.
        """
        caller = self.who(request)
        if right in caller.rights:
            return caller
        if caller.holder is not None:
            raise Refused(f"token.{right.name}", f"The token {caller.holder.token} may not: {right.value}.")
        raise Refused(f"role.{right.name}", f"The role {caller.user.role} may not: {right.value}.")

    def writes(self, request: Request, right: Right, *, person: bool = False) -> Caller:
        """As ``reads``, for a call that changes something; a session sends its token too.

        ``person``: what only somebody who is there may do, and no program for them.
        """
        caller = self.reads(request, right)
        if caller.holder is not None:
            if person or self._tokens is None:
                raise Refused("token.person", "This is a person's to do, logged in; a token cannot.")
            self._tokens.wrote(caller.holder, f"{request.method} {request.url.path}")
            return caller
        sent = request.headers.get(CSRF_HEADER, "")
        if not compare_digest(caller.csrf.encode(), sent.encode()):
            raise Refused("csrf", f"Send the session's token in the header {CSRF_HEADER}.")
        return caller

    def _session(self, request: Request) -> Caller | None:
        token = request.cookies.get(SESSION_COOKIE)
        session = self._accounts.session(token) if token else None
        if session is None:
            return None
        role = role_of(session.user.role)
        return Caller(session.user, MAY[role] if role else frozenset(), session.csrf)

    def _token(self, request: Request, token: str) -> Caller | None:
        if self._tokens is None:
            return None
        holder = self._tokens.whose(token, address=address_of(request))
        return None if holder is None else Caller(holder.user, holder.rights, holder=holder)


def bearer_of(request: Request) -> str | None:
    """What stands behind ``Bearer``; None where the header is not there, empty where it is something else."""
    said = request.headers.get("authorization")
    if said is None:
        return None
    scheme, _, token = said.partition(" ")
    return token.strip()[:TOKEN_MAX] if scheme.lower() == "bearer" else ""


def address_of(request: Request) -> str:
    return request.client.host if request.client is not None else ""
