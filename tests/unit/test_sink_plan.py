"""What is sent to a node, and when again: from values alone."""

import base64
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from cloud_sync.distribute.plan import (
    AHEAD_MAX,
    ERASE_ITEMS_MAX,
    REDRIVE_MAX_MS,
    Drive,
    contradicts,
    erase_now,
    newest_version,
    parts,
    taken_away,
    takes_deltas,
)
from cloud_sync.ports import HeldSet, NodeView
from cloud_sync.protocol import merkle
from cloud_sync.protocol.delta import LEFT
from cloud_sync.protocol.messages import PUBLISH_BYTES_MAX, Cred, Erase, EraseItem, PassRow, encode


def row(pass_id: str = "P1") -> PassRow:
    return PassRow(
        pass_id, 1, "r", "guest", "ARMED", ["AP-1"], "always", 1, 2, 7, 1, [Cred("qr", "00", b"v" * 32)]
    )


HELD = HeldSet(5, merkle.root(5, [row()]), 5, merkle.root(5, [row()]))
VIEW = NodeView("n1", True, 5, HELD.root, HELD, 0, ())
NOW_MS = 1


@pytest.mark.parametrize(
    ("view", "newest"),
    [
        (replace(VIEW, held=None, told_ver=0, told_root=""), 0),
        (VIEW, 5),
        (replace(VIEW, told_ver=3, told_root="old"), 5),
        (replace(VIEW, told_ver=9, told_root="of a later life"), 9),
        (replace(VIEW, told_ver=5 + AHEAD_MAX + 1, told_root="a lie"), 5),
    ],
)
def test_versions_only_go_up_and_overtake_what_the_node_holds(view: NodeView, newest: int) -> None:
    assert newest_version(view) == newest


@pytest.mark.parametrize(
    ("told_ver", "told_root", "overtaken"),
    [
        (5, HELD.root, False),
        (5, "", False),
        (4, "older", False),
        (5, "another set under our number", True),
        (6, "newer than ours", True),
        (5 + AHEAD_MAX + 1, "a lie", False),
    ],
)
def test_a_node_that_holds_what_we_never_made_is_overtaken(
    told_ver: int, told_root: str, overtaken: bool
) -> None:
    assert contradicts(replace(VIEW, told_ver=told_ver, told_root=told_root)) is overtaken


@pytest.mark.parametrize(
    ("after", "item"),
    [
        (None, ("P1", 1, LEFT)),
        ({"state": "REVOKED"}, ("P1", 2, "REVOKED")),
        ({"state": "SUSPENDED"}, ("P1", 2, "SUSPENDED")),
        ({"state": "PENDING"}, ("P1", 1, LEFT)),
        ({"scope": ["AP-2"]}, ("P1", 1, LEFT)),
        ({"creds": []}, ("P1", 1, LEFT)),
        ({"not_after": 0}, ("P1", 1, LEFT)),
        ({"not_after": 9}, None),
        ({"scope": ["AP-1", "AP-2"]}, None),
    ],
)
def test_what_a_change_takes_away_travels_ahead(after, item) -> None:
    changed = None if after is None else structs.replace(row(), pass_version=2, **after)
    assert taken_away(row(), changed, frozenset({"AP-1"}), NOW_MS) == item


@pytest.mark.parametrize("before", [{"state": "REVOKED"}, {"not_after": 0}])
def test_what_opened_nothing_is_not_taken_away(before) -> None:
    assert taken_away(structs.replace(row(), **before), None, frozenset({"AP-1"}), NOW_MS) is None


@pytest.mark.parametrize("wv", [1, 2])
def test_an_older_node_is_sent_whole_sets_only(wv: int) -> None:
    assert takes_deltas(replace(VIEW, wv=wv)) is (wv == 2)


@given(st.binary(max_size=60_000))
def test_the_parts_give_the_whole_and_each_fits_a_publish(packed: bytes) -> None:
    sent = list(parts(7, packed))
    assert b"".join(base64.b64decode(part.data) for part in sent) == packed
    assert [(part.i, part.n) for part in sent] == [(i, len(sent)) for i in range(len(sent))]
    assert all(len(encode(part)) <= PUBLISH_BYTES_MAX for part in sent)


def owed(*versions: int) -> tuple[tuple[int, EraseItem], ...]:
    return tuple(
        (
            version,
            EraseItem(template_ref="*", pass_id=f"01JD7M3K9QXD4T8V2N6P{n:06d}", reason="consent withdrawn"),
        )
        for n, version in enumerate(versions)
    )


def test_nothing_owed_sends_nothing() -> None:
    assert erase_now(VIEW) is None


def test_all_that_is_owed_goes_under_its_newest_version() -> None:
    due = erase_now(replace(VIEW, erasures=owed(3, 4, 9)))
    assert due is not None
    assert (due[0], len(due[1])) == (9, 3)


def test_a_long_list_is_cut_between_versions_and_fits_a_publish() -> None:
    versions = [*range(1, ERASE_ITEMS_MAX), *[ERASE_ITEMS_MAX] * 3]
    due = erase_now(replace(VIEW, erasures=owed(*versions)))
    assert due is not None
    version, items = due
    assert (version, len(items)) == (ERASE_ITEMS_MAX - 1, ERASE_ITEMS_MAX - 1)
    frame = Erase(node="n1", erase_ver=version, items=items, kid="k" * 16, sig="s" * 88)
    assert len(encode(frame)) <= PUBLISH_BYTES_MAX


def test_patience_doubles_to_its_ceiling_and_starts_over_for_something_new() -> None:
    drive, now_ms, waits = Drive(), 0, []
    assert drive.is_due(7, now_ms)
    for _ in range(7):
        drive = drive.sent(7, now_ms)
        waits.append(drive.due_ms - now_ms)
        assert not drive.is_due(7, drive.due_ms - 1)
        now_ms = drive.due_ms
        assert drive.is_due(7, now_ms)
    assert waits == [1_000, 2_000, 4_000, 8_000, 16_000, REDRIVE_MAX_MS, REDRIVE_MAX_MS]
    assert drive.is_due(8, now_ms - 1)
    assert drive.sent(8, now_ms).wait_ms == 1_000
