"""The locks this node drives itself: its own broker, the drivers, and how they stand beside gate-io's doors."""

import contextlib
from dataclasses import dataclass

from edge.config import NodeConfig
from edge.core.door_profile import RANGES_MS
from edge.core.events import AccessPointId
from edge.drivers.mqtt_bench import BenchAddress, MqttBench, open_bench
from edge.errors import ConfigError
from edge.gateio.client import GateIoClient
from edge.gateio.drivers import resolve, settings_of
from edge.gateio.profile import DoorTable, LockProfile, Profile
from edge.runtime.control import Answer, Handler
from edge.runtime.node_locks import NodeLocks


@dataclass
class OwnLocks:
    """``async with`` it, inside gate-io's client: the broker first, then every lock to its rest."""

    locks: NodeLocks
    bench: MqttBench | None

    async def __aenter__(self) -> "OwnLocks":
        async with contextlib.AsyncExitStack() as stack:
            if self.bench is not None:
                await stack.enter_async_context(self.bench)
            await stack.enter_async_context(self.locks)
            self._open = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    @property
    def handlers(self) -> dict[str, Handler]:
        """What a technician may ask of them."""

        async def rows(_: Answer) -> Answer:
            return {"locks": self.locks.rows()}

        return {"locks": rows}


def open_locks(config: NodeConfig, io_profile: Profile, io: GateIoClient | None) -> OwnLocks:
    """Every door the profile does not give to gate-io, by its driver; nothing is connected yet.

    Raises:
        ConfigError: a driver's table, or the password of the broker.
    """
    locks = NodeLocks(io)
    address = config.mqtt_locks
    mine = _of_node(config, io_profile)
    if address is None or not mine:
        return OwnLocks(locks, None)
    bench = open_bench(
        BenchAddress(address.host, address.port, address.user, address.password_file),
        f"gate-node {config.node}",
    )
    for table in mine:
        door = AccessPointId(table.access_point)
        driver = resolve("node_locks", table.lock.driver)
        settings = settings_of(driver, table.lock.rest, f"{door}.lock")
        locks.take(door, driver.open(settings, door, bus=bench, tell=locks.tell))
    return OwnLocks(locks, bench)


def slowest_bolt_ms(table: DoorTable) -> int:
    """By when a door that calls its bolt jammed must have heard of it; 0 where gate-io drives the lock.

    The driver gives a radio its own deadline and says itself when the bolt did not follow; nobody is told earlier.
    """
    if table.hosted:
        return 0
    settings = settings_of(resolve("node_locks", table.lock.driver), table.lock.rest, "lock")
    return min(int(settings.deadline_ms) + BOLT_MARGIN_MS, RANGES_MS["t_bolt_confirm_ms"][1])


BOLT_MARGIN_MS = 2_000


def check_locks(config: NodeConfig, io_profile: Profile) -> None:
    """What the profile asks of the node and the node's file does not give.

    Raises:
        ConfigError: no broker for its locks, or a lock whose rest needs current.
    """
    for table in _of_node(config, io_profile):
        if config.mqtt_locks is None:
            raise ConfigError(
                "mqtt_locks",
                f"is missing, and the lock of {table.access_point} ({table.lock.driver}) stands on the node's own broker",
                "Write the section, see docs/drivers/zigbee2mqtt.md",
            )
        if table.lock_profile is LockProfile.MAGLOCK_FAIL_SAFE:
            raise ConfigError(
                f"{table.access_point}.lock_profile",
                f"is {table.lock_profile}, and {table.lock.driver} releases by current",
                "Use a lock that gate-io drives: a magnet's way out must not depend on the node",
            )


def _of_node(config: NodeConfig, io_profile: Profile) -> list[DoorTable]:
    served = {door.access_point for door in config.doors}
    return [table for table in io_profile.door if not table.hosted and table.access_point in served]
