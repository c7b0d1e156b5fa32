"""What the worker tells of its engine, and what the node makes of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from edge.core.passes import Pass
from edge.runtime.sightings import EngineState
from models.calibration import shipped_calibration
from models.engine import EngineInfo, Vector
from models.template import Template


def engine_info(told: EngineState) -> EngineInfo:
    """The engine as the node needs it: which templates it can be compared with, and its measured table."""
    assert told.score in ("cosine", "one_minus_chord")
    return EngineInfo(
        engine_id=told.engine_id,
        model_sha256=told.model_sha256,
        detector_sha256=told.detector_sha256,
        dim=told.dim,
        score="cosine" if told.score == "cosine" else "one_minus_chord",
        calibration=shipped_calibration(told.engine_id, told.model_sha256),
        licence=told.licence,
        simulated=told.simulated,
    )


def engine_state(info: EngineInfo, load_ms: int) -> EngineState:
    """What the worker tells of an engine that is loaded and proven."""
    return EngineState(
        ok=True,
        load_ms=load_ms,
        engine_id=info.engine_id,
        model_sha256=info.model_sha256,
        detector_sha256=info.detector_sha256,
        dim=info.dim,
        score=info.score,
        simulated=info.simulated,
        licence=info.licence,
    )


def same_model(template: Template, engine: EngineInfo) -> bool:
    """A template of another model is skipped and never compared (its holder enrols again)."""
    return (template.engine_id, template.embedder_sha256) == (engine.engine_id, engine.model_sha256)


@dataclass(frozen=True, slots=True)
class Enrolled:
    """Who may be recognised at a door by one model, and the largest number of images in a template of theirs."""

    rows: tuple[tuple[str, Vector], ...] = ()
    k: int = 1


NOBODY = Enrolled()


def gallery_rows(
    holders: Iterable[Pass], templates: Mapping[str, Template], engine: EngineInfo
) -> tuple[list[tuple[str, Vector]], int]:
    """The rows of a door's gallery, one for each holder with a template of this engine, and the largest k of them."""
    mine = [
        (str(holder.pass_id), template)
        for holder in holders
        if (template := templates.get(holder.pass_id)) is not None and same_model(template, engine)
    ]
    rows = [(pass_id, template.mean) for pass_id, template in mine]
    return rows, max((template.k for _, template in mine), default=1)
