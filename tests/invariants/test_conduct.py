"""Invariants 6, 10 and 19 where points are given and listings judged: sums, bands, and who may decide."""

import itertools

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud_sync.core.policy import DAY_MS
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports_model import Person
from tests.fakes.community_house import booking_row, registration_row, take
from tests.fakes.listing_house import OFFICER, OP, OPERATOR, OTHER, STREET, ListingHouse

# A disk that waits for each commit; a busy machine makes it longer.
pytestmark = pytest.mark.timeout(600)

FOLDERS = itertools.count()
ADMIN = Person("root", "admin")
PEOPLE = (OFFICER, OTHER, ADMIN, OPERATOR, STREET)
RULES = ("C01", "C02", "C05", "C06", "C07")
DEEDS = st.lists(
    st.tuples(
        st.sampled_from(
            ["propose", "confirm", "confirm", "dismiss", "appeal", "uphold", "reverse", "days", "flag"]
        ),
        st.integers(0, 9),
        st.sampled_from(PEOPLE),
    ),
    min_size=3,
    max_size=14,
)
own_folder = settings(
    max_examples=5,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
START, FLOORS = 10, ((10, "green"), (6, "blue"), (3, "yellow"), (0, "red"))


class Judged:
    """One coded listing, and what people did about its points."""

    def __init__(self, folder) -> None:
        self.house = ListingHouse(folder)
        self.code = self.house.coded()
        self.made: list[str] = []

    def happen(self, what: str, how: int, who: Person) -> None:
        desk = self.house.desk
        try:
            if what == "propose":
                self.made.append(desk.propose_points(self.code, RULES[how % len(RULES)], ("IN-1",), who))
            elif what == "days":
                self.house.clock.step(ms=how * 50 * DAY_MS)
                self.house.books.registry.advance_time(since_ms=0)
            elif what == "flag":
                desk.flag_interest(who.name, OP, "landlord", OTHER)
            elif self.made and what == "appeal":
                desk.appeal(self.made[how % len(self.made)], "not so", who)
            elif self.made:
                desk.decide_points(self.made[how % len(self.made)], what, "looked", who)
        except (Refused, NotFound):
            return

    def entries(self) -> list[sa.Row]:
        with self.house.books.engine.connect() as db:
            return list(db.execute(sa.text("select * from points_entry order by 1, 2")))

    def faults(self) -> list[str]:
        """What the desk shows, beside a sum made here from the rows."""
        now_ms = self.house.clock.now_ms()
        counted = [
            row.delta
            for row in self.entries()
            if row.state == "EFFECTIVE"
            and row.effective_ms <= now_ms
            and not (row.expires_ms or now_ms + 1) <= now_ms
        ]
        left = max(0, min(START, START + sum(counted)))
        band = next(name for floor, name in FLOORS if left >= floor)
        shown = self.house.desk.listing(self.code, OFFICER).row.standing
        told = (shown.balance, shown.left, shown.band.value)
        return (
            []
            if told == (sum(counted), left, band)
            else [f"shown {told}, counted {sum(counted), left, band}"]
        )

    def unfit(self) -> list[str]:
        """Entries that took effect by nobody, by who proposed them, or by the operator they concern."""
        return [
            f"{row.rule}: {row.state} by {row.decided_by!r}"
            for row in self.entries()
            if row.state in {"EFFECTIVE", "UNDER_APPEAL", "REVERSED", "EXPIRED"}
            and row.decided_by in {None, "", OPERATOR.name, row.proposed_by}
        ]

    def close(self) -> None:
        self.house.close()


@own_folder
@given(deeds=DEEDS)
def test_invariant_06_what_is_shown_is_the_sum_of_the_rows_in_effect(tmp_path, deeds):
    judged = Judged(tmp_path / str(next(FOLDERS)))
    try:
        for deed in [("propose", 4, OTHER), ("confirm", 0, OFFICER), *deeds]:
            judged.happen(*deed)
            assert judged.faults() == []
            assert judged.unfit() == []
        assert judged.entries()
    finally:
        judged.close()


def test_invariant_10_no_interested_party_confirms_points(tmp_path):
    """Who proposed, who lets the flat, and whom nobody asked: each is refused and the sum stays."""
    judged = Judged(tmp_path)
    judged.happen("propose", 4, OTHER)
    judged.happen("flag", 0, ADMIN)
    for nobody in (OTHER, OPERATOR, STREET):
        judged.happen("confirm", 0, nobody)
        assert [row.state for row in judged.entries()] == ["PROPOSED"]
    judged.happen("confirm", 0, OFFICER)
    assert (judged.unfit(), judged.faults()) == ([], [])
    judged.close()


def test_invariant_06_catches_an_entry_that_counts_while_it_is_appealed(tmp_path, monkeypatch):
    judged = Judged(tmp_path)
    for deed in [("propose", 4, OTHER), ("confirm", 0, OFFICER), ("appeal", 0, OPERATOR)]:
        judged.happen(*deed)
    assert [row.state for row in judged.entries()] == ["UNDER_APPEAL"]
    assert judged.faults() == []
    monkeypatch.setattr("cloud_sync.core.conduct.counts", lambda _entry, _now_ms: True)
    assert judged.faults() != []
    judged.close()


def test_invariant_10_catches_an_entry_that_its_proposer_confirmed(tmp_path):
    judged = Judged(tmp_path)
    judged.happen("propose", 4, OTHER)
    judged.happen("confirm", 0, OFFICER)
    with judged.house.books.engine.begin() as db:
        db.execute(sa.text("update points_entry set decided_by = proposed_by"))
    assert judged.unfit() != []
    judged.close()


# --- 19 ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deed", ["points to red", "a warning", "a deduction"])
def test_invariant_19_no_row_for_a_door_changes_with_points_or_a_sanction_that_leaves_the_listing_open(
    tmp_path, deed
):
    """Every row that nodes hold is byte for byte the same before and after."""
    judged = Judged(tmp_path)
    house, desk, code = judged.house, judged.house.desk, judged.code
    take(house.books, "bookings", booking_row(listing=code, room=f"{code}-301"))
    take(house.books, "registrations", registration_row())
    before = house.books.registry.rows_for("gate-1")
    assert [row.state for row in before] == ["ARMED"]
    if deed == "points to red":
        for _ in range(3):
            judged.happen("propose", 4, OTHER)
        for n in range(3):
            judged.happen("confirm", n, OFFICER)
        assert desk.listing(code, OFFICER).row.standing.band.value == "red"
    elif deed == "a warning":
        house.sanctioned(code, 1)
    else:
        desk.pay_deposit(OP, "paid", 100_000, OFFICER)
        house.sanctioned(code, 3, cents=100)
    house.books.registry.advance_time(since_ms=0)
    assert house.books.registry.rows_for("gate-1") == before
    judged.close()
