"""``PrivacyDesk`` of ports_privacy.py on the service's database; every method is one transaction, from any thread."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeVar

import sqlalchemy as sa

from cloud_sync.core.policy import FACE_ACCESS
from cloud_sync.core.retention import FacePersons, Hold, Proof
from cloud_sync.core.trace import TellingRule, TraceWish
from cloud_sync.ports_privacy import BreachView, HiddenStay, TraceShown, TraceView
from cloud_sync.store import breaches, hidden, retention, tables, trace_telling, tracing
from cloud_sync.store.engine import reading
from cloud_sync.store.house import Act, House, acting

STAFF = "staff"
Told = TypeVar("Told")


class SqlPrivacy:
    def __init__(self, house: House) -> None:
        self._house = house

    def proof(self) -> tuple[Proof, ...]:
        return retention.newest_proof(self._house)

    def holds(self) -> tuple[Hold, ...]:
        return retention.active_holds(self._house)

    def hold(self, kind: str, ref: str, *, reason: str, days: int, actor: str) -> str:
        source, _, external_ref = " ".join(ref.split()).partition(" ")
        booking = (source, external_ref) if kind == "booking" else None
        with self._acting(actor) as act:
            clock = ref.strip() if kind == "clock" else ""
            return retention.hold(act, clock=clock, booking=booking, reason=reason, days=days)

    def lift(self, hold: str, *, reason: str, actor: str) -> None:
        with self._acting(actor) as act:
            retention.lift(act, hold, reason)

    def face_persons(self) -> FacePersons:
        with reading(self._house.engine).connect() as db:
            return count_face_persons(db)

    def hide_stay(self, source: str, external_ref: str, *, reason: str, actor: str) -> None:
        with self._acting(actor) as act:
            hidden.hide(act, source, external_ref, reason)

    def show_stay(self, stay: str, *, reason: str, actor: str) -> None:
        with self._acting(actor) as act:
            hidden.show(act, stay, reason)

    def hidden_stays(self) -> tuple[HiddenStay, ...]:
        return self._look(hidden.listed)

    def traces(self) -> tuple[TraceView, ...]:
        return self._look(tracing.listed)

    def trace(self, trace: str) -> TraceView:
        return self._look(lambda act: tracing.one(act, trace))

    def ask_trace(self, wish: TraceWish, *, actor: str) -> str:
        with self._acting(actor) as act:
            return tracing.ask(act, wish)

    def decide_trace(
        self, trace: str, *, approve: bool, actor: str, telling: TellingRule | None = None
    ) -> None:
        with self._acting(actor) as act:
            tracing.decide(act, trace, approve=approve)
            if approve:
                trace_telling.record(act, trace, telling or TellingRule(""))

    def record_telling(self, trace: str, telling: TellingRule, *, actor: str) -> None:
        with self._acting(actor) as act:
            trace_telling.record(act, trace, telling)

    def traces_owed(self) -> tuple[TraceView, ...]:
        return self._look(lambda act: tuple(tracing.one(act, trace) for trace in trace_telling.owed(act)))

    def show_trace(self, trace: str, *, actor: str) -> TraceShown:
        with self._acting(actor) as act:
            return tracing.show(act, trace)

    def breaches(self) -> tuple[BreachView, ...]:
        return self._look(breaches.listed)

    def breach(self, breach: str) -> BreachView:
        return self._look(lambda act: breaches.one(act, breach))

    def tick_breach(self, breach: str, step: str, *, note: str, actor: str) -> None:
        with self._acting(actor) as act:
            breaches.tick(act, breach, step, note)

    def _acting(self, actor: str) -> AbstractContextManager[Act]:
        return acting(self._house, actor, STAFF)

    def _look(self, ask: Callable[[Act], Told]) -> Told:
        with reading(self._house.engine).begin() as db:
            return ask(Act(self._house, db, self._house.clock.now_ms(), "service", "system"))


def count_face_persons(db: sa.Connection) -> FacePersons:
    """Distinct people, not stays, in every community of this database: the duty to file is the operator's (R20).

    A guest who comes back is one person by the document, where it was told; before that each place in a party counts.
    """
    consent, person = tables.consent, tables.person
    who = sa.func.coalesce(person.c.doc_hash, consent.c.person)
    joined = sa.join(
        consent,
        person,
        (person.c.community == consent.c.community) & (person.c.person == consent.c.person),
        isouter=True,
    )
    ever = (
        sa.select(sa.func.count(sa.distinct(who))).select_from(joined).where(consent.c.purpose == FACE_ACCESS)
    )
    now = ever.where(consent.c.withdrawn_ms.is_(None))
    return FacePersons(int(db.execute(now).scalar_one()), int(db.execute(ever).scalar_one()))
