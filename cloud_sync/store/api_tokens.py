"""Tokens of programs: told once, kept as a hash, with rights of their own; and a brake on wrong ones."""

import hashlib
import threading
from collections import OrderedDict
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.policy import DAY_MS, MINUTE_MS
from cloud_sync.core.roles import MAY, Right, role_of
from cloud_sync.errors import NotFound, Refused, TooMany
from cloud_sync.ports import User
from cloud_sync.ports_api import Holder, TokenLine, TokenWish
from cloud_sync.store import audit, tables
from cloud_sync.store.engine import reading
from cloud_sync.store.house import Act, House, acting
from cloud_sync.store.off_duty import is_off_duty
from cloud_sync.store.tables_api import api_token

PREFIX = "gt_"  # so that a token in the wrong place is known for what it is
SHOWN = 11  # of the prefix and the first 32 bits
TOKEN_BYTES = 32
TOKENS_MAX = 200
DAYS_MAX = 366
NAME_MAX = 64
USED_EVERY_MS = MINUTE_MS  # "last used" is not worth a transaction for every call
WRONG_MAX = 10
WRONG_WITHIN_MS = MINUTE_MS
ADDRESSES_MAX = 1_000  # a flood from new ones pushes the oldest out
ROLE = "staff"


class Brake:
    """Ten wrong ones from an address within a minute, then it has to wait; a good one is never held up by it."""

    def __init__(self) -> None:
        self._held: OrderedDict[str, tuple[int, int]] = OrderedDict()  # address → since, how many
        self._lock = threading.Lock()

    def wait_ms(self, address: str, now_ms: int) -> int:
        with self._lock:
            since_ms, count = self._held.get(address, (now_ms, 0))
            left_ms = since_ms + WRONG_WITHIN_MS - now_ms
            return left_ms if count >= WRONG_MAX and 0 < left_ms <= WRONG_WITHIN_MS else 0

    def wrong(self, address: str, now_ms: int) -> bool:
        """True when the address has to wait from now on."""
        with self._lock:
            since_ms, count = self._held.pop(address, (now_ms, 0))
            if not 0 <= now_ms - since_ms < WRONG_WITHIN_MS:
                since_ms, count = now_ms, 0
            self._held[address] = since_ms, count + 1
            while len(self._held) > ADDRESSES_MAX:
                self._held.popitem(last=False)
            return count + 1 == WRONG_MAX


class SqlTokens:
    """``ApiTokens`` of ports_api.py; safe from any thread."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._brake = Brake()

    # --- at the interface ----------------------------------------------------------------------------------------

    def whose(self, token: str, *, address: str) -> Holder | None:
        now_ms = self._house.clock.now_ms()
        with reading(self._house.engine).connect() as db:
            row = db.execute(self._good(token, now_ms)).first()
        if row is not None:
            self._used(row, now_ms)
            return _holder(row)
        wait_ms = self._brake.wait_ms(address, now_ms)
        if wait_ms:
            raise TooMany(
                "Too many wrong tokens came from this address; wait a minute and look at the token.",
                wait_s=-(-wait_ms // 1000),
            )
        if self._brake.wrong(address, now_ms):
            self._note(audit.Deed("api", "system", "token.wrong", "bearer", None, f"{WRONG_MAX} in a minute"))
        return None

    def _good(self, token: str, now_ms: int) -> sa.Select[Any]:
        table, user = api_token, tables.user
        its = (user.c.community == table.c.community) & (user.c.name == table.c.user)
        return (
            sa.select(table, user.c.role)
            .select_from(table.join(user, its))
            .where(
                table.c.community == self._house.community,
                table.c.token_hash == hashed(token),
                table.c.ends_ms > now_ms,
                table.c.revoked_ms.is_(None),
                sa.not_(is_off_duty(now_ms)),  # as for a login of the same person
            )
        )

    def _used(self, row: Any, now_ms: int) -> None:
        if row.used_ms is not None and 0 <= now_ms - row.used_ms < USED_EVERY_MS:
            return
        table = api_token
        mine = (table.c.community == self._house.community, table.c.token_hash == row.token_hash)
        with self._house.engine.begin() as db:
            db.execute(sa.update(table).where(*mine).values(used_ms=now_ms))

    def wrote(self, holder: Holder, call: str) -> None:
        self._note(audit.Deed(holder.user.name, holder.user.role, "token.call", holder.token, None, call))

    def _note(self, deed: audit.Deed) -> None:
        with self._house.engine.begin() as db:
            audit.record(db, self._house.community, deed, self._house.clock.now_ms())

    # --- at the command line -------------------------------------------------------------------------------------

    def make(self, wish: TokenWish, *, actor: str) -> str:
        """A new token; shown this once.

        Raises:
            Refused: the name is taken, a scope is none or the person's role may not do it, or there are too many.
            NotFound: nobody of this name may log in.
        """
        with acting(self._house, actor, ROLE) as act:
            _check(act, wish)
            token = PREFIX + act.house.randomness(TOKEN_BYTES).hex()
            act.insert(
                api_token,
                token_hash=hashed(token),
                name=wish.name,
                shown=token[:SHOWN],
                user=wish.user,
                scopes=" ".join(wish.scopes),
                made_ms=act.now_ms,
                made_by=actor,
                ends_ms=act.now_ms + wish.days * DAY_MS,
            )
            act.note("token.make", wish.name, None, " ".join(wish.scopes), f"for {wish.user}")
            return token

    def revoke(self, name: str, *, actor: str) -> None:
        """It opens nothing any more.  Raises NotFound."""
        with acting(self._house, actor, ROLE) as act:
            held: Any = act.row(api_token, name=name)
            if held is None or held.revoked_ms is not None:
                raise NotFound(f"there is no token {name} that is in use.")
            act.update(api_token, {"name": name}, revoked_ms=act.now_ms, revoked_by=actor)
            act.note("token.revoke", name)

    def listed(self) -> tuple[TokenLine, ...]:
        """Every token by name, those that are over among them."""
        query = sa.select(api_token).where(api_token.c.community == self._house.community)
        with reading(self._house.engine).connect() as db:
            rows = db.execute(query.order_by(api_token.c.name)).all()
        return tuple(
            TokenLine(
                row.name, row.shown, row.user, tuple(row.scopes.split()), row.made_by, row.made_ms,
                row.ends_ms, row.used_ms, row.revoked_by, row.revoked_ms,
            )
            for row in rows
        )  # fmt: skip


def hashed(token: str) -> str:
    """256 random bits need no salt."""
    return hashlib.sha256(token.encode()).hexdigest()


def _check(act: Act, wish: TokenWish) -> None:
    if not 1 <= len(wish.name) <= NAME_MAX or not wish.name.isprintable():
        raise Refused("token.name", f"a token's name has 1 to {NAME_MAX} characters.")
    if not 1 <= wish.days <= DAYS_MAX:
        raise Refused("token.days", f"a token is good for 1 to {DAYS_MAX} days.")
    user: Any = act.row(tables.user, name=wish.user)
    if user is None:
        raise NotFound(f"there is nobody named {wish.user!r}; 'user list' says who there is.")
    role = role_of(str(user.role))
    may = frozenset(right.name for right in MAY[role]) if role else frozenset()
    if not wish.scopes:
        raise Refused("token.scope", f"say what it may; {wish.user} may {', '.join(sorted(may))}.")
    for scope in wish.scopes:
        if scope not in may:
            raise Refused(
                "token.scope", f"{scope} is nothing that {wish.user} may; {', '.join(sorted(may))}."
            )
    if act.row(api_token, name=wish.name) is not None:
        raise Refused("token.name", f"there is a token {wish.name} already; give another name.")
    if sum(row.revoked_ms is None for row in act.rows(api_token)) >= TOKENS_MAX:
        raise Refused("token.many", f"there are {TOKENS_MAX} tokens; revoke some first.")


def _holder(row: Any) -> Holder:
    role = role_of(str(row.role))
    may = MAY[role] if role else frozenset()
    scopes = set(str(row.scopes).split())
    rights = frozenset(right for right in Right if right.name in scopes and right in may)
    return Holder(str(row.name), User(str(row.user), str(row.role)), rights)
