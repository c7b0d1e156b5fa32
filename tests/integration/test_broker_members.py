"""Several mosquitto, bridged as shipped, two sinks on one PostgreSQL: whichever member dies, every event is stored once."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud_sync.identity.broker_members import bridged_to
from cloud_sync.protocol.messages import SinkState, decode
from cloud_sync.protocol.topics import NodeTopics, sink_state, up_filter
from tests.fakes.bridged_town import HOME, Town, two_addresses
from tests.fakes.broker_members import EAST, GROUP, WEST
from tests.fakes.brokers import Mosquitto
from tests.fakes.postgres_house import Cluster
from tests.fakes.waiting import eventually
from tests.integration.share_attempts import VERSIONS, Shares, shares

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.mosquitto,
    # paho leaves the socket of a TLS handshake that fails, as it does where a broker dies, to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning"),
]


@pytest.fixture
def town(tmp_path: Path, postgres: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    monkeypatch.setattr(socket, "getaddrinfo", two_addresses)
    town = Town(tmp_path, postgres.new_database())
    yield town
    town.close()


def test_gates_at_two_brokers_and_sinks_at_two_others_share_the_work_and_store_everything_once(
    town: Town,
) -> None:
    gates = town.gates_on_both_sides()
    for gate in gates:
        gate.record(400)
    town.settled()
    town.assert_whole()
    assert {town.at(gate) for gate in gates} == {EAST, WEST}
    counted = [sink.events for sink in town.sinks.values()]
    assert min(counted) > 0
    assert sum(counted) == 1_600


def test_when_a_broker_of_the_gates_dies_they_go_to_the_other_and_nothing_is_lost_or_twice(
    town: Town,
) -> None:
    gates = town.gates_on_both_sides()
    for gate in gates:
        gate.record(400)
    eventually(lambda: town.stored() > 0)
    town.members.gates[0].kill()
    for gate in gates:
        gate.record(200)
    town.settled()
    assert {town.at(gate) for gate in gates} == {WEST}
    town.members.gates[0].start()
    late = town.gate("n9", "east")
    late.record(100)
    town.settled()
    assert town.at(late) == EAST
    town.assert_whole()


def test_a_broker_of_the_gates_that_stands_still_hinders_its_own_gates_only_and_once_it_is_ended_nobody(
    town: Town,
) -> None:
    """It accepts and answers nothing, so its gates, who try it first, wait there for as long as it stands."""
    gates = town.gates_on_both_sides()
    for gate in gates:
        gate.record(100)
    town.settled()
    east = [gate for gate in gates if town.at(gate) == EAST]
    west = [gate for gate in gates if gate not in east]
    with town.members.gates[0].standing_still():
        for gate in gates:
            gate.record(100)
        eventually(lambda: all(gate.done for gate in west), within_s=150, what="the others are held up too")
        town.members.gates[0].kill()
        town.settled()
    assert {town.at(gate) for gate in east} == {WEST}
    town.assert_whole()


def test_when_a_sinks_own_broker_dies_the_other_sink_takes_all_and_it_may_come_back(town: Town) -> None:
    gates = town.gates_on_both_sides()
    for gate in gates:
        gate.record(400)
    eventually(lambda: all(sink.events for sink in town.sinks.values()))
    town.members.sinks["sync"].kill()
    for gate in gates:
        gate.record(200)
    town.settled()
    town.members.sinks["sync"].start()
    before = town.sinks["sync"].events

    def took_part_again() -> bool:
        for gate in gates:
            gate.record(20)
        return town.sinks["sync"].events > before

    eventually(took_part_again, within_s=150, what="the bridge that came back got no share")
    town.settled()
    town.assert_whole()


def test_a_sinks_broker_that_stands_still_is_given_up_and_what_it_says_afterwards_counts_once(
    town: Town,
) -> None:
    gates = town.gates_on_both_sides()
    for gate in gates:
        gate.record(200)
    eventually(lambda: all(sink.events for sink in town.sinks.values()))
    with town.members.sinks["sync"].standing_still():
        for gate in gates:
            gate.record(200)
        town.settled()
    town.settled()
    town.assert_whole()


def test_a_last_will_reaches_one_sink_across_the_bridges(town: Town) -> None:
    gate = town.gate("n1", "east")
    gate.record(1)
    town.settled()
    eventually(lambda: town.online("n1") == "yes")
    # The connection tears without a word, and nothing says hello again.
    gate._ended.set()
    gate._thread.join(5)
    gate.client.loop_stop()
    gate.client.socket().shutdown(socket.SHUT_RDWR)
    eventually(lambda: town.online("n1") == "no", what="nobody heard its will")


def test_retained_words_of_the_service_are_at_every_broker_and_again_after_it_was_killed(town: Town) -> None:
    topic = sink_state(HOME)
    heard = [town.listen(f"ear-{host}", host, topic) for host in (EAST, WEST)]
    eventually(lambda: all(heard), what="a broker does not hold what the sinks said")
    assert all(decode(one[0].payload, SinkState).on for one in heard)
    town.members.gates[0].kill()
    town.members.gates[0].start()
    again = town.listen("ear-later", EAST, topic)
    eventually(lambda: again, what="a broker that started anew was not told again")


def test_a_node_hears_no_other_node_at_either_broker_and_a_member_no_more_than_its_share(town: Town) -> None:
    gate = town.gate("n1", "east")
    deaf = [town.listen("n2", host, up_filter(HOME)) for host in (EAST, WEST)]
    others = town.listen("n3", WEST, NodeTopics(HOME, "n1").down_all)
    guessed = town.listen("n4", EAST, f"$share/sinks/{up_filter(HOME)}")
    gate.record(200)
    town.settled()
    town.assert_whole()
    assert (deaf, others, guessed) == ([[], []], [], [])
    assert GROUP not in (town.members.gates[0].folder / "acl").read_text()


def test_a_lost_node_is_thrown_out_where_it_is_and_let_in_at_no_broker(town: Town) -> None:
    gate, other = town.gate("n1", "west"), town.gate("n2", "west")
    for one in (gate, other):
        one.record(20)
    town.settled()
    assert town.at(gate) == WEST
    town.members.lose("n1")
    gone: list[object] = []
    gate.client.on_disconnect = lambda *_: gone.append(1)
    places = bridged_to(town.members.sinks["sync"].folder)
    assert [host for host, _ in places] == [EAST, WEST]

    def thrown_out() -> bool:
        """The lists are read at a signal that nobody answers, so the service does it more than once too."""
        for host, port in places:
            town.members.kick("n1", host, port)
        return bool(gone) and not gate.client.is_connected()

    eventually(thrown_out, what="it is still there")
    came, turned_away = [], len(gone)
    gate.client.on_connect = lambda *told: told[3].is_failure or came.append(1)
    gate.record(20)
    other.record(20)
    eventually(
        lambda: len(gone) > turned_away + 2 and other.done, what="it does not try, or another is hindered"
    )
    assert came == []
    assert not gate.done
    assert town.at(other) == WEST


def test_the_attempt_at_sharing_tells_a_broker_that_shares_from_members_that_do_not(tmp_path: Path) -> None:
    """What docs/brokers.md judges other brokers by: one mosquitto is fit, two strangers are not."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    brokers = [Mosquitto(tmp_path / name) for name in ("a", "b")]
    for broker in brokers:
        broker.start()
    one, other = (("127.0.0.1", broker.port) for broker in brokers)
    for version in VERSIONS:
        told = shares([one], version)
        assert told.fit, told
        assert shares([one, other], version) == Shares((100, 0), 0)
    for broker in brokers:
        broker.stop()
