"""A guest asks for another day: an earlier one holds when it was said twice, a later one when the operator agrees."""

import re

import pytest

from tests.fakes.community_house import booking_row, take
from tests.fakes.guest_house import GuestHouse
from tests.fakes.listing_house import OPERATOR, PASSWORD, ListingHouse
from tests.fakes.web_house import log_in, visiting

PLANNED, LATER, EARLIER = "2026-05-04", "2026-05-06", "2026-05-03"  # at 08:00, as booked below
HOURS = (-1, 68)


@pytest.fixture
def house(tmp_path):
    made = ListingHouse(tmp_path)
    yield made
    made.close()


@pytest.fixture
def site(house):
    with visiting(house.app(), **{"accept-language": "en"}) as client:
        yield client


def booked(house: ListingHouse) -> tuple[str, str, str]:
    """The listing, the guest's link and the stay."""
    code = house.coded()
    take(house.books, "bookings", booking_row("1001", hours=HOURS, listing=code, room=f"{code}-301"))
    token = house.books.registry.guest_link("xc", "1001")
    (stay,) = house.books.operators.stays(OPERATOR)
    return code, f"/g/{token}", stay.stay


def ends(house: ListingHouse) -> set[int]:
    """Until when the stay and each of its passes last, without the grace: one moment while all agree."""
    (stay,) = house.books.operators.stays(OPERATOR)
    hold = house.books.house.profile.overstay_hold_ms
    lines = house.books.registry.passes()
    return {stay.planned_out_ms, *(one.not_after_ms - hold for one in lines)}


def ask(site, home: str, day: str, **more: str):
    return site.post(f"{home}/departure", data={"day": day, **more})


def test_a_later_day_is_asked_of_the_operator_whose_yes_makes_the_pass_longer(house, site):
    _code, home, stay = booked(house)
    (before,) = ends(house)
    assert ask(site, home, LATER).status_code == 303
    page = site.get(f"{home}/departure").text
    assert f"You asked to stay until {LATER} 08:00. Whoever lets this place has not answered yet" in page
    assert ends(house) == {before}
    log_in(site, name=OPERATOR.name, password=PASSWORD)
    assert "The guests ask to stay longer" in site.get("/operator").text
    assert f"asks for {LATER} 08:00" in site.get("/operator/bookings").text
    form = site.get(f"/operator/bookings/{stay}").text
    sent = dict(re.findall(r'name="(csrf|until)" value="([^"]+)"', form))
    other = sent | {"until": str(int(sent["until"]) + 86_400_000), "agrees": "yes"}
    said = site.post(f"/operator/bookings/{stay}/departure", data=other)
    assert (said.status_code, "not asked any more" in said.text) == (409, True)
    assert site.post(f"/operator/bookings/{stay}/departure", data=sent | {"agrees": "yes"}).status_code == 303
    assert ends(house) == {before + 2 * 86_400_000}
    assert f"Your stay now lasts until {LATER} 08:00" in site.get(f"{home}/departure").text
    assert 'id="longer"' not in site.get(f"/operator/bookings/{stay}").text


def test_a_no_and_a_question_taken_back_leave_the_day_as_it_is(house, site):
    _code, home, stay = booked(house)
    before = ends(house)
    ask(site, home, LATER)
    assert site.post(f"{home}/departure/take-back").status_code == 303
    assert 'id="wish"' not in site.get(f"{home}/departure").text
    assert "Nothing is asked at the moment" in site.post(f"{home}/departure/take-back").text
    ask(site, home, LATER)
    log_in(site, name=OPERATOR.name, password=PASSWORD)
    form = site.get(f"/operator/bookings/{stay}").text
    sent = dict(re.findall(r'name="(csrf|until)" value="([^"]+)"', form))
    assert site.post(f"/operator/bookings/{stay}/departure", data=sent | {"agrees": "no"}).status_code == 303
    assert "The answer is no" in site.get(f"{home}/departure").text
    assert ends(house) == before


def test_an_earlier_day_is_said_twice_and_then_holds_for_every_code(house, site):
    _code, home, _stay = booked(house)
    (before,) = ends(house)
    sure = ask(site, home, EARLIER)
    assert sure.status_code == 200
    assert f"open until {EARLIER} 08:00 and not until {PLANNED} 08:00" in sure.text
    assert ends(house) == {before}
    assert ask(site, home, EARLIER, sure="yes").status_code == 303
    assert ends(house) == {before - 86_400_000}
    assert f"Your stay now lasts until {EARLIER} 08:00" in site.get(f"{home}/departure").text


@pytest.mark.parametrize(
    ("day", "words"),
    [
        (PLANNED, "You leave on that day already: choose"),
        ("2026-05-01", "That day is over, or before your arrival: choose"),
        ("2026-06-20", "thirty nights at most: choose"),
        ("tomorrow", "This is not a date: write"),
        (LATER, "The room is let to somebody else by then: choose"),
    ],
)
def test_a_day_that_cannot_be_is_refused_in_one_sentence(house, site, day, words):
    code, home, _stay = booked(house)
    row = booking_row("2002", hours=(72, 90), listing=code, room=f"{code}-301")
    take(house.books, "bookings", row)
    said = ask(site, home, day)
    assert said.status_code == 403
    assert words in said.text


def test_what_is_cancelled_or_let_by_a_suspended_listing_is_not_made_longer(house, site):
    code, home, _stay = booked(house)
    house.sanctioned(code, 2)
    assert "are not made longer at the moment" in ask(site, home, LATER).text
    house.books.registry.cancel_booking("xc", "1001", actor="chen", reason="called")
    assert "cannot be changed any more" in ask(site, home, EARLIER, sure="yes").text


def test_an_old_answer_is_no_news_once_the_booking_was_changed_elsewhere(tmp_path):
    house = GuestHouse(tmp_path)
    house.registry.ask_departure(house.token, "2026-05-04", sure=False)
    assert house.registry.guest_view(house.token).wish is not None
    later_ms = house.registry.guest_view(house.token).planned_out_ms + 2 * 86_400_000
    house.registry.move_departure("xc", "1001", later_ms, actor="chen", reason="called")
    with visiting(house.app(), **{"accept-language": "en"}) as phone:
        assert 'id="wish"' not in phone.get(f"/g/{house.token}/departure").text
    house.close()
