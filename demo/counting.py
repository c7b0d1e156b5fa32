"""The count from outside: what the nodes' ledgers recorded beside what the service's database stored.

``python -m demo.counting NODE=LEDGER … DATABASE`` reads those files and nothing else; it knows of no harness and
imports nothing of the products, not even the formula of the chain, so that it cannot share a mistake with them.  A
node whose card was replaced is given once for each of its ledgers.  A ledger may have let acknowledged events go and kept
the hash they end with (a full disk, the retention clock): what is counted begins behind it.  What the database still has of
them has to end with that very hash; what it lost with a deleted database has to be declared.  The last line is one JSON
object:

* ``recorded``: events in the ledgers; ``stored``: events in the database;
* ``lost``: recorded and not stored byte for byte, or stored and without its effect on the counters;
* ``double``: stored and never recorded, or counted more often than it was recorded;
* ``gaps_open``: ranges of numbers the database misses below the highest it has, and those it notes as missing itself;
* ``chains_verified``: ledgers whose chain is whole from their first event to their last;
* ``let_go``: events that ledgers had and let go after they were acknowledged, in none of the figures above.

The exit status is 0 when nothing is lost, double or missing and every chain holds, 1 when not, 2 for a wrong call.
"""

import json
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from pathlib import Path

WRONG_CALL = 2
SHORT_HEX = 16  # so much of a chain hash stands with a stored event

Ranges = set[tuple[str, str, int, int]]  # (node, epoch, first, last)


@dataclass(frozen=True, slots=True)
class Count:
    recorded: int
    stored: int
    lost: int
    double: int
    gaps_open: int
    chains_verified: int
    let_go: int


@dataclass(slots=True)
class Ledgers:
    """Every event of every ledger by its key, as the digest of its body and its place in the chain."""

    events: dict[tuple[str, str, int], tuple[bytes, str]] = field(default_factory=dict)
    of_node: Counter[str] = field(default_factory=Counter)
    let_go: dict[tuple[str, str], tuple[int, bytes]] = field(default_factory=dict)  # last number, its hash
    n: int = 0
    whole: int = 0


def main(arguments: Sequence[str]) -> int:
    named = [part.partition("=") for part in arguments[:-1]]
    if not named or not all(node and path for node, _, path in named):
        print("Call it as: python -m demo.counting NODE=LEDGER … DATABASE", file=sys.stderr)
        return WRONG_CALL
    ledgers = [(node, Path(path)) for node, _, path in named]
    absent = [
        str(path) for path in (*(path for _, path in ledgers), Path(arguments[-1])) if not path.is_file()
    ]
    if absent:
        print(f"{absent[0]}: no such file. Name each ledger and the service's database.", file=sys.stderr)
        return WRONG_CALL
    counted = count(ledgers, Path(arguments[-1]))
    print(json.dumps(asdict(counted)))
    return 0 if clean(counted, len(ledgers)) else 1


def clean(counted: Count, ledgers: int) -> bool:
    """Nothing lost, nothing double, nothing missing, every chain whole."""
    nothing = not (counted.lost or counted.double or counted.gaps_open)
    return nothing and counted.recorded == counted.stored and counted.chains_verified == ledgers


def count(ledgers: Sequence[tuple[str, Path]], database: Path) -> Count:
    """The six figures.

    Raises:
        sqlite3.Error: one of the files cannot be read as what it should be.
    """
    recorded = Ledgers()
    for node, path in ledgers:
        _read_ledger(recorded, node, path)
    with closing(_open(database)) as db:
        same, stored = 0, 0
        foreign: Counter[str] = Counter()
        earlier: dict[tuple[str, str], dict[int, bytes]] = {key: {} for key in recorded.let_go}
        for key, d, short in _stored(db):
            node, epoch, seq = key
            if seq <= recorded.let_go.get((node, epoch), (0, b""))[0]:
                earlier[node, epoch][seq] = d
                continue
            stored += 1
            if recorded.events.get(key) == (d, short):
                same += 1
            else:
                foreign[key[0]] += 1
        effects = Counter(dict(db.execute("select node, sum(n) from counter group by node")))
        gaps = _holes(db) | _noted(db)
    expected = recorded.of_node + Counter({node: len(kept) for (node, _), kept in earlier.items()})
    beyond, without = effects - expected, expected - effects
    altered = sum(_altered(key, kept, *recorded.let_go[key]) for key, kept in earlier.items())
    return Count(
        recorded=len(recorded.events),
        stored=stored,
        lost=max(len(recorded.events) - same, without.total()) + altered,
        double=sum(max(foreign[node], beyond[node]) for node in foreign | beyond),
        gaps_open=len(gaps),
        chains_verified=recorded.whole,
        let_go=sum(last for last, _ in recorded.let_go.values()),
    )


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True)


def _hash(data: bytes) -> bytes:
    return blake2b(data, digest_size=32).digest()


def _beginning(node: str, epoch: str) -> bytes:
    return _hash(b"ac-chain-v1" + node.encode() + epoch.encode())


def _altered(key: tuple[str, str], kept: dict[int, bytes], last: int, h: bytes) -> int:
    """How many of the events let go are held and are not what was recorded: all, when the chain over them ends elsewhere.

    Where some of them went with a deleted database nothing can be said of the others; whether those are declared is
    what ``gaps_open`` tells.
    """
    if len(kept) < last:
        return 0
    end = _beginning(*key)
    for seq in range(1, last + 1):
        end = _hash(end + kept[seq])
    return 0 if end == h else last


def _read_ledger(into: Ledgers, node: str, path: Path) -> None:
    """Add one ledger and follow its chain; an erased body leaves its digest, which is enough for both."""
    into.n += 1
    with closing(_open(path)) as db:
        (epoch,) = db.execute("select epoch from meta").fetchone()
        previous, whole = _beginning(node, epoch), True
        gone = db.execute(
            "select hi, h from gone where epoch = ? order by hi desc limit 1", (epoch,)
        ).fetchone()
        if gone is not None:
            into.let_go[node, epoch] = gone
            previous = gone[1]
        rows = db.execute("select seq, body, d, h from event order by seq")
        for expected, (seq, body, d, h) in enumerate(rows, start=1 + (gone[0] if gone else 0)):
            previous = _hash(previous + d)
            whole &= seq == expected and h == previous and (body is None or _hash(body) == d)
            into.events[node, epoch, seq] = (d, h.hex()[:SHORT_HEX])
            into.of_node[node] += 1
    into.whole += whole


def _stored(db: sqlite3.Connection) -> Iterator[tuple[tuple[str, str, int], bytes, str]]:
    for node, epoch, seq, body, short in db.execute("select node, epoch, seq, body, h from event"):
        yield (node, epoch, seq), _hash(body), short


def _holes(db: sqlite3.Connection) -> Ranges:
    """Ranges that are neither stored nor declared lost, by the numbers alone: the database's own notes are not asked."""
    held: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for source in ("select node, epoch, seq, seq from event", "select node, epoch, lo, hi from tombstone"):
        for node, epoch, lo, hi in db.execute(source):
            held.setdefault((node, epoch), []).append((lo, hi))
    found: Ranges = set()
    for (node, epoch), ranges in held.items():
        last = 0
        for lo, hi in sorted(ranges):
            if lo > last + 1:
                found.add((node, epoch, last + 1, lo - 1))
            last = max(last, hi)
    return found


def _noted(db: sqlite3.Connection) -> Ranges:
    return set(db.execute("select node, epoch, lo, hi from gap"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
