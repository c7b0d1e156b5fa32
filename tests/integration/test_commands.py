"""A command from the service's books to a lock that moves: real service, broker, node, gate-io, ledger and keys."""

import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import paho.mqtt.client as paho
import pytest
import sqlalchemy as sa
from paho.mqtt.enums import CallbackAPIVersion
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent))  # the rig is not a test and not a package

from node_rig import NodeRig, Phone, pass_row

from cloud_sync.cli import app
from cloud_sync.compose import join_file, set_up, wait_for_command
from cloud_sync.config import load
from cloud_sync.core.commands import ENDED
from cloud_sync.protocol import commands
from cloud_sync.protocol.commands import Argument, Command
from cloud_sync.protocol.messages import CmdAck, decode
from cloud_sync.protocol.topics import NodeTopics
from cloud_sync.service import Service
from cloud_sync.store import tables
from cloud_sync.store.engine import reading
from cloud_sync.store.places import AccessPointSpec, NodeJoin
from demo.stage import wait_until
from edge.drivers.inputs.simulated import set_point
from edge.ports import Point
from tests.fakes.brokers import free_port
from tests.fakes.community_house import public_key

pytestmark = pytest.mark.clips

TOPICS = NodeTopics("test", "n1")
GATE = "AP-t-001"
DAY_MS = 86_400_000

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
port = {port}
"""


class Listener:
    """Somebody on the bus who hears answers and may say whatever he likes."""

    def __init__(self, port: int) -> None:
        self.answers: list[CmdAck] = []
        self.frames: list[bytes] = []
        self._ready = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311)
        self._client.on_connect = lambda client, *_: client.subscribe(
            [(TOPICS.up("cmdack"), 1), (TOPICS.cmd, 1)]
        )
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._ready.wait(60)

    def _on_message(self, _client: object, _user: object, message: paho.MQTTMessage) -> None:
        if message.topic == TOPICS.cmd:
            self.frames.append(bytes(message.payload))
        else:
            self.answers.append(decode(message.payload, CmdAck))

    def says(self, frame: bytes, *, retain: bool = False) -> None:
        self._client.publish(TOPICS.cmd, frame, qos=1, retain=retain).wait_for_publish(60)

    def hears(self, state: str, *, n: int = 1) -> CmdAck:
        def found() -> list[CmdAck]:
            return [answer for answer in self.answers if answer.state == state]

        wait_until(lambda: len(found()) >= n, within_s=60, what=f"{n} × {state} in {self.answers}")
        return found()[n - 1]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@dataclass
class House:
    """The whole service with its own broker, a listener, and one node that has joined."""

    service: Service
    rig: NodeRig
    bus: Listener

    def issue(self, op: str, **more: str) -> str:
        return self.service.books.commands.issue(GATE, op, actor="guard-7", reason="a test", **more)

    def types(self, *words: str) -> tuple[int, str]:
        """Somebody at the service's machine: exit code and last line."""
        config = str(self.rig.folder / "service.toml")
        typed = CliRunner().invoke(
            app, ["command", *words, "--reason", "a test", "--wait", "--config", config]
        )
        return typed.exit_code, typed.output.splitlines()[-1]

    def ends(self, command_id: str) -> tuple[str, str]:
        view = wait_for_command(self.service.books, command_id)
        assert view.state in ENDED, (view, self.rig.log())
        return view.state, view.why

    def done(self, op: str, **more: str) -> str:
        command_id = self.issue(op, **more)
        assert self.ends(command_id) == ("DONE", "")
        return command_id

    def nonce(self) -> str:
        """This machine's clock may be one that nobody has set; then a command has to quote the last hello."""
        with reading(self.service.books.engine).connect() as db:
            return db.execute(sa.select(tables.node_state.c.nonce)).scalar() or ""

    def framed(self, **more: object) -> bytes:
        """Signed by the true key, and said by somebody else."""
        key, now_ms = self.service.books.keys.commands, self.service.books.clock.now_ms()
        words: dict[str, object] = {
            "v": 1,
            "t": "test",
            "node": "n1",
            "door": GATE,
            "id": "00000000000000aa",
            "ctr": now_ms,
            "iat": now_ms,
            "exp": now_ms + 10_000,
            "nonce": self.nonce(),
            "op": "release",
            "arg": Argument(),
            "iss": "guard-7",
            "kid": key.kid,
            **more,
        }
        body = commands.encode_command(Command(**words))
        return commands.frame(body, key.sign(commands.signing_bytes(body)))


@pytest.fixture
def house(tmp_path_factory: pytest.TempPathFactory, clips: Path) -> Iterator[House]:
    folder, port = tmp_path_factory.mktemp("n"), free_port()
    (folder / "service.toml").write_text(SERVICE.format(port=port, web_port=free_port()))
    config = load(folder / "service.toml")
    set_up(config)
    rig = NodeRig(folder, clips, face=False, broker_port=port)
    with Service(config) as service:
        join = NodeJoin("n1", "n1", public_key(), (AccessPointSpec(GATE, "gate", "门", "Gate"),))
        service.books.registry.add_node(join)
        (folder / "join.json").write_bytes(join_file(service.books, "n1"))
        bus = Listener(port)
        yield House(service, rig, bus)
        bus.close()


def test_a_release_opens_the_lock_once_and_every_book_says_by_whom(house: House) -> None:
    with house.rig as rig:
        command_id = house.done("release", arg="class=visitor")
        granted = rig.wait_event("access.granted")
        assert (granted["actor"], granted["credential_kind"], granted["class"]) == (
            "guard-7", "guard", "visitor",
        )  # fmt: skip
        done = rig.wait_event("command.done")
        assert (done["actor"], done["x"]) == ("guard-7", {"cmd": command_id, "op": "release"})
        rig.wait_event("access.not_taken")
        house.bus.says(house.bus.frames[0])
        assert house.bus.hears("done", n=2) == house.bus.hears("done")
        assert rig.lock_moves() == ["energise", "de-energise"]
        assert len(rig.events("command.done")) == 1


def test_unlock_block_and_lock_move_the_door_from_mode_to_mode(house: House) -> None:
    phone = Phone()
    house.rig.put_passes(pass_row("p-code", phone), version=1_000)
    with house.rig as rig:
        house.done("unlock")
        assert (rig.door()["mode"], rig.lock_moves()) == ("UNLOCKED", ["energise"])
        house.done("block")
        assert (rig.door()["mode"], rig.lock_moves()) == ("BLOCKED", ["energise", "de-energise"])
        assert house.ends(house.issue("release")) == ("REJECTED", "pt:Blocked")
        assert rig.wait_event("command.refused")["reason"] == "pt:Blocked"
        set_point(rig.folder / "rig.sock", GATE, Point.REX, True)
        set_point(rig.folder / "rig.sock", GATE, Point.REX, False)
        assert rig.wait_event("access.granted")["credential_kind"] == "rex"
        rig.wait_event("access.not_taken")
        assert rig.lock_moves() == ["energise", "de-energise"] * 2
        exit_code, said = house.types("lock", GATE)
        assert (exit_code, said.split()[1:]) == (0, ["DONE"])
        assert rig.door()["mode"] == "LOCKED"
        assert [event.body["mode"] for event in rig.events("door.mode")] == ["UNLOCKED", "BLOCKED", "LOCKED"]


@pytest.mark.story("21f")
def test_what_is_late_forged_or_was_left_lying_about_opens_nothing(house: House) -> None:
    now_ms = house.service.books.clock.now_ms()
    house.bus.says(house.framed(id="00000000000000bb"), retain=True)
    with house.rig as rig:
        assert rig.wait_event("command.refused")["reason"] == "retained"
        # Older than the doubt of any clock that may be left to itself.
        house.bus.says(house.framed(iat=now_ms - 400 * DAY_MS, exp=now_ms - 400 * DAY_MS + 10_000))
        assert house.bus.hears("refused").why == "expired"
        forged = bytearray(house.framed(id="00000000000000cc"))
        forged[5] ^= 1
        house.bus.says(bytes(forged))
        reasons = [rig.wait_event("command.refused", n=n)["reason"] for n in (1, 2, 3)]
        assert sorted(reasons) == ["bad_sig", "expired", "retained"]
        house.done("lock")
        assert rig.lock_moves() == []
        assert [answer.id for answer in house.bus.answers if answer.state == "refused"] == [
            "00000000000000aa"
        ]


@pytest.mark.story("21f")
def test_a_node_that_comes_back_too_late_never_hears_of_it(house: House) -> None:
    exit_code, said = house.types("release", GATE)
    assert (exit_code, said.split()[1:]) == (1, ["EXPIRED", "x:NoAnswer"])
    with house.rig as rig:
        house.done("lock")
        assert rig.events("access.granted") == []
        assert rig.lock_moves() == []
