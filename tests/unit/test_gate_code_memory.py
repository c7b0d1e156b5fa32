"""A code opens each door once, whatever other doors of the node do between its showing and its use."""

import asyncio
import dataclasses
import json
import threading

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_sync.protocol import code
from cloud_sync.protocol.messages import Cred
from edge.core.door_events import CameraChanged
from edge.core.door_types import Camera
from edge.core.events import AccessPointId
from edge.core.face_mode import FaceMode
from edge.core.reasons import Reason
from edge.errors import StoreError
from edge.runtime.two_step import open_desk
from tests.fakes.faces_at_a_door import INFO, mean_of, walk
from tests.fakes.lone_gate import GATE, NOW_MS, LoneGate, pass_row

ROOM = AccessPointId("AP-2")
PHONE, CREDENTIAL = Ed25519PrivateKey.generate(), bytes(range(16))
STEP = code.step_at(NOW_MS / 1000)
AGAIN_NS = 4_000_000_000
STEP_NS = 30_000_000_000  # from the lone gate's first moment to the next step


def shows(step: int = STEP) -> str:
    return code.compose(CREDENTIAL, step, PHONE.sign(code.unsigned(CREDENTIAL, step)))


def house() -> tuple[LoneGate, LoneGate]:
    """Two doors of one node: they share its memory of codes and whose turn it is to use it."""
    cred = Cred("qr", CREDENTIAL.hex(), PHONE.public_key().public_bytes_raw())
    rows = [pass_row("PS-ada", creds=[cred], prereq=15, scope=[GATE, ROOM])]
    gate, room = LoneGate(rows), LoneGate(rows, door=ROOM)
    room.gate.hands = dataclasses.replace(room.gate.hands, codes=gate, code_turn=gate.gate.hands.code_turn)
    return gate, room


async def look_first(lone: LoneGate) -> None:
    """This door is one of code and face."""
    desk = open_desk(FaceMode.ONE_TO_ONE, INFO, fpir_wanted=0.001)
    desk.put_gallery([("PS-ada", mean_of("ada"))], version=1, k=3)
    lone.gate.desk, lone.gate.face_mode = desk, FaceMode.ONE_TO_ONE
    await lone.boot()
    await lone.gate.on_event(CameraChanged(Camera.OK))
    lone.facts.clear()


async def ada_looks(lone: LoneGate) -> None:
    for one in walk("ada", lone.at_ns + 100_000_000):
        lone.at_ns = one.t_ns
        await lone.gate.on_face(one)


def said(lone: LoneGate) -> list[tuple[str, str]]:
    return [(fact.type, fact.reason) for fact in lone.facts]


def test_what_another_door_used_during_the_look_is_not_forgotten():
    async def evening():
        gate, room = house()
        await look_first(gate)
        await room.boot()
        await gate.gate.on_code(shows(), 0)
        await room.gate.on_code(shows(), 0)
        await ada_looks(gate)
        await room.gate.on_code(shows(), AGAIN_NS)
        return gate, room

    gate, room = asyncio.run(evening())
    assert said(gate) == [("access.granted", Reason.GRANTED)]
    assert said(room) == [("access.granted", Reason.GRANTED), ("access.denied", Reason.CODE_REPLAYED)]
    assert len(room.pulses) == 1
    assert json.loads(gate.codes[CREDENTIAL.hex()]) == [0, STEP, [GATE, ROOM]]


def test_a_code_that_a_newer_one_has_overtaken_during_the_look_opens_nothing_and_says_no_more_than_a_wrong_face():
    async def evening():
        gate, room = house()
        await look_first(gate)
        await room.boot()
        await gate.gate.on_code(shows(), 0)
        await room.gate.on_code(shows(STEP + 1), 0)
        await ada_looks(gate)
        return gate, room

    gate, room = asyncio.run(evening())
    assert said(room) == [("access.granted", Reason.GRANTED)]
    assert (said(gate), gate.pulses) == ([("access.denied", Reason.CODE_REPLAYED)], [])
    assert (gate.shown[-1], "next_code" in gate.shown) == ("two_refused", False)
    assert json.loads(gate.codes[CREDENTIAL.hex()]) == [1, STEP + 1, [ROOM]]


def test_two_doors_that_use_a_code_at_one_moment_both_remember_it():
    """Neither write is done before both doors have judged the code, if they judge it without waiting."""
    written = threading.Event()

    async def evening():
        gate, room = house()
        await gate.boot()
        await room.boot()
        keep = gate.remember_code

        def slowly(cred_id: str, memory: str) -> None:
            assert written.wait(60), "the disk never came back"
            keep(cred_id, memory)

        gate.remember_code = slowly
        using = [asyncio.ensure_future(door.gate.on_code(shows(), 0)) for door in (gate, room)]
        for _ in range(20):
            await asyncio.sleep(0)
        written.set()
        await asyncio.gather(*using)
        return gate, room

    gate, room = asyncio.run(evening())
    assert (len(gate.pulses), len(room.pulses)) == (1, 1)
    assert json.loads(gate.codes[CREDENTIAL.hex()]) == [0, STEP, [GATE, ROOM]]


def test_a_look_that_outlasts_the_step_does_not_make_its_code_too_old():
    """Judged again by the time of its showing, or whoever shows a code at the end of its minute is refused for looking."""

    async def evening():
        gate, _ = house()
        gate.codes[CREDENTIAL.hex()] = json.dumps([0, STEP - 9, [GATE]])
        await look_first(gate)
        gate.at_ns = STEP_NS - 100_000_000
        await gate.gate.on_code(shows(STEP - 1), gate.at_ns)
        await ada_looks(gate)
        assert gate.at_ns > STEP_NS
        return gate

    assert said(asyncio.run(evening())) == [("access.granted", Reason.GRANTED)]


@pytest.mark.parametrize("first", [True, False], ids=["code alone", "code and face"])
def test_a_use_that_cannot_be_written_down_opens_nothing(first):
    async def evening() -> LoneGate:
        gate, _ = house()
        await (gate.boot() if first else look_first(gate))

        def full(_cred_id: str, _memory: str) -> None:
            raise StoreError("passes.db: the disk is full. Free space.")

        gate.remember_code = full
        await gate.gate.on_code(shows(), 0)
        await ada_looks(gate)
        return gate

    gate = asyncio.run(evening())
    assert (gate.kinds, gate.pulses, gate.shown[-1]) == ([], [], "see_guard")
