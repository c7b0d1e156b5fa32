"""``OperatorDesk`` and ``OperatorBook`` of ports_operator.py: whoever logs in for an operator sees that one and no other."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.conduct import Rule
from cloud_sync.core.dossier import LETTERS
from cloud_sync.core.lifecycles import PROVED
from cloud_sync.core.policy import DAY_MS
from cloud_sync.core.roles import Right, Role, may
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports_booking import Filed
from cloud_sync.ports_model import ListingRow, ListingView, Person
from cloud_sync.ports_operator import (
    LetterLine,
    OperatorHome,
    OperatorLine,
    OwnStay,
    StaffLine,
)
from cloud_sync.store import departures, filing, listing_views, returns, tables
from cloud_sync.store.accounts import SqlAccounts
from cloud_sync.store.engine import reading
from cloud_sync.store.house import Act, House, acting
from cloud_sync.store.interests import NO_OPERATOR, operator_of
from cloud_sync.store.listing_desk import SqlListings
from cloud_sync.store.tables_guests import stay_wish
from cloud_sync.store.tables_model import letter_ack, operator, operator_staff
from cloud_sync.store.told import lines_of, put_contact

STAYS_MAX = 300
STAYS_BACK_MS = 30 * DAY_MS
RETURN_DAYS = 7


class SqlOperatorDesk:
    """Every call is one transaction; ``by`` decides whose everything is."""

    def __init__(self, house: House, listings: SqlListings, accounts: SqlAccounts) -> None:
        self._house = house
        self._listings = listings
        self._accounts = accounts

    # --- the operator's own pages -------------------------------------------------------------------------------

    def home(self, by: Person) -> OperatorHome:
        with self._looking(by) as (act, own):
            return OperatorHome(
                own,
                _listings(act, own),
                returns.days_of(act, own, RETURN_DAYS),
                _letters(act, own),
                lines_of(act, own),
            )

    def listing(self, listing: str, by: Person) -> ListingView:
        return self._listings.listing(listing, by)

    def stays(self, by: Person) -> tuple[OwnStay, ...]:
        with self._looking(by) as (act, own):
            recent = tables.stay.c.planned_out_ms >= act.now_ms - STAYS_BACK_MS
            return _stays(act, own, recent)

    def stay(self, stay: str, by: Person) -> OwnStay:
        with self._looking(by) as (act, own):
            found = _stays(act, own, tables.stay.c.stay == stay)
        if not found:
            raise NotFound(f"there is no stay {stay}.")
        return found[0]

    def answer_departure(self, stay: str, departure_ms: int, by: Person, *, agrees: bool) -> None:
        with self._acting(by) as (act, own):
            if not _stays(act, own, tables.stay.c.stay == stay):
                raise NotFound(f"there is no stay {stay}.")
            departures.answer(act, stay, departure_ms, agrees=agrees)

    def staff(self, by: Person) -> tuple[StaffLine, ...]:
        with self._looking(by) as (act, own):
            rows: list[Any] = sorted(act.rows(operator_staff, operator=own), key=lambda row: str(row.ref))
            return tuple(
                StaffLine(row.ref, row.role, row.from_ms, row.until_ms, row.training_ms, row.health_until_ms)
                for row in rows
            )

    def file_return(self, day: str, guests: int, by: Person) -> Filed:
        with self._acting(by) as (act, own):
            return returns.file(act, own, day, guests)

    def acknowledge(self, kind: str, version: int, language: str, by: Person) -> None:
        with self._acting(by) as (act, own):
            filing.acknowledge(act, own, kind, version, language, by)

    def declare(self, listing: str, document: str, state: str, by: Person) -> None:
        self._listings.declare(listing, document, state, by)

    def submit(self, listing: str, by: Person) -> str:
        return self._listings.submit(listing, by)

    def appeal(self, id_: str, text: str, by: Person) -> str:
        return self._listings.appeal(id_, text, by)

    def rules(self) -> tuple[Rule, ...]:
        return self._listings.rules()

    # --- the community's side -----------------------------------------------------------------------------------

    def operators(self, by: Person) -> tuple[OperatorLine, ...]:
        _check_reviewer(by)
        with reading(self._house.engine).begin() as connection:
            act = Act(self._house, connection, self._house.clock.now_ms(), by.name, by.role)
            rows: list[Any] = sorted(act.rows(operator), key=lambda row: str(row.operator))
        return tuple(
            OperatorLine(
                row.operator,
                row.kind,
                row.status,
                row.user or "",
                row.channel or "",
                row.language or "",
            )
            for row in rows
        )

    def give_login(self, operator_id: str, name: str, password: str, by: Person) -> None:
        """The account first: one that is bound to nothing sees nothing."""
        _check_reviewer(by)
        with acting(self._house, by.name, by.role) as act:
            _unbound(act, operator_id)
        user = self._accounts.add(name, Role.OPERATOR, password, actor=by.name)
        with acting(self._house, by.name, by.role) as act:
            held = _unbound(act, operator_id)
            act.update(operator, {"operator": operator_id}, user=user.name)
            act.note("operator.change", operator_id, held.user, user.name, "login")

    def set_contact(self, operator_id: str, channel: str, address: str, language: str, by: Person) -> None:
        _check_reviewer(by)
        with acting(self._house, by.name, by.role) as act:
            put_contact(act, operator_id, channel, address, language)

    # --- within -------------------------------------------------------------------------------------------------

    @contextmanager
    def _looking(self, by: Person) -> Iterator[tuple[Act, str]]:
        with reading(self._house.engine).begin() as connection:
            act = Act(self._house, connection, self._house.clock.now_ms(), by.name, by.role)
            yield act, operator_of(act, by.name)

    @contextmanager
    def _acting(self, by: Person) -> Iterator[tuple[Act, str]]:
        with acting(self._house, by.name, by.role) as act:
            yield act, operator_of(act, by.name)


def _check_reviewer(by: Person) -> None:
    if not may(by.role, Right.REVIEW_LISTING):
        raise Refused("role.REVIEW_LISTING", f"The role {by.role} may not: {Right.REVIEW_LISTING.value}.")


def _unbound(act: Act, operator_id: str) -> Any:
    """The row of an operator that still lets here and that nobody logs in for."""
    held: Any = act.row(operator, operator=operator_id)
    if held is None:
        raise NotFound(NO_OPERATOR.format(operator_id))
    if held.left_ms is not None:
        raise Refused("operator.left", f"{operator_id} has left.")
    if held.user and act.row(tables.user, name=str(held.user)) is not None:
        raise Refused("operator.login", f"{operator_id} has the login {held.user} already.")
    return held


def _listings(act: Act, own: str) -> tuple[ListingRow, ...]:
    return listing_views.rows(act, of=own)


def _letters(act: Act, own: str) -> tuple[LetterLine, ...]:
    rows: list[Any] = act.rows(letter_ack, operator=own)
    newest = {row.kind: row for row in sorted(rows, key=lambda row: int(row.version))}
    return tuple(
        LetterLine(
            letter.kind,
            letter.version,
            newest[letter.kind].version if letter.kind in newest else 0,
            newest[letter.kind].at_ms if letter.kind in newest else None,
        )
        for letter in LETTERS
    )


def _stays(act: Act, own: str, which: sa.ColumnElement[bool]) -> tuple[OwnStay, ...]:
    """Stays of this operator's listings, the next arrival last, with how many of each party are proved."""
    stay, booking, listing, held = tables.stay, tables.booking, tables.listing, tables.registration
    proved = (
        sa.select(sa.func.count(sa.distinct(held.c.person)))
        .where(held.c.community == stay.c.community, held.c.stay == stay.c.stay, held.c.status.in_(PROVED))
        .correlate(stay)
        .scalar_subquery()
    )
    asked = (
        sa.select(stay_wish.c.departure_ms)
        .where(
            stay_wish.c.community == stay.c.community,
            stay_wish.c.stay == stay.c.stay,
            stay_wish.c.state == departures.ASKED,
            stay_wish.c.departure_ms > stay.c.planned_out_ms,
        )
        .correlate(stay)
        .scalar_subquery()
    )
    joined = stay.join(
        booking, (booking.c.community == stay.c.community) & (booking.c.booking == stay.c.booking)
    ).join(listing, (listing.c.community == stay.c.community) & (listing.c.listing == stay.c.listing))
    found = (
        sa.select(
            stay,
            booking.c.source,
            booking.c.external_ref,
            booking.c.headcount,
            booking.c.state.label("booking_state"),
            proved.label("registered"),
            asked.label("wish_ms"),
        )
        .select_from(joined)
        .where(stay.c.community == act.house.community, listing.c.operator == own, which)
        .order_by(stay.c.planned_in_ms, stay.c.stay)
        .limit(STAYS_MAX)
    )
    return tuple(
        OwnStay(
            row.stay,
            row.source,
            row.external_ref,
            row.state,
            row.booking_state,
            row.listing,
            row.room,
            row.planned_in_ms,
            row.planned_out_ms,
            row.headcount,
            row.registered,
            row.first_entry_ms,
            row.wish_ms,
        )
        for row in act.connection.execute(found)
    )
