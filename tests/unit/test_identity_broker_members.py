"""A sink's own broker is told whom to bridge to, as it is shipped; what cannot be is said before anything is written."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cloud_sync.cli import app
from cloud_sync.compose import open_books
from cloud_sync.config import load
from cloud_sync.errors import ConfigError
from cloud_sync.identity import work
from cloud_sync.identity.broker_members import BRIDGE_CONF, SINK_SIDE_CONF, as_fronts, bridge, bridged_to
from cloud_sync.protocol.topics import shared_up_filter, sink_group, sink_state, zone_cmd
from tests.fakes.bus_bench import CONFIG
from tests.fakes.kept_post import Post

SHIPPED = Path(__file__).parents[2] / "firmware_config" / "brokers" / "mosquitto-bridged" / "sink-side.conf"


def test_what_is_shipped_is_what_the_service_writes():
    assert SHIPPED.read_text() == SINK_SIDE_CONF + BRIDGE_CONF


def test_a_bridge_carries_events_in_as_a_share_and_everything_the_service_says_out():
    block = bridge(2, "gates-b.example:8883", "/keys", "sync-2", "lane-7", "secret")
    topics = [line.split()[1:3] for line in block.splitlines() if line.startswith("topic ")]
    assert [shared_up_filter("lane-7", "secret"), "in"] in topics
    out = [pattern for pattern, way in topics if way == "out"]
    assert out == ["ac/v1/lane-7/d/#", "ac/v1/lane-7/g/#", "ac/v1/lane-7/s/state"]
    assert sink_state("lane-7") in out
    assert zone_cmd("lane-7", "east").startswith("ac/v1/lane-7/g/")
    assert "remote_clientid sync-2\nlocal_clientid gates-2\n" in block


@pytest.mark.parametrize("word", ["gates-a", ":8883", "a:0", "a:65536", "a b:1", "a:x", "[::1]:8883"])
def test_a_broker_that_is_not_host_and_port_is_said(word: str) -> None:
    with pytest.raises(ConfigError, match="is not HOST:PORT"):
        as_fronts(["gates-a.example:8883", word])


def test_a_broker_named_twice_is_said_for_two_sessions_under_one_name_throw_each_other_out() -> None:
    with pytest.raises(ConfigError, match="one twice"):
        as_fronts(["a:1", "a:1"])


def test_by_command_the_group_is_the_sinks_own_and_only_this_account_reads_it(tmp_path: Path) -> None:
    place = tmp_path / "sync.toml"
    place.write_text(CONFIG.format(port=8884))

    def run(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, [*words, "--config", str(place)])
        return done.exit_code, done.output or str(done.exception)

    assert run("setup")[0] == 0
    words = ("broker-config", "--out", str(tmp_path / "own"), "--port", "8884", "--sinks", "2")
    bridges = ("--bridge-to", "gates-a.example:8883", "--bridge-to", "gates-b.example:8883")
    code, said = run(*words, *bridges, "--for-sink", "sync-2")
    assert code == 0, said
    assert 'host = "localhost"' in said
    assert "sync-2.pem" in said
    assert f'folder = "{tmp_path / "own"}"' in said
    conf = tmp_path / "own" / "mosquitto.conf"
    books = open_books(load(place))
    group = sink_group(books.keys.k_community)
    books.close()
    assert conf.read_text().count(f"topic $share/{group}/ac/v1/dongfang/n/+/+ in 1") == 2
    assert "listener 8884 127.0.0.1\n" in conf.read_text()
    assert "{" not in conf.read_text()
    assert conf.stat().st_mode & 0o077 == 0
    code, said = run(*words, *bridges, "--for-sink", "sync-3")
    assert code != 0
    assert "none of sync, sync-jobs, sync-2" in said


def test_a_lost_nodes_session_is_ended_at_every_broker_it_may_be_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "sync.toml"
    place.write_text(CONFIG.format(port=8884))
    for words in (
        ["setup"],
        [
            "broker-config",
            "--out",
            str(tmp_path / "broker"),
            "--bridge-to",
            "gates-a:1",
            "--bridge-to",
            "gates-b:2",
        ],
    ):
        assert CliRunner().invoke(app, [*words, "--config", str(place)]).exit_code == 0
    asked: list[tuple[object, ...]] = []
    monkeypatch.setattr(work, "end_session", lambda *told: bool(asked.append(told[1:4])) or told[3] == 2)
    books = open_books(load(place))
    ends = work.identity_work(books.certificates, Post(), books.clock, books.config).end_session
    assert ends is not None
    assert ends("gate-1")
    books.close()
    assert asked == [("gate-1", "127.0.0.1", 8884), ("gate-1", "gates-a", 1), ("gate-1", "gates-b", 2)]


def test_a_broker_that_bridges_to_none_has_none_behind_it(tmp_path: Path) -> None:
    assert bridged_to(tmp_path) == ()
    (tmp_path / "mosquitto.conf").write_text(SINK_SIDE_CONF)
    assert bridged_to(tmp_path) == ()
