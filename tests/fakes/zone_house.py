"""A house of gate staff with zones: two people press, and each door answers."""

from dataclasses import dataclass, replace

from fastapi import FastAPI

from cloud_sync.api.callers import Callers
from cloud_sync.api.zones import zone_router
from cloud_sync.protocol.messages import CmdAck
from cloud_sync.store.zone_commands import SqlZoneCommands
from cloud_sync.store.zones import SqlZones
from cloud_sync.web.app import create_app
from cloud_sync.web.services import Services
from tests.fakes.staff_house import CommandKey, StaffHouse
from tests.fakes.wire_ledger import told


@dataclass
class ZoneHouse(StaffHouse):
    def __post_init__(self) -> None:
        super().__post_init__()
        books = self._house()
        second = CommandKey()
        second.kid = "test-2"
        self.zones = SqlZones(books)
        self.zone_commands = SqlZoneCommands(books, self.zones, CommandKey(), second)

    @property
    def services(self) -> Services:
        return replace(super().services, zones=self.zones, zone_commands=self.zone_commands)

    def app(self) -> FastAPI:
        return create_app(self.services, routers=(zone_router(Callers(self.accounts), self.zone_commands),))


def answers(house: ZoneHouse, command_id: str, states: list[str]) -> None:
    results = house.zone_commands.state(command_id).results
    for result, state in zip(results, states, strict=False):
        ack = CmdAck(id=command_id, state=state, door=result.access_point)
        house.sink.store([told(ack, result.node)], house.clock.now)
