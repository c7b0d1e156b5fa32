"""Invariants 24 and 25 in the books: what only a full sweep would find, and what nobody can know yet."""

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.community_house import rfc3339
from tests.fakes.many_acts import FOLDERS, Town, asked, whatever

# A disk that waits for each commit; a busy machine makes it longer.
pytestmark = pytest.mark.timeout(600)


def test_invariant_24_catches_an_incremental_run_that_lost_its_list(tmp_path):
    """Somebody came in who is not registered; without the list of what was touched only the full sweep finds it."""
    town = Town(tmp_path)
    town.happen("walk", "7001", 0)
    with town.books.engine.begin() as db:
        db.execute(sa.text("delete from touched"))
    assert town.books.reconciler.run_touched() == 0
    assert town.books.reconciler.run_full() > 0
    town.close()


TELLING = st.lists(
    st.tuples(st.sampled_from(["write", "send", "send", "hello", "hours"]), st.integers(1, 3)),
    min_size=4,
    max_size=12,
)
NO_SHOW_DUE_HOURS = 11  # arrival an hour before the beginning, and twelve hours


class Teller:
    """A gate that writes, sends late and in pieces, and says hello; what the service can know is noted here."""

    def __init__(self, town: Town) -> None:
        self.town, self.sent, self.hellos = town, set[int](), list[tuple[float, int]]()
        self.hour = 0.0
        for ref in ("7001", "7002"):
            town.happen("register", ref, 4)

    def happen(self, what: str, how: int) -> None:
        gate = self.town.gate
        if what == "write":
            gate.write("access.denied", decision="deny", reason="Unauthorized")
        elif what == "send":
            some = sorted({seq for seq in range(1, gate.ledger.head + 1) if seq % how == 0} - self.sent)[:3]
            if some:
                gate.hears(gate.ledger.batch(some))
                self.sent |= set(some)
        elif what == "hello":
            gate.says_hello()
            self.hellos.append((self.hour, gate.ledger.head))
        else:
            self.town.clock.step(hours=how)
            self.hour += how
            self.town.books.registry.advance_time(since_ms=self.town.clock.at_ms - 40 * 3_600_000)
        self.town.books.reconciler.run_due()
        self.town.books.reconciler.run_touched()

    def knows_through(self, hour: float) -> bool:
        """Whether everything up to this hour has been told: a hello at or after it, and all it spoke of is here."""
        return any(at >= hour and set(range(1, head + 1)) <= self.sent for at, head in self.hellos)


@settings(whatever, max_examples=5)
@given(telling=TELLING, before=st.integers(6, 12))
def test_invariant_25_absence_is_found_only_where_everything_has_been_told(tmp_path, telling, before):
    """D02 says that nobody came: never before the gate has told everything up to the hour it is about."""
    town = Town(tmp_path / str(next(FOLDERS)))
    teller = Teller(town)
    for deed in [("write", 1), ("hours", before), *telling, ("hours", 3), *telling]:
        teller.happen(*deed)
        opened = asked(town, "select subject from discrepancy where kind = 'D02' and state = 'open'")
        assert not opened or teller.knows_through(NO_SHOW_DUE_HOURS), telling
    missing = set(range(1, town.gate.ledger.head + 1)) - teller.sent
    for at in range(0, len(missing), 40):
        town.gate.hears(town.gate.ledger.batch(sorted(missing)[at : at + 40]))
    teller.sent |= missing
    for deed in [("hours", 3), ("hours", 3), ("hello", 1), ("hours", 1)]:
        teller.happen(*deed)
    assert teller.knows_through(NO_SHOW_DUE_HOURS)  # and then it is found, unless the stay is over by then
    assert asked(town, "select 1 from discrepancy where kind = 'D02' and state <> 'inconclusive'")
    town.close()


def test_invariant_25_catches_a_watermark_that_is_only_the_clock(tmp_path):
    """Told a hello that keeps silent about events it has, the service finds an absence; the count sees it."""
    town = Town(tmp_path)
    teller = Teller(town)
    for deed in [("write", 1), ("hours", 9), ("hours", 3)]:
        teller.happen(*deed)
    town.gate.hears(
        town.gate.ledger.hello(wall=rfc3339(town.clock.at_ms), head=0, head_h=town.gate.ledger.h(0).hex())
    )
    teller.happen("hours", 1)
    assert asked(town, "select 1 from discrepancy where kind = 'D02' and state = 'open'")
    assert not teller.knows_through(NO_SHOW_DUE_HOURS)
    town.close()
