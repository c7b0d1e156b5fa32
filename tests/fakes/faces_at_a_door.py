"""What a camera would tell of people who exist only as directions: enough to walk up to a ``FaceDesk``."""

from dataclasses import replace
from functools import cache

import numpy as np

from edge.runtime.sightings import FaceSeen
from models.engine import EngineInfo, Vector
from models.engines import synthetic
from models.engines.synthetic import person_direction, picture_vector

# The synthetic engine's own table, as an engine that may grant outside a simulation.
INFO: EngineInfo = replace(synthetic.open_engine().info, simulated=False)
GOOD = (0.95, 60.0, 120.0, 150.0, 0.0, 0.0)
BOX = (100.0, 100.0, 120.0, 120.0)
FRAME_NS = 200_000_000


@cache
def seeds_like(person: str, count: int) -> list[int]:
    """Pictures of this person near enough to their mean to hold a track together and to name them."""
    mean = person_direction(person)
    return [s for s in range(900) if float(mean @ picture_vector(person, s)) > 0.8][:count]


def mean_of(person: str) -> Vector:
    return person_direction(person).astype(np.float32)


def seen(person: str | None, nth: int, t_ns: int, **changes: object) -> FaceSeen:
    """The ``nth`` frame of somebody; of None it is a face too dark to be compared."""
    words = {
        "camera": "lane", "t_ns": t_ns, "faces": 1, "box": BOX, "gate": None if person else "too_dark",
        "enrolment_gate": None if person else "too_dark", "quality": GOOD, "vector": None,
    }  # fmt: skip
    if person is not None:
        words["vector"] = picture_vector(person, seeds_like(person, 40)[nth % 40]).tobytes()
    return FaceSeen(**{**words, **changes})


def walk(person: str | None, from_ns: int, count: int = 12, **changes: object) -> list[FaceSeen]:
    return [seen(person, n, from_ns + n * FRAME_NS, **changes) for n in range(count)]
