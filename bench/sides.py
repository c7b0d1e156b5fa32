"""The two sides of the benchmark, each from a picture to the names in it with one embedding per face.

The plain side is face_recognition as its README shows it: ``face_locations`` (HOG, one upsampling), ``face_encodings``,
``compare_faces``, all with their defaults.  Importing it that way loads its 68-point predictor, in this benchmark's
process only; the product never does.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

PEOPLE = 5_248  # all beds of the community
DIM = 128

Look = Callable[["np.ndarray[Any, Any]"], list[str | None]]


def crowd(count: int) -> "np.ndarray[Any, Any]":
    """So many people as far from everybody as strangers are."""
    rows = np.random.default_rng(1).standard_normal((count, DIM)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def product_side(first: "np.ndarray[Any, Any]") -> Look:
    """The default engine and a gallery of everybody; the faces of the first picture are its guests."""
    from models.gallery import Gallery
    from models.plugins import open_face_engine

    engine = open_face_engine("yunet-sface")
    engine.warm_up()

    def vectors(frame: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
        return engine.embed([engine.align(frame, face) for face in engine.detect(frame)])

    guests = vectors(first)
    rows = [(f"guest {i}", row) for i, row in enumerate(guests)]
    rows += [(f"p{i}", row) for i, row in enumerate(crowd(PEOPLE - len(guests)))]
    gallery = Gallery.build(rows, version=1, similarity=engine.similarity)
    return lambda frame: [gallery.match(vector).best for vector in vectors(frame)]


def plain_side(first: "np.ndarray[Any, Any]") -> Look:
    """face_recognition with its defaults."""
    import face_recognition

    def vectors(frame: "np.ndarray[Any, Any]") -> "list[np.ndarray[Any, Any]]":
        picture = np.ascontiguousarray(frame[:, :, ::-1])
        return face_recognition.face_encodings(picture, face_recognition.face_locations(picture))

    guests = vectors(first)
    # Its users keep raw vectors; raw lengths are about 1.4, so the crowd stays as far away as strangers do.
    known = np.concatenate([np.stack(guests), 1.4 * crowd(PEOPLE - len(guests))])

    def look(frame: "np.ndarray[Any, Any]") -> list[str | None]:
        same = [face_recognition.compare_faces(known, vector) for vector in vectors(frame)]
        return [f"guest {one.index(True)}" if True in one else None for one in same]

    return look


SIDES = {"product": product_side, "plain": plain_side}
