"""D21, D22 and D23: what a node holds, what it told, and what its doors did (domain.md §10)."""

from collections.abc import Iterator
from itertools import groupby

from cloud_sync.core.books import DoorFact, Hole, NodeBook
from cloud_sync.core.policy import PolicyProfile
from cloud_sync.core.reconcile import Key, Verdict, Word

NOT_TAKEN_MIN = 3  # one guest who turns back is no discrepancy; three in a day is a door that does not open


def drift(node: NodeBook, now_ms: int, profile: PolicyProfile) -> Verdict:
    """D21: the node's pass set is not the service's, or something taken away has no receipt, for too long.

    A taking-away without receipt counts whether the node is online or not: somebody may walk in meanwhile.
    """
    key = Key("D21", node.node, 0)
    taken = [ms for ms in (node.revoked_ms, node.erase_ms) if ms is not None]
    evidence = (f"{node.node}/set/{node.set_ver}",)
    if any(now_ms - ms > profile.drift_ms for ms in taken):
        return Verdict(key, Word.RAISE, "S1", evidence)
    if node.set_ver == 0 or (node.set_ver, node.set_root) == (node.told_ver, node.told_root):
        return Verdict(key, Word.CLEAR, note="equal")
    if not node.online:
        return Verdict(key, Word.INCONCLUSIVE, "S3", evidence)
    if now_ms - node.built_ms > profile.drift_ms:
        return Verdict(key, Word.RAISE, "S3", evidence)
    return Verdict(key, Word.CLEAR, note="under way")


def event_gap(node: str, hole: Hole, now_ms: int, profile: PolicyProfile) -> Verdict:
    """D22: events are missing after retransmission had its time, were declared lost, or contradict each other."""
    key = Key("D22", node, hole.since_ms)
    if hole.kind == "gap" and now_ms - hole.since_ms <= profile.gap_settles_ms:
        return Verdict(key, Word.CLEAR, note="still being sent")
    return Verdict(key, Word.RAISE, "S2", (hole.ref,))


def door_against_events(access_point: str, window_ms: int, facts: list[DoorFact]) -> Verdict | None:
    """D23: forced, held open, or granted again and again without opening; None when it is none of these."""
    forced = sorted(fact.ref for fact in facts if fact.kind == "forced")
    held = sorted(fact.ref for fact in facts if fact.kind == "held")
    not_taken = sorted(fact.ref for fact in facts if fact.kind == "not_taken")
    evidence = (*forced, *held, *(not_taken if len(not_taken) >= NOT_TAKEN_MIN else ()))
    if not evidence:
        return None
    return Verdict(Key("D23", access_point, window_ms), Word.RAISE, "S1" if forced else "S3", evidence)


def judge_doors(doors: tuple[DoorFact, ...]) -> Iterator[Verdict]:
    def place(fact: DoorFact) -> tuple[str, int]:
        return fact.access_point, fact.window_ms

    for (access_point, window_ms), facts in groupby(sorted(doors, key=place), key=place):
        verdict = door_against_events(access_point, window_ms, list(facts))
        if verdict is not None:
            yield verdict


def judge_holes(node: NodeBook, now_ms: int, profile: PolicyProfile) -> Iterator[Verdict]:
    """Holes found in the same millisecond share one key and one verdict, with all of them as evidence."""
    found: dict[Key, Verdict] = {}
    for hole in node.holes:
        verdict = event_gap(node.node, hole, now_ms, profile)
        before = found.get(verdict.key)
        if before is None or before.word is Word.CLEAR:
            found[verdict.key] = verdict
        elif verdict.word is Word.RAISE:
            evidence = tuple(sorted({*before.evidence, *verdict.evidence}))
            found[verdict.key] = Verdict(verdict.key, Word.RAISE, verdict.severity, evidence)
    yield from found.values()
