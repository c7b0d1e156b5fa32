"""Many invented people at once: booked and registered by the officer's files, and for the evening's gallery consenting
and enrolled with faces that nobody has.

A face of the crowd is a made vector: the common part that faces of one engine share, and a direction of its own
(domain.md §18.7).  Real crowds come in families and lookalikes, which these have less of; every figure that rests on
them is labelled simulated.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cloud_sync.compose import Books, open_books
from cloud_sync.config import load
from cloud_sync.store.guests import ConsentWish
from demo.people import HOUR_S, Guest
from models.engine import EngineInfo, FaceEngine, Quality
from models.enrol import judge_photo
from models.photo import decode_photo
from models.template import PARTS_MAX, Template
from models.vectors import unit_rows

ACTOR = "demo director"
# Mean cosine of two strangers' faces by each engine (faces.md §4.6).
STRANGERS_ALIKE = {"yunet-sface": 0.084, "face_recognition": 0.8321}
ONE_PERSON_ALIKE = 0.9  # of two pictures taken seconds apart at one kiosk
QUALITY = Quality(0.95, 60.0, 120.0, 100.0, 0.0, 0.0, 1)
KEPT_S = 24 * HOUR_S


def crowd(count: int) -> dict[str, Guest]:
    """``count`` invented guests, by booking; no two share a document number or a room."""
    guests = (
        Guest(
            ref=f"BK-{20_000 + i}",
            title="a guest of the crowd",
            name=f"Crowd Guest {i}",
            birth=f"{1960 + i % 40}-{1 + i % 9:02}-{10 + i % 18}",
            region=f"00{i:04}",
            room=f"R-{30_000 + i}",
        )
        for i in range(count)
    )
    return {guest.ref: guest for guest in guests}


def books_of(folder: Path) -> Books:
    """The running service's records, opened beside it as every command of ``gatehouse-sync`` does."""
    here = Path.cwd()
    os.chdir(folder)  # the configuration names its folders from its own
    try:
        return open_books(load(Path("sync.toml").resolve()))
    finally:
        os.chdir(here)


def bind_phones(books: Books, guests: Iterable[Guest]) -> None:
    """Each guest opens the link and binds the phone's key, as the phone's page does."""
    for guest in guests:
        token = books.registry.guest_link("demo", guest.ref, actor=ACTOR)
        credential, guest.phone.pass_id = books.registry.bind_code_key(token, None, guest.phone.public)
        guest.phone.credential = bytes.fromhex(credential)


def consent(books: Books, guests: Iterable[Guest], purpose: str, version: str) -> None:
    """Each guest of a synthetic community consents, taken down by the staff."""
    wish = ConsentWish(purpose, version, "zh", "staff", None)
    for guest in guests:
        books.registry.consent_for_booking("demo", guest.ref, wish, actor=ACTOR)


def common_part(engine: FaceEngine, photos: Sequence[Path]) -> NDArray[np.float64]:
    """The direction that the faces of these photos share, of length 1."""
    judged = [judge_photo(engine, decode_photo(photo.read_bytes(), photo.name)) for photo in photos]
    rows = [image.vector for image in judged if image is not None and not isinstance(image, str)]
    assert rows, "no photo of the evening holds a face that could be enrolled"
    mean = np.asarray(rows, np.float64).mean(axis=0)
    return np.asarray(mean / np.linalg.norm(mean))


def made_faces(info: EngineInfo, common: NDArray[np.float64], count: int, *, seed: int) -> Iterator[bytes]:
    """Templates of people who do not exist, each of three pictures."""
    dice = np.random.default_rng(seed)
    alike = STRANGERS_ALIKE[info.engine_id]
    now_ms = time.time_ns() // 1_000_000
    for own in unit_rows(dice.standard_normal((count, info.dim))):
        face = np.sqrt(alike) * common + np.sqrt(1.0 - alike) * own
        shaken = unit_rows(dice.standard_normal((PARTS_MAX, info.dim)))
        parts = unit_rows(np.sqrt(ONE_PERSON_ALIKE) * face + np.sqrt(1.0 - ONE_PERSON_ALIKE) * shaken)
        made = Template.of_parts(
            info,
            list(parts),
            [QUALITY] * PARTS_MAX,
            made_ms=now_ms,
            not_after_ms=now_ms + round(KEPT_S * 1000),
        )
        yield made.to_bytes()


def ticking(items: Iterable[Guest], tick: Callable[[], None]) -> Iterator[Guest]:
    """The same guests, with a tick after each."""
    for item in items:
        yield item
        tick()
