"""Questions written once: a statement that is built when the module is loaded costs a quarter of one built each time.

Reconciliation asks some thirty of them for one touched stay, every second.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from cloud_sync.store.house import Act

MINE: sa.BindParameter[str] = sa.bindparam("mine")


def mine(table: sa.Table) -> sa.ColumnElement[bool]:
    """This community's rows."""
    return table.c.community == MINE


def many(name: str) -> sa.BindParameter[Any]:
    """A list, given when it is asked."""
    return sa.bindparam(name, expanding=True)


def ask(act: Act, query: sa.Select[Any] | sa.CompoundSelect[Any], **words: object) -> Sequence[Any]:
    """The rows; every list among ``words`` has been made with ``many``."""
    return act.connection.execute(query, {"mine": act.house.community, **words}).all()


def ask_set(act: Act, query: sa.Select[Any] | sa.CompoundSelect[Any], **words: object) -> set[str]:
    """The values of a question for one column."""
    return {row[0] for row in ask(act, query, **words)}
