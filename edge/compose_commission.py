"""What stands between a door and its first grant: the signed reports of this node, or that it is a simulation."""

from functools import partial

from edge.compose_faces import DEVICE_KEY
from edge.config import NodeConfig
from edge.core.events import AccessPointId
from edge.gateio.profile import Profile
from edge.gateio.wiring import wiring_of
from edge.runtime.commissioned import Commissioned, Withheld, nothing_withheld
from edge.store.device_key import verify_ed25519
from edge.store.sealing_key import device_public_raw

FOLDER = "commissioning"


def commissioned_doors(config: NodeConfig, io_profile: Profile) -> Commissioned:
    """The reports of this node beside the wiring of today."""
    return Commissioned(
        config.data_dir / FOLDER,
        config.node,
        {AccessPointId(door.access_point): wiring_of(door) for door in io_profile.door},
        device_public_raw(config.data_dir / DEVICE_KEY),
        verify_ed25519,
    )


def withheld_at(config: NodeConfig, io_profile: Profile) -> dict[AccessPointId, Withheld]:
    """For every door of this node, why it gives no grants just now."""
    doors = [AccessPointId(door.access_point) for door in config.doors]
    if config.simulation:
        return dict.fromkeys(doors, nothing_withheld)
    list_of = commissioned_doors(config, io_profile)
    return {door: partial(list_of.why_not, door) for door in doors}
