"""The ledger: numbered, chained, committed before it answers, and honest when the disk is full."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from cloud_sync.protocol import chain
from edge.core.events import AccessPointId, ClockState, CredentialKind, Fact, GrantId, NodeId, PassId, Stamp
from edge.core.open_grants import INTERRUPTED, interrupted
from edge.errors import DiskFull, StoreError
from edge.link.translate import encode_fact
from edge.store.ballast import BALLAST_BYTES, Ballast
from edge.store.ledger import SqliteLedger

STAMP = Stamp("b00t", 1_000, 1_795_277_220_123, ClockState.TRUSTED, 12)
FACT = Fact("access.granted", decision="allow", reason="Granted")


def open_ledger(folder: Path, epoch: str = "e" * 24) -> SqliteLedger:
    return SqliteLedger(
        folder / "events.db",
        NodeId("n1"),
        encode=encode_fact,
        chain=chain,
        new_epoch=lambda: epoch,
        ballast=Ballast(folder / "reserve"),
    )


@pytest.fixture
def ledger(tmp_path):
    opened = open_ledger(tmp_path)
    yield opened
    opened.close()


def test_facts_are_numbered_from_one_without_a_gap(ledger):
    assert ledger.append([FACT, FACT], STAMP) == [1, 2]
    assert ledger.append([FACT], STAMP) == [3]
    assert (ledger.head, ledger.oldest) == (3, 1)


def test_the_chain_verifies_and_a_changed_body_is_found(ledger, tmp_path):
    ledger.append([FACT] * 5, STAMP)
    assert ledger.first_break() is None
    with sqlite3.connect(tmp_path / "events.db") as other:
        other.execute("update event set body = ? where seq = 3", (b"{}",))
    other.close()
    assert ledger.first_break() == 3


def test_a_body_erased_on_its_clock_leaves_the_chain_whole(ledger, tmp_path):
    ledger.append([FACT] * 3, STAMP)
    with sqlite3.connect(tmp_path / "events.db") as other:
        other.execute("update event set body = null where seq = 1")
    other.close()
    assert ledger.first_break() is None
    assert ledger.oldest == 2


def test_opened_again_it_goes_on_where_it_was(tmp_path):
    first = open_ledger(tmp_path)
    first.append([FACT] * 4, STAMP)
    first.remember(2, "g1")
    first.close()
    again = open_ledger(tmp_path, epoch="another")
    assert (again.epoch, again.head, again.acked, again.sink_gen) == ("e" * 24, 4, 2, "g1")
    assert again.append([FACT], STAMP) == [5]
    assert again.first_break() is None
    again.close()


def test_rows_stop_at_the_size_but_never_return_nothing(ledger):
    ledger.append([FACT] * 10, STAMP)
    one = len(encode_fact(FACT, STAMP)) + 40
    assert [row.seq for row in ledger.rows(range(1, 11), bytes_max=3 * one)] == [1, 2, 3]
    assert [row.seq for row in ledger.rows(range(4, 11), bytes_max=1)] == [4]
    assert ledger.rows(range(0), bytes_max=1000) == []


def record_until_refused(ledger):
    for _ in range(200):
        ledger.append([FACT] * 10, STAMP)


def test_a_full_disk_frees_the_ballast_first_and_then_says_so(tmp_path):
    ledger = open_ledger(tmp_path)
    (pages,) = ledger._db.execute("pragma page_count").fetchone()
    ledger._db.execute(f"pragma max_page_count = {pages}")
    with pytest.raises(DiskFull, match=r"the disk is full; nothing was written"):
        record_until_refused(ledger)
    recorded = ledger.head
    assert ledger.disk_alarm
    assert not (tmp_path / "reserve").exists()
    ledger._db.execute("pragma max_page_count = 100000")
    assert ledger.append([FACT], STAMP) == [recorded + 1]
    assert ledger.first_break() is None
    ledger.close()


def test_the_ballast_lies_ready(ledger, tmp_path):
    assert (tmp_path / "reserve").stat().st_size == BALLAST_BYTES


def test_a_file_that_is_no_database_is_said_in_one_sentence(tmp_path):
    (tmp_path / "events.db").write_bytes(b"not a database, but long enough to look like a file" * 40)
    with pytest.raises(StoreError, match=r"cannot be used as the node's database"):
        open_ledger(tmp_path)


WRITER = """
import sys
from pathlib import Path
from tests.unit.test_node_ledger import FACT, STAMP, open_ledger
ledger = open_ledger(Path(sys.argv[1]))
while True:
    print(ledger.append([FACT], STAMP)[0], flush=True)
"""


def test_what_was_answered_survives_a_kill(tmp_path):
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert writer.stdout is not None
    answered = 0
    for line in writer.stdout:
        answered = int(line)
        if answered >= 30:
            break
    writer.kill()
    answered = max([answered, *(int(line) for line in writer.stdout.read().split())])
    writer.stdout.close()
    writer.wait()
    ledger = open_ledger(tmp_path)
    assert ledger.head >= answered
    assert ledger.first_break() is None
    ledger.close()


def test_a_grant_without_an_end_is_known_until_it_has_one(ledger):
    given = Fact(
        "access.granted",
        access_point=AccessPointId("AP-1"),
        pass_id=PassId("P-1"),
        grant_id=GrantId("g1"),
        cls="guest",
        direction="in",
        credential_kind=CredentialKind.REX,
        x={"a": 1},
    )
    ledger.append([given, Fact("access.emergency", grant_id=GrantId("g1"))], STAMP)
    (left,) = ledger.open_grants()
    assert interrupted(left) == Fact(
        "access.not_taken",
        access_point=AccessPointId("AP-1"),
        pass_id=PassId("P-1"),
        grant_id=GrantId("g1"),
        cls="guest",
        direction="in",
        credential_kind=CredentialKind.REX,
        reason=INTERRUPTED,
    )
    ledger.append([interrupted(left)], STAMP)
    assert ledger.open_grants() == []
