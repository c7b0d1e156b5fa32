"""The sealed gallery on disk: templates under AES-256-GCM, never a photograph (sync.md §9.4).

Erasing deletes the row *and* rotates the data key, so that what an old page of the card still holds cannot be
opened any more.  Additional data binds a row to its id and version.
"""

import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from edge.errors import StoreError
from edge.store.device_key import write_private
from edge.store.sqlite import connect, migrate, transaction

_NONCE = 12
_KEY = 32  # bytes of AES-256


@dataclass(frozen=True, slots=True)
class StoredTemplate:
    template_ref: str
    pass_id: str
    not_after_ms: int
    data: bytes  # the template's own bytes, opened


class GalleryStore:
    """One writer at a time; safe from any thread."""

    def __init__(self, path: Path, key_path: Path) -> None:
        self._path = path
        self._key_path = key_path
        self._lock = threading.Lock()
        self._db = connect(path)
        migrate(self._db, Path(__file__).parent / "migrations" / "gallery")
        try:
            self._key = self._read_key()
        except BaseException:
            self._db.close()
            raise

    @property
    def version(self) -> int:
        (version,) = self._db.execute("select version from meta").fetchone()
        return int(version)

    def put(self, pass_id: str, data: bytes, *, not_after_ms: int) -> str:
        """Seal and keep one person's template for a pass; replaces an earlier one of the same pass."""
        ref = uuid4().hex
        with self._lock:
            version = self.version + 1
            with transaction(self._db, self._path):
                self._db.execute("delete from template where pass_id = ?", (pass_id,))
                self._db.execute(
                    "insert into template values (?, ?, ?, ?, ?)",
                    (ref, pass_id, version, not_after_ms, _seal(self._key, data, ref, version)),
                )
                self._db.execute("update meta set version = ?", (version,))
        return ref

    def all(self) -> list[StoredTemplate]:
        """Every template, opened.

        Raises:
            StoreError: a row does not open with this node's key.
        """
        with self._lock:
            rows = self._db.execute(
                "select template_ref, pass_id, version, not_after_ms, sealed from template order by template_ref"
            ).fetchall()
            return [
                StoredTemplate(ref, pass_id, until, self._open(sealed, ref, version))
                for ref, pass_id, version, until, sealed in rows
            ]

    def erase(self, pass_ids: set[str]) -> int:
        """Delete these passes' templates and rotate the key; returns how many rows went."""
        with self._lock:
            rows = self._db.execute("select template_ref, pass_id, version, sealed from template").fetchall()
            gone = [row for row in rows if row[1] in pass_ids]
            if gone:
                self._under_a_new_key(rows, gone)
            return len(gone)

    def rekey(self) -> None:
        """A new key for what is there: what was replaced can be opened from no old page of the card any more."""
        with self._lock:
            rows = self._db.execute("select template_ref, pass_id, version, sealed from template").fetchall()
            self._under_a_new_key(rows, [])

    def _under_a_new_key(
        self, rows: list[tuple[str, str, int, bytes]], gone: list[tuple[str, str, int, bytes]]
    ) -> None:
        key = AESGCM.generate_key(256)
        left = {row[0] for row in rows} - {row[0] for row in gone}
        kept = [
            (ref, version, self._open(sealed, ref, version))
            for ref, _, version, sealed in rows
            if ref in left
        ]
        # The new key is on the disk beside the old one before the rows change, so that a crash at any point
        # leaves a gallery that one of the two opens.
        self._write_key(key, self._key_path.with_suffix(".next"))
        with transaction(self._db, self._path):
            self._db.executemany("delete from template where template_ref = ?", [(row[0],) for row in gone])
            self._db.executemany(
                "delete from lookalike where ?1 in (one, other)", [(row[1],) for row in gone]
            )
            for ref, version, data in kept:
                self._db.execute(
                    "update template set sealed = ? where template_ref = ?",
                    (_seal(key, data, ref, version), ref),
                )
            self._db.execute("update meta set version = version + 1")
        self._key_path.with_suffix(".next").replace(self._key_path)
        self._key = key
        self._db.execute("pragma wal_checkpoint(truncate)")

    def pairs(self) -> list[tuple[str, str]]:
        """Passes whose faces look alike, each pair once and in order."""
        with self._lock:
            return list(self._db.execute("select one, other from lookalike order by one, other"))

    def keep_pairs(self, pairs: Iterable[tuple[str, str]]) -> None:
        """These pairs, in place of those kept before."""
        with self._lock, transaction(self._db, self._path):
            self._db.execute("delete from lookalike")
            self._db.executemany("insert into lookalike values (?, ?)", pairs)

    def expired(self, now_ms: int) -> set[str]:
        """The passes whose template has outlived its own end."""
        with self._lock:
            return {
                row[0]
                for row in self._db.execute("select pass_id from template where not_after_ms < ?", (now_ms,))
            }

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def _open(self, sealed: bytes, ref: str, version: int) -> bytes:
        try:
            return AESGCM(self._key).decrypt(sealed[:_NONCE], sealed[_NONCE:], _aad(ref, version))
        except InvalidTag as error:
            raise StoreError(
                f"{self._path}: a template does not open with {self._key_path}. "
                "The key file was replaced; erase the gallery and enrol again."
            ) from error

    def _read_key(self) -> bytes:
        """The key in force; after a crash in ``erase`` the one that opens what is there."""
        following = self._key_path.with_suffix(".next")
        if _is_whole(following) and self._opens_with(following.read_bytes()):
            following.replace(self._key_path)
        if not _is_whole(self._key_path) and self._first() is None:
            self._write_key(AESGCM.generate_key(256), self._key_path)  # a torn one never sealed anything
        if not _is_whole(self._key_path):
            raise StoreError(
                f"{self._key_path} is missing or not a key, and {self._path} holds templates sealed under it. "
                "Put the key back from a backup, or delete both files and enrol again."
            )
        return self._key_path.read_bytes()

    def _first(self) -> tuple[str, int, bytes] | None:
        row = self._db.execute("select template_ref, version, sealed from template limit 1").fetchone()
        return None if row is None else (row[0], row[1], row[2])

    def _opens_with(self, key: bytes) -> bool:
        row = self._first()
        if row is None:
            return True
        ref, version, sealed = row
        try:
            AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], _aad(ref, version))
        except InvalidTag:
            return False
        return True

    def _write_key(self, key: bytes, path: Path) -> None:
        """Whole or not there, in place of whatever a crash left."""
        path.unlink(missing_ok=True)
        write_private(path, key)


def _is_whole(path: Path) -> bool:
    return path.exists() and path.stat().st_size == _KEY


def _aad(ref: str, version: int) -> bytes:
    return f"{ref}|{version}".encode()


def _seal(key: bytes, data: bytes, ref: str, version: int) -> bytes:
    nonce = os.urandom(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, data, _aad(ref, version))
