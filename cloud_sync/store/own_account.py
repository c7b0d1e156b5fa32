"""``OwnAccount`` of ports_accounts.py: what a person changes of their own way in, on record, each with the password once more."""

from dataclasses import dataclass
from typing import Any

import pyotp
import sqlalchemy as sa

from cloud_sync.core.accounts import PasskeySite, Way
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports import Clock, User
from cloud_sync.ports_accounts import AccountView, Challenge, Enrolment
from cloud_sync.store import audit
from cloud_sync.store.accounts import SqlAccounts
from cloud_sync.store.ceremonies import Kind
from cloud_sync.store.passkeys import NAME_MAX, Passkeys
from cloud_sync.store.second_factor import new_secret, plain, step_of

ISSUER = "Gatehouse"


@dataclass(frozen=True, slots=True)
class _Own:
    user: User
    way: Way
    device: str
    unfinished: bool


class SqlOwnAccount:
    def __init__(
        self,
        engine: sa.Engine,
        community: str,
        clock: Clock,
        accounts: SqlAccounts,
        site: PasskeySite | None,
    ) -> None:
        self._engine = engine
        self._community = community
        self._clock = clock
        self._accounts = accounts
        self._logins, self._ceremonies = accounts.logins, accounts.ceremonies
        self._factors = accounts.factors
        self._passkeys = Passkeys(engine, community, clock, accounts.key, accounts.ceremonies, site)

    @property
    def site(self) -> PasskeySite | None:
        return self._passkeys.site

    def view(self, token: str) -> AccountView:
        own = self._own(token)
        name = own.user.name
        return AccountView(
            own.user,
            self._logins.lines(token, name),
            self._factors.since_ms(name),
            self._factors.recovery_left(name),
            self._passkeys.lines(name),
            own.unfinished,
        )

    # --- sessions and password ----------------------------------------------------------------------------------

    def end_session(self, token: str, id_: str) -> None:
        self._logins.end_one(self._own(token).user.name, id_)

    def end_others(self, token: str) -> None:
        self._logins.end_others(token, self._own(token).user.name)

    def change_password(self, token: str, old: str, new: str) -> str:
        own = self._own(token)
        self._accounts.prove(own.user.name, old)
        return self._accounts.set_password(own.user.name, new, own.way, own.device)

    # --- the code of an app -------------------------------------------------------------------------------------

    def begin_totp(self, token: str, password: str) -> Enrolment:
        user = self._own(token).user
        self._accounts.prove(user.name, password)
        if self._factors.is_on(user.name):
            raise Refused("totp.on", "a code is asked for already.")
        secret = new_secret()
        ceremony = self._ceremonies.begin(Kind.TOTP, user.name, self._accounts.key.seal(user.name, secret))
        return self._shown(ceremony, user.name, secret)

    def enrolment(self, token: str, ceremony: str) -> Enrolment:
        user = self._own(token).user
        return self._shown(ceremony, user.name, self._waiting(user, ceremony))

    def confirm_totp(self, token: str, ceremony: str, code: str) -> tuple[tuple[str, ...], str]:
        user = self._own(token).user
        secret = self._waiting(user, ceremony)
        step = step_of(secret, plain(code), self._clock.now_ms(), 0)
        if step is None:
            raise Refused("totp.code", "this is not the code.")
        if self._ceremonies.take(Kind.TOTP, ceremony) is None:
            raise Refused("totp.over", "this took too long; begin again.")
        with self._engine.begin() as connection:
            codes = self._factors.turn_on_in(connection, user.name, secret, step)
            self._note(connection, user, "user.totp_on")
            return codes, self._logins.rotate_in(connection, token, user.name, Way.CODE)

    def end_totp(self, token: str, password: str, code: str) -> None:
        user = self._own(token).user
        self._accounts.prove(user.name, password)
        if self._accounts.check_code(user.name, code) is None:
            raise Refused("totp.code", "this is not the code.")
        with self._engine.begin() as connection:
            self._factors.turn_off_in(connection, user.name)
            self._note(connection, user, "user.totp_off")

    def _waiting(self, user: User, ceremony: str) -> str:
        held = self._ceremonies.look(Kind.TOTP, ceremony)
        if held is None or held.user != user.name:
            raise Refused("totp.over", "this took too long; begin again.")
        return self._accounts.key.open(user.name, held.said)

    def _shown(self, ceremony: str, name: str, secret: str) -> Enrolment:
        uri = pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=f"{ISSUER} {self._community}")
        return Enrolment(ceremony, secret, uri)

    # --- passkeys -----------------------------------------------------------------------------------------------

    def begin_passkey(self, token: str, password: str) -> Challenge:
        user = self._own(token).user
        self._accounts.prove(user.name, password)
        return self._passkeys.begin(user.name)

    def add_passkey(self, token: str, ceremony: str, answer: str, name: str) -> str:
        user, called = self._own(token).user, name.strip()
        if not 1 <= len(called) <= NAME_MAX:
            raise Refused("passkey.name", f"a passkey has a name of 1 to {NAME_MAX} characters.")
        made = self._passkeys.verified(user.name, ceremony, answer)
        with self._engine.begin() as connection:
            self._passkeys.keep_in(connection, user.name, called, made)
            self._note(connection, user, "user.passkey_add")
            return self._logins.rotate_in(connection, token, user.name, Way.PASSKEY)

    def remove_passkey(self, token: str, id_: str, password: str) -> None:
        user = self._own(token).user
        self._accounts.prove(user.name, password)
        with self._engine.begin() as connection:
            if not self._passkeys.remove_in(connection, user.name, id_):
                raise NotFound("there is no such passkey.")
            self._note(connection, user, "user.passkey_remove")

    def begin_sign_in(self) -> Challenge:
        return self._passkeys.begin_sign_in()

    def sign_in(self, ceremony: str, answer: str, device: str) -> str | None:
        name = self._passkeys.take(ceremony, answer)
        return None if name is None else self._logins.begin(name, Way.PASSKEY, device)

    # --- within -------------------------------------------------------------------------------------------------

    def _own(self, token: str) -> _Own:
        """Whose session this is.

        Raises:
            Refused: it has ended meanwhile.
        """
        held = self._logins.find(token)
        if held is None:
            raise Refused("account.session", "this session is over; log in again.")
        line: Any = next(one for one in self._logins.lines(token, held.user.name) if one.own)
        return _Own(held.user, Way(line.way), line.device, held.unfinished)

    def _note(self, connection: sa.Connection, user: User, action: str) -> None:
        deed = audit.Deed(user.name, user.role, action, user.name)
        audit.record(connection, self._community, deed, self._clock.now_ms())
