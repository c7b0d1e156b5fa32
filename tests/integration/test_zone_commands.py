"""Two people lock down a zone: real service, real mosquitto, real nodes; the page's line counts what their ledgers hold."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the rig is not a test and not a package

from node_rig import NodeRig

from cloud_sync.cli_zones import sentence
from cloud_sync.compose import join_file, set_up
from cloud_sync.config import load
from cloud_sync.ports_zones import ZoneCommandView
from cloud_sync.service import Service
from cloud_sync.store.places import AccessPointSpec, NodeJoin
from demo.stage import wait_until
from tests.fakes.brokers import Mosquitto, free_port
from tests.fakes.community_house import public_key

pytestmark = pytest.mark.clips

SERVICE = """
data_dir = "service"

[community]
code = "test"
name_zh = "测试"
name_en = "Test"
synthetic = true

[web]
tls = false
port = {web_port}

[broker]
embedded = false
port = {port}
"""
DOORS = {"n1": "AP-t-001", "n2": "AP-t-002", "n3": "AP-t-003"}


@dataclass
class Site:
    service: Service
    rigs: dict[str, NodeRig]

    def told(self, zone: str, op: str) -> ZoneCommandView:
        """Two people say it; how it stands when every door has answered or its time is over."""
        commands = self.service.books.zone_commands
        command_id = commands.propose(zone, op, actor="li", reason="a test")
        commands.second(command_id, actor="wang")
        wait_until(lambda: commands.state(command_id).ended, within_s=75, what=f"{op} in {zone}")
        return commands.state(command_id)


@pytest.fixture
def site(tmp_path_factory: pytest.TempPathFactory, clips: Path) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("z")
    broker = Mosquitto(folder)
    (folder / "service.toml").write_text(SERVICE.format(port=broker.port, web_port=free_port()))
    config = load(folder / "service.toml")
    set_up(config)
    broker.start()
    with Service(config) as service:
        rigs = {}
        for node, door in DOORS.items():
            join = NodeJoin(node, node, public_key(), (AccessPointSpec(door, "gate", "门", "Gate"),))
            service.books.registry.add_node(join)
            (folder / node).mkdir()
            rigs[node] = NodeRig(
                folder / node, clips, face=False, broker_port=broker.port, node=node, door=door
            )
        service.books.zones.put(
            "fire-1",
            kind="fire",
            name_zh="一区",
            name_en="1",
            doors=(DOORS["n1"], DOORS["n2"]),
            actor="zhao",
        )
        for node, rig in rigs.items():
            (rig.folder / "join.json").write_bytes(join_file(service.books, node))
            sure_of_the_time(rig)
        yield Site(service, rigs)
    broker.stop()


def sure_of_the_time(rig: NodeRig) -> None:
    """A broadcast quotes no nonce, so only nodes obey that can judge its age; this machine's clock may be unset."""
    clock = rig.folder / "clock.json"
    clock.write_text('{"offset_ms": 0, "synchronised": true}')
    config = rig.config.read_text()
    rig.config.write_text(config.replace("[clock]\n", f'[clock]\nrehearsal = "{clock}"\n'))


def done(rig: NodeRig) -> list[str]:
    return [event.body["x"]["op"] for event in rig.events("command.done")]


def test_a_zone_is_locked_down_released_and_one_silent_door_is_named(site: Site) -> None:
    first, second, third = site.rigs.values()
    with first, third:
        with second:
            view = site.told("fire-1", "lockdown")
            assert sentence(view) == "2 of 2 doors did it"
            assert [rig.door()["mode"] for rig in (first, second, third)] == [
                "LOCKED_DOWN", "LOCKED_DOWN", "LOCKED",
            ]  # fmt: skip
            assert site.told("fire-1", "lockdown_release").tally.did == 2
            assert (done(first), done(third)) == (["lockdown", "lockdown_release"], [])
        view = site.told("site", "block")
        assert sentence(view) == "2 of 3 doors did it; 1 silent"
        (silent,) = [one.access_point for one in view.results if one.state != "DONE"]
        assert silent == DOORS["n2"]
        assert done(first) == ["lockdown", "lockdown_release", "block"]
        with second:  # back too late: it never hears of that one
            assert site.told("fire-1", "lock").tally.did == 2
            assert "block" not in done(second)
