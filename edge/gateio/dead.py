"""The level every output is left at when nobody drives it any more; run by the unit once gate-io is gone."""

import logging

from edge.errors import HardwareError, StoreError
from edge.gateio.hands import open_lock
from edge.gateio.latches import Latches, LatchFile
from edge.gateio.profile import Profile

log = logging.getLogger(__name__)


def dead_levels(profile: Profile) -> None:
    """Drive every output to its dead level once; for the moment after the process was killed.

    A magnet that would stay locked by what was signed for it is let go while a fire or an evacuation is latched.

    Raises:
        HardwareError: of the first door that failed, once every other one is at its dead level.
    """
    latched = {door for door, _ in _latched(profile)}
    failed: list[HardwareError] = []
    for door in profile.hosted:
        level = door.dead and door.access_point not in latched
        try:
            open_lock(door, level, dead=level).close()
        except HardwareError as error:
            failed.append(error)
    if failed:
        raise failed[0]


def _latched(profile: Profile) -> Latches:
    try:
        return LatchFile(profile.state_dir).read(profile.rules().keys())
    except StoreError as error:
        log.error("%s", error)  # what was signed holds: the way out is in hardware there
        return frozenset()
