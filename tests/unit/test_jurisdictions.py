"""The law of each place as data: every file can be read, and each number of the design page is in it."""

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from cloud_sync.core.jurisdiction import ClockEvent, GuestKind, Jurisdiction, earliest
from cloud_sync.core.policy import CN_DEFAULT, DAY_MS, FACE_ACCESS, HOUR_MS
from cloud_sync.jurisdictions import ProfileFault, policies, policy_of, read

ZONE = ZoneInfo("Europe/Lisbon")
NATIONAL, FOREIGNER = GuestKind.NATIONAL, GuestKind.FOREIGNER


def law(name: str) -> Jurisdiction:
    return policy_of(name).jurisdiction


def at(text: str, zone: ZoneInfo = ZONE) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


def due_h(name: str, kind: GuestKind, event: ClockEvent, stay_h: int = 48) -> list[float]:
    clocks = [one for one in law(name).clocks_for(kind, stay_h * HOUR_MS) if one.event is event]
    return [(one.due_ms(0, ZONE)) / HOUR_MS for one in clocks]


def test_the_default_of_the_code_and_its_file_say_the_same():
    assert replace(policy_of("cn-default"), jurisdiction=Jurisdiction()) == CN_DEFAULT


def test_china_reports_nationals_at_once_and_foreigners_within_a_day_of_their_first_entry():
    assert due_h("cn-default", NATIONAL, ClockEvent.ARRIVAL) == [0]
    assert due_h("cn-default", FOREIGNER, ClockEvent.ENTRY) == [24]
    assert due_h("cn-default", NATIONAL, ClockEvent.ENTRY) == []
    assert policy_of("cn-bj").proofing_min == 4
    assert policy_of("cn-self").proofing_min == 1


def test_spain_tells_booking_arrival_and_cancellation_within_a_day_and_takes_no_face():
    for event in (ClockEvent.BOOKING, ClockEvent.ARRIVAL, ClockEvent.CANCELLATION):
        assert due_h("es", NATIONAL, event) == [24]
    assert law("es").signature_from == 14
    assert law("es").cancelled == "report"
    assert law("es").keep_days[0] == 3 * 365
    assert FACE_ACCESS not in policy_of("es").consent_texts


def test_italy_gives_six_hours_for_a_stay_shorter_than_a_day_and_wants_the_guest_seen():
    assert due_h("it", NATIONAL, ClockEvent.ARRIVAL, 23) == [6]
    assert due_h("it", NATIONAL, ClockEvent.ARRIVAL, 24) == [24]
    assert policy_of("it").proofing_min == 3


def test_portugal_counts_working_days_for_foreigners_only():
    friday = at("2026-05-01T15:00")
    (clock,) = [one for one in law("pt").clocks_for(FOREIGNER, DAY_MS) if one.event is ClockEvent.ARRIVAL]
    assert clock.due_ms(friday, ZONE) == at("2026-05-07T00:00")  # Monday, Tuesday, Wednesday
    assert law("pt").clocks_for(NATIONAL, DAY_MS) == ()


def test_the_united_kingdom_keeps_a_year_and_sends_nothing():
    assert law("uk").clocks_for(FOREIGNER, DAY_MS) == ()
    assert law("uk").separate_from == 16
    assert "next_destination" in law("uk").asks(FOREIGNER)
    assert "next_destination" not in law("uk").asks(NATIONAL)


def test_germany_has_a_least_and_a_most():
    least, most = law("de").keep_days
    assert least == 365
    assert most is not None
    assert 365 + 85 < most < 365 + 95


def test_an_unknown_nationality_has_the_duties_of_a_foreigner():
    assert law("cn-default").kind_of("CHN") is NATIONAL
    assert law("cn-default").kind_of("FRA") is FOREIGNER
    assert law("cn-default").kind_of("") is FOREIGNER


def test_the_earliest_running_clock_counts_and_one_that_has_not_begun_does_not():
    clocks = law("es").clocks_for(NATIONAL, DAY_MS)
    assert earliest(clocks, {}, ZONE) is None
    assert earliest(clocks, {ClockEvent.ARRIVAL: 10, ClockEvent.BOOKING: 5}, ZONE) == 5 + DAY_MS


@pytest.mark.parametrize("name", sorted(policies()))
def test_a_community_can_live_under_every_profile(name):
    policy = policy_of(name)
    assert policy.name == name == policy.jurisdiction.name
    assert 0 <= policy.proofing_min <= 4
    assert policy.age_of_majority >= policy.face_age_min


GOOD = """title = "x"
version = 1
home = ["UTO"]
reportable = ["national"]
age_of_majority = 18
face_age_min = 14
keep_days = [0, 0]
[proofing]
national = 1
foreigner = 1
[required]
all = ["name"]
"""


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("[proofing]", "colour = 1\n[proofing]", "colour is not known"),
        ("national = 1", "national = 9", "proofing 9"),
        ('["name"]', '["shoe_size"]', "no field shoe_size"),
        ('["national"]', '["martian"]', "martian"),
        ("version = 1", "", "'version' is missing"),
        ('title = "x"', "title = ", "profile test"),
    ],
)
def test_a_file_that_cannot_be_is_refused_as_a_whole(before, after, words):
    assert read("test", GOOD).name == "test"
    with pytest.raises(ProfileFault, match=words) as caught:
        read("test", GOOD.replace(before, after, 1))
    assert str(caught.value).startswith("profile test")
