"""The ledger of points (domain.md §5.9): proposed with evidence, confirmed by a named person, open to appeal."""

import json
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.conduct import (
    APPEAL_DECIDED_WITHIN_MS,
    BAND_RULE,
    CONFIRM_WITHIN_MS,
    POINTS_LAST_MS,
    Band,
    Counted,
    Rule,
    Standing,
    standing,
)
from cloud_sync.core.guards import Guard
from cloud_sync.core.lifecycles import ListingState
from cloud_sync.core.lifecycles_conduct import POINTS, PointsState
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports_model import Person
from cloud_sync.store.catalogue import bands_of, rules_of
from cloud_sync.store.house import Act
from cloud_sync.store.interests import check_place, is_interested
from cloud_sync.store.listing_steps import listing_of
from cloud_sync.store.reasons import checked_reason
from cloud_sync.store.sanctions import propose_by_rule
from cloud_sync.store.tables_model import points_entry

EVIDENCE_MAX = 20
FROZEN = frozenset({ListingState.REVOKED, ListingState.CLOSED})
DECISIONS = ("confirm", "dismiss", "uphold", "reverse")


def known_rule(act: Act, rule: str) -> Rule:
    """Raises Refused for a rule that the catalogue does not have."""
    held = rules_of(act).get(rule)
    if held is None:
        raise Refused("conduct.rule", f"there is no rule {rule!r} in the catalogue.")
    return held


def propose(act: Act, listing: str, rule: str, evidence: tuple[str, ...], by: str) -> str:
    """A proposal, which has no effect yet.  ``by``: the rule or the person it comes from.

    Raises:
        Refused: no such rule, it takes no points, no evidence, or the ledger of a banned listing is frozen.
    """
    held, known = listing_of(act, listing), known_rule(act, rule)
    check_place(act, by, held.unit)
    _check_ledger(held)
    given = tuple(one.strip() for one in evidence if one.strip())[:EVIDENCE_MAX]
    if not known.points or not given:
        raise Refused(
            "conduct.evidence", "points need a rule that takes some, and a reference to what happened."
        )
    made = act.new_id("PT")
    state = act.move(POINTS, made, None, "propose", reason=f"{rule} version {known.version}")
    act.insert(
        points_entry,
        id=made,
        listing=listing,
        rule=rule,
        rule_version=known.version,
        delta=-known.points,
        evidence=json.dumps(given),
        proposed_by=by,
        proposed_ms=act.now_ms,
        state=state,
        next_ms=act.now_ms + CONFIRM_WITHIN_MS,
    )
    return made


def _check_ledger(listing: Any) -> None:
    if listing.state in FROZEN:
        raise Refused(
            "conduct.frozen", f"listing {listing.listing} is {listing.state}: its points are frozen."
        )


def decide(act: Act, id_: str, event: str, reason: str, by: Person) -> str:
    """confirm or dismiss a proposal, uphold or reverse under appeal; the state afterwards."""
    row, why = point_of(act, id_), checked_reason(reason)
    listing = listing_of(act, row.listing)
    check_place(act, by.name, listing.unit)
    if event not in DECISIONS:
        raise Refused("conduct.event", f"points are decided by one of {', '.join(DECISIONS)}.")
    _check_ledger(listing)
    state = act.move(POINTS, id_, row.state, event, _guards(act, row, listing, by), reason=why)
    values: dict[str, object] = {"state": state, "reason": why, "decided_by": by.name, "next_ms": None}
    if event == "confirm":
        expires_ms = act.now_ms + POINTS_LAST_MS
        values |= {"effective_ms": act.now_ms, "expires_ms": expires_ms, "next_ms": expires_ms}
    if event == "uphold":
        values |= {"next_ms": row.expires_ms}
    act.update(points_entry, {"id": id_}, **values)
    _follow_band(act, listing.listing)
    return state


def _guards(act: Act, row: Any, listing: Any, by: Person) -> frozenset[Guard]:
    holding = {Guard.NAMED_HUMAN}
    if not is_interested(act, by.name, listing) and by.name != row.proposed_by:
        holding.add(Guard.NOT_INTERESTED)
    if by.name not in {row.decided_by, row.appealed_by}:
        holding.add(Guard.OTHER_REVIEWER)
    return frozenset(holding)


def appeal(act: Act, id_: str, text: str, by: Person) -> str:
    """The effect is paused until somebody else has decided."""
    row, why = point_of(act, id_), checked_reason(text)
    state = act.move(POINTS, id_, row.state, "appeal", reason=why)
    due_ms = act.now_ms + APPEAL_DECIDED_WITHIN_MS
    act.update(
        points_entry,
        {"id": id_},
        state=state,
        appealed_by=by.name,
        appeal=why,
        appeal_ms=act.now_ms,
        next_ms=due_ms,
    )
    return state


def point_of(act: Act, id_: str) -> Any:
    held = act.row(points_entry, id=id_)
    if held is None:
        raise NotFound(f"there is no points entry {id_}.")
    return held


def _follow_band(act: Act, listing: str) -> None:
    """Red proposes a step of the ladder, once; whether it is taken is for people to say."""
    if standing_of(act, listing).band is Band.RED:
        propose_by_rule(act, listing, BAND_RULE, "the points have fallen to red")


def standing_of(act: Act, listing: str) -> Standing:
    """From the ledger alone, at this moment."""
    return standings(act, [listing])[listing]


def standings(act: Act, listings: Iterable[str]) -> dict[str, Standing]:
    """Of many listings, in one question."""
    wanted = list(listings)
    table = points_entry
    found = sa.select(table).where(table.c.community == act.house.community)
    if len(wanted) == 1:
        found = found.where(table.c.listing == wanted[0])
    entries: dict[str, list[Counted]] = {one: [] for one in wanted}
    for row in act.connection.execute(found.where(table.c.effective_ms.is_not(None))):
        if row.listing in entries:
            counted = Counted(row.delta, PointsState(row.state), row.effective_ms, row.expires_ms)
            entries[row.listing].append(counted)
    table_of_bands = bands_of(act)
    return {one: standing(counted, act.now_ms, table_of_bands) for one, counted in entries.items()}
