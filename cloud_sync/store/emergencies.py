"""Emergencies on the books: proposed by one, approved by another, answers sealed, and gone when it is over."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.emergency import (
    EMERGENCY_FIELDS,
    LASTS_MOST_MS,
    Emergency,
    EmergencyWish,
    answers_in,
    fault_of,
    odd_answers,
)
from cloud_sync.core.policy import DAY_MS
from cloud_sync.errors import NotFound, Refused
from cloud_sync.store.forgetting import delete_keys
from cloud_sync.store.house import Act
from cloud_sync.store.reasons import checked_reason
from cloud_sync.store.tables_privacy import emergency, emergency_answer

LISTED_MAX = 50
SAID = {
    "words": "say purpose and legal basis in one line each.",
    "fields": f"name one or more of: {', '.join(EMERGENCY_FIELDS)}.",
    "end": f"it ends within {LASTS_MOST_MS // DAY_MS} days; declare it anew then.",
    "other": "another emergency is declared or proposed; end it first.",
    "same_person": "another person has to approve; you proposed it.",
    "late": "it was not approved within a day, or is over; propose it anew.",
    "not_declared": "it is asked in a declared emergency only, and none is.",
    "odd": "a temperature is degrees Celsius such as 36.8; other answers are one line.",
}


def propose(act: Act, wish: EmergencyWish) -> str:
    """Nothing is asked yet: somebody else has to approve."""
    _check(fault_of(wish, act.now_ms))
    if any(one.is_active(act.now_ms) or one.waits(act.now_ms) for one in listed(act)):
        _check("other")
    made = act.new_id("EM")
    act.insert(
        emergency,
        emergency=made,
        purpose=wish.purpose.strip(),
        basis=wish.basis.strip(),
        fields=json.dumps(wish.fields),
        proposed_by=act.actor,
        proposed_ms=act.now_ms,
        ends_ms=wish.ends_ms,
    )
    act.note("emergency.propose", made, None, " ".join(wish.fields), f"{wish.purpose}; {wish.basis}")
    return made


def approve(act: Act, of: str) -> Emergency:
    """By somebody else and within a day; from now on its fields may be asked.

    Raises:
        Refused: the same person, or too late.
        NotFound: there is none.
    """
    held = one(act, of)
    if not held.waits(act.now_ms):
        _check("late")
    if held.proposed_by == act.actor:
        _check("same_person")
    act.update(emergency, {"emergency": of}, approved_by=act.actor, approved_ms=act.now_ms)
    act.note("emergency.approve", of, None, " ".join(held.fields), f"until {held.ends_ms}")
    return one(act, of)


def end(act: Act, of: str, reason: str) -> None:
    """Before its day; one person is enough, for it asks less of people.

    Raises:
        NotFound: there is none that could end.
    """
    held = one(act, of)
    if not (held.is_active(act.now_ms) or held.waits(act.now_ms)):
        raise NotFound(f"emergency {of} is over already.")
    act.update(emergency, {"emergency": of}, ended_by=act.actor, ended_ms=act.now_ms)
    act.note("emergency.end", of, None, None, checked_reason(reason))


def active(act: Act) -> Emergency | None:
    return next((one for one in listed(act) if one.is_active(act.now_ms)), None)


def listed(act: Act) -> tuple[Emergency, ...]:
    """The newest first, a few dozen."""
    mine = emergency.c.community == act.house.community
    newest = (emergency.c.proposed_ms.desc(), emergency.c.emergency.desc())
    rows = act.connection.execute(sa.select(emergency).where(mine).order_by(*newest).limit(LISTED_MAX)).all()
    return tuple(_emergency(row) for row in rows)


def one(act: Act, of: str) -> Emergency:
    row = act.row(emergency, emergency=of)
    if row is None:
        raise NotFound(f"there is no emergency {of}.")
    return _emergency(row)


def _emergency(row: Any) -> Emergency:
    return Emergency(
        row.emergency,
        row.purpose,
        row.basis,
        tuple(json.loads(row.fields)),
        row.proposed_by,
        row.proposed_ms,
        row.approved_by,
        row.approved_ms,
        row.ends_ms,
        row.ended_ms,
    )


def _check(fault: str) -> None:
    if fault:
        raise Refused(f"emergency.{fault}", SAID[fault])


# --- what people say ---------------------------------------------------------------------------------------------


def keep(act: Act, stay: str, person: str, values: Mapping[str, str]) -> None:
    """Seal what somebody said; the last step before the commit, as the vault cannot roll back.

    Raises:
        Refused: a field that no declared emergency asks at this moment, or an answer that cannot be one.
    """
    if not values:
        return
    now = active(act)
    if now is None or set(values) - set(now.fields):
        _check("not_declared")
    if odd_answers(values):
        _check("odd")
    assert now is not None
    for name in values:
        key = {"emergency": now.id, "person": person, "field": name}
        if act.row(emergency_answer, **key) is None:
            act.insert(emergency_answer, **key, stay=stay, taken_ms=act.now_ms)
        else:
            act.update(emergency_answer, key, stay=stay, taken_ms=act.now_ms)
    act.on_failure.append(partial(act.house.vault.forget_fields, person, tuple(values)))
    act.house.vault.seal_all(person, values)


def asked_in(act: Act, form: Mapping[str, str]) -> dict[str, str]:
    """What a form says to the fields that are asked now; to any other time's it says nothing."""
    now = active(act)
    return answers_in(form, now.fields) if now is not None else {}


def forget_answers(act: Act, keys: Sequence[Any]) -> None:
    """What was said in an emergency that is over.  The vault goes first: after a crash between the two the rows are due still."""
    asked_anew = {
        (str(row.person), str(row.field)) for row in act.rows(emergency_answer) if _is_other(row, keys)
    }
    for _, person, name in keys:
        if (str(person), str(name)) not in asked_anew:
            act.house.vault.forget_fields(str(person), (str(name),))
    delete_keys(act, emergency_answer, keys)


def _is_other(row: Any, keys: Sequence[Any]) -> bool:
    return (row.emergency, row.person, row.field) not in {tuple(key) for key in keys}


def sweep(act: Act) -> int:
    """Answers in the vault that no row knows, after a crash between two commits; how many fields."""
    known = {(str(row.person), str(row.field)) for row in act.rows(emergency_answer)}
    gone = 0
    for person, name in act.house.vault.holders(EMERGENCY_FIELDS):
        if (person, name) not in known:
            gone += act.house.vault.forget_fields(person, (name,))
    return gone
