"""What a guest does with their link: bind the phone's key, consent, withdraw (domain.md §§5.6, 5.7, R1-R7)."""

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from cloud_sync.core.guards import age_on, surely_at_least
from cloud_sync.core.lifecycles import CREDENTIAL, CREDENTIAL_LIVE
from cloud_sync.core.policy import FACE_ACCESS, FACE_LOOKALIKE
from cloud_sync.errors import NotFound, Refused
from cloud_sync.store import tables
from cloud_sync.store.bookings import check_out
from cloud_sync.store.erasing import erase_face
from cloud_sync.store.house import Act, House
from cloud_sync.store.issuing import newest_pass, refresh_stay
from cloud_sync.store.pins import free_pin
from cloud_sync.store.places import scope_of

TOKEN_BYTES = 16  # 128 bits: nobody guesses a link
CRED_ID_BYTES = 16
KEYS_PER_PASS_MAX = 20  # a guest changes phones now and then; a script does not get to fill the table
WORD_MAX = 64


def token_hash(token: str) -> str:
    """What is stored of a guest link; 128 random bits need no salt."""
    return hashlib.sha256(token.encode()).hexdigest()


def stay_of_token(act: Act, token: str) -> Any:
    """The stay behind a guest link.

    Raises:
        NotFound: the link is not, or no longer, valid.
    """
    rows = act.rows(tables.stay, guest_token_hash=token_hash(token)) if token else []
    if len(rows) != 1:
        raise NotFound("this guest link is not valid any more; ask for a new one.")
    return rows[0]


def new_link(act: Act, source: str, external_ref: str) -> str:
    """A fresh token; the previous one stops working."""
    booking = act.row(tables.booking, source=source, external_ref=external_ref)
    if booking is None:
        raise NotFound(f"there is no booking {source} {external_ref}.")
    (stay,) = act.rows(tables.stay, booking=booking.booking)
    token = act.house.randomness(TOKEN_BYTES).hex()
    act.update(tables.stay, {"stay": stay.stay}, guest_token_hash=token_hash(token))
    act.note("guest.link", stay.stay)
    return token


def member_of(act: Act, stay: str, subject_ref: str | None) -> Any:
    """The member named, or the lead guest."""
    for member in act.rows(tables.stay_member, stay=stay):
        if member.subject_ref == subject_ref or (subject_ref is None and member.role == "lead"):
            return member
    raise NotFound(f"nobody of this stay is {subject_ref or 'its lead guest'}.", rule="guest.member")


def live_pass(act: Act, stay: Any, person: str) -> Any:
    """The newest pass of this guest, while credentials are still issued for it.

    Raises:
        Refused: the stay is over.
    """
    held = newest_pass(act, stay.stay, person)
    assert held is not None, "a stay has passes from its first moment"
    if act.now_ms >= held.not_after_ms + act.house.profile.erase_after_ms:
        raise Refused("credential.over", "this stay is over; its codes are not issued any more.")
    return held


def bind_key(act: Act, token: str, subject_ref: str | None, public_key: bytes) -> tuple[str, str]:
    """Bind the phone's key to the guest's pass; the same key again answers the same, a new one replaces the old."""
    stay = stay_of_token(act, token)
    member = member_of(act, stay.stay, subject_ref)
    _check_key(public_key)
    held = live_pass(act, stay, member.person)
    for row in _of_kind(act, held.pass_id, "qr"):
        if row.state in CREDENTIAL_LIVE and bytes(row.verifier) == public_key:
            return str(row.cred_id), str(held.pass_id)
    cred_id = act.house.randomness(CRED_ID_BYTES).hex()
    replace_credential(act, held.pass_id, "qr", cred_id, public_key)
    refresh_stay(act, stay.stay)
    return cred_id, str(held.pass_id)


def issue_pin(act: Act, token: str, subject_ref: str | None) -> str:
    """Six digits nobody else of the community has; told once, kept as a keyed verifier only."""
    stay = stay_of_token(act, token)
    member = member_of(act, stay.stay, subject_ref)
    held = live_pass(act, stay, member.person)
    pin, cred_id, verifier = free_pin(act)
    replace_credential(act, held.pass_id, "pin", cred_id, verifier)
    refresh_stay(act, stay.stay)
    return pin


def _of_kind(act: Act, pass_id: str, kind: str) -> list[Any]:
    return [row for row in act.rows(tables.credential, pass_id=pass_id) if row.kind == kind]


def _check_key(public_key: bytes) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(public_key)
    except ValueError as error:
        raise Refused("credential.key", "the phone's public key has to be 32 bytes of Ed25519.") from error


def replace_credential(act: Act, pass_id: str, kind: str, cred_id: str, verifier: bytes) -> None:
    """A new credential of this kind; those before it are rotated out, whatever they were."""
    older = _of_kind(act, pass_id, kind)
    if len(older) >= KEYS_PER_PASS_MAX:
        raise Refused("credential.many", "this pass has had too many codes or PINs; ask the staff.")
    for row in older:
        if row.state in CREDENTIAL_LIVE:
            after = act.move(CREDENTIAL, row.cred_id, row.state, "re-issue")
            act.update(tables.credential, {"cred_id": row.cred_id}, state=after)
    state = act.move(CREDENTIAL, cred_id, None, "issue")
    act.insert(tables.credential, cred_id=cred_id, pass_id=pass_id, kind=kind, verifier=verifier, state=state)


@dataclass(frozen=True, slots=True)
class ConsentWish:
    purpose: str
    text_version: str
    language: str
    channel: str
    guardian_ref: str | None = None


def check_consent(house: House, wish: ConsentWish) -> None:
    """Only a known purpose, the text that is shown now, and words that fit.

    Raises:
        Refused: one of them does not hold.
    """
    current = house.profile.consent_texts.get(wish.purpose)
    if current is None:
        raise Refused(
            "consent.purpose", f"{wish.purpose!r} is not a purpose this community asks consent for."
        )
    if wish.text_version != current:
        raise Refused(
            "consent.version", f"the text for {wish.purpose} is now {current}; show that one and ask again."
        )
    if wish.language not in house.languages:
        known = ", ".join(sorted(house.languages))
        raise Refused("consent.language", f"language {wish.language!r} is not one of {known}.")
    for word in (wish.channel, wish.guardian_ref or "-"):
        if not 1 <= len(word) <= WORD_MAX:
            raise Refused("consent.word", f"channel and guardian reference have 1 to {WORD_MAX} characters.")


def old_enough(house: House, person: Any, actor: str) -> bool | None:
    """Whether this person may consent to face themselves; None while nobody knows their age.

    The year of birth decides; only in the one year that cannot tell is the date opened, and that is logged.
    """
    if person is None or person.birth_year is None:
        return None
    today = house.local_day(house.clock.now_ms())
    sure = surely_at_least(house.profile.face_age_min, person.birth_year, today)
    if sure is not None:
        return sure
    purpose = "age check before a face consent"
    text = house.vault.open_field(person.person, "birth_date", actor=actor, purpose=purpose, screen="consent")
    return age_on(date.fromisoformat(text), today) >= house.profile.face_age_min


def give(act: Act, stay: Any, member: Any, wish: ConsentWish) -> str:
    """Record a consent that was checked; the same one again answers the same."""
    mine = act.rows(tables.consent, stay=stay.stay, person=member.person, purpose=wish.purpose)
    for row in mine:
        if row.withdrawn_ms is None:
            return str(row.consent)
    consent = act.new_id("CO")
    evidence = {
        "consent": consent,
        "subject": member.subject_ref,
        "purpose": wish.purpose,
        "text_version": wish.text_version,
        "language": wish.language,
        "channel": wish.channel,
        "guardian_ref": wish.guardian_ref,
        "given_ms": act.now_ms,
    }
    act.insert(
        tables.consent,
        consent=consent,
        person=member.person,
        stay=stay.stay,
        purpose=wish.purpose,
        text_version=wish.text_version,
        language=wish.language,
        channel=wish.channel,
        guardian_ref=wish.guardian_ref,
        given_ms=act.now_ms,
        evidence_hash=hashlib.sha256(json.dumps(evidence, sort_keys=True).encode()).hexdigest(),
    )
    act.note("consent.give", consent, None, wish.text_version, wish.purpose)
    refresh_stay(act, stay.stay)
    return consent


def withdraw(act: Act, stay: Any, member: Any, purpose: str) -> int:
    """Withdraw; how many consents that ended.  Face: tombstones to every node of the pass in the same transaction.

    With the face ends what rests on it: nothing is left to compare with others.
    """
    given = _given(act, stay, member, purpose)
    resting = _given(act, stay, member, FACE_LOOKALIKE) if purpose == FACE_ACCESS else []
    for row in (*given, *resting):
        act.update(tables.consent, {"consent": row.consent}, withdrawn_ms=act.now_ms)
        act.note("consent.withdraw", row.consent, reason=row.purpose)
    if given and purpose == FACE_ACCESS:
        for held in act.rows(tables.pass_, stay=stay.stay, person=member.person):
            erase_face(act, held.pass_id, scope_of(held.scope), "consent withdrawn")
    refresh_stay(act, stay.stay)
    return len(given)


def _given(act: Act, stay: Any, member: Any, purpose: str) -> list[Any]:
    mine = act.rows(tables.consent, stay=stay.stay, person=member.person, purpose=purpose)
    return [row for row in mine if row.withdrawn_ms is None]


def leave(act: Act, token: str) -> None:
    """The party checks itself out; refused by the table while nobody of it has come in."""
    stay = stay_of_token(act, token)
    booking = act.row(tables.booking, booking=stay.booking)
    check_out(act, booking)


def say_face(act: Act, token: str, subject_ref: str | None, answer: str) -> None:
    """Remember that the question was answered, so that it is not asked a second time in this stay."""
    stay = stay_of_token(act, token)
    member = member_of(act, stay.stay, subject_ref)
    key = {"stay": str(stay.stay), "person": str(member.person)}
    act.update(tables.stay_member, key, face_said=answer)
    act.note("guest.face_asked", str(member.subject_ref), None, answer)
