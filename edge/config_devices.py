"""What may be written of the devices around a node that no door depends on."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from edge.config_side import Strict

Loud = Annotated[float, Field(ge=0.0, le=1.0)]


class SupplyConfig(Strict):
    """The uninterruptible supply of this node, which says how long its battery lasts."""

    driver: str = Field(description="An installed supply driver: nut (Network UPS Tools) or simulated.")
    settings: dict[str, Any] = Field(
        default_factory=dict, description="The driver's own keys, see [drivers](#drivers)."
    )


class VoiceConfig(Strict):
    """A voice at one door, which says aloud what its screen says; without one the door is silent but for its tones."""

    access_point: str = Field(
        pattern=r"^[A-Za-z0-9_.-]{1,64}$", description="At which door its loudspeaker is."
    )
    driver: str = Field(description="An installed voice driver: espeak (espeak-ng and ALSA) or simulated.")
    settings: dict[str, Any] = Field(
        default_factory=dict, description="The driver's own keys, see [drivers](#drivers)."
    )
    languages: tuple[Literal["zh", "en"], ...] = Field(
        ("zh", "en"), min_length=1, max_length=2, description="Spoken one after the other, in this order."
    )
    volume: Loud = Field(0.8, description="By day, 0 to 1.")
    night_volume: Loud = Field(0.3, description="By night; 0 says nothing then.")
    night: str = Field(
        "22:00-07:00",
        pattern=r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$",
        description="From when to when it is night, by the community's time; the same twice is never.",
    )

    @model_validator(mode="after")
    def _each_once(self) -> "VoiceConfig":
        if len(set(self.languages)) != len(self.languages):
            raise ValueError("languages names one twice")
        return self

    @property
    def night_minutes(self) -> tuple[int, int]:
        """As minutes of the day."""
        begins, ends = (int(part[:2]) * 60 + int(part[3:]) for part in self.night.split("-"))
        return begins, ends


def odd_voices(voices: Sequence[VoiceConfig], doors: Sequence[str]) -> Iterator[str]:
    """What voices and doors say against each other."""
    named = [voice.access_point for voice in voices]
    for door in sorted(set(named)):
        if door not in doors:
            yield f"a voice is at {door}, which is no door of this node"
        if named.count(door) > 1:
            yield f"door {door} has two voices"
