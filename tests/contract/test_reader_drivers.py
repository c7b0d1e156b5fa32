"""Every reader driver passes this; a new driver adds one line to ``READERS``."""

import contextlib
import json
import re
import select
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge.core.events import AccessPointId
from edge.drivers.readers import simulated as sim
from edge.errors import HardwareError
from edge.ports_io import Read, ReaderLines
from tests.fakes.gateio_rig import until
from tests.fakes.osdp_house import Bench

GATE = AccessPointId("gate")
KEPT_MAX = 16  # ports_io.ReaderLines.reads
SHAPE = {
    "card": re.compile(r"[1-9][0-9]{0,2}:(?:[0-9a-f]{2})+"),
    "keys": re.compile(r"[0-9]+"),
    "text": re.compile(r"[^\n\r]+"),
}


@dataclass
class Rig:
    """``stop`` ends the peer, if there is one; the reader is closed before."""

    reader: ReaderLines
    show: Callable[[str, str], None]  # what a person does at the device; in the words of ``Read``
    reads: Mapping[str, str]  # what this device can read: an example of each kind
    silence: Callable[[], None] | None = None  # cut its cable
    restore: Callable[[], None] = lambda: None
    stop: Callable[[], None] = lambda: None

    def take(self, number: int = 1) -> list[Read]:
        """Wait, within bounds, until so many came."""
        found: list[Read] = []

        def enough() -> bool:
            if self.readable():
                found.extend(self.reader.reads())
            return len(found) >= number

        until(enough, f"{number} read(s)")
        return found

    def readable(self) -> bool:
        return bool(select.select([self.reader.fileno()], [], [], 0)[0])


def simulated(folder: Path, monkeypatch) -> Rig:
    reader = sim.open_reader(sim.SimulatedReaderSettings(folder / "reader"), GATE)
    hand = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    hand.connect(str(folder / "reader"))
    assert reader.reads() == []  # the hand is let in

    def show(kind: str, data: str) -> None:
        hand.send(json.dumps({"door": GATE, "kind": kind, "data": data}).encode())

    reads = {"card": "26:9ab10c80", "keys": "4711", "text": "AC2:HELLO"}
    return Rig(reader, show, reads, stop=hand.close)


def osdp(folder: Path, monkeypatch) -> Rig:
    stack = contextlib.ExitStack()
    bench = Bench(folder, stack)
    device = bench.reader()
    typed = {"card": lambda data: "card " + data.replace(":", " "), "keys": lambda data: f"keys {data}#"}
    return Rig(
        bench.cards(),
        lambda kind, data: device.do(typed[kind](data)),
        {"card": "26:9ab10c80", "keys": "4711"},
        lambda: bench.line.plug(False),
        lambda: bench.line.plug(True),
        stack.close,
    )


READERS = [simulated, osdp]


def _param(make):
    """A device on an OSDP line has a peer that counts milliseconds."""
    return pytest.param(make, id=make.__name__, marks=[pytest.mark.alone] if make is osdp else [])


@pytest.fixture(params=map(_param, READERS))
def rig(request, tmp_path, monkeypatch):
    made = request.param(tmp_path, monkeypatch)
    until(lambda: made.reader.online, "the reader to be there")
    yield made
    made.reader.close()
    made.stop()


def test_what_is_shown_is_read_with_its_time(rig):
    for kind, data in rig.reads.items():
        before = time.monotonic_ns()
        rig.show(kind, data)
        (read,) = rig.take()
        assert (read.kind, read.data) == (kind, data)
        assert SHAPE[kind].fullmatch(data)
        assert before <= read.t_ns <= time.monotonic_ns()


def test_reads_keep_their_order_and_each_comes_once(rig):
    shown = [next(iter(rig.reads.items())) for _ in range(3)]
    for kind, data in shown:
        rig.show(kind, data)
    assert [(read.kind, read.data) for read in rig.take(3)] == shown
    assert not rig.readable()


def test_asking_without_news_does_not_wait(rig):
    assert not rig.readable()
    assert rig.reader.reads() == []


def test_a_read_is_a_value_that_says_nothing_in_a_log(rig):
    kind, data = next(iter(rig.reads.items()))
    rig.show(kind, data)
    (read,) = rig.take()
    assert data not in repr(read)


def test_a_self_test_is_a_sentence_about_the_door(rig):
    assert rig.reader.selftest().startswith("gate: ")


def test_a_reader_whose_cable_is_cut_says_so_and_comes_back_by_itself(rig):
    if rig.silence is None:
        return  # no cable
    rig.silence()
    until(lambda: not rig.reader.online, "the reader to be missed")
    rig.restore()
    until(lambda: rig.reader.online, "the reader to be back")
    kind, data = next(iter(rig.reads.items()))
    rig.show(kind, data)
    assert rig.take()[-1].data == data


@pytest.mark.alone
def test_nothing_is_left_open(tmp_path, monkeypatch):
    for make in READERS:
        before, threads = set(Path("/proc/self/fd").iterdir()), threading.active_count()
        made = make(tmp_path, monkeypatch)
        kind, data = next(iter(made.reads.items()))
        until(lambda made=made: made.reader.online, "the reader to be there")
        made.show(kind, data)
        made.take()
        made.reader.close()
        made.stop()
        assert set(Path("/proc/self/fd").iterdir()) == before
        until(lambda threads=threads: threading.active_count() <= threads, "its threads to end")


# --- the rig's own manners -----------------------------------------------------------------------------------


@pytest.fixture
def turning(tmp_path):
    """A simulated reader that is turned by a thread, as gate-io would."""
    reader, done = sim.open_reader(sim.SimulatedReaderSettings(tmp_path / "reader"), GATE), threading.Event()
    reads: list[Read] = []

    def turn() -> None:
        while not done.is_set():
            if select.select([reader.fileno()], [], [], 0.01)[0]:
                reads.extend(reader.reads())

    thread = threading.Thread(target=turn)
    thread.start()
    yield reads
    done.set()
    thread.join()
    reader.close()


def test_a_director_is_told_when_it_was_read(tmp_path, turning):
    t_ns = sim.present(tmp_path / "reader", GATE, "keys", "4711")
    until(lambda: bool(turning), "the reading thread writes it down")
    assert turning == [Read("keys", "4711", t_ns)]


SENTENCE = "a read is a card (26:9ab10c80), keys (4711) or text"


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("card", "26:9AB"),
        ("card", "26"),
        ("card", "0:00"),
        ("keys", "47 11"),
        ("keys", ""),
        ("keys", "1" * 17),
        ("text", "x" * 513),
        ("text", "a\nb"),
        ("smell", "roses"),
    ],
)
def test_what_no_reader_reads_is_refused_and_not_repeated(tmp_path, turning, kind, data):
    same = re.escape(f"rig {tmp_path / 'reader'}: not taken ({SENTENCE}).")  # whatever was shown
    with pytest.raises(HardwareError, match=f"^{same}$"):
        sim.present(tmp_path / "reader", GATE, kind, data)
    assert turning == []


def test_another_door_s_read_is_refused(tmp_path, turning):
    with pytest.raises(HardwareError, match="stair has no reader here"):
        sim.present(tmp_path / "reader", "stair", "keys", "4711")


def test_a_director_without_a_gate_io_is_told(tmp_path):
    with pytest.raises(HardwareError, match="no answer"):
        sim.present(tmp_path / "nobody", GATE, "keys", "1")


def test_of_a_flood_the_newest_are_kept(tmp_path):
    reader = sim.open_reader(sim.SimulatedReaderSettings(tmp_path / "reader"), GATE)
    hands = []
    with contextlib.ExitStack() as stack:
        for number in range(8):
            hand = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
            hand.connect(str(tmp_path / "reader"))
            hands.append((number, hand))
        for _ in hands:
            reader.reads()
        for number, hand in hands:
            hand.send(json.dumps({"door": GATE, "kind": "keys", "data": str(number)}).encode())
        assert 0 < len(reader.reads()) <= KEPT_MAX
    reader.close()
