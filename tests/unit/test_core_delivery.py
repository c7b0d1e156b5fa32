"""Whether a room door would open for a pass, said before the guest stands there."""

from dataclasses import replace

import pytest

from edge.core.delivery import BATTERY_EMPTY, Delivery, LockWord, Receipt, arrivals, deliveries, low, receipt
from edge.core.events import AccessPointId, PassId, SubjectRef
from edge.core.passes import Pass, PassState, Prereq, SubjectClass

S = 1_000_000_000
ROOM, OTHER = AccessPointId("r-1"), AccessPointId("r-2")
GOOD = LockWord(online=True, heard_ns=100 * S, jammed=False, battery=80, silence_ns=90 * S)


def a_pass(pass_id: str = "P-1", *, version: int = 1, state=PassState.ARMED, scope=(ROOM,)) -> Pass:
    return Pass(
        pass_id=PassId(pass_id), pass_version=version, subject_ref=SubjectRef("s"), cls=SubjectClass.GUEST, state=state,
        scope=frozenset(scope), schedule="", not_before_ms=0, not_after_ms=1, prereq=Prereq(7), policy=1,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("lock", "arrived_s", "now_s", "said"),
    [
        (GOOD, 100, 101, Receipt.READY),
        (GOOD, 101, 102, Receipt.WAITING),  # its last word is older than the pass
        (GOOD, 101, 191, Receipt.UNREACHABLE),  # and no other came
        (replace(GOOD, online=False), 50, 101, Receipt.WAITING),
        (replace(GOOD, online=False), 11, 101, Receipt.UNREACHABLE),
        (replace(GOOD, heard_ns=None), 100, 101, Receipt.WAITING),
        (replace(GOOD, jammed=True), 100, 101, Receipt.UNREACHABLE),
        (replace(GOOD, battery=BATTERY_EMPTY - 1), 100, 101, Receipt.UNREACHABLE),
        (replace(GOOD, battery=BATTERY_EMPTY), 100, 101, Receipt.READY),
        (replace(GOOD, battery=None), 100, 101, Receipt.READY),
    ],
)
def test_a_pass_counts_on_a_lock_that_has_answered_since_it_came(lock, arrived_s, now_s, said):
    assert receipt(arrived_s * S, lock, now_s * S) is said


def test_a_new_version_has_to_be_answered_for_anew_and_what_left_is_forgotten():
    first = arrivals({}, [a_pass(), a_pass("P-2")], 5)
    assert first == {("P-1", 1): 5, ("P-2", 1): 5}
    assert arrivals(first, [a_pass(), a_pass("P-2", version=2)], 9) == {("P-1", 1): 5, ("P-2", 2): 9}


def test_each_pass_has_one_receipt_for_each_of_its_room_doors_and_dead_passes_have_none():
    passes = [
        a_pass(scope=(OTHER, ROOM, AccessPointId("gate"))),
        a_pass("P-2", state=PassState.PENDING),
        a_pass("P-3", state=PassState.REVOKED),
    ]
    locks = {ROOM: GOOD, OTHER: replace(GOOD, jammed=True)}
    assert list(deliveries(passes, arrivals({}, passes, 100 * S), locks, 101 * S)) == [
        Delivery(PassId("P-1"), ROOM, Receipt.READY),
        Delivery(PassId("P-1"), OTHER, Receipt.UNREACHABLE),
        Delivery(PassId("P-2"), ROOM, Receipt.READY),
    ]


def test_a_figure_is_low_or_ok_or_not_known():
    assert [low(14, 15), low(15, 15), low(None, 15)] == ["low", "ok", None]
