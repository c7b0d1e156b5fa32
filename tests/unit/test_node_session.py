"""A node's session with the broker: how long it waits before it tries again."""

from collections import Counter

import pytest

from edge.link.mqtt import RETRY_LEAST_S, RETRY_MOST_S, Broker, Session, retry_after_s
from tests.fakes.waiting import eventually


@pytest.mark.parametrize(("failures", "most_s"), [(1, 2.0), (2, 4.0), (3, 8.0), (6, 60.0), (10**6, 60.0)])
def test_the_longest_wait_doubles_up_to_a_minute(failures: int, most_s: float) -> None:
    assert retry_after_s(failures, 1.0) == most_s
    assert retry_after_s(failures, 0.0) == RETRY_LEAST_S


def test_nodes_that_fall_together_do_not_come_back_together() -> None:
    """A thousand lots, evenly drawn: nowhere in the minute are more than a fiftieth of the nodes in one second."""
    seconds = Counter(int(retry_after_s(9, k / 1_000)) for k in range(1_000))
    assert max(seconds.values()) <= 20
    assert max(seconds) >= RETRY_MOST_S - 2


def test_every_failure_draws_anew_and_a_session_begins_from_nought(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens at port 1: paho fails, asks for the wait, and goes on by itself."""
    monkeypatch.setattr("edge.link.mqtt.random.random", lambda: 0.0)
    session = Session(Broker("127.0.0.1", 1), "n1", subscribe="x", will_topic="y", will=b"")
    session.start()
    eventually(lambda: session._failures >= 3)
    assert session._client._reconnect_min_delay == session._client._reconnect_max_delay == RETRY_LEAST_S
    session.stop()
