"""Whatever is said on the bus, a dialect makes a lock's word of it or nothing; it never fails."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.events import AccessPointId
from edge.drivers.locks.shelly import ShellyRpc, ShellySettings
from edge.drivers.locks.zigbee2mqtt import Zigbee, Zigbee2MqttSettings
from edge.drivers.radio_lock import Heard
from edge.ports import LockState

ROOM = AccessPointId("r-1")
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(
    ["lock_state", "state", "battery", "linkquality", "id", "result", "params", "switch:0", "output"]
)
words = st.dictionaries(names, anything, max_size=4)
payloads = st.binary(max_size=60) | (words | anything).map(lambda word: json.dumps(word).encode())


@given(st.integers(0, 2), payloads, st.booleans())
def test_a_gateway_may_say_anything(topic, payload, retained):
    zigbee = Zigbee(Zigbee2MqttSettings(name="r-1"))
    heard = zigbee.hear(zigbee.topics[topic], payload, retained)
    assert heard.battery is None or 0 <= heard.battery <= 100
    assert heard.linkquality is None or 0 <= heard.linkquality <= 255
    assert not (retained and (heard.alive or heard.state))


@given(st.integers(0, 2), payloads, st.booleans())
def test_a_relay_may_say_anything(topic, payload, retained):
    relay = ShellyRpc(ShellySettings(device="d"), ROOM)
    relay.release(5_000)
    heard = relay.hear(relay.topics[topic], payload, retained)
    assert not (retained and (heard.alive or heard.state))


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ({"lock_state": "locked"}, LockState.LOCKED),
        ({"lock_state": "unlocked", "state": "UNLOCK"}, LockState.UNLOCKED),
        ({"lock_state": "not_fully_locked", "state": "UNLOCK"}, LockState.JAMMED),
        ({"lock_state": "locked", "state": "UNLOCK"}, None),  # a wish beside what is remembered
        ({"state": "UNLOCK"}, None),
        ({"lock_state": ["locked"]}, None),
    ],
)
def test_only_a_report_of_the_lock_itself_is_a_state(word, state):
    zigbee = Zigbee(Zigbee2MqttSettings(name="r-1"))
    assert zigbee.hear("zigbee2mqtt/r-1", json.dumps(word).encode(), False).state is state


def test_a_relay_is_believed_about_the_question_it_was_asked_and_once():
    relay = ShellyRpc(ShellySettings(device="d"), ROOM)
    topic, asked = relay.release(1_500)
    question = json.loads(asked)
    assert topic == "d/rpc"
    assert question["params"] == {"id": 0, "on": True, "toggle_after": 1.5}
    reply = json.dumps({"id": question["id"], "result": {"was_on": False}}).encode()
    here = f"{question['src']}/rpc"
    assert relay.hear(here, reply, False).state is LockState.UNLOCKED
    assert relay.hear(here, reply, False) == Heard(alive=True)
    refused = json.dumps({"id": json.loads(relay.secure()[1])["id"], "error": {"code": -103}}).encode()
    assert relay.hear(here, refused, False) == Heard(alive=True)
