"""A folder of synthetic people as a community would bring photos: ``Identity/Identity_0001.png``, lists beside it."""

from collections.abc import Sequence
from pathlib import Path

import cv2

from models.engines.synthetic import synthetic_frame

SIZE = (64, 96)


def photo_folder(root: Path, photos: Sequence[int], *, name: str = "people") -> Path:
    """``photos[i]`` pictures of the i-th person; returns the folder of people."""
    folder = root / name
    for person, count in enumerate(photos):
        own = folder / f"p{person:04d}"
        own.mkdir(parents=True)
        for number in range(1, count + 1):
            frame = synthetic_frame(f"p{person:04d}", number, SIZE)
            assert cv2.imwrite(str(own / f"p{person:04d}_{number:04d}.png"), frame)
    return folder


def pairs_list(folder: Path, photos: Sequence[int], *, folds: int = 4) -> None:
    """Of everybody with two photos one same pair, and as many different ones."""
    able = [person for person, count in enumerate(photos) if count >= 2]
    lines = ["# fold, then a pair"]
    for spot, person in enumerate(able):
        other = able[(spot + 1) % len(able)]
        lines.append(f"{spot % folds}\tp{person:04d}\t1\t2")
        lines.append(f"{spot % folds}\tp{person:04d}\t1\tp{other:04d}\t1")
    folder.with_name(f"{folder.name}-pairs.txt").write_text("\n".join(lines) + "\n")
