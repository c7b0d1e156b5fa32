"""A guardian gives a child's pass its hours, and may ask to be told when a door says no outside of them (story 9)."""

import re
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.lifecycles import PROVED
from cloud_sync.core.policy import HOUR_MS
from cloud_sync.errors import Refused
from cloud_sync.ports_guest import Contact
from cloud_sync.store import guests, tables
from cloud_sync.store.engine import reading
from cloud_sync.store.house import Act, House, acting
from cloud_sync.store.issuing import CHILD, refresh_stay
from cloud_sync.store.notices import Letter, queue
from cloud_sync.store.tables_guests import child_hours

CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d|24:00")
NOT_NOW = "NotPermittedAtThisTime"
QUIET_MS = HOUR_MS  # one message an hour, however often a child tries
AT_ONCE = 20
CONTACT, TOPIC, ACTOR = "guardian_contact", "child_hours", "guardian"


def way_to(contact: str) -> str:
    """How somebody is written to who left this: a telephone or a mail address."""
    return "email" if "@" in contact else "sms"


def can_tell(house: House) -> bool:
    """Whether any guardian could be written to at all here."""
    return bool(house.channels & {"email", "sms"})


def set_hours(
    act: Act, guest_token: str, subject_ref: str | None, begins: str, ends: str, *, tell: bool
) -> None:
    """The guest whose booking it is, grown up and registered, chooses for a child of the party.

    Raises:
        Refused: it is no child of this party, nobody grown up answers for it, or the times are none.
    """
    stay: Any = guests.stay_of_token(act, guest_token)
    member: Any = guests.member_of(act, stay.stay, subject_ref)
    if member.role != CHILD or not has_guardian(act, stay):
        raise Refused("guardian.who", "hours are for a child, and chosen by a registered adult of the party.")
    hours = _written(begins.strip(), ends.strip())
    key = {"stay": str(stay.stay), "person": str(member.person)}
    held: Any = act.row(child_hours, **key)
    values = {"hours": hours, "tell": int(tell), "made_ms": act.now_ms, "told_ms": None}
    if held is None:
        act.insert(child_hours, **key, **values)
    else:
        act.update(child_hours, key, **values)
    act.note("guardian.hours", str(member.subject_ref), held.hours if held is not None else None, hours)
    refresh_stay(act, str(stay.stay))


def _written(begins: str, ends: str) -> str:
    if not begins and not ends:
        return ""
    if not (CLOCK.fullmatch(begins) and CLOCK.fullmatch(ends) and begins < ends):
        raise Refused("guardian.hours", "hours begin and end on one day, such as 07:00 and 21:00.")
    return f"{begins}-{ends}"


def has_guardian(act: Act, stay: Any) -> bool:
    """Whether the guest who booked is grown up and registered."""
    leads: list[Any] = act.rows(tables.stay_member, stay=stay.stay, role="lead")
    for lead in leads:
        person: Any = act.row(tables.person, person=lead.person)
        rows: list[Any] = act.rows(tables.registration, stay=stay.stay, person=lead.person)
        if person is not None and not person.minor and any(row.status in PROVED for row in rows):
            return True
    return False


def tell_guardians(house: House) -> int:
    """Whoever asked for it and whose child a door has refused outside the hours; how many messages that were."""
    if not can_tell(house):
        return 0
    with reading(house.engine).connect() as db:
        found = db.execute(_refused(house)).all()
    told = 0
    for row in found:
        told += _tell(house, row)
    return told


def _refused(house: House) -> sa.Select[Any]:
    wish, held, event = child_hours, tables.pass_, tables.event
    mine = (held.c.community == wish.c.community) & (held.c.stay == wish.c.stay)
    own = (event.c.community == held.c.community) & (event.c.pass_id == held.c.pass_id)
    since = sa.func.coalesce(wish.c.told_ms + QUIET_MS, wish.c.made_ms)
    return (
        sa.select(wish.c.stay, wish.c.person, sa.func.max(event.c.wall_ms).label("at_ms"))
        .select_from(wish.join(held, mine & (held.c.person == wish.c.person)).join(event, own))
        .where(
            wish.c.community == house.community,
            wish.c.tell == 1,
            event.c.decision == "deny",
            event.c.reason == NOT_NOW,
            event.c.stored_ms > since,
        )
        .group_by(wish.c.stay, wish.c.person)
        .limit(AT_ONCE)
    )


def _tell(house: House, row: Any) -> bool:
    """The number is opened first, for that is a commit of its own; no name stands in the message."""
    to = ""
    if house.vault.holds(row.person, CONTACT):
        purpose = "tell the guardian that a door said no"
        to = house.vault.open_field(row.person, CONTACT, actor=ACTOR, purpose=purpose, screen=TOPIC)
    channel = way_to(to)
    key = {"stay": str(row.stay), "person": str(row.person)}
    with acting(house, ACTOR, "system") as act:
        act.update(child_hours, key, told_ms=act.now_ms)
        if not to or channel not in house.channels:
            return False
        letter = Letter(TOPIC, "zh", {"at": str(row.at_ms)})
        queue(act, Contact(channel, to), letter, stay=str(row.stay))
        return True
