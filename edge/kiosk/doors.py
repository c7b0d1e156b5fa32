"""Which screens this node has, from its configuration and from what the community told it."""

from edge.config import DoorConfig, NodeConfig
from edge.core.events import AccessPointId
from edge.core.face_mode import FaceMode
from edge.kiosk.state import Door, Fittings, KioskState, Screen, Tongue


def kiosk_state(config: NodeConfig, pages_url: str, *, reads_pins: bool) -> KioskState:
    """The screens of this node's doors, with what they do not check said on each."""
    state = KioskState([_door(door, pages_url) for door in config.doors], rest=Screen.FACE_OFF)
    for door in config.doors:
        access_point = AccessPointId(door.access_point)
        state.equip(access_point, dry_run=door.dry_run, pin_pad=config.kiosk.pin_pad and reads_pins)
        state.fit_out(access_point, _fittings(config, door))
        if config.face.enabled and door.face.mode is not FaceMode.OFF:
            state.declare(
                access_point,
                liveness_off=config.liveness_of(door) == "off_demo",
                engine_simulated=config.face.engine == "synthetic",
            )
    return state


def _door(door: DoorConfig, pages_url: str) -> Door:
    return Door(
        AccessPointId(door.access_point),
        door.name_zh or door.access_point,
        door.name_en or door.access_point,
        register_url=f"{pages_url}/arrive/{door.access_point}" if pages_url else "",
        near_zh=door.near_zh or door.near_en,
        near_en=door.near_en or door.near_zh,
    )


def _fittings(config: NodeConfig, door: DoorConfig) -> Fittings:
    ours, its = config.kiosk, door.kiosk
    return Fittings(
        sound=ours.sound if its.sound is None else its.sound,
        volume=ours.volume if its.volume is None else its.volume,
        tongues=tuple(Tongue(tongue) for tongue in ours.languages),
        help_call=ours.help_call,
        help_phone=ours.help_phone,
    )
