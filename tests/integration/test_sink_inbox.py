"""The broker as the service sees it: whatever happens to the connection, a new one follows and the port keeps its word."""

from collections import deque
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from cloud_sync.ingest.inbox import BrokerAddress, PahoInbox
from cloud_sync.ports import Delivery
from tests.fakes.brokers import Iotcore, free_port
from tests.fakes.waiting import eventually


@pytest.fixture
def broker(tmp_path: Path):
    broker = Iotcore(tmp_path)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def inbox(broker: Iotcore):
    inbox = PahoInbox(BrokerAddress("127.0.0.1", broker.port, "sync"), ["up/#"])
    eventually(lambda: inbox.connected)
    yield inbox
    inbox.close()


@pytest.fixture
def sender(broker: Iotcore):
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="sender", protocol=paho.MQTTv311)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    yield client
    client.disconnect()
    client.loop_stop()


def take(inbox: PahoInbox, count: int) -> list[Delivery]:
    taken: list[Delivery] = []
    eventually(lambda: taken.extend(inbox.take(most=count - len(taken), within_s=0.1)) or len(taken) == count)
    return taken


def test_what_arrives_is_taken_in_order(inbox: PahoInbox, sender: paho.Client) -> None:
    for n in range(3):
        sender.publish("up/x", f"{n}", qos=1)
    assert [one.payload for one in take(inbox, 3)] == [b"0", b"1", b"2"]


def test_a_token_of_an_earlier_connection_settles_nothing(inbox: PahoInbox, sender: paho.Client) -> None:
    sender.publish("up/x", b"first", qos=1)
    (old,) = take(inbox, 1)
    session = inbox.session
    inbox._lost.set()
    eventually(lambda: inbox.session > session)
    acked: list[int] = []
    inbox._client.ack = lambda mid, qos: acked.append(mid)
    inbox.settle([old])
    eventually(lambda: not inbox._settled)
    assert acked == []
    sender.publish("up/x", b"second", qos=1)
    (new,) = take(inbox, 1)
    inbox.settle([new])
    eventually(lambda: len(acked) == 1)


def test_whatever_breaks_in_the_library_costs_a_connection_and_never_the_inbox(
    inbox: PahoInbox, sender: paho.Client
) -> None:
    def broken() -> None:
        raise AssertionError("a fault of the library's own")

    session = inbox.session
    inbox._client.loop_misc = broken
    eventually(lambda: inbox.session > session and inbox.connected, what="nobody noticed")
    sender.publish("up/x", b"still here", qos=1)
    assert take(inbox, 1)[0].payload == b"still here"


def test_a_socket_that_is_gone_without_a_word_is_noticed(inbox: PahoInbox, sender: paho.Client) -> None:
    session = inbox.session
    inbox._client.socket().close()
    inbox.send("down/x", b"lost")  # nobody has said yet that it is gone
    eventually(lambda: inbox.session > session and inbox.connected, what="nobody noticed")
    sender.publish("up/x", b"still here", qos=1)
    assert take(inbox, 1)[0].payload == b"still here"


def test_a_close_that_is_asked_for_while_nothing_happens_does_not_wait(inbox: PahoInbox) -> None:
    thread = inbox._thread
    inbox.close()
    assert not thread.is_alive()
    inbox.send("down/x", b"late")
    inbox.settle([])
    assert inbox.counters.unsent == 1


def test_a_fault_in_a_callback_costs_a_connection_and_never_the_inbox(
    inbox: PahoInbox, sender: paho.Client
) -> None:
    session = inbox.session
    inbox._arrived = None  # whatever arrives now breaks the callback
    sender.publish("up/x", b"lost", qos=1)
    eventually(lambda: inbox.counters.callback_faults == 1)
    inbox._arrived = deque()
    eventually(lambda: inbox.session > session and inbox.connected)
    sender.publish("up/x", b"heard", qos=1)
    assert take(inbox, 1)[0].payload == b"heard"


def test_nobody_waits_while_the_broker_is_away(tmp_path: Path) -> None:
    inbox = PahoInbox(BrokerAddress("127.0.0.1", free_port(), "sync"), ["up/#"])
    inbox.send("down/x", b"1")
    assert (inbox.session, inbox.connected, inbox.counters.unsent) == (0, False, 1)
    assert inbox.take(most=5, within_s=0.01) == []
    inbox.close()
    inbox.close()


def test_a_broker_that_comes_later_is_found(tmp_path: Path) -> None:
    broker = Iotcore(tmp_path)
    inbox = PahoInbox(BrokerAddress("127.0.0.1", broker.port, "sync"), [])
    broker.start()
    eventually(lambda: inbox.connected)
    assert inbox.session == 1
    inbox.close()
    broker.stop()


def test_what_is_sent_arrives_in_order(inbox: PahoInbox, sender: paho.Client) -> None:
    heard: list[bytes] = []
    sender.on_message = lambda _client, _data, message: heard.append(message.payload)
    sender.on_subscribe = lambda *_: heard.append(b"ready")
    sender.subscribe("down/#", qos=1)
    eventually(lambda: heard == [b"ready"])
    for n in range(200):
        inbox.send("down/x", f"{n}".encode())
    eventually(lambda: len(heard) == 201)
    assert heard[1:] == [f"{n}".encode() for n in range(200)]
