"""What operators and guests are told without looking: queued in the act that causes it, beside a line on the operator's page.

An address stands sealed in the vault, an operator's under its id and a guest's under an id of its own until the stay is
over; it is opened when a message is sent, never before.  Whoever has none is told by their page alone.
"""

from collections.abc import Iterable
from functools import partial
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.lifecycles import STAY_AHEAD, ListingState
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports_operator import Told
from cloud_sync.store import tables
from cloud_sync.store.house import Act
from cloud_sync.store.interests import NO_OPERATOR
from cloud_sync.store.tables_model import operator, operator_notice

ADDRESS, CONTACT = "address", "contact"  # fields of the vault
LANGUAGES = ("zh", "en")
ADDRESS_MAX, CHANNEL_MAX = 254, 32  # the longest address e-mail has
LINES_MAX = 50
ON_PAGE = "PAGE"  # nobody has said where this operator is written to
CANCELLED_INSIDE, SUSPENDED, BANNED = "cancelled_inside", "listing_suspended", "listing_banned"
LONGER = "longer_asked"
BULLETIN = "bulletin"
TOPICS = {ListingState.SUSPENDED: SUSPENDED, ListingState.REVOKED: BANNED}
TO_KEPT = frozenset({*TOPICS.values(), BULLETIN})  # what goes to the address that is kept for the stay


def check_address(address: str, language: str) -> None:
    """Raises Refused for what nobody can be written to at."""
    if language not in LANGUAGES:
        raise Refused("notice", f"language {language!r} is not one of {', '.join(LANGUAGES)}.")
    if len(address) > ADDRESS_MAX or not address.isprintable():
        raise Refused("notice", f"an address has at most {ADDRESS_MAX} printable characters.")


# --- operators -----------------------------------------------------------------------------------------------------


def put_contact(act: Act, operator_id: str, channel: str, address: str, language: str) -> None:
    """Where this operator is written to from now on; without a channel its page is all it is told by.

    Raises:
        NotFound: no such operator.
        Refused: the language or the address cannot be.
    """
    if act.row(operator, operator=operator_id) is None:
        raise NotFound(NO_OPERATOR.format(operator_id))
    check_address(address, language)
    if len(channel) > CHANNEL_MAX or not (channel.isidentifier() or not channel):
        raise Refused("notice", "a way of writing is one word, such as email.")
    act.update(operator, {"operator": operator_id}, channel=channel or None, language=language)
    act.note("operator.contact", operator_id, None, channel or "page only")
    if channel:
        act.house.vault.seal(operator_id, ADDRESS, address.strip())


def tell_operator(
    act: Act, operator_id: str, topic: str, listing: str, *, about: str = "", reason: str = ""
) -> None:
    """One line on the operator's page, and a message where there is a way to write."""
    if not operator_id:
        return
    held: Any = act.row(operator, operator=operator_id)
    channel = (held.channel or "") if held is not None else ""
    act.insert(
        operator_notice,
        notice=act.new_id("ON"),
        operator=operator_id,
        topic=topic,
        listing=listing,
        about=about,
        reason=reason,
        channel=channel,
        language=(held.language or "zh") if held is not None else "zh",
        state="QUEUED" if channel else ON_PAGE,
        attempts=0,
        next_ms=act.now_ms if channel else None,
        made_ms=act.now_ms,
    )


def lines_of(act: Act, operator_id: str) -> tuple[Told, ...]:
    """What this operator was told lately, the newest first."""
    table = operator_notice
    found = (
        sa.select(table)
        .where(table.c.community == act.house.community, table.c.operator == operator_id)
        .order_by(table.c.made_ms.desc(), table.c.notice.desc())
        .limit(LINES_MAX)
    )
    return tuple(
        Told(row.notice, row.topic, row.listing, row.about, row.reason, row.made_ms, row.state)
        for row in act.connection.execute(found)
    )


# --- guests --------------------------------------------------------------------------------------------------------


def keep_contact(act: Act, stay: str, channel: str, address: str, language: str) -> None:
    """Where the guests of this stay are written to; a sheet on paper has no address, and nothing is kept."""
    if not address.strip():
        return
    held: Any = act.row(tables.stay_contact, stay=stay)
    contact = str(held.contact) if held is not None else act.new_id("CO")
    if held is None:
        values = {"contact": contact, "stay": stay, "channel": channel, "language": language}
        act.insert(tables.stay_contact, **values, made_ms=act.now_ms)
        act.on_failure.append(partial(act.house.vault.forget, contact))
    else:
        act.update(tables.stay_contact, {"contact": contact}, channel=channel, language=language)
    act.house.vault.seal(contact, CONTACT, address.strip())


def is_kept(act: Act, stay: str) -> bool:
    """Whether the guests of this stay can be written to."""
    return act.row(tables.stay_contact, stay=stay) is not None


def forget_contact(act: Act, stay: str) -> None:
    """The guests of this stay are written to no more; what waits to be sent finds no address."""
    held: Any = act.row(tables.stay_contact, stay=stay)
    if held is None:
        return
    gone = sa.delete(tables.stay_contact).where(
        tables.stay_contact.c.community == act.house.community, tables.stay_contact.c.stay == stay
    )
    act.connection.execute(gone)
    act.note("contact.forget", str(held.contact), None, "FORGOTTEN")
    act.after_commit.append(partial(act.house.vault.forget, str(held.contact)))


def tell_guests(act: Act, stay: str, topic: str) -> str:
    """One message to where this stay's link was sent, by its id; "" without an address: their page says it."""
    held: Any = act.row(tables.stay_contact, stay=stay)
    if held is None:
        return ""
    notice = act.new_id("NO")
    act.insert(
        tables.notice,
        notice=notice,
        stay=stay,
        channel=held.channel,
        topic=topic,
        language=held.language,
        state="QUEUED",
        attempts=0,
        next_ms=act.now_ms,
        made_ms=act.now_ms,
    )
    act.note("notice.queue", notice, None, "QUEUED", f"{topic} by {held.channel}")
    return notice


# --- what causes it --------------------------------------------------------------------------------------------------


def tell_of_listing(act: Act, listing: Any, after: str, reason: str, stays: Iterable[Any]) -> None:
    """The operator of a listing that is suspended or banned now, and its guests: a suspension concerns those not here yet."""
    topic = TOPICS.get(ListingState(after))
    if topic is None or after == listing.state:
        return
    tell_operator(act, listing.operator, topic, listing.listing, reason=reason)
    for stay in stays:
        if topic == BANNED or stay.state in STAY_AHEAD:
            tell_guests(act, stay.stay, topic)


def tell_of_cancellation(act: Act, booking: Any, stay: Any) -> None:
    """Cancelled while somebody is inside: the operator hears of it at once."""
    held: Any = act.row(tables.listing, listing=stay.listing)
    if held is not None:
        about = f"{booking.source} {booking.external_ref}"
        tell_operator(act, held.operator, CANCELLED_INSIDE, held.listing, about=about)
