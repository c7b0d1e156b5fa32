"""A node forgets on its disk too: what has left the pass book and the ledger stands in no slot, delta, page or log of them."""

from pathlib import Path

import pytest

from cloud_sync.protocol.messages import Cred, PassRow
from edge.core.events import PassId
from tests.fakes.passes_down import DOOR, T0_MS, Node, Office

DAY_MS = 86_400_000


def row(pass_id: str) -> PassRow:
    cred = Cred("qr", f"CR-of-{pass_id}", b"v" * 32)
    return PassRow(pass_id, 1, f"SJ-of-{pass_id}", "guest", "ARMED", [DOOR], "", 0, T0_MS * 2, 7, 1, [cred])


@pytest.fixture
def node(tmp_path):
    made = Node(tmp_path)
    yield made
    made.book.close()


@pytest.fixture
def office(node):
    made = Office(node)
    made.wanted = {name: row(name) for name in ("PS-gone", "PS-stays", *(f"PS-{n}" for n in range(40)))}
    made.settle()
    assert node.book.auth_ver
    return made


def stands(folder: Path, word: str) -> list[str]:
    return sorted(path.name for path in folder.glob("passes.db*") if word.encode() in path.read_bytes())


def test_who_has_left_is_gone_from_the_disk_a_day_later_and_who_stays_is_there(node, office, tmp_path):
    book, now_ms = node.book, node.now_ms
    book.remember_code("CR-of-PS-gone", "used")
    book.remember_code("CR-of-PS-stays", "used")
    del office.wanted["PS-gone"]
    office.settle()
    assert PassId("PS-gone") not in book.held.passes
    assert stands(tmp_path, "SJ-of-PS-gone") != []
    assert not book.forget(now_ms=now_ms + DAY_MS // 2)
    assert book.code_memory("CR-of-PS-gone") == "used"

    assert book.forget(now_ms=now_ms + 2 * DAY_MS)
    assert stands(tmp_path, "SJ-of-PS-gone") == []
    assert book.code_memory("CR-of-PS-gone") == "used"  # for a pass that comes back at once
    assert book.forget(now_ms=now_ms + 4 * DAY_MS)
    assert book.code_memory("CR-of-PS-gone") is None
    assert book.code_memory("CR-of-PS-stays") == "used"
    assert not book.forget(now_ms=now_ms + 6 * DAY_MS)

    root = book.root
    node.restart()
    assert (node.book.root, len(node.book.held.passes)) == (root, 41)
    assert stands(tmp_path, "SJ-of-PS-stays") != []
