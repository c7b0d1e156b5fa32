"""The program whose disk is watched: it commits, and says after each commit what it has promised.

``python -m demo.faults.writer ledger FOLDER N`` appends N facts to a node's ledger, ``… sink FOLDER N`` stores N events
in a service's database.  Each line on stdout is the number of events whose commit has returned.
"""

import os
import random
import sys
from pathlib import Path

import msgspec

from cloud_sync.ports import Told
from cloud_sync.protocol import chain
from cloud_sync.protocol.messages import Batch, encode
from cloud_sync.store.engine import open_database
from cloud_sync.store.sink import SinkStore
from edge.core.events import AccessPointId, ClockState, Fact, GrantId, NodeId, Stamp
from edge.link.translate import encode_fact
from edge.store.ballast import Ballast
from edge.store.ledger import SqliteLedger

NODE, EPOCH, COMMUNITY = "n-cut", "c" * 24, "cut"
LEDGER_FILE, SINK_FILE = "events.db", "community.db"
# A ledger of a few hundred events would otherwise see one checkpoint, at its end.
CHECKPOINT_PAGES = 40
REMEMBER_EVERY = 7
STAMP = Stamp("b00t", 1_000, 1_795_277_220_123, ClockState.TRUSTED, 12)


def fact(number: int) -> Fact:
    """A passage in three facts, so that the tables beside the events are written too."""
    door, grant = AccessPointId("AP-cut-1"), GrantId(f"g-{number // 3}")
    match number % 3:
        case 0:
            return Fact(
                "access.granted", access_point=door, grant_id=grant, decision="allow", reason="Granted"
            )
        case 1:
            return Fact("access.taken", access_point=door, grant_id=grant, mode="UNLOCKED")
        case _:
            return Fact("door.closed", access_point=door, mode="LOCKED", contact="closed")


def open_ledger(folder: Path) -> SqliteLedger:
    """The real one; its reserve is small change here and lies in the same folder."""
    return SqliteLedger(
        folder / LEDGER_FILE, NodeId(NODE), encode=encode_fact, chain=chain, new_epoch=lambda: EPOCH,
        ballast=Ballast(folder / "reserve"),
    )  # fmt: skip


def say(number: int) -> None:
    os.write(1, b"%d\n" % number)  # unbuffered: in the trace it stands where it happened


def write_ledger(folder: Path, events: int) -> None:
    ledger = open_ledger(folder)
    ledger.transact(lambda db: db.execute(f"pragma wal_autocheckpoint={CHECKPOINT_PAGES}").fetchone())
    dice = random.Random(events)
    while ledger.head < events:
        few = min(dice.randint(1, 3), events - ledger.head)
        ledger.append([fact(ledger.head + n) for n in range(few)], STAMP)
        say(ledger.head)
        if ledger.head % REMEMBER_EVERY == 0:
            ledger.remember(ledger.head, "00c0ffee")
    ledger.close()


def write_sink(folder: Path, events: int) -> None:
    engine = open_database(folder / SINK_FILE)
    store = SinkStore(engine, COMMUNITY)
    dice, h, sent = random.Random(events), chain.start(NODE, EPOCH), 0
    while sent < events:
        few = min(dice.randint(1, 5), events - sent)
        rows = []
        for number in range(sent, sent + few):
            body = encode_fact(fact(number), STAMP)
            h = chain.link(h, chain.digest(body))
            rows.append((number + 1, msgspec.Raw(body), chain.short(h)))
        batch = Batch(v=1, n=NODE, e=EPOCH, ev=rows)
        (_, ack) = store.store([Told(NODE, batch, encode(batch))], 1).acks[0]
        sent = ack.upto
        say(sent)
    store.close()
    engine.dispose()


WRITERS = {"ledger": write_ledger, "sink": write_sink}


if __name__ == "__main__":
    WRITERS[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
