"""Whether a template of a face stands in clear anywhere: looked for from outside, in every file and on the bus."""

import base64
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

SLICE_BYTES = 16  # four numbers of a vector: more than chance ever repeats, less than anybody could use
SCAN_CHUNK = 1 << 24
HEAD_BYTES = 8
LIKELY_BITS = 24
LIKELY_MASK = (1 << LIKELY_BITS) - 1


def template_vectors(node: Path) -> list[bytes]:
    """The plain vectors of every template this node keeps, opened with its own key; they never leave this process.

    Run it when the node has ended: what is counted then is what the evening left behind.
    """
    from edge.store.gallery_store import GalleryStore
    from models.template import Template

    gallery = GalleryStore(node / "data/gallery.db", node / "data/gallery.key")
    try:
        templates = [Template.from_bytes(one.data) for one in gallery.all()]
    finally:
        gallery.close()
    return [row.astype("<f4").tobytes() for template in templates for row in (template.mean, *template.parts)]


def slices_of(vectors: Sequence[bytes]) -> list[bytes]:
    """What to look for: each vector cut into pieces of 16 bytes, and its beginning as base64 and hex would carry it."""
    found: list[bytes] = []
    for vector in vectors:
        found += [
            vector[at : at + SLICE_BYTES] for at in range(0, len(vector) - SLICE_BYTES + 1, SLICE_BYTES)
        ]
        begin = vector[: 2 * SLICE_BYTES]
        found += [
            base64.b64encode(b"\0" * pad + begin)[(4 if pad else 0) : -4].rstrip(b"=") for pad in (0, 1, 2)
        ]
        found.append(begin.hex().encode())
    return found


def templates_in(
    roots: Sequence[Path],
    vectors: Sequence[bytes],
    *,
    heard: Iterable[tuple[str, bytes]] = (),
    but: Sequence[Path] = (),
) -> list[str]:
    """Every file below the roots and every frame of the bus in which a piece of a template stands in clear."""
    needles = Needles(slices_of(vectors))
    found = []
    for root in roots:
        for path in sorted(root.rglob("*")):
            if path.is_file() and not any(path.is_relative_to(folder) for folder in but):
                found += [str(path)] if _stands_in(path, needles) else []
    found += [topic for topic, frame in heard if needles.stand_in(_opened(frame))]
    return found


class Needles:
    """Many byte strings, each of eight bytes or more, looked for at once: a thousand templates are 130,000 of them."""

    def __init__(self, needles: Sequence[bytes]) -> None:
        self.longest = max((len(needle) for needle in needles), default=0)
        self._by_head: dict[int, list[bytes]] = {}
        for needle in needles:
            self._by_head.setdefault(int.from_bytes(needle[:HEAD_BYTES], "little"), []).append(needle)
        self._likely = np.zeros(1 << LIKELY_BITS, bool)
        for head in self._by_head:
            self._likely[head & LIKELY_MASK] = True

    def stand_in(self, data: bytes) -> bool:
        """Whether one of them stands anywhere in these bytes."""
        return any(self._at(data, skew) for skew in range(HEAD_BYTES))

    def _at(self, data: bytes, skew: int) -> bool:
        heads = np.frombuffer(
            data, "<u8", count=max(0, len(data) - skew) // HEAD_BYTES, offset=min(skew, len(data))
        )
        for place in np.flatnonzero(self._likely[heads & np.uint64(LIKELY_MASK)]):
            at = skew + HEAD_BYTES * int(place)
            if any(data.startswith(needle, at) for needle in self._by_head.get(int(heads[place]), ())):
                return True
        return False


def _stands_in(path: Path, needles: Needles) -> bool:
    rest = b""
    with path.open("rb") as file:
        while chunk := file.read(SCAN_CHUNK):
            data = rest + chunk
            if needles.stand_in(data):
                return True
            rest = data[-needles.longest :] if needles.longest else b""
    return False


def _opened(frame: bytes) -> bytes:
    """A frame and the bytes inside it that travel as base64: parts of a snapshot, and what an envelope carries."""
    try:
        told = json.loads(frame)
        inside = [told.get("data"), told.get("ct")] if isinstance(told, dict) else []
        return frame + b"".join(base64.b64decode(one) for one in inside if isinstance(one, str))
    except ValueError:
        return frame
