"""The pass of somebody whose right is their own and not a booking's: residents, tenants, staff (domain.md §§5.5, 17).

The issuer's word is the only prerequisite; what remains is a window, a way in, and whether the ledger may name them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import msgspec

from cloud_sync.core.guards import Guard
from cloud_sync.core.lifecycles import PassState
from cloud_sync.core.policy import PolicyProfile
from cloud_sync.protocol.messages import PREREQ_CLASS_ONLY, Cred, PassRow

RESIDENT_CLASSES = ("resident", "long_tenant")
STAFF_CLASSES = ("operator", "maintenance", "grid")
EMERGENCY = "emergency"
# domain.md §4: hours, minutes, and one action that expires by itself.
VISIT_MAX_MIN: Mapping[str, int] = MappingProxyType({"day_visitor": 24 * 60, "courier": 120, EMERGENCY: 60})


@dataclass(frozen=True, slots=True)
class Right:
    """One subject's right as the books have it now."""

    pass_id: str
    subject_ref: str
    cls: str
    scope: tuple[str, ...]
    not_before_ms: int
    not_after_ms: int
    ended: bool  # by its issuer; the window then ends with it
    class_only: bool
    creds: tuple[Cred, ...] = ()


def due_event(state: PassState, right: Right, profile: PolicyProfile, now_ms: int) -> str | None:
    """The event of the pass table that the books ask for now, or None when the pass stands as it should."""
    over = now_ms > right.not_after_ms
    match state:
        case PassState.PENDING | PassState.ARMED | PassState.ACTIVE | PassState.SUSPENDED if right.ended:
            return "revoke"
        case PassState.PENDING:
            return "prerequisites hold"
        case PassState.ARMED if now_ms >= right.not_before_ms - profile.early_most_ms:
            return "window opens"
        case PassState.ACTIVE | PassState.SUSPENDED if over:
            return "window over"
        case _:
            return None


# Nobody of these is in-house in the sense of a stay: taking the right away never strands a guest.
GUARDS = frozenset({Guard.PREREQUISITES, Guard.NOT_IN_HOUSE})


def desired_pass(right: Right, state: PassState, held: PassRow | None, profile: PolicyProfile) -> PassRow:
    """The row nodes are to hold: ``held`` itself when nothing changed, else the next version."""
    # ACTIVE is for each node's own clock to say.
    wire_state = PassState.ARMED if state is PassState.ACTIVE else state
    row = PassRow(
        pass_id=right.pass_id,
        pass_version=held.pass_version if held else 1,
        subject_ref=right.subject_ref,
        cls=right.cls,
        state=wire_state.value,
        scope=sorted(right.scope),
        schedule="",
        not_before=right.not_before_ms,
        not_after=right.not_after_ms,
        prereq=PREREQ_CLASS_ONLY * right.class_only,
        policy=profile.version,
        creds=sorted(right.creds, key=lambda cred: cred.cred_id),
    )
    if held is None or row == held:
        return row
    return msgspec.structs.replace(row, pass_version=held.pass_version + 1)
