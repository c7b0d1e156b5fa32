"""Engines by name, found by the entry point group ``gatehouse.face_engines``: ours like a stranger's."""

from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import cast

from models.engine import EngineError, FaceEngine

GROUP = "gatehouse.face_engines"


def engine_names() -> tuple[str, ...]:
    """Every installed engine's name, sorted."""
    return tuple(sorted({point.name for point in metadata.entry_points(group=GROUP)}))


def open_face_engine(name: str, *, models_dir: Path | None = None) -> FaceEngine:
    """The engine of this name, not yet loaded; ``warm_up`` loads and proves it.

    Raises:
        EngineError: no engine has this name, or its library is not installed.
    """
    for point in metadata.entry_points(group=GROUP, name=name):
        opener = cast("Callable[..., FaceEngine]", point.load())
        return opener(models_dir=models_dir)
    raise EngineError(f"no face engine is named {name!r}. Installed: {', '.join(engine_names())}.")
