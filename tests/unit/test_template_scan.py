"""The outside look for templates in clear finds every shape it says it finds, and nothing where nothing is."""

import base64
import json
from pathlib import Path

import pytest

from demo import scan
from edge.store.gallery_store import GalleryStore
from tests.fakes.sealed_nodes import template

MADE = template(7)
VECTORS = [row.astype("<f4").tobytes() for row in (MADE.mean, *MADE.parts)]


def planted(folder: Path, data: bytes) -> list[str]:
    (folder / "file.bin").write_bytes(data)
    return scan.templates_in([folder], VECTORS)


@pytest.mark.parametrize("skew", range(16))
@pytest.mark.invariant(4)
def test_any_31_bytes_of_a_vector_are_found_wherever_they_begin(tmp_path: Path, skew: int) -> None:
    piece = VECTORS[2][64 + skew : 64 + skew + 31]
    assert planted(tmp_path, b"x" * (5 + skew) + piece + b"y" * 9) == [str(tmp_path / "file.bin")]


@pytest.mark.parametrize("skew", range(3))
def test_a_whole_vector_is_found_as_base64_and_as_hex(tmp_path: Path, skew: int) -> None:
    assert planted(tmp_path, base64.b64encode(b"z" * skew + VECTORS[1]))
    assert planted(tmp_path, b"=" + VECTORS[3].hex().encode())


def test_a_vector_across_two_chunks_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "SCAN_CHUNK", 100)
    assert planted(tmp_path, b"x" * 93 + VECTORS[0][:31])


def test_on_the_bus_what_travels_as_base64_is_opened_first(tmp_path: Path) -> None:
    told = {"ct": base64.b64encode(b"ab" + MADE.to_bytes()).decode()}
    heard = [("n/a/ev", b"{}"), ("n/a/sealed", json.dumps(told).encode()), ("n/a/st", b"\xff")]
    assert scan.templates_in([tmp_path], VECTORS, heard=heard) == ["n/a/sealed"]


def test_a_sealed_gallery_is_no_find_and_opens_with_its_own_key(tmp_path: Path) -> None:
    data = tmp_path / "node" / "data"
    gallery = GalleryStore(data / "gallery.db", data / "gallery.key")
    gallery.put("P-1", MADE.to_bytes(), not_after_ms=1)
    gallery.close()
    assert scan.template_vectors(tmp_path / "node") == VECTORS
    assert scan.templates_in([tmp_path], VECTORS) == []


def test_an_excepted_folder_is_left_out(tmp_path: Path) -> None:
    assert planted(tmp_path, VECTORS[0])
    assert scan.templates_in([tmp_path], VECTORS, but=[tmp_path]) == []
