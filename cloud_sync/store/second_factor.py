"""The code of an app (TOTP, RFC 6238) beside a password, and the ten codes for the day the phone is gone."""

import hmac
import re
import secrets
from typing import Any

import pyotp
import sqlalchemy as sa

from cloud_sync.core.accounts import Way
from cloud_sync.ports import Clock
from cloud_sync.store import audit
from cloud_sync.store.engine import reading
from cloud_sync.store.factor_key import FactorKey
from cloud_sync.store.tables_accounts import passkey, recovery_code, totp, user

STEP_MS = 30_000
STEPS_AROUND = 1  # a phone's clock may be off by one step, and typing takes time
RECOVERY_CODES = 10
RECOVERY_CHARS = 12
ALPHABET = (
    "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that is read as something else; twelve of them are 59 bits
)
_BETWEEN = re.compile(r"[\s-]+")


def new_secret() -> str:
    return pyotp.random_base32()


def step_of(secret: str, code: str, now_ms: int, after: int) -> int | None:
    """Which step of time this is the code of, if it is one that may be taken: near now, and later than ``after``."""
    app, now = pyotp.TOTP(secret), now_ms // STEP_MS
    for step in range(now - STEPS_AROUND, now + STEPS_AROUND + 1):
        if step > after and hmac.compare_digest(app.generate_otp(step).encode(), code.encode()):
            return step
    return None


def plain(code: str) -> str:
    """As people type it: with spaces, dashes and capitals, or without."""
    return _BETWEEN.sub("", code).lower()


class SecondFactors:
    def __init__(self, engine: sa.Engine, community: str, clock: Clock, key: FactorKey) -> None:
        self._engine = engine
        self._community = community
        self._clock = clock
        self._key = key

    def is_on(self, name: str) -> bool:
        return self.since_ms(name) is not None

    def since_ms(self, name: str) -> int | None:
        """Since when this person is asked for a code; None: not at all."""
        with reading(self._engine).connect() as connection:
            found = connection.execute(sa.select(totp.c.made_ms).where(*self._of(totp, name)))
            return found.scalar_one_or_none()

    def has_passkey(self, name: str) -> bool:
        with reading(self._engine).connect() as connection:
            query = sa.select(passkey.c.credential).where(*self._of(passkey, name)).limit(1)
            return connection.execute(query).first() is not None

    def recovery_left(self, name: str) -> int:
        count = sa.select(sa.func.count()).select_from(recovery_code).where(*self._of(recovery_code, name))
        with reading(self._engine).connect() as connection:
            return int(connection.execute(count).scalar_one())

    def turn_on_in(self, connection: sa.Connection, name: str, secret: str, step: int) -> tuple[str, ...]:
        """From now on a code is asked for; the recovery codes, which are not kept."""
        connection.execute(sa.delete(totp).where(*self._of(totp, name)))
        row = {"box": self._key.seal(name, secret), "step": step, "made_ms": self._clock.now_ms()}
        connection.execute(sa.insert(totp).values(community=self._community, user=name, **row))
        connection.execute(sa.delete(recovery_code).where(*self._of(recovery_code, name)))
        codes = tuple(_recovery_code() for _ in range(RECOVERY_CODES))
        rows = [
            {"community": self._community, "user": name, "mac": self._key.mac(name, code)} for code in codes
        ]
        connection.execute(sa.insert(recovery_code), rows)
        return codes

    def turn_off_in(self, connection: sa.Connection, name: str) -> int:
        gone = connection.execute(sa.delete(totp).where(*self._of(totp, name))).rowcount
        connection.execute(sa.delete(recovery_code).where(*self._of(recovery_code, name)))
        return gone

    def forget_in(self, connection: sa.Connection, name: str) -> bool:
        """Code, recovery codes and passkeys; whether there was anything."""
        keys = connection.execute(sa.delete(passkey).where(*self._of(passkey, name))).rowcount
        return self.turn_off_in(connection, name) + keys > 0

    def take(self, name: str, code: str) -> Way | None:
        """Take a code of the app or a recovery code, each once; None for any other."""
        typed = plain(code)
        if self._take_step(name, typed):
            return Way.CODE
        return Way.RECOVERY if self._take_recovery(name, typed) else None

    def _take_step(self, name: str, code: str) -> bool:
        with reading(self._engine).connect() as connection:
            held: Any = connection.execute(sa.select(totp).where(*self._of(totp, name))).one_or_none()
        if held is None:
            return False
        step = step_of(self._key.open(name, held.box), code, self._clock.now_ms(), held.step)
        if step is None:
            return False
        with self._engine.begin() as connection:  # of two who bring the same code, one comes first
            newer = sa.update(totp).where(*self._of(totp, name), totp.c.step < step).values(step=step)
            return connection.execute(newer).rowcount == 1

    def _take_recovery(self, name: str, code: str) -> bool:
        this = recovery_code.c.mac == self._key.mac(name, code)
        with self._engine.begin() as connection:
            gone = connection.execute(sa.delete(recovery_code).where(*self._of(recovery_code, name), this))
            if gone.rowcount != 1:
                return False
            role = sa.select(user.c.role).where(user.c.community == self._community, user.c.name == name)
            deed = audit.Deed(name, str(connection.execute(role).scalar_one()), "user.recovery_code", name)
            audit.record(connection, self._community, deed, self._clock.now_ms())
        return True

    def _of(self, table: sa.Table, name: str) -> tuple[sa.ColumnElement[bool], ...]:
        return table.c.community == self._community, table.c.user == name


def _recovery_code() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(RECOVERY_CHARS))
