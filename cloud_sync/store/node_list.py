"""Many doors on their nodes from one list: a CSV file in which every row is right, or nothing happens.

Rows of one node stand anywhere in the file; its name and keys may stand on one of its rows or on all of them.
"""

import base64
import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from cloud_sync.errors import Refused
from cloud_sync.protocol.sealed import proof_bytes
from cloud_sync.store import tables
from cloud_sync.store.house import Act
from cloud_sync.store.losses import open_loss
from cloud_sync.store.places import (
    DEVICE_KEY_BYTES,
    ID,
    KINDS,
    NEVER_WATCHED,
    PLACES,
    AccessPointSpec,
    NodeJoin,
    add_node,
)

# A community has some fifty doors and a big one a few hundred; more is a file taken by mistake.
ROWS_MAX = 2000
FILE_BYTES_MAX = 2_000_000
NAME_MAX = 80

# What may stand in the first line; both languages, capitals and spaces do not matter.
HEADINGS: Mapping[str, tuple[str, ...]] = {
    "access_point": ("access_point", "door", "门编号", "通道编号", "通道"),
    "kind": ("kind", "类型"),
    "name_zh": ("name_zh", "中文名", "门名"),
    "name_en": ("name_en", "english name", "英文名"),
    "node": ("node", "节点", "节点编号"),
    "node_name": ("node_name", "节点名"),
    "public_key": ("public_key", "公钥"),
    "sealing_key": ("sealing_key", "封装公钥"),
    "sealing_proof": ("sealing_proof", "封装证明"),
    "location_class": ("location_class", "位置", "位置类别"),
}
NEEDED = ("access_point", "kind", "name_zh", "name_en", "node")
KIND_WORDS: Mapping[str, str] = {
    "门岗": "gate",
    "大门": "gate",
    "单元门": "unit",
    "房间": "room",
    "车库": "garage",
}


@dataclass(frozen=True, slots=True)
class RowFault:
    """One sentence about one row; row 1 is the line of headings."""

    row: int
    sentence: str

    def __str__(self) -> str:
        return f"row {self.row}: {self.sentence}"


@dataclass(frozen=True, slots=True)
class DoorRow:
    row: int
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")


@dataclass(frozen=True, slots=True)
class NodeKeys:
    """What 'gatehouse-node join-request' printed at one node."""

    public_key: str
    sealing_key: str = ""
    sealing_proof: str = ""


# --- the file --------------------------------------------------------------------------------------------------


def read_rows(data: bytes) -> tuple[list[DoorRow], list[RowFault]]:
    """The rows, and a sentence about every line that is none.

    Raises:
        Refused: the file as a whole cannot be read, or its headings are wrong.
    """
    if len(data) > FILE_BYTES_MAX:
        raise Refused("node", f"the list has more than {FILE_BYTES_MAX} bytes; is this the right file?")
    lines = _lines(_decoded(data))
    if not lines:
        raise Refused("node", "the list is empty; its first line has to name the columns.")
    if len(lines) > ROWS_MAX + 1:
        raise Refused("node", f"the list has more than {ROWS_MAX} rows; split it.")
    (_, first), *rest = lines
    header = _header(first)
    rows, faults = [], []
    for number, text in rest:
        cells = _cells(text)
        if cells is None:
            faults.append(RowFault(number, "a quotation mark is not closed."))
        elif len(cells) != len(header):
            faults.append(
                RowFault(number, f"has {len(cells)} cells, the first line names {len(header)} columns.")
            )
        else:
            rows.append(DoorRow(number, _in_our_words(dict(zip(header, cells, strict=True)))))
    if not rows and not faults:
        raise Refused("node", "the list has headings and no doors.")
    return rows, faults


def _decoded(data: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):  # what Chinese spreadsheets write holds all of GBK
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Refused("node", "the list is neither UTF-8 nor GBK text; save it as CSV UTF-8.")


def _lines(text: str) -> list[tuple[int, str]]:
    split = re.split(r"\r\n|\n|\r", text)
    return [(number, line) for number, line in enumerate(split, start=1) if line.strip(" \t,")]


def _cells(text: str) -> list[str] | None:
    try:
        (cells,) = csv.reader([text], strict=True)
    except csv.Error:
        return None
    return [cell.strip() for cell in cells]


def _header(text: str) -> list[str]:
    known = {word: column for column, words in HEADINGS.items() for word in words}
    found = [known.get(cell.lower(), "") or cell for cell in _cells(text) or ()]
    if unknown := [cell for cell in found if cell not in HEADINGS]:
        raise Refused("node", f"the column {unknown[0]!r} is not known; known are {', '.join(HEADINGS)}.")
    if missing := [column for column in NEEDED if column not in found]:
        raise Refused("node", f"the column {', '.join(missing)} is missing in the first line.")
    if len(set(found)) != len(found):
        raise Refused("node", "a column stands twice in the first line.")
    return found


def _in_our_words(cells: dict[str, str]) -> dict[str, str]:
    return cells | {"kind": KIND_WORDS.get(cells["kind"], cells["kind"].lower())}


# --- what is wrong with it -----------------------------------------------------------------------------------------


def faults_of(act: Act, rows: list[DoorRow], keys: Mapping[str, NodeKeys]) -> list[RowFault]:
    """A sentence about every wrong row, in the file's order; the books are only read."""
    seen: dict[str, int] = {}
    first_row: dict[tuple[str, str], DoorRow] = {}  # where a node's word about itself stands first
    found: list[RowFault] = []
    for row in rows:
        problem = (
            _wrong_alone(row)
            or _wrong_beside(row, seen, first_row)
            or _wrong_here(act, row, keys.get(row["node"]), _of_node(rows, row["node"]))
        )
        if problem:
            found.append(RowFault(row.row, problem))
        seen.setdefault(row["access_point"], row.row)
        for column in OF_THE_NODE:
            if row[column]:
                first_row.setdefault((row["node"], column), row)
    return found


def _wrong_alone(row: DoorRow) -> str:
    for column in NEEDED:
        if not row[column]:
            return f"{column} is empty."
    for column in ("access_point", "node"):
        if not ID.fullmatch(row[column]):
            return f"{column} {row[column]!r} may have letters, digits, '.', '_' and '-' only, at most 64."
    for column in ("name_zh", "name_en", "node_name"):
        if len(row[column]) > NAME_MAX:
            return f"{column} is longer than {NAME_MAX} characters."
    if row["kind"] not in KINDS:
        return f"kind {row['kind']!r} is not one of {', '.join(KINDS)}."
    place = row["location_class"]
    if place in NEVER_WATCHED:
        return f"no access point may have a camera in a place of class {place}."
    if place and place not in PLACES:
        return f"location_class {place!r} is not one of {', '.join(sorted(PLACES))}."
    return next((fault for fault in _key_faults(row) if fault), "")


def _key_faults(row: DoorRow) -> Iterator[str]:
    for column in ("public_key", "sealing_key"):
        if row[column] and _raw(row[column]) is None:
            yield f"{column} is not base64 of {DEVICE_KEY_BYTES} bytes; copy it from 'gatehouse-node join-request'."
    if row["sealing_key"] and not (row["public_key"] and row["sealing_proof"]):
        yield "sealing_key needs public_key and sealing_proof beside it."


# What every row of one node says alike, where it says it.
OF_THE_NODE = ("node_name", "public_key", "sealing_key", "sealing_proof")


def _wrong_beside(row: DoorRow, seen: Mapping[str, int], first_row: Mapping[tuple[str, str], DoorRow]) -> str:
    if before := seen.get(row["access_point"]):
        return f"access point {row['access_point']} stands in row {before} already."
    for column in OF_THE_NODE:
        first = first_row.get((row["node"], column))
        if first is not None and row[column] and row[column] != first[column]:
            return f"{column} of node {row['node']} is another one than in row {first.row}."
    return ""


def _wrong_here(act: Act, row: DoorRow, given: NodeKeys | None, siblings: list[DoorRow]) -> str:
    """What the books and the node's keys say about this row."""
    wanted = _keys(siblings, given)
    if given is not None and wanted is not None and wanted.public_key != given.public_key:
        return f"public_key of node {row['node']} is another one than in its join request."
    held = act.row(tables.node, node=row["node"])
    if wanted is None and held is None:
        return (
            f"node {row['node']} is not registered and has no public_key here; take it from its "
            "'gatehouse-node join-request'."
        )
    if wanted is not None and _raw(wanted.public_key) is None:
        return f"the join request of node {row['node']} has no public key of {DEVICE_KEY_BYTES} bytes."
    another = wanted is not None and held is not None and held.device_public_key != wanted.public_key
    if another and open_loss(act, row["node"]) is None:
        return (
            f"node {row['node']} is registered with another key; if it was lost or replaced, say so first: "
            "'gatehouse-sync node lost'."
        )
    if wanted is not None and wanted.sealing_key and not _proven(row["node"], wanted):
        return f"the device key of node {row['node']} has not signed this sealing key; take both from one join request."
    door = act.row(tables.access_point, access_point=row["access_point"])
    if door is not None and door.node != row["node"]:
        return f"{row['access_point']} belongs to node {door.node}."
    return ""


def _raw(text: str) -> bytes | None:
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return raw if len(raw) == DEVICE_KEY_BYTES else None


def _proven(node: str, keys: NodeKeys) -> bool:
    device, sealing = _raw(keys.public_key), _raw(keys.sealing_key)
    if device is None or sealing is None:
        return False
    try:
        proof = base64.b64decode(keys.sealing_proof, validate=True)
        Ed25519PublicKey.from_public_bytes(device).verify(proof, proof_bytes(node, sealing))
    except (InvalidSignature, ValueError):
        return False
    return True


# --- and into the books ----------------------------------------------------------------------------------------------


def add_list(act: Act, rows: list[DoorRow], keys: Mapping[str, NodeKeys]) -> list[str]:
    """Register every node with its doors; the node ids, in the file's order.  The same list again changes nothing."""
    nodes = list(dict.fromkeys(row["node"] for row in rows))
    for node in nodes:
        add_node(act, _join(act, node, _of_node(rows, node), keys.get(node)))
    return nodes


def _of_node(rows: list[DoorRow], node: str) -> list[DoorRow]:
    return [row for row in rows if row["node"] == node]


def _keys(rows: list[DoorRow], given: NodeKeys | None) -> NodeKeys | None:
    """The keys written in the list, else those of the join request."""
    public = next((row for row in rows if row["public_key"]), None)
    if public is None:
        return given
    sealing = next((row for row in rows if row["sealing_key"]), public)
    return NodeKeys(public["public_key"], sealing["sealing_key"], sealing["sealing_proof"])


def _join(act: Act, node: str, rows: list[DoorRow], given: NodeKeys | None) -> NodeJoin:
    keys = _keys(rows, given)
    if keys is None:
        held = act.row(tables.node, node=node)
        assert held is not None, "a node without a key is refused before (faults_of)"
        keys = NodeKeys(str(held.device_public_key))
    name = next((row["node_name"] for row in rows if row["node_name"]), node)
    doors = tuple(
        AccessPointSpec(
            row["access_point"], row["kind"], row["name_zh"], row["name_en"], row["location_class"]
        )
        for row in rows
    )
    return NodeJoin(node, name, keys.public_key, doors, keys.sealing_key, keys.sealing_proof)
