"""The broker a node keeps for its own locks, as it is shipped: loopback, passwords, and nobody says what is not theirs."""

import os
import shutil
import subprocess
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.fakes.brokers import MOSQUITTO, free_port, listening
from tests.fakes.waiting import eventually

pytestmark = pytest.mark.mosquitto
HERE = Path(__file__).parents[2] / "firmware_config" / "mosquitto"
USERS = ("gate", "zigbee2mqtt", "shellyplus1-stair2")


@pytest.fixture
def port(tmp_path):
    shutil.copy(HERE / "locks.acl", tmp_path)
    number = free_port()
    text = (HERE / "locks.conf").read_text()
    assert text.count("listener ") == 1
    assert "listener 1883 127.0.0.1" in text
    assert "connection " not in text  # a bridge would begin so
    text = text.replace("1883", str(number)).replace("{dir}", str(tmp_path))
    (tmp_path / "locks.conf").write_text(text + ("user root\n" if os.getuid() == 0 else ""))
    (tmp_path / "locks.passwd").write_text("".join(f"{user}:{user}-word\n" for user in USERS))
    subprocess.run(["mosquitto_passwd", "-U", tmp_path / "locks.passwd"], check=True, timeout=60)
    process = subprocess.Popen([MOSQUITTO, "-c", tmp_path / "locks.conf"], stderr=subprocess.PIPE)
    try:
        eventually(lambda: listening(number), what="the broker did not start")
        yield number
    finally:
        process.terminate()
        process.communicate(timeout=60)


class Client:
    """One user; ``heard`` are the topics delivered to it."""

    def __init__(self, port: int, user: str | None, password: str | None = None) -> None:
        self.heard: list[str] = []
        self.code: list[bool] = []
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
        if user is not None:
            self._client.username_pw_set(user, password or f"{user}-word")
        self._client.on_connect = lambda *said: self.code.append(not said[3].is_failure)
        self._client.on_message = lambda *said: self.heard.append(said[2].topic)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        eventually(lambda: self.code, what="no answer from the broker")

    def hear(self, topic: str) -> None:
        subscribed: list[int] = []
        self._client.on_subscribe = lambda *said: subscribed.append(said[2])
        self._client.subscribe(topic, qos=1)
        eventually(lambda: subscribed, what="not subscribed")

    def say(self, topic: str) -> None:
        self._client.publish(topic, b"x", qos=1).wait_for_publish(60)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def client(port):
    made: list[Client] = []

    def connect(*words: str | None) -> Client:
        made.append(Client(port, *words))
        return made[-1]

    yield connect
    for one in made:
        one.close()


def test_without_its_password_nobody_comes_in(client):
    assert client("gate").code == [True]
    assert client(None).code[0] is False
    assert client("gate", "guess").code[0] is False


def test_the_node_and_the_gateway_reach_each_other(client):
    node, gateway = client("gate"), client("zigbee2mqtt")
    node.hear("zigbee2mqtt/#")
    gateway.hear("zigbee2mqtt/+/set")
    node.say("zigbee2mqtt/room-1/set")
    gateway.say("zigbee2mqtt/room-1")
    eventually(lambda: gateway.heard == ["zigbee2mqtt/room-1/set"], what="the command arrives")
    eventually(lambda: "zigbee2mqtt/room-1" in node.heard, what="the lock's word arrives")


def test_a_relay_can_open_no_room_and_speak_for_no_lock(client):
    node, gateway, relay = client("gate"), client("zigbee2mqtt"), client("shellyplus1-stair2")
    node.hear("#")
    node.hear("zigbee2mqtt/#")
    node.hear("+/online")
    gateway.hear("zigbee2mqtt/#")
    for topic in (
        "zigbee2mqtt/room-1/set",
        "zigbee2mqtt/room-1",
        "shellyplus1-other/online",
        "shellyplus1-other/rpc",
    ):
        relay.say(topic)
    relay.say("shellyplus1-stair2/online")  # its own: the proof that delivery works
    eventually(lambda: "shellyplus1-stair2/online" in node.heard, what="the relay's own word arrives")
    assert set(node.heard) == {"shellyplus1-stair2/online"}
    assert gateway.heard == []


def test_a_command_to_a_gateway_that_is_away_is_kept_for_nobody(client, port):
    node = client("gate")
    node.say("zigbee2mqtt/room-1/set")
    gateway = client("zigbee2mqtt")
    gateway.hear("zigbee2mqtt/+/set")
    node.say("zigbee2mqtt/room-2/set")
    eventually(lambda: gateway.heard, what="the next command arrives")
    assert gateway.heard == ["zigbee2mqtt/room-2/set"]
