"""What light, lens, distance and cloth do to a face: each condition is a change of the frame at the door.

Simulated on good photos, so a figure says how an engine bears a change, not how a camera bears a night.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.engine import Embeddings, Face, Frame
from models.evaluation.bounds import Rate, independent
from models.evaluation.embedding import Embedded
from models.evaluation.people import People, shuffled
from models.gates import door_gate

Change = Callable[[Frame, Face], Frame]
K = 3
FMR = 1e-5  # FPIR 1 % at 1,000 people, and the floor of every 1:N door
JPEG_SCALE = 5000 / 15 / 100  # quality 15 by the rule of the reference implementation
# ITU-T T.81, annex K: how coarsely the standard's own tables keep each frequency of light and of colour.
LIGHT_STEPS = np.clip(
    np.floor(
        np.array(
            [
                [16, 11, 10, 16, 24, 40, 51, 61],
                [12, 12, 14, 19, 26, 58, 60, 55],
                [14, 13, 16, 24, 40, 57, 69, 56],
                [14, 17, 22, 29, 51, 87, 80, 62],
                [18, 22, 37, 56, 68, 109, 103, 77],
                [24, 35, 55, 64, 81, 104, 113, 92],
                [49, 64, 78, 87, 103, 121, 120, 101],
                [72, 92, 95, 98, 112, 100, 103, 99],
            ]
        )
        * JPEG_SCALE
        + 0.5
    ),
    1.0,
    255.0,
)
COLOUR_STEPS = np.full((8, 8), 255.0)
COLOUR_STEPS[:4, :4] = np.clip(
    np.floor(
        np.array([[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]) * JPEG_SCALE + 0.5
    ),
    1.0,
    255.0,
)
COSINES = np.sqrt(2 / 8) * np.cos(np.pi * np.outer(np.arange(8), 2 * np.arange(8) + 1) / 16)
COSINES[0] = np.sqrt(1 / 8)
LOOSE_FMR = 1e-3  # where a few hundred people show false matches enough to compare


def dark(frame: Frame, face: Face) -> Frame:  # noqa: ARG001 - a condition may look at the face
    """A quarter of the light with the noise of a small sensor; the same noise on every machine."""
    noise = np.random.default_rng(1).normal(0.0, 6.0, frame.shape)
    return _clipped(frame * 0.25 + noise)


def backlit(frame: Frame, face: Face) -> Frame:
    """The face in a third of its light before a white sky."""
    import cv2

    x, y, w, h = face.box
    rows, columns = np.mgrid[: frame.shape[0], : frame.shape[1]]
    inside = ((columns - x - w / 2) / (0.75 * w)) ** 2 + ((rows - y - h / 2) / (0.75 * h)) ** 2
    share = cv2.GaussianBlur((inside < 1).astype(np.float32), (0, 0), 0.1 * float(w))[..., None]
    return _clipped(share * (frame * 0.35 + 30) + (1 - share) * (frame * 0.4 + 150))


def motion_blur(frame: Frame, face: Face) -> Frame:
    """A head that moves a tenth of its width while the shutter is open."""
    import cv2

    length = max(3, round(face.box[2] * 0.10))
    kernel = np.full((1, length), 1.0 / length, dtype=np.float32)
    return np.asarray(cv2.filter2D(frame, -1, kernel), dtype=np.uint8)


def defocus(frame: Frame, face: Face) -> Frame:
    """A lens out of focus by one thirtieth of the face's width."""
    import cv2

    return np.asarray(cv2.GaussianBlur(frame, (0, 0), face.box[2] / 30), dtype=np.uint8)


def jpeg(frame: Frame, face: Face) -> Frame:  # noqa: ARG001 - likewise
    """What a stream at JPEG quality 15 loses: colour at half size, every 8x8 block by the standard's tables.

    Quantised here, because no program of a gate may hold an encoder (domain.md §21).
    """
    import cv2

    high, wide = (-(-side // 16) * 16 for side in frame.shape[:2])
    whole = cv2.copyMakeBorder(
        frame, 0, high - frame.shape[0], 0, wide - frame.shape[1], cv2.BORDER_REPLICATE
    )
    light, *colours = cv2.split(cv2.cvtColor(whole, cv2.COLOR_BGR2YCrCb))
    small = [cv2.resize(one, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for one in colours]
    back = [cv2.resize(_quantised(one, COLOUR_STEPS), (wide, high)) for one in small]
    done = cv2.cvtColor(cv2.merge([_quantised(light, LIGHT_STEPS), *back]), cv2.COLOR_YCrCb2BGR)
    return np.ascontiguousarray(done[: frame.shape[0], : frame.shape[1]], dtype=np.uint8)


def _quantised(plane: object, steps: NDArray[np.float64]) -> NDArray[np.uint8]:
    """One plane, its sides multiples of eight, through the cosine transform and back in whole steps."""
    whole = np.asarray(plane, np.float64) - 128.0
    high, wide = whole.shape
    blocks = whole.reshape(high // 8, 8, wide // 8, 8).swapaxes(1, 2)
    kept = np.round(COSINES @ blocks @ COSINES.T / steps) * steps
    there = (COSINES.T @ kept @ COSINES + 128.0).swapaxes(1, 2).reshape(high, wide)
    return np.asarray(np.clip(np.round(there), 0, 255), dtype=np.uint8)


def covered(frame: Frame, face: Face) -> Frame:
    """A light blue cloth from the bridge of the nose down, as a mask is worn."""
    made = frame.copy()
    x, _, w, h = face.box
    top = (float(face.landmarks[:2, 1].mean()) + float(face.landmarks[2, 1])) / 2
    left, right = max(0, round(x - 0.02 * w)), round(x + 1.02 * w)
    made[max(0, round(top)) : round(face.box[1] + 1.02 * h), left:right] = (205, 190, 165)
    return made


def distance(eyes_px: float) -> Change:
    """The whole picture smaller, so that this many pixels lie between the eyes."""

    def changed(frame: Frame, face: Face) -> Frame:
        import cv2

        apart = float(np.hypot(*(face.landmarks[1] - face.landmarks[0])))
        scale = min(1.0, eyes_px / max(apart, 1.0))
        sides = [max(32, round(side * scale)) for side in frame.shape[:2]]
        return np.asarray(cv2.resize(frame, sides[::-1], interpolation=cv2.INTER_AREA), dtype=np.uint8)

    return changed


def low_resolution(frame: Frame, face: Face) -> Frame:
    """Sixteen pixels between the eyes, blown up again: a cheap camera that claims more than it has."""
    import cv2

    small = distance(16.0)(frame, face)
    size = (frame.shape[1], frame.shape[0])
    return np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


CONDITIONS: Mapping[str, Change] = {
    "dark": dark,
    "backlit": backlit,
    "motion blur": motion_blur,
    "out of focus": defocus,
    "JPEG 15": jpeg,
    "lower face covered": covered,
    "distance, 25 px between the eyes": distance(25.0),
    "distance, 18 px between the eyes": distance(18.0),
    "low resolution, 16 px blown up": low_resolution,
}


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition, one frame against templates of three good photos."""

    name: str
    tried: int
    no_face: Rate
    gated: Rate  # turned away by the door's quality gate, no face included
    fnmr: Rate  # of the frames with a face, gate or not
    fnmr_gated: Rate  # of the frames the door accepts
    fmr_ratio: float | None  # false matches at the t of FMR 1e-3, as a multiple of those of unchanged frames
    fmr_events: int
    fmr_events_clear: int


@dataclass(frozen=True, slots=True)
class Trial:
    """Which photos are tried: one per person, and three others of the same person."""

    people: tuple[int, ...]
    enrolled: tuple[tuple[int, ...], ...]
    probe: tuple[int, ...]


def choose(people: People, *, most: int, seed: int) -> Trial:
    """At most so many people with at least four photos, drawn."""
    dice = np.random.default_rng((seed, 4))
    able = shuffled(people.with_photos(K + 1), dice)[:most]
    order = [shuffled(people.photos[who], dice) for who in sorted(able)]
    return Trial(
        tuple(sorted(able)),
        tuple(tuple(places[:K]) for places in order),
        tuple(places[K] for places in order),
    )


def clear_probes(people: People, trial: Trial) -> Embedded:
    """The unchanged probes, as rows of their own."""
    held, places = people.embedded, list(trial.probe)
    return Embedded(
        held.found[places],
        held.vectors[places],
        held.measures[places],
        held.boxes[places],
        held.faces[places],
    )


def compare(people: People, trial: Trial, name: str, probes: Embedded, t: float, loose_t: float) -> Condition:
    """The condition's misses at ``t`` and false matches at ``loose_t``."""
    templates = np.stack([people.template(places) for places in trial.enrolled])
    clear = _scores(people, templates, clear_probes(people, trial))
    found = probes.found
    scores = _scores(people, templates, probes)
    accepted = np.array(
        [bool(seen) and door_gate(probes.quality(spot)) is None for spot, seen in enumerate(found.tolist())]
    )
    own = np.diagonal(scores)
    before, after = _false(clear, loose_t), _false(scores[found], loose_t, found)
    share = (after / max(1, int(found.sum()))) / (before / len(found)) if before else None
    return Condition(
        name=name,
        tried=len(found),
        no_face=independent(int((~found).sum()), len(found)),
        gated=independent(int((~accepted).sum()), len(found)),
        fnmr=independent(int((own[found] < t).sum()), int(found.sum())),
        fnmr_gated=independent(int((own[accepted] < t).sum()), int(accepted.sum())),
        fmr_ratio=share,
        fmr_events=after,
        fmr_events_clear=before,
    )


def _scores(people: People, templates: Embeddings, probes: Embedded) -> NDArray[np.float64]:
    cosines = probes.vectors @ templates.T
    scores: NDArray[np.float64] = np.vectorize(people.similarity, otypes=[float])(cosines)
    return scores


def _false(scores: NDArray[np.float64], t: float, rows: NDArray[np.bool_] | None = None) -> int:
    """Comparisons of different people at or above t; row i belongs to the i-th of ``rows``."""
    own = np.arange(len(scores)) if rows is None else np.flatnonzero(rows)
    named = scores >= t
    named[np.arange(len(scores)), own] = False
    return int(named.sum())


def _clipped(picture: NDArray[np.float64]) -> Frame:
    return np.asarray(np.clip(picture, 0, 255), dtype=np.uint8)
