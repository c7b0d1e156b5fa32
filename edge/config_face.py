"""What all doors of a node share about faces: the model, the one that goes during a change, and signs of life."""

from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from edge.config_side import Strict

LivenessName = Literal["off_demo", "passive", "challenge_on_risk", "challenge_always"]


class JudgeConfig(Strict):
    """One network of a passive liveness judge the site brings; none is shipped, and none has a limit of ours."""

    path: Path = Field(description="An ONNX file with an 80×80 input and three classes.")
    sha256: str = Field(
        pattern="^[0-9a-f]{64}$", description="Of that very file; another one is refused at start."
    )
    scale: float = Field(2.7, ge=1.0, le=8.0, description="Width of its crop in widths of the face.")


class BeforeConfig(Strict):
    """The face model that goes, while its guests enrol anew; without this table a node runs one model."""

    engine: str = Field(description="The engine that ran before; the same as `engine` is no change.")
    models_dir: Path | None = Field(None, description="A folder with its weights, as for the other one.")
    until: date = Field(
        description="On this day, in the community's time, its templates are erased and it is gone."
    )


class FaceConfig(Strict):
    enabled: bool = Field(True, description="False switches every face path off; codes are untouched.")
    engine: str = "yunet-sface"
    models_dir: Path | None = None
    release: Path | None = Field(None, description="A model release: its file `engine` and its weights.")
    before: BeforeConfig | None = Field(None, description="Only while a model is changed: the one that goes.")
    liveness: LivenessName = Field(
        "off_demo",
        description="What doors ask of faces; off_demo is for demonstrations only and is said on every screen.",
    )
    judges: tuple[JudgeConfig, ...] = Field(
        (), max_length=4, description="The networks of a passive judge, averaged; each with its sha256."
    )
    judge_min: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="A face the judge gives less is refused; measured at the site, no default.",
    )
    detect_every_ms: int = Field(
        90,
        ge=30,
        le=1_000,
        description="Time between two looks of one camera while something moves or somebody stands there.",
    )

    @model_validator(mode="after")
    def _judged(self) -> "FaceConfig":
        if bool(self.judges) != (self.judge_min is not None):
            raise ValueError("a passive judge needs both judges (path and sha256) and judge_min, or neither")
        return self
