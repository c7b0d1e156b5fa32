"""What the rules between doors remember, in the ledger's file: a row changes in the commit of the fact that changed it."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar

from edge.core.events import Fact, Stamp

T = TypeVar("T")


class Kept(Protocol):
    """The ledger, as far as tables beside the events are concerned."""

    @property
    def epoch(self) -> str: ...

    @property
    def head(self) -> int: ...

    @property
    def disk_alarm(self) -> bool: ...

    def door_modes(self) -> dict[str, str]: ...

    def open_grants(self) -> list[Fact]: ...

    def transact(self, work: Callable[[sqlite3.Connection], T]) -> T: ...

    def append_with(
        self, facts: Sequence[Fact], stamp: Stamp, beside: Callable[[sqlite3.Connection, list[int]], None]
    ) -> list[int]: ...


class SqlRuleBook:
    """``RuleBook`` of edge.runtime.rules: the node's ledger, with the rules' rows beside the facts."""

    def __init__(self, ledger: Kept) -> None:
        self._ledger = ledger

    @property
    def epoch(self) -> str:
        return self._ledger.epoch

    @property
    def head(self) -> int:
        return self._ledger.head

    @property
    def disk_alarm(self) -> bool:
        return self._ledger.disk_alarm

    def open_grants(self) -> list[Fact]:
        return self._ledger.open_grants()

    def door_modes(self) -> dict[str, str]:
        return self._ledger.door_modes()

    def rows(self) -> dict[str, str]:
        """Every row as it stands on the disk."""
        return self._ledger.transact(lambda db: dict(db.execute("select name, value from door_rule")))

    def append_rows(self, facts: Sequence[Fact], stamp: Stamp, rows: Mapping[str, str | None]) -> list[int]:
        """Write the facts and put or (None) drop these rows, in one commit; the seqs of the facts.

        Raises:
            DiskFull, StoreError: nothing of it was written.
        """

        def beside(db: sqlite3.Connection, _seqs: list[int]) -> None:
            gone = [(name,) for name, value in rows.items() if value is None]
            kept = [(name, value) for name, value in rows.items() if value is not None]
            db.executemany("delete from door_rule where name = ?", gone)
            db.executemany("insert or replace into door_rule (name, value) values (?, ?)", kept)

        return self._ledger.append_with(facts, stamp, beside)
