"""``ListingDesk`` of ports_model.py on the database: every call is one transaction and safe from any thread."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import sqlalchemy as sa

from cloud_sync.core.codes import listing_code_fault
from cloud_sync.core.conduct import Rule
from cloud_sync.core.dossier import Answer, Verified, verified
from cloud_sync.core.lifecycles import ListingState
from cloud_sync.core.roles import Right, may
from cloud_sync.errors import Refused
from cloud_sync.ports_model import (
    FilingWish,
    ListingRow,
    ListingView,
    OperatorWish,
    Person,
    UnitView,
    UnitWish,
    WorkQueue,
)
from cloud_sync.store import (
    capacity_exceptions,
    catalogue,
    dossier_books,
    filing,
    findings,
    listing_views,
    points,
    sanctions,
    tables,
)
from cloud_sync.store.engine import reading
from cloud_sync.store.house import Act, House, acting
from cloud_sync.store.listing_steps import listing_of

SANCTION_PREFIX = "SN-"


class SqlListings:
    """One community's register of listings."""

    def __init__(self, house: House, area: str) -> None:
        """``area``: the six digits in every code that is given here."""
        self._house = house
        self._area = area

    # --- the operator's side ------------------------------------------------------------------------------------

    def file(self, wish: FilingWish, by: Person) -> str:
        with self._acting(by) as act:
            return filing.file_listing(act, wish, by, self._area)

    def declare(self, listing: str, document: str, state: str, by: Person) -> None:
        with self._acting(by) as act:
            filing.declare(act, listing, document, state, by)

    def acknowledge(self, operator: str, kind: str, version: int, language: str, by: Person) -> None:
        with self._acting(by) as act:
            filing.acknowledge(act, operator, kind, version, language, by)

    def submit(self, listing: str, by: Person) -> str:
        with self._acting(by) as act:
            return filing.submit(act, listing, by)

    def leave(self, listing: str, reason: str, by: Person) -> str:
        with self._acting(by) as act:
            return filing.leave(act, listing, reason, by)

    def appeal(self, id_: str, text: str, by: Person) -> str:
        with self._acting(by) as act:
            grave = id_.startswith(SANCTION_PREFIX)
            row = sanctions.sanction_of(act, id_) if grave else points.point_of(act, id_)
            held = listing_of(act, row.listing)
            thing = "sanction" if grave else "points entry"
            filing.check_speaks(act, by, held.operator, f"{thing} {id_}")
            return sanctions.appeal(act, id_, text, by) if grave else points.appeal(act, id_, text, by)

    def listing(self, listing: str, by: Person) -> ListingView:
        with self._looking() as act:
            held = listing_of(act, listing)
            if not may(by.role, Right.SEE_LISTINGS):
                filing.check_speaks(act, by, held.operator, f"listing {listing}")
            return listing_views.view(act, listing, by)

    # --- the community's side -----------------------------------------------------------------------------------

    def rows(self, state: str = "") -> tuple[ListingRow, ...]:
        with self._looking() as act:
            return listing_views.rows(act, state)

    def queue(self) -> WorkQueue:
        with self._looking() as act:
            return listing_views.queue(act)

    def unit(self, unit: str) -> UnitView:
        with self._looking() as act:
            return listing_views.unit_view(act, unit)

    def put_unit(self, wish: UnitWish, reason: str, by: Person) -> None:
        with self._acting(by, Right.REVIEW_LISTING) as act:
            dossier_books.put_unit(act, wish, reason, by.name)

    def count_residents(self, unit: str, cls: str, n: int, by: Person) -> None:
        with self._acting(by, Right.REVIEW_LISTING) as act:
            dossier_books.count_residents(act, unit, cls, n)

    def put_operator(self, wish: OperatorWish, by: Person) -> None:
        with self._acting(by, Right.REVIEW_LISTING) as act:
            dossier_books.put_operator(act, wish)

    def operator_leaves(self, operator: str, reason: str, by: Person) -> None:
        with self._acting(by, Right.REVIEW_LISTING) as act:
            dossier_books.operator_leaves(act, operator, reason)

    def put_staff(
        self, operator: str, ref: str, role: str, by: Person, *, from_ms: int, until_ms: int | None
    ) -> None:
        with self._acting(by, Right.REVIEW_LISTING) as act:
            dossier_books.put_staff(act, operator, ref, role, from_ms, until_ms)

    def flag_interest(self, user: str, operator: str, kind: str, by: Person) -> None:
        with self._acting(by, Right.REVIEW_LISTING) as act:
            dossier_books.flag_interest(act, user, operator, kind, by.name)

    def give_duty(
        self, user: str, role: str, scope: str, by: Person, *, from_ms: int, until_ms: int | None = None
    ) -> str:
        with self._acting(by, Right.REVIEW_LISTING) as act:
            return dossier_books.give_duty(act, user, role, scope, from_ms, until_ms, by.name)

    def end_duty(self, duty: str, by: Person) -> None:
        with self._acting(by, Right.REVIEW_LISTING) as act:
            dossier_books.end_duty(act, duty)

    def assign(self, listing: str, reviewer: str, by: Person) -> str:
        with self._acting(by, Right.REVIEW_LISTING) as act:
            return filing.assign(act, listing, reviewer, by)

    def decide(self, listing: str, event: str, reason: str, by: Person) -> str:
        with self._acting(by, Right.REVIEW_LISTING) as act:
            return filing.decide(act, listing, event, reason, by)

    def inspect(self, listing: str, answers: Mapping[str, Answer], by: Person) -> str:
        with self._acting(by, Right.REVIEW_LISTING) as act:
            return filing.inspect(act, listing, answers, by)

    def set_doors(self, room: str, doors: tuple[str, ...], by: Person) -> None:
        with self._acting(by, Right.REVIEW_LISTING) as act:
            filing.set_doors(act, room, doors, by)

    def approve_exception(self, listing: str, more: int, days: int, reason: str, by: Person) -> str:
        with self._acting(by, Right.REVIEW_LISTING) as act:
            return capacity_exceptions.approve(act, listing, more, days, reason, by)

    def end_exception(self, id_: str, reason: str, by: Person) -> None:
        with self._acting(by, Right.REVIEW_LISTING) as act:
            capacity_exceptions.end(act, id_, reason, by)

    # --- conduct ------------------------------------------------------------------------------------------------

    def rules(self) -> tuple[Rule, ...]:
        with self._looking() as act:
            return tuple(sorted(catalogue.rules_of(act).values(), key=lambda rule: rule.id))

    def take_rules(self, data: bytes, by: Person) -> dict[str, int]:
        with self._acting(by, Right.CONFIRM_CONDUCT) as act:
            return catalogue.take_rules(act, data)

    def put_bands(self, start: int, green: int, blue: int, yellow: int, by: Person) -> int:
        with self._acting(by, Right.CONFIRM_CONDUCT) as act:
            return catalogue.put_bands(act, start, green, blue, yellow).version

    def propose_points(self, listing: str, rule: str, evidence: tuple[str, ...], by: Person) -> str:
        with self._acting(by, Right.CONFIRM_CONDUCT) as act:
            return points.propose(act, listing, rule, evidence, by.name)

    def decide_points(self, id_: str, event: str, reason: str, by: Person) -> str:
        with self._acting(by, Right.CONFIRM_CONDUCT) as act:
            return points.decide(act, id_, event, reason, by)

    def propose_sanction(
        self, listing: str, tier: int, rule: str, reason: str, by: Person, *, cents: int = 0
    ) -> str:
        with self._acting(by, Right.CONFIRM_CONDUCT) as act:
            return sanctions.propose(act, listing, tier, rule, reason, by.name, cents=cents)

    def decide_sanction(self, id_: str, event: str, reason: str, by: Person) -> str:
        with self._acting(by) as act:
            return sanctions.decide(act, id_, event, reason, by)

    def pay_deposit(self, operator: str, kind: str, cents: int, by: Person) -> int:
        if kind not in {"paid", "refunded"} or cents <= 0:
            raise Refused("deposit", "a deposit is paid or refunded, some cents of it.")
        with self._acting(by, Right.CONFIRM_CONDUCT) as act:
            signed = cents if kind == "paid" else -cents
            return sanctions.enter_deposit(act, operator, kind, signed, by.name)

    def report_unit(self, unit: str, kind: str, note: str, by: Person) -> str:
        with self._acting(by, Right.REVIEW_LISTING) as act:
            return findings.report(act, unit, kind, note, by)

    def decide_finding(self, id_: str, event: str, reason: str, by: Person) -> str:
        with self._acting(by, Right.CONFIRM_CONDUCT) as act:
            return findings.decide(act, id_, event, reason, by)

    # --- everybody ----------------------------------------------------------------------------------------------

    def verify(self, code: str) -> Verified:
        """State only; a code that cannot be one is not even looked for."""
        if listing_code_fault(code) is not None:
            return verified(None)
        wanted = sa.select(tables.listing.c.state).where(
            tables.listing.c.community == self._house.community, tables.listing.c.listing == code
        )
        with reading(self._house.engine).connect() as db:
            state = db.execute(wanted).scalar_one_or_none()
        return verified(None if state is None else ListingState(state))

    # --- within -------------------------------------------------------------------------------------------------

    @contextmanager
    def _acting(self, by: Person, right: Right | None = None) -> Iterator[Act]:
        if right is not None and not may(by.role, right):
            raise Refused(f"role.{right.name}", f"The role {by.role} may not: {right.value}.")
        with acting(self._house, by.name, by.role) as act:
            yield act

    @contextmanager
    def _looking(self) -> Iterator[Act]:
        with reading(self._house.engine).begin() as connection:
            yield Act(self._house, connection, self._house.clock.now_ms(), "service", "system")
