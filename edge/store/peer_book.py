"""What this node knows of others it exchanges sealed templates with: the roster, whom people trust, what went where.

No template and no private key stands here.  A roster at or below the newest one ever kept is refused for ever.
"""

import sqlite3
import threading
from collections.abc import Collection, Mapping
from pathlib import Path

from edge.core.events import AccessPointId
from edge.core.peers import Peer, Roster, Sending
from edge.errors import StoreError
from edge.store.sqlite import connect, migrate, transaction

# An envelope never outlives its pass by more than a day; by then no pass of the version that was erased is left.
ERASED_KEPT_MS = 400 * 86_400_000


class PeerBook:
    """One writer at a time; safe from any thread; on the disk when a call returns."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._db = connect(path)
        try:
            migrate(self._db, Path(__file__).parent / "migrations" / "peers")
        except sqlite3.Error as error:
            raise StoreError(
                f"{path}: cannot be brought to this release's shape ({error}). Keep a copy and move it away; "
                "receivers are then trusted anew."
            ) from error

    # --- who ----------------------------------------------------------------------------------------------------

    def roster(self) -> Roster:
        with self._lock:
            (ver,) = self._db.execute("select roster_ver from meta").fetchone()
            rows = self._db.execute(
                "select node, device_key, sealing_key, doors, fingerprint from peer order by node"
            ).fetchall()
        return Roster(ver, tuple(_peer(*row) for row in rows))

    def keep_roster(self, roster: Roster) -> bool:
        """Put a verified roster in force; False, and nothing, when it is not newer."""
        with self._lock, transaction(self._db, self._path):
            (ver,) = self._db.execute("select roster_ver from meta").fetchone()
            if roster.ver <= ver:
                return False
            self._db.execute("delete from peer")
            self._db.executemany(
                "insert into peer values (?, ?, ?, ?, ?)", [_row(peer) for peer in roster.peers]
            )
            self._db.execute("update meta set roster_ver = ?", (roster.ver,))
        return True

    def trusted(self) -> dict[str, str]:
        """Fingerprint by node, as people confirmed it at this node."""
        with self._lock:
            return dict(self._db.execute("select node, fingerprint from trusted").fetchall())

    def trust(self, node: str, fingerprint: str, *, by: str, reason: str, at_ms: int) -> None:
        with self._lock, transaction(self._db, self._path):
            self._db.execute(
                "insert or replace into trusted values (?, ?, ?, ?, ?)",
                (node, fingerprint, by, reason, at_ms),
            )

    def distrust(self, node: str) -> bool:
        """False when nobody had trusted it."""
        with self._lock, transaction(self._db, self._path):
            return self._db.execute("delete from trusted where node = ?", (node,)).rowcount > 0

    # --- what went where ----------------------------------------------------------------------------------------

    def over(self) -> list[Sending]:
        """Templates that have reached their end with a node; the rest is offered again after a start."""
        with self._lock:
            rows = self._db.execute("select template_ref, node, state, why from sent").fetchall()
        return [Sending(ref, node, state, why) for ref, node, state, why in rows]

    def note_over(self, one: Sending) -> None:
        with self._lock, transaction(self._db, self._path):
            self._db.execute(
                "insert or replace into sent values (?, ?, ?, ?)",
                (one.template_ref, one.node, one.state, one.why),
            )

    def forget(self, template_ref: str, node: str) -> None:
        with self._lock, transaction(self._db, self._path):
            self._db.execute("delete from sent where template_ref = ? and node = ?", (template_ref, node))

    def keep_only(self, template_refs: Collection[str]) -> None:
        """Templates that are not there any more leave nothing behind here."""
        with self._lock, transaction(self._db, self._path):
            for table in ("sent", "taken", "made_under"):
                known = {row[0] for row in self._db.execute(f"select distinct template_ref from {table}")}
                gone = [(ref,) for ref in known.difference(template_refs)]
                self._db.executemany(f"delete from {table} where template_ref = ?", gone)

    def made_under(self) -> dict[str, int]:
        """By template made here: the version of its pass, and so the consent, under which it was made."""
        with self._lock:
            return dict(self._db.execute("select template_ref, pass_version from made_under").fetchall())

    def note_made(self, versions: Mapping[str, int]) -> None:
        """The first word about a template stands."""
        with self._lock, transaction(self._db, self._path):
            self._db.executemany("insert or ignore into made_under values (?, ?)", list(versions.items()))

    def taken(self) -> Mapping[str, tuple[str, str, str]]:
        """By template: its pass, the envelope it came in and the node that made it."""
        with self._lock:
            rows = self._db.execute("select template_ref, pass_id, envelope, sender from taken").fetchall()
        return {ref: (pass_id, envelope, sender) for ref, pass_id, envelope, sender in rows}

    def note_taking(self, pass_id: str, envelope: str, sender: str, made_ms: int) -> None:
        """Before a template goes into the gallery: if the power fails then, it is still known who made it."""
        with self._lock, transaction(self._db, self._path):
            self._db.execute(
                "insert or replace into taking values (?, ?, ?, ?)", (pass_id, envelope, sender, made_ms)
            )

    def taking(self) -> dict[str, int]:
        """By pass, when the template was made that was about to be kept."""
        with self._lock:
            return dict(self._db.execute("select pass_id, made_ms from taking").fetchall())

    def settle(self, arrived: Mapping[str, str]) -> None:
        """Of what was about to be kept, these passes' is in the gallery, under these references; the rest is not."""
        with self._lock, transaction(self._db, self._path):
            for pass_id, ref in arrived.items():
                self._db.execute("delete from taken where pass_id = ?", (pass_id,))
                self._db.execute(
                    "insert into taken select ?, pass_id, envelope, sender from taking where pass_id = ?",
                    (ref, pass_id),
                )
            self._db.execute("delete from taking")

    # --- what must not come back ----------------------------------------------------------------------------------

    def erased(self) -> dict[str, int]:
        """By pass: the newest version under which it was erased here."""
        with self._lock:
            return dict(self._db.execute("select pass_id, pass_version from erased").fetchall())

    def note_erased(self, versions: Mapping[str, int], at_ms: int) -> None:
        with self._lock, transaction(self._db, self._path):
            self._db.executemany(
                "insert into erased values (?, ?, ?) on conflict (pass_id) do update set "
                "pass_version = max(pass_version, excluded.pass_version), at_ms = excluded.at_ms",
                [(pass_id, version, at_ms) for pass_id, version in versions.items()],
            )
            self._db.execute("delete from erased where at_ms < ?", (at_ms - ERASED_KEPT_MS,))

    def close(self) -> None:
        with self._lock:
            self._db.close()


def _peer(node: str, device_key: bytes, sealing_key: bytes, doors: str, fingerprint: str) -> Peer:
    points = frozenset(AccessPointId(door) for door in doors.split())
    return Peer(node, device_key, sealing_key, points, fingerprint)


def _row(peer: Peer) -> tuple[str, bytes, bytes, str, str]:
    return peer.node, peer.device_key, peer.sealing_key, " ".join(sorted(peer.doors)), peer.fingerprint
