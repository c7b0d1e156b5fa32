"""What counts as movement in an empty lane."""

import numpy as np
import pytest

from edge.runtime.stillness import Stillness


def lane(seed: int, *, noise: float = 4.0, size=(480, 640)) -> np.ndarray:
    """A street with light and shade, as a sensor with this much noise sees it."""
    ramp = np.linspace(40, 180, size[1])[None, :, None]
    seen = ramp + np.random.default_rng(seed).normal(0, noise, (*size, 3))
    return np.clip(seen, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("size", [(480, 640), (720, 1280), (120, 160)])
def test_noise_is_no_movement(size):
    still = Stillness()
    still.keep(lane(1, size=size))
    assert not any(still.moved(lane(seed, size=size)) for seed in range(2, 12))


def test_the_noise_of_a_dark_night_is_none_either():
    still = Stillness()
    still.keep(lane(1, noise=10.0))
    assert not any(still.moved(lane(seed, noise=10.0)) for seed in range(2, 12))


def test_the_smallest_face_a_door_would_judge_is_movement():
    still = Stillness()
    still.keep(lane(1))
    somebody = lane(2)
    somebody[200:280, 300:360] += 20  # eyes 25 px apart make a face of about 60 by 80
    assert still.moved(somebody)


def test_slow_change_adds_up():
    still = Stillness()
    still.keep(lane(1))
    assert [still.moved(lane(1) + np.uint8(brighter)) for brighter in range(0, 12, 2)] == [
        False, False, False, False, True, True,
    ]  # fmt: skip


def test_a_lane_nobody_has_looked_at_yet_is_worth_a_look():
    assert Stillness().moved(lane(1))
