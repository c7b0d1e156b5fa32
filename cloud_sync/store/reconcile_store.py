"""Reconciliation on the database: what was touched, and everything, with the same answer (invariants 23-25)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa

from cloud_sync.core.books import Books, Drained
from cloud_sync.core.judging import evaluate
from cloud_sync.core.policy import DAY_MS
from cloud_sync.core.reconcile import BY_HUMAN, Evaluation, Key, Verdict, Word, gather
from cloud_sync.errors import NotFound, Refused
from cloud_sync.store import tables
from cloud_sync.store.asking import ask_set, do, many, mine
from cloud_sync.store.book_loader import Asked, Loader
from cloud_sync.store.chain_check import ChainCheck, verify_node
from cloud_sync.store.discrepancy_rows import apply, close, pending
from cloud_sync.store.engine import lightly, reading
from cloud_sync.store.house import Act, House, acting
from cloud_sync.store.own_evidence import tell_own
from cloud_sync.store.reconcile_scope import (
    alive_stays,
    beside,
    known_nodes,
    recent_stays,
    stays_of,
    topics_of_all,
    topics_of_touched,
    waiting_stays,
)

STAYS_PER_ACT = 200  # one picture of the books stays short
SUBJECTS_PER_RUN = 500  # the rest of the queue waits for the next run, a second later
TOPICS_PER_ACT = 500
# Older stays have been judged on every day of a month, and their events may have left for the archive.
STAYS_LOOKED_BACK_MS = 30 * DAY_MS
ACTOR = "reconcile"
ROLE = "system"
_TOUCHED = tables.touched
_QUEUED = sa.select(_TOUCHED.c.subject).where(mine(_TOUCHED)).limit(1)
_OLDEST = (
    sa.select(_TOUCHED.c.subject).where(mine(_TOUCHED)).order_by(_TOUCHED.c.since_ms).limit(SUBJECTS_PER_RUN)
)
_TAKE = sa.delete(_TOUCHED).where(mine(_TOUCHED), _TOUCHED.c.subject.in_(many("subjects")))


@dataclass(frozen=True, slots=True)
class _Marks:
    """What moves without anybody touching a subject: how far nodes have told, and what they are to hold."""

    drained: dict[str, Drained]
    sets: dict[str, str]


def _marks(loader: Loader) -> _Marks:
    return _Marks(loader.drained(), loader.roots())


def _changed(now: dict[str, str], before: dict[str, str]) -> set[str]:
    return {node for node, root in now.items() if before.get(node) != root}


class Reconciler:
    """One community's reconciliation; call it from one thread."""

    def __init__(self, house: House, look_back_ms: int = STAYS_LOOKED_BACK_MS) -> None:
        self._house = house
        self._look_back_ms = look_back_ms
        self._seen = _Marks({}, {})
        self._reading, self._light = reading(house.engine), lightly(house.engine)

    def run_touched(self) -> int:
        """Judge what changed since the last run, and what waited for a watermark that moved; how many findings."""
        if not self._has_work():
            return 0
        # The commit waits for no disk.  What a power cut takes back is in the queue again with it; and whatever is done
        # about a finding is committed later and waits, and with it everything before is on the disk.
        with self._light.begin() as connection:
            act = Act(self._house, connection, self._house.clock.now_ms(), ACTOR, ROLE)
            touched, now, evaluation = self._look(act)
            do(act, _TAKE, subjects=sorted(touched))
            findings = apply(act, evaluation)
        assert not act.after_commit, "a finding is written and nothing else is done"
        self._seen = now
        return findings

    def _look(self, act: Act) -> tuple[set[str], _Marks, Evaluation]:
        """The oldest subjects of the queue, what else moved, and the verdicts about all of it."""
        touched, loader = ask_set(act, _OLDEST), Loader(act)
        now = _marks(loader)
        waiting = waiting_stays(act) if now.drained != self._seen.drained else set()
        stays = waiting | stays_of(act, touched)
        crowded, suspects = beside(act, stays)
        stays |= crowded
        nodes = _changed(now.sets, self._seen.sets)
        if touched - stays:
            nodes |= known_nodes(act) & touched
        topics = topics_of_touched(act, touched - nodes - stays)
        asked = Asked(sorted(stays), sorted(nodes), sorted(topics), suspects)
        return touched, now, evaluate(loader.books(asked), self._house.profile)

    def run_due(self) -> int:
        """Judge what time alone may have changed: stays under way, everything open, nodes and doors; the findings."""
        return self._run(alive_stays)

    def run_full(self) -> int:
        """Judge everything of the last month, in small pictures; how many findings."""
        return self._run(lambda act: recent_stays(act, self._look_back_ms))

    def _run(self, choose: Callable[[Act], Sequence[str]]) -> int:
        """Nothing is locked where the record agrees already: what finds something is judged again, to write.

        What the service knows by itself is told first.
        """
        tell_own(self._house)
        with self._reading.begin() as connection:
            act = Act(self._house, connection, self._house.clock.now_ms(), ACTOR, ROLE)
            stays = choose(act)
            topics = sorted(topics_of_all(act))
            nodes = sorted(known_nodes(act))
        findings = self._judged(Asked(nodes=nodes, paths=True))
        for start in range(0, len(topics), TOPICS_PER_ACT):
            findings += self._judged(Asked(topics=topics[start : start + TOPICS_PER_ACT]))
        for start in range(0, len(stays), STAYS_PER_ACT):
            findings += self._judged(Asked(stays[start : start + STAYS_PER_ACT], spread=False))
        return findings

    def _judged(self, asked: Asked) -> int:
        with self._reading.begin() as connection:
            act = Act(self._house, connection, self._house.clock.now_ms(), ACTOR, ROLE)
            books = Loader(act).books(asked)
            found = pending(act, evaluate(books, self._house.profile))
            if not found:
                return 0
            asked = _narrowed(asked, books, {finding.key.subject for finding in found})
        with acting(self._house, ACTOR, ROLE) as act:
            return _judge(act, Loader(act), asked)

    def run_chains(self) -> int:
        """Follow every ledger's hash chain again from the stored bodies (D22); how many findings.  Slow: once a day."""
        with self._reading.begin() as connection:
            found = sa.select(tables.node.c.node).where(tables.node.c.community == self._house.community)
            nodes = connection.execute(found).scalars().all()
        checks = [
            check for node in nodes for check in verify_node(self._house.engine, self._house.community, node)
        ]
        verdicts = [_chain_verdict(check) for check in checks]
        looked_at = [(verdict.key.kind, verdict.key.subject) for verdict in verdicts]
        with acting(self._house, ACTOR, ROLE) as act:
            return apply(act, gather(looked_at, verdicts))

    def close_by_human(self, discrepancy: str, reason: str, *, actor: str) -> None:
        """A named person explains one; it opens again only on new evidence.

        Raises:
            Refused: no reason was given.
            NotFound: no such discrepancy is open.
        """
        if not reason.strip():
            raise Refused("discrepancy", "a discrepancy is closed with a reason.")
        with acting(self._house, actor, "staff") as act:
            held = act.row(tables.discrepancy, id=discrepancy)
            if held is None or held.state == "closed":
                raise NotFound(f"no discrepancy {discrepancy} is open.")
            key = Key(str(held.kind), str(held.subject), int(str(held.window_ms)))
            close(act, key, f"{BY_HUMAN}{reason.strip()}")
            act.note("discrepancy.close", discrepancy, str(held.state), "closed", "explained by a person")

    def _has_work(self) -> bool:
        """Looked at without the write lock: an idle second costs the sink nothing."""
        with self._reading.begin() as connection:
            act = Act(self._house, connection, self._house.clock.now_ms(), ACTOR, ROLE)
            if ask_set(act, _QUEUED):
                return True
            now = _marks(Loader(act))
            return now.sets != self._seen.sets or (
                now.drained != self._seen.drained and bool(waiting_stays(act))
            )


def _narrowed(asked: Asked, books: Books, subjects: set[str]) -> Asked:
    """As few of the stays as these subjects are about; all of them where one is about something else."""
    about = {
        stay.stay: {stay.stay}.union(*({one.pass_id, one.person} for one in stay.members))
        for stay in books.stays
    }
    stays = [stay for stay, names in about.items() if not names.isdisjoint(subjects)]
    whole = subjects.issubset({name for stay in stays for name in about[stay]})
    return replace(asked, stays=stays) if whole else asked


def _chain_verdict(check: ChainCheck) -> Verdict:
    """A subject of its own per ledger: the cheap rules, which run all day, neither open nor close it."""
    subject = f"{check.node}/{check.epoch}"
    if check.first_break is None:
        return Verdict(Key("D22", subject, 0), Word.CLEAR, note="the chain holds")
    return Verdict(Key("D22", subject, 0), Word.RAISE, "S2", (f"{subject}/{check.first_break}",))


def _judge(act: Act, loader: Loader, asked: Asked) -> int:
    return apply(act, evaluate(loader.books(asked), act.house.profile))


def judge_now(act: Act, verdicts: Sequence[Verdict]) -> int:
    """Record verdicts that somebody else came to; how many changed the record."""
    return apply(act, gather([(one.key.kind, one.key.subject) for one in verdicts], verdicts))
