"""What the vision worker tells reaches the doors, whatever else goes on: nothing of it may end the node's seeing."""

import asyncio
from contextlib import suppress

import pytest

from edge.errors import EnrolRefused
from edge.runtime import node as node_module
from edge.runtime.sightings import CameraState, CodeSeen, NobodySeen, Told
from tests.fakes.eyes_only import CAMERA, DOOR, ENGINE, EyesOnly
from tests.fakes.faces_at_a_door import seen
from tests.fakes.sealed_nodes import a_pass

TURNS = 20  # of the loop; what is waited for takes four


async def let_go(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def test_an_enrolment_that_runs_out_of_time_while_a_face_is_seen_leaves_the_node_its_eyes(monkeypatch):
    """A frame is told in every turn of the loop, so one is read in the turn in which patience ends."""
    monkeypatch.setattr(node_module, "PATIENCE_S", 0.0)

    async def run() -> tuple[bool, list[str]]:
        eyes, told = EyesOnly(passes=(a_pass("P-1"),)), asyncio.Queue[Told]()
        eyes.node._take(ENGINE)
        sightings = asyncio.create_task(eyes.node._sightings(told))

        async def walks_on() -> None:
            for n in range(TURNS):
                told.put_nowait(seen("ada", n, n))
                await asyncio.sleep(0)

        walking = asyncio.create_task(walks_on())
        enrolling = asyncio.create_task(eyes.node.enrol_camera("P-1", DOOR))
        with pytest.raises(EnrolRefused, match="in time"):
            await enrolling
        await walking
        told.put_nowait(CodeSeen(CAMERA, 1, "a code"))
        for _ in range(TURNS):
            await asyncio.sleep(0)
        sees = not sightings.done()
        await let_go(sightings)
        eyes.node.close()
        return sees, eyes.door.codes

    assert asyncio.run(run()) == (True, ["a code"])


OK, LOST, DEGRADED = (CameraState(CAMERA, word) for word in ("OK", "LOST", "DEGRADED"))
NOBODY, FACE, DARK = NobodySeen(CAMERA, 1), seen("ada", 0, 1), seen(None, 0, 1)


@pytest.mark.parametrize(("told", "sees"), [
    ([], False),  # a camera that has not said anything
    ([OK], False),  # nor looked yet
    ([OK, NOBODY], True),
    ([OK, FACE], True),
    ([OK, DARK], False),  # a picture refused before the engine had to do anything
    ([OK, FACE, LOST], False),
    ([OK, FACE, LOST, OK], False),
    ([OK, FACE, LOST, OK, NOBODY], True),
    ([OK, NOBODY, DEGRADED, NOBODY], False),  # a frozen picture is looked at, and shows nobody for ever
    ([OK, NOBODY, DEGRADED, OK, DEGRADED, OK], False),  # an engine that fails at every face, between two of them
    ([OK, NOBODY, DEGRADED, OK, FACE], True),
])  # fmt: skip
def test_faces_are_looked_at_when_the_camera_is_well_and_the_engine_has_looked(told, sees):
    async def run() -> bool:
        eyes = EyesOnly()
        for one in told:
            eyes.node._take(one)
        eyes.node.close()
        return eyes.node.sees_faces(DOOR)

    assert asyncio.run(run()) is sees


def test_a_door_without_a_camera_sees_no_faces():
    eyes = EyesOnly()
    eyes.node.close()
    assert not eyes.node.sees_faces("AP-without")


def test_while_somebody_is_enrolled_or_an_erasure_is_owed_no_door_of_that_camera_sees_faces(monkeypatch):
    monkeypatch.setattr(node_module, "PATIENCE_S", 0.0)

    async def run() -> dict[str, bool]:
        eyes = EyesOnly(passes=(a_pass("P-1"),))
        said = {}
        for one in (ENGINE, OK, NOBODY):
            eyes.node._take(one)
        eyes.node.faces_held = True
        said["owed"] = eyes.node.sees_faces(DOOR)
        eyes.node.faces_held = False
        enrolling = asyncio.create_task(eyes.node.enrol_camera("P-1", DOOR))
        await asyncio.sleep(0)
        said["enrolling"] = eyes.node.sees_faces(DOOR)
        with pytest.raises(EnrolRefused):
            await enrolling
        said["still there"] = eyes.node.sees_faces(DOOR)
        eyes.node._take(NOBODY)
        said["stepped away"] = eyes.node.sees_faces(DOOR)
        eyes.node.close()
        return said

    assert asyncio.run(run()) == {
        "owed": False,
        "enrolling": False,
        "still there": False,
        "stepped away": True,
    }


def test_a_sighting_that_cannot_be_taken_is_logged_and_the_next_one_is_taken():
    async def run() -> list[str]:
        eyes, told = EyesOnly(), asyncio.Queue[Told]()
        sightings = asyncio.create_task(eyes.node._sightings(told))
        told.put_nowait(CameraState(CAMERA, "no such state"))
        told.put_nowait(CodeSeen(CAMERA, 1, "a code"))
        for _ in range(TURNS):
            await asyncio.sleep(0)
        await let_go(sightings)
        eyes.node.close()
        return eyes.door.codes

    assert asyncio.run(run()) == ["a code"]
