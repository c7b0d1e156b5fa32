"""The officer's morning in a real browser: the numbers, their rows, both languages, by keyboard, small and on paper."""

import pytest
from playwright.sync_api import expect

from tests.fakes.evening import HOUR_MS, play

pytestmark = pytest.mark.chromium
TOTAL = "cells => cells.reduce((sum, cell) => sum + Number(cell.dataset.count), 0)"


@pytest.fixture
def officer(staff, house, site):
    """At the morning's page, seven hours after the evening; the login of the evening still holds."""
    play(house)
    house.open_case("D01", "S2", "ST-1")
    house.clock.now += 7 * HOUR_MS
    staff.goto(f"{site.url}/morning")
    return staff


def sideways(page):
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def test_the_morning_tells_of_the_evening_before(officer, picture):
    expect(officer.locator("h1")).to_contain_text("2026-11-22")
    expect(officer.locator("#arrivals .ratio strong")).to_have_text("2")
    expect(officer.locator("#arrivals .of")).to_have_text("/ 4")
    assert officer.locator(".bars td.n").evaluate_all(TOTAL) == 2
    officer.locator("details summary").click()
    assert officer.locator("#hours-table td").evaluate_all(TOTAL) == 2
    picture(officer, "morning-zh")
    officer.click("#switch")
    expect(officer.locator("h1")).to_contain_text("The morning")
    expect(officer.locator("html")).to_have_attribute("lang", "en")
    picture(officer, "morning-en")


def test_a_number_opens_into_its_rows_and_back_by_keyboard(officer, picture):
    officer.locator("#arrivals .when a").focus()
    officer.keyboard.press("Enter")
    expect(officer.locator("tbody tr")).to_have_count(4)
    expect(officer.locator("tbody tr.counted")).to_have_count(2)
    picture(officer, "morning-rows-zh")
    officer.keyboard.press("Tab")
    officer.locator(".asof a").first.focus()
    officer.keyboard.press("Enter")
    expect(officer.locator("#arrivals")).to_be_visible()


def test_the_day_before_is_one_step_away_and_tomorrow_is_not_offered(officer):
    expect(officer.locator("#after")).to_be_visible()
    officer.click("#after")
    expect(officer.locator("h1")).to_contain_text("2026-11-23")
    expect(officer.locator("#after")).to_have_count(0)
    officer.click("#before")
    officer.click("#before")
    expect(officer.locator("h1")).to_contain_text("2026-11-21")


@pytest.mark.parametrize("width", [320, 768, 1280])
def test_nothing_scrolls_sideways_and_every_link_is_large_enough(officer, site, width, picture):
    officer.set_viewport_size({"width": width, "height": 900})
    assert sideways(officer) <= 0
    for control in officer.locator(".days a, .days button").all():
        assert control.bounding_box()["height"] >= 44
    picture(officer, f"morning-{width}")
    officer.goto(f"{site.url}/morning/arrivals?day=2026-11-22")
    assert sideways(officer) <= 0
    picture(officer, f"morning-rows-{width}")


def test_on_paper_the_numbers_stay_and_the_buttons_go(officer, picture):
    officer.emulate_media(media="print")
    expect(officer.locator("#registration .ratio")).to_be_visible()
    expect(officer.locator(".columns-chart")).to_be_visible()
    for gone in ("#print", "#before", "#switch"):
        expect(officer.locator(gone)).to_be_hidden()
    picture(officer, "morning-print")


def test_in_the_dark_it_can_be_read_too(officer, picture):
    officer.emulate_media(color_scheme="dark")
    picture(officer, "morning-dark")
    fill = officer.locator(".columns-chart rect").first.evaluate("rect => getComputedStyle(rect).fill")
    ground = officer.evaluate("getComputedStyle(document.querySelector('.panel')).backgroundColor")
    assert fill != ground
