"""One door's patience with wrong tries (T_retry_lock), by whom they count against.

A credential that is known here counts against itself: its holder's slips are nobody else's.  What nobody has counts
against the reader it was shown to, and while that waits, only what nobody has waits with it.  Digits name nobody, so all
PINs of a door share one patience: six digits could be tried out otherwise.
"""

from dataclasses import dataclass, field

from edge.core.credentials import CodeRefused, Tries, after_failure, is_locked
from edge.core.decision_types import Attempt
from edge.core.events import CredentialKind
from edge.core.reasons import Reason

TRIES_KEPT = 256
PINS = "pin"
UNKNOWN = {CredentialKind.QR: "unknown code", CredentialKind.CARD: "unknown card"}


def counts_against(attempt: Attempt, credential: str) -> str:
    """Whose patience a try uses up; a code that its holder's key did not sign says nothing of its holder."""
    forged = isinstance(attempt.code, CodeRefused) and attempt.code.reason is Reason.NOT_FOUND
    if attempt.kind in UNKNOWN and (attempt.holder is None or forged):
        return UNKNOWN[attempt.kind]
    return credential


@dataclass(slots=True)
class Patience:
    _tries: dict[str, Tries] = field(default_factory=dict)

    def failed(self, whose: str, now_ns: int) -> None:
        """Count one; the longest untouched are forgotten first."""
        self._tries[whose] = after_failure(self._tries.pop(whose, Tries()), now_ns)
        while len(self._tries) > TRIES_KEPT:
            del self._tries[next(iter(self._tries))]

    def waits_ms(self, whose: str, now_ns: int) -> int | None:
        """How long yet, or None when a try is taken now."""
        held = self._tries.get(whose)
        if held is None or not is_locked(held, now_ns):
            return None
        return (held.locked_until_ns - now_ns) // 1_000_000
