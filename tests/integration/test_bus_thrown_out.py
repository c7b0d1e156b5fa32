"""What each step of throwing a lost node out does on a real mosquitto, without the service that does all of them."""

from pathlib import Path

import pytest

from cloud_sync.identity.broker_files import BrokerFolder
from cloud_sync.identity.kick import end_session
from tests.fakes.bus_bench import BASE, STOLEN, TENANT, Bench
from tests.fakes.waiting import eventually
from tests.integration.bus_attempts import knock, now_ms

pytestmark = pytest.mark.mosquitto


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory):
    with Bench(tmp_path_factory.mktemp("bus"), served=False) as made:
        yield made


@pytest.mark.story("37a")
def test_the_lists_shut_the_door_and_silence_the_session_and_only_the_second_session_ends_it(
    bench: Bench,
) -> None:
    authority, folder = bench.books.certificates.authority, BrokerFolder(bench.folder / "broker", TENANT)
    with bench.client(STOLEN) as thief:
        thief.hear(f"{BASE}/d/{STOLEN}/#", f"{BASE}/g/+/cmd")
        assert thief.say(f"{BASE}/n/{STOLEN}/x", b"before") == "Success"
        bench.run("node", "lost", STOLEN, "--by", "Li", "--reason", "stolen")
        revoked, lost = bench.books.certificates.revoked(), bench.books.certificates.lost()
        assert folder.write_lists(authority, revoked, lost, now_ms())
        assert folder.reload()

        # Not by knocking: who is let in under this name a moment too early ends the session that is looked at.
        eventually(
            lambda: thief.say(f"{BASE}/n/{STOLEN}/x", b"after") == "Not authorized",
            what="the lists were not read",
        )
        assert knock(bench, bench.tls(STOLEN)).startswith("refused")
        assert thief.answers.empty()  # the session stands
        for topic in (f"{BASE}/d/{STOLEN}/cmd", f"{BASE}/g/all/cmd"):
            bench.sync.say(topic, b"not for a thief")
        thief.hear(f"{BASE}/d/{STOLEN}/#")  # its answer follows whatever was delivered before
        assert [payload for _, payload in thief.got.queue] == []

        ca = Path(bench.config.bus / "ca.pem")
        assert end_session(authority, STOLEN, "localhost", bench.port, ca, now_ms())
        assert thief.answers.get(timeout=20) == "disconnected"


def test_where_no_broker_is_the_kick_says_so_and_does_not_hang(bench: Bench, tmp_path: Path) -> None:
    authority = bench.books.certificates.authority
    assert not end_session(authority, STOLEN, "localhost", 1, bench.config.bus / "ca.pem", now_ms())
