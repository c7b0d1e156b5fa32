"""What a gate asks of the rules that look beyond its own door, and what it tells them."""

from typing import Protocol

from edge.core.decision_types import DoorView, Moment
from edge.core.door_events import Event
from edge.core.events import AccessPointId
from edge.core.passes import Pass


class GateRules(Protocol):
    """Called on the node's loop; nothing here waits."""

    def ruled(self, view: DoorView, holder: Pass | None, moment: Moment) -> DoorView:
        """The view with what schedule, anti-passback, interlock and occupancy say of this pass now."""
        ...

    def claim(self, access_point: AccessPointId) -> None:
        """This door has said yes and is about to open: no other of its interlock may until that is seen."""
        ...

    def saw(self, access_point: AccessPointId, event: Event) -> None:
        """A sensor of this door."""
        ...

    def saw_people(self, access_point: AccessPointId, count: int, t_ns: int) -> None:
        """So many faces in one picture before this door."""
        ...


class Unruled:
    """A door alone: its passes decide, and nothing else."""

    def ruled(self, view: DoorView, holder: Pass | None, moment: Moment) -> DoorView:  # noqa: ARG002
        return view

    def claim(self, access_point: AccessPointId) -> None: ...

    def saw(self, access_point: AccessPointId, event: Event) -> None: ...

    def saw_people(self, access_point: AccessPointId, count: int, t_ns: int) -> None: ...
