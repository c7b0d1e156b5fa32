"""Evidence written down: by an officer, an import, a connector, or an enrolling node's answer; each asks for a new look."""

import json
from collections.abc import Mapping
from typing import Any, Literal

import sqlalchemy as sa

from cloud_sync.core.evidence import Body, body_of, said_by
from cloud_sync.errors import NotFound, Refused
from cloud_sync.store.house import Act, House, acting
from cloud_sync.store.tables_rules import evidence

WORD_MAX = 200
Status = Literal["new", "updated", "unchanged"]


def tell(act: Act, subject: str, key: str, body: Body, since_ms: int | None = None) -> None:
    """Something is so since then; told again under the same key it replaces what was told.

    Raises:
        Refused: a subject or key that is empty or too long.
    """
    for word in (subject, key):
        if not 1 <= len(word) <= WORD_MAX:
            raise Refused("evidence.word", f"subject and key have 1 to {WORD_MAX} characters.")
    where = {"subject": subject, "type": type(body).__name__, "key": key}
    values = {
        "since_ms": act.now_ms if since_ms is None else since_ms,
        "ended_ms": None,
        "body": json.dumps(said_by(body), ensure_ascii=False, sort_keys=True),
        "writer": act.actor,
        "told_ms": act.now_ms,
    }
    if act.row(evidence, **where) is None:
        act.insert(evidence, **where, **values)
    else:
        act.update(evidence, where, **values)
    act.touch(subject)


def tell_news(act: Act, subject: str, key: str, body: Body, since_ms: int) -> Status:
    """As ``tell``, from a file that may come twice or late: what is known already, or older than that, changes nothing.

    What a person has ended since stands ended until something newer is told.
    """
    held: Any = act.row(evidence, subject=subject, type=type(body).__name__, key=key)
    if held is not None and since_ms <= held.since_ms:
        same = told_body(held) == body
        if since_ms < held.since_ms or held.ended_ms is not None or same:
            return "unchanged"
    tell(act, subject, key, body, since_ms)
    return "new" if held is None else "updated"


def told_body(row: Any) -> Body:
    """The typed body of a stored row."""
    return body_of(row.type, json.loads(row.body))


def is_standing(act: Act, subject: str, key: str, body: Body) -> bool:
    """True where this very thing was told and nobody has ended it."""
    held: Any = act.row(evidence, subject=subject, type=type(body).__name__, key=key)
    return held is not None and held.ended_ms is None and told_body(held) == body


def end(act: Act, subject: str, type_: str, key: str) -> None:
    """It is so no longer.

    Raises:
        NotFound: nothing of the kind stands.
    """
    where = {"subject": subject, "type": type_, "key": key}
    held = act.row(evidence, **where)
    if held is None or held.ended_ms is not None:
        raise NotFound(f"no {type_} {key} about {subject} stands.")
    act.update(evidence, where, ended_ms=act.now_ms)
    act.touch(subject)


class EvidenceBook:
    """For programs and pages that are not in a transaction of their own; each call is one, with an audit row."""

    def __init__(self, house: House) -> None:
        self._house = house

    def tell(
        self,
        subject: str,
        type_: str,
        key: str,
        said: Mapping[str, Any],
        *,
        actor: str,
        since_ms: int | None = None,
    ) -> None:
        """Raises: Refused when the words are not those of the type."""
        body = body_of(type_, said)
        with acting(self._house, actor, "staff") as act:
            tell(act, subject, key, body, since_ms)
            act.note("evidence.tell", subject, None, f"{type_}/{key}")

    def end(self, subject: str, type_: str, key: str, *, actor: str) -> None:
        """Raises: NotFound when nothing of the kind stands."""
        with acting(self._house, actor, "staff") as act:
            end(act, subject, type_, key)
            act.note("evidence.end", subject, f"{type_}/{key}")

    def types(self) -> dict[str, int]:
        """How much stands of each type."""
        query = (
            sa.select(evidence.c.type, sa.func.count())
            .where(evidence.c.community == self._house.community, evidence.c.ended_ms.is_(None))
            .group_by(evidence.c.type)
        )
        with self._house.engine.connect() as db:
            return {row[0]: int(row[1]) for row in db.execute(query)}
