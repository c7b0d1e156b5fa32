"""What the engine that goes costs the vision worker: nothing where nobody is enrolled with it, and little where somebody is."""

import asyncio
import multiprocessing
from threading import Thread
from zoneinfo import ZoneInfo

import msgspec
import pytest

from edge.config import load
from edge.core.evidence import FRAMES_MAX
from edge.drivers.clock import SystemClock
from edge.eyes import _open_engine
from edge.runtime.eyes_line import EyesLine
from edge.runtime.face_models import going_model
from edge.runtime.sightings import EngineState
from edge.runtime.watch import run
from tests.fakes.changing_node import ChangingNode
from tests.unit.test_node_face_config import NODE


def test_where_nobody_is_enrolled_with_it_the_old_engine_is_closed_at_once_and_embeds_nobody(tmp_path):
    at = ChangingNode(tmp_path, people=("ada",), known=())

    async def story() -> None:
        await at.starts()
        await at.walks_up("ada")

    asyncio.run(story())
    assert (at.wanted, at.old.closed, at.old.embedded, at.new.embedded > 0) == ([None], True, 0, True)
    at.ends()


def test_the_old_engine_makes_no_more_vectors_than_a_try_counts_however_long_somebody_stands_there(tmp_path):
    at = ChangingNode(tmp_path, people=("ada", "bo"), known=("bo",))

    async def story() -> None:
        await at.starts()
        await at.sees("ada", 20)  # four seconds: one try, and the peace after it

    asyncio.run(story())
    assert at.old.embedded == FRAMES_MAX
    assert at.new.embedded > FRAMES_MAX
    at.ends()


def test_an_old_engine_that_does_not_run_is_told_and_stands_in_nobodys_way(tmp_path):
    at = ChangingNode(tmp_path, people=("ada", "bo"), known=("bo",))

    async def story() -> None:
        await at.starts(before=EngineState(ok=False, why="its weights are not found"))
        await at.enrols("ada")
        assert await at.walks_up("ada") == "granted"
        assert await at.walks_up("bo") == "denied"

    asyncio.run(story())
    assert "the face model that goes does not run: its weights are not found" in at.node.models.fault
    assert at.model_of("bo") == "yunet-sface"  # it may be found tomorrow
    at.ends()


def test_what_the_node_says_to_the_worker_is_read_and_anything_else_is_refused(tmp_path):
    at = ChangingNode(tmp_path, people=(), known=())
    with pytest.raises(msgspec.ValidationError):
        at._want("lane")  # type: ignore[arg-type]
    at.ends()


def test_the_worker_hears_the_node_between_two_looks_and_ends_with_it(tmp_path):
    at = ChangingNode(tmp_path, people=("bo",), known=("bo",))
    ours, theirs = multiprocessing.Pipe()
    line = EyesLine()
    working = Thread(target=run, args=(at.watch, theirs), kwargs={"engine_state": EngineState(ok=True)})
    with line.to(ours):
        working.start()
        line.want_before(None)
    ours.close()
    working.join(120)
    assert (working.is_alive(), at.watch._before, at.old.closed) == (False, None, True)
    at.ends()


BEFORE = '\n[face.before]\nengine = "{}"\nuntil = 2027-03-01\n'


@pytest.mark.parametrize(("engine", "goes"), [("face_recognition", True), ("yunet-sface", False)])
def test_a_model_goes_when_another_one_is_named_beside_it_with_its_day(tmp_path, engine, goes):
    (tmp_path / "node.toml").write_text(
        NODE.format(camera="", door="", mode="one_to_n") + BEFORE.format(engine)
    )
    going = going_model(load(tmp_path / "node.toml"), ZoneInfo("Asia/Shanghai"))
    assert (going is not None) is goes
    if going is not None:
        assert (going.engine_id, going.until_ms) == ("face_recognition", 1_803_830_400_000)


@pytest.mark.parametrize(("going", "told"), [
    ("synthetic", None),  # the very same model: nothing goes
    ("yesterdays", False),  # not installed: said, and the new one works
    ("yunet-sface", True),
])  # fmt: skip
def test_the_worker_opens_both_engines_or_says_why_it_opened_one(tmp_path, going, told):
    words = NODE.format(camera="", door="", mode="one_to_n").replace(
        "[[cameras]]",
        f'simulation = true\n[face]\nengine = "synthetic"\n{BEFORE.format(going)}[[cameras]]',
        1,
    )
    (tmp_path / "node.toml").write_text(words)
    engine, before, _, state = _open_engine(load(tmp_path / "node.toml"), SystemClock())
    assert engine is not None
    assert (state.ok, state.engine_id, None if state.before is None else state.before.ok) == (
        True,
        "synthetic",
        told,
    )
    assert (before is None) is (told is not True)
    if told is False:
        assert state.before is not None
        assert "no face engine is named 'yesterdays'" in state.before.why
    if before is not None:
        assert state.before is not None
        assert state.before.engine_id == "yunet-sface"
        before.close()
