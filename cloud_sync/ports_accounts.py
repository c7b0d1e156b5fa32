"""What somebody who is logged in sees and changes of their own way in, and what a login page needs for passkeys."""

from dataclasses import dataclass
from typing import Protocol

from cloud_sync.core.accounts import PasskeySite
from cloud_sync.ports import User


@dataclass(frozen=True, slots=True)
class SessionLine:
    """One browser that is logged in; ``id`` names it and opens nothing."""

    id: str
    began_ms: int
    seen_ms: int
    device: str  # core.accounts.device_of
    way: str
    own: bool


@dataclass(frozen=True, slots=True)
class PasskeyLine:
    id: str
    name: str
    made_ms: int
    used_ms: int | None


@dataclass(frozen=True, slots=True)
class AccountView:
    user: User
    sessions: tuple[SessionLine, ...]
    totp_ms: int | None  # since when a code is asked for
    recovery_left: int
    passkeys: tuple[PasskeyLine, ...]
    unfinished: bool  # comes no further before there is a second factor


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A secret on its way into somebody's app."""

    token: str
    secret: str
    uri: str


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a browser has to answer, once and soon; ``options`` is the JSON of the browser's own interface."""

    token: str
    options: str


class OwnAccount(Protocol):
    """Every call names the session it comes from; each change of a way in asks for the password once more."""

    @property
    def site(self) -> PasskeySite | None:
        """None: there are no passkeys here."""
        ...

    def view(self, token: str) -> AccountView: ...

    def end_session(self, token: str, id_: str) -> None: ...

    def end_others(self, token: str) -> None: ...

    def change_password(self, token: str, old: str, new: str) -> str:
        """Every session ends; the new one of this browser."""
        ...

    def begin_totp(self, token: str, password: str) -> Enrolment: ...

    def enrolment(self, token: str, ceremony: str) -> Enrolment:
        """The same once more, for who mistyped the code."""
        ...

    def confirm_totp(self, token: str, ceremony: str, code: str) -> tuple[tuple[str, ...], str]:
        """The recovery codes, never seen again, and this browser's new session; all others end."""
        ...

    def end_totp(self, token: str, password: str, code: str) -> None: ...

    def begin_passkey(self, token: str, password: str) -> Challenge: ...

    def add_passkey(self, token: str, ceremony: str, answer: str, name: str) -> str:
        """This browser's new session; all others end."""
        ...

    def remove_passkey(self, token: str, id_: str, password: str) -> None: ...

    def begin_sign_in(self) -> Challenge:
        """For a browser of which nothing is known yet."""
        ...

    def sign_in(self, ceremony: str, answer: str, device: str) -> str | None:
        """A new session token, or None."""
        ...
