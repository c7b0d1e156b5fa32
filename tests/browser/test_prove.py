"""A guest without registration arrives: the page behind the code at the door, the guard's tablet, and both together."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from cloud_sync.core.codes import mod11_2
from cloud_sync.web.serve import PageServer
from tests.fakes.evening import EVENING_MS
from tests.fakes.staff_house import GUARD, StaffHouse
from tests.fakes.web_house import BOOKING_CSV, GATE, LISTING_CSV, PASSWORD, SteppedClock

pytestmark = pytest.mark.chromium
NUMBER = "00000119900131000"


@pytest.fixture
def house(tmp_path) -> Iterator[StaffHouse]:
    made = StaffHouse(tmp_path, SteppedClock(EVENING_MS))
    made.open_up()
    made.bring("listings", LISTING_CSV)
    made.bring("bookings", BOOKING_CSV)
    yield made
    made.close()


@pytest.fixture
def site(house) -> Iterator[PageServer]:
    with PageServer(house.app(), "127.0.0.1", 0) as server:
        yield server


@pytest.fixture
def guard(page: Page, site) -> Page:
    page.goto(f"{site.url}/login?lang=en")
    page.fill("#name", GUARD)
    page.fill("#password", PASSWORD)
    page.click("main button")
    page.wait_for_url(re.compile("/(staff)?$"))
    return page


def sideways(page):
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


@pytest.mark.story("12b")
def test_who_says_a_booking_at_the_gate_stands_on_the_guard_s_page_and_gets_a_link(
    guard, site, browser, picture
):
    phone = browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True, locale="zh-CN")
    guest = phone.new_page()
    guest.goto(f"{site.url}/arrive/{GATE}")
    assert sideways(guest) <= 0
    guest.fill("#booking", "b-1")
    guest.get_by_role("button").tap()
    expect(guest.locator("#said")).to_be_visible()
    phone.close()
    guard.goto(f"{site.url}/staff/prove")
    expect(guard.locator(".arrivals")).to_contain_text("b-1")
    guard.click(".arrivals button")
    expect(guard.locator("#link-code")).to_be_visible()
    assert guard.locator("#link-code").evaluate("img => img.naturalWidth") > 0
    picture(guard, "staff-link-en")
    address = guard.locator("#link-text").inner_text()
    guard.goto(address)
    expect(guard.locator("h1")).to_be_visible()
    assert guard.url.startswith(f"{site.url}/g/")


def test_the_guard_proves_a_guest_by_keyboard_alone(guard, site, house, complaints):
    guard.goto(f"{site.url}/staff/prove?source=tujia&ref=B-1")
    guard.locator("#name").focus()
    guard.keyboard.type("测试")
    guard.locator("#document_number").focus()
    guard.keyboard.type(NUMBER + "0")
    guard.locator("#reason").focus()
    guard.keyboard.type("seen with the card")
    guard.keyboard.press("Enter")
    expect(guard.locator("#fault-document_number")).to_be_visible()
    complaints.clear()  # the browser notes the 422 that the form was answered with
    guard.locator("#document_number").fill(NUMBER + mod11_2(NUMBER))
    guard.locator("#reason").focus()
    guard.keyboard.press("Enter")
    expect(guard.locator("#proved")).to_contain_text("the way in is open")
    (line,) = house.registry.passes()
    assert (line.state, line.prereq & 4) == ("ACTIVE", 4)


@pytest.mark.parametrize("width", [320, 768, 1280])
def test_the_proving_page_fits_a_phone_and_a_tablet(guard, site, house, width):
    house.registry.announce_arrival(GATE, "B-1")
    guard.set_viewport_size({"width": width, "height": 900})
    guard.goto(f"{site.url}/staff/prove?source=tujia&ref=B-1")
    assert sideways(guard) <= 0
    guard.click("#switch")
    expect(guard.locator("h1")).to_have_text("核验住客")
    assert sideways(guard) <= 0


def test_somebody_new_at_the_gate_appears_by_themselves(guard, site, house):
    guard.goto(f"{site.url}/staff/prove")
    expect(guard.locator("#arrivals")).to_contain_text("Nobody waits")
    house.registry.announce_arrival(GATE, "B-1")
    expect(guard.locator("#arrivals")).to_contain_text("B-1")
