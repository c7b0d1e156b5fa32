"""A person of the staff looks at a guest and their document: that verifies the registration and arms the pass.

It is the way on where typing is not enough or checks have failed (domain.md §§5.3, 14; access.md §5 step 7).
"""

from functools import partial
from typing import Any

from cloud_sync.core.evidence import IdentityCheck
from cloud_sync.core.guards import age_on
from cloud_sync.core.lifecycles import PROVED
from cloud_sync.core.self_registration import Declared, FormFaults, check_form
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports_guest import FormAnswer
from cloud_sync.ports_staff import PROOFING_OF, Party, PartyMember, Proof, Proved
from cloud_sync.store import registering, tables
from cloud_sync.store.discrepancy_rows import settle_by_act
from cloud_sync.store.evidence_store import tell
from cloud_sync.store.hidden import is_hidden
from cloud_sync.store.house import Act
from cloud_sync.store.issuing import newest_pass
from cloud_sync.store.places import scope_of
from cloud_sync.store.reasons import checked_reason
from cloud_sync.store.registering import RegistrationWish
from cloud_sync.store.self_registering import SELF_CHECK

LEVEL_RULE, SIGNATURE_RULE = "prove.level", "prove.signature"
IN_PERSON = "staff"


def prove(act: Act, proof: Proof) -> Proved | FormAnswer:
    """Verify, arm and write down who looked and why; nothing is changed when a field or a rule says no.

    Raises:
        Refused, NotFound: the sentence says which rule.
    """
    reason, level = checked_reason(proof.reason), PROOFING_OF[proof.method]
    minimum = act.house.profile.proofing_min
    if level < minimum:
        raise Refused(
            LEVEL_RULE, f"this community asks for level {minimum}; {proof.method} is level {level}."
        )
    stay = _stay(act, proof)
    declared = _declared(act, stay, proof)
    if isinstance(declared, FormFaults):
        return FormAnswer({name: fault.value for name, fault in declared.faults.items()})
    if proof.method != IN_PERSON and _has_to_sign(act, stay, declared):
        raise Refused(SIGNATURE_RULE, "this person has to sign; prove them in person.")
    if proof.subject_ref:
        _make_place(act, stay, proof.subject_ref)
    done = registering.record(act, stay, _wish(proof, declared, level))
    assert not done.lacks, "level and guardian were looked at before"
    registration = act.rows(tables.registration, stay=stay.stay, person=done.person)[-1]
    said = f"level {level}, {proof.method}: {reason}"
    act.note("registration.prove", str(registration.registration), None, str(registration.status), said)
    tell(act, str(stay.stay), SELF_CHECK, IdentityCheck(done.person, "passed"))
    settle_by_act(act, "D10", str(stay.stay), f"proved at level {level} by {act.actor}")
    return _proved(act, stay, done.person, level)


def _stay(act: Act, proof: Proof) -> Any:
    booking = act.row(tables.booking, source=proof.source, external_ref=proof.external_ref)
    if booking is None:
        raise NotFound(f"there is no booking {proof.source} {proof.external_ref}.")
    (stay,) = act.rows(tables.stay, booking=str(booking.booking))
    registering.check_takes_registrations(act, stay)
    return stay


def _declared(act: Act, stay: Any, proof: Proof) -> Declared | FormFaults:
    house = act.house
    return check_form(
        proof.form,
        today=house.local_day(act.now_ms),
        arrival=house.local_day(stay.planned_in_ms),
        adult_from=house.profile.age_of_majority,
        synthetic=house.synthetic,
        law=house.profile.jurisdiction,
        signs=proof.method == IN_PERSON,
    )


def _has_to_sign(act: Act, stay: Any, declared: Declared) -> bool:
    law = act.house.profile.jurisdiction
    age = age_on(declared.birth, act.house.local_day(stay.planned_in_ms))
    return "signature" in law.asks(law.kind_of(declared.nationality), age)


def _wish(proof: Proof, declared: Declared, level: int) -> RegistrationWish:
    return RegistrationWish(
        source=proof.source,
        external_ref=proof.external_ref,
        name=declared.name,
        document=declared.document,
        birth=declared.birth,
        method=proof.method,
        proofing=level,
        guardian_contact=declared.guardian_contact,
        relation=declared.relation,
        nationality=declared.nationality,
        more=declared.more,
    )


def _make_place(act: Act, stay: Any, subject_ref: str) -> None:
    """This place of the party waits for its person again: what was typed for it is not who stands here."""
    members = [row for row in act.rows(tables.stay_member, stay=stay.stay) if row.subject_ref == subject_ref]
    if not members:
        raise NotFound(f"nobody of this stay is {subject_ref}.")
    (member,) = members
    held = act.row(tables.person, person=member.person)
    registrations = act.rows(tables.registration, stay=stay.stay, person=member.person)
    if any(row.status in PROVED for row in registrations):
        return  # already somebody: the document itself says whether it is this one
    assert held is not None
    if held.doc_hash is None:
        return
    person, old = act.new_id("PE"), str(member.person)
    act.insert(tables.person, person=person, minor=0)
    for table in (tables.stay_member, tables.pass_, tables.consent, tables.registration):
        if act.rows(table, stay=stay.stay, person=old):
            act.update(table, {"stay": str(stay.stay), "person": old}, person=person)
    if not act.rows(tables.stay_member, person=old):
        _forget(act, old)


def _forget(act: Act, person: str) -> None:
    """Nobody's any more: a number that was typed wrongly is not kept."""
    act.connection.execute(
        tables.person.delete().where(
            tables.person.c.community == act.house.community, tables.person.c.person == person
        )
    )
    act.after_commit.append(partial(act.house.vault.forget, person))


def _proved(act: Act, stay: Any, person: str, level: int) -> Proved:
    held = newest_pass(act, stay.stay, person)
    assert held is not None, "a stay has passes from its first moment"
    (member,) = act.rows(tables.stay_member, stay=stay.stay, person=person)
    return Proved(
        subject_ref=str(member.subject_ref),
        pass_id=str(held.pass_id),
        pass_state=str(held.state),
        proofing=level,
        doors=tuple(scope_of(held.scope)),
        not_before_ms=held.not_before_ms,
        not_after_ms=held.not_after_ms,
    )


def party(act: Act, source: str, external_ref: str, *, privy: bool = False) -> Party:
    """Who belongs to a booking, place by place, without a name."""
    booking = act.row(tables.booking, source=source, external_ref=external_ref)
    if booking is None:
        raise NotFound(f"there is no booking {source} {external_ref}.")
    (stay,) = act.rows(tables.stay, booking=str(booking.booking))
    if not privy and is_hidden(act, str(stay.stay)):
        raise NotFound(
            f"there is no booking {source} {external_ref}."
        )  # the very words of one that is not there
    room = act.row(tables.room, room=stay.room)
    members = act.rows(tables.stay_member, stay=stay.stay)
    return Party(
        source=source,
        external_ref=external_ref,
        stay=str(stay.stay),
        state=str(stay.state),
        room=str(room.label) if room is not None else str(stay.room),
        planned_in_ms=stay.planned_in_ms,
        planned_out_ms=stay.planned_out_ms,
        members=tuple(_member(act, stay, row) for row in sorted(members, key=_lead_first)),
        asks=act.house.profile.jurisdiction.asked_besides(),
    )


def _lead_first(member: Any) -> tuple[bool, str]:
    return member.role != "lead", str(member.subject_ref)


def _member(act: Act, stay: Any, member: Any) -> PartyMember:
    registrations = act.rows(tables.registration, stay=stay.stay, person=member.person)
    held = newest_pass(act, stay.stay, member.person)
    newest = registrations[-1] if registrations else None
    person: Any = act.row(tables.person, person=member.person)
    return PartyMember(
        subject_ref=str(member.subject_ref),
        role=str(member.role),
        registration=str(newest.status) if newest is not None else "",
        proofing=newest.proofing if newest is not None else 0,
        pass_state=str(held.state) if held is not None else "",
        minor=bool(person.minor) if person is not None else False,
    )
