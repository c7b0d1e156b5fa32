"""What a run is worth, as a table for people and one JSON object for programs."""

from collections.abc import Iterator
from typing import Any

from cloud_sync.score.play import Played
from cloud_sync.score.truth import FLOOR_FROM, HIDDEN, KINDS, Score, Tally, goals

SHOWN = 5  # missed rows and false findings of a kind


def verdict(played: Played, score: Score) -> list[str]:
    """Every goal that was missed, a sentence each; none is a pass."""
    found = score.below()
    doors = played.doors
    assert doors is not None, "a run has looked at its doors"
    if doors.lock_outs:
        found.append(f"{len(doors.lock_outs)} lawful guests were locked out, first {doors.lock_outs[0]}")
    if doors.lock_ins:
        found.append(f"{len(doors.lock_ins)} ways out were refused, first {doors.lock_ins[0]}")
    if played.swept:
        found.append(f"the sweep at the end changed {played.swept} findings; the runs before it missed them")
    return found


def table(score: Score) -> Iterator[str]:
    """A line for each kind, and what is not scored with the reason."""
    yield f"{'kind':<5} {'rows':>6} {'found':>6} {'missed':>6} {'false':>6} {'follow':>6} {'recall':>8} {'precision':>9}  goal"
    for kind in KINDS:
        if kind in score.unscored:
            yield f"{kind:<5} unscored: {score.unscored[kind]}"
        else:
            yield _line(kind, score.kinds[kind], _goal(kind, score.kinds[kind]))
    yield _line("all", score.whole, "≥ 98 % / ≥ 95 %, without D07")
    for kind, one in score.kinds.items():
        for row in one.missed[:SHOWN]:
            yield f"missed {kind} {row.subject}: {row.note} (truth.csv line {row.number})"
        for found in one.false[:SHOWN]:
            yield f"false {kind} {found.subject} {found.evidence[:120]}"


def _goal(kind: str, one: Tally) -> str:
    recall, precision = goals(kind)
    judged = one.injected >= FLOOR_FROM
    return (
        f"≥ {recall:.0%} / ≥ {precision:.0%}" if judged else f"fewer than {FLOOR_FROM} rows: not judged alone"
    )


def _line(kind: str, one: Tally, goal: str) -> str:
    return (
        f"{kind:<5} {one.injected:>6} {one.found:>6} {len(one.missed):>6} {len(one.false):>6} {one.follows:>6} "
        f"{_share(one.recall, one.injected)} {_share(one.precision, one.true + len(one.false)):>9}  {goal}"
    )


def _share(share: float, of: int) -> str:
    return f"{share:>8.1%}" if of else f"{'–':>8}"


def figures(played: Played, score: Score, missed: list[str]) -> dict[str, Any]:
    """The last line."""
    whole, hidden = score.whole, score.kinds[HIDDEN]
    doors = played.doors
    assert doors is not None, "a run has looked at its doors"
    seconds = max(played.seconds, 1e-3)
    return {
        "stays": played.stays,
        "rows": played.rows,
        "refused": played.refused,
        "events": played.events,
        "truths": whole.injected + hidden.injected,
        "recall": round(whole.recall, 4),
        "precision": round(whole.precision, 4),
        "d07_recall": round(hidden.recall, 4),
        "d07_precision": round(hidden.precision, 4),
        "kinds": {
            kind: {
                "rows": one.injected, "found": one.found, "false": len(one.false), "follows": one.follows,
            }
            for kind, one in score.kinds.items()
        },
        "passages": doors.passages,
        "lock_outs": len(doors.lock_outs),
        "lock_ins": len(doors.lock_ins),
        "sweep_changed": played.swept,
        "late_looks": played.late_looks,
        "seconds": round(played.seconds, 1),
        "stays_per_s": round(played.stays / seconds, 1),
        "events_per_s": round(played.events / seconds, 1),
        "spent": {name: round(spent, 1) for name, spent in played.spent.items()},
        "missed_goals": missed,
        "verdict": "missed" if missed else "reached",
    }  # fmt: skip
