"""The life of one report to an authority as a table (domain.md §5.11), its back-off and its legal clock."""

from enum import StrEnum
from typing import Literal

from cloud_sync.core.guards import Guard
from cloud_sync.core.lifecycles import Lifecycle, Row
from cloud_sync.core.policy import DAY_MS, HOUR_MS, MINUTE_MS


class SubmissionState(StrEnum):
    QUEUED = "QUEUED"
    SENT = "SENT"  # it has left; the answer, or the receipt, is outstanding
    ACKED = "ACKED"
    REJECTED = "REJECTED"
    DEAD_LETTER = "DEAD_LETTER"  # a person has to look; it is never dropped
    WITHDRAWN = (
        "WITHDRAWN"  # it never left and has no reason any more: nobody came, or the people are invented
    )


_S = SubmissionState
FINAL = frozenset({_S.ACKED, _S.REJECTED, _S.DEAD_LETTER, _S.WITHDRAWN})
NEEDS_A_PERSON = frozenset({_S.REJECTED, _S.DEAD_LETTER})

SUBMISSION = Lifecycle(
    "submission",
    frozenset(_S),
    (
        Row(None, "enqueue", _S.QUEUED, (Guard.NOT_SYNTHETIC, Guard.LEGAL_BASIS)),
        Row(_S.QUEUED, "sent", _S.SENT),
        Row(_S.QUEUED, "time-out", _S.QUEUED),
        Row(_S.SENT, "time-out", _S.QUEUED),
        Row(_S.SENT, "receipt", _S.ACKED),
        Row(_S.SENT, "rejected", _S.REJECTED),
        Row(_S.QUEUED, "legal deadline near", _S.QUEUED),
        Row(_S.QUEUED, "attempts exhausted", _S.DEAD_LETTER),
        # Beyond the page, for what the protocols of this world are like (docs/adr/0053):
        Row(_S.QUEUED, "receipt", _S.ACKED),  # asked after a lost answer, the recipient says that it has it
        Row(_S.QUEUED, "rejected", _S.REJECTED),  # likewise, or a needed fact is missing: nothing was sent
        Row(_S.QUEUED, "nobody can tell", _S.DEAD_LETTER),
        Row(_S.SENT, "nobody can tell", _S.DEAD_LETTER),
        Row(_S.QUEUED, "withdrawn", _S.WITHDRAWN),
        Row(_S.DEAD_LETTER, "send again", _S.QUEUED, (Guard.NAMED_HUMAN,)),
        Row(_S.REJECTED, "send again", _S.QUEUED, (Guard.NAMED_HUMAN,)),
        Row(_S.DEAD_LETTER, "settled", _S.ACKED, (Guard.NAMED_HUMAN,)),
    ),
)

ATTEMPTS_MAX = (
    20  # with the steps below some 15 hours: most of the shortest legal day, and then a person looks
)
BACKOFF_FIRST_MS = MINUTE_MS
BACKOFF_MOST_MS = HOUR_MS
WARN_AHEAD_MS = DAY_MS
# A report that goes through at the first try is nobody's case, however short the legal clock is.
SETTLES_MS = 15 * MINUTE_MS


def backoff_ms(attempts: int) -> int:
    """How long to wait after this many tries: 1, 2, 4 … minutes, at most an hour."""
    assert attempts >= 1
    return int(min(BACKOFF_FIRST_MS * 2 ** min(attempts - 1, 16), BACKOFF_MOST_MS))


def lateness(now_ms: int, due_ms: int, made_ms: int, attempts: int) -> Literal["", "S2", "S1"]:
    """How grave it is that this report is not acknowledged: S2 within a day of the legal deadline, S1 after it."""
    if now_ms > due_ms:
        return "S1"
    fresh = attempts <= 1 and now_ms - made_ms < SETTLES_MS
    return "S2" if due_ms - now_ms <= WARN_AHEAD_MS and not fresh else ""
