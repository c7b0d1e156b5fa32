"""Which engine a model release brings: its folder has a file that names it, beside the weights."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, Self, TypeVar

from edge.errors import ConfigError

ENGINE_FILE = "engine"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class _Face(Protocol):
    @property
    def release(self) -> Path | None: ...

    def model_copy(self, *, update: Mapping[str, object]) -> Self: ...


Face = TypeVar("Face", bound=_Face)


def with_release(face: Face) -> Face:
    """``[face]`` with engine and weights of its release; as it is before the first one."""
    engine = engine_of(face.release) if face.release is not None else None
    return face if engine is None else face.model_copy(update={"engine": engine, "models_dir": face.release})


def engine_of(release: Path) -> str | None:
    """The engine's name; None where no release was ever taken.

    Raises:
        ConfigError: a release is there and names no engine.
    """
    if not release.exists():
        return None
    try:
        engine = (release / ENGINE_FILE).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            "face.release",
            f"{release} has no readable file {ENGINE_FILE!r}",
            "Step back, or take another one",
        ) from error
    if not _NAME.fullmatch(engine):
        raise ConfigError("face.release", f"{ENGINE_FILE!r} names no engine", "One line such as yunet-sface")
    return engine
