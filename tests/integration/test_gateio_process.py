"""gate-io as the program it is: signals, dying clients, fire, sockets and strangers."""

import asyncio
import contextlib
import itertools
import os
import random
import selectors
import signal
import socket
import stat
import subprocess
import sys
import time

import gpiod
import pytest

from edge.core.events import AccessPointId
from edge.drivers.inputs.simulated import set_point
from edge.gateio import wire
from edge.gateio.client import GateIoClient
from edge.gateio.profile import profile_hash
from edge.gateio.server import Server
from edge.ports import Cmd, Edge, IoSnapshot, Latched, Lost, Outcome, Point
from tests.fakes.fake_gpiod import FakeBoard
from tests.fakes.gateio_rig import WITHIN_S, Program, door, house, kinds, lines, lock_moves, serving, until

GATE, STAIR = AccessPointId("gate"), AccessPointId("stair")
_ids = itertools.count()


def cmd(within_ms=5000):
    return Cmd(f"c{next(_ids)}", time.monotonic_ns() + within_ms * 1_000_000, "test")


@pytest.fixture
def program(tmp_path):
    made = Program(tmp_path, house(tmp_path, door("gate", tmp_path), door("stair", tmp_path)))
    yield made
    made.close()


@contextlib.asynccontextmanager
async def node(program):
    async with GateIoClient(program.profile.socket, profile_hash(program.profile)) as client:
        await client.connected(WITHIN_S)
        yield client


def play(scene):
    return asyncio.run(asyncio.wait_for(scene, 180))


def press(folder, name, point, level):
    return set_point(folder / f"{name}-rig", name, point, level)


# --- the way out ---------------------------------------------------------------------------------------------


def test_rex_opens_with_no_node_and_every_press_is_a_release(program, tmp_path):
    program.start()
    for _ in range(3):
        press(tmp_path, "gate", Point.REX, True)
        press(tmp_path, "gate", Point.REX, False)
    until(lambda: kinds(tmp_path).count("rex_release") == 3, "three releases")
    until(lambda: lock_moves(tmp_path, "gate") == ["energise", "de-energise"], "the end of T_rex")
    assert kinds(tmp_path).count("rex_press") == 3
    assert lock_moves(tmp_path, "stair") == []
    seen = [
        line for line in lines(tmp_path / "journal.jsonl") if line["kind"] in ("rex_press", "rex_release")
    ]
    assert [line["t_ns"] for line in seen] == sorted(line["t_ns"] for line in seen)


def test_rex_opens_a_door_the_node_keeps_locked(program, tmp_path):
    program.start()

    async def scene():
        async with node(program) as client:
            await client.lock(GATE, cmd())
            await asyncio.to_thread(press, tmp_path, "gate", Point.REX, True)
            await client.lock(GATE, cmd())
            assert (await client.snapshot()).outputs[GATE] is True

    play(scene())


# --- a node that dies ----------------------------------------------------------------------------------------

HOLDER = """
import asyncio, sys, time
from pathlib import Path
from edge.gateio.client import GateIoClient
from edge.ports import Cmd

async def main(path, profile_hash):
    async with GateIoClient(Path(path), profile_hash) as client:
        await client.connected(20)
        far = time.monotonic_ns() + 600_000_000_000
        await client.hold("gate", Cmd("hold", far, "schedule"), far)
        await client.pulse("stair", Cmd("pulse", far, "grant"), 60_000)
        print("holding", flush=True)
        await asyncio.sleep(600)

asyncio.run(main(*sys.argv[1:]))
"""


@contextlib.contextmanager
def holder(program):
    """A node in another process that holds both doors until it dies."""
    asked = [sys.executable, "-c", HOLDER, str(program.profile.socket), profile_hash(program.profile)]
    with subprocess.Popen(asked, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"holding\n"
        yield child
        child.kill()


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGSTOP])
def test_doors_lock_when_the_node_dies_or_freezes(program, tmp_path, death):
    program.start()
    with holder(program) as child:
        assert lock_moves(tmp_path, "gate") == ["energise"]
        child.send_signal(death)
        for name in ("gate", "stair"):
            until(
                lambda name=name: lock_moves(tmp_path, name) == ["energise", "de-energise"], f"{name} to lock"
            )
    assert kinds(tmp_path).count("lease_end") == 2


def test_a_node_that_beats_keeps_its_doors_and_a_new_one_takes_over(program, tmp_path):
    program.start()
    with holder(program) as child:
        beaten = time.monotonic_ns() + 2_500_000_000  # longer than a lease
        until(lambda: time.monotonic_ns() > beaten, "time to pass")
        assert lock_moves(tmp_path, "gate") == ["energise"]
        child.send_signal(signal.SIGSTOP)
        until(lambda: "lease_end" in kinds(tmp_path), "the lease to end")

        async def scene():
            async with node(program) as client:
                assert (await client.pulse(GATE, cmd(), 500)).outcome is Outcome.DONE

        play(scene())


# --- gate-io that dies ---------------------------------------------------------------------------------------


def test_sigterm_leaves_every_output_dead_and_no_socket(program, tmp_path):
    program.start()
    with holder(program):
        assert program.end(signal.SIGTERM) == 0
    assert lock_moves(tmp_path, "gate") == lock_moves(tmp_path, "stair") == ["energise", "de-energise"]
    assert kinds(tmp_path)[-1] == "stop"
    assert not (tmp_path / "io").exists()


def test_a_node_sees_gate_io_go_and_come_back_with_a_snapshot(program):
    async def scene():
        async with node(program) as client:
            news = client.news()
            assert isinstance(await anext(news), IoSnapshot)
            await asyncio.to_thread(program.end, signal.SIGKILL)
            gone = await anext(news)
            assert isinstance(gone, Lost)
            assert (await client.pulse(GATE, cmd(), 500)).outcome in (
                Outcome.OFFLINE,
                Outcome.TIMEOUT_UNKNOWN,
            )
            await asyncio.to_thread(program.start)
            back, shot = await anext(news), await anext(news)
            assert (gone.back, back.back, shot.seq) == (False, True, 0)

    program.start()
    play(scene())


# --- fire and evacuation -------------------------------------------------------------------------------------


@pytest.mark.story("24a", "24e")
def test_fire_opens_the_group_survives_a_kill_and_leaves_only_by_a_person(program, tmp_path):
    async def reset(actor):
        async with node(program) as client:
            return [await client.latch(at, cmd(), "fire", False, actor) for at in (GATE, STAIR)]

    program.start()
    press(tmp_path, "stair", Point.FIRE, True)
    until(lambda: lock_moves(tmp_path, "gate") == ["energise"], "the other door of the group")
    until((tmp_path / "state" / "latches.json").exists, "the latch on disk")
    assert {result.outcome for result in play(reset("staff-1"))} == {Outcome.REFUSED}  # it still burns
    program.end(signal.SIGKILL)
    program.start()  # the input reads False now; the latch does not care
    assert lock_moves(tmp_path, "gate")[-1] == "energise"
    assert {result.outcome for result in play(reset(""))} == {Outcome.REFUSED}
    assert {result.outcome for result in play(reset("staff-1"))} == {Outcome.DONE}
    assert lock_moves(tmp_path, "gate")[-1] == "de-energise"
    program.end()
    program.start()
    assert lock_moves(tmp_path, "gate")[-1] == "de-energise"


def test_an_evacuation_outlives_the_node_that_ordered_it(program, tmp_path):
    async def evacuate():
        async with node(program) as client:
            news = client.news()
            await anext(news)
            assert (await client.latch(GATE, cmd(), "evacuate", True, "")).outcome is Outcome.REFUSED
            assert (await client.latch(GATE, cmd(), "evacuate", True, "staff-1")).outcome is Outcome.DONE
            told = await anext(news)
            assert isinstance(told, Latched)
            assert (told.door, told.kind, told.on) == (GATE, "evacuate", True)
            assert "still released" in (await client.lock(GATE, cmd())).detail

    program.start()
    play(evacuate())
    gone = time.monotonic_ns() + 2_500_000_000
    until(lambda: time.monotonic_ns() > gone, "more than a lease to pass")
    assert lock_moves(tmp_path, "gate") == ["energise"]
    assert (tmp_path / "state" / "latches.json").read_bytes() == b'{"latches":[["gate","evacuate"]]}'


def test_edges_reach_the_node_after_its_snapshot_and_in_order(program, tmp_path):
    async def scene():
        async with node(program) as client:
            news = client.news()
            shot = await anext(news)
            assert shot.points[GATE, Point.CONTACT] is True
            for level in (False, True, False):
                await asyncio.to_thread(press, tmp_path, "gate", Point.CONTACT, level)
            edges = [await anext(news) for _ in range(3)]
            assert all(isinstance(edge, Edge) for edge in edges)
            assert [edge.level for edge in edges] == [False, True, False]
            assert [edge.seq for edge in edges] == [shot.seq + 1, shot.seq + 2, shot.seq + 3]

    program.start()
    press(tmp_path, "gate", Point.CONTACT, True)
    play(scene())


@pytest.mark.story("24a")
def test_a_fire_whose_edge_was_lost_is_seen_by_its_level(tmp_path, monkeypatch):
    board = FakeBoard({"/dev/gpiochip0": ["GPIO17", "GPIO23"]})
    monkeypatch.setattr(gpiod, "Chip", board.chip)
    wired = door(
        "gate",
        tmp_path,
        rex_unlocks=False,
        lock={"driver": "gpio_relay", "line": "GPIO17", "chip": "/dev/gpiochip0"},
        inputs={
            "driver": "gpio",
            "chip": "/dev/gpiochip0",
            "fire": {"line": "GPIO23", "active_low": False},
        },
    )
    with serving(house(tmp_path, wired)):
        assert board.high["GPIO17"] is False
        board.high["GPIO23"] = True  # no event
        until(lambda: board.high["GPIO17"], "the release")
        until(lambda: "fire_start" in kinds(tmp_path), "the journal's line, which comes after the bolt")


# --- who may speak -------------------------------------------------------------------------------------------


class Raw:
    """A client without manners."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.settimeout(WITHIN_S)
        self.sock.connect(str(path))

    def say(self, message):
        self.sock.send(message if isinstance(message, bytes) else wire.encode(message))

    def hear(self):
        packet = self.sock.recv(5000)
        return wire.decode_from_gate(packet) if packet else None

    def close(self):
        self.sock.close()


@pytest.fixture
def knock(tmp_path):
    opened = []

    def make():
        opened.append(Raw(tmp_path / "io"))
        return opened[-1]

    yield make
    for raw in opened:
        raw.close()


@pytest.fixture
def served(tmp_path):
    with serving(house(tmp_path, door("gate", tmp_path))) as profile:
        yield profile


def test_one_commands_and_others_may_only_watch(served, knock, tmp_path):
    hello = wire.Hello(wire.PROTOCOL, profile_hash(served))
    first, second, watcher = knock(), knock(), knock()
    first.say(hello)
    welcome, shot = first.hear(), first.hear()
    assert welcome.commands is True
    assert isinstance(shot, wire.Snapshot)
    second.say(hello)
    assert second.hear() == wire.Nack("another client commands these doors")
    assert second.hear() is None
    watcher.say(wire.Hello(wire.PROTOCOL, watch=True))
    assert watcher.hear().commands is False
    assert isinstance(watcher.hear(), wire.Snapshot)
    watcher.say(wire.Command("w", "pulse", "gate", 2**62, "r", ms=500))
    assert watcher.hear().outcome is Outcome.REFUSED
    assert lock_moves(tmp_path, "gate") == []


@pytest.mark.parametrize(
    ("first_word", "why"),
    [
        (wire.Beat(1), "say hello first"),
        (wire.Hello(wire.PROTOCOL + 1, "x"), "install one version of both"),
        (wire.Hello(wire.PROTOCOL, "x"), "start both programs with the same file"),
        (wire.Hello(wire.PROTOCOL), "start both programs with the same file"),
        (wire.Hello(wire.PROTOCOL, "x", watch=True), "start both programs with the same file"),
    ],
)
def test_a_wrong_first_word_is_answered_and_ends_it(served, knock, first_word, why):
    raw = knock()
    raw.say(first_word)
    answer = raw.hear()
    assert isinstance(answer, wire.Nack)
    assert why in answer.reason
    assert raw.hear() is None


def test_random_packets_harm_nobody(served, knock, tmp_path):
    dice = random.Random(7)
    for _ in range(20):
        vandal = knock()
        with contextlib.suppress(ConnectionError):
            for _ in range(40):
                vandal.say(dice.randbytes(dice.randrange(1, 6000)))
        vandal.close()
    press(tmp_path, "gate", Point.REX, True)
    until(lambda: "rex_release" in kinds(tmp_path), "the way out")

    async def scene():
        async with GateIoClient(served.socket, profile_hash(served)) as client:
            await client.connected(WITHIN_S)
            assert (await client.pulse(GATE, cmd(), 500)).outcome is Outcome.DONE

    play(scene())


def test_a_client_that_never_listens_is_cut_off_and_holds_up_nobody(served, knock, tmp_path):
    deaf = knock()
    deaf.sock.settimeout(0.2)
    deaf.say(wire.Hello(wire.PROTOCOL, watch=True))
    with contextlib.suppress(OSError):
        for number in range(100_000):
            deaf.say(wire.Beat(number))
    press(tmp_path, "gate", Point.REX, True)
    until(lambda: "rex_release" in kinds(tmp_path), "the way out")


def test_the_socket_is_for_owner_and_group_and_a_dead_one_is_replaced(program, tmp_path):
    program.start()
    assert stat.S_IMODE((tmp_path / "io").stat().st_mode) == 0o660
    program.end(signal.SIGKILL)
    assert (tmp_path / "io").exists()
    program.start()


def test_a_stranger_s_uid_is_turned_away(tmp_path):
    with selectors.DefaultSelector() as selector:
        server = Server(tmp_path / "io", frozenset({os.getuid() + 1}), lambda *_: None, selector)
        server.open()
        raw = Raw(tmp_path / "io")
        for key, _ in selector.select(WITHIN_S):
            key.data()
        assert raw.hear() is None
        assert (server.counts.strangers, server.peers) == (1, [])
        raw.close()
        server.close()


# --- starting wrong, and what is never loaded ----------------------------------------------------------------


def run_once(*asked):
    return subprocess.run(
        [sys.executable, "-m", "edge.gateio", *asked], capture_output=True, text=True, timeout=180
    )


def test_a_second_gate_io_is_told_about_the_first(served, tmp_path):
    (tmp_path / "again.toml").write_text(
        f'socket = "{served.socket}"\nstate_dir = "{tmp_path}/s2"\njournal = "{tmp_path}/j2"\n'
        '[[door]]\naccess_point = "x"\nlock_profile = "strike_fail_secure"\nrex_unlocks = false\n'
        f'lock = {{driver = "simulated", record = "{tmp_path}/l2"}}\n'
        f'inputs = {{driver = "simulated", rig = "{tmp_path}/r2", wired = ["contact"]}}\n'
    )
    ended = run_once(str(tmp_path / "again.toml"))
    assert (ended.returncode, "another gate-io serves" in ended.stderr) == (2, True)


def test_a_mistake_in_the_profile_is_one_sentence_and_exit_2(tmp_path):
    (tmp_path / "io.toml").write_text('sokcet = "x"\n')
    ended = run_once(str(tmp_path / "io.toml"))
    assert ended.returncode == 2
    (sentence,) = ended.stderr.splitlines()
    assert "sokcet: unknown key" in sentence


def test_a_state_directory_that_cannot_be_is_one_sentence_and_exit_1(tmp_path):
    (tmp_path / "state").write_text("a file")
    Program(tmp_path, house(tmp_path, door("gate", tmp_path)))  # writes its profile
    ended = run_once(str(tmp_path / "profile.json.toml"))
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith("gate-io: ")
    assert "Traceback" not in ended.stderr


def test_the_process_loads_nothing_that_could_delay_a_pulse():
    asked = (
        "import sys, edge.gateio.__main__; from edge.gateio.drivers import resolve; "
        "resolve('locks', 'simulated'); resolve('inputs', 'gpio'); print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, timeout=180).stdout
    heavy = {
        "asyncio",
        "numpy",
        "cv2",
        "paho",
        "sqlite3",
        "sqlalchemy",
        "fastapi",
        "models",
        "cloud_sync",
        "gpiod",
    }
    assert "edge.gateio.process" in loaded.split()
    assert heavy & set(loaded.split()) == set()


def test_systemd_hears_ready_and_signs_of_life(program, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(WITHIN_S)
        program.start(NOTIFY_SOCKET=str(tmp_path / "notify"))
        assert manager.recv(64) == b"READY=1"
        assert manager.recv(64) == b"WATCHDOG=1"
        program.end()
        said = [manager.recv(64)]
        while said[-1] != b"STOPPING=1":
            said.append(manager.recv(64))
        assert set(said) <= {b"WATCHDOG=1", b"STOPPING=1"}
