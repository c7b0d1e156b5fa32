"""``gatehouse-sync doctor``: what is wrong with this service, in plain words; it changes nothing and may run any time.

Each finding says what, where and what to do.  Nothing of a person is in one.
"""

import os
import shutil
import socket
import sqlite3
import stat
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from cryptography import x509

from cloud_sync.config import SyncConfig
from cloud_sync.core.lifecycles_upstream import NEEDS_A_PERSON
from cloud_sync.core.node_clock import is_off
from cloud_sync.core.retention import FILE_AT, FILE_WITHIN_WORKING_DAYS, FacePersons, Proof
from cloud_sync.core.whole import is_late
from cloud_sync.errors import SyncError
from cloud_sync.ports import NodeLine
from cloud_sync.ports_upstream import UpstreamTally
from cloud_sync.protocol.versions import WIRE_VERSION
from cloud_sync.store.backup import DATABASE, HALF_DONE, is_held, last_backup_ms
from cloud_sync.store.engine import open_database, reading, steps
from cloud_sync.store.keys import load_keys
from cloud_sync.store.pg_engine import shape_of, shown
from cloud_sync.store.privacy_desk import count_face_persons
from cloud_sync.store.read import StoredDashboard
from cloud_sync.store.read_totals import StoredTotals, Totals
from cloud_sync.store.retention import proof_lines
from cloud_sync.store.upstream_read import tallies
from cloud_sync.web.app import missing_libraries

Level = Literal["good", "look", "bad"]

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
CONNECT_S = 2.0
BACKUP_OLD_MS = 7 * DAY_MS  # a week of bookings can still be imported again; more is work nobody does twice
CERTIFICATE_SOON_MS = 21 * DAY_MS  # our own is renewed 30 days ahead, so this one is not being renewed
FREE_LEAST_BYTES = 1_000_000_000  # two months of the reference site
PROOF_OLD_MS = 2 * DAY_MS  # one night may be missed
BEHIND = ("behind",)
CLOCK_OFF_MS = 2 * MINUTE_MS  # what a node may be off before its own clock is no longer believed


@dataclass(frozen=True, slots=True)
class Finding:
    """``good`` is as it should be; ``look`` works and will not for ever; ``bad`` does not work."""

    level: Level
    where: str
    said: str

    def __str__(self) -> str:
        return f"{self.level:<4} {self.where}: {self.said}"


def examine(config: SyncConfig, now_ms: int) -> Iterator[Finding]:
    """Everything that can be known from here; what cannot be looked at because of an earlier finding is left out."""
    runs = is_held(config.data_dir)
    yield _running(runs)
    yield from folder_findings(config)
    yield from _tls(config, now_ms)
    yield _backup(config, now_ms)
    yield from _reachable(config, runs)
    missing = missing_libraries()
    if missing:
        yield Finding("look", "pages", f"{', '.join(missing)} not there: pages do not move. Run 'make web'.")
    yield from database_findings(config, now_ms)


def _running(runs: bool) -> Finding:
    if runs:
        return Finding("good", "service", "runs.")
    return Finding("bad", "service", "does not run; gates keep what happens. 'gatehouse-sync run' starts it.")


# --- the disk ----------------------------------------------------------------------------------------------------


def folder_findings(config: SyncConfig) -> Iterator[Finding]:
    """Data folder, its space and its keys."""
    folder = config.data_dir
    if not folder.is_dir():
        yield Finding(
            "bad", str(folder), "is not there. Run 'gatehouse-sync setup', or name another data_dir."
        )
        return
    if (folder / HALF_DONE).exists():
        yield Finding("bad", str(folder), "a restore was interrupted. Run 'gatehouse-sync restore' again.")
    if stat.S_IMODE(folder.stat().st_mode) & 0o077:
        yield Finding("look", str(folder), "others may look into it. Run 'chmod 700' on it.")
    if not os.access(folder, os.W_OK):
        yield Finding("bad", str(folder), "this user may not write there. Run this as the service's user.")
    yield _space(folder)
    try:
        load_keys(config.keys)
    except SyncError as error:
        yield Finding("bad", str(config.keys), f"{error}")
    else:
        yield Finding("good", str(config.keys), "all keys are there, and only their owner reads them.")


def _space(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    if free < FREE_LEAST_BYTES:
        return Finding("bad", str(folder), f"{free / 1e6:,.0f} MB left on its disk. Make room.")
    return Finding("good", str(folder), f"{free / 1e9:,.1f} GB left on its disk.")


def _tls(config: SyncConfig, now_ms: int) -> Iterator[Finding]:
    """Certificates of the pages and of the way to the broker."""
    if config.web.tls:
        yield _certificate(config.web.cert_file or config.tls / "cert.pem", now_ms)
    for path in (config.broker.ca_file, config.broker.cert_file):
        if path is not None:
            yield _certificate(path, now_ms)


def _certificate(path: Path, now_ms: int) -> Finding:
    try:
        held = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "no certificate"
        return Finding("bad", str(path), f"cannot be read ({why}). 'gatehouse-sync setup' makes our own.")
    left_ms = round(held.not_valid_after_utc.timestamp() * 1000) - now_ms
    ends = f"{held.not_valid_after_utc:%Y-%m-%d}"
    if left_ms <= 0:
        return Finding("bad", str(path), f"ended on {ends}. Put a new certificate there, and restart.")
    if left_ms < CERTIFICATE_SOON_MS:
        return Finding("look", str(path), f"ends on {ends}. Renew it; our own is renewed by a restart.")
    return Finding("good", str(path), f"serves until {ends}.")


def _backup(config: SyncConfig, now_ms: int) -> Finding:
    if config.database_url:
        return Finding(
            "good",
            "backup",
            "is PostgreSQL's business (pg_dump, and data_dir beside it): not looked at here.",
        )
    made_ms = last_backup_ms(config.data_dir)
    if made_ms is None:
        return Finding("look", "backup", "none was ever made here. Run 'gatehouse-sync backup FOLDER'.")
    day = f"{datetime.fromtimestamp(made_ms / 1000, UTC):%Y-%m-%d}"
    if now_ms - made_ms > BACKUP_OLD_MS:
        return Finding("look", "backup", f"the newest is of {day}. Run 'gatehouse-sync backup FOLDER'.")
    return Finding("good", "backup", f"the newest is of {day}.")


# --- the network -------------------------------------------------------------------------------------------------


def _reachable(config: SyncConfig, runs: bool) -> Iterator[Finding]:
    """Whoever should listen does; a service that does not run is not asked for its pages."""
    broker = config.broker
    if runs or not broker.embedded:
        yield _knock("broker", broker.host, broker.port, "Start it, or correct [broker]")
    if runs:
        yield _knock("pages", config.web.host, config.web.port, "Does the part 'pages' run?")


def _knock(what: str, host: str, port: int, remedy: str) -> Finding:
    try:
        socket.create_connection((host, port), CONNECT_S).close()
    except OSError as error:
        why = error.strerror or "no answer"
        return Finding("bad", what, f"{host}:{port} cannot be reached ({why.lower()}). {remedy}.")
    return Finding("good", what, f"{host}:{port} answers.")


# --- the database ------------------------------------------------------------------------------------------------


def database_findings(config: SyncConfig, now_ms: int) -> Iterator[Finding]:
    """Its shape first: one that has to be brought up is not opened, for opening would do it."""
    path = config.data_dir / DATABASE
    where = shown(config.database_url) if config.database_url else str(path)
    if not config.database_url and not path.is_file():
        yield Finding("bad", where, "is not there. Run 'gatehouse-sync setup', or 'restore' a backup.")
        return
    try:
        shape, problem = (shape_of(config.database_url), "") if config.database_url else _shape(path)
        if problem:
            yield Finding("bad", where, problem)
            return
        if shape != len(steps()):
            yield _other_shape(where, shape)
            return
        engine = open_database(config.books)
        try:
            lines = StoredDashboard(engine).nodes(config.community.code, now_ms)
            totals = StoredTotals(engine, config.community.code).totals()
            reports = tallies(engine, config.community.code)
            proof = proof_lines(engine, config.community.code)
            with reading(engine).connect() as db:
                faces = count_face_persons(db)
        finally:
            engine.dispose()
    except SyncError as error:
        yield Finding("bad", where, str(error))
        return
    yield Finding("good", where, f"shape {shape}, {sum(totals.stored.values()):,} events stored.")
    yield from total_findings(totals)
    yield from report_findings(config, reports)
    yield from retention_findings(proof, now_ms)
    yield from face_findings(faces)
    yield from _clock(lines, now_ms)
    for line in lines:
        yield from node_findings(line, now_ms)


def _shape(path: Path) -> tuple[int, str]:
    """The number of the database's shape, or what keeps it from being read."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            (shape,) = db.execute("pragma user_version").fetchone()
            (said,) = db.execute("pragma quick_check(1)").fetchone()
    except sqlite3.Error as error:
        return 0, f"cannot be read ({error}). Restore a backup; the gates send what it lacks again."
    if said != "ok":
        return 0, f"is damaged ({said}). Restore a backup; the gates send what it lacks again."
    return int(shape), ""


def _other_shape(where: str, shape: int) -> Finding:
    known = len(steps())
    if shape > known:
        said = f"was made by a newer service (shape {shape}, known here {known}). Update this one."
        return Finding("bad", where, said)
    return Finding(
        "look", where, f"has shape {shape}; the next start brings it to {known}. Back it up first."
    )


def total_findings(totals: Totals) -> Iterator[Finding]:
    """What the whole database says; only what is not as it should be."""
    if totals.conflicts:
        yield Finding(
            "bad",
            "events",
            f"{totals.conflicts} with two contents under one number: a cloned or set-back gate. See docs/operate.md.",
        )
    if totals.missing:
        yield Finding(
            "bad", "events", f"{totals.missing} known to exist and not here; they are asked for again."
        )
    if totals.lost:
        yield Finding(
            "look", "events", f"{totals.lost} that their node declared lost. 'db proof' says whose."
        )
    if totals.dead_letters:
        yield Finding(
            "look",
            "events",
            f"{totals.dead_letters} kept aside: unreadable, or not believed. See 'db rows deadletter'.",
        )
    if totals.erasures_owed:
        yield Finding("look", "erasures", f"{totals.erasures_owed} not yet receipted by their nodes.")


def report_findings(config: SyncConfig, tallies: Sequence[UpstreamTally]) -> Iterator[Finding]:
    """Reports to authorities: what needs a person, and a profile that names a recipient nobody configured."""
    for one in tallies:
        if one.state in NEEDS_A_PERSON:
            said = f"{one.count} {one.state} at {one.connector}; a person has to look. See 'upstream list'."
            yield Finding("bad", "reports", said)
    if config.community.synthetic:
        return
    for name in config.community.policy.reports_to:
        if name not in config.upstream:
            said = f"the profile reports to {name}, and there is no table [upstream.{name}]. Add it."
            yield Finding("bad", "reports", said)


def retention_findings(proof: Sequence[Proof], now_ms: int) -> Iterator[Finding]:
    """What the last night proved; nothing where there was none yet, for the service has only just begun."""
    newest_ms = max((line.ran_ms for line in proof), default=now_ms)
    if now_ms - newest_ms > PROOF_OLD_MS:
        said = f"the last night was {_when(newest_ms)}; records outlive their clocks. Does the jobs part run?"
        yield Finding("bad", "retention", said)
    for line in proof:
        if line.overdue:
            said = f"{line.overdue} older than their clock and a day. 'gatehouse-sync retention report' says more."
            yield Finding("bad", f"retention {line.clock}", said)


def face_findings(faces: FacePersons) -> Iterator[Finding]:
    """Before, and when, so many people are held that the community has to file (R20)."""
    if faces.level:
        said = (
            f"{faces.now:,} people with a face; at {FILE_AT:,} file with the provincial authority within "
            f"{FILE_WITHIN_WORKING_DAYS} working days."
        )
        yield Finding("bad" if faces.now >= FILE_AT else "look", "faces", said)


def _clock(lines: Sequence[NodeLine], now_ms: int) -> Iterator[Finding]:
    newest = max((line.hello_ms for line in lines), default=0)
    if newest - now_ms > CLOCK_OFF_MS:
        off = (newest - now_ms) // MINUTE_MS
        yield Finding(
            "bad", "clock", f"this machine's clock stands {off} min before what it wrote down itself. Set it."
        )


def node_findings(line: NodeLine, now_ms: int) -> Iterator[Finding]:
    """One node, as far as the service can tell; a healthy one is one good line."""
    where, wrong = f"node {line.node}", list(_node_troubles(line, now_ms))
    if not wrong:
        yield Finding("good", where, f"all events until {_when(line.drained_through_ms)} are here.")
    for level, said in wrong:
        yield Finding(level, where, said)


Trouble = tuple[Level, str]


def _node_troubles(line: NodeLine, now_ms: int) -> Iterator[Trouble]:
    if not line.hello_ms:
        yield "look", "has never been heard. Was its join file brought to it, and does it run?"
        return
    if not line.online:
        since = _when(line.hello_ms)
        yield "bad", f"silent since {since}; its doors go on. Run 'gatehouse-node doctor' there."
    else:
        yield from _present_troubles(line, now_ms)
    if line.missing:
        yield "bad", f"{line.missing} events inside gaps; they are asked for again."
    if line.clock_state != "TRUSTED":
        yield "look", f"its clock is {line.clock_state}. Give it a time server or a clock chip."
    if line.clock_off_ms is not None and is_off(line.clock_off_ms):
        side = "ahead of" if line.clock_off_ms > 0 else "behind"
        yield (
            "bad",
            f"its clock is {abs(line.clock_off_ms) // 1000} s {side} the service's. Check its time server.",
        )
    if line.wire is not None and line.wire != WIRE_VERSION:
        yield "look", f"speaks wire version {line.wire}, the service {WIRE_VERSION}: the lower one is spoken."


def _present_troubles(line: NodeLine, now_ms: int) -> Iterator[Trouble]:
    if is_late(line.drained_through_ms, now_ms):
        yield "look", f"still sending what it recorded since {_when(line.drained_through_ms)}."
    if line.pass_set in BEHIND:
        yield "look", "does not hold the newest passes. If it stays so, look for 'passes_refused' in its log."
    for fault in line.faults:
        yield "bad", fault


def _when(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%MZ}" if ms else "never"
