"""Liveness between the name and the decision: who is asked, how it ends, and that a code never comes near it."""

import asyncio
import functools
import itertools

import numpy as np
import pytest

from edge.core.challenge import TIMEOUT_NS, Step, Why
from edge.core.decision_types import Liveness
from edge.core.door_events import CameraChanged
from edge.core.door_types import Camera
from edge.core.events import PadFact
from edge.core.evidence import Look
from edge.runtime.face_challenge import FAILS_MAX, LEFT_NS, PASSIVE_WAIT_NS, LiveRule
from edge.runtime.face_desk import AGAIN_NS, Concluded, FaceDesk, Prompt
from edge.runtime.sightings import FaceSeen, LiveNumbers
from edge.runtime.two_step import OneToOneDesk
from models.plugins import open_face_engine
from tests.fakes.lone_gate import LoneGate, pass_row

INFO = open_face_engine("yunet-sface").info
FRAME_NS = 100_000_000
BOX = (200.0, 100.0, 150.0, 180.0)
QUALITY = (0.95, 60.0, 120.0, 300.0, 0.05, 1.0)
POSES = {None: (0.05, 0.55), "turn_left": (0.5, 0.56), "turn_right": (-0.4, 0.56), "nod": (0.06, 0.75)}


def vector(seed):
    raw = np.random.default_rng(seed).normal(size=INFO.dim)
    return (raw / np.linalg.norm(raw)).astype(np.float32)


GUEST, OTHER = vector(1), vector(2)


class Door:
    """A desk with one guest, and the time; ``said`` is every word that came up on its screen."""

    def __init__(self, policy, *, steps=(Step.LEFT, Step.NOD), **rule):
        dice = itertools.cycle(steps)
        self.rule = LiveRule(policy, lambda _choices: next(dice), **rule)
        self.desk = FaceDesk(INFO, fpir_wanted=0.001, live=self.rule)
        self.desk.put_gallery([("PS-1", GUEST)], version=1, k=1)
        self.t_ns = 1_000_000_000
        self.said = []

    def frame(self, pose=POSES[None], who=GUEST, *, live=True, gate=None, **numbers):
        """One more frame of a face; what the desk answers."""
        self.t_ns += FRAME_NS
        signs = {"pairs": 0, "residual": None, "frozen": False, "judge": None, "turned": None} | numbers
        seen = FaceSeen(
            "cam", self.t_ns, 1, BOX, gate, gate, QUALITY,
            None if gate else who.tobytes(),
            LiveNumbers(*pose, **signs) if live else None,
        )  # fmt: skip
        answer = self.desk.look(seen)
        if isinstance(answer, Prompt):
            self.said.append(answer.word)
        return answer

    def until(self, answer_to, frames=100):
        """Frames until the desk concludes; ``answer_to(word)`` gives the keywords of the next frame."""
        for _ in range(frames):
            answer = self.frame(**answer_to(self.said[-1] if self.said else None))
            if isinstance(answer, Concluded):
                return answer.evidence
        return None

    def away(self, ns=60_000_000_001):
        self.t_ns += ns
        self.desk.nobody(self.t_ns)
        self.said.clear()


def obeys(word):
    return {"pose": POSES.get(word, POSES[None])}


def stares(_word):
    return {}


def test_whoever_does_what_is_asked_is_named_alive():
    door = Door(Liveness.CHALLENGE_ALWAYS)
    evidence = door.until(obeys)
    assert evidence.verdict.pass_id == "PS-1"
    assert (evidence.pad, evidence.pad_why) == (PadFact("pass"), None)
    assert door.said == ["turn_left", "look_straight", "nod", "look_straight"]


def test_nothing_is_asked_before_the_evidence_names_somebody():
    door = Door(Liveness.CHALLENGE_ALWAYS)
    evidence = door.until(lambda _word: {"who": OTHER})
    assert evidence.verdict.pass_id is None
    assert door.said == []


def test_a_still_face_is_refused_without_being_accused():
    door = Door(Liveness.CHALLENGE_ALWAYS)
    evidence = door.until(stares)
    assert (evidence.pad.result, evidence.pad_why) == ("fail", Why.NO_RESPONSE)


@pytest.mark.parametrize(
    ("shown", "why"),
    [
        (lambda word: {"pose": POSES["turn_right"]} if word else {}, Why.WRONG_TURN),
        (lambda word: {"who": OTHER} if word else {}, Why.SWAPPED),
        (lambda word: {"pairs": 6, "residual": 0.3}, Why.PLANAR),
        (lambda word: {"pairs": 6, "residual": 0.3} if word else {}, Why.PLANAR),
        (lambda word: {"frozen": True}, Why.FROZEN),
    ],
    ids=["wrong turn", "another face", "flat from the start", "flat while asked", "played"],
)
def test_an_attempt_that_does_not_hold_up_ends_with_its_reason(shown, why):
    evidence = Door(Liveness.CHALLENGE_ALWAYS).until(shown)
    assert (evidence.pad.result, evidence.pad_why) == ("fail", why)


def test_a_photo_first_and_then_another_person_who_turns_does_not_pass():
    door = Door(Liveness.CHALLENGE_ALWAYS)

    def swaps(word):
        turning = word in {"turn_left", "turn_right", "nod"}
        return {"pose": POSES[word], "who": OTHER} if turning else {}

    assert door.until(swaps).pad_why is Why.SWAPPED


def test_a_turned_face_the_gate_refuses_is_still_followed():
    door = Door(Liveness.CHALLENGE_ALWAYS)

    def turns_far(word):
        turning = word in {"turn_left", "turn_right", "nod"}
        hard = {"gate": "look_at_camera", "turned": GUEST.tobytes()} if turning else {}
        return {"pose": POSES.get(word, POSES[None])} | hard

    assert door.until(turns_far).pad.result == "pass"


def test_a_planar_verdict_of_a_face_that_is_not_the_guests_is_not_held_against_the_guest():
    """Somebody walks through the picture with a poster while the guest is asked."""
    door = Door(Liveness.CHALLENGE_ALWAYS)
    calm = iter(range(100))

    def poster_for_two_frames(word):
        if word and next(calm) < 2:
            return {"who": OTHER, "pairs": 6, "residual": 0.2}
        return obeys(word)

    assert door.until(poster_for_two_frames).pad.result == "pass"


def test_without_signs_of_life_a_strict_door_says_nothing_was_proven():
    evidence = Door(Liveness.CHALLENGE_ALWAYS).until(lambda _word: {"live": False})
    assert evidence.pad.result == "na"


def test_who_has_answered_is_left_in_peace_for_a_while():
    door = Door(Liveness.CHALLENGE_ALWAYS)
    door.until(obeys)
    asked = len(door.said)
    for _ in range(AGAIN_NS // FRAME_NS - 1):
        assert door.frame() is None
    assert len(door.said) == asked


MOVES = {"pairs": 6, "residual": 2.2}


def moves(_word):
    return MOVES


@pytest.fixture
def known():
    """A door that asks where there is a reason, at which the guest has answered before."""
    door = Door(Liveness.CHALLENGE_ON_RISK)
    assert door.until(obeys).pad.result == "pass"
    door.away()
    return door


def test_on_risk_a_first_visit_is_asked_and_the_next_one_only_has_to_move(known):
    assert known.until(moves).pad.result == "pass"
    assert known.said == []


def test_on_risk_the_name_alone_is_no_proof_that_somebody_known_is_there(known):
    """A name takes two frames, movement five pairs of them: a photo would be through before anybody looked."""
    begun_ns = known.t_ns
    while not known.said:
        assert known.frame() is None or known.said
    assert known.said == ["turn_left"]
    assert known.t_ns - begun_ns >= PASSIVE_WAIT_NS
    assert known.until(stares).pad_why is Why.NO_RESPONSE


@pytest.mark.parametrize("residual", [0.2, 0.9])
def test_on_risk_a_photo_of_somebody_known_gets_no_further_than_the_question(known, residual):
    """The pairs come in one by one, as a worker finds them: the first after the name."""
    looks = itertools.count()
    evidence = known.until(
        lambda _word: {
            "pairs": (n := min(15, max(0, next(looks) - 4) // 2)),
            "residual": residual if n else None,
        }
    )
    assert evidence.pad.result == "fail"


@pytest.mark.parametrize("rows", [[], [("PS-1", OTHER)]], ids=["erased", "enrolled anew"])
def test_on_risk_a_new_face_of_a_known_pass_is_asked_like_any_new_face(known, rows):
    known.desk.put_gallery(rows, version=2, k=1)
    known.desk.put_gallery(rows or [("PS-1", GUEST)], version=3, k=1)
    who = OTHER if rows else GUEST
    assert known.until(lambda word: obeys(word) | MOVES | {"who": who}).pad.result == "pass"
    assert known.said[0] == "turn_left"


def test_on_risk_a_gallery_of_the_same_faces_forgets_nobody(known):
    known.desk.put_gallery([("PS-1", GUEST.copy()), ("PS-2", OTHER)], version=2, k=1)
    assert known.until(moves).pad.result == "pass"
    assert known.said == []


def test_on_risk_without_signs_of_life_only_the_code_is_left(known):
    assert known.until(lambda _word: {"live": False}) is None
    assert set(known.said) == {"show_code"}


@pytest.mark.parametrize("numbers", [{"pairs": 2, "residual": 0.9}], ids=["moves flatly"])
def test_on_risk_a_known_face_is_asked_again_where_there_is_a_reason(numbers):
    door = Door(Liveness.CHALLENGE_ON_RISK)
    door.until(obeys)
    door.away()
    door.until(lambda word: obeys(word) | numbers)
    assert door.said[0] == "turn_left"


def test_on_risk_a_unit_door_asks_at_night():
    hours = [False]
    door = Door(Liveness.CHALLENGE_ON_RISK, night=lambda: hours[0])
    door.until(obeys)
    door.away()
    hours[0] = True
    door.until(lambda word: obeys(word) | MOVES)
    assert door.said


def test_on_risk_a_try_that_failed_makes_the_next_one_ask():
    door = Door(Liveness.CHALLENGE_ON_RISK)
    door.until(obeys)
    door.away()
    door.until(lambda _word: {"pairs": 6, "residual": 0.2})
    door.away(6_000_000_000)
    door.until(lambda word: obeys(word) | MOVES)
    assert door.said


@pytest.mark.story("27b")
def test_after_five_failures_in_a_minute_the_door_asks_for_codes_only_and_a_minute_later_again():
    door = Door(Liveness.CHALLENGE_ALWAYS)
    for _ in range(FAILS_MAX):
        door.until(lambda word: {"pose": POSES["turn_right"]} if word else {})
        door.away(AGAIN_NS)
    for _ in range(5):
        door.frame()
    assert set(door.said) == {"show_code"}
    door.away()
    assert door.until(obeys).pad.result == "pass"


def test_whoever_leaves_in_the_middle_has_failed_a_try_and_frees_the_door():
    door = Door(Liveness.CHALLENGE_ALWAYS)
    while not door.said:
        door.frame()
    door.away(600_000_000)
    assert door.until(obeys).pad.result == "pass"


def test_an_empty_picture_between_two_frames_ends_nothing():
    door = Door(Liveness.CHALLENGE_ALWAYS)
    while not door.said:
        door.frame()
    door.desk.nobody(door.t_ns + 10)
    assert door.until(obeys).pad.result == "pass"


def test_a_passive_door_asks_nobody_and_refuses_what_is_flat_or_judged():
    flat = Door(Liveness.PASSIVE)
    assert flat.until(lambda _word: {"pairs": 6, "residual": 0.3}).pad_why is Why.PLANAR
    judged = Door(Liveness.PASSIVE, judge_min=0.6)
    assert judged.until(lambda _word: {"judge": 0.4}).pad_why is Why.JUDGED
    moving = Door(Liveness.PASSIVE)
    assert moving.until(lambda _word: {"pairs": 6, "residual": 2.2}).pad.result == "pass"
    still = Door(Liveness.PASSIVE)
    assert still.until(stares).pad.result == "na"
    assert flat.said + judged.said + moving.said + still.said == []


def test_a_demo_door_asks_nothing_and_claims_nothing():
    door = Door(Liveness.OFF_DEMO)
    evidence = door.until(lambda _word: {"pairs": 6, "residual": 0.1, "frozen": True})
    assert (evidence.pad.result, door.said) == ("na", [])


@pytest.fixture
def asked():
    """A door that has just asked the guest something."""
    door = Door(Liveness.CHALLENGE_ALWAYS)
    while not door.said:
        door.frame()
    return door


# --- what it was about, and for how long ---------------------------------------------------------------------------


@pytest.mark.parametrize("away_ns", [LEFT_NS, TIMEOUT_NS, 300_000_000_000])
@pytest.mark.parametrize("who", [GUEST, OTHER], ids=["the same", "somebody else"])
def test_a_frame_long_after_the_last_one_says_nothing_about_who_was_asked(asked, away_ns, who):
    asked.t_ns += away_ns
    asked.said.clear()
    assert not isinstance(asked.frame(who=who), Concluded)
    assert asked.until(obeys).pad.result == "pass"


def test_whoever_leaves_unseen_has_failed_a_try_all_the_same(asked):
    for _ in range(FAILS_MAX - 1):
        asked.t_ns += AGAIN_NS
        asked.said.clear()
        while not asked.said:
            asked.frame()
    asked.t_ns += AGAIN_NS
    asked.said.clear()
    for _ in range(5):
        asked.frame()
    assert set(asked.said) == {"show_code"}


@pytest.mark.parametrize("rows", [[], [("PS-1", OTHER)]], ids=["erased", "enrolled anew"])
def test_a_face_that_is_erased_while_it_answers_is_named_no_more(asked, rows):
    asked.desk.put_gallery(rows, version=2, k=1)
    evidence = asked.until(obeys, frames=30)
    assert evidence is None or evidence.verdict.pass_id is None
    assert "look_straight" not in asked.said


def test_a_gallery_in_which_the_one_who_answers_stands_as_before_changes_nothing(asked):
    asked.desk.put_gallery([("PS-1", GUEST.copy()), ("PS-2", OTHER)], version=2, k=1)
    assert asked.until(obeys).pad.result == "pass"


def test_a_face_that_is_locked_while_it_answers_opens_nothing(asked):
    asked.desk.lock_pairs(frozenset({"PS-1"}))
    evidence = asked.until(obeys, frames=30)
    assert evidence is None or evidence.verdict.look is not Look.NAMED


def test_locking_others_does_not_touch_who_is_asked(asked):
    asked.desk.lock_pairs(frozenset({"PS-2"}))
    assert asked.until(obeys).pad.result == "pass"


def test_what_is_void_is_nobodys_failure(asked):
    for version in range(2, FAILS_MAX + 3):
        asked.desk.put_gallery([], version=version, k=1)
        asked.desk.put_gallery([("PS-1", GUEST)], version=version, k=1)
        asked.said.clear()
        while not asked.said:
            asked.frame()
    assert "show_code" not in asked.said


def test_who_steps_up_after_the_one_who_was_asked_is_looked_at_at_once(asked):
    asked.desk.put_gallery([("PS-1", GUEST), ("PS-2", OTHER)], version=2, k=1)
    refused = asked.until(lambda _word: {"who": OTHER})
    assert (refused.verdict.pass_id, refused.pad_why) == ("PS-1", Why.SWAPPED)
    asked.said.clear()
    answered = asked.until(lambda word: obeys(word) | {"who": OTHER}, frames=AGAIN_NS // FRAME_NS)
    assert (answered.verdict.pass_id, answered.pad.result) == ("PS-2", "pass")


def code_first(*steps):
    """A door of code and face, with a second guest."""
    door = Door(Liveness.CHALLENGE_ALWAYS, steps=steps or (Step.LEFT, Step.NOD))
    door.desk = OneToOneDesk(INFO, fpir_wanted=0.001, live=door.rule)
    door.desk.put_gallery([("PS-1", GUEST), ("PS-2", OTHER)], version=1, k=1)
    return door


def test_the_next_code_ends_what_the_last_one_began():
    door = code_first()
    door.desk.ask("PS-1")
    while not door.said:
        door.frame()
    door.desk.ask("PS-2")
    door.said.clear()
    evidence = door.until(lambda word: obeys(word) | {"who": OTHER})
    assert (evidence.verdict.pass_id, evidence.pad.result) == ("PS-2", "pass")


def test_a_code_entered_again_and_again_does_not_draw_until_a_recording_fits():
    door = code_first()
    for _ in range(FAILS_MAX):
        door.desk.ask("PS-1")
        door.said.clear()
        while not door.said:
            door.frame()
    door.desk.ask("PS-1")
    door.said.clear()
    for _ in range(5):
        door.frame()
    assert set(door.said) == {"show_code"}


# --- at the gate itself -------------------------------------------------------------------------------------------


def on_a_loop(test):
    return functools.wraps(test)(lambda *args, **words: asyncio.run(test(*args, **words)))


async def lone_gate(policy):
    rows = [pass_row("PS-1", pin="314159", prereq=0b1111)]
    gate = await LoneGate(rows).boot()
    await gate.gate.on_event(CameraChanged(Camera.OK))
    gate.facts.clear()
    gate.shown.clear()
    door = Door(policy)
    gate.gate.liveness = policy
    gate.gate.desk = door.desk
    return gate, door


async def shown(gate, door, pose=POSES[None], **numbers):
    door.t_ns += FRAME_NS
    signs = {"pairs": 0, "residual": None, "frozen": False, "judge": None, "turned": None} | numbers
    await gate.gate.on_face(
        FaceSeen("cam", door.t_ns, 1, BOX, None, None, QUALITY, GUEST.tobytes(), LiveNumbers(*pose, **signs))
    )


@on_a_loop
async def test_the_screen_tells_the_task_then_the_door_opens():
    gate, door = await lone_gate(Liveness.CHALLENGE_ALWAYS)
    for _ in range(40):
        await shown(gate, door, POSES.get(gate.shown[-1] if gate.shown else None, POSES[None]))
        if gate.pulses:
            break
    assert gate.shown[:4] == ["turn_left", "look_straight", "nod", "look_straight"]
    assert (gate.pulses, gate.kinds[0]) == ([5_000], "access.granted")
    assert gate.facts[0].pad.result == "pass"
    assert "flags" not in gate.facts[0].x


@pytest.mark.story("27a")
@pytest.mark.parametrize(
    ("numbers", "why"),
    [({}, "no_response"), ({"pairs": 6, "residual": 0.2}, "planar")],
    ids=["still", "flat"],
)
@on_a_loop
async def test_what_does_not_pass_is_told_to_show_the_code_and_the_code_opens_at_once(numbers, why):
    gate, door = await lone_gate(Liveness.CHALLENGE_ALWAYS)
    for _ in range(80):
        await shown(gate, door, **numbers)
        if gate.kinds:
            break
    assert (gate.kinds, gate.pulses) == (["access.denied"], [])
    assert (gate.facts[0].reason, gate.facts[0].x) == ("x:PresentationAttack", {"pad_why": why})
    assert gate.shown[-1] == "use_code"
    await gate.gate.on_pin("314159")
    assert gate.pulses == [5_000]


@pytest.mark.parametrize("policy", list(Liveness))
@on_a_loop
async def test_no_liveness_setting_touches_a_code(policy):
    gate, door = await lone_gate(policy)
    for _ in range(6):
        await shown(gate, door, frozen=True)
    gate.pulses.clear()
    gate.facts.clear()
    await gate.gate.on_pin("314159")
    assert (gate.pulses, gate.facts[0].pad) == ([5_000], None)


@on_a_loop
async def test_a_code_may_be_shown_while_a_task_is_on():
    gate, door = await lone_gate(Liveness.CHALLENGE_ALWAYS)
    while not gate.shown:
        await shown(gate, door)
    await gate.gate.on_pin("314159")
    assert gate.pulses == [5_000]
