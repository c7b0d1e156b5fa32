"""The self-test of every engine at start: two drawn faces with known vectors.

It sees a wrong file, a runtime that computes otherwise, a batch that spoils its second row, and swapped colour
channels.  A mirrored chip still gives 0.977, so the limit is far tighter than that.
"""

import json
from collections.abc import Callable, Sequence
from importlib import resources

import numpy as np

from models.engine import Chip, Embeddings, SelfTestFailed

COSINE_MIN = 0.999  # two versions of OpenCV agree to 0.99995; swapped channels give 0.84

Colour = tuple[int, int, int]
_SKIN: tuple[Colour, Colour] = ((120, 160, 215), (60, 95, 150))
_LIPS: tuple[Colour, Colour] = ((70, 60, 190), (90, 40, 130))
_HAIR: tuple[Colour, Colour] = ((25, 40, 70), (90, 170, 225))


def drawn_chips(side: int) -> tuple[Chip, Chip]:
    """Two faces drawn in whole numbers only, so that every machine draws the same ones."""
    return _drawn(side, 0), _drawn(side, 1)


def _drawn(side: int, who: int) -> Chip:
    """Ellipses in thousandths of the side: hair, head, eyes, nose, mouth."""
    chip = np.empty((side, side, 3), dtype=np.uint8)
    ramp = np.arange(side) * 120 // side
    chip[:] = (ramp[:, None, None] + ramp[None, :, None] // 2 + np.array([40, 20, 0])).astype(np.uint8)
    narrow = 30 * who
    _ellipse(chip, (500, 420, 330 - narrow, 400), _HAIR[who])
    _ellipse(chip, (500, 540, 280 - narrow, 370), _SKIN[who])
    for x in (345 + narrow, 655 - narrow):
        _ellipse(chip, (x, 465, 62, 30), (235, 235, 235))
        _ellipse(chip, (x, 465, 26, 26), (60 + 90 * who, 60, 30))
        _ellipse(chip, (x, 400 - narrow // 2, 85, 16), _HAIR[who])
    _ellipse(chip, (500, 620, 40 + narrow, 70), (90, 120, 180))
    _ellipse(chip, (500, 775 + narrow, 120, 32 + narrow // 2), _LIPS[who])
    return chip


def _ellipse(chip: Chip, shape: tuple[int, int, int, int], colour: Colour) -> None:
    side = chip.shape[0]
    x, y, half_w, half_h = (value * side // 1000 for value in shape)
    rows, columns = np.ogrid[:side, :side]
    inside = ((columns - x) * half_h) ** 2 + ((rows - y) * half_w) ** 2 <= (half_w * half_h) ** 2
    chip[inside] = colour


def golden_vectors(engine_id: str) -> Embeddings:
    """The two committed vectors of this engine."""
    text = resources.files("models").joinpath("golden", f"{engine_id}.json").read_text("utf-8")
    return np.array(json.loads(text)["vectors"], dtype=np.float32)


def check_golden(
    engine_id: str, embed: Callable[[Sequence[Chip]], Embeddings], chips: Sequence[Chip], golden: Embeddings
) -> None:
    """Both chips in one call, then one at a time, must give the golden vectors.

    Raises:
        SelfTestFailed: which step, and how alike the vectors were.
    """
    together = embed(chips)
    alone = np.concatenate([embed([chip]) for chip in chips])
    for step, vectors in (("both chips in one call", together), ("one chip at a time", alone)):
        cosine = float(np.min(np.sum(vectors * golden, axis=1)))
        if not cosine >= COSINE_MIN:
            raise SelfTestFailed(
                f"engine {engine_id}: the self-test ({step}) gives cosine {cosine:.4f} to the golden vectors, "
                f"{COSINE_MIN} is needed. Weights, runtime or colour channels are not the measured ones; "
                "install the locked versions. Face stays off until then."
            )
