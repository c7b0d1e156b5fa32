"""A building node on real parts: its broker, its locks' program, its ledger and pass book; only screens and link are deaf."""

import asyncio
import contextlib
import itertools
import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from cloud_sync.protocol import merkle
from edge.compose import build_node, open_stores
from edge.compose_locks import check_locks, open_locks
from edge.config import NodeConfig
from edge.core.door_events import Command, Verb
from edge.core.events import AccessPointId, GrantId
from edge.drivers.clock import clock_of
from edge.gateio.profile import Profile, parse_profile
from edge.runtime.hands import Did
from edge.runtime.node import Node, Parts
from edge.store.device_key import Join
from tests.fakes.mqtt_house import Peer


def profile_of(folder: Path, rooms: list[str], **settings: object) -> Profile:
    """Every room with its battery lock, and nothing that gate-io would drive."""
    doors = [
        {
            "access_point": room,
            "lock_profile": "motor_bolt",
            "rex_unlocks": False,
            "lock": {"driver": "zigbee2mqtt", "name": room, **settings},
        }
        for room in rooms
    ]
    return parse_profile({"socket": str(folder / "io"), "door": doors})


def config_of(folder: Path, rooms: list[str], port: int) -> NodeConfig:
    return NodeConfig.model_validate(
        {
            "node": "building-4",
            "simulation": True,
            "data_dir": folder / "data",
            "join_file": folder / "join.json",
            "io_profile": folder / "io.toml",
            "clock": {"rtc": "present"},
            "face": {"enabled": False},
            "mqtt_locks": {"port": port},
            "doors": [{"access_point": room, "kind": "room", "t_release_ms": 2_000} for room in rooms],
        }
    )


JOIN = Join("dongfang", "building-4", "k1", b"", frozenset(), ZoneInfo("Asia/Shanghai"))


class Deaf:
    """Screens nobody looks at."""

    def show(self, *_: object) -> None: ...


class Building:
    """``async with`` it."""

    def __init__(self, folder: Path, rooms: list[str], port: int, peer: Peer, **settings: object) -> None:
        (folder / "data").mkdir()
        self.peer = peer
        self.config, self.profile = config_of(folder, rooms, port), profile_of(folder, rooms, **settings)
        check_locks(self.config, self.profile)
        self.own = open_locks(self.config, self.profile, None)
        self.stores = open_stores(self.config)
        clock = clock_of("present", None)
        numbers = itertools.count(1)
        self._counter = itertools.count(1)
        parts = Parts(
            clock=clock,
            io=self.own.locks,
            ledger=self.stores.ledger,
            book=self.stores.book,
            templates=self.stores.templates,
            screens=Deaf(),
            wake_link=lambda: None,
            tell_state=lambda: None,
            boot_id="b1",
            build_ms=0,
            new_id=lambda: f"id-{next(numbers)}",
            own_locks=self.own.locks,
        )
        self.node: Node = build_node(self.config, self.profile, parts, self.stores, JOIN)

    async def __aenter__(self) -> "Building":
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(self.stores.close)
            stack.callback(self.node.close)
            await stack.enter_async_context(self.own)
            running = asyncio.create_task(self.node.run(asyncio.Queue()))
            stack.push_async_callback(asyncio.gather, running, return_exceptions=True)
            stack.callback(running.cancel)
            self._open = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    def take_passes(self, rows: list[Any]) -> None:
        assert self.stores.book.apply(1, merkle.root(1, rows), merkle.pack(rows), now_ms=0)
        self.node.passes_changed()

    async def let_in(self, room: str) -> Did:
        """A guard opens this door once."""
        number = next(self._counter)
        door = AccessPointId(room)
        command = Command(Verb.ACCESS, actor="S-7", counter=number, grant_id=GrantId(f"G-{number}"))
        return await self.node.gates[door].on_command(command)

    def facts(self, kind: str) -> int:
        ledger = self.stores.ledger
        rows = ledger.rows(range(1, ledger.head + 1), bytes_max=50_000_000)
        return sum(json.loads(row.body)["type"] == kind for row in rows)

    def radios(self) -> dict[str, Any]:
        return {row["access_point"]: row for row in self.own.locks.rows()}
