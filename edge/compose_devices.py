"""The devices around a node that no door depends on: its supply, asked how long it lasts."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from cloud_sync.protocol import messages as wire
from edge.config import NodeConfig
from edge.gateio.drivers import resolve, settings_of
from edge.ports import Clock, SupplyDriver, SupplyReading
from edge.runtime.supply import SupplyDesk


@dataclass(frozen=True, slots=True)
class Devices:
    supply: SupplyDesk

    def start(self, group: asyncio.TaskGroup) -> Callable[[], None]:
        """They work from now on, in this group; returns what ends them."""
        tasks = [group.create_task(self.supply.run(), name="supply")]

        def end() -> None:
            for task in tasks:
                task.cancel()
            self.supply.close()

        return end

    def told(self) -> wire.Supply | None:
        return supply_told(self.supply.now())


def open_devices(config: NodeConfig, clock: Clock, tell_state: Callable[[], None]) -> Devices:
    """Nothing is asked yet.

    Raises:
        ConfigError: no such driver, or settings that it does not take.
    """
    return Devices(SupplyDesk(_supply(config), clock, tell_state))


def check_devices(config: NodeConfig) -> None:
    """Raises ConfigError as ``open_devices`` would."""
    _supply(config)


def _supply(config: NodeConfig) -> SupplyDriver | None:
    if config.supply is None:
        return None
    driver = resolve("supplies", config.supply.driver)
    opened: SupplyDriver = driver.open(settings_of(driver, config.supply.settings, "supply.settings"))
    return opened


def supply_told(reading: SupplyReading | None) -> wire.Supply | None:
    """As the service hears of it."""
    if reading is None:
        return None
    return wire.Supply(state=reading.state.value, charge=reading.charge, left_s=reading.left_s)
