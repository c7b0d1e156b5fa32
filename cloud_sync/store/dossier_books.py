"""Units and operators on file: one dossier per household, kept by hand, with a history of every field (一户一档)."""

import re
from typing import Any

from cloud_sync.core.evidence import Household
from cloud_sync.core.lifecycles import ListingState
from cloud_sync.core.roles import Role, role_of
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports_model import OperatorWish, UnitWish
from cloud_sync.store import tables
from cloud_sync.store.evidence_store import tell
from cloud_sync.store.house import Act
from cloud_sync.store.interests import known_user
from cloud_sync.store.reasons import checked_reason
from cloud_sync.store.sanctions import deposit_of
from cloud_sync.store.tables_model import (
    duty,
    grid,
    interest,
    operator,
    operator_staff,
    unit,
    unit_residents,
)

ID = re.compile(r"[0-9A-Za-z\u4e00-\u9fff][0-9A-Za-z\u4e00-\u9fff._:/-]{0,63}")
USES = ("self", "long_let", "short_let", "vacant", "unknown")
OWNERSHIPS = ("own", "lease", "shared", "unknown")
RESIDENT_CLASSES = ("resident", "long_tenant")
INTERESTS = ("relative", "partner", "landlord", "employer", "other")
SEALED = frozenset({"name", "phone", "document_number"})
_FIELDS = ("building", "stair", "floor", "door_no", "grid", "use", "ownership")
RESIDENTS_MAX = 99
ENDED_STATES = frozenset(
    {ListingState.WITHDRAWN, ListingState.REVOKED, ListingState.CLOSED, ListingState.REJECTED}
)
DOSSIER = "dossier"  # under which reconciliation is told when a dossier was looked at


def checked_id(what: str, text: str) -> str:
    """Raises Refused for what cannot be an id."""
    if not ID.fullmatch(text):
        raise Refused(what, f"{what} {text[:64]!r} has letters, digits and . _ : / - only, at most 64.")
    return text


def put_unit(act: Act, wish: UnitWish, reason: str, actor: str, *, seen_ms: int | None = None) -> None:
    """Enter a unit or correct it; each field that changes is a line of its history.

    It counts as verified now, or at ``seen_ms`` where somebody looked then.
    """
    checked_id("unit", wish.unit)
    if wish.use not in USES or wish.ownership not in OWNERSHIPS:
        raise Refused("unit", f"use is one of {', '.join(USES)}; ownership one of {', '.join(OWNERSHIPS)}.")
    check_grid(act, wish.grid)
    why, values = checked_reason(reason), {name: getattr(wish, name) for name in _FIELDS}
    held = act.row(unit, unit=wish.unit)
    looked_ms = act.now_ms if seen_ms is None else seen_ms
    if held is None:
        act.insert(unit, unit=wish.unit, made_ms=act.now_ms, **values)
        act.note("unit.enter", wish.unit, None, f"use={wish.use}", why)
        looked_at(act, wish.unit, looked_ms, actor)
        return
    for name, value in values.items():
        before = getattr(held, name)
        if before != value:
            act.note("unit.change", wish.unit, f"{name}={before}", f"{name}={value}", why)
    act.update(unit, {"unit": wish.unit}, **values)
    if looked_at(act, wish.unit, looked_ms, actor):
        act.note("unit.verify", wish.unit, reason=why)


def check_grid(act: Act, name: str) -> None:
    """Raises NotFound for a grid that is not on the street's list, once there is one."""
    if name and act.row(grid, grid=name) is None and act.rows(grid):
        raise NotFound(f"grid {name[:64]} is not on the list of grids; import the grids first.")


def check_unit(act: Act, unit_id: str) -> None:
    """Raises NotFound for a dwelling that neither the register of units nor a listing names."""
    if act.row(unit, unit=unit_id) is None and not act.rows(tables.listing, unit=unit_id):
        raise NotFound(f"unit {unit_id[:64]} is not in the register of units; import the units first.")


def looked_at(act: Act, unit_id: str, seen_ms: int, by: str) -> bool:
    """Somebody has looked at this dossier then, and D24 counts from there; False where it was looked at later already."""
    held: Any = act.row(unit, unit=unit_id)
    if held is None:
        raise NotFound(f"unit {unit_id} is not in the register of units; put it there first.")
    if held.verified_ms is not None and held.verified_ms >= seen_ms:
        return False
    # A dossier that nobody has looked at yet has no day, and is stale.
    act.update(unit, {"unit": unit_id}, verified_ms=seen_ms or None, verified_by=by if seen_ms else None)
    tell(act, unit_id, DOSSIER, Household("exact", seen_ms), seen_ms)
    return True


def count_residents(act: Act, unit_id: str, cls: str, n: int) -> None:
    """How many of a class live there, as of now; who they are stands with their passes and nowhere here."""
    if act.row(unit, unit=unit_id) is None:
        raise NotFound(f"unit {unit_id} is not in the register of units; put it there first.")
    if cls not in RESIDENT_CLASSES or not 0 <= n <= RESIDENTS_MAX:
        raise Refused("unit.residents", f"residents are counted as {' or '.join(RESIDENT_CLASSES)}, 0 to 99.")
    held = act.row(unit_residents, unit=unit_id, cls=cls)
    if held is None:
        act.insert(unit_residents, unit=unit_id, cls=cls, n=n, as_of_ms=act.now_ms)
    else:
        act.update(unit_residents, {"unit": unit_id, "cls": cls}, n=n, as_of_ms=act.now_ms)
    act.note("unit.residents", unit_id, str(held.n) if held is not None else None, str(n), cls)


def put_operator(act: Act, wish: OperatorWish) -> None:
    """Enter an operator or change it; name, phone and document go to the vault in the same breath."""
    checked_id("operator", wish.operator)
    if wish.kind not in {"person", "company"}:
        raise Refused("operator", "an operator is a person or a company.")
    if wish.user:
        known_user(act, wish.user)
        _check_unbound(act, wish)
    unknown = wish.sealed.keys() - SEALED
    if unknown:
        raise Refused("operator", f"an operator has no field {', '.join(sorted(unknown))}.")
    held: Any = act.row(operator, operator=wish.operator)
    values = {"kind": wish.kind, "user": wish.user or None}
    if held is None:
        act.insert(operator, operator=wish.operator, status="ACTIVE", made_ms=act.now_ms, **values)
        act.note("operator.enter", wish.operator)
        act.on_failure.append(lambda: act.house.vault.forget(wish.operator))
    else:
        act.update(operator, {"operator": wish.operator}, status="ACTIVE", left_ms=None, **values)
        act.note("operator.change", wish.operator, held.user, wish.user or None)
    given = {name: text.strip() for name, text in wish.sealed.items() if text.strip()}
    if given:
        act.house.vault.seal_all(wish.operator, given)


def _check_unbound(act: Act, wish: OperatorWish) -> None:
    """A login speaks for one operator; whoever works for several has duties instead."""
    other = next((row for row in act.rows(operator, user=wish.user) if row.operator != wish.operator), None)
    if other is not None:
        raise Refused("operator.login", f"{wish.user} speaks for {other.operator} already.")


def operator_leaves(act: Act, operator_id: str, reason: str) -> None:
    """It lets nothing here any more; the clock of what is known of it begins.

    Raises:
        NotFound: no such operator is on file.
        Refused: a listing of it is alive, its deposit is not paid back, or it has left before.
    """
    why, held = checked_reason(reason), act.row(operator, operator=operator_id)
    if held is None:
        raise NotFound(f"there is no operator {operator_id}.")
    if held.left_ms is not None:
        raise Refused("operator", f"{operator_id} has left before.")
    alive = sorted(
        str(row.listing)
        for row in act.rows(tables.listing, operator=operator_id)
        if row.state not in ENDED_STATES
    )
    if alive:
        raise Refused("operator", f"{operator_id} still has {', '.join(alive[:5])}; withdraw each first.")
    if deposit_of(act, operator_id):
        raise Refused("operator", f"the deposit of {operator_id} is not paid back; refund it first.")
    act.update(operator, {"operator": operator_id}, status="LEFT", left_ms=act.now_ms, user=None)
    act.note("operator.leave", operator_id, "ACTIVE", "LEFT", why)


def put_staff(act: Act, operator_id: str, ref: str, role: str, from_ms: int, until_ms: int | None) -> None:
    """Somebody of the staff file works for this operator, from when to when."""
    if act.row(operator, operator=operator_id) is None:
        raise NotFound(f"there is no operator {operator_id}; put it on file first.")
    checked_id("staff", ref)
    held = act.row(operator_staff, operator=operator_id, ref=ref)
    values = {"role": role, "from_ms": from_ms, "until_ms": until_ms}
    if held is None:
        act.insert(operator_staff, operator=operator_id, ref=ref, **values)
    else:
        act.update(operator_staff, {"operator": operator_id, "ref": ref}, **values)
    act.note("operator.staff", operator_id, None, ref, role)


def flag_interest(act: Act, user: str, operator_id: str, kind: str, actor: str) -> None:
    """From now on this person judges nothing of that operator."""
    known_user(act, user)
    if act.row(operator, operator=operator_id) is None:
        raise NotFound(f"there is no operator {operator_id}; put it on file first.")
    if kind not in INTERESTS:
        raise Refused("interest", f"an interest is one of {', '.join(INTERESTS)}.")
    values = {"kind": kind, "flagged_by": actor, "at_ms": act.now_ms, "until_ms": None}
    if act.row(interest, user=user, operator=operator_id) is None:
        act.insert(interest, user=user, operator=operator_id, **values)
    else:
        act.update(interest, {"user": user, "operator": operator_id}, **values)
    act.note("interest.flag", operator_id, None, user, kind)


def give_duty(act: Act, user: str, role: str, scope: str, from_ms: int, until_ms: int | None, by: str) -> str:
    """A role with dates and a place; its id.

    Raises:
        Refused: no such role or place, or it would end before it begins.
    """
    known_user(act, user)
    kind, _, value = scope.partition(":")
    placed = scope == "community" or (kind in {"grid", "building", "operator"} and value)
    if role_of(role) is None or not placed:
        raise Refused(
            "duty", "a duty has a role, and community, grid:…, building:… or operator:… as its place."
        )
    if kind == "grid":
        check_grid(act, value)
    if (role == Role.OPERATOR) != (kind == "operator"):
        raise Refused("duty", "the role operator goes with operator:…, and only that role does.")
    if until_ms is not None and until_ms <= from_ms:
        raise Refused("duty", "a duty ends after it begins.")
    made = act.new_id("DU")
    act.insert(
        duty, duty=made, user=user, role=role, scope=scope, from_ms=from_ms, until_ms=until_ms, given_by=by
    )
    act.note("duty.give", user, None, f"{role} {scope}")
    return made


def end_duty(act: Act, duty_id: str) -> None:
    held: Any = act.row(duty, duty=duty_id)
    if held is None:
        raise NotFound(f"there is no duty {duty_id}.")
    act.update(duty, {"duty": duty_id}, until_ms=act.now_ms)
    act.note("duty.end", held.user, f"{held.role} {held.scope}", None)
