"""What a door says and counts when its camera is away, and which pictures count after a code."""

import asyncio

import pytest

from edge.core.door_events import CameraChanged
from edge.core.door_types import Camera
from edge.core.face_mode import FaceMode
from edge.runtime.face_desk import FaceDesk
from edge.runtime.two_step import open_desk
from tests.fakes.faces_at_a_door import INFO, mean_of, walk
from tests.fakes.lone_gate import LoneGate, pass_row

PIN = "482913"
CONSENTED = 15
MS = 1_000_000


def door(mode: FaceMode) -> LoneGate:
    lone = LoneGate([pass_row("PS-ada", pin=PIN, prereq=CONSENTED)])
    desk: FaceDesk = open_desk(mode, INFO, fpir_wanted=0.001)
    desk.put_gallery([("PS-ada", mean_of("ada"))], version=1, k=3)
    lone.gate.desk, lone.gate.face_mode = desk, mode
    return lone


async def seeing(lone: LoneGate) -> LoneGate:
    await lone.boot()
    await lone.gate.on_event(CameraChanged(Camera.OK))
    lone.facts.clear()
    return lone


@pytest.mark.parametrize("state", [Camera.DEGRADED, Camera.LOST])
@pytest.mark.parametrize(
    ("mode", "rest"), [(FaceMode.ONE_TO_N, "look_here"), (FaceMode.ONE_TO_ONE, "code_first")]
)
def test_the_screen_asks_for_the_code_as_soon_as_the_camera_is_away_and_for_as_long(state, mode, rest):
    async def scene():
        lone = await seeing(door(mode))
        words = [lone.shown[-1]]
        await lone.gate.on_event(CameraChanged(state))
        words.append(lone.shown[-1])
        await lone.gate.on_nobody(lone.at_ns)  # a frozen picture goes on showing nobody
        words.append(lone.shown[-1])
        await lone.gate.on_event(CameraChanged(Camera.OK))
        return [*words, lone.shown[-1]]

    assert asyncio.run(scene()) == [rest, "face_off", "face_off", rest]


@pytest.mark.parametrize("newer", [0, 1, 2])
def test_after_a_code_two_pictures_taken_after_it_are_needed_and_older_ones_are_no_help(newer):
    """The right face stood there before the code; those pictures arrive late, as from a slow camera."""

    async def scene():
        lone = await seeing(door(FaceMode.ONE_TO_ONE))
        await lone.gate.on_pin(PIN)
        for one in walk("ada", lone.at_ns - 800 * MS, 4):
            await lone.gate.on_face(one)
        for one in walk("ada", lone.at_ns + 10 * MS, newer):
            await lone.gate.on_face(one)
        return lone

    lone = asyncio.run(scene())
    assert [fact.type for fact in lone.facts] == (["access.granted"] if newer == 2 else [])
    assert len(lone.pulses) == (1 if newer == 2 else 0)
