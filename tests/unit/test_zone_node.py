"""A zone's command at a node: two people, two keys, every door of the zone once, each with a result of its own."""

import asyncio
import base64
import gc
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from cloud_sync.protocol import commands, zones
from cloud_sync.protocol.messages import BadMessage, EventBody
from cloud_sync.protocol.topics import NodeTopics, is_command, zone_cmd
from edge.core.commands import State
from edge.core.door_events import Verb
from edge.core.door_types import Mode
from edge.core.events import ClockState
from edge.errors import ConfigError
from edge.runtime.hands import Did
from edge.store.device_key import read_join
from tests.fakes.command_node import NOW_MS, CommandNode, Door, Issuer

ZONES = {"site": ("AP-1", "AP-2", "AP-3"), "fire-1": ("AP-1", "AP-2"), "elsewhere": ("AP-9",)}


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def confirmer() -> Issuer:
    return Issuer("k2")


@pytest.fixture
def node(tmp_path: Path, issuer: Issuer, confirmer: Issuer) -> Iterator[CommandNode]:
    node = new_node(tmp_path, issuer, confirmer)
    yield node
    node.ledger.close()


def new_node(folder: Path, issuer: Issuer, confirmer: Issuer, **doors: Door) -> CommandNode:
    more = {"AP-2": doors.get("second", Door()), "AP-3": Door()}
    return CommandNode(folder, issuer, more_doors=more, zones=ZONES, confirmer=confirmer)


def hears(node: CommandNode, *frames: bytes, retained: bool = False) -> None:
    for frame in frames:
        asyncio.run(node.hears(frame, retained=retained))


def told(node: CommandNode) -> dict[str, int]:
    return {name: len(door.told) for name, door in node.doors.items()}


def said(node: CommandNode) -> list[tuple[str, str, str]]:
    return [(answer.door, answer.state, answer.why) for answer in node.answers]


def test_every_door_of_the_zone_does_it_once_whatever_comes_again(
    node: CommandNode, issuer: Issuer, confirmer: Issuer
) -> None:
    """The broadcast and the node's own copy are the same bytes."""
    frame = issuer.zone_frame(confirmer, "fire-1")
    hears(node, frame, frame, frame)
    assert told(node) == {"AP-1": 1, "AP-2": 1, "AP-3": 0}
    (command,) = node.door.told
    assert (command.verb, command.actor, command.second) == (Verb.LOCKDOWN, "st-7", "st-8")
    assert said(node)[:2] == [("AP-1", "accepted", ""), ("AP-2", "accepted", "")]
    assert said(node)[2:] == [("AP-1", "done", ""), ("AP-2", "done", "")] * 3
    bodies = [msgspec.json.decode(body, type=EventBody) for body in node.events()]
    assert [(one.type, one.access_point, one.actor) for one in bodies] == [
        ("command.done", "AP-1", "st-7"),
        ("command.done", "AP-2", "st-7"),
    ]
    assert bodies[0].x == {"cmd": f"{1:016x}", "op": "lockdown", "zone": "fire-1", "second": "st-8"}


def test_doors_that_fail_or_refuse_say_so_for_themselves(
    tmp_path: Path, issuer: Issuer, confirmer: Issuer
) -> None:
    node = new_node(tmp_path, issuer, confirmer, second=Door(Did(Mode.LOCKED, fault="pulse: offline")))
    hears(node, issuer.zone_frame(confirmer, "site"))
    assert sorted(said(node)[3:]) == [
        ("AP-1", "done", ""),
        ("AP-2", "failed", "x:NotCarriedOut"),
        ("AP-3", "done", ""),
    ]
    node.ledger.close()


def test_it_survives_a_restart_as_done_and_what_was_cut_short_is_told_by_door(
    tmp_path: Path, issuer: Issuer, confirmer: Issuer
) -> None:
    frame = issuer.zone_frame(confirmer, "fire-1")
    first = new_node(tmp_path, issuer, confirmer, second=Door(None))
    with pytest.raises(KeyboardInterrupt):  # the power goes while the second door is being locked
        hears(first, frame)
    first.ledger.close()
    gc.collect()  # asyncio complains of the dead task when it is collected: here, and not in the middle of something
    again = new_node(tmp_path, issuer, confirmer)
    asyncio.run(again.desk._settle_interrupted())
    interrupted = [answer for answer in again.answers if answer.state is State.FAILED]
    assert {answer.door for answer in interrupted} >= {"AP-2"}
    hears(again, frame)
    assert told(again) == {"AP-1": 0, "AP-2": 0, "AP-3": 0}
    assert again.book.unfinished() == []
    again.ledger.close()


@pytest.mark.parametrize(
    ("why", "more"),
    [
        ("wrong_node", {"node": "zone:fire-2"}),
        ("wrong_node", {"node": "zone:elsewhere"}),
        ("wrong_node", {"t": "xicheng"}),
        ("unknown_key", {"kid": "k9"}),
        ("unknown_key", {"kid2": "k9"}),
        ("ttl_too_long", {"exp": NOW_MS + 10_001}),
        ("expired", {"iat": NOW_MS - 20_000, "exp": NOW_MS - 10_001}),
        ("expired", {"iat": NOW_MS + 5_001, "exp": NOW_MS + 9_000}),
    ],
)
def test_the_same_ten_reasons_hold_for_a_zone(
    node: CommandNode, issuer: Issuer, confirmer: Issuer, why: str, more: dict[str, object]
) -> None:
    hears(node, issuer.zone_frame(confirmer, "fire-1", **more))
    assert told(node) == {"AP-1": 0, "AP-2": 0, "AP-3": 0}
    assert {one[1:] for one in said(node)} == {("refused", why)}


def test_two_people_and_two_keys_or_nobody(node: CommandNode, issuer: Issuer, confirmer: Issuer) -> None:
    body = issuer.zone_frame(confirmer, "site")[2 * commands.SIG_BYTES :]
    stranger = Issuer("k2")
    for frame in (
        issuer.zone_frame(confirmer, "site", iss2="st-7"),  # one person twice
        issuer.zone_frame(confirmer, "site", iss2=""),
        issuer.zone_frame(issuer, "site"),  # one key twice
        issuer.zone_frame(confirmer, "site", op="release"),
        commands.frame(body, issuer.signs(body)),  # one signature
        commands.frame(body, issuer.signs(body) * 2),
        commands.frame(body, issuer.signs(body) + stranger.signs(body)),
        commands.frame(body, confirmer.signs(body) + issuer.signs(body)),
        issuer.frame("lockdown", node="zone:site", door="*"),
        issuer.frame("lockdown", node="zone:site", door="AP-1"),
    ):
        hears(node, frame)
    assert told(node) == {"AP-1": 0, "AP-2": 0, "AP-3": 0}


def test_the_second_key_alone_commands_nothing(node: CommandNode, issuer: Issuer, confirmer: Issuer) -> None:
    hears(node, confirmer.frame("release"))
    assert said(node) == [("", "refused", "unknown_key")]
    assert told(node)["AP-1"] == 0


def test_a_retained_broadcast_fires_never(node: CommandNode, issuer: Issuer, confirmer: Issuer) -> None:
    hears(node, issuer.zone_frame(confirmer, "site"), retained=True)
    assert (told(node)["AP-1"], said(node)) == (0, [])


def test_a_door_that_was_told_something_later_stays_as_it_is(
    node: CommandNode, issuer: Issuer, confirmer: Issuer
) -> None:
    late = issuer.zone_frame(confirmer, "fire-1")
    hears(node, issuer.frame("unlock"), late)
    assert told(node) == {"AP-1": 1, "AP-2": 1, "AP-3": 0}
    assert node.door.told[0].verb is Verb.UNLOCK
    assert ("AP-1", "refused", "superseded") in said(node)
    assert ("AP-2", "done", "") in said(node)


def test_a_node_unsure_of_the_time_obeys_no_broadcast(
    node: CommandNode, issuer: Issuer, confirmer: Issuer
) -> None:
    """A broadcast cannot quote every node's nonce; that door is commanded by itself."""
    node.reading = replace(node.reading, state=ClockState.UNTRUSTED)
    hears(node, issuer.zone_frame(confirmer, "fire-1"))
    assert {one[1:] for one in said(node)} == {("refused", "clock_untrusted")}


# --- which zones ------------------------------------------------------------------------------------------------


def joined(tmp_path: Path, **changes: object) -> Path:
    key = Issuer().key
    said = zones.encode_membership("dongfang", "n1", {"AP-1": ["site", "fire-1"]})
    tree = {
        "community": "dongfang",
        "node": "n1",
        "kid": "c",
        "tz": "Asia/Shanghai",
        "community_key": base64.b64encode(key.public_key().public_bytes_raw()).decode(),
        "access_points": [],
        "zones": {
            "said": said.decode(),
            "sig": base64.b64encode(key.sign(zones.signing_bytes(said))).decode(),
        },
        **changes,
    }
    path = tmp_path / "join.json"
    path.write_text(json.dumps(tree))
    return path


def test_a_node_believes_the_communitys_word_about_its_zones(tmp_path: Path) -> None:
    join = read_join(joined(tmp_path))
    assert join.zones == {"site": {"AP-1"}, "fire-1": {"AP-1"}}
    topics = NodeTopics("dongfang", "n1")
    heard = join.hears((topics.down_all,))
    assert heard == (topics.down_all, zone_cmd("dongfang", "fire-1"), zone_cmd("dongfang", "site"))
    assert all(is_command(topic, topics) for topic in (topics.cmd, *heard[1:]))
    assert not any(is_command(topic, topics) for topic in (topics.ack, "ac/v1/xicheng/g/site/cmd"))


def test_a_join_file_without_zones_is_an_older_services(tmp_path: Path) -> None:
    assert read_join(joined(tmp_path, zones=None)).zones == {}


@pytest.mark.parametrize("changes", [{"node": "n2"}, {"community": "xicheng"}])
def test_another_nodes_zones_are_refused(tmp_path: Path, changes: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="the zones of node n1 of dongfang"):
        read_join(joined(tmp_path, **changes))


def test_forged_zones_are_refused_with_a_sentence(tmp_path: Path) -> None:
    path = joined(tmp_path)
    path.write_text(path.read_text().replace("fire-1", "fire-2"))
    with pytest.raises(ConfigError, match="zones are not signed by the community"):
        read_join(path)


def test_a_statement_of_another_kind_is_none(tmp_path: Path) -> None:
    with pytest.raises(BadMessage, match="Membership"):
        zones.decode_membership(b"{}", tenant="dongfang", node="n1")
