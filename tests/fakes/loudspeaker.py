"""A loudspeaker that keeps what it is to play, and programs written in a line or two."""

from pathlib import Path


def script(file: Path, *lines: str) -> Path:
    """A program of the shell at this path."""
    file.write_text("\n".join(("#!/bin/sh", *lines, "")))
    file.chmod(0o755)
    return file


def player(folder: Path) -> Path:
    """In place of aplay: keeps each file it is to play, by order."""
    (folder / "played").mkdir()
    count = f"n=$(ls {folder}/played | wc -l)"
    return script(
        folder / "player",
        "for last; do :; done",
        count,
        f'cp "$last" {folder}/played/$n.part',
        f"mv {folder}/played/$n.part {folder}/played/$n.wav",
    )


def played(folder: Path) -> list[Path]:
    """What it has kept, in order."""
    return sorted((folder / "played").glob("*.wav"), key=lambda file: int(file.stem))
