"""The devices around a node that no door depends on: its supply, asked how long it lasts, and the voices at its doors."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo

from cloud_sync.protocol import messages as wire
from edge.config import NodeConfig
from edge.config_devices import VoiceConfig
from edge.core.events import AccessPointId
from edge.gateio.drivers import resolve, settings_of
from edge.kiosk.voices import Manner, Voice, Voices
from edge.ports import Clock, SupplyDriver, SupplyReading
from edge.runtime.supply import SupplyDesk


@dataclass(frozen=True, slots=True)
class Devices:
    supply: SupplyDesk
    voices: Voices

    def start(self, group: asyncio.TaskGroup) -> Callable[[], None]:
        """They work from now on, in this group; returns what ends them."""
        task = group.create_task(self.supply.run(), name="supply")
        self.voices.start()

        def end() -> None:
            task.cancel()
            self.voices.close()
            self.supply.close()

        return end

    def say(self, door: AccessPointId, key: str) -> None:
        """Aloud, where this door has a voice."""
        self.voices.say(door, key)

    def fed(self) -> SupplyReading | None:
        return self.supply.now()

    def faults(self) -> tuple[str, ...]:
        fault = self.supply.fault()
        return (*((fault,) if fault else ()), *self.voices.faults())

    def told(self) -> wire.Supply | None:
        return supply_told(self.fed())


def open_devices(config: NodeConfig, clock: Clock, zone: tzinfo, tell_state: Callable[[], None]) -> Devices:
    """Nothing is asked and nothing said yet.

    Raises:
        ConfigError: no such driver, or settings that it does not take.
    """
    voices = {AccessPointId(one.access_point): _voice(config, one) for one in config.voices}
    said = Voices(voices, lambda: clock.read().wall_ms, zone)
    return Devices(SupplyDesk(_supply(config), clock, tell_state), said)


def check_devices(config: NodeConfig) -> None:
    """Raises ConfigError as ``open_devices`` would."""
    _supply(config)
    for one in config.voices:
        _voice(config, one)


def _supply(config: NodeConfig) -> SupplyDriver | None:
    if config.supply is None:
        return None
    driver = resolve("supplies", config.supply.driver)
    opened: SupplyDriver = driver.open(settings_of(driver, config.supply.settings, "supply.settings"))
    return opened


def _voice(config: NodeConfig, one: VoiceConfig) -> Voice:
    door = AccessPointId(one.access_point)
    driver = resolve("voices", one.driver)
    settings = settings_of(driver, one.settings, f"voices.{door}.settings")
    manner = Manner(one.languages, one.volume, one.night_volume, one.night_minutes)
    return Voice(driver.open(settings, door, cache=config.data_dir / "voice"), door, manner)


def supply_told(reading: SupplyReading | None) -> wire.Supply | None:
    """As the service hears of it."""
    if reading is None:
        return None
    return wire.Supply(state=reading.state.value, charge=reading.charge, left_s=reading.left_s)
