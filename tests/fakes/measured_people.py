"""Synthetic people as if their photos had been embedded: no file, no picture."""

from collections.abc import Sequence

import numpy as np

from models.engines import synthetic
from models.engines.synthetic import picture_vector
from models.evaluation.embedding import Embedded
from models.evaluation.people import People

GOOD = (0.95, 60.0, 120.0, 150.0, 0.1, -2.5)


def people_of(photos: Sequence[int], *, seed: int = 0) -> People:
    """``photos[i]`` good pictures of person i; ``seed`` makes other people."""
    places: dict[int, tuple[int, ...]] = {}
    vectors: list[np.ndarray] = []
    for person, count in enumerate(photos):
        places[person] = tuple(range(len(vectors), len(vectors) + count))
        vectors += [picture_vector(f"{seed} p{person}", number) for number in range(count)]
    total = len(vectors)
    embedded = Embedded(
        found=np.ones(total, dtype=np.bool_),
        vectors=np.stack(vectors),
        measures=np.tile(np.array(GOOD), (total, 1)),
        boxes=np.tile(np.array([10.0, 10.0, 50.0, 50.0]), (total, 1)),
        faces=np.ones(total, dtype=np.int64),
    )
    return People(synthetic.open_engine().info, embedded, places)
