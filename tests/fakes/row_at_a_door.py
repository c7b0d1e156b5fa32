"""What a door says to the rows a registry hands out: the real rows, the real decision, one showing of a credential."""

from cloud_sync.protocol import merkle
from cloud_sync.protocol.messages import PassRow
from edge.core.decision import decide
from edge.core.decision_types import Allow, Attempt, DoorView, Moment, Policy
from edge.core.door_types import Mode
from edge.core.events import AccessPointId, ClockState, CredentialKind
from edge.core.passes import LocationClass
from edge.link.translate import decode_passes


def said_at(row: PassRow, access_point: str, now_ms: int, *, online: bool = True, room: bool = False) -> str:
    """``Granted``, or the one reason why not, for somebody who holds this pass."""
    (held,) = decode_passes(merkle.pack([row]))
    location = LocationClass.ROOM if room else LocationClass.GATE
    door = DoorView(access_point=AccessPointId(access_point), location_class=location, mode=Mode.LOCKED)
    moment = Moment(
        now_ms=now_ms,
        clock=ClockState.TRUSTED,
        floor_ms=0,
        contact_age_ms=0 if online else 9**12,
        online=online,
    )
    attempt = Attempt(kind=CredentialKind.PIN, holder=held)
    decision = decide(attempt, door, moment, Policy(1, 1))
    return "Granted" if isinstance(decision, Allow) else decision.reason.value
