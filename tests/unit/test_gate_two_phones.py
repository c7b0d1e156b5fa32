"""At a door of code and face, what else is in the picture does not take the look away from whoever stands there."""

import asyncio

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_sync.protocol import code
from cloud_sync.protocol.messages import Cred
from edge.core.door_events import CameraChanged
from edge.core.door_types import Camera
from edge.core.face_mode import FaceMode
from edge.runtime.two_step import FACE_WITHIN_NS, open_desk
from tests.fakes.faces_at_a_door import INFO, mean_of, walk
from tests.fakes.lone_gate import HOUR_MS, NOW_MS, LoneGate, pass_row

CONSENTED, STEP = 15, code.step_at(NOW_MS / 1000)
PIN = "482913"
S_NS = 1_000_000_000


class Phone:
    def __init__(self, number: int) -> None:
        self.key, self.credential = Ed25519PrivateKey.generate(), bytes([number] * 16)

    def shows(self, step: int = STEP) -> str:
        return code.compose(self.credential, step, self.key.sign(code.unsigned(self.credential, step)))

    def row(self, pass_id: str, **changes: object):
        cred = Cred("qr", self.credential.hex(), self.key.public_key().public_bytes_raw())
        return pass_row(pass_id, creds=[cred], prereq=CONSENTED, **changes)


ADAS, BOS = Phone(1), Phone(2)
ADA, BO = ADAS.row("PS-ada"), BOS.row("PS-bo")
GONE = BOS.row("PS-bo", not_after=NOW_MS - HOUR_MS)
BESIDE = {
    "an expired code": ([ADA, GONE], BOS.shows()),
    "a code nobody has": ([ADA], BOS.shows()),
    "an old code": ([ADA, BO], BOS.shows(STEP - 9)),
    "the other one's good code": ([ADA, BO], BOS.shows()),
    "half a code": ([ADA], BOS.shows()[:-9]),
    "somebody's advertisement": ([ADA], "https://example.org"),
}


async def door(rows) -> LoneGate:
    lone = LoneGate(rows)
    desk = open_desk(FaceMode.ONE_TO_ONE, INFO, fpir_wanted=0.001)
    enrolled = [(row.pass_id, mean_of(row.pass_id)) for row in rows]
    desk.put_gallery(enrolled, version=1, k=3)
    lone.gate.desk, lone.gate.face_mode = desk, FaceMode.ONE_TO_ONE
    await lone.boot()
    await lone.gate.on_event(CameraChanged(Camera.OK))
    lone.facts.clear()
    return lone


async def stand(lone: LoneGate, who: str, texts: list[str], *, looks: int = 12) -> None:
    """Somebody looks, and all these codes are read from every picture."""
    for one in walk(who, lone.at_ns + 100_000_000, looks):
        lone.at_ns = one.t_ns
        for text in texts:
            await lone.gate.on_code(text, one.t_ns)
        await lone.gate.on_face(one)
        if lone.facts:
            return


@pytest.mark.parametrize("what", BESIDE)
def test_whatever_code_is_beside_it_the_right_code_and_the_right_face_open(what):
    rows, other = BESIDE[what]

    async def evening() -> LoneGate:
        lone = await door(rows)
        await stand(lone, "PS-ada", [ADAS.shows(), other])
        return lone

    lone = asyncio.run(evening())
    assert [(fact.type, fact.pass_id) for fact in lone.facts] == [("access.granted", "PS-ada")]
    assert len(lone.pulses) == 1
    assert (lone.shown.count("look_after_code"), "next_code" in lone.shown) == (1, False)


def test_whose_code_waited_is_looked_for_when_the_first_look_has_ended():
    """Two who hold up their phones together come in one after the other, without putting one away."""

    async def evening() -> LoneGate:
        lone = await door([ADA, BO])
        await stand(lone, "PS-ada", [ADAS.shows(), BOS.shows()])
        lone.facts = [fact for fact in lone.facts if fact.pass_id != "PS-ada"]
        await stand(lone, "PS-bo", [BOS.shows()])
        return lone

    lone = asyncio.run(evening())
    assert [(fact.type, fact.pass_id) for fact in lone.facts] == [("access.granted", "PS-bo")]
    assert len(lone.pulses) == 2


def test_another_code_gives_a_stranger_no_second_look_and_no_other_end():
    async def evening(other: list[str]) -> LoneGate:
        lone = await door([ADA, BO])
        await stand(lone, "eve", [ADAS.shows(), *other], looks=int(FACE_WITHIN_NS / 200_000_000) - 1)
        return lone

    alone, beside = asyncio.run(evening([])), asyncio.run(evening([BOS.shows()]))
    assert alone.kinds == beside.kinds == ["access.denied"]
    assert alone.shown == beside.shown


def test_patience_that_is_over_lets_the_next_code_in_although_no_picture_came():
    async def evening() -> LoneGate:
        lone = await door([ADA, BO])
        await lone.gate.on_code(ADAS.shows(), lone.at_ns)
        lone.at_ns += FACE_WITHIN_NS + 1
        await lone.gate.on_code(BOS.shows(), lone.at_ns)
        return lone

    lone = asyncio.run(evening())
    assert [(fact.type, fact.pass_id) for fact in lone.facts] == [("access.denied", "PS-ada")]
    assert lone.shown[-1] == "look_after_code"


def test_two_codes_of_one_picture_begin_one_look():
    """Both are read before either is judged, and wait for the door's turn one behind the other."""

    async def evening() -> LoneGate:
        lone = await door([ADA, BO])
        async with lone.gate._turn:
            waiting = [
                asyncio.ensure_future(lone.gate.on_code(text, 0)) for text in (ADAS.shows(), BOS.shows())
            ]
            await asyncio.sleep(0)
        await asyncio.gather(*waiting)
        return lone

    lone = asyncio.run(evening())
    assert (lone.facts, lone.shown.count("look_after_code")) == ([], 1)


def test_a_pin_ends_the_look_and_begins_its_own():
    async def evening() -> LoneGate:
        cy = pass_row("PS-cy", pin=PIN, prereq=CONSENTED)
        lone = await door([ADA, cy])
        await lone.gate.on_code(ADAS.shows(), lone.at_ns)
        await lone.gate.on_pin(PIN)
        assert [(fact.type, fact.pass_id) for fact in lone.facts] == [("access.denied", "PS-ada")]
        lone.facts.clear()
        await stand(lone, "PS-cy", [])
        return lone

    facts = asyncio.run(evening()).facts
    assert [(fact.type, fact.pass_id) for fact in facts] == [("access.granted", "PS-cy")]
