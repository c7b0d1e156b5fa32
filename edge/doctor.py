"""``gatehouse-node doctor``: what is wrong with this node, in plain words; it changes nothing and may run any time.

Files first, then the disk, the databases, the service's side, and last the running node in its own words.
"""

import shutil
import socket
import sqlite3
import stat
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from cryptography import x509

from edge.check import findings as file_findings
from edge.check import node_findings
from edge.config import BrokerConfig, NodeConfig
from edge.errors import ConfigError, GateError
from edge.runtime import control
from edge.store.ballast import BALLAST_BYTES
from edge.store.bus_key import BusKey
from edge.store.device_key import read_join

Level = Literal["good", "look", "bad"]

CONNECT_S = 2.0
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
CERTIFICATE_SOON_MS = 21 * DAY_MS  # time for somebody to come by, and twice
# The community's own live for 30 days and are asked for anew from the 20th on: three days unanswered.
BUS_CERTIFICATE_SOON_MS = 7 * DAY_MS
FREE_LEAST_MB = 500  # three days of a busy gate take 20 MB; below this something else is filling the card
OUTBOX_MANY = 1_000  # one whole window: a node on a line is never so far ahead for long
LEDGER_LEAST = 100_000  # events every node has to be able to keep
DATABASES = ("events.db", "passes.db", "gallery.db")
SECRETS = ("device.key", "gallery.key", "sealing.key", "bus/node.key")


@dataclass(frozen=True, slots=True)
class Finding:
    """``good`` is as it should be; ``look`` works and will not for ever; ``bad`` does not work."""

    level: Level
    where: str
    said: str

    def __str__(self) -> str:
        return f"{self.level:<4} {self.where}: {self.said}"


def examine(path: Path, now_ms: int) -> Iterator[Finding]:
    """Everything that can be known on this machine; what depends on something broken is left out."""
    mistakes = file_findings(path, None)
    for one in mistakes:
        yield Finding("look" if one.warning else "bad", str(one.file), one.sentence)
    if not any(not one.warning for one in mistakes):
        yield Finding("good", str(path), "node file and I/O profile are as they should be.")
    tree, _ = node_findings(path)
    if tree is None:
        return
    yield from folder_findings(tree)
    yield from service_findings(tree, now_ms)
    yield from _running(tree)


# --- the disk ----------------------------------------------------------------------------------------------------


def folder_findings(config: NodeConfig) -> Iterator[Finding]:
    """Data folder, its space, its reserve, its keys and its databases."""
    folder = config.data_dir
    if not folder.is_dir():
        yield Finding(
            "bad", str(folder), "is not there; 'gatehouse-node run' makes it. Has this node ever run?"
        )
        return
    yield _space(folder)
    reserve = folder / "reserve"
    if not reserve.is_file() or reserve.stat().st_size < BALLAST_BYTES:
        yield Finding("bad", str(reserve), "the reserve was used up. Make room, then restart the node.")
    for name in SECRETS:
        path = folder / name
        if path.is_file() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            yield Finding("bad", str(path), "others may read this key. Run 'chmod 600' on it.")
    for name in DATABASES:
        if (folder / name).is_file():
            yield _database(folder / name)
        else:
            yield Finding("look", str(folder / name), "is not there yet; the first start makes it.")
    if (folder / DATABASES[0]).is_file():
        yield from _outbox(folder / DATABASES[0])


def _space(folder: Path) -> Finding:
    free_mb = shutil.disk_usage(folder).free // 1_000_000
    if free_mb < FREE_LEAST_MB:
        return Finding("bad", str(folder), f"{free_mb:,} MB left on its disk. Make room.")
    return Finding("good", str(folder), f"{free_mb:,} MB left on its disk.")


def _reading(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)


def _database(path: Path) -> Finding:
    try:
        with closing(_reading(path)) as db:
            (said,) = db.execute("pragma quick_check(1)").fetchone()
    except sqlite3.Error as error:
        said = str(error)
    if said != "ok":
        return Finding(
            "bad", str(path), f"damaged ({said}). Keep a copy, and see 'A node' in docs/operate.md."
        )
    return Finding("good", str(path), "its pages are whole.")


def _outbox(path: Path) -> Iterator[Finding]:
    """How much of the ledger only this node has."""
    try:
        with closing(_reading(path)) as db:
            head = db.execute("select coalesce(max(seq), 0) from event").fetchone()[0]
            acked = db.execute("select coalesce(max(acked), 0) from meta").fetchone()[0]
            past = _owed_of_past(db)
    except sqlite3.Error:
        return  # said already
    owed = max(0, head - acked) + past
    if owed > LEDGER_LEAST:
        yield Finding("bad", "outbox", f"{owed:,} events only this node has. Bring it to the service soon.")
    elif owed > OUTBOX_MANY:
        yield Finding(
            "look", "outbox", f"{owed:,} events wait for the service. Do not replace this card now."
        )
    else:
        yield Finding("good", "outbox", f"{owed:,} of {head + past:,} events wait for the service.")


def _owed_of_past(db: sqlite3.Connection) -> int:
    """What the service does not have of ledgers that ended with a damaged page; a node before the update has none."""
    if db.execute("select 1 from sqlite_master where name = 'past'").fetchone() is None:
        return 0
    return int(db.execute("select coalesce(sum(head - acked), 0) from past").fetchone()[0])


# --- the service's side ------------------------------------------------------------------------------------------


def service_findings(config: NodeConfig, now_ms: int) -> Iterator[Finding]:
    """Join file, certificates, and whether somebody listens where the broker should be."""
    try:
        join = read_join(config.join_file)
    except ConfigError as error:
        yield Finding("bad", str(config.join_file), str(error))
    else:
        if join.node != config.node:
            said = f"is for node {join.node}, and this is {config.node}. Fetch this node's own."
            yield Finding("bad", str(config.join_file), said)
    for path in (config.broker.ca_file, config.broker.cert_file):
        if path is not None:
            yield _certificate(path, now_ms)
    bus = BusKey(config.data_dir / "bus", config.node)
    if config.broker.ca_file is None and bus.ready:
        yield _certificate(bus.files.cert, now_ms, BUS_CERTIFICATE_SOON_MS)
    yield _broker(config.broker)


def _certificate(path: Path, now_ms: int, soon_ms: int = CERTIFICATE_SOON_MS) -> Finding:
    try:
        held = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "no certificate"
        return Finding("bad", str(path), f"cannot be read ({why}). Fetch it again from the service.")
    left_ms = round(held.not_valid_after_utc.timestamp() * 1000) - now_ms
    ends = f"{held.not_valid_after_utc:%Y-%m-%d}"
    if left_ms <= 0:
        return Finding("bad", str(path), f"ended on {ends}; the broker lets this node in no more. Renew it.")
    if left_ms < soon_ms:
        return Finding("look", str(path), f"ends on {ends}. Renew it.")
    if held.not_valid_before_utc > datetime.fromtimestamp(now_ms / 1000, UTC):
        return Finding("bad", str(path), "begins in the future: this machine's clock is wrong. Set it.")
    return Finding("good", str(path), f"serves until {ends}.")


def _broker(broker: BrokerConfig) -> Finding:
    where = f"{broker.host}:{broker.port}"
    try:
        socket.create_connection((broker.host, broker.port), CONNECT_S).close()
    except OSError as error:
        why = (error.strerror or "no answer").lower()
        said = (
            f"{where} cannot be reached ({why}). Doors go on, events wait. Look at the cable and the service."
        )
        return Finding("bad", "broker", said)
    return Finding("good", "broker", f"{where} answers.")


# --- the node itself ---------------------------------------------------------------------------------------------


def _running(config: NodeConfig) -> Iterator[Finding]:
    try:
        told = control.ask(config.data_dir / "control.sock", {"do": "status"})
    except GateError:
        said = "does not run: its doors open for nobody; the way out and fire are gate-io's. Start it."
        yield Finding("bad", "node", said)
        return
    yield from status_findings(told)


def status_findings(told: Mapping[str, Any]) -> Iterator[Finding]:
    """What a running node says of itself (``edge.runtime.technician``)."""
    yield Finding("good", "node", f"runs, {len(told['doors'])} door(s).")
    for fault in told["faults"]:
        yield Finding("bad", "node", fault)
    if told["clock"] == "HOLDOVER":
        yield Finding("look", "clock", "no time server answers; it goes on by its own, ever less exactly.")
    elif told["clock"] == "TRUSTED":
        yield Finding("good", "clock", "can be believed.")
    for cls, left in told["freshness"].items():
        if left["state"] != "FRESH":
            said = f"passes of class {cls} are {left['state'].lower()}: no news for too long. Bring the link back."
            yield Finding("bad", "passes", said)
