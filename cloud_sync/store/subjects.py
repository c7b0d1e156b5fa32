"""Residents, tenants and staff by CSV: one subject, one right, one pass, and the ways they use it (domain.md §17.40).

A file may be handed over again at any time.  An empty cell leaves what is there, a single "-" takes it away.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256
from typing import Any, Literal

import sqlalchemy as sa
from msgspec import structs

from cloud_sync.core.lifecycles import CREDENTIAL, CREDENTIAL_LIVE, PASS, PassState
from cloud_sync.core.rights import GUARDS, Right, desired_pass, due_event
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports import RowAnswer
from cloud_sync.protocol.pin import card_credential, pin_credential, pins_too_near
from cloud_sync.store import tables
from cloud_sync.store.asking import ask, ask_set, many, mine
from cloud_sync.store.house import Act
from cloud_sync.store.issuing import held_row, keep, live_credentials, settle_credentials
from cloud_sync.store.pins import row_of_pin
from cloud_sync.store.places import scope_of
from cloud_sync.store.tables_rules import TO_END_WORDS, TO_OPEN_WORDS

Kind = Literal["residents", "staff", "visitors"]
STEPS_MAX = 4  # PENDING → ARMED → ACTIVE → EXPIRED
ENDED = frozenset({PassState.EXPIRED, PassState.REVOKED})
CRED_ID_BYTES = 16
KEY_BYTES = 32
# All doors of a kind.  Rooms have no such word: a key to every room is nobody's.
GROUPS = {"@gate": "gate", "@unit": "unit", "@garage": "garage"}
TAKEN_AWAY = "-"
_POINT = tables.access_point
# A community has thousands of doors, of which nearly all are rooms: only those that are meant are read.
_POINTS = sa.select(_POINT.c.access_point).where(mine(_POINT), _POINT.c.access_point.in_(many("points")))
_POINTS_OF_KIND = sa.select(_POINT.c.access_point).where(mine(_POINT), _POINT.c.kind.in_(many("kinds")))
# By the person alone: where nobody has counted yet, ``stay IS NULL`` sends SQLite through all passes of subjects.
_NEWEST = (
    sa.select(tables.pass_)
    .where(mine(tables.pass_), tables.pass_.c.person == sa.bindparam("person"))
    .order_by(tables.pass_.c.pass_id.desc())
    .limit(1)
)
DUE_PER_ACT = 200  # one transaction stays short, so that the sink never waits long
# Thousands of passes have no stay: not a thing to look for in an index.
_OF_SUBJECTS = (
    sa.select(tables.pass_.c.pass_id)
    .where(mine(tables.pass_), sa.func.coalesce(tables.pass_.c.stay, "") == "")
    .limit(DUE_PER_ACT)
)
_OPENED = _OF_SUBJECTS.where(sa.text(TO_OPEN_WORDS), tables.pass_.c.not_before_ms <= sa.bindparam("early"))
_OVER = _OF_SUBJECTS.where(sa.text(TO_END_WORDS), tables.pass_.c.not_after_ms < sa.bindparam("now"))


@dataclass(frozen=True, slots=True)
class SubjectWish:
    """One line of a file; ``name`` goes to the vault, PIN and card are kept as keyed verifiers only."""

    kind: Kind
    ref: str
    name: str = field(repr=False)
    cls: str
    access_points: tuple[str, ...]
    valid_from_ms: int
    valid_until_ms: int
    class_only: bool
    ended: bool
    card: str = field(repr=False, default="")
    code_key: bytes | None = field(repr=False, default=None)  # None: as it is; b"": taken away
    pin: str = field(repr=False, default="")

    @property
    def key(self) -> str:
        return f"{self.kind} {self.ref}"


def take_subject(act: Act, line: int, wish: SubjectWish) -> RowAnswer:
    """Record or change one subject, with its pass and its credentials.

    Raises:
        Refused, NotFound: nothing was changed, and the sentence says why.
    """
    scope_now(act, wish.access_points)
    held = act.row(tables.subject, kind=wish.kind, ref=wish.ref)
    if held is None and wish.ended:
        return RowAnswer(line, "unchanged", wish.key, "ended, and never was here")
    made = held is None
    subject = _first(act, wish) if held is None else str(held.subject)
    before = None if held is None else _newest_wire(act, subject)
    _write(act, subject, wish)
    if wish.ended:
        _hand_back(act, subject)
        refresh(act, subject)
        _forget_person(act, subject)
        return _answer(act, line, wish, subject, before, made=False, sealed=False)
    _renew(act, subject)
    said = _credentials(act, subject, wish)
    refresh(act, subject)
    # Sealing is the last step before the commit: the vault is a database of its own.
    person = str(_subject(act, subject).person)
    if made:
        act.on_failure.append(partial(act.house.vault.forget, person))
    sealed = bool(wish.name) and act.house.vault.seal(person, "name", wish.name)
    return _answer(act, line, wish, subject, before, made=made, sealed=sealed, said=said)


def _answer(
    act: Act,
    line: int,
    wish: SubjectWish,
    subject: str,
    before: bytes | None,
    *,
    made: bool,
    sealed: bool,
    said: str = "",
) -> RowAnswer:
    if made:
        return RowAnswer(line, "new", wish.key, said)
    changed = sealed or _newest_wire(act, subject) != before
    return RowAnswer(line, "updated" if changed else "unchanged", wish.key, said if changed else "")


def _subject(act: Act, subject: str) -> Any:
    held = act.row(tables.subject, subject=subject)
    assert held is not None, f"there is no subject {subject}"
    return held


def _first(act: Act, wish: SubjectWish) -> str:
    subject, person = act.new_id("SB"), act.new_id("PE")
    act.insert(tables.person, person=person, minor=0)
    act.insert(
        tables.subject,
        subject=subject,
        kind=wish.kind,
        ref=wish.ref,
        person=person,
        subject_ref=act.new_id("SJ"),
        **_values(wish),
    )
    act.note("subject.add", subject, None, wish.cls, wish.kind)
    return subject


def _values(wish: SubjectWish) -> dict[str, object]:
    return {
        "cls": wish.cls,
        "access_points": json.dumps(sorted(set(wish.access_points))),
        "valid_from_ms": wish.valid_from_ms,
        "valid_until_ms": wish.valid_until_ms,
        "class_only": int(wish.class_only),
    }


def _write(act: Act, subject: str, wish: SubjectWish) -> None:
    held = _subject(act, subject)
    ended_ms = (held.ended_ms or act.now_ms) if wish.ended else None
    values = _values(wish) | {"ended_ms": ended_ms}
    if any(getattr(held, name) != value for name, value in values.items()):
        act.note("subject.change", subject, reason=wish.kind)
        act.update(tables.subject, {"subject": subject}, **values)


def _hand_back(act: Act, subject: str) -> None:
    """Cards and PINs are free for the next holder at once; a key stays until the erase clock, for the true reason."""
    held = _newest(act, subject)
    if held is not None:
        settle(act, str(held.pass_id), "card", None)
        settle(act, str(held.pass_id), "pin", None)


def _forget_person(act: Act, subject: str) -> None:
    """The right is over, so the name goes at once; what doors recorded keeps its pseudonym and its own clock."""
    act.after_commit.append(partial(act.house.vault.forget, str(_subject(act, subject).person)))


# --- the way in ------------------------------------------------------------------------------------------------


def scope_now(act: Act, access_points: Iterable[str]) -> tuple[str, ...]:
    """The doors these words mean now: a group has whatever doors of its kind the community has.

    Raises:
        NotFound: a door or a group nobody knows.
    """
    wanted = set(access_points)
    kinds = {GROUPS[word] for word in wanted & GROUPS.keys()}
    known = {*ask_set(act, _POINTS, points=sorted(wanted - GROUPS.keys()))}
    unknown = wanted - known - GROUPS.keys()
    if unknown:
        groups = ", ".join(GROUPS)
        raise NotFound(f"access point {', '.join(sorted(unknown))} is not known; groups are {groups}.")
    return tuple(sorted(known | ask_set(act, _POINTS_OF_KIND, kinds=sorted(kinds))))


# --- the pass ----------------------------------------------------------------------------------------------------


def _newest(act: Act, subject: str) -> Any | None:
    """The subject's newest pass; passes of subjects have no stay, and the person is theirs alone."""
    held = ask(act, _NEWEST, person=_subject(act, subject).person)
    return held[0] if held else None


def _newest_wire(act: Act, subject: str) -> bytes | None:
    held = _newest(act, subject)
    return bytes(held.wire) if held is not None else None


def _renew(act: Act, subject: str) -> None:
    """A first pass, or another one after the last had ended and the right goes on; credentials move with it."""
    held, right = _newest(act, subject), _subject(act, subject)
    if held is not None and (held.state not in ENDED or right.valid_until_ms <= act.now_ms):
        return
    pass_id = act.new_id("PS")
    state = act.move(PASS, pass_id, None, "issue")
    act.insert(
        tables.pass_,
        pass_id=pass_id,
        subject_ref=right.subject_ref,
        stay=None,
        person=right.person,
        scope="[]",
        not_before_ms=right.valid_from_ms,
        not_after_ms=right.valid_until_ms,
        state=state,
        version=1,
        wire=b"",
        **{"class": right.cls},
    )
    if held is not None:
        _take_over(act, held, pass_id)


def _take_over(act: Act, before: Any, pass_id: str) -> None:
    """The same card and code open the next pass; two rows at a node may not both have them."""
    for row in act.rows(tables.credential, pass_id=before.pass_id):
        if row.state in CREDENTIAL_LIVE:
            act.update(tables.credential, {"cred_id": row.cred_id}, pass_id=pass_id)
    told = held_row(before.wire)
    if told is not None and told.creds:
        bare = structs.replace(told, creds=[], pass_version=told.pass_version + 1)
        keep(act, before, PassState(before.state), bare)


def refresh_subject(act: Act, pass_id: str) -> None:
    """As ``refresh``, for the subject of this pass."""
    held = act.row(tables.pass_, pass_id=pass_id)
    assert held is not None, f"there is no pass {pass_id}"
    (subject,) = act.rows(tables.subject, person=str(held.person))
    refresh(act, str(subject.subject))


def refresh(act: Act, subject: str) -> None:
    """Bring the newest pass of a subject to where the books say it should be."""
    held, row = _newest(act, subject), _subject(act, subject)
    if held is None:
        return
    pass_id = str(held.pass_id)
    right = Right(
        pass_id=pass_id,
        subject_ref=row.subject_ref,
        cls=row.cls,
        scope=scope_now(act, scope_of(row.access_points)),
        not_before_ms=row.valid_from_ms,
        not_after_ms=min(row.valid_until_ms, row.ended_ms or row.valid_until_ms),
        ended=row.ended_ms is not None,
        class_only=bool(row.class_only),
    )
    state = _step(act, right, PassState(held.state))
    settle_credentials(act, pass_id, state)
    right = replace(right, creds=live_credentials(act, pass_id))
    wire = desired_pass(right, state, held_row(held.wire), act.house.profile)
    keep(act, held, state, wire)


def _step(act: Act, right: Right, state: PassState) -> PassState:
    for _ in range(STEPS_MAX):
        event = due_event(state, right, act.house.profile, act.now_ms)
        if event is None:
            return state
        state = PassState(act.move(PASS, right.pass_id, state, event, GUARDS))
    raise AssertionError(f"pass {right.pass_id} does not come to rest in {state}")


def refresh_all(act: Act) -> int:
    """After a door was added: groups have another door now; how many subjects there are."""
    subjects = [str(row.subject) for row in act.rows(tables.subject) if row.ended_ms is None]
    for subject in subjects:
        refresh(act, subject)
    return len(subjects)


def due_subjects(act: Act) -> list[str]:
    """Passes of subjects whose window has begun or ended: each is for ``refresh_subject``."""
    opened = ask_set(act, _OPENED, early=act.now_ms + act.house.profile.early_most_ms)
    return sorted(opened | ask_set(act, _OVER, now=act.now_ms))[:DUE_PER_ACT]


# --- ways to use it ------------------------------------------------------------------------------------------------


def _credentials(act: Act, subject: str, wish: SubjectWish) -> str:
    """Bring card, PIN and code key to what the file says; what a person has to be told afterwards."""
    held = _newest(act, subject)
    assert held is not None, "a subject that has not ended has a pass"
    key, pass_id = act.house.pin_key, str(held.pass_id)
    if wish.card:
        new = None if wish.card == TAKEN_AWAY else card_credential(key, wish.card)
        settle(act, pass_id, "card", new)
    if wish.pin:
        new = None if wish.pin == TAKEN_AWAY else pin_credential(key, wish.pin)
        if new is not None:
            _check_chosen_pin(act, wish.pin, pass_id)
        settle(act, pass_id, "pin", new)
    if wish.code_key is None:
        return ""
    # Found again by the key itself: the phone is told its id once, and a second import tells the same.
    cred_id = sha256(b"ac-code-id-v1\0" + wish.code_key).digest()[:CRED_ID_BYTES].hex()
    settle(act, pass_id, "qr", (cred_id, wish.code_key) if wish.code_key else None)
    return f"code {cred_id}" if wish.code_key else ""


def _check_chosen_pin(act: Act, pin: str, pass_id: str) -> None:
    """A PIN that somebody chose is not one beside another's.

    Raises:
        Refused: it is.
    """
    near = [row for one in pins_too_near(pin) if (row := row_of_pin(act, one)) is not None]
    if any(row.state in CREDENTIAL_LIVE and row.pass_id != pass_id for row in near):
        raise Refused(
            "subject", "this pin differs from somebody else's by one in its last digit; choose another."
        )


def settle(act: Act, pass_id: str, kind: str, new: tuple[str, bytes] | None) -> None:
    """At most one live credential of a kind; the one before is rotated out."""
    live = [row for row in act.rows(tables.credential, pass_id=pass_id) if row.kind == kind]
    live = [row for row in live if row.state in CREDENTIAL_LIVE]
    if new is not None and any(row.cred_id == new[0] for row in live):
        return
    for row in live:
        after = act.move(CREDENTIAL, row.cred_id, row.state, "re-issue")
        act.update(tables.credential, {"cred_id": row.cred_id}, state=after)
    if new is not None:
        _issue(act, pass_id, kind, *new)


def _issue(act: Act, pass_id: str, kind: str, cred_id: str, verifier: bytes) -> None:
    """A card may be handed on after its first holder; a credential that lives belongs to one pass alone."""
    before = act.row(tables.credential, cred_id=cred_id)
    if before is not None and before.state in CREDENTIAL_LIVE:
        raise Refused("subject", f"this {kind} is somebody else's already; choose another.")
    if before is not None:
        gone = tables.credential.delete().where(
            tables.credential.c.community == act.house.community, tables.credential.c.cred_id == cred_id
        )
        act.connection.execute(gone)
    state = act.move(CREDENTIAL, cred_id, None, "issue")
    act.insert(tables.credential, cred_id=cred_id, pass_id=pass_id, kind=kind, verifier=verifier, state=state)
