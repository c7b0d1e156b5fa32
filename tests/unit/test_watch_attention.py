"""The vision worker on real clips: what it looks at, counted by the engine's calls, and that the door's answers stay."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from bench.reel import Reel, film
from edge.core.evidence import Look
from edge.core.looking import Attention
from edge.drivers.readers.camera_code import open_decoder
from edge.runtime.face_desk import Concluded, FaceDesk
from edge.runtime.sightings import CodeSeen, FaceSeen, NobodySeen, Told, unpack
from edge.runtime.watch import Watch
from models.engine import FaceEngine
from models.engines import yunet_sface
from models.enrol import enrol_from_photos
from models.track import GAP_MAX_NS

pytestmark = pytest.mark.clips
WALK = "WolfgangLanger_Pexels.mp4"
EVERY_NS = 90_000_000
MS = 1_000_000


class Counting:
    """An engine that counts what it is asked for."""

    def __init__(self, engine: FaceEngine) -> None:
        self._engine = engine
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str):
        self.calls[name] += 1
        return getattr(self._engine, name)


class EveryLook(Attention):
    """As it would be without any rule: a look every 90 ms, and a vector of every face."""

    def look_due(self, t_ns, *, every_ns, moved):
        return t_ns - self.looked_ns >= every_ns

    def vector_due(self, t_ns, box):
        return True


@dataclass
class Ran:
    told: list[Told]
    calls: Counter[str]
    decoded: int

    @property
    def faces(self) -> list[FaceSeen]:
        return [one for one in self.told if isinstance(one, FaceSeen)]

    @property
    def vectors_ms(self) -> list[float]:
        return [one.t_ns / MS for one in self.faces if one.vector is not None]


@pytest.fixture(scope="module")
def engine() -> Iterator[FaceEngine]:
    opened = yunet_sface.open_engine()
    opened.warm_up()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def guest(engine, clips) -> np.ndarray:
    """The walking guest's template, from another part of the clip than the one that walks."""
    walk = pictures_of(clips / WALK)
    return enrol_from_photos(engine, [walk[i] for i in (180, 216, 252)], made_ms=0, not_after_ms=1).mean


@cache
def filmed(clip: Path) -> tuple[list[np.ndarray], float]:
    return film(clip)


def pictures_of(clip: Path) -> list[np.ndarray]:
    return filmed(clip)[0]


def part_of(clip: Path, start_s: float, end_s: float) -> Reel:
    pictures, fps = filmed(clip)
    return Reel(pictures[round(start_s * fps) : round(end_s * fps)], fps)


def shown(*pictures: list[np.ndarray]) -> Reel:
    """Pictures 40 ms apart."""
    return Reel([picture for part in pictures for picture in part], 25)


def watched(camera: Reel, engine: FaceEngine | None, attention: Attention | None = None) -> Ran:
    told: list[Told] = []
    decode, decoded = open_decoder(), Counter()
    counting = None if engine is None else Counting(engine)

    def reading(image):
        decoded["pictures"] += 1
        return decode(image)

    watch = Watch(
        {"front": camera},
        counting,
        reading,
        lambda packed: told.append(unpack(packed)),
        camera.clock,
        detect_every_ns=EVERY_NS,
    )
    if attention is not None:
        watch._views["front"].attention = attention
    while not camera.over:
        watch.look()
    return Ran(told, Counter() if counting is None else counting.calls, decoded["pictures"])


def answers(ran: Ran, engine: FaceEngine, guest: np.ndarray) -> list[tuple[Look, str | None, int]]:
    """What a door that holds this guest concludes, and when."""
    desk = FaceDesk(engine.info, fpir_wanted=0.001)
    desk.put_gallery([("guest", guest)], version=1, k=3)
    found = []
    for one in ran.told:
        if isinstance(one, NobodySeen):
            desk.nobody(one.t_ns)
        elif isinstance(one, FaceSeen):
            answer = desk.look(one)
            if isinstance(answer, Concluded):
                verdict = answer.evidence.verdict
                found.append((verdict.look, verdict.pass_id, one.t_ns))
    return found


def test_while_nobody_stands_in_a_still_lane_the_engine_is_asked_once_a_second(engine, clips):
    empty = pictures_of(clips / "no_face.mp4")[5].astype(np.int16)
    noise = np.random.default_rng(1)
    still = [(empty + noise.integers(-4, 5, empty.shape)).clip(0, 255).astype(np.uint8) for _ in range(100)]
    ran = watched(shown(still), engine)
    assert ran.calls["detect"] == ran.decoded == 4
    assert sum(isinstance(one, NobodySeen) for one in ran.told) == 4


def test_who_steps_into_a_still_lane_is_looked_at_in_the_first_picture(engine, clips):
    empty, walker = pictures_of(clips / "no_face.mp4")[5], pictures_of(clips / WALK)[380]
    lane = cv2.resize(empty, (640, 360))
    ran = watched(shown([lane] * 20, [walker] * 2), engine)
    assert ran.faces[0].t_ns == 90_000 * MS + 21 * 40 * MS
    assert ran.faces[0].vector is not None


def test_a_code_is_read_in_the_first_picture_that_shows_it_with_and_without_faces(engine, clips):
    from demo.stage import phone

    lane = np.asarray(cv2.resize(pictures_of(clips / "no_face.mp4")[5], (640, 360)), np.uint8)
    held_up = [phone("AC2:" + "A" * 140, lane)]
    for with_face in (engine, None):
        codes = [
            one for one in watched(shown([lane] * 20, held_up), with_face).told if isinstance(one, CodeSeen)
        ]
        assert [code.t_ns for code in codes] == [90_000 * MS + 21 * 40 * MS]


def test_a_walk_costs_a_third_of_the_vectors_and_the_door_answers_the_same_and_no_later(engine, clips, guest):
    part = (clips / WALK, 15.7, 19.7)
    plain = watched(part_of(*part), engine, EveryLook())
    ran = watched(part_of(*part), engine)
    assert plain.calls["embed"] == plain.calls["detect"] == len(plain.faces)
    assert ran.calls["embed"] * 2 < plain.calls["embed"]
    assert ran.calls["embed"] == len(ran.vectors_ms)
    (first_plain, *_), (first, *_) = answers(plain, engine, guest), answers(ran, engine, guest)
    assert first[:2] == first_plain[:2] == (Look.NAMED, "guest")
    assert first[2] <= first_plain[2]


def test_over_many_seconds_every_conclusion_is_the_one_that_every_vector_would_have_given(
    engine, clips, guest
):
    parts = ((WALK, 5.0, 13.0), ("single_face.mp4", 0.0, 3.0), ("noface_face.mov", 0.0, 7.0))
    for clip, start_s, end_s in parts:
        part, stranger = (clips / clip, start_s, end_s), clip != WALK
        plain = answers(watched(part_of(*part), engine, EveryLook()), engine, guest)
        ours = answers(watched(part_of(*part), engine), engine, guest)
        assert len(ours) <= len(plain), "a track that breaks would be one more try"
        assert {answer[:2] for answer in ours} == {answer[:2] for answer in plain}
        assert {answer[0] for answer in ours} == {Look.UNKNOWN if stranger else Look.NAMED}


def test_vectors_of_one_face_are_far_enough_apart_to_count_and_near_enough_to_be_one_track(engine, clips):
    ran = watched(part_of(clips / WALK, 8.0, 15.0), engine)
    gaps = np.diff(ran.vectors_ms)
    assert gaps.min() >= 150
    assert gaps.max() * MS <= GAP_MAX_NS
    assert len(ran.faces) > 2 * len(ran.vectors_ms), "the others are told too, with box and measures"
    assert all(one.gate is None for one in ran.faces)


def test_a_guest_lends_no_vector_to_who_takes_the_place_between_two_looks(engine, clips, guest):
    """One frame of the guest, then a stranger in the same picture: at most one vector is the guest's, and one is not
    enough."""
    walk, stranger = pictures_of(clips / WALK)[380:], pictures_of(clips / "single_face.mp4")
    ran = watched(shown(walk[:3], stranger[:40]), engine)
    assert len(ran.vectors_ms) >= 5
    assert all(look is not Look.NAMED for look, _, _ in answers(ran, engine, guest))
