"""A node's real ledger and its real way up, without a broker: what it says is a list of frames, and it can be killed,
copied, set back and damaged."""

import shutil
from itertools import count
from pathlib import Path
from random import Random

from cloud_sync.protocol import chain
from cloud_sync.protocol.messages import Ack, Hello, encode
from cloud_sync.protocol.versions import WIRE_VERSION, WIRE_VERSION_MIN
from edge.core.events import ClockState, Fact, NodeId, Stamp
from edge.link.talk import Talk
from edge.link.translate import encode_fact, wall_text
from edge.ports import ClockReading
from edge.store.ballast import Ballast
from edge.store.ledger import SqliteLedger
from tests.fakes.wire_ledger import T0_MS, device_key

CLASSES = ("guest", "resident", None)
PAGE = 4096
_epochs = count(1)


class TalkingNode:
    """``written`` is everything it ever got an answer for: by epoch and seq, the body."""

    def __init__(self, folder: Path, name: str, rng: Random, *, capacity: int = 200_000) -> None:
        self.folder, self.name = folder, name
        self._rng = rng
        self._capacity = capacity
        self._key = device_key(name)
        self.now_s, self.now_ms = 0.0, T0_MS
        self.written: dict[str, dict[int, bytes]] = {}
        self.acked: dict[str, int] = {}  # the furthest the service ever said of each epoch
        self.up: list[bytes] = []
        self.salvages = 0
        self._open()

    def _open(self) -> None:
        self.ledger = SqliteLedger(
            self.folder / "events.db",
            NodeId(self.name),
            encode=encode_fact,
            chain=chain,
            new_epoch=lambda: f"{next(_epochs):024d}",
            ballast=Ballast(self.folder / "reserve"),
            capacity=self._capacity,
        )
        self.salvages += self.ledger.salvaged is not None
        self.ledger._db.execute("pragma synchronous=off")  # nobody cuts the power here
        sources = [*self.ledger.pasts(), self.ledger]
        self.talks = [Talk(self.name, one, self._key.sign, lambda _row: False) for one in sources]
        for talk in self.talks:
            talk.peer.connected(self.now_s)

    @property
    def epochs(self) -> list[str]:
        """Of what it still has to tell, oldest first."""
        return [talk.peer.epoch for talk in self.talks]

    @property
    def outdone(self) -> bool:
        return any(talk.peer.outdone for talk in self.talks)

    def record(self, most: int = 40) -> None:
        facts = [
            Fact(
                "access.granted",
                decision="allow",
                cls=self._rng.choice(CLASSES),
                x={"n": self._rng.getrandbits(32)},
            )
            for _ in range(self._rng.randint(1, most))
        ]
        before = self.ledger.head
        self.ledger.append(facts, Stamp("b1", 1, self.now_ms, ClockState.TRUSTED, 12))
        mine = self.written.setdefault(self.ledger.epoch, {})
        for row in self.ledger.rows(range(before + 1, self.ledger.head + 1), bytes_max=10**9):
            mine[row.seq] = row.body

    def send(self) -> None:
        """Say what is due; a publish the broker does not take ends the turn now and then."""
        for talk in self.talks:
            talk.tick(self.now_s)
            talk.send(self.now_s, self._say)

    def _say(self, frame: bytes) -> bool:
        if self._rng.random() < 0.1:
            return False
        self.up.append(frame)
        return True

    def hello(self) -> None:
        ledger, talk = self.ledger, self.talks[-1]
        hello = Hello(
            v=talk.peer.version,
            n=self.name,
            e=ledger.epoch,
            sg=talk.peer.sink_gen,
            head=ledger.head,
            oldest=ledger.oldest,
            acked=talk.peer.acked,
            head_h=ledger.tip()[1].hex(),
            sw="1",
            wv=WIRE_VERSION,
            wv_min=WIRE_VERSION_MIN,
            boot_id="b1",
            mono_ms=1,
            wall=wall_text(self.now_ms),
            clock_state="TRUSTED",
            clock_bound_ms=12,
        )
        self.up.append(encode(hello))
        talk.offer(ledger.anchor(self._clock()))

    def hear(self, ack: Ack) -> None:
        self.acked[ack.e] = max(self.acked.get(ack.e, 0), ack.upto)
        for talk in self.talks:
            talk.hear(ack, self.now_s)
        self.talks = [talk for talk in self.talks[:-1] if not talk.over] + self.talks[-1:]

    def keep_house(self) -> None:
        self.ledger.keep_house(self._clock())

    def pass_time(self, seconds: float, days: float = 0) -> None:
        self.now_s += seconds
        self.now_ms += int(seconds * 1000 + days * 86_400_000)

    def _clock(self) -> ClockReading:
        return ClockReading(self.now_ms, 0, ClockState.TRUSTED, 12)

    # --- what happens to it ---

    def die(self) -> None:
        self.ledger.close()
        self._open()

    def copy_disk(self, to: Path) -> None:
        self.ledger.close()
        shutil.rmtree(to, ignore_errors=True)
        shutil.copytree(self.folder, to)
        self._open()

    def set_back(self, to: Path) -> None:
        self.ledger.close()
        shutil.rmtree(self.folder)
        shutil.copytree(to, self.folder)
        self._open()

    def damage(self) -> None:
        """One page of the closed file is overwritten."""
        self.ledger.close()
        path = self.folder / "events.db"
        with path.open("r+b") as file:
            file.seek(PAGE * self._rng.randrange(path.stat().st_size // PAGE))
            file.write(self._rng.choice([bytes(PAGE), self._rng.randbytes(PAGE)]))
        self._open()
