"""Registrations: who is declared, sealed at once, and verified along the table (domain.md §5.3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from typing import Any, Literal

from cloud_sync.core.codes import Document
from cloud_sync.core.guards import Guard, age_on
from cloud_sync.core.jurisdiction import GuestKind
from cloud_sync.core.lifecycles import (
    PROVED,
    REGISTRATION,
    STAY,
    STAY_OPEN,
    ListingState,
    Refusal,
    RegistrationState,
    StayState,
    advance,
)
from cloud_sync.core.listing_access import access_by_listing_state
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports import RowAnswer
from cloud_sync.store import capacity, completeness, duplicates, emergencies, registration_clocks, tables
from cloud_sync.store.document_checks import check_passed
from cloud_sync.store.house import Act
from cloud_sync.store.issuing import refresh_stay
from cloud_sync.store.vault import doc_hash

PROOFING_MAX = 4
Status = Literal["new", "updated", "unchanged"]


@dataclass(frozen=True, slots=True)
class RegistrationWish:
    """One person's declaration; what is personal never appears in a repr, a log or a sentence."""

    source: str
    external_ref: str
    name: str = field(repr=False)
    document: Document = field(repr=False)
    birth: date = field(repr=False)
    method: str
    proofing: int
    guardian_contact: str = field(repr=False, default="")
    relation: str = ""
    nationality: str = field(repr=False, default="")
    held: bool = False  # a person has to decide, whatever the proof
    more: Mapping[str, str] = field(
        repr=False, default_factory=dict
    )  # what the law of the place asks besides

    emergency: Mapping[str, str] = field(repr=False, default_factory=dict)  # what a declared one asks besides

    @property
    def key(self) -> str:
        return f"{self.source} {self.external_ref}"

    @property
    def national_of(self) -> str:
        """Three letters; the permits and the resident id are for Chinese nationals and say so themselves."""
        return self.nationality or (self.document.issuer if self.document.type == "passport" else "CHN")

    def fields(self) -> dict[str, str]:
        """What the vault keeps."""
        kept = {
            "name": self.name,
            "birth_date": self.birth.isoformat(),
            "document_type": self.document.type,
            "document_issuer": self.document.issuer,
            "document_number": self.document.number,
            "guardian_contact": self.guardian_contact,
            "relation": self.relation,
            "nationality": self.nationality
            or (self.document.issuer if self.document.type == "passport" else ""),
            **self.more,
        }
        return {name: value for name, value in kept.items() if value}


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of one declaration; ``lacks`` is empty when it is verified."""

    person: str
    status: Status
    lacks: str


def register(act: Act, line: int, wish: RegistrationWish) -> RowAnswer:
    """Record one person for one stay and verify as far as the proof reaches.

    Raises:
        Refused, NotFound: nothing was changed, and the sentence says why.
    """
    done = record(act, open_stay(act, wish), wish)
    return RowAnswer(line, done.status, wish.key, done.lacks)


def record(act: Act, stay: Any, wish: RegistrationWish) -> Recorded:
    """As ``register``, for a stay that takes registrations (``check_takes_registrations``)."""
    hashed = doc_hash(act.house.k_community, wish.document)
    person, status = _person_for(act, stay, hashed, wish)
    minor = _is_minor(act, stay, wish)
    values = {"doc_hash": hashed, "birth_year": wish.birth.year, "minor": int(minor)}
    act.update(tables.person, {"person": person}, **values)
    held = wish.held or duplicates.waits(act, stay, hashed, wish.proofing)
    moved, lacks = _advance(act, stay, person, replace(wish, held=held))
    if status == "new" or moved:
        _registered(act, stay)
    if moved and not lacks:
        check_passed(act, stay, person)
    emergencies.keep(act, str(stay.stay), person, wish.emergency)
    # Sealing is the last step before the commit: the vault is a database of its own and cannot roll back with it.
    sealed = act.house.vault.seal_all(person, wish.fields())
    if status == "unchanged" and (moved or sealed):
        status = "updated"
    return Recorded(person, status, lacks)


def open_stay(act: Act, wish: RegistrationWish) -> Any:
    booking = act.row(tables.booking, source=wish.source, external_ref=wish.external_ref)
    if booking is None:
        raise NotFound(f"there is no booking {wish.key}; import the bookings first.")
    (stay,) = act.rows(tables.stay, booking=booking.booking)
    check_takes_registrations(act, stay)
    return stay


def check_takes_registrations(act: Act, stay: Any) -> None:
    """Refuse where the stay is over or the listing may not take guests."""
    if stay.state not in STAY_OPEN:
        booking = act.row(tables.booking, booking=stay.booking)
        assert booking is not None
        key = f"{booking.source} {booking.external_ref}"
        raise Refused(
            "registration.over", f"the stay of booking {key} is {stay.state}; nobody registers for it."
        )
    listing = act.row(tables.listing, listing=stay.listing)
    assert listing is not None
    access = access_by_listing_state(ListingState(listing.state))
    if not access.new_passes and not access.confirmed_before:
        raise Refused(
            "registration.listing", f"listing {stay.listing} is {listing.state} and takes no registrations."
        )


def _is_minor(act: Act, stay: Any, wish: RegistrationWish) -> bool:
    day = act.house.local_day(stay.planned_in_ms)
    return age_on(wish.birth, day) < act.house.profile.age_of_majority


def _person_for(act: Act, stay: Any, hashed: str, wish: RegistrationWish) -> tuple[str, Status]:
    """The person of this document in this stay: known here, known from before, the waiting lead, or a joiner."""
    members = act.rows(tables.stay_member, stay=stay.stay)
    known = act.rows(tables.person, doc_hash=hashed)
    if known and any(member.person == known[0].person for member in members):
        return str(known[0].person), "unchanged"
    waiting = [member.person for member in members if _is_waiting(act, member.person)]
    capacity.check(act, stay, len(members) - len(waiting))
    if waiting and not known:
        _forget_on_failure(act, str(waiting[0]))
        return str(waiting[0]), "new"
    if waiting:
        _take_place(act, stay.stay, str(waiting[0]), str(known[0].person))
        return str(known[0].person), "new"
    person = str(known[0].person) if known else act.new_id("PE")
    if not known:
        act.insert(tables.person, person=person, minor=0)
        _forget_on_failure(act, person)
    role = "minor" if _is_minor(act, stay, wish) else "companion"
    act.insert(tables.stay_member, stay=stay.stay, person=person, role=role, subject_ref=act.new_id("SJ"))
    return person, "new"


def _forget_on_failure(act: Act, person: str) -> None:
    """This person is new to the vault; when the act fails, nothing of theirs stays there."""
    act.on_failure.append(partial(act.house.vault.forget, person))


def _is_waiting(act: Act, person: str) -> bool:
    held = act.row(tables.person, person=person)
    return held is not None and held.doc_hash is None


def _take_place(act: Act, stay: str, waiting: str, known: str) -> None:
    """The lead guest turns out to be somebody the community has met: their rows take over the waiting place."""
    for table in (tables.stay_member, tables.pass_, tables.consent, tables.registration):
        if act.rows(table, stay=stay, person=waiting):
            act.update(table, {"stay": stay, "person": waiting}, person=known)
    act.connection.execute(
        tables.person.delete().where(
            tables.person.c.community == act.house.community, tables.person.c.person == waiting
        )
    )


def _advance(act: Act, stay: Any, person: str, wish: RegistrationWish) -> tuple[bool, str]:
    """Walk the registration along its table; (whether it moved, what still lacks)."""
    held = act.rows(tables.registration, stay=stay.stay, person=person)
    going_on = [
        row for row in held if row.status != RegistrationState.PURGED
    ]  # a booking that came back begins anew
    row = going_on[-1] if going_on else None
    if row is not None and row.status in PROVED and row.proofing >= wish.proofing:
        return False, ""
    law = act.house.profile.jurisdiction
    kind, minor = law.kind_of(wish.national_of), _is_minor(act, stay, wish)
    age = age_on(wish.birth, act.house.local_day(stay.planned_in_ms))
    missing = completeness.missing(act, person, wish.fields(), law.asks(kind, age))
    registration, status = (
        (row.registration, row.status)
        if row
        else start(act, stay, person, wish.method, wish.proofing, missing=missing)
    )
    state = RegistrationState(status)
    registration_clocks.begin(act, registration, stay, kind)
    if missing:
        lack = completeness.sentence(missing)
    else:
        state, lack = _verify(act, registration, state, wish, kind, minor=minor)
    moved = row is None or state != row.status or wish.proofing > row.proofing
    act.update(
        tables.registration,
        {"registration": registration},
        status=state,
        proofing=max(wish.proofing, row.proofing if row else 0),
        method=wish.method,
        verified_ms=_verified_ms(act, state, row),
    )
    return moved, lack


def _verified_ms(act: Act, state: RegistrationState, row: Any) -> int | None:
    """The first moment it was proved stands."""
    held: int | None = row.verified_ms if row is not None else None
    return held if held is not None or state not in PROVED else act.now_ms


def start(
    act: Act, stay: Any, person: str, method: str, proofing: int, *, missing: Sequence[str] = ()
) -> tuple[str, str]:
    """Open a registration and submit it where nothing is missing: (its id, SUBMITTED or DRAFT)."""
    registration = act.new_id("RG")
    state = act.move(REGISTRATION, registration, None, "start")
    if not missing:
        state = _submit(act, registration, state)
    act.insert(
        tables.registration,
        registration=registration,
        stay=stay.stay,
        person=person,
        method=method,
        proofing=proofing,
        status=state,
        submitted_ms=act.now_ms,
        due_ms=stay.planned_in_ms,
    )
    return registration, state


def _submit(act: Act, registration: str, state: str) -> str:
    notice = f"notice {act.house.profile.registration_notice}, attested with the record"
    guards = {Guard.REQUIRED_FIELDS, Guard.CURRENT_NOTICE}
    return act.move(REGISTRATION, registration, state, "submit", guards, reason=notice)


def _verify(
    act: Act,
    registration: str,
    state: RegistrationState,
    wish: RegistrationWish,
    kind: GuestKind,
    *,
    minor: bool,
) -> tuple[RegistrationState, str]:
    """(the state now, what lacks for VERIFIED): proof below the minimum leaves it SUBMITTED, with no pass."""
    if state is RegistrationState.DRAFT:
        state = RegistrationState(_submit(act, registration, state))
    if state is RegistrationState.VERIFY_FAILED:
        state = RegistrationState(act.move(REGISTRATION, registration, state, "corrected"))
    if state is not RegistrationState.SUBMITTED:
        return state, ""
    guards = _proof(act, wish, kind, minor=minor)
    step = advance(REGISTRATION, state, "document check passed", guards)
    if isinstance(step, Refusal):
        return state, f"recorded, not verified: {', '.join(step.missing)} does not hold"
    after = act.move(REGISTRATION, registration, state, "document check passed", guards)
    return RegistrationState(after), ""


def _proof(act: Act, wish: RegistrationWish, kind: GuestKind, *, minor: bool) -> set[Guard]:
    if wish.held:
        return set()
    guards: set[Guard] = set()
    profile = act.house.profile
    if wish.proofing >= profile.jurisdiction.proofing_min(kind, profile.proofing_min):
        guards.add(Guard.PROOFING_ENOUGH)
    accompanied = wish.guardian_contact and wish.relation
    if not minor or accompanied or profile.jurisdiction.minors == "alert":
        guards.add(Guard.MINOR_ACCOMPANIED)
    return guards


def _registered(act: Act, stay: Any) -> None:
    rows = act.rows(tables.registration, stay=stay.stay)
    if stay.state == StayState.EXPECTED and any(row.status in PROVED for row in rows):
        after = act.move(STAY, stay.stay, stay.state, "first member verified")
        act.update(tables.stay, {"stay": stay.stay}, state=after)
    refresh_stay(act, stay.stay)
