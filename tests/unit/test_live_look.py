"""The vision worker's part of liveness: told where a door asks, in numbers, from pictures nobody keeps."""

import ast
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import cv2
import pytest

from edge.config import NodeConfig
from edge.core.decision_types import Liveness
from edge.core.events import ClockState
from edge.ports import CameraFrame, ClockReading
from edge.runtime.live_look import LiveLooks
from edge.runtime.live_parts import live_looks, live_rule
from edge.runtime.sightings import FaceSeen, NobodySeen, unpack
from edge.runtime.watch import Watch
from models.liveness import judge, planarity, stream
from models.plugins import open_face_engine

ROOT = Path(__file__).parents[2]
LOOK_NS = 100_000_000


@pytest.fixture(scope="module")
def engine():
    opened = open_face_engine("yunet-sface")
    opened.warm_up()
    yield opened
    opened.close()


class Lane:
    """A camera and a clock in step with it: each look is a tenth of a second later."""

    def __init__(self, frames):
        self.frames = frames
        self.seq = 0

    def newest(self, *, newer_than, within_s):
        self.seq += 1
        return CameraFrame(self.frames[self.seq - 1], self.seq * LOOK_NS, self.seq)

    def read(self):
        return ClockReading(0, self.seq * LOOK_NS, ClockState.TRUSTED, 0)

    def close(self):
        pass


@pytest.fixture(scope="module")
def person(clips):
    """Two seconds of a person, then one of an empty lane."""
    frames = []
    for name, count, every in (("WolfgangLanger_Pexels.mp4", 20, 2), ("no_face.mp4", 10, 1)):
        source = cv2.VideoCapture(str(clips / name))
        frames += [source.read()[1] for _ in range(count * every)][::every]
        source.release()
    return frames


def told(engine, frames, live):
    lane, said = Lane(frames), []
    watch = Watch({"cam": lane}, engine, lambda _: [], said.append, lane.read, detect_every_ns=0, live=live)
    for _ in frames:
        watch.look()
    return [unpack(data) for data in said]


@pytest.mark.clips
def test_signs_are_told_only_of_a_camera_before_a_door_that_asks(engine, person):
    asked = [word for word in told(engine, person[:12], LiveLooks({"cam"})) if isinstance(word, FaceSeen)]
    assert asked
    assert all(word.live is not None for word in asked)
    assert asked[-1].live.pairs >= 1
    assert not asked[-1].live.frozen
    assert abs(asked[-1].live.yaw - asked[-1].quality[4]) < 0.05
    other = [
        word for word in told(engine, person[:4], LiveLooks({"elsewhere"})) if isinstance(word, FaceSeen)
    ]
    assert [word.live for word in other] == [None] * len(other)


@pytest.mark.clips
def test_when_the_face_has_gone_nothing_of_it_is_left(engine, person):
    live = LiveLooks({"cam"})
    words = told(engine, person, live)
    assert isinstance(words[-1], NobodySeen)
    presence = live._presences["cam"]
    assert not presence.planarity._greys
    assert (presence.planarity.pairs, presence.box, presence.looks) == (0, None, 0)


@pytest.mark.clips
def test_a_picture_that_stands_still_is_told_as_frozen(engine, person):
    words = told(engine, [person[0]] * 8, LiveLooks({"cam"}))
    assert [word.live.frozen for word in words if isinstance(word, FaceSeen)][-1]


@pytest.mark.clips
def test_the_judge_is_asked_at_every_third_look_and_told_at_all(engine, person):
    class Counting:
        asked = 0

        def real(self, frame, box):
            self.asked += 1
            return 0.25

    counting = Counting()
    words = told(engine, person[:9], LiveLooks({"cam"}, counting))
    assert counting.asked == 3
    assert {word.live.judge for word in words if isinstance(word, FaceSeen)} == {0.25}


def test_nothing_that_looks_for_signs_of_life_can_write_a_file():
    """Frames and greys stay in memory: none of these files opens one, or knows a way to."""
    writing = {"open", "write_bytes", "write_text", "tofile", "save", "savez", "dump", "imwrite", "memmap"}
    homes = {Path(module.__file__) for module in (planarity, stream, judge)}
    homes |= {ROOT / "edge/runtime/live_look.py", ROOT / "edge/runtime/face_challenge.py"}
    called = {
        ast.unparse(node.func).rpartition(".")[2]
        for home in homes
        for node in ast.walk(ast.parse(home.read_text()))
        if isinstance(node, ast.Call)
    }
    assert "calcOpticalFlowPyrLK" in ast.unparse(ast.parse(Path(planarity.__file__).read_text()))
    assert called & writing == set()


# --- configuration ----------------------------------------------------------------------------------------------

LAWFUL = {"mode": "one_to_n", "pia_record": "PIA-1", "signage_attested_by": "somebody"}


def config(face=None, *doors):
    return NodeConfig.model_validate(
        {
            "node": "n", "data_dir": ".", "join_file": "j", "io_profile": "io",
            "face": face or {},
            "cameras": [{"name": "east", "driver": "replay"}, {"name": "west", "driver": "replay"}],
            "doors": [
                {"access_point": f"AP-{number}", "kind": kind, "camera": camera, "face": LAWFUL | asked}
                for number, (kind, camera, asked) in enumerate(doors)
            ],
        }
    )  # fmt: skip


def test_a_door_asks_what_it_says_and_else_what_the_node_says():
    held = config(
        {"liveness": "passive"}, ("gate", "east", {}), ("gate", "west", {"liveness": "challenge_always"})
    )
    assert [held.liveness_of(door) for door in held.doors] == ["passive", "challenge_always"]
    assert config(None, ("gate", "east", {})).face.liveness == "off_demo"


def test_signs_are_looked_for_at_the_cameras_of_asking_doors_only():
    held = config(None, ("gate", "east", {}), ("gate", "west", {"liveness": "challenge_on_risk"}))
    assert set(live_looks(held)._presences) == {"west"}


@pytest.mark.parametrize(
    "judge",
    [
        {"judges": [{"path": "judge.onnx"}], "judge_min": 0.5},
        {"judges": [{"path": "judge.onnx", "sha256": "short"}], "judge_min": 0.5},
        {"judges": [{"path": "judge.onnx", "sha256": "0" * 64}]},
        {"judge_min": 0.5},
    ],
    ids=["no hash", "no real hash", "no limit", "no judge"],
)
def test_a_passive_judge_cannot_be_configured_without_its_hash_and_a_limit(judge):
    with pytest.raises(ValueError, match=r"sha256|judge_min"):
        config(judge, ("gate", "east", {}))


@pytest.mark.parametrize("word", ["blink", "ear", "none", "required"])
def test_blinking_and_other_words_are_no_liveness(word):
    with pytest.raises(ValueError, match="liveness"):
        config({"liveness": word}, ("gate", "east", {}))
    assert word not in set(Liveness)


@pytest.mark.parametrize(
    ("kind", "hour", "asks"),
    [("unit", 23, True), ("unit", 3, True), ("unit", 12, False), ("gate", 23, False)],
)
def test_a_units_door_knows_when_it_is_night_at_its_place(kind, hour, asks):
    zone = ZoneInfo("Asia/Shanghai")
    wall_ms = int(datetime(2026, 3, 1, hour, tzinfo=zone).astimezone(UTC).timestamp() * 1000)

    class At:
        def read(self):
            return ClockReading(wall_ms, 0, ClockState.TRUSTED, 0)

    held = config(None, (kind, "east", {"liveness": "challenge_on_risk"}))
    rule = live_rule(held, held.doors[0], At(), zone, lambda steps: steps[0])
    assert rule.night() is asks
    assert rule.policy is Liveness.CHALLENGE_ON_RISK
