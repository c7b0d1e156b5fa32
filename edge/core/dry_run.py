"""A door on trial: what would have been said is written down, and nobody who showed something of ours is held back.

The facts are ``access.would_allow`` and ``access.would_deny`` with the reason of the real pipeline.  What opens nothing
even on trial is what was no key before either: a credential or a face that belongs to nobody, and a door that a
person has closed on purpose.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from edge.core.decision_types import Allow, Attempt, Decision, Deny, Retry
from edge.core.events import Fact
from edge.core.reasons import Reason

WOULD: Mapping[str, str] = MappingProxyType(
    {"access.granted": "access.would_allow", "access.denied": "access.would_deny"}
)
HELD_ANYWAY = frozenset({Reason.NOT_FOUND, Reason.BLOCKED, Reason.LOCKED_DOWN})


def on_trial(fact: Fact) -> Fact:
    """The same fact, said of what would have been."""
    return replace(fact, type=WOULD[fact.type])


def would_deny(decision: Decision) -> Decision:
    """A second factor asked for is a person held back, so on trial it counts as a denial."""
    if isinstance(decision, Retry) and decision.reason in {Reason.SECOND_FACTOR, Reason.SECOND_PERSON}:
        return Deny(decision.reason, decision.kind)
    return decision


def opens_on_trial(decision: Allow | Deny, attempt: Attempt) -> bool:
    """True when the lock is released, whatever the decision was."""
    return isinstance(decision, Allow) or (attempt.holder is not None and decision.reason not in HELD_ANYWAY)
