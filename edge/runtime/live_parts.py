"""From a node's configuration to what its doors ask of faces, and to the signs its vision worker looks for."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, tzinfo

from edge.config import DoorConfig, NodeConfig
from edge.core.challenge import Step
from edge.core.decision_types import Liveness
from edge.core.face_mode import FaceMode
from edge.ports import Clock
from edge.runtime.face_challenge import LiveRule
from edge.runtime.live_look import LiveLooks
from models.liveness.judge import JudgeFile, open_judge

NIGHT_FROM_H, NIGHT_TO_H = 22, 6  # when nobody stands in the stairs who would notice


def live_rule(
    config: NodeConfig, door: DoorConfig, clock: Clock, zone: tzinfo, choose: Callable[[Sequence[Step]], Step]
) -> LiveRule:
    """What this door asks of faces; ``zone`` is the community's."""
    indoors = door.kind in {"unit", "room"}

    def night() -> bool:
        hour = datetime.fromtimestamp(clock.read().wall_ms / 1000, UTC).astimezone(zone).hour
        return indoors and not NIGHT_TO_H <= hour < NIGHT_FROM_H

    return LiveRule(Liveness(config.liveness_of(door)), choose, night, config.face.judge_min)


def live_looks(config: NodeConfig) -> LiveLooks:
    """The signs of those cameras whose door asks for them; none for all others.

    Raises:
        WeightsMissing, WeightsMismatch, EngineError: the site's judge is not the file that is meant.
    """
    asked = {
        door.camera
        for door in config.doors
        if door.camera and door.face.mode is not FaceMode.OFF and config.liveness_of(door) != "off_demo"
    }
    judge = open_judge([JudgeFile(file.path, file.sha256, file.scale) for file in config.face.judges])
    return LiveLooks(asked if config.face.enabled else (), judge)
