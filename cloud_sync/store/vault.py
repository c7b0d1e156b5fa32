"""Names and document numbers: a database of its own, each field sealed by itself (domain.md §3, invariant 4).

AES-256-GCM per field; the person and the field are bound in, so that a sealed value moved to another row does not
open.  Nothing is opened without a purpose, and never before the disclosure row that says so is committed.
"""

import hmac
import secrets
import sqlite3
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cloud_sync.core.codes import Document
from cloud_sync.core.emergency import EMERGENCY_FIELDS
from cloud_sync.core.jurisdiction import MORE_FIELDS
from cloud_sync.errors import NotFound, Refused, StoreError
from cloud_sync.store.audit import Look
from cloud_sync.store.keys import write_private

NONCE_BYTES = 12
BUSY_TIMEOUT_S = 5.0
_AT_ONCE = 400  # SQLite takes some thousand places in one statement
FIELDS = (
    "name",
    "birth_date",
    "document_type",
    "document_issuer",
    "document_number",
    "guardian_contact",
    "relation",
    "nationality",
    "draft",  # of a stay: what a guest has typed and not yet sent
    "notice",  # of a notice: address and link, until it is sent
    "contact",  # of a stay's contact: the address its link went to, until the stay is over
    "address",  # of an operator: where it is written to
    "import_row",  # of a row of a spreadsheet that somebody has to look at: its cells as they came
    *MORE_FIELDS,  # what the law of some places asks for
    *EMERGENCY_FIELDS,  # while an emergency is declared
)
_SHAPE = """
CREATE TABLE IF NOT EXISTS sealed (
    person TEXT NOT NULL, field TEXT NOT NULL, box BLOB NOT NULL, mac BLOB NOT NULL,
    PRIMARY KEY (person, field)
) WITHOUT ROWID
"""


def doc_hash(k_community: bytes, document: Document) -> str:
    """Equal documents of one community are equal here, and tell nobody else anything."""
    text = "\0".join((document.type, document.issuer, document.number))
    return hmac.new(k_community, text.encode(), sha256).hexdigest()


def _bound(person: str, field: str) -> bytes:
    return f"{person}\0{field}".encode()


class Vault:
    """One process's way to the sealed fields; safe from several threads."""

    def __init__(self, path: Path, key: bytes, disclose: Callable[[Look], None]) -> None:
        self._box = AESGCM(key)
        self._mac_key = hmac.new(key, b"gatehouse vault equality", sha256).digest()
        self._disclose = disclose
        self._lock = threading.Lock()
        self._db = _open(path)

    def seal(self, person: str, field: str, value: str) -> bool:
        """Keep one field; True when that changed something.  Committed when it returns."""
        return self.seal_all(person, {field: value})

    def seal_all(self, person: str, fields: Mapping[str, str]) -> bool:
        """Keep these fields of one person, all or none; True when that changed something.  Committed when it returns."""
        unknown = fields.keys() - set(FIELDS)
        assert not unknown, f"the vault has no field {', '.join(sorted(unknown))}"
        with self._lock, self._db:
            changed = [self._keep(person, field, value) for field, value in fields.items()]
            return any(changed)

    def seal_many(self, people: Mapping[str, Mapping[str, str]]) -> int:
        """Keep these fields of many persons, all or none; how many fields that changed.  Committed when it returns."""
        with self._lock, self._db:
            return sum(
                self._keep(person, field, value)
                for person, fields in people.items()
                for field, value in fields.items()
            )

    def _keep(self, person: str, field: str, value: str) -> bool:
        mac = self._equality(person, field, value)
        held = self._db.execute(
            "SELECT mac FROM sealed WHERE person = ? AND field = ?", (person, field)
        ).fetchone()
        if held is not None and hmac.compare_digest(held[0], mac):
            return False
        nonce = secrets.token_bytes(NONCE_BYTES)
        box = nonce + self._box.encrypt(nonce, value.encode(), _bound(person, field))
        self._db.execute("INSERT OR REPLACE INTO sealed VALUES (?, ?, ?, ?)", (person, field, box, mac))
        return True

    def _equality(self, person: str, field: str, value: str) -> bytes:
        return hmac.new(self._mac_key, _bound(person, field) + b"\0" + value.encode(), sha256).digest()

    def open_field(self, person: str, field: str, *, actor: str, purpose: str, screen: str) -> str:
        """One field in clear, after its disclosure row is committed.

        Raises:
            Refused: no purpose was given.
            NotFound: nothing is sealed there.
            StoreError: it was sealed under another key, or damaged.
        """
        if not purpose.strip() or not actor.strip():
            raise Refused("vault", "a sealed field is opened only for a named person with a stated purpose.")
        with self._lock:
            held = self._db.execute(
                "SELECT box FROM sealed WHERE person = ? AND field = ?", (person, field)
            ).fetchone()
        if held is None:
            raise NotFound(f"the vault holds no {field} of {person}.")
        self._disclose(Look(actor, purpose, person, field, screen))
        try:
            return self._box.decrypt(
                held[0][:NONCE_BYTES], held[0][NONCE_BYTES:], _bound(person, field)
            ).decode()
        except InvalidTag as error:
            raise StoreError(
                f"the vault's {field} of {person} does not open with this key; restore vault.key and vault.db "
                "from the same backup."
            ) from error

    def differs(self, person: str, field: str, value: str) -> bool:
        """Whether something else than ``value`` is sealed there; opens nothing, and an empty place differs from nothing."""
        mac = self._equality(person, field, value)
        with self._lock:
            held = self._db.execute(
                "SELECT mac FROM sealed WHERE person = ? AND field = ?", (person, field)
            ).fetchone()
        return held is not None and not hmac.compare_digest(held[0], mac)

    def holds(self, person: str, field: str) -> bool:
        """Whether something is sealed there; tells nothing of what."""
        with self._lock:
            found = self._db.execute(
                "SELECT 1 FROM sealed WHERE person = ? AND field = ?", (person, field)
            ).fetchone()
        return found is not None

    def fingerprints(self, persons: Sequence[str], fields: Collection[str]) -> dict[str, str]:
        """Per person something that changes when one of these fields does; opens nothing and tells nothing of what."""
        told: dict[str, str] = {}
        names = sorted(fields)
        for start in range(0, len(persons), _AT_ONCE):
            some = persons[start : start + _AT_ONCE]
            places = ", ".join("?" * len(some)), ", ".join("?" * len(names))
            query = f"SELECT person, field, mac FROM sealed WHERE person IN ({places[0]}) AND field IN ({places[1]})"
            with self._lock:
                rows = self._db.execute(f"{query} ORDER BY person, field", (*some, *names)).fetchall()
            digests: dict[str, Any] = {}
            for person, field, mac in rows:
                digests.setdefault(person, sha256()).update(field.encode() + b"\0" + mac)
            told |= {person: digest.hexdigest() for person, digest in digests.items()}
        return told

    def persons(self) -> frozenset[str]:
        """Under which keys something stands sealed; tells nothing of what."""
        with self._lock:
            return frozenset(str(key) for (key,) in self._db.execute("SELECT DISTINCT person FROM sealed"))

    def holders(self, fields: Collection[str]) -> list[tuple[str, str]]:
        """Under which key which of these fields stands sealed; tells nothing of what."""
        places = ", ".join("?" * len(fields))
        query = f"SELECT person, field FROM sealed WHERE field IN ({places}) ORDER BY person, field"
        with self._lock:
            return [(str(person), str(field)) for person, field in self._db.execute(query, tuple(fields))]

    def forget_fields(self, person: str, fields: Collection[str]) -> int:
        """Erase these fields of a person, overwritten on disk; how many there were."""
        places = ", ".join("?" * len(fields))
        with self._lock, self._db:
            query = f"DELETE FROM sealed WHERE person = ? AND field IN ({places})"
            return self._db.execute(query, (person, *fields)).rowcount

    def forget(self, person: str) -> int:
        """Erase every field of a person, overwritten on disk; how many there were."""
        with self._lock, self._db:
            return self._db.execute("DELETE FROM sealed WHERE person = ?", (person,)).rowcount

    def close(self) -> None:
        self._db.close()


def _open(path: Path) -> sqlite3.Connection:
    if not path.exists():
        write_private(path, b"")
    try:
        db = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, check_same_thread=False)
        # No write-ahead log: what secure_delete overwrites would live on in it until the next checkpoint.
        for pragma in ("secure_delete = ON", "journal_mode = DELETE", "synchronous = FULL"):
            with closing(db.execute(f"PRAGMA {pragma}")) as cursor:
                cursor.fetchall()
        db.execute(_SHAPE)
        db.commit()
    except sqlite3.Error as error:
        raise StoreError(
            f"{path}: the vault cannot be opened ({error}); restore it from a backup."
        ) from error
    return db
