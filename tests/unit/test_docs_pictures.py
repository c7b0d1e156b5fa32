"""The pictures of the documents: our own pages, and no face of anybody in them."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.engine import FaceEngine, Frame
from models.engines import yunet_sface
from models.selftest import drawn_chips

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
SURE = 0.9  # what the gate itself asks of a face before it looks at it
TILE_PX = 480
STEP_PX = 320  # tiles overlap by a third, so that no face is cut in all of them


@pytest.fixture(scope="module")
def engine() -> Iterator[FaceEngine]:
    made = yunet_sface.open_engine()
    made.warm_up()
    yield made
    made.close()


def tiles(picture: Frame) -> Iterator[Frame]:
    """The whole picture in pieces in which a face of a page is large enough to be found."""
    height, width = picture.shape[:2]
    for top in range(0, max(1, height - TILE_PX + STEP_PX), STEP_PX):
        for left in range(0, max(1, width - TILE_PX + STEP_PX), STEP_PX):
            yield np.ascontiguousarray(picture[top : top + TILE_PX, left : left + TILE_PX])


def faces(engine: FaceEngine, picture: Frame) -> int:
    pieces = (tile for tile in tiles(picture) if min(tile.shape[:2]) >= STEP_PX // 4)
    return sum(face.score >= SURE for tile in pieces for face in engine.detect(tile))


def read(path: Path) -> Frame:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert picture is not None, path
    return picture


def test_no_picture_of_the_documents_shows_a_face(engine):
    taken = sorted(PICTURES.glob("*.png"))
    assert len(taken) > 50
    assert [path.name for path in taken if faces(engine, read(path))] == []


def test_a_face_on_a_page_would_have_been_found(engine):
    page = read(PICTURES / "dashboard-en.png")
    page[700:900, 500:700] = cv2.GaussianBlur(drawn_chips(200)[0], (15, 15), 0)
    assert faces(engine, page) > 0
