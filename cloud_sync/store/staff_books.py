"""The staff's half of the registry: what people do to the records by hand, one transaction each."""

from contextlib import AbstractContextManager
from typing import Any

from cloud_sync.ports_guest import FormAnswer
from cloud_sync.ports_staff import Arrival, DryRunReport, MinorCare, Party, Place, Proof, Proved, Suspicion
from cloud_sync.store import (
    arriving,
    cards,
    changing,
    day_codes,
    dry_run,
    minors,
    minors_told,
    proving,
    subject_rights,
    visitors,
)
from cloud_sync.store.bundles import SignedPass
from cloud_sync.store.day_codes import DayCode
from cloud_sync.store.engine import reading
from cloud_sync.store.house import Act, House, acting
from cloud_sync.store.visitors import VisitWish

STAFF_ROLE, GUEST_ROLE = "staff", "guest"


class StaffBooks:
    """``StaffDesk`` of ports_staff.py; every method is one transaction and safe from any thread."""

    _house: House

    def party(self, source: str, external_ref: str, *, privy: bool = False) -> Party:
        with reading(self._house.engine).begin() as connection:
            act = Act(self._house, connection, self._house.clock.now_ms(), "service", "system")
            return proving.party(act, source, external_ref, privy=privy)

    def prove(self, proof: Proof, *, actor: str) -> Proved | FormAnswer:
        with self._staff(actor) as act:
            return proving.prove(act, proof)

    def minor_care(self, stay: str) -> MinorCare:
        with reading(self._house.engine).begin() as connection:
            act = Act(self._house, connection, self._house.clock.now_ms(), "service", "system")
            return minors.care(act, stay)

    def tick_must(self, stay: str, must: str, *, actor: str, reason: str) -> None:
        with self._staff(actor) as act:
            minors.tick(act, stay, must, reason)

    def report_suspicion(self, stay: str, *, actor: str, reason: str) -> Suspicion:
        with self._staff(actor) as act:
            told = minors_told.suspect(act, stay, reason)
        vault, field = self._house.vault, "guardian_contact"
        numbers = (  # after the commit: every opening writes its own disclosure row
            vault.open_field(one, field, actor=actor, purpose=f"call the guardian: {reason}", screen="minor")
            for one in told.minors
            if vault.holds(one, field)
        )
        return Suspicion(told.case, told.written, tuple(numbers))

    def visitor_let_in(self, place: str, *, actor: str, reason: str) -> bool:
        with self._staff(actor) as act:
            return minors_told.visitor_to(act, place, str(act.now_ms), act.now_ms, reason)

    def companion_let_in(self, place: str, *, actor: str) -> None:
        with self._staff(actor) as act:
            minors_told.companion_to(act, place)

    def cancel_booking(self, source: str, external_ref: str, *, actor: str, reason: str) -> str:
        with self._staff(actor) as act:
            return changing.cancel_by_hand(act, source, external_ref, reason)

    def move_departure(
        self, source: str, external_ref: str, departure_ms: int, *, actor: str, reason: str
    ) -> str:
        with self._staff(actor) as act:
            return changing.move_departure(act, source, external_ref, departure_ms, reason)

    def move_room(self, source: str, external_ref: str, room: str, *, actor: str, reason: str) -> str:
        with self._staff(actor) as act:
            return changing.move_room(act, source, external_ref, room, reason)

    def place(self, access_point: str) -> Place | None:
        with reading(self._house.engine).begin() as connection:
            act = Act(self._house, connection, self._house.clock.now_ms(), "service", "system")
            return arriving.place(act, access_point)

    def announce_arrival(self, access_point: str, said: str) -> None:
        with acting(self._house, GUEST_ROLE, GUEST_ROLE) as act:
            arriving.announce(act, access_point, said)

    def arrivals(self) -> tuple[Arrival, ...]:
        with reading(self._house.engine).begin() as connection:
            act = Act(self._house, connection, self._house.clock.now_ms(), "service", "system")
            return arriving.waiting(act)

    def bookings_of(self, external_ref: str) -> tuple[tuple[str, str], ...]:
        with reading(self._house.engine).begin() as connection:
            act = Act(self._house, connection, self._house.clock.now_ms(), "service", "system")
            return arriving.fitting(act, external_ref)

    def answer_arrival(self, arrival: str, source: str, external_ref: str, *, actor: str) -> str:
        with self._staff(actor) as act:
            return arriving.answer(act, arrival, source, external_ref)

    def dry_run_report(self, access_point: str, *, since_ms: int) -> DryRunReport:
        """What a door on trial would have said since then."""
        with reading(self._house.engine).begin() as connection:
            act = Act(self._house, connection, self._house.clock.now_ms(), "service", "system")
            return dry_run.report(act, access_point, since_ms)

    # --- what a person may ask -----------------------------------------------------------------------------------

    def export_subject(
        self, source: str, external_ref: str, subject_ref: str | None, *, actor: str, reason: str
    ) -> dict[str, Any]:
        return subject_rights.export_for_officer(
            self._house, source, external_ref, subject_ref, actor=actor, reason=reason
        )

    def erase_subject(
        self, source: str, external_ref: str, subject_ref: str | None, *, actor: str, reason: str
    ) -> int:
        with self._staff(actor) as act:
            return subject_rights.erase_for_booking(act, source, external_ref, subject_ref, reason)

    # --- what people carry -------------------------------------------------------------------------------------

    def day_code(self, pass_id: str, *, minutes: int, actor: str, reason: str) -> DayCode:
        with self._staff(actor) as act:
            return day_codes.day_code(act, pass_id, minutes=minutes, reason=reason)

    def admit(self, wish: VisitWish, *, actor: str) -> SignedPass | DayCode:
        with self._staff(actor) as act:
            return visitors.admit(act, wish)

    def enrol_card(self, pass_id: str, typed: str, *, actor: str) -> None:
        with self._staff(actor) as act:
            cards.enrol_card(act, pass_id, typed)

    def withdraw_card(self, pass_id: str, *, actor: str, reason: str) -> None:
        with self._staff(actor) as act:
            cards.withdraw_card(act, pass_id, reason)

    def _staff(self, actor: str) -> AbstractContextManager[Act]:
        return acting(self._house, actor, STAFF_ROLE)
