"""The sanction ladder (domain.md §5.10): it acts on the listing's state, and on nothing else (invariant 19)."""

from typing import Any

import sqlalchemy as sa

from cloud_sync.core.conduct import EVENT_OF_TIER, LIGHT_TIERS, TIERS
from cloud_sync.core.guards import Guard
from cloud_sync.core.lifecycles import ListingState
from cloud_sync.core.lifecycles_conduct import SANCTION, SanctionState
from cloud_sync.core.roles import Right, may
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports_model import Person
from cloud_sync.store.catalogue import rules_of
from cloud_sync.store.house import Act
from cloud_sync.store.interests import check_place, is_interested
from cloud_sync.store.listing_steps import listing_of, move_listing
from cloud_sync.store.reasons import checked_reason
from cloud_sync.store.tables_model import deposit_entry, operator, sanction

_S = SanctionState
RECHECKED_TIER = 2
DEPOSIT_TIER = 3
DECISIONS = ("confirm", "dismiss", "uphold", "lift")
CENTS_MAX = 100_000_000


def propose(act: Act, listing: str, tier: int, rule: str, reason: str, by: str, *, cents: int = 0) -> str:
    """A proposal that cites its rule; nothing happens to the listing yet.

    Raises:
        Refused: no such tier or rule, or a deduction without an amount.
    """
    check_place(act, by, listing_of(act, listing).unit)
    known, why = rules_of(act).get(rule), checked_reason(reason)
    if tier not in TIERS or known is None:
        raise Refused("conduct.sanction", "a sanction has tier 1 to 4 and cites a rule of the catalogue.")
    if (tier == DEPOSIT_TIER) != (0 < cents <= CENTS_MAX):
        raise Refused("conduct.cents", "a deduction (tier 3) says how many cents; the other tiers say none.")
    made = act.new_id("SN")
    state = act.move(SANCTION, made, None, "propose", reason=f"tier {tier}, {rule}")
    act.insert(
        sanction,
        id=made,
        listing=listing,
        tier=tier,
        rule=rule,
        rule_version=known.version,
        cents=cents,
        proposed_by=by,
        proposed_ms=act.now_ms,
        reason=why,
        state=state,
    )
    return made


def propose_by_rule(act: Act, listing: str, rule: str, reason: str) -> None:
    """What a rule proposes by itself: once, while the same is open."""
    table = sanction
    found = sa.select(table.c.id).where(
        table.c.community == act.house.community,
        table.c.listing == listing,
        table.c.rule == rule,
        table.c.state.in_((_S.PROPOSED, _S.IN_FORCE, _S.UNDER_APPEAL)),
    )
    known = rules_of(act).get(rule)
    if known is not None and known.tier and act.connection.execute(found.limit(1)).first() is None:
        propose(act, listing, known.tier, rule, reason, f"rule {rule}")


def sanction_of(act: Act, id_: str) -> Any:
    held = act.row(sanction, id=id_)
    if held is None:
        raise NotFound(f"there is no sanction {id_}.")
    return held


def decide(act: Act, id_: str, event: str, reason: str, by: Person) -> str:
    """One person's word; a grave tier stays PROPOSED until a second person has said the same.

    Raises:
        Refused: the table has no such step, the person is an interested party, or may not approve.
    """
    row, why = sanction_of(act, id_), checked_reason(reason)
    listing = listing_of(act, row.listing)
    check_place(act, by.name, listing.unit)
    if event not in DECISIONS:
        raise Refused("conduct.event", f"a sanction is decided by one of {', '.join(DECISIONS)}.")
    if event == "confirm":
        return _confirm(act, row, listing, why, by)
    if not may(by.role, Right.CONFIRM_CONDUCT):
        raise Refused("conduct.role", f"the role {by.role} may not {event} a sanction.")
    state = act.move(SANCTION, id_, row.state, event, _guards(act, row, listing, by), reason=why)
    act.update(sanction, {"id": id_}, state=state, decided_by=by.name)
    if event == "lift" and listing.state == ListingState.SUSPENDED and row.tier == RECHECKED_TIER:
        _reopen(act, listing, why)
    return state


def _confirm(act: Act, row: Any, listing: Any, why: str, by: Person) -> str:
    grave = row.tier not in LIGHT_TIERS
    first = row.first_by is None
    if not may(by.role, Right.CONFIRM_CONDUCT if first else Right.SECOND_APPROVAL):
        raise Refused(
            "conduct.role",
            f"the role {by.role} may not give the {'first' if first else 'second'} approval.",
        )
    guards = _guards(act, row, listing, by)
    if grave and first and row.state == _S.PROPOSED:
        if Guard.NOT_INTERESTED not in guards:
            raise Refused("sanction.confirm", f"{by.name} is an interested party.")
        act.update(sanction, {"id": row.id}, first_by=by.name)
        act.note("sanction.first_approval", row.id, row.state, row.state, why)
        return str(row.state)
    if grave and by.name != row.first_by and row.first_by is not None:
        guards |= {Guard.TWO_APPROVALS}
    state = act.move(SANCTION, row.id, row.state, "confirm", guards, reason=why)
    second = by.name if grave else None
    act.update(
        sanction,
        {"id": row.id},
        state=state,
        first_by=row.first_by or by.name,
        second_by=second,
        in_force_ms=act.now_ms,
    )
    _act_on_listing(act, row, listing, why, guards, by)
    return state


def _act_on_listing(act: Act, row: Any, listing: Any, why: str, guards: frozenset[Guard], by: Person) -> None:
    """The one thing a sanction does: a step of the listing's own life."""
    reason = f"{why} ({row.rule} version {row.rule_version}, {row.id})"
    move_listing(act, listing, EVENT_OF_TIER[row.tier], guards, reason=reason)
    if row.tier == DEPOSIT_TIER:
        enter_deposit(
            act,
            listing.operator,
            "deducted",
            -row.cents,
            row.first_by,
            rule=row.rule,
            sanction=row.id,
            second=by.name,
        )


def _guards(act: Act, row: Any, listing: Any, by: Person) -> frozenset[Guard]:
    holding = {Guard.NAMED_HUMAN}
    if not is_interested(act, by.name, listing):
        holding.add(Guard.NOT_INTERESTED)
    if by.name not in {row.first_by, row.second_by, row.decided_by, row.appealed_by}:
        holding.add(Guard.OTHER_REVIEWER)
    if row.tier in LIGHT_TIERS:
        holding.add(Guard.LIGHT_TIER)
    return frozenset(holding)


def appeal(act: Act, id_: str, text: str, by: Person) -> str:
    """Somebody else decides; until then it stays in force."""
    row, why = sanction_of(act, id_), checked_reason(text)
    state = act.move(SANCTION, id_, row.state, "appeal", reason=why)
    act.update(sanction, {"id": id_}, state=state, appealed_by=by.name, appeal=why, appeal_ms=act.now_ms)
    return state


def lift_after_recheck(act: Act, listing: str) -> None:
    """What ordered the rectification is over once it was rectified."""
    rows: list[Any] = act.rows(sanction, listing=listing, state=_S.IN_FORCE)
    for row in rows:
        if row.tier == RECHECKED_TIER:
            state = act.move(SANCTION, row.id, row.state, "recheck passed", {Guard.NAMED_HUMAN})
            act.update(sanction, {"id": row.id}, state=state)


def _reopen(act: Act, listing: Any, why: str) -> None:
    """An appeal took the order back; another order that still stands keeps the listing shut."""
    rows: list[Any] = act.rows(sanction, listing=listing.listing)
    if not any(row.tier == RECHECKED_TIER and row.state in {_S.IN_FORCE, _S.UNDER_APPEAL} for row in rows):
        move_listing(act, listing, "recheck passed", frozenset(), reason=f"lifted on appeal: {why}")


def enter_deposit(
    act: Act,
    operator_id: str,
    kind: str,
    cents: int,
    actor: str,
    *,
    rule: str | None = None,
    sanction: str | None = None,
    second: str | None = None,
) -> int:
    """One line of the deposit ledger; the balance afterwards.

    Raises:
        NotFound: no such operator.
        Refused: more would be taken than there is.
    """
    if act.row(operator, operator=operator_id) is None:
        raise NotFound(f"there is no operator {operator_id}; put it on file first.")
    after = deposit_of(act, operator_id) + cents
    if after < 0:
        raise Refused("deposit", f"the deposit of {operator_id} holds less than that.")
    made = act.new_id("DE")
    act.insert(
        deposit_entry,
        id=made,
        operator=operator_id,
        kind=kind,
        cents=cents,
        rule=rule,
        sanction=sanction,
        actor=actor,
        second=second,
        at_ms=act.now_ms,
    )
    act.note(f"deposit.{kind}", operator_id, None, str(cents), rule)
    return after


def deposit_of(act: Act, operator_id: str) -> int:
    """The balance: the sum of its entries."""
    table = deposit_entry
    total = sa.select(sa.func.coalesce(sa.func.sum(table.c.cents), 0)).where(
        table.c.community == act.house.community, table.c.operator == operator_id
    )
    return int(act.connection.execute(total).scalar_one())
