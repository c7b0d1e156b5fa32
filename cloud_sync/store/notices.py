"""Messages to guests and operators: queued, claimed before they are sent, receipted, and tried again at set times."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.lifecycles import STAY_OPEN
from cloud_sync.core.policy import HOUR_MS, MINUTE_MS
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports_guest import Contact, DueNotice
from cloud_sync.store import tables
from cloud_sync.store.engine import reading
from cloud_sync.store.guests import new_link
from cloud_sync.store.house import Act, House, acting
from cloud_sync.store.tables_bulletins import bulletin, bulletin_letter
from cloud_sync.store.tables_model import operator_notice
from cloud_sync.store.told import ADDRESS, BULLETIN, CONTACT, ON_PAGE, TO_KEPT, check_address, keep_contact

# The same steps as for passes that do not reach a door (domain.md §5.6); after the last one a person looks.
RETRY_MS = (MINUTE_MS, 5 * MINUTE_MS, 15 * MINUTE_MS, HOUR_MS)
# Longer than any conversation with a far side may take, so that two senders never hold one message.
CLAIM_MS = 3 * MINUTE_MS
INVITATION = "invitation"
SEALED = "notice"
ACTOR = "notifier"
TO_OPERATORS = "ON-"  # how their messages' ids begin
GONE = "no address is on file"
OVER = "what it says is over"


@dataclass(frozen=True, slots=True)
class Invitation:
    """What staff ask for; ``pages`` is how guests reach the service."""

    source: str
    external_ref: str
    channel: str
    to: str
    language: str
    pages: str


@dataclass(frozen=True, slots=True)
class Letter:
    """What a message says: its topic's words, filled with ``said``; a link where it has one."""

    topic: str
    language: str
    said: dict[str, str] = field(default_factory=dict, repr=False)
    link: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class NoticeLine:
    """One message for inspection: no address, no link."""

    notice: str
    whom: str  # a stay, or an operator
    channel: str
    state: str
    attempts: int
    receipt: str
    problem: str


class SqlOutbox:
    """``Outbox`` of ports_guest.py over the service's database."""

    def __init__(self, house: House) -> None:
        self._house = house

    def invite(self, wish: Invitation, *, actor: str) -> str:
        """Queue a fresh link for the stay of a booking; returns the notice.  The previous link stops working."""
        check_address(wish.to, wish.language)
        with acting(self._house, actor, "staff") as act:
            return _queue(act, wish)

    def lines(self) -> list[NoticeLine]:
        """Every message, oldest first."""
        with reading(self._house.engine).begin() as connection:
            act = Act(self._house, connection, self._house.clock.now_ms(), ACTOR, "system")
            rows: list[Any] = [*act.rows(tables.notice), *act.rows(operator_notice)]
        found = sorted((row for row in rows if row.state != ON_PAGE), key=lambda row: str(row.notice)[3:])
        return [
            NoticeLine(
                row.notice,
                row.operator if row.notice.startswith(TO_OPERATORS) else row.stay,
                row.channel,
                row.state,
                row.attempts,
                row.receipt or "",
                row.problem or "",
            )
            for row in found
        ]

    def line(self, notice: str) -> NoticeLine:
        for line in self.lines():
            if line.notice == notice:
                return line
        raise NotFound(f"there is no notice {notice}.")

    # --- Outbox ------------------------------------------------------------------------------------------------

    def claim(self, *, most: int, only: str | None = None) -> Sequence[DueNotice]:
        """What is due, this caller's alone for the next minutes; opened after the claim is committed."""
        found = self._due(most, only)
        with reading(self._house.engine).begin() as connection:
            if connection.execute(found).first() is None:
                return []  # looked at without the write lock: an idle round costs the sink nothing
        with acting(self._house, ACTOR, "system") as act:
            names = [str(name) for name in act.connection.execute(found).scalars()]
            for name in names:
                _change(act, name, next_ms=act.now_ms + CLAIM_MS)
            rows = [_facts(act, name) for name in names if not _is_over(act, name)]
        return [due for due in map(self._opened, rows) if due is not None]

    def sent(self, notice: str, receipt: str) -> None:
        with acting(self._house, ACTOR, "system") as act:
            held = _held(act, notice)
            attempts = held.attempts + 1
            values = {"attempts": attempts, "sent_ms": act.now_ms, "receipt": receipt, "problem": None}
            _end(act, notice, "SENT", values)

    def failed(self, notice: str, problem: str) -> None:
        with acting(self._house, ACTOR, "system") as act:
            tried = _held(act, notice).attempts
            if tried < len(RETRY_MS):
                next_ms = act.now_ms + RETRY_MS[tried]
                _change(act, notice, attempts=tried + 1, next_ms=next_ms, problem=problem)
            else:
                _end(act, notice, "FAILED", {"attempts": tried + 1, "problem": problem})

    def refused(self, notice: str, problem: str) -> None:
        with acting(self._house, ACTOR, "system") as act:
            _end(act, notice, "REFUSED", {"attempts": _held(act, notice).attempts + 1, "problem": problem})

    def _due(self, most: int, only: str | None) -> sa.Select[Any]:
        """Of guests and operators alike, what has waited longest first."""
        due = sa.union_all(
            *(self._due_of(table, only) for table in (tables.notice, operator_notice))
        ).subquery()
        return sa.select(due.c.notice).order_by(due.c.next_ms, due.c.notice).limit(most)

    def _due_of(self, table: sa.Table, only: str | None) -> sa.Select[Any]:
        return sa.select(table.c.notice, table.c.next_ms).where(
            table.c.community == self._house.community,
            table.c.state == "QUEUED",
            table.c.next_ms <= self._house.clock.now_ms(),
            table.c.notice == only if only else sa.true(),
        )

    def _opened(self, row: dict[str, Any]) -> DueNotice | None:
        """With its address; where that is forgotten there is nobody to send it to, and it ends."""
        key, field = row.pop("sealed")
        try:
            sealed = self._house.vault.open_field(
                key, field, actor=ACTOR, purpose=f"send the {row['topic']}", screen=row["channel"]
            )
        except NotFound:
            self.refused(row["id"], GONE)
            return None
        letter = json.loads(sealed) if field == SEALED else {"to": sealed, "link": ""}
        return DueNotice(**row, **letter, synthetic=self._house.synthetic)


def _queue(act: Act, wish: Invitation) -> str:
    token = new_link(act, wish.source, wish.external_ref)
    booking = act.row(tables.booking, source=wish.source, external_ref=wish.external_ref)
    assert booking is not None, "new_link has found it"
    (stay,) = act.rows(tables.stay, booking=str(booking.booking))
    if stay.state not in STAY_OPEN:
        raise Refused("notice", f"the stay of booking {wish.source} {wish.external_ref} is {stay.state}.")
    keep_contact(act, str(stay.stay), wish.channel, wish.to, wish.language)
    letter = Letter(INVITATION, wish.language, {}, f"{wish.pages}/g/{token}")
    return queue(act, Contact(wish.channel, wish.to), letter, stay=str(stay.stay))


def queue(act: Act, contact: Contact, letter: Letter, *, stay: str = "") -> str:
    """One message, due now; address and words stand sealed until it is sent.  The notice's id."""
    notice = act.new_id("NO")
    act.insert(
        tables.notice,
        notice=notice,
        stay=stay,
        channel=contact.channel,
        topic=letter.topic,
        language=letter.language,
        state="QUEUED",
        attempts=0,
        next_ms=act.now_ms,
        made_ms=act.now_ms,
    )
    act.note("notice.queue", notice, None, "QUEUED", f"{letter.topic} by {contact.channel}")
    act.on_failure.append(partial(act.house.vault.forget, notice))
    sealed = {"to": contact.to, "link": letter.link, "said": letter.said}
    act.house.vault.seal(notice, SEALED, json.dumps(sealed, ensure_ascii=False))
    return notice


def _table(notice: str) -> sa.Table:
    return operator_notice if notice.startswith(TO_OPERATORS) else tables.notice


def _held(act: Act, notice: str) -> Any:
    row = act.row(_table(notice), notice=notice)
    if row is None:
        raise NotFound(f"there is no notice {notice}.")
    return row


def _change(act: Act, notice: str, **values: object) -> None:
    act.update(_table(notice), {"notice": notice}, **values)


def _end(act: Act, notice: str, state: str, values: dict[str, object]) -> None:
    """Whatever came of it, address and link are forgotten: they have no further use here."""
    _change(act, notice, state=state, next_ms=None, **values)
    act.note("notice.end", notice, "QUEUED", state)
    act.after_commit.append(partial(act.house.vault.forget, notice))


def _facts(act: Act, notice: str) -> dict[str, Any]:
    """What the letter says, and under which key of the vault the address stands."""
    held = _held(act, notice)
    (community,) = act.rows(tables.community)
    about = _about_operator(held) if notice.startswith(TO_OPERATORS) else _about_stay(act, held)
    return {
        "id": notice,
        "channel": held.channel,
        "topic": held.topic,
        "language": held.language,
        "community_zh": community.name_zh,
        "community_en": community.name_en,
        **about,
    }


def _about_stay(act: Act, held: Any) -> dict[str, Any]:
    """Of a stay, or of nothing that there is a record of; only what a later moment says goes to the kept address."""
    stay: Any = act.row(tables.stay, stay=held.stay)
    contact: Any = act.row(tables.stay_contact, stay=held.stay)
    kept = (str(contact.contact) if contact is not None else "", CONTACT)
    return {
        "planned_in_ms": stay.planned_in_ms if stay is not None else 0,
        "planned_out_ms": stay.planned_out_ms if stay is not None else 0,
        "sealed": kept if held.topic in TO_KEPT else (held.notice, SEALED),
        **_said(act, held),
    }


def _said(act: Act, held: Any) -> dict[str, Any]:
    """A notice of the community is said in its own words, in the guest's language."""
    found = _bulletin_of(act, held)
    if found is None:
        return {}
    return {"said": {"words": str(found.text_zh if held.language == "zh" else found.text_en)}}


def _is_over(act: Act, notice: str) -> bool:
    """A notice of the community that ended or was withdrawn before its message went; the message ends then."""
    held = _held(act, notice)
    found = _bulletin_of(act, held)
    over = found is not None and (found.withdrawn_by is not None or found.ends_ms <= act.now_ms)
    if over:
        _end(act, notice, "REFUSED", {"attempts": held.attempts, "problem": OVER})
    return over


def _bulletin_of(act: Act, held: Any) -> Any:
    if held.topic != BULLETIN:
        return None
    letter: Any = act.row(bulletin_letter, notice=held.notice)
    return act.row(bulletin, bulletin=letter.bulletin) if letter is not None else None


def _about_operator(held: Any) -> dict[str, Any]:
    facts = {name: getattr(held, name) for name in ("operator", "listing", "about", "reason")}
    return {**facts, "planned_in_ms": 0, "planned_out_ms": 0, "sealed": (held.operator, ADDRESS)}
