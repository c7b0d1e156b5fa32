"""gate-io: one thread that owns every line of every door of this node.

It waits for packets, edges and the next deadline, and drives outputs the moment something changes.  No asyncio, no
numpy, no database: what is not here cannot delay the end of a pulse.
"""

import logging
import selectors
import socket
import time
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from edge.core.events import AccessPointId
from edge.errors import StoreError
from edge.gateio import wire
from edge.gateio.board import Board, Note
from edge.gateio.buses import Bus, Said
from edge.gateio.desk import DETAIL_MAX, Asked, Desk, Hooks, House, Order
from edge.gateio.hands import Hands
from edge.gateio.journal import Journal
from edge.gateio.latches import LatchFile
from edge.gateio.notify import notify
from edge.gateio.outputs import Why
from edge.gateio.profile import Profile, profile_hash
from edge.gateio.server import Server, uids_of
from edge.gateio.watch import Source, Watch
from edge.ports import Level, Point
from edge.ports_io import BusLink, BusTold, Read, ReaderLines, Show

log = logging.getLogger(__name__)

# hardware.md §2.3: an edge can be lost, a level cannot; fire acts within this even when its edge was.
TICK_NS = 1_000_000_000

# The longest code a scanner reads to us has 154 characters.
READ_MAX = 512

LATCH_OF_NOTE: dict[str, tuple[wire.LatchKind, bool]] = {
    f"{Why.FIRE}_start": ("fire", True),
    f"{Why.FIRE}_end": ("fire", False),
    f"{Why.EVACUATE}_start": ("evacuate", True),
    f"{Why.EVACUATE}_end": ("evacuate", False),
}


class GateIo:
    """``run`` serves until ``stop``; when it returns or raises, every output is at its dead level."""

    def __init__(self, profile: Profile, *, now: Callable[[], int] = time.monotonic_ns) -> None:
        self._profile = profile
        self._now = now
        self._stopping = False
        self._wake_out, self._wake_in = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._watch = Watch(self._selector)
        self._seq = 0
        self._news: list[wire.EdgeNews | wire.LatchNews | wire.LockNews] = []
        self._presses: Counter[AccessPointId] = (
            Counter()
        )  # of REX, at locks that have not said yet that they opened
        self._tick_at = 0

    def stop(self) -> None:
        """Callable from a signal handler or another thread."""
        self._stopping = True
        with suppress(OSError):  # full of wake-ups already, or closed: either way nobody sleeps
            self._wake_in.send(b"x")

    def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Open the lines, serve, and put everything to rest again.

        Raises:
            HardwareError, StoreError, ConfigError: why it could not, or could not go on.
        """
        self._selector.register(self._wake_out, selectors.EVENT_READ, self._drain_wake)
        self._latch_file = LatchFile(self._profile.state_dir)
        rules = self._profile.rules()
        self._saved = self._latch_file.read(rules.keys())
        self._board = Board(rules, self._saved)
        self._journal = Journal(self._profile.journal)
        try:
            self._serve(ready)
        finally:
            self._journal.note("stop", None, self._now())
            self._journal.close()
            self._selector.close()
            self._wake_in.close()
            self._wake_out.close()

    def _serve(self, ready: Callable[[], None]) -> None:
        self._journal.note("start", None, self._now())
        self._hands = Hands.open(self._profile, self._board.wanted(self._now()))
        self._note_moved([(door, True) for door, level in self._hands.energised().items() if level])
        try:
            self._server, self._desk = self._open_desk()
            self._read_levels()  # before anybody can ask: the first reading is a level, not an edge
            self._step()
            self._watch_all()
            self._server.open()
            notify("READY=1")
            ready()
            while not self._stopping:
                self._turn()
        finally:
            notify("STOPPING=1")
            self._note_moved(self._hands.close())  # first: the doors do not wait for good-byes
            self._server.close()

    def _open_desk(self) -> tuple[Server, Desk]:
        caps = {door.access_point: self._hands.caps(door) for door in self._profile.hosted}
        house = House(profile_hash(self._profile), uuid.uuid4().hex[:12], caps)
        hooks = Hooks(
            now=self._now,
            step=self._step,
            energised=self._hands.energised,
            silent=self._hands.silent,
            asked=self._asked,
            selftest=self._hands.selftest,
            show=self._hands.show,
            seq=lambda: self._seq,
        )
        desk = Desk(self._board, house, hooks)
        server = Server(self._profile.socket, uids_of(self._profile.socket_users), desk.hear, self._selector)
        desk.server = server
        return server, desk

    def _watch_all(self) -> None:
        for door, inputs in self._hands.inputs.items():
            self._selector.register(
                inputs.fileno(), selectors.EVENT_READ, lambda door=door: self._read_edges(door)
            )
        for door, bus in self._hands.buses.items():
            self._watch.add(
                Source(
                    bus.lock.fileno(), partial(self._hear_bus, door, bus), partial(self._lose_bus, door, bus)
                )
            )
        for door, reader in self._hands.readers:
            self._watch.add(Source(reader.fileno(), partial(self._read_reader, door, reader), lambda _: None))

    def _drain_wake(self) -> None:
        self._wake_out.recv(64)

    # --- one turn --------------------------------------------------------------------------------------------

    def _turn(self) -> None:
        for key, _ in self._selector.select(self._wait_s()):
            key.data()
            self._step()
        self._step()
        if self._now() >= self._tick_at:
            self._tick()

    def _wait_s(self) -> float:
        now = self._now()
        asks = self._hands.next_ask(lambda door: self._board.wish(door, now))
        due = (self._board.next_deadline(now), self._desk.next_deadline(), asks)
        until = min([self._tick_at, *(at for at in due if at is not None)])
        return max(0, until - now) / 1e9

    def _tick(self) -> None:
        """Once a second: levels again, latches to disk if they are not yet, and a sign of life."""
        self._tick_at = self._now() + TICK_NS
        self._read_levels()
        self._watch.tick()
        for door, bus in self._hands.buses.items():
            if bus.overdue(self._now()):
                self._lose_bus(door, bus, "its driver has said nothing")
        self._step()
        self._desk.cut_off_the_silent(self._now())
        self._show_nobody()
        notify("WATCHDOG=1")

    def _show_nobody(self) -> None:
        """Without a node no door stays green by mistake."""
        if self._desk.commanded:
            return
        open_doors = {door for door, _ in self._board.latched()}
        for door in self._profile.rules():
            self._hands.show(door, Show.FREE if door in open_doors else Show.IDLE)

    # --- locks behind a bus, readers ---------------------------------------------------------------------------

    def _asked(self, door: AccessPointId) -> Asked | None:
        bus = self._hands.buses.get(door)
        return (
            None if bus is None else Asked(bus.seq, self._board.wish(door, self._now()).energised, bus.online)
        )

    def _hear_bus(self, door: AccessPointId, bus: Bus) -> None:
        for said in bus.said():
            self._hear(door, bus, said)

    def _lose_bus(self, door: AccessPointId, bus: Bus, why: str) -> None:
        self._hear(door, bus, BusLink(online=False, t_ns=self._now(), detail=why))

    def _hear(self, door: AccessPointId, bus: Bus, said: Said) -> None:
        level = bus.level_of(said.seq) if isinstance(said, BusTold) else None
        heard = bus.note(said)
        if heard.link is not None:
            self._journal.note("lock_back" if heard.link else "lock_silent", door, said.t_ns)
            self._seq += 1
            detail = said.detail[:DETAIL_MAX]
            self._news.append(wire.LockNews(door, heard.link, said.t_ns, self._seq, detail))
        if heard.moved is not None:
            self._journal.note("energise" if heard.moved else "de_energise", door, said.t_ns)
        if heard.failed:
            if isinstance(said, BusTold):
                self._journal.note("not_done", door, said.t_ns)
            self._board.withdraw(door, self._now())
        if heard.stands and self._board.released(door, self._now()):
            self._note_rex_releases(door, said.t_ns)
        if isinstance(said, BusTold):
            self._desk.told(door, said, level)

    def _note_rex_releases(self, door: AccessPointId, t_ns: int) -> None:
        for _ in range(self._presses.pop(door, 0)):
            self._journal.note("rex_release", door, t_ns)

    def _read_reader(self, door: AccessPointId, reader: ReaderLines) -> None:
        for read in reader.reads():
            if not fits(read):
                log.warning("%s: what a reader read is no text of ours", door)
                continue
            if not self._desk.commanded:  # nobody decides; a read is never kept for later
                continue
            self._seq += 1
            self._desk.read(wire.ReadNews(door, read.kind, read.data, read.t_ns, self._seq))

    def _read_edges(self, door: AccessPointId) -> None:
        for edge in self._hands.edges(door):
            self._sense(door, edge.point, edge.level, edge.t_ns)

    def _read_levels(self) -> None:
        for door, point, level in self._hands.levels():
            self._sense(door, point, level, self._now())

    def _sense(self, door: AccessPointId, point: Point, level: Level, t_ns: int) -> None:
        if self._board.sense(door, point, level, self._now(), t_ns):
            self._seq += 1
            self._news.append(wire.EdgeNews(door, point, level, t_ns, self._seq))

    def _step(self, order: Order | None = None) -> str:
        """Settle, drive, then note, tell and persist; a remark when something is not as it should be."""
        now = self._now()
        for door in self._desk.expire(now):
            self._board.withdraw(door, now)
        notes = self._board.settle(now)
        driven_at = self._note_moved(self._hands.drive(self._board.wanted(now)))
        for door, bus in self._hands.buses.items():
            by = order.deadline_ns if order is not None and order.door == door else None
            bus.follow(self._board.wish(door, now), now, by)
        for note in notes:
            self._journal.note(note.kind, note.door, note.t_ns)
            self._follow_up(note, driven_at)
        self._tell()
        return self._persist()

    def _tell(self) -> None:
        news, self._news = self._news, []
        for message in news:
            self._server.broadcast(message)

    def _note_moved(self, moved: list[tuple[AccessPointId, bool]]) -> int:
        driven_at = self._now()
        for door, energised in moved:
            self._journal.note("energise" if energised else "de_energise", door, driven_at)
        return driven_at

    def _follow_up(self, note: Note, driven_at: int) -> None:
        if note.door is None:
            return
        if note.kind == "rex_press" and self._board.released(note.door, driven_at):
            self._presses[note.door] += 1
            bus = self._hands.buses.get(note.door)
            # ``drive`` has read the line back; an output that did not follow never comes this far.
            if bus is None or bus.stands(self._board.wish(note.door, driven_at)):
                self._note_rex_releases(note.door, driven_at)
        if latch := LATCH_OF_NOTE.get(note.kind):
            self._seq += 1
            self._news.append(wire.LatchNews(note.door, *latch, note.t_ns, self._seq))

    def _persist(self) -> str:
        latched = self._board.latched()
        if latched == self._saved:
            return ""
        try:
            self._latch_file.write(latched)
        except StoreError as error:
            log.error("%s", error)  # the doors are already as they should be; the next tick tries again
            return "not on disk yet"
        self._saved = latched
        return ""


def fits(read: Read) -> bool:
    """Short enough for a packet, and text that one can be made of; nobody's card is longer."""
    return 0 < len(read.data) <= READ_MAX and read.data.isprintable()
