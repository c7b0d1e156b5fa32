"""``HookBook`` of ports_api.py: who is told what, and the deliveries on their way.

The audit log and the cases themselves are what is told from: nothing is missed while the service stands still, and a
receiver that is away holds its place in them instead of filling a queue.
"""

import ipaddress
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa

from cloud_sync.core.policy import MINUTE_MS
from cloud_sync.core.webhooks import KINDS, RETRY_MS, TEST, UNTOLD, secret_of, shown_secret
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports_api import DueHook
from cloud_sync.store import tables
from cloud_sync.store.engine import reading
from cloud_sync.store.hidden import hidden_subjects
from cloud_sync.store.house import Act, House, acting
from cloud_sync.store.tables_api import webhook, webhook_delivery

HOOKS_MAX = 20
WAITING_MAX = 1_000  # of one receiver; what comes after it waits in the log
LOOK_MOST = 200
CLAIM_MS = 2 * MINUTE_MS  # longer than a whole round
PAUSE_MS = MINUTE_MS // 2  # after one failure nothing else goes to that receiver for so long
URL_MAX = 500
ACTOR = "webhooks"


@dataclass(frozen=True, slots=True)
class HookLine:
    webhook: str
    url: str
    kinds: tuple[str, ...]
    waiting: int
    dead: int
    made_by: str
    made_ms: int
    ended_ms: int | None


@dataclass(frozen=True, slots=True)
class DeliveryLine:
    delivery: str
    kind: str
    state: str
    attempts: int
    made_ms: int
    receipt: str


@dataclass(frozen=True, slots=True)
class _News:
    """Something that happened; ``id`` is part of every delivery of it."""

    id: str
    kind: str
    at_ms: int
    about: str
    data: dict[str, object]


class SqlWebhooks:
    """Safe from any thread and any number of processes."""

    def __init__(self, house: House) -> None:
        self._house = house

    # --- who is told -----------------------------------------------------------------------------------------------

    def make(self, url: str, kinds: Sequence[str], *, actor: str) -> tuple[str, str]:
        """A subscription from now on: its id, and its secret, shown this once.

        Raises:
            Refused: the address or a kind cannot be, or there are too many.
        """
        check_url(url)
        for kind in kinds:
            if kind not in KINDS:
                raise Refused("webhook.kind", f"{kind!r} is not one of {', '.join(sorted(KINDS))}.")
        with acting(self._house, actor, "staff") as act:
            if sum(row.ended_ms is None for row in act.rows(webhook)) >= HOOKS_MAX:
                raise Refused("webhook.many", f"there are {HOOKS_MAX} webhooks; end some first.")
            made = act.new_id("WH")
            seen_n, seen_rev = _newest(act.connection, act.house.community)
            act.insert(
                webhook,
                webhook=made,
                url=url,
                kinds=" ".join(sorted(set(kinds) or KINDS)),
                seen_n=seen_n,
                seen_rev=seen_rev,
                made_ms=act.now_ms,
                made_by=actor,
            )
            act.note("webhook.make", made, None, " ".join(sorted(set(kinds) or KINDS)))
        return made, shown_secret(secret_of(self._house.k_community, made))

    def end(self, hook: str, *, actor: str) -> None:
        """Told no more; what waits is dropped.  Raises NotFound."""
        with acting(self._house, actor, "staff") as act:
            held: Any = act.row(webhook, webhook=hook)
            if held is None or held.ended_ms is not None:
                raise NotFound(f"there is no webhook {hook} that is in use.")
            act.update(webhook, {"webhook": hook}, ended_ms=act.now_ms, ended_by=actor)
            waiting = (*self._mine(act, hook), webhook_delivery.c.state == "QUEUED")
            dropped = {"state": "DROPPED", "ended_ms": act.now_ms, "next_ms": None}
            act.connection.execute(sa.update(webhook_delivery).where(*waiting).values(**dropped))
            act.note("webhook.end", hook)

    def test(self, hook: str, *, actor: str) -> str:
        """Queue one delivery that says nothing but that it is one."""
        with acting(self._house, actor, "staff") as act:
            held: Any = act.row(webhook, webhook=hook)
            if held is None or held.ended_ms is not None:
                raise NotFound(f"there is no webhook {hook} that is in use.")
            news = _News(act.new_id("TEST"), TEST, act.now_ms, "", {})
            return self._queue(act, hook, news)

    def again(self, delivery: str, *, actor: str) -> None:
        """Send a dead delivery once more, from the first try.  Raises NotFound."""
        with acting(self._house, actor, "staff") as act:
            held: Any = act.row(webhook_delivery, delivery=delivery)
            if held is None or held.state != "DEAD":
                raise NotFound(f"there is no dead delivery {delivery}.")
            fresh = {"state": "QUEUED", "attempts": 0, "next_ms": act.now_ms, "ended_ms": None}
            act.update(webhook_delivery, {"delivery": delivery}, **fresh)
            act.note("webhook.again", delivery, "DEAD", "QUEUED")

    def lines(self) -> tuple[HookLine, ...]:
        """Every subscription, oldest first."""
        with reading(self._house.engine).connect() as db:
            act = Act(self._house, db, self._house.clock.now_ms(), ACTOR, "system")
            tally = self._tally(db)
            return tuple(
                HookLine(
                    row.webhook, row.url, tuple(row.kinds.split()), tally.get((row.webhook, "QUEUED"), 0),
                    tally.get((row.webhook, "DEAD"), 0), row.made_by, row.made_ms, row.ended_ms,
                )
                for row in sorted(act.rows(webhook), key=lambda row: str(row.webhook))
            )  # fmt: skip

    def _tally(self, db: sa.Connection) -> dict[tuple[str, str], int]:
        table = webhook_delivery
        query = (
            sa.select(table.c.webhook, table.c.state, sa.func.count())
            .where(table.c.community == self._house.community)
            .group_by(table.c.webhook, table.c.state)
        )
        return {(hook, state): int(count) for hook, state, count in db.execute(query)}

    def deliveries(self, hook: str, *, most: int = 100) -> tuple[DeliveryLine, ...]:
        """The newest of one subscription, newest first."""
        table = webhook_delivery
        mine = (table.c.community == self._house.community, table.c.webhook == hook)
        query = sa.select(table).where(*mine).order_by(table.c.made_ms.desc(), table.c.delivery.desc())
        with reading(self._house.engine).connect() as db:
            return tuple(
                DeliveryLine(row.delivery, row.kind, row.state, row.attempts, row.made_ms, row.receipt or "")
                for row in db.execute(query.limit(most))
            )

    # --- HookBook ------------------------------------------------------------------------------------------------

    def collect(self) -> int:
        code = self._house.community
        with reading(self._house.engine).connect() as db:  # looked at without the write lock
            newest = _newest(db, code)
            behind = [row.webhook for row in db.execute(_running(code)) if _is_behind(row, newest)]
        return sum(self._collect(hook) for hook in behind)

    def _collect(self, hook: str) -> int:
        with acting(self._house, ACTOR, "system") as act:
            held: Any = act.row(webhook, webhook=hook)
            waiting = act.connection.execute(
                sa.select(sa.func.count())
                .select_from(webhook_delivery)
                .where(*self._mine(act, hook), webhook_delivery.c.state == "QUEUED")
            ).scalar_one()
            if held.ended_ms is not None or waiting >= WAITING_MAX:
                return 0
            hidden = hidden_subjects(act.connection, act.house.community)
            seen_n, noted = _noted(act, held.seen_n)
            seen_rev, cases = _cases(act, held.seen_rev)
            kinds = frozenset(held.kinds.split())
            told = [one for one in (*noted, *cases) if one.kind in kinds and one.about not in hidden]
            for news in told:
                self._queue(act, hook, news)
            act.update(webhook, {"webhook": hook}, seen_n=seen_n, seen_rev=seen_rev)
        return len(told)

    def _queue(self, act: Act, hook: str, news: _News) -> str:
        at = datetime.fromtimestamp(news.at_ms / 1000, UTC).isoformat(timespec="milliseconds")
        body = {
            "type": f"{news.kind}.changed" if news.kind != TEST else TEST,
            "timestamp": at.replace("+00:00", "Z"),
            "community": self._house.community,
            "synthetic": self._house.synthetic,
            "data": news.data,
        }
        delivery = f"{hook}.{news.id}"
        act.insert(
            webhook_delivery,
            delivery=delivery,
            webhook=hook,
            kind=news.kind,
            body=json.dumps(body, ensure_ascii=False, separators=(",", ":")),
            state="QUEUED",
            attempts=0,
            next_ms=act.now_ms,
            made_ms=act.now_ms,
        )
        return delivery

    def claim(self, *, most: int) -> Sequence[DueHook]:
        table = webhook_delivery
        due = (
            sa.select(table.c.delivery, table.c.webhook, table.c.body)
            .where(
                table.c.community == self._house.community,
                table.c.state == "QUEUED",
                table.c.next_ms <= self._house.clock.now_ms(),
            )
            .order_by(table.c.next_ms, table.c.made_ms, table.c.delivery)
            .limit(most)
        )
        with reading(self._house.engine).connect() as db:
            if db.execute(due).first() is None:
                return []  # an idle round takes no write lock
        with acting(self._house, ACTOR, "system") as act:
            urls = {str(row.webhook): str(row.url) for row in act.rows(webhook)}
            found = act.connection.execute(due).all()
            for row in found:
                act.update(table, {"delivery": row.delivery}, next_ms=act.now_ms + CLAIM_MS)
        k_community = self._house.k_community
        return [
            DueHook(row.delivery, urls[row.webhook], secret_of(k_community, row.webhook), row.body)
            for row in found
        ]

    def sent(self, delivery: str, receipt: str) -> None:
        with acting(self._house, ACTOR, "system") as act:
            held = _held(act, delivery)
            if held.state == "QUEUED":
                self._end(act, held, "SENT", receipt)

    def failed(self, delivery: str, problem: str) -> None:
        with acting(self._house, ACTOR, "system") as act:
            held = _held(act, delivery)
            if held.state != "QUEUED":
                return  # the subscription was ended meanwhile
            if held.attempts >= len(RETRY_MS):
                self._end(act, held, "DEAD", problem)
                act.note("webhook.dead", delivery, "QUEUED", "DEAD")
                return
            later = act.now_ms + RETRY_MS[held.attempts]
            values = {"attempts": held.attempts + 1, "next_ms": later, "receipt": problem}
            act.update(webhook_delivery, {"delivery": delivery}, **values)
            self._pause(act, held)

    def _pause(self, act: Act, held: Any) -> None:
        """A receiver that hangs costs one wait, not one for everything that is on its way to it."""
        table, until_ms = webhook_delivery, act.now_ms + PAUSE_MS
        others = (
            *self._mine(act, held.webhook),
            table.c.state == "QUEUED",
            table.c.delivery != held.delivery,
            table.c.next_ms < until_ms,
        )
        act.connection.execute(sa.update(table).where(*others).values(next_ms=until_ms))

    def _end(self, act: Act, held: Any, state: str, receipt: str) -> None:
        values = {"state": state, "attempts": held.attempts + 1, "next_ms": None, "ended_ms": act.now_ms}
        act.update(webhook_delivery, {"delivery": held.delivery}, **values, receipt=receipt)

    def _mine(self, act: Act, hook: str) -> tuple[sa.ColumnElement[bool], ...]:
        table = webhook_delivery
        return table.c.community == act.house.community, table.c.webhook == hook


def check_url(url: str) -> None:
    """https, or plain HTTP to this machine.  Raises Refused."""
    try:
        where = urlsplit(url)
        host, _port = where.hostname or "", where.port
    except ValueError:
        host, where = "", urlsplit("")
    plain = url.isascii() and url.isprintable() and " " not in url and len(url) <= URL_MAX
    known = where.scheme == "https" or (where.scheme == "http" and _is_loopback(host))
    if not (plain and host and known and where.username is None and not where.fragment):
        raise Refused(
            "webhook.url", "give an address with https, or with http on this machine, without a login in it."
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _running(code: str) -> sa.Select[Any]:
    return sa.select(webhook).where(webhook.c.community == code, webhook.c.ended_ms.is_(None))


def _newest(db: sa.Connection, code: str) -> tuple[int, int]:
    """How far the audit log and the changes of cases go."""
    audit, case = tables.audit, tables.case_
    n = db.execute(sa.select(sa.func.max(audit.c.n)).where(audit.c.community == code)).scalar()
    rev = db.execute(sa.select(sa.func.max(case.c.rev)).where(case.c.community == code)).scalar()
    return int(n or 0), int(rev or 0)


def _is_behind(row: Any, newest: tuple[int, int]) -> bool:
    return bool(row.seen_n < newest[0] or row.seen_rev < newest[1])


def _noted(act: Act, after: int) -> tuple[int, list[_News]]:
    table = tables.audit
    query = sa.select(table).where(table.c.community == act.house.community, table.c.n > after)
    rows = act.connection.execute(query.order_by(table.c.n).limit(LOOK_MOST)).all()
    return (rows[-1].n if rows else after), list(_told(rows))


def _told(rows: Sequence[Any]) -> Iterator[_News]:
    """What happened to which record; who did it, and what they wrote, stays here."""
    for row in rows:
        kind, _, event = row.action.partition(".")
        if kind in KINDS and kind != "case" and row.action not in UNTOLD:
            data = {"object": row.object, "event": event, "before": row.before, "after": row.after}
            yield _News(f"a{row.n}", kind, row.at_ms, row.object, data)


def _cases(act: Act, after: int) -> tuple[int, list[_News]]:
    """Each case that changed, as it stands now."""
    table = tables.case_
    query = sa.select(table).where(table.c.community == act.house.community, table.c.rev > after)
    rows = act.connection.execute(query.order_by(table.c.rev).limit(LOOK_MOST)).all()
    return (rows[-1].rev if rows else after), [
        _News(f"c{row.rev}", "case", row.last_seen_ms, row.subject, _case(row)) for row in rows
    ]


def _case(row: Any) -> dict[str, object]:
    named = ("family", "kind", "severity", "state", "level", "node", "access_point")
    return {"object": row.id, **{name: getattr(row, name) for name in named}}


def _held(act: Act, delivery: str) -> Any:
    row = act.row(webhook_delivery, delivery=delivery)
    if row is None:
        raise NotFound(f"there is no delivery {delivery}.")
    return row
