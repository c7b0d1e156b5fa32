"""A guest registers by their link: drafts, the lead guest, companions, and what three failed checks lead to."""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.emergency import odd_answers
from cloud_sync.core.evidence import IdentityCheck
from cloud_sync.core.guards import age_on
from cloud_sync.core.lifecycles import PROVED, REGISTRATION, STAY_OPEN, RegistrationState
from cloud_sync.core.reconcile import Key
from cloud_sync.core.self_registration import (
    CHECKS_MAX,
    METHOD,
    PROOFING_BY_TYPING,
    Declared,
    FormFault,
    FormFaults,
    check_form,
    kept,
)
from cloud_sync.errors import Refused
from cloud_sync.ports_guest import FormAnswer
from cloud_sync.store import emergencies, registering, tables
from cloud_sync.store.discrepancy_rows import raise_now
from cloud_sync.store.document_checks import CHECK_FAILED, failed_checks
from cloud_sync.store.evidence_store import tell
from cloud_sync.store.guests import member_of, stay_of_token
from cloud_sync.store.house import Act, House
from cloud_sync.store.registering import RegistrationWish, check_takes_registrations
from cloud_sync.store.vault import doc_hash

DRAFT = "draft"
SELF_CHECK = "self"  # the key of the evidence that a guest's own form failed
CHECKS_RULE, READ_FIRST_RULE, LEAD_FIRST_RULE, REGISTERED_RULE = (
    "guest.checks",
    "guest.read_first",
    "guest.lead_first",
    "guest.registered",
)


def visit_of(act: Act, stay: str) -> Any | None:
    return act.row(tables.guest_visit, stay=stay)


def _keep_visit(act: Act, stay: str, **values: object) -> None:
    if visit_of(act, stay) is None:
        act.insert(tables.guest_visit, stay=stay, **values)
    else:
        act.update(tables.guest_visit, {"stay": stay}, **values)


def read_notice(act: Act, token: str, notice: str, rules: str) -> None:
    """Write down which versions were shown; only the current notice counts (R1)."""
    stay = stay_of_token(act, token)
    if notice != act.house.profile.registration_notice:
        raise Refused(READ_FIRST_RULE, "the notice has changed; show the current one and ask again.")
    _keep_visit(act, stay.stay, notice=notice, rules=rules[:64], notice_ms=act.now_ms)
    act.note("guest.notice_read", stay.stay, None, notice, f"rules {rules[:64]}")


# --- drafts ----------------------------------------------------------------------------------------------------


def save_draft(act: Act, token: str, form: Mapping[str, str]) -> None:
    """Seal what was typed; an empty form is no draft."""
    stay = stay_of_token(act, token)
    typed = {name: value for name, value in kept(form).items() if value}
    if stay.state not in STAY_OPEN or not typed:
        return
    _keep_visit(act, stay.stay, draft_ms=act.now_ms)
    act.house.vault.seal(stay.stay, DRAFT, json.dumps(typed, ensure_ascii=False, sort_keys=True))


def open_draft(house: House, stay: str) -> dict[str, str]:
    """What was typed and not sent; outside any transaction, because opening writes its own disclosure row."""
    if not house.vault.holds(stay, DRAFT):
        return {}
    purpose = "the guest goes on with their form"
    text = house.vault.open_field(stay, DRAFT, actor="guest", purpose=purpose, screen="guest form")
    typed: dict[str, str] = json.loads(text)
    return typed


def drop_draft(act: Act, stay: str) -> None:
    """Nothing typed outlives its purpose: gone from the vault once this act is committed."""
    visit = visit_of(act, stay)
    if visit is not None and visit.draft_ms is not None:
        act.update(tables.guest_visit, {"stay": stay}, draft_ms=None)
        act.after_commit.append(partial(act.house.vault.forget, stay))


def drop_drafts_of_ended_stays(act: Act) -> int:
    """Drafts of stays nobody can register for any more; how many."""
    visit, stay = tables.guest_visit, tables.stay
    found = (
        sa.select(visit.c.stay)
        .join(stay, (stay.c.community == visit.c.community) & (stay.c.stay == visit.c.stay))
        .where(
            visit.c.community == act.house.community,
            visit.c.draft_ms.is_not(None),
            stay.c.state.not_in(STAY_OPEN),
        )
        .limit(200)  # one transaction stays short, so that the sink never waits long
    )
    over = list(act.connection.execute(found).scalars())
    for one in over:
        drop_draft(act, one)
    return len(over)


# --- registering -------------------------------------------------------------------------------------------------


def register_self(act: Act, token: str, form: Mapping[str, str]) -> FormAnswer:
    """The lead guest; whoever is registered already is corrected by the staff, not by a second form."""
    stay = _ready(act, token)
    lead = member_of(act, stay.stay, None)
    person = act.row(tables.person, person=lead.person)
    if person is not None and person.doc_hash is not None:
        raise Refused(REGISTERED_RULE, "this guest is registered already; the staff correct it.")
    return _take(act, stay, form, lead=lead)


def add_companion(act: Act, token: str, form: Mapping[str, str]) -> FormAnswer:
    stay = _ready(act, token)
    if any(_is_waiting(act, member) for member in act.rows(tables.stay_member, stay=stay.stay)):
        raise Refused(LEAD_FIRST_RULE, "the guest who booked registers first.")
    return _take(act, stay, form, lead=None)


def _is_waiting(act: Act, member: Any) -> bool:
    person = act.row(tables.person, person=member.person)
    return person is not None and person.doc_hash is None


def _ready(act: Act, token: str) -> Any:
    """The stay, when its notice was read and a person may still register for it."""
    stay = stay_of_token(act, token)
    check_takes_registrations(act, stay)
    visit = visit_of(act, stay.stay)
    if visit is None or visit.notice != act.house.profile.registration_notice:
        raise Refused(READ_FIRST_RULE, "the notice has to be read before anything is asked.")
    if failed_checks(act, stay.stay) >= CHECKS_MAX:
        raise Refused(CHECKS_RULE, "the document could not be checked three times; the staff help.")
    return stay


def _take(act: Act, stay: Any, form: Mapping[str, str], *, lead: Any | None) -> FormAnswer:
    house = act.house
    answer = check_form(
        form,
        today=house.local_day(act.now_ms),
        arrival=house.local_day(stay.planned_in_ms),
        adult_from=house.profile.age_of_majority,
        synthetic=house.synthetic,
        law=house.profile.jurisdiction,
    )
    if isinstance(answer, Declared) and _is_known_otherwise(act, answer):
        answer = FormFaults({"document_number": FormFault.NOT_TOGETHER})
    said = emergencies.asked_in(act, form)
    if isinstance(answer, Declared) and (odd := odd_answers(said)):
        answer = FormFaults(dict.fromkeys(odd, FormFault.MORE_ODD))
    if isinstance(answer, FormFaults):
        return _refuse(act, stay, answer, lead)
    return _record(act, stay, answer, said, alone=lead is not None)


def _is_known_otherwise(act: Act, declared: Declared) -> bool:
    """A number that is on record under another name or birth date: typing must not rewrite a person."""
    known = act.rows(tables.person, doc_hash=doc_hash(act.house.k_community, declared.document))
    said = {"name": declared.name, "birth_date": declared.birth.isoformat()}
    vault = act.house.vault
    return any(vault.differs(str(row.person), name, value) for row in known for name, value in said.items())


def _record(act: Act, stay: Any, declared: Declared, said: Mapping[str, str], *, alone: bool) -> FormAnswer:
    """``alone``: nobody else is registered; somebody under age is then looked at by a person (domain.md story 14)."""
    profile = act.house.profile
    minor = age_on(declared.birth, act.house.local_day(stay.planned_in_ms)) < profile.age_of_majority
    wish = RegistrationWish(
        source="guest-link",
        external_ref=str(stay.stay),
        name=declared.name,
        document=declared.document,
        birth=declared.birth,
        method=METHOD,
        proofing=PROOFING_BY_TYPING,
        guardian_contact=declared.guardian_contact,
        relation=declared.relation,
        nationality=declared.nationality,
        more=declared.more,
        emergency=said,
        held=alone and minor,
    )
    drop_draft(act, str(stay.stay))
    done = registering.record(act, stay, wish)
    members = act.rows(tables.stay_member, stay=stay.stay, person=done.person)
    return FormAnswer({}, str(members[0].subject_ref), not done.lacks, failed_checks(act, stay.stay))


def _refuse(act: Act, stay: Any, answer: FormFaults, lead: Any | None) -> FormAnswer:
    """Say which fields; a failed check is written down, and the third opens D10 for a person to look."""
    failed = answer.failed_check
    faults = {name: fault.value for name, fault in answer.faults.items()}
    if failed is None:
        return FormAnswer(faults)
    act.note(CHECK_FAILED, str(stay.stay), reason=failed.value)
    if lead is not None:
        _mark_failed(act, stay, str(lead.person))
    count = failed_checks(act, str(stay.stay))
    if count >= CHECKS_MAX:
        evidence = tuple(str(row.registration) for row in act.rows(tables.registration, stay=stay.stay))
        check = IdentityCheck(str(lead.person) if lead is not None else "", "checksum")
        tell(act, str(stay.stay), SELF_CHECK, check)
        raise_now(act, Key("D10", str(stay.stay), 0), "S1", (*evidence, f"IdentityCheck/{SELF_CHECK}"))
    return FormAnswer(faults, failed_checks=count)


def _mark_failed(act: Act, stay: Any, person: str) -> None:
    """Walk the lead's registration to VERIFY_FAILED along its table."""
    held = act.rows(tables.registration, stay=stay.stay, person=person)
    if held:
        registration, state = str(held[-1].registration), str(held[-1].status)
    else:
        registration, state = registering.start(act, stay, person, METHOD, 0)
    if state in PROVED:
        return
    if state == RegistrationState.VERIFY_FAILED:
        state = act.move(REGISTRATION, registration, state, "corrected")
    state = act.move(REGISTRATION, registration, state, "check failed")
    act.update(tables.registration, {"registration": registration}, status=state)
