"""A release goes out: one node of an entrance at a time, two of a model first, the first failure stops it, one step back."""

import hashlib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cloud_sync.cli import app
from cloud_sync.core.policy import MINUTE_MS
from cloud_sync.core.rollout import NodeTurn, Phase, State, entrances, next_turns, state_of
from cloud_sync.errors import Refused, StoreError
from cloud_sync.ports import Told
from cloud_sync.protocol.messages import encode
from cloud_sync.protocol.release import Order, Release, signing_bytes, split
from cloud_sync.store import rollouts
from cloud_sync.store.house import acting
from cloud_sync.store.places import AccessPointSpec, NodeJoin
from cloud_sync.store.rollouts import WORD_WITHIN_MS
from cloud_sync.store.sink import SinkStore
from edge.core.release import DARK_MOST_MS
from edge.update.take import verified
from tests.fakes.community_house import new_house, public_key
from tests.fakes.wire_ledger import WireLedger

NODES = ("gate-1", "gate-2", "gate-3")
NEW = Release(kind="program", name="2.0", n=2, sha256="a" * 64, size=9)
MODEL = Release(kind="model", name="v2", n=2, sha256="b" * 64, size=9)


# --- the plan ----------------------------------------------------------------------------------------------------


@pytest.mark.story("39c")
def test_of_51_nodes_no_entrance_has_two_away_and_none_is_dark_for_longer_than_thirty_seconds():
    """Every swap takes its longest, on a clock of this test's own; several entrances go beside each other."""
    nodes = [f"gate-{n:02}" for n in range(51)]
    zones = {
        f"entrance-{n // 2:02}": frozenset({nodes[n - n % 2], nodes[min(n - n % 2 + 1, 50)]})
        for n in range(51)
    }
    ways = entrances({**zones, "site": frozenset(nodes)}, nodes)
    phases = dict.fromkeys(nodes, Phase.WAITING)
    ends, now_ms, longest, together = {}, 0, 0, 0
    while state_of(list(phases.values()), first=1, gone_on=True) is not State.DONE:
        for node in [one for one, end in ends.items() if end <= now_ms]:
            longest, phases[node] = max(longest, now_ms - ends.pop(node) + DARK_MOST_MS), Phase.TAKEN
        turns = [
            NodeTurn(node, ways[node], phases[node], phases[node] is not Phase.ORDERED) for node in nodes
        ]
        for node in next_turns(turns, first=1, gone_on=True):
            phases[node], ends[node] = Phase.ORDERED, now_ms + DARK_MOST_MS
        for members in zones.values():
            assert sum(phases[node] is Phase.ORDERED for node in members) <= 1
        together = max(together, len(ends))
        now_ms += 1_000
        assert now_ms < 10 * MINUTE_MS
    assert longest <= 30_000
    assert together > 1


@pytest.mark.story("39c")
def test_nobody_goes_while_another_node_of_the_entrance_is_not_heard_or_while_they_are_silent_themselves():
    one, two, three = (frozenset({name}) for name in ("east", "east", "west"))
    turns = [
        NodeTurn("a", one, Phase.WAITING, heard=True),
        NodeTurn("b", two, Phase.WAITING, heard=False),
        NodeTurn("c", three, Phase.WAITING, heard=True),
    ]
    assert next_turns(turns, first=1, gone_on=True) == ("c",)


# --- on the books ------------------------------------------------------------------------------------------------


class Town:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.books = new_house(folder)
        self.sink = SinkStore(self.books.engine, "dongfang")
        for n, node in enumerate(NODES[1:], start=2):
            door = AccessPointSpec(f"AP-dongfang-00{n + 3}", "gate", "门", "Gate")
            self.books.registry.add_node(NodeJoin(node, node, public_key(n), (door,)))
        self.ledgers = {node: WireLedger(node) for node in NODES}
        self.hear(*NODES)

    def hear(self, *nodes: str) -> None:
        for node in nodes:
            hello = self.ledgers[node].hello()
            self.sink.store([Told(node, hello, encode(hello))], self.books.clock.now_ms())

    def begin(self, release: Release = NEW, **words) -> str:
        with self.act("chen") as act:
            return rollouts.begin(act, release, reason="a drill", **words)

    def act(self, actor: str = "chen"):
        return acting(self.books.house, actor, "staff")

    def order(self, of: str) -> tuple[str, ...]:
        with self.act() as act:
            return tuple(rollouts.orders(act, of, self.books.keys.commands))

    def told(self, of: str, node: str, phase: Phase = Phase.TAKEN) -> State:
        with self.act() as act:
            return rollouts.told(act, of, node, phase, "well")

    def close(self) -> None:
        self.sink.close()
        self.books.close()


@pytest.fixture
def town(tmp_path):
    made = Town(tmp_path)
    yield made
    made.close()


@pytest.mark.story("39d")
@pytest.mark.parametrize("phase", [Phase.WENT_BACK, Phase.DARK, Phase.REFUSED])
def test_the_first_node_that_fails_stops_the_rest(town, phase):
    of = town.begin()
    assert town.order(of) == ("gate-1",)
    assert town.order(of) == ()
    assert town.told(of, "gate-1", phase) is State.STOPPED
    assert town.order(of) == ()
    with town.act() as act, pytest.raises(Refused, match="STOPPED already"):
        rollouts.end(act, of, "too late")
    assert town.begin()  # a new one may begin


@pytest.mark.story("39d")
def test_a_node_of_which_no_word_comes_stops_the_rest_too(town):
    of = town.begin()
    town.order(of)
    town.books.clock.step(ms=WORD_WITHIN_MS + 1)
    town.hear(*NODES)
    assert town.order(of) == ()
    with town.act() as act:
        held = rollouts.view(act, of)
    assert (held.state, held.lines[0].phase) == (State.STOPPED, Phase.REFUSED)


@pytest.mark.story("36c", "36d")
def test_two_nodes_take_a_model_first_a_person_looks_and_one_step_leads_every_node_back(town):
    of = town.begin(MODEL)
    for node in NODES[:2]:
        assert town.order(of) == (node,)
        state = town.told(of, node)
    assert state is State.LOOKED_AT
    assert town.order(of) == ()
    with town.act("sun") as act:
        rollouts.go_on(act, of)
    assert town.order(of) == ("gate-3",)
    assert town.told(of, "gate-3") is State.DONE
    with town.act() as act:
        back = rollouts.orders_back(act, of, town.books.keys.commands, "too many misses")
    assert sorted(back) == list(NODES)
    orders = [split(paper, Order)[2] for paper in back.values()]
    assert {(one.do, one.kind, one.n) for one in orders} == {("back", "model", 2)}
    states = [town.told(of, node, Phase.LED_BACK) for node in NODES]
    assert states[-1] is State.BACK


def test_an_order_is_signed_by_the_command_key_counted_and_for_one_node(town):
    of = town.begin()
    signer = town.books.keys.commands
    with town.act() as act:
        (paper,) = rollouts.orders(act, of, signer).values()
    signature, body, order = split(paper, Order)
    assert verified(signer.public_key, signature, signing_bytes(Order, body))
    assert (order.t, order.node, order.do, order.kid) == ("dongfang", "gate-1", "install", signer.kid)
    town.told(of, "gate-1", Phase.REFUSED)
    again = town.begin()
    with town.act() as act:
        (paper,) = rollouts.orders(act, again, signer).values()
    assert split(paper, Order)[2].ctr > order.ctr


def test_a_silent_node_is_not_ordered_a_second_rollout_waits_and_a_strange_node_is_named(town):
    town.books.clock.step(ms=2 * MINUTE_MS)
    town.hear("gate-2")
    of = town.begin()
    assert town.order(of) == ("gate-2",)
    with pytest.raises(Refused, match="under way"):
        town.begin()
    with pytest.raises(Refused, match="gate-9"):
        town.begin(MODEL, nodes=("gate-9",))


# --- by command --------------------------------------------------------------------------------------------------


HAND = """#!/bin/sh
echo "$1 $#" >> {folder}/calls
echo "release 2: taken; 900 ms without a program"
exit $(cat {folder}/code)
"""


@pytest.mark.story("39c", "39d")
def test_the_commands_sign_begin_run_with_a_hand_and_lead_back(town):
    folder, run = town.folder, CliRunner()
    config = ["--config", str(folder / "sync.toml")]
    (folder / "sync.toml").write_text(
        f'data_dir = "{folder / "data"}"\n[community]\ncode = "dongfang"\nname_zh = "东方新城"\n'
        'name_en = "Dongfang"\nsynthetic = true\n'
    )
    file, paper, hand = folder / "2.tar", folder / "2.release", folder / "hand"
    file.write_bytes(b"a release")
    hand.write_text(HAND.format(folder=folder))
    hand.chmod(0o755)
    public = run.invoke(app, ["rollout", "key", "--out", str(folder / "release.key")]).output.strip()
    words = ["--name", "2.0", "--number", "2", "--key", str(folder / "release.key"), "--out", str(paper)]
    signed = run.invoke(app, ["rollout", "sign", str(file), *words])
    assert hashlib.sha256(b"a release").hexdigest() in signed.output
    brought = ["--release", str(paper), "--file", str(file)]
    begin = ["rollout", "begin", *brought, "--reason", "a drill", *config]
    assert isinstance(run.invoke(app, [*begin, "--key", "00" * 32]).exception, StoreError)
    of = run.invoke(app, [*begin, "--key", public]).output.strip()
    _hear_now(town)
    (folder / "code").write_text("0")
    first = run.invoke(app, ["rollout", "run", of, *brought, "--hand", str(hand), *config])
    assert (first.exit_code, f"{of} LOOKED_AT program 2.0 (2) 1/3" in first.output) == (0, True), first.output
    assert run.invoke(app, ["rollout", "go-on", of, *config]).exit_code == 0
    (folder / "code").write_text("3")
    stopped = run.invoke(app, ["rollout", "run", of, *brought, "--hand", str(hand), *config])
    assert (stopped.exit_code, "gate-2 WENT_BACK" in stopped.output, "gate-3 WAITING" in stopped.output) == (1, True, True)  # fmt: skip
    (folder / "code").write_text("0")
    back = run.invoke(app, ["rollout", "back", of, "--hand", str(hand), "--reason", "one failed", *config])
    assert (back.exit_code, f"{of} BACK" in back.output) == (0, True), back.output
    assert (folder / "calls").read_text().splitlines() == ["gate-1 4", "gate-2 4", "gate-1 2"]
    assert run.invoke(app, ["rollout", "show", *config]).output.startswith(f"{of} BACK")


def _hear_now(town: Town) -> None:
    """The commands go by the clock of this machine."""
    from cloud_sync.jobs import SystemClock

    now_ms = SystemClock().now_ms()
    for node, ledger in town.ledgers.items():
        hello = ledger.hello()
        town.sink.store([Told(node, hello, encode(hello))], now_ms)
