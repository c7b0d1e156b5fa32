"""Parts of a node's file that concern no single door: its clock, its own broker, and looks by staff."""

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ClockConfig(Strict):
    rtc: Literal["auto", "present", "absent"] = Field(
        "auto", description="Whether a battery-backed clock keeps the time; auto asks the kernel."
    )
    rehearsal: Path | None = Field(
        None, description="For drills at simulated locks only: a file that moves this node's time of day."
    )


class MqttLocksConfig(Strict):
    """The node's own broker, on loopback; only where locks stand on it (zigbee2mqtt, Shelly)."""

    host: Literal["127.0.0.1", "::1", "localhost"] = Field(
        "127.0.0.1", description="Always this machine: no other has to reach a lock."
    )
    port: int = Field(1883, ge=1, le=65_535, description="Where that broker listens.")
    user: str = Field(
        "gate", max_length=64, description="As whom the node speaks; empty where it asks nobody."
    )
    password_file: Path | None = Field(
        None, description="A file with the password alone, readable by the node only."
    )

    @model_validator(mode="after")
    def _whole(self) -> "MqttLocksConfig":
        if self.password_file is not None and not self.user:
            raise ValueError("mqtt_locks has a password_file and no user")
        return self


class PreviewConfig(Strict):
    """Off while no network stands here; there is no key that records."""

    networks: tuple[IPv4Network | IPv6Network, ...] = Field(
        (),
        max_length=16,
        description="From where staff may look through a door's camera while they hold a button; empty = nobody.",
    )
    seconds: int = Field(30, ge=1, le=60, description="The longest one look takes, however long it is held.")
    fps: int = Field(4, ge=1, le=5, description="Pictures a second, at most.")

    @model_validator(mode="after")
    def _on_the_site(self) -> "PreviewConfig":
        for network in self.networks:
            if not (network.is_private or network.is_link_local):
                raise ValueError(f"network {network} is not of the site; only private networks may look")
        return self
