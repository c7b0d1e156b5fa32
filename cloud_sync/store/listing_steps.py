"""One step of a listing's life: judged from what is on file, audited, and followed by every pass at once."""

import json
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.conduct import APPEAL_DECIDED_WITHIN_MS
from cloud_sync.core.dossier import (
    LAPSE_GRACE_MS,
    REVIEW_EVERY_MS,
    Answer,
    Paper,
    missing_documents,
    missing_letters,
    open_items,
)
from cloud_sync.core.guards import Guard
from cloud_sync.core.lifecycles import LISTING, STAY_AHEAD, STAY_INSIDE, ListingState
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports_model import Missing, Person
from cloud_sync.store import tables
from cloud_sync.store.house import Act
from cloud_sync.store.interests import is_interested
from cloud_sync.store.issuing import refresh_stay
from cloud_sync.store.tables_model import (
    inspection,
    inspection_item,
    letter_ack,
    listing_document,
    listing_file,
)
from cloud_sync.store.told import tell_of_listing

_L = ListingState
OVER = frozenset({_L.REVOKED, _L.CLOSED, _L.WITHDRAWN, _L.REJECTED})
APPEAL_MS = APPEAL_DECIDED_WITHIN_MS


def listing_of(act: Act, listing: str) -> Any:
    """Raises NotFound for a listing that is not there."""
    held = act.row(tables.listing, listing=listing)
    if held is None:
        raise NotFound(f"there is no listing {listing}.")
    return held


def file_of(act: Act, listing: str) -> Any | None:
    return act.row(listing_file, listing=listing)


def newest_inspection(act: Act, listing: str) -> Any | None:
    table = inspection
    found = (
        sa.select(table)
        .where(table.c.community == act.house.community, table.c.listing == listing)
        .order_by(table.c.at_ms.desc(), table.c.inspection.desc())
        .limit(1)
    )
    return act.connection.execute(found).one_or_none()


def answers_of(act: Act, inspection_id: str) -> dict[str, Answer]:
    return {str(row.item): Answer(row.answer) for row in act.rows(inspection_item, inspection=inspection_id)}


def papers_of(act: Act, listing: str) -> dict[str, Paper]:
    """How each document stands today; one that is out of date is absent."""
    rows: list[Any] = act.rows(listing_document, listing=listing)
    return {
        row.kind: Paper(row.state) if row.until_ms is None or act.now_ms < row.until_ms else Paper.ABSENT
        for row in rows
    }


def letters_of(act: Act, operator: str) -> dict[str, int]:
    """The newest version of each letter that the operator has acknowledged."""
    rows: list[Any] = act.rows(letter_ack, operator=operator)
    return {row.kind: row.version for row in sorted(rows, key=lambda row: row.version)}


def missing(act: Act, listing: Any, user: str) -> Missing:
    """Everything that stands against a code, as the books have it in this transaction."""
    held = newest_inspection(act, listing.listing)
    answers = answers_of(act, held.inspection) if held is not None else {}
    return Missing(
        documents=missing_documents(papers_of(act, listing.listing), seen=True),
        letters=missing_letters(letters_of(act, listing.operator)),
        items=open_items(answers, version=held.version if held is not None else 0),
        interested=is_interested(act, user, listing),
    )


def guards_of(act: Act, listing: Any, user: str) -> frozenset[Guard]:
    """The guards of the listing's table that hold for this person now; two approvals are the sanction's to give."""
    lacks = missing(act, listing, user)
    holding = {Guard.NAMED_HUMAN}
    for guard, held in (
        (Guard.DOCUMENTS, not lacks.documents),
        (Guard.COMMITMENT, not lacks.letters),
        (Guard.CHECKLISTS, not lacks.items),
        (Guard.REVIEWER_INDEPENDENT, not lacks.interested),
    ):
        if held:
            holding.add(guard)
    return frozenset(holding)


def move_listing(
    act: Act, listing: Any, event: str, guards: frozenset[Guard], *, reason: str, **file: object
) -> str:
    """Take one step; the state afterwards.  Passes of every open stay follow, and who has to hear of it is
    told, in the same transaction.

    Raises:
        Refused: the table does not have it, or a guard does not hold.
    """
    after = act.move(LISTING, listing.listing, listing.state, event, guards, reason=reason)
    act.update(tables.listing, {"listing": listing.listing}, state=after)
    if file_of(act, listing.listing) is not None:
        act.update(listing_file, {"listing": listing.listing}, reason=reason, **_dates(act, after), **file)
    if after != listing.state:
        stays = open_stays(act, listing.listing)
        for stay in stays:
            refresh_stay(act, stay.stay)
        tell_of_listing(act, listing, after, reason, stays)
    return after


def _dates(act: Act, after: str) -> dict[str, int | None]:
    """What a state begins or ends."""
    if after == _L.ACTIVE:
        return {"lapsed_ms": None, "suspended_ms": None}
    if after == _L.SUSPENDED:
        return {"suspended_ms": act.now_ms}
    return {"lapsed_ms": act.now_ms} if after == _L.LAPSED else {}


def open_stays(act: Act, listing: str) -> list[Any]:
    """Stays that are ahead or inside."""
    table = tables.stay
    found = sa.select(table).where(
        table.c.community == act.house.community,
        table.c.listing == listing,
        table.c.state.in_(STAY_AHEAD | STAY_INSIDE),
    )
    return list(act.connection.execute(found.order_by(table.c.stay)).all())


def review_dates(act: Act) -> dict[str, int | None]:
    """A fresh review: the next one is due in a year."""
    return {"next_review_ms": act.now_ms + REVIEW_EVERY_MS, "decide_by_ms": None}


def check_recheck(act: Act, listing: Any) -> None:
    """A suspended listing opens again after somebody has looked: risk lists answered since, and none against it.

    Raises:
        Refused: nobody has looked since, or something blocks.
    """
    held, filed = newest_inspection(act, listing.listing), file_of(act, listing.listing)
    since_ms = filed.suspended_ms if filed is not None and filed.suspended_ms is not None else 0
    if held is None or held.at_ms <= since_ms:
        raise Refused("listing.recheck", "inspect the listing first; nobody has since it was suspended.")
    against = open_items(answers_of(act, held.inspection), version=held.version)
    if against:
        raise Refused("listing.recheck", f"the risk lists do not pass yet: {', '.join(against)}.")


def check_grace(act: Act, listing: Any) -> None:
    """Raises Refused while the fourteen days of a lapsed listing run."""
    filed = file_of(act, listing.listing)
    ends_ms = (filed.lapsed_ms or 0) + LAPSE_GRACE_MS if filed is not None else 0
    if act.now_ms < ends_ms:
        days = -(-(ends_ms - act.now_ms) // 86_400_000)
        raise Refused(
            "listing.grace", f"the listing has {days} more days to be reviewed before it can be suspended."
        )


def check_reviewer(act: Act, listing: Any, by: Person) -> None:
    """Raises Refused where the review is somebody else's."""
    filed = file_of(act, listing.listing)
    if filed is not None and filed.reviewer != by.name:
        raise Refused(
            "listing.reviewer", f"the review is {filed.reviewer or 'nobody'}'s; have it assigned to you."
        )


def refs_of(text: str) -> tuple[str, ...]:
    """The references of a JSON column."""
    return tuple(json.loads(text))
