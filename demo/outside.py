"""What the nodes and the service keep, read from outside while they run."""

import json
import sqlite3
from pathlib import Path
from typing import Any

from cloud_sync.protocol import merkle
from demo import count

SERVICE = Path("sync/data/community.db")
CONSENTS = 8  # the pass row's bit for a current consent to face access


def _rows(path: Path, sql: str, *values: str) -> list[Any]:
    with count.read(path) as db:
        return db.execute(sql, values).fetchall()


def book(node: str) -> dict[str, Any]:
    """The node's own pass book, by pass id."""
    with count.read(Path(node, "data/passes.db")) as db:
        return read_book(db)[1]


def version(node: str) -> int:
    """The version of the book that the node keeps on its disk."""
    with count.read(Path(node, "data/passes.db")) as db:
        return read_book(db)[0]


def held_with_consent(node: str, pass_id: str) -> bool:
    row = book(node).get(pass_id)
    return row is not None and bool(row.prereq & CONSENTS)


def read_book(db: sqlite3.Connection) -> tuple[int, dict[str, Any]]:
    """Its version and its passes by id: the newest whole set, with the changes that came after it; 0 and none without one."""
    found = db.execute("select auth_ver, rows from slot order by auth_ver desc limit 1").fetchone()
    if found is None:
        return 0, {}
    version: int = found[0]
    held = {row.pass_id: row for row in merkle.unpack(found[1])}
    changes = db.execute(
        "select auth_ver, gone, rows from delta where auth_ver > ? order by auth_ver", (version,)
    )
    for newest, gone, packed in changes.fetchall():
        version = newest
        for pass_id in json.loads(gone):
            held.pop(pass_id, None)
        held |= {row.pass_id: row for row in (merkle.unpack(packed) if packed else ())}
    return version, held


def pass_state(node: str, pass_id: str) -> str:
    row = book(node).get(pass_id)
    return "" if row is None else str(row.state)


def pass_end(node: str, pass_id: str) -> float:
    """When the pass ends by this node's book, in seconds since 1970."""
    row = book(node).get(pass_id)
    return 0.0 if row is None else row.not_after / 1000


def templates(node: str, pass_id: str) -> int:
    return int(
        _rows(Path(node, "data/gallery.db"), "select count(*) from template where pass_id = ?", pass_id)[0][0]
    )


def erasures_acked() -> int:
    """Nodes that have receipted an erasure."""
    return int(_rows(SERVICE, "select count(distinct node) from erasure where acked_ms is not null")[0][0])


def case(kind: str, access_point: str) -> str:
    """The newest case of this kind at this door."""
    found = _rows(
        SERVICE,
        "select id from case_ where kind = ? and access_point = ? order by opened_ms desc",
        kind,
        access_point,
    )
    return str(found[0][0]) if found else ""


def case_state(case_id: str) -> str:
    return str(_rows(SERVICE, "select state from case_ where id = ?", case_id)[0][0])


def case_about(kind: str, subject: str) -> str:
    """The newest case of this kind about this subject."""
    sql = "select id from case_ where kind = ? and subject = ? order by opened_ms desc"
    found = _rows(SERVICE, sql, kind, subject)
    return str(found[0][0]) if found else ""


def case_owner(case_id: str) -> str:
    """Whose eyes it asks for."""
    return str(_rows(SERVICE, "select owner_role from case_ where id = ?", case_id)[0][0])
