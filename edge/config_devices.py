"""What may be written of the devices around a node that no door depends on."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SupplyConfig(Strict):
    """The uninterruptible supply of this node, which says how long its battery lasts."""

    driver: str = Field(description="An installed supply driver: nut (Network UPS Tools) or simulated.")
    settings: dict[str, Any] = Field(
        default_factory=dict, description="The driver's own keys, see [drivers](#drivers)."
    )
