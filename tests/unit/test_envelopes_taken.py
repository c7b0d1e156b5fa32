"""What a node takes of what other nodes sealed for it: what is right, once, and never from the future."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge.core.peers import MADE_AHEAD_MAX_MS, No
from edge.errors import StoreError
from tests.fakes.sealed_nodes import (
    DOORS,
    INFO,
    NOW_MS,
    OTHER,
    SealedNode,
    a_pass,
    template,
)
from tests.fakes.two_desks import STAFF, A, B, C, Two, address, run


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    two = Two(tmp_path)
    two.enrol()
    yield two
    two.a.close()
    two.b.close()


def test_it_is_kept_under_the_receivers_own_key_and_says_where_it_was_made(two: Two) -> None:
    two.trust()
    assert two.taken(two.one()) == ("kept", "")
    (stored,) = two.b.shelf.all()
    assert stored.data == template().to_bytes()
    assert two.b.host.facts[-1].x == {"from": "n-a"}
    for path in two.b.folder.iterdir():
        assert stored.data[40:56] not in path.read_bytes()


def test_the_same_one_twice_is_kept_once(two: Two) -> None:
    two.trust()
    envelope = two.one()
    assert [two.taken(envelope), two.taken(envelope)] == [("kept", ""), ("kept", "")]
    assert [fact.type for fact in two.b.host.facts] == ["sys.enrolled"]


@pytest.mark.parametrize("started_anew", [False, True])
def test_what_a_full_ledger_or_a_crash_interrupts_stays_what_another_node_sent(
    two: Two, started_anew: bool
) -> None:
    two.trust()
    envelope = two.one()
    with two.b.host.failing("after"), pytest.raises(StoreError):
        two.taken(envelope)
    if started_anew:
        two.b.start()
    two.b.knows(A, B, C, ver=2)
    run(two.b.desk.trust("n-c", C.peer().fingerprint, **STAFF))
    run(two.b.turn())
    assert two.b.said == []  # whoever made it sends it on
    assert two.taken(envelope) == ("kept", "")
    two.b.knows(A, C, ver=3)
    run(two.b.turn())
    assert two.b.shelf.all() == []


def test_what_fails_before_it_is_kept_leaves_this_nodes_own_template_its_own(two: Two) -> None:
    two.trust()
    envelope = two.one()
    run(two.b.host.enrol_template("P-1", template(2, made_ms=NOW_MS - 1).to_bytes()))
    with two.b.host.failing("before"), pytest.raises(StoreError):
        two.taken(envelope)
    two.b.start()
    run(two.b.desk.trust("n-a", A.peer().fingerprint, **STAFF))
    run(two.b.turn())
    assert [address(frame).receiver for frame in two.b.said] == ["n-a"]
    assert two.taken(envelope) == ("kept", "")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"receiver": "n-c"}, No.WRONG_NODE),
        ({"sender": "n-x"}, No.UNKNOWN_SENDER),
        ({"sender": "n-b"}, No.UNKNOWN_SENDER),
        ({"not_after_ms": 0}, No.EXPIRED),
        ({"model": OTHER.model_sha256}, No.FOREIGN_MODEL),
        ({"pass_version": 2}, No.BAD_SIG),
    ],
)
def test_what_is_not_right_is_refused_said_and_counted(two: Two, change: dict[str, object], why: No) -> None:
    two.trust()
    envelope = two.one()
    if why is No.BAD_SIG:  # the address alone is not what was signed; the frame is
        envelope = replace(envelope, frame=envelope.frame.replace(b'"pass_version":3', b'"pass_version":2'))
    assert two.taken(replace(envelope, **change)) == ("refused", why)
    assert two.b.desk.refused == {why: 1}
    assert two.b.shelf.all() == []


def test_one_of_another_engine_is_skipped_and_counted(two: Two) -> None:
    two.trust()
    two.enrol(1, info=OTHER)
    assert two.taken(two.one()) == ("refused", No.FOREIGN_MODEL)
    assert two.b.desk.status()["refused"] == {"foreign_model": 1}


def test_an_address_that_says_another_engine_than_is_inside_is_no_way_in(two: Two) -> None:
    two.trust()
    envelope = replace(two.one(), model=INFO.model_sha256)
    forged = A.sealer().seal(envelope, B.peer(), template(1, info=OTHER).to_bytes())
    assert two.taken(replace(envelope, frame=forged)) == ("refused", No.FOREIGN_MODEL)


def test_without_consent_here_it_is_refused_and_with_an_older_set_it_waits(two: Two) -> None:
    two.trust()
    envelope = two.one()
    two.b.host.holds(a_pass(version=2, consent=False))
    assert two.taken(envelope) is None  # the set that has the consent may still be on its way
    two.b.host.holds()
    assert two.taken(envelope) is None
    two.b.host.holds(a_pass(version=4, consent=False))
    assert two.taken(envelope) == ("refused", No.NOT_PERMITTED)
    assert two.b.shelf.all() == []


def test_an_engine_that_is_still_loading_is_waited_for_and_one_switched_off_says_so(tmp_path: Path) -> None:
    for number, (wanted, answer) in enumerate([(True, None), (False, ("refused", No.FACE_OFF))]):
        two = Two(tmp_path / str(number))
        two.enrol()
        two.trust()
        two.b.close()
        two.b = SealedNode(tmp_path / f"b{number}", B, info=None, wanted=wanted)
        two.b.knows(A, B)
        assert two.taken(two.one()) == answer
        two.a.close()
        two.b.close()


def test_a_template_made_later_is_never_replaced_by_an_older_one(two: Two) -> None:
    two.trust()
    old = two.one()
    two.enrol(2, made_ms=NOW_MS + 1)
    new = two.one()
    assert two.taken(new) == ("kept", "")
    assert two.taken(old) == ("refused", No.OLDER)


def test_a_face_from_the_future_is_not_planted_for_good(two: Two) -> None:
    """Nothing enrolled later would ever be newer than it."""
    two.trust()
    envelope = two.one()
    for made_ms in (2**62, NOW_MS + MADE_AHEAD_MAX_MS + 1):
        planted = A.sealer().seal(envelope, B.peer(), template(9, made_ms=made_ms).to_bytes())
        assert two.taken(replace(envelope, frame=planted)) == ("refused", No.MADE_AHEAD)
    two.enrol(2, made_ms=NOW_MS + MADE_AHEAD_MAX_MS)  # clocks differ a little
    assert two.taken(two.one()) == ("kept", "")


def test_a_node_gives_nobody_a_face_where_the_pass_opens_no_door_of_its_own(two: Two) -> None:
    two.trust()
    two.b.host.holds(a_pass(scope=(DOORS["n-b"], DOORS["n-c"])))
    assert two.taken(two.one()) == ("refused", No.NO_DOOR)
    assert two.b.shelf.all() == []
    two.b.host.holds(a_pass())
    two.a.clock.step(601)
    two.a.desk._offer_again()
    assert two.taken(two.one()) == ("kept", "")  # not for good: a booking can move


def test_a_node_offers_nobody_who_passes_no_door_of_its_own(two: Two) -> None:
    two.trust()
    two.a.host.holds(a_pass(scope=(DOORS["n-b"],)))
    assert two.sent() == []
