"""One community and one act upon its books: a transaction, told the time, that says who acts."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from cloud_sync.core.codes import ulid
from cloud_sync.core.guards import Guard
from cloud_sync.core.lifecycles import Lifecycle, Refusal, advance
from cloud_sync.core.policy import PolicyProfile
from cloud_sync.errors import Refused
from cloud_sync.ports import Clock, Signer
from cloud_sync.ports_guest import Contact
from cloud_sync.store import audit, built
from cloud_sync.store.plain import execute, is_postgres
from cloud_sync.store.vault import Vault

# One statement, for on PostgreSQL a sink may ask for the same subject at the same moment.
_TOUCH = (
    "insert into touched (community, subject, since_ms) values ({0}, {1}, {2}) "
    "on conflict (community, subject) do nothing"
)
_TOUCH_SQLITE = _TOUCH.format(":community", ":subject", ":since_ms")
_TOUCH_POSTGRES = _TOUCH.format("%(community)s", "%(subject)s", "%(since_ms)s")


@dataclass(frozen=True, slots=True)
class House:
    """What every reading and writing of one community's books needs."""

    community: str
    zone: ZoneInfo
    synthetic: bool
    profile: PolicyProfile
    engine: sa.Engine
    vault: Vault
    k_community: bytes = field(repr=False)
    pin_key: bytes = field(repr=False, kw_only=True)
    signer: Signer = field(repr=False, kw_only=True)  # the community's own key
    clock: Clock
    randomness: Callable[[int], bytes]
    channels: frozenset[str] = field(default=frozenset(), kw_only=True)  # the ways of writing that are set up
    languages: frozenset[str] = field(default=frozenset(("zh", "en")), kw_only=True)  # that a guest can read
    liaison: Contact | None = field(default=None, kw_only=True)  # who hears of a suspicion at the police

    def local_day(self, moment_ms: int) -> date:
        return datetime.fromtimestamp(moment_ms / 1000, self.zone).date()

    def midnight_ms(self, moment_ms: int) -> int:
        """When the community's day that holds ``moment_ms`` began."""
        day = self.local_day(moment_ms)
        return round(datetime(day.year, day.month, day.day, tzinfo=self.zone).timestamp() * 1000)


@dataclass(slots=True)
class Act:
    """One transaction on the books by one actor; everything in it has the same time."""

    house: House
    connection: sa.Connection
    now_ms: int
    actor: str
    role: str
    after_commit: list[Callable[[], object]] = field(default_factory=list)
    # The vault is a database of its own: what was sealed for a person this act made goes when the act does.
    on_failure: list[Callable[[], object]] = field(default_factory=list)

    def new_id(self, prefix: str) -> str:
        return f"{prefix}-{ulid(self.now_ms, self.house.randomness(10))}"

    def note(
        self,
        action: str,
        target: str,
        before: str | None = None,
        after: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Write an audit row of this act."""
        deed = audit.Deed(self.actor, self.role, action, target, before, after, self._reason(reason))
        audit.record(self.connection, self.house.community, deed, self.now_ms)

    def _reason(self, reason: str | None) -> str:
        policy = f"policy {self.house.profile.name} {self.house.profile.version}"
        return f"{reason} ({policy})" if reason else policy

    def move(
        self,
        table: Lifecycle,
        target: str,
        state: str | None,
        event: str,
        guards: Collection[Guard] = (),
        *,
        reason: str | None = None,
    ) -> str:
        """One transition, with its audit row; the caller stores the new state.

        Raises:
            Refused: the table does not have it, or a guard does not hold.
        """
        step = advance(table, state, event, guards)
        if isinstance(step, Refusal):
            raise Refused(f"{table.name}.{event}", f"{step.sentence}.")
        self.note(f"{table.name}.{event}", target, step.before, step.after, reason)
        return step.after

    def touch(self, subject: str) -> None:
        """Ask reconciliation to look at this subject."""
        row = {"community": self.house.community, "subject": subject, "since_ms": self.now_ms}
        execute(self.connection, _TOUCH_POSTGRES if is_postgres(self.connection) else _TOUCH_SQLITE, row)

    def row(self, table: sa.Table, **key: str | int) -> sa.Row[tuple[object, ...]] | None:
        """The one row of this community with this key, or None."""
        found = self.rows(table, **key)
        assert len(found) <= 1, f"{table.name} has {len(found)} rows {key}"
        return found[0] if found else None

    def rows(self, table: sa.Table, **key: str | int) -> list[sa.Row[tuple[object, ...]]]:
        return built.select(self.connection, table, self._mine(key))

    def insert(self, table: sa.Table, **values: object) -> None:
        built.insert(self.connection, table, self._mine(values))

    def update(self, table: sa.Table, key: Mapping[str, object], **values: object) -> None:
        """Change the rows with this key; at least one must be there."""
        changed = built.update(self.connection, table, self._mine(key), values)
        assert changed >= 1, f"{table.name} has no row {key}"

    def _mine(self, words: Mapping[str, object]) -> dict[str, object]:
        return {"community": self.house.community, **words}


@contextmanager
def acting(house: House, actor: str, role: str) -> Iterator[Act]:
    """A transaction that holds the write lock from its first word; what must follow a commit follows it."""
    deeds: list[Callable[[], object]] = []
    undo: list[Callable[[], object]] = []
    try:
        with house.engine.begin() as connection:
            yield Act(house, connection, house.clock.now_ms(), actor, role, deeds, undo)
    except BaseException:
        for deed in undo:
            deed()
        raise
    for deed in deeds:
        deed()
