"""The guest's half of the registry: what the token in a guest's address allows, one transaction each."""

from collections.abc import Callable, Mapping
from typing import Any

from cloud_sync.core.policy import FACE_ACCESS, FACE_LOOKALIKE, MORE_TIME
from cloud_sync.errors import Refused
from cloud_sync.ports_guest import DepartureAnswer, FormAnswer, GuestView
from cloud_sync.store import (
    bulletins,
    bundles,
    departures,
    guardians,
    guest_data,
    guest_view,
    guests,
    self_registering,
    subject_rights,
    tables,
    told,
)
from cloud_sync.store.engine import reading
from cloud_sync.store.guests import ConsentWish
from cloud_sync.store.house import Act, House, acting

GUEST_ROLE = "guest"
CHANNEL = "guest-link"


class GuestBooks:
    """``GuestDesk`` of ports_guest.py; every method is one transaction and safe from any thread."""

    def __init__(self, house: House) -> None:
        self._house = house

    def guest_view(self, guest_token: str) -> GuestView:
        with reading(self._house.engine).begin() as connection:
            act = Act(self._house, connection, self._house.clock.now_ms(), GUEST_ROLE, GUEST_ROLE)
            return guest_view.view(act, guest_token)

    def read_notice(self, guest_token: str, notice: str, rules: str) -> None:
        with self._guest() as act:
            self_registering.read_notice(act, guest_token, notice, rules)

    def saw_bulletins(self, guest_token: str) -> None:
        with self._guest() as act:
            bulletins.mark_shown(act, guests.stay_of_token(act, guest_token))

    def write_no_more(self, guest_token: str) -> None:
        with self._guest() as act:
            told.forget_contact(act, str(guests.stay_of_token(act, guest_token).stay))

    def draft(self, guest_token: str) -> Mapping[str, str]:
        return self_registering.open_draft(self._house, self.guest_view(guest_token).stay)

    def save_draft(self, guest_token: str, form: Mapping[str, str]) -> None:
        with self._guest() as act:
            self_registering.save_draft(act, guest_token, form)

    def register_self(self, guest_token: str, form: Mapping[str, str]) -> FormAnswer:
        with self._guest() as act:
            return self_registering.register_self(act, guest_token, form)

    def add_companion(self, guest_token: str, form: Mapping[str, str]) -> FormAnswer:
        with self._guest() as act:
            return self_registering.add_companion(act, guest_token, form)

    def answer_face(
        self,
        guest_token: str,
        subject_ref: str | None,
        *,
        agrees: bool,
        text_version: str,
        language: str,
        alike_version: str = "",
    ) -> None:
        """The consents first: a yes that is refused (age, an old text) is not remembered as an answer."""
        wishes = [ConsentWish(FACE_ACCESS, text_version, language, CHANNEL)] if agrees else []
        if agrees and alike_version:
            wishes.append(ConsentWish(FACE_LOOKALIKE, alike_version, language, CHANNEL))
        for wish in wishes:
            guests.check_consent(self._house, wish)
        for wish in wishes:
            self._consent(lambda act: guests.stay_of_token(act, guest_token), subject_ref, wish, GUEST_ROLE)
        with self._guest() as act:
            guests.say_face(act, guest_token, subject_ref, "yes" if agrees else "no")

    def remove_face(self, guest_token: str, subject_ref: str | None) -> int:
        with self._guest() as act:
            stay = guests.stay_of_token(act, guest_token)
            member = guests.member_of(act, stay.stay, subject_ref)
            guests.say_face(act, guest_token, subject_ref, "no")
            return guests.withdraw(act, stay, member, FACE_ACCESS)

    def stop_comparing(self, guest_token: str, subject_ref: str | None) -> int:
        with self._guest() as act:
            stay = guests.stay_of_token(act, guest_token)
            return guests.withdraw(act, stay, guests.member_of(act, stay.stay, subject_ref), FACE_LOOKALIKE)

    def ask_more_time(self, guest_token: str, subject_ref: str | None, *, wanted: bool) -> None:
        """A wish of the guest's own, kept and taken back like a consent; nobody asks why."""
        with self._guest() as act:
            stay = guests.stay_of_token(act, guest_token)
            member = guests.member_of(act, stay.stay, subject_ref)
            if not wanted:
                guests.withdraw(act, stay, member, MORE_TIME)
                return
            version = self._house.profile.consent_texts[MORE_TIME]
            guests.give(act, stay, member, ConsentWish(MORE_TIME, version, "und", CHANNEL))

    def set_child_hours(
        self, guest_token: str, subject_ref: str | None, begins: str, ends: str, *, tell: bool
    ) -> None:
        with self._guest() as act:
            guardians.set_hours(act, guest_token, subject_ref, begins, ends, tell=tell)

    def issue_pin(self, guest_token: str, subject_ref: str | None) -> str:
        with self._guest() as act:
            return guests.issue_pin(act, guest_token, subject_ref)

    def phone_bundle(self, guest_token: str, subject_ref: str | None) -> tuple[bytes, int]:
        with self._guest() as act:
            made = bundles.phone_bundle(act, guest_token, subject_ref)
            return made.signed, made.expires_ms

    def leave(self, guest_token: str) -> None:
        with self._guest() as act:
            guests.leave(act, guest_token)

    def ask_departure(self, guest_token: str, day: str, *, sure: bool) -> DepartureAnswer:
        with self._guest() as act:
            return departures.ask(act, guest_token, day, sure=sure)

    def take_departure_back(self, guest_token: str) -> None:
        with self._guest() as act:
            departures.take_back(act, guest_token)

    def own_data(self, guest_token: str, subject_ref: str | None, last_four: str) -> dict[str, Any]:
        return guest_data.own_data(self._house, guest_token, subject_ref, last_four, role=GUEST_ROLE)

    def erase_own_data(self, guest_token: str, subject_ref: str | None) -> int:
        with self._guest() as act:
            return subject_rights.erase_by_link(act, guest_token, subject_ref)

    def _consent(
        self, find: Callable[[Act], Any], subject_ref: str | None, wish: ConsentWish, actor: str
    ) -> str:
        """Age first, in a transaction of its own: opening a sealed field writes a disclosure row, come what may."""
        guests.check_consent(self._house, wish)
        role = GUEST_ROLE if actor == GUEST_ROLE else "staff"
        with acting(self._house, actor, role) as act:
            member = guests.member_of(act, find(act).stay, subject_ref)
            person = act.row(tables.person, person=member.person)
        if not guests.old_enough(self._house, person, actor) and not wish.guardian_ref:
            raise Refused(
                "consent.age",
                f"{wish.purpose} needs a registration that shows an age of at least "
                f"{self._house.profile.face_age_min}, or a guardian's consent.",
            )
        with acting(self._house, actor, role) as act:
            stay = find(act)
            return guests.give(act, stay, guests.member_of(act, stay.stay, subject_ref), wish)

    def _guest(self) -> Any:
        return acting(self._house, GUEST_ROLE, GUEST_ROLE)
