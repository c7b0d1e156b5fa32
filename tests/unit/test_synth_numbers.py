"""The synthetic community keeps its totals for every seed, its arrivals in every window, and names nobody."""

import random
from collections import Counter
from datetime import date, timedelta
from itertools import accumulate, islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_sync.core.codes import Document, check_document, listing_code_fault, mod11_2
from cloud_sync.synth.check_identities import id_fault, mrz_fault
from cloud_sync.synth.deal import PER_10K, UNSCORED, Dealer
from cloud_sync.synth.demand import arrivals, expected
from cloud_sync.synth.homes import homes, operators_of, sizes
from cloud_sync.synth.hours import ArrivalHours
from cloud_sync.synth.measure import hour_shares, surprise, window_mean
from cloud_sync.synth.people import People, birth_of, passport, region_of, resident_id
from cloud_sync.synth.place import place
from cloud_sync.synth.rooms import RoomBook
from cloud_sync.synth.shape import DATASETS, DONGFANG, NANGUO
from cloud_sync.synth.streams import Streams

SEEDS = st.integers(0, 2**63 - 1)
YEAR = date(2026, 1, 1)


def built(shape, seed):
    streams = Streams(shape.code, seed)
    found = place(shape, streams.of("place"))
    return found, homes(shape, found, streams)


@settings(max_examples=6, deadline=None)
@given(SEEDS)
def test_dongfang_has_its_totals_for_every_seed(seed):
    found, community = built(DONGFANG, seed)
    assert len(found.points) == 51
    assert Counter(point.kind for point in found.points) == {"gate": 8, "garage": 3, "unit": 40}
    assert len(found.units) == 4_176
    assert len({listing.operator for listing in community.listings}) == 550
    assert (len(community.listings), len(community.rooms)) == (895, 3_627)
    assert sum(room.beds for room in community.rooms) == 5_248
    assert len({listing.unit for listing in community.listings} | set(community.hidden)) == 895 + 40
    assert {len(listing.rooms) for listing in community.listings} == set(range(1, 8))
    assert [listing.code for listing in community.listings if listing_code_fault(listing.code)] == []


@pytest.mark.parametrize("name", sorted(DATASETS))
def test_every_shape_comes_out_as_its_own_numbers_say(name):
    for shape in DATASETS[name].shapes:
        found, community = built(shape, 11)
        assert len(found.points) == shape.access_points
        assert len(community.rooms) == shape.rooms
        assert sum(room.beds for room in community.rooms) == shape.beds
        assert len({listing.operator for listing in community.listings}) == shape.operators


def test_nanguo_is_the_gap_of_the_seed_article():
    assert NANGUO.dwellings == 241
    assert NANGUO.listings + NANGUO.hidden_units == NANGUO.operating_peak == 225
    _, community = built(NANGUO, 5)
    assert sum(listing.state == "ACTIVE" for listing in community.listings) == NANGUO.coded == 91


@given(SEEDS, st.integers(1, 60), st.data())
def test_repaired_numbers_sum_up_and_stay_in_range(seed, count, data):
    total = data.draw(st.integers(count, count * 3))
    drawn = sizes(random.Random(seed), (60.0, 36.0, 4.0), count, total)
    assert (len(drawn), sum(drawn)) == (count, total)
    assert set(drawn) <= {1, 2, 3}


@given(SEEDS, st.integers(1, 50), st.data())
def test_every_operator_has_a_listing(seed, operators, data):
    listings = data.draw(st.integers(operators, operators * 12))
    owners = operators_of(random.Random(seed), operators, listings)
    assert len(owners) == listings
    assert set(owners) == set(range(operators))
    assert max(Counter(owners).values()) <= 12


# --- arrivals ----------------------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_every_window_of_a_year_is_within_a_hundredth_of_its_expectation(seed):
    counts = list(islice(arrivals(random.Random(seed), YEAR, 1_500), 365))
    wanted = [expected(YEAR + timedelta(days=k), 1_500) for k in range(365)]
    assert abs(sum(counts) / 365 - 1_500) <= 15
    for found, due in zip(
        accumulate(counts), accumulate(wanted), strict=True
    ):  # any run from the first day on
        assert abs(found - due) <= 0.01 * due
    for width in (7, 30, 90):
        for first in range(0, 365 - width, 5):
            due = sum(wanted[first : first + width])
            assert abs(sum(counts[first : first + width]) - due) <= 0.01 * due


def test_days_differ_by_more_than_the_plan():
    one, other = (list(islice(arrivals(random.Random(seed), YEAR, 1_500), 60)) for seed in (1, 2))
    assert sum(a != b for a, b in zip(one, other, strict=True)) > 50


@settings(deadline=None)
@given(st.dates(date(2025, 1, 1), date(2028, 12, 31)), st.integers(1, 500))
def test_the_sum_over_the_calendar_is_the_sum_over_the_days(start, days):
    by_day = sum(expected(start + timedelta(days=k), 1_500) for k in range(days)) / days
    assert window_mean(start, days, 1_500) == pytest.approx(by_day, rel=1e-9)


def test_the_year_has_the_extremes_of_the_plan():
    days = [YEAR + timedelta(days=k) for k in range(365)]
    assert min(days, key=lambda day: expected(day, 1_500)) == date(2026, 2, 17)
    assert max(days, key=lambda day: expected(day, 1_500)) == date(2026, 10, 3)
    assert expected(date(2026, 2, 17), 1_500) == pytest.approx(613, abs=1)
    assert expected(date(2026, 10, 3), 1_500) == pytest.approx(3_138, abs=1)


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_arrival_hours_surprise_nobody_for_any_seed(seed):
    hours = ArrivalHours(random.Random(seed))
    found = Counter(hours.minute() // 60 for _ in range(2_000))
    classes = range(6, 28)
    wanted = [share * 2_000 for share in hour_shares(classes)]
    assert sum(wanted) == pytest.approx(2_000)
    assert surprise([found[hour] for hour in classes], wanted) > 0.01


def test_a_chi_square_is_as_surprising_as_the_tables_say():
    # 3.841 and 6.635 are the 5 % and 1 % points of one degree of freedom, 18.307 the 5 % point of ten.
    step = (3.841 / 2 * 50) ** 0.5
    assert surprise([50 + step, 50 - step], [50, 50]) == pytest.approx(0.05, abs=1e-4)
    step = (6.635 / 2 * 50) ** 0.5
    assert surprise([50 + step, 50 - step], [50, 50]) == pytest.approx(0.01, abs=1e-4)
    step = (18.307 / 11 * 100) ** 0.5
    assert surprise([100 + step] * 11, [100] * 11) == pytest.approx(0.05, abs=1e-4)


# --- rooms and cards ---------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_no_room_is_given_twice_at_once(seed):
    rng = random.Random(seed)
    _, community = built(DATASETS["tiny"].shapes[0], 1)
    book = RoomBook(community.rooms)
    left: dict[int, int] = {}
    for day in range(12):
        book.begin(day)
        for _ in range(rng.randrange(25)):
            arrive = day * 1440 + rng.randrange(600, 1600)
            people = rng.randrange(1, 6)
            room = book.take(rng, people, arrive)
            if room is None:
                continue
            assert left.get(room, -1) < arrive
            assert community.rooms[room].occupancy >= people
            left[room] = (day + rng.randrange(1, 4)) * 1440 + rng.randrange(400, 720)
            book.hold(room, left[room])


def test_a_block_of_ten_thousand_has_the_numbers_of_the_table():
    dealer = Dealer(Streams("x", 1), 10_000)
    dealt = Counter(dealer.deal() for _ in range(10_000))
    assert {label: n for label, n in dealt.items() if label} == dict(PER_10K)
    assert not set(PER_10K) & set(UNSCORED)


# --- nobody ------------------------------------------------------------------------------------------------------


@settings(max_examples=200)
@given(SEEDS, st.integers(0, 2_559_999), st.sampled_from(["adult", "minor", "old"]))
def test_an_identity_is_well_formed_and_nobodys(seed, n, kind):
    rng = random.Random(seed)
    birth = birth_of(rng, n, kind, YEAR)
    number = resident_id(region_of(n, seed), birth)
    assert id_fault(number, birth.isoformat()) == ""
    assert isinstance(check_document("resident_id", "", number, synthetic=True), Document)
    assert not isinstance(check_document("resident_id", "", number, synthetic=False), Document)
    years = (YEAR - birth).days / 365.25
    assert {"minor": 0 <= years < 17, "adult": 18 < years < 65, "old": years >= 65}[kind]


@given(SEEDS, st.integers(0, 2_559_999), st.integers(0, 2_559_999))
def test_two_people_never_share_a_document(seed, one, other):
    rng = random.Random(seed)
    numbers = {resident_id(region_of(n, 17), birth_of(rng, n, "adult", YEAR)) for n in {one, other}}
    assert len(numbers) == len({one, other})
    assert len({passport(n) for n in {one, other}}) == len({one, other})


def test_people_are_as_the_plan_says():
    people = People(random.Random(1), YEAR)
    made = [people.one(foreign=k % 40 == 0) for k in range(8_000)]
    assert len({person.document_number for person in made}) == len(made)
    assert [p.mrz for p in made if p.mrz and mrz_fault(p.mrz, p.document_number)] == []
    assert sum(bool(p.mrz) for p in made) == 200
    assert 0.55 < sum(p.face for p in made) / len(made) < 0.70
    assert 0.015 < sum("·" in p.name for p in made) / len(made) < 0.03
    assert any(ord(c) > 0xFFFF for p in made for c in p.name)
    twins = Counter((p.name, p.birth) for p in made)
    assert sum(n > 1 for n in twins.values()) > 20


@given(st.text("0123456789", min_size=17, max_size=17))
def test_the_check_reads_identity_numbers_by_itself(digits):
    number = digits + mod11_2(digits)
    fault = id_fault(number, f"{digits[6:10]}-{digits[10:12]}-{digits[12:14]}")
    assert fault == (
        "" if digits.startswith("00") and digits[14:] == "000" else "somebody's region or serial"
    )
    wrong = "X" if number[17] != "X" else "0"
    born = f"{digits[6:10]}-{digits[10:12]}-{digits[12:14]}"
    assert id_fault(f"00{digits[2:14]}000{wrong}", born) in ("", "check character")
    assert id_fault(number[:5], born) == "shape"
