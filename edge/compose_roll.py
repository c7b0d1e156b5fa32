"""The roll-call of this node: its passes, what its doors saw, and the page that shows both to who knows the code."""

from datetime import tzinfo

from edge.config import NodeConfig
from edge.core.events import AccessPointId
from edge.kiosk.app import Bell, Keypad, templates
from edge.kiosk.preview import PreviewPages
from edge.kiosk.roll import RollPages
from edge.kiosk.serve import KioskServer
from edge.kiosk.state import KioskState
from edge.ports import Clock
from edge.runtime.node import Node
from edge.runtime.roll_desk import RollDesk
from edge.runtime.rules import DoorRules


def roll_pages(
    config: NodeConfig, node: Node, rules: DoorRules, clock: Clock, zone: tzinfo
) -> RollPages | None:
    """None where the site has no code for it: then there is no list either."""
    if not config.kiosk.roll_code:
        return None
    names = {
        AccessPointId(door.access_point): (
            door.name_zh or door.access_point,
            door.name_en or door.access_point,
        )
        for door in config.doors
    }
    desk = RollDesk(config.kiosk.roll_code, node.knowledge, rules.seen, clock, names)
    return RollPages(desk, zone, templates())


def screens_of(
    config: NodeConfig,
    kiosk: KioskState,
    keys: Keypad,
    bell: Bell,
    roll: RollPages | None,
    preview: PreviewPages | None,
) -> KioskServer:
    """The pages at the doors, served; the caller closes them."""
    pages = KioskServer(kiosk, config.kiosk.host, config.kiosk.port, keys, bell, roll, preview)
    pages.start()
    return pages
