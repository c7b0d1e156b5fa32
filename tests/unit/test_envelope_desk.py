"""What a node offers, to whom, and how often: by consent, by trust, and never after an erasure."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge.core.peers import No, Roster
from edge.errors import TrustRefused
from edge.runtime.envelopes import OFFERS_PER_TICK
from edge.runtime.erasure_hold import HOLD_MAX_NS
from edge.store.peer_book import PeerBook
from tests.fakes.sealed_nodes import (
    DOORS,
    HOUR_MS,
    NOW_MS,
    Keys,
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


# --- to whom -----------------------------------------------------------------------------------------------------


def test_approved_by_the_service_alone_a_node_gets_nothing(two: Two) -> None:
    assert two.sent() == []


def test_trusted_here_it_gets_what_was_enrolled_here_and_the_ledger_has_an_id_and_no_name(two: Two) -> None:
    two.trust()
    envelope = two.one()
    assert (envelope.sender, envelope.receiver, envelope.pass_id, envelope.pass_version) == (
        "n-a",
        "n-b",
        "P-1",
        3,
    )
    fact = two.a.host.facts[-1]
    assert (fact.type, fact.actor) == ("sys.receiver_trusted", "officer-2")
    assert fact.x == {"node": "n-b", "fingerprint": B.peer().fingerprint}


def test_the_service_may_lie_about_a_key_and_still_opens_nothing(two: Two) -> None:
    """It puts a key of its own beside a name people trust, then a node of its own beside the others."""
    two.trust()
    two.a.knows(A, Keys("n-b"), Keys("n-c"), ver=2)
    assert two.sent() == []
    assert [one["trust"] for one in two.a.desk.status()["nodes"]] == ["keys changed", "not trusted"]


@pytest.mark.parametrize(
    ("node", "mark", "words", "why"),
    [
        ("n-b", "0000-" * 7 + "0000", STAFF, "have fingerprint"),
        ("n-c", C.peer().fingerprint, STAFF, "not on the community's roster"),
        ("n-a", A.peer().fingerprint, STAFF, "not on the community's roster"),
        ("n-b", B.peer().fingerprint, {**STAFF, "by": "Wang Fang"}, "so no name"),
        ("n-b", B.peer().fingerprint, {**STAFF, "by": "王芳"}, "so no name"),
        ("n-b", B.peer().fingerprint, {**STAFF, "reason": " "}, "--reason"),
    ],
    ids=["other-fingerprint", "unknown-node", "itself", "a-name", "a-name-in-zh", "no-reason"],
)
def test_trust_needs_an_approved_node_its_own_fingerprint_and_somebody(
    two: Two, node: str, mark: str, words: dict[str, str], why: str
) -> None:
    facts = len(two.a.host.facts)
    with pytest.raises(TrustRefused, match=why):
        run(two.a.desk.trust(node, mark, **words))
    assert (two.sent(), len(two.a.host.facts)) == ([], facts)


def test_trust_outlives_a_start_and_ends_when_it_is_taken_back(two: Two) -> None:
    two.trust()
    two.a.start()
    assert two.one().receiver == "n-b"
    run(two.a.desk.distrust("n-b", **STAFF))
    two.a.start()
    assert two.sent() == []


def test_only_nodes_with_a_door_on_the_way_get_it(two: Two) -> None:
    two.trust()
    two.a.host.holds(a_pass(scope=(DOORS["n-a"],)))
    assert two.sent() == []


def test_without_a_current_consent_nothing_leaves_whatever_is_still_on_the_disk(two: Two) -> None:
    two.trust()
    two.a.host.holds(a_pass(consent=False))
    assert two.sent() == []


def test_a_node_that_is_not_approved_itself_sends_nothing(two: Two) -> None:
    two.trust()
    two.a.knows(B, ver=2)
    assert two.sent() == []


def test_a_roster_that_is_not_newer_is_refused_for_ever(two: Two) -> None:
    two.trust()
    two.a.knows(A, ver=7)
    two.a.knows(A, B, ver=6)
    two.a.knows(A, B, ver=7)
    two.a.start()
    assert two.sent() == []
    two.a.knows(A, B, ver=8)
    assert two.one().receiver == "n-b"


def test_a_node_that_comes_later_gets_what_is_here_already(two: Two) -> None:
    two.trust()
    two.a.desk._take_answer(two.one().id, "kept", "")
    two.a.knows(A, B, C, ver=2)
    two.trust(C)
    assert [one.receiver for one in two.sent()] == ["n-c"]


def test_what_came_from_another_node_is_not_sent_on(two: Two) -> None:
    two.trust()
    assert two.taken(two.one()) == ("kept", "")
    run(two.b.desk.trust("n-a", A.peer().fingerprint, **STAFF))
    run(two.b.turn())
    assert two.b.said == []


# --- again, and not again -----------------------------------------------------------------------------------------


def test_offered_again_ever_more_slowly_until_somebody_answers_and_under_the_same_id(two: Two) -> None:
    two.trust()
    first = two.one()
    assert two.sent() == []
    two.a.clock.step(5)
    second = two.one()
    assert second.id == first.id
    two.a.clock.step(5)
    assert two.sent() == []
    two.a.clock.step(5)
    assert two.one().id == first.id


def test_kept_is_the_end_of_it_also_after_a_start(two: Two) -> None:
    two.trust()
    two.a.desk._take_answer(two.one().id, "kept", "")
    two.a.clock.step(10_000)
    assert two.sent() == []
    two.a.start()
    assert two.sent() == []


def test_stored_is_not_the_end_a_new_session_asks_again(two: Two) -> None:
    two.trust()
    first = two.one()
    two.a.desk._take_answer(first.id, "stored", "")
    two.a.clock.step(60)
    assert two.sent() == []
    two.a.desk._offer_again()
    assert two.one().id == first.id


def test_a_full_service_is_asked_again_later_and_a_foreign_engine_never(two: Two) -> None:
    two.trust()
    first = two.one()
    two.a.desk._take_answer(first.id, "refused", "full")
    two.a.clock.step(601)
    assert two.one().id == first.id
    two.a.desk._take_answer(first.id, "refused", "foreign_model")
    two.a.clock.step(10_000)
    assert two.sent() == []


def test_enrolled_anew_it_is_a_new_envelope(two: Two) -> None:
    two.trust()
    first = two.one()
    two.enrol(2)
    assert two.one().id != first.id


def test_a_tick_offers_a_handful_and_a_busy_link_nothing(two: Two) -> None:
    two.trust()
    passes = [a_pass(f"P-{n}") for n in range(20)]
    two.a.host.holds(*passes)
    for n in range(20):
        run(two.a.host.enrol_template(f"P-{n}", template(n).to_bytes()))
    assert len(two.sent()) == OFFERS_PER_TICK
    two.a.deaf = True
    assert two.sent() == []
    two.a.deaf = False
    seen = {one.id for _ in range(3) for one in two.sent()}
    assert len(seen) == 20 - OFFERS_PER_TICK


def test_one_that_cannot_be_sealed_holds_up_no_other(two: Two) -> None:
    """A template too long for an envelope, and a key of a neighbour with which nobody can agree on a secret."""
    low = replace(C.peer(), sealing_key=bytes(32), fingerprint="low")
    two.a.desk._take_roster(Roster(2, (A.peer(), B.peer(), low)))
    two.trust()
    run(two.a.desk.trust("n-c", "low", **STAFF))
    two.a.host.holds(a_pass(), a_pass("P-2"))
    two.a.shelf.put("P-2", template(2, dim=2600).to_bytes(), not_after_ms=NOW_MS + HOUR_MS)
    assert [(one.pass_id, one.receiver) for one in two.sent()] == [("P-1", "n-b")]
    assert two.sent() == []


def test_whatever_goes_wrong_in_one_turn_the_next_one_comes(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    two.trust()
    monkeypatch.setattr("edge.runtime.envelopes.TICK_S", 0.001)
    seal, tries = two.a.desk._parts.seal, []

    def failing(*what: object) -> bytes:
        tries.append(what)
        if len(tries) == 1:
            raise RuntimeError("anything")
        return seal(*what)

    async def until_said() -> None:
        said = asyncio.Event()
        two.a.desk._parts = replace(two.a.desk._parts, seal=failing, wake_link=said.set)
        serving = asyncio.create_task(two.a.desk.run())
        async with asyncio.timeout(10):
            await said.wait()
        serving.cancel()

    run(until_said())
    assert (len(tries), [address(frame).receiver for frame in two.a.said]) == (2, ["n-b"])


# --- erasure ------------------------------------------------------------------------------------------------------


def test_what_was_sealed_before_an_erasure_never_comes_in_behind_it(two: Two) -> None:
    two.trust()
    late = two.one()
    two.b.desk.tombstones({"P-1": 3})
    two.b.host.holds(a_pass(version=5))  # consented again
    assert two.taken(late) == ("refused", No.ERASED)
    two.b.start()
    assert two.taken(late) == ("refused", No.ERASED)
    two.a.host.holds(a_pass(version=5))
    two.enrol(2)
    assert two.taken(two.one()) == ("kept", "")


def test_nothing_leaves_while_this_node_owes_an_erasure_itself(two: Two) -> None:
    two.trust()
    two.a.desk._hold.owe(5)
    assert two.sent() == []
    two.a.desk._hold.owe(0)
    assert two.one().receiver == "n-b"


@pytest.mark.parametrize("started_anew", [False, True])
def test_made_under_a_consent_that_was_withdrawn_it_never_travels_as_the_next_one_s(
    two: Two, started_anew: bool
) -> None:
    """The enrolling node was cut off: it hears of the new consent before it hears of the erasure."""
    two.sent()  # the desk's look after the enrolment; nobody is trusted yet
    two.b.desk.tombstones({"P-1": 3})
    for node in (two.a, two.b):
        node.host.holds(a_pass(version=5))
    if started_anew:
        two.a.start()
    two.trust()
    late = two.one()
    assert late.pass_version == 3
    assert two.taken(late) == ("refused", No.ERASED)
    two.enrol(2)
    assert two.taken(two.one()) == ("kept", "")


def test_a_pass_that_was_only_extended_takes_what_was_made_before(two: Two) -> None:
    two.sent()
    for node in (two.a, two.b):
        node.host.holds(a_pass(version=4))
    two.trust()
    assert two.taken(two.one()) == ("kept", "")


def test_an_erasure_that_names_no_version_takes_the_one_that_stands_here(two: Two) -> None:
    two.trust()
    late = two.one()
    two.b.desk.tombstones({"P-1": 0})
    assert two.taken(late) == ("refused", No.ERASED)


def test_a_tombstone_never_goes_back(tmp_path: Path) -> None:
    book = PeerBook(tmp_path / "peers.db")
    book.note_erased({"P-1": 5}, 1)
    book.note_erased({"P-1": 3}, 2)
    assert book.erased() == {"P-1": 5}
    book.close()


def test_a_node_that_is_no_longer_approved_erases_what_others_sent_and_keeps_its_own(two: Two) -> None:
    two.trust()
    assert two.taken(two.one()) == ("kept", "")
    two.b.host.holds(a_pass(), a_pass("P-2"))
    run(two.b.host.enrol_template("P-2", template(2).to_bytes()))
    two.b.knows(A, ver=2)
    two.b.start()  # in between it was restarted
    run(two.b.turn())
    assert [one.pass_id for one in two.b.shelf.all()] == ["P-2"]


def test_approved_again_it_is_sent_everything_again(two: Two) -> None:
    two.trust()
    two.a.desk._take_answer(two.one().id, "kept", "")
    two.a.knows(A, ver=2)
    two.a.knows(A, B, ver=3)
    assert two.one().receiver == "n-b"


@pytest.mark.story("3e")
def test_while_an_erasure_is_owed_nobody_is_looked_at_and_never_for_ever(two: Two) -> None:
    two.b.desk._hold.owe(5)
    assert two.b.host.faces_held
    two.b.desk._hold.owe(0)
    assert not two.b.host.faces_held
    two.b.desk._hold.owe(5)
    two.b.clock.step(HOLD_MAX_NS / 1e9)
    run(two.b.desk._turn())
    assert not two.b.host.faces_held
    two.b.desk._hold.owe(5)  # waited for in vain once: not at every head again
    assert not two.b.host.faces_held
    two.b.desk._hold.owe(6)
    assert two.b.host.faces_held


def test_an_expired_one_is_refused_by_this_nodes_own_clock(two: Two) -> None:
    two.trust()
    envelope = two.one()
    two.b.clock.step(46 * HOUR_MS / 1000)
    assert two.taken(envelope) == ("refused", No.EXPIRED)


def test_keys_are_made_on_the_node_readable_by_its_owner_only_and_once(tmp_path: Path) -> None:
    from edge.store.sealing_key import public_half, sealing_private_key

    path = tmp_path / "data" / "sealing.key"
    first = sealing_private_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert (sealing_private_key(path), len(public_half(first))) == (first, 32)
