"""What the node knows of the engine that runs in its vision worker."""

from edge.runtime.sightings import EngineState
from models.calibration import shipped_calibration
from models.engine import EngineInfo
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


def same_model(template: Template, engine: EngineInfo) -> bool:
    """A template of another model is skipped and never compared (its holder enrols again)."""
    return (template.engine_id, template.embedder_sha256) == (engine.engine_id, engine.model_sha256)
