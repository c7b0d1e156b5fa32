"""Who may judge whom: nobody their own listing, nobody a relative's, and nobody outside their dates and place."""

from typing import Any

import sqlalchemy as sa

from cloud_sync.core.roles import Role
from cloud_sync.errors import NotFound, Refused
from cloud_sync.store import tables
from cloud_sync.store.house import Act
from cloud_sync.store.tables_model import duty, interest, listing_file, operator, unit

COMMUNITY = "community"
OPERATOR = "operator:"
NO_OPERATOR = "there is no operator {}; put it on file first."


def speaks_for(act: Act, user: str, operator_id: str) -> bool:
    """Whether this login acts for the operator: its own, or a duty for it that is current."""
    held: Any = act.row(operator, operator=operator_id)
    if held is None:
        raise NotFound(NO_OPERATOR.format(operator_id))
    return (bool(held.user) and held.user == user) or f"{OPERATOR}{operator_id}" in _scopes(act, user)


def operator_of(act: Act, user: str) -> str:
    """The one operator that this login speaks for: its own, or that of the one duty it has today.

    Raises:
        NotFound: it speaks for none, or for several and cannot be asked which.
    """
    own = sa.select(operator.c.operator).where(
        operator.c.community == act.house.community, operator.c.user == user
    )
    bound = set(act.connection.execute(own).scalars())
    if not bound:
        bound = {scope.removeprefix(OPERATOR) for scope in _scopes(act, user) if scope.startswith(OPERATOR)}
    if len(bound) != 1:
        raise NotFound(f"{user} is bound to no one operator; the community's officer binds a login to one.")
    return str(bound.pop())


def is_interested(act: Act, user: str, listing: Any) -> bool:
    """The operator, whoever filed for it, and everybody flagged as its relative, partner or landlord."""
    held: Any = act.row(operator, operator=listing.operator)
    if held is not None and held.user == user:
        return True
    filed: Any = act.row(listing_file, listing=listing.listing)
    if filed is not None and filed.filed_by == user:
        return True
    flagged: Any = act.row(interest, user=user, operator=listing.operator)
    open_flag = flagged is not None and (flagged.until_ms is None or act.now_ms < flagged.until_ms)
    return open_flag or f"{OPERATOR}{listing.operator}" in _scopes(act, user)


def check_place(act: Act, user: str, unit_id: str) -> None:
    """Refuse somebody whose duties are elsewhere or over; who has none on record has the whole community.

    Raises:
        Refused: duties are on record, and none that is current covers this unit.
    """
    table = duty
    own = sa.select(table.c.scope).where(
        table.c.community == act.house.community, table.c.user == user, table.c.role != Role.OPERATOR
    )
    if act.connection.execute(own.limit(1)).first() is None:
        return
    held: Any = act.row(unit, unit=unit_id)
    grid, building = (held.grid, held.building) if held is not None else ("", "")
    covering = {COMMUNITY, f"grid:{grid}", f"building:{building}"}
    if not covering & _scopes(act, user):
        raise Refused("duty", f"{user} has no duty for unit {unit_id} today; ask who has.")


def _scopes(act: Act, user: str) -> set[str]:
    found = sa.select(duty.c.scope).where(
        duty.c.community == act.house.community,
        duty.c.user == user,
        duty.c.from_ms <= act.now_ms,
        sa.or_(duty.c.until_ms.is_(None), duty.c.until_ms > act.now_ms),
    )
    return set(act.connection.execute(found).scalars())


def known_user(act: Act, name: str) -> str:
    """The role of this login.

    Raises:
        NotFound: nobody has it.
    """
    held: Any = act.row(tables.user, name=name)
    if held is None:
        raise NotFound(f"there is nobody named {name!r}; 'user list' says who there is.")
    return str(held.role)
