"""Complaints by the plate of a door (domain.md story 44): on the listing, to its operator, and repeated to a person."""

import base64
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
import structlog

from cloud_sync.core.complaints import RULE_OF, SAID_MAX, WITHIN_MS, ComplaintState, Topic, are_repeated
from cloud_sync.core.conduct import Rule
from cloud_sync.core.dossier import Verified, verified
from cloud_sync.core.lifecycles import ListingState
from cloud_sync.core.roles import Right, may
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports_complaints import ComplaintView
from cloud_sync.ports_guest import Contact
from cloud_sync.ports_model import Person
from cloud_sync.store import points, tables
from cloud_sync.store.catalogue import rules_of
from cloud_sync.store.engine import reading
from cloud_sync.store.house import Act, House, acting
from cloud_sync.store.interests import check_place
from cloud_sync.store.listing_steps import listing_of
from cloud_sync.store.notices import Letter, queue
from cloud_sync.store.reasons import checked_reason
from cloud_sync.store.tables_guests import complaint

TOKEN_BYTES = 24
SHOWN_MAX = 200
ACTOR, ROLE = "plate", "guest"
BY_PHONE = "sms"  # what an operator is on file with is a telephone
EVENTS = {"answer": ComplaintState.ANSWERED, "dismiss": ComplaintState.DISMISSED}

log = structlog.get_logger()


class SqlComplaints:
    """``ComplaintDesk`` on the database; safe from any thread."""

    def __init__(self, house: House) -> None:
        self._house = house

    def complain(self, listing: str, topic: str, said: str) -> str:
        with acting(self._house, ACTOR, ROLE) as act:
            token, operator, made = _take(act, listing, topic, said)
        self._tell(operator, listing, made)
        return token

    def status(self, token: str) -> ComplaintView:
        (found,) = self._found(complaint.c.token_hash == _hash(token)) or (None,)
        if found is None:
            raise NotFound("there is no complaint under this link, or it is no longer kept.")
        return found

    def complaints(self, listing: str = "") -> tuple[ComplaintView, ...]:
        return self._found(complaint.c.listing == listing if listing else sa.true())

    def answer(self, complaint_id: str, event: str, text: str, by: Person) -> None:
        if not may(by.role, Right.REVIEW_LISTING):
            raise Refused("role.REVIEW_LISTING", f"The role {by.role} may not: {Right.REVIEW_LISTING.value}.")
        after = EVENTS.get(event)
        if after is None:
            raise Refused("complaint.event", f"a complaint is decided by one of {', '.join(EVENTS)}.")
        with acting(self._house, by.name, by.role) as act:
            held: Any = act.row(complaint, complaint=complaint_id)
            if held is None:
                raise NotFound(f"there is no complaint {complaint_id}.")
            check_place(act, by.name, listing_of(act, held.listing).unit)
            if held.state != ComplaintState.OPEN:
                raise Refused("complaint.decided", f"{held.answered_by} has answered this already.")
            said = checked_reason(text)
            values = {"answer": said, "answered_by": by.name, "answered_ms": act.now_ms}
            act.update(complaint, {"complaint": complaint_id}, state=after, **values)
            act.note(f"complaint.{event}", complaint_id, held.state, after, said)

    def _tell(self, operator: str, listing: str, made: str) -> None:
        """A short message to the operator's telephone, where the community sends any; their program sees it anyway."""
        house = self._house
        if BY_PHONE not in house.channels or not house.vault.holds(operator, "phone"):
            return
        purpose = f"tell the operator of {made}"
        to = house.vault.open_field(operator, "phone", actor=ACTOR, purpose=purpose, screen=BY_PHONE)
        with acting(house, ACTOR, ROLE) as act:
            queue(act, Contact(BY_PHONE, to), Letter("complaint", "zh", {"listing": listing}))

    def _found(self, which: sa.ColumnElement[bool]) -> tuple[ComplaintView, ...]:
        table = complaint
        query = sa.select(table).where(table.c.community == self._house.community, which)
        waits = sa.case((table.c.state == ComplaintState.OPEN, 0), else_=1)
        with reading(self._house.engine).connect() as db:
            rows = db.execute(query.order_by(waits, table.c.made_ms.desc()).limit(SHOWN_MAX)).all()
        return tuple(_view(row) for row in rows)


def _view(row: Any) -> ComplaintView:
    return ComplaintView(
        row.complaint,
        row.listing,
        Topic(row.topic),
        row.said,
        row.made_ms,
        ComplaintState(row.state),
        row.answer or "",
        row.answered_by or "",
        row.answered_ms,
    )


def _hash(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def _take(act: Act, listing: str, topic: str, said: str) -> tuple[str, str, str]:
    """The link's token, the operator, and the complaint's id."""
    held: Any = act.row(tables.listing, listing=listing)
    if held is None or verified(ListingState(held.state)) is Verified.NOT_VALID:
        raise Refused("complaint.listing", "no listing has this code; call the community instead.")
    words = " ".join(said.split())
    if topic not in set(Topic) or len(words) > SAID_MAX or not words.isprintable():
        raise Refused("complaint.words", f"choose what it is about; at most {SAID_MAX} characters more.")
    made = act.new_id("CP")
    token = base64.urlsafe_b64encode(act.house.randomness(TOKEN_BYTES)).decode()
    act.insert(
        complaint,
        complaint=made,
        listing=listing,
        topic=topic,
        said=words,
        token_hash=_hash(token),
        made_ms=act.now_ms,
        state=ComplaintState.OPEN,
    )
    act.note("complaint.make", made, None, f"{listing} {topic}")
    _propose(act, listing, Topic(topic))
    return token, str(held.operator), made


def _propose(act: Act, listing: str, topic: Topic) -> None:
    """Complaints of several days propose the rule's points, each complaint once; a person decides."""
    rule: Rule | None = rules_of(act).get(RULE_OF.get(topic, ""))
    if rule is None or not rule.points:
        return
    table = complaint
    counted = sa.select(table.c.complaint, table.c.made_ms).where(
        table.c.community == act.house.community,
        table.c.listing == listing,
        table.c.topic == topic,
        table.c.state != ComplaintState.DISMISSED,
        table.c.proposal.is_(None),
        table.c.made_ms > act.now_ms - WITHIN_MS,
    )
    rows = act.connection.execute(counted.order_by(table.c.made_ms)).all()
    if not are_repeated(act.house.local_day(row.made_ms) for row in rows):
        return
    cited = tuple(str(row.complaint) for row in rows)
    try:
        made = points.propose(act, listing, rule.id, cited[-points.EVIDENCE_MAX :], f"rule {rule.id}")
    except Refused as refused:  # the ledger of a banned listing is frozen
        log.info("not_proposed", listing=listing, rule=rule.id, why=str(refused))
        return
    for one in cited:
        act.update(complaint, {"complaint": one}, proposal=made)
