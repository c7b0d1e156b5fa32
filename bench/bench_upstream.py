"""``make upstream SUBMISSIONS=1000 SEED=1``: reports to four authorities that drop, delay, repeat, refuse and restart.

A community of real people by its settings, four stand-ins on loopback, several workers of which some lose their power
between sending and noting; the clock is stepped.  The authorities count what they hold, and somebody else compares it with
the queue and the log.  The last line is one JSON object; the exit status is 0 when it is sound.
"""

import argparse
import json
import logging
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import structlog
from rich.console import Console
from rich.progress import Progress

from cloud_sync.core.lifecycles_upstream import FINAL
from cloud_sync.errors import StoreError
from cloud_sync.store import audit, tables
from cloud_sync.store.tables_upstream import upstream_log
from tests.fakes.upstream_authorities import (
    REFUSED_MARK,
    AlloggiatiPortal,
    LodgingRegister,
    SesMinistry,
)
from tests.fakes.upstream_far_side import BAD_DAY, Dice
from tests.fakes.upstream_house import Died, DyingBook, UpstreamHouse
from tests.fakes.upstream_taker import FAULTS, FolderTaker

ROOT = Path(__file__).parents[1]
AUTHORITIES = {
    "lodging_report": LodgingRegister,
    "alloggiati_web": AlloggiatiPortal,
    "ses_hospedajes": SesMinistry,
}
CONNECTORS = (*AUTHORITIES, "csv_drop")
WORKERS = 4
ROUNDS_MAX = 2_000
REFUSED_PERCENT, DIES_PERCENT = 5, 2
FOLDER_PERCENT = 8  # of each fault of whoever empties the folder
GUESTS_PER_IMPORT = 50


@dataclass
class Storm:
    """One run; ``told`` is what it has to say for itself."""

    folder: Path
    guests: int
    seed: int
    deaths: int = 0
    store_refusals: int = 0
    unlogged: list[str] = field(default_factory=list)
    turn: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._random = random.Random(f"{self.seed} deaths")
        self.dice = {name: Dice(self.seed * 10 + n) for n, name in enumerate(CONNECTORS)}
        # TCP repeats nothing; a portal without references could not tell a repetition from a second guest.
        once = {name: share for name, share in BAD_DAY.items() if name != "twice"}
        self.dice["alloggiati_web"] = Dice(self.seed * 10 + 8, once)
        self.dice["csv_drop"] = Dice(self.seed * 10 + 9, dict.fromkeys(FAULTS, FOLDER_PERCENT))
        self.far: dict[str, Any] = {name: made(self.dice[name]) for name, made in AUTHORITIES.items()}
        urls = {**{name: far.url for name, far in self.far.items()}, "csv_drop": ""}
        self.house = UpstreamHouse(self.folder, urls)
        self.far["csv_drop"] = FolderTaker(self.folder / "drop", self.dice["csv_drop"])
        for name in AUTHORITIES:
            self.far[name].on_record = lambda document, name=name: self._arrived(name, document)

    def furnish(self) -> None:
        dice = random.Random(f"{self.seed} guests")
        marks = [REFUSED_MARK if dice.randrange(100) < REFUSED_PERCENT else "" for _ in range(self.guests)]
        wanted = [(str(n), f"X{mark}{n:05d}") for n, mark in enumerate(marks)]
        people: list[str] = []
        for start in range(0, len(wanted), GUESTS_PER_IMPORT):
            people += self.house.guests(wanted[start : start + GUESTS_PER_IMPORT])
        self.person = {document: person for (_, document), person in zip(wanted, people, strict=True)}

    def _arrived(self, connector: str, document: str) -> None:
        """Called inside the authority, as a record arrives: its disclosure has to be committed by now."""
        table = upstream_log
        query = sa.select(table.c.n).where(
            table.c.kind == "sent",
            table.c.connector == connector,
            table.c.person == self.person[document],
        )
        with self.house.books.engine.execution_options(reads=True).connect() as db:
            if db.execute(query.limit(1)).first() is None:
                self.unlogged.append(document)

    def dies(self) -> bool:
        with self.turn:
            died = self._random.randrange(100) < DIES_PERCENT
            self.deaths += died
            return died

    def work(self) -> None:
        """Until nothing is due; a worker that dies is followed by another."""
        for _ in range(ROUNDS_MAX):
            book = DyingBook(self.house.new_book(), self.dies)
            try:
                if not self.house.courier(book).deliver():
                    return
            except Died:
                continue
            except StoreError:  # the machine is busy; the service's own loop tries again too
                with self.turn:
                    self.store_refusals += 1
        raise AssertionError("the queue never came to rest")

    def run(self, tick: Any) -> None:
        self.house.book.derive()
        for _ in range(ROUNDS_MAX):
            with ThreadPoolExecutor(WORKERS) as pool:
                for worker in [pool.submit(self.work) for _ in range(WORKERS)]:
                    worker.result()
            self.far["csv_drop"].look()
            self.house.book.watch_clocks()
            tick(sum(row.state in FINAL for row in self.house.rows()))
            if not self.house.jump():
                return
        raise AssertionError("not every report has come to an end")

    # --- what somebody else makes of it -------------------------------------------------------------------------------

    def told(self) -> dict[str, Any]:
        rows, log = self.house.rows(), self.house.log()
        sent = Counter(row.submission for row in log if row.kind == "sent")
        answered = {(row.submission, row.receipt) for row in log if row.kind == "answer"}
        acked = [row for row in rows if row.state == "ACKED"]
        states: dict[str, Counter[str]] = {name: Counter() for name in CONNECTORS}
        for row in rows:
            states[row.connector][row.state] += 1
        owed = {(person, name) for person in self.person.values() for name in CONNECTORS}
        return {
            "seed": self.seed,
            "guests": self.guests,
            "submissions": len(rows),
            "states": {name: dict(sorted(count.items())) for name, count in states.items()},
            "sends": sum(row.sends for row in rows),
            "worker_deaths": self.deaths,
            "store_refusals": self.store_refusals,
            "faults": dict(sum((dice.met for dice in self.dice.values()), Counter())),
            # each of these has to be nought
            "not_queued": len(owed ^ {(row.person, row.connector) for row in rows}),
            "not_final": sum(row.state not in FINAL for row in rows),
            "twice": sum(n > 1 for far in self.far.values() for n in far.held.values()),
            "acked_and_not_there": sum(not self._there(row) for row in acked),
            "there_and_denied": sum(
                self._there(row) for row in rows if row.state not in ("ACKED", "DEAD_LETTER")
            ),
            "arrived_before_its_disclosure": len(self.unlogged),
            "sends_not_logged": sum(sent[row.id] != row.sends for row in rows),
            "receipts_not_logged": sum((row.id, row.receipt) not in answered for row in acked),
            "log_broken_at": audit.first_break(self.house.books.engine, upstream_log, "dongfang") or 0,
            "dead_or_rejected_without_a_case": self._without_a_case(rows),
        }

    def _there(self, row: Any) -> bool:
        documents = {person: document for document, person in self.person.items()}
        return bool(self.far[row.connector].held.get(documents[row.person]))

    def _without_a_case(self, rows: list[Any]) -> int:
        table = tables.discrepancy
        with self.house.books.engine.connect() as db:
            query = sa.select(table.c.subject).where(table.c.state == "open")
            subjects = set(db.execute(query).scalars())
        needy = [row for row in rows if row.state in ("REJECTED", "DEAD_LETTER")]
        return sum(f"{row.registration}@{row.connector}" not in subjects for row in needy)

    def close(self) -> None:
        for name in AUTHORITIES:
            self.far[name].close()
        self.house.close()


NOUGHT = (
    "not_queued", "not_final", "twice", "acked_and_not_there", "there_and_denied", "arrived_before_its_disclosure",
    "sends_not_logged", "receipts_not_logged", "log_broken_at", "dead_or_rejected_without_a_case",
)  # fmt: skip


def sound(told: dict[str, Any]) -> bool:
    return told["submissions"] > 0 and all(told[name] == 0 for name in NOUGHT)


def storm(folder: Path, submissions: int, seed: int, tick: Any = lambda _done: None) -> dict[str, Any]:
    """At least so many reports, each to its end; ``tick`` is told how many have come to theirs."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    begun = time.monotonic()
    one = Storm(folder, -(-submissions // len(CONNECTORS)), seed)
    try:
        one.furnish()
        one.run(tick)
        told = one.told()
    finally:
        one.close()
    return {**told, "seconds": round(time.monotonic() - begun, 1), "sound": sound(told)}


def main() -> int:
    """0 when every report has one end, none is there twice, and every telling is on record."""
    parser = argparse.ArgumentParser(prog="python -m bench.bench_upstream", description=__doc__)
    parser.add_argument("--submissions", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="upstream-") as disk,
        Progress(console=Console(stderr=True), transient=True) as progress,
    ):
        task = progress.add_task("reports", total=asked.submissions)
        told = storm(
            Path(disk), asked.submissions, asked.seed, lambda done: progress.update(task, completed=done)
        )
    print(json.dumps(told))
    return 0 if told["sound"] else 1


if __name__ == "__main__":
    sys.exit(main())
