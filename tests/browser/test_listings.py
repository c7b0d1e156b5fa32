"""The officer's day with a listing in a real browser, by keyboard: reviewed, coded, suspended, restored; the plate follows."""

import pytest
from playwright.sync_api import Browser, Page, expect

from cloud_sync.core.dossier import CHECKLIST, DOCUMENTS
from cloud_sync.web.serve import PageServer
from tests.fakes.community_house import GATE, booking_row, registration_row, take
from tests.fakes.listing_house import OFFICER, OPERATOR, PASSWORD, ListingHouse

pytestmark = [pytest.mark.chromium, pytest.mark.timeout(900)]
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 360, "height": 740}


@pytest.fixture
def house(tmp_path):
    made = ListingHouse(tmp_path)
    yield made
    made.close()


@pytest.fixture
def site(house):
    with PageServer(house.app(), "127.0.0.1", 0) as server:
        yield server


@pytest.fixture
def officer(browser: Browser, house, site, complaints):
    context = browser.new_context(locale="zh-CN", viewport=WIDE)
    context.set_default_timeout(15_000)
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{site.url}/login")
    page.fill("#name", OFFICER.name)
    page.fill("#password", PASSWORD)
    page.press("#password", "Enter")
    page.wait_for_selector("#tiles")
    yield page
    context.close()


def choose(page: Page, form: str, values: dict[str, str]) -> None:
    """Fill the fields of one form and press its button, without a mouse."""
    for field, value in values.items():
        place = page.locator(f"{form} [name={field}]")
        if place.evaluate("one => one.tagName") == "SELECT":
            place.select_option(value)
        else:
            place.fill(value)
    page.locator(f"{form} button[type=submit]").first.press("Enter")
    page.wait_for_load_state()


def word(page: Page, url: str, code: str) -> str | None:
    """What a passer-by without a login and without scripts is told."""
    context = page.context.browser.new_context(java_script_enabled=False, viewport=NARROW)
    passer_by = context.new_page()
    passer_by.goto(f"{url}/verify/{code}")
    said = passer_by.locator("#verified").get_attribute("data-state")
    context.close()
    return said


def states(house: ListingHouse) -> list[str]:
    house.books.registry.advance_time(since_ms=house.clock.now_ms() - 3_600_000)
    return [row.state for row in house.books.registry.rows_for("gate-1")]


def test_the_officers_day_with_a_listing(officer, house, site, picture):
    code = house.file()
    house.desk.submit(code, OPERATOR)
    officer.goto(f"{site.url}/listings/queue")
    officer.locator(f"a[href='/listings/{code}']").press("Enter")
    choose(officer, "#assign", {"reviewer": OFFICER.name})
    for kind in DOCUMENTS:
        choose(officer, "#documents", {"document": kind.id, "state": "seen"})
    choose(officer, "#inspect", {item.id: "pass" for item in CHECKLIST})
    choose(officer, f"form:has(input[value='{code}-301'])", {"doors": f"{GATE} AP-dongfang-301"})
    expect(officer.locator("#missing")).to_have_count(0)
    picture(officer, "listing-in-review")
    assert word(officer, site.url, code) == "not_valid"
    choose(officer, "#decide", {"event": "approve", "reason": "all seen"})
    expect(officer.locator("#state")).to_have_text("已赋码，经营中")
    assert word(officer, site.url, code) == "valid"
    take(house.books, "bookings", booking_row(listing=code, room=f"{code}-301"))
    take(house.books, "registrations", registration_row())
    assert states(house) == ["ARMED"]
    suspend_and_restore(officer, house, site, code)
    picture(officer, "listing-restored")


def suspend_and_restore(officer: Page, house: ListingHouse, site: PageServer, code: str) -> None:
    choose(officer, "#sanction", {"tier": "2", "rule": "C07", "reason": "out of date", "yuan": "0"})
    choose(officer, ".proposal form", {"reason": "seen on site"})
    officer.goto(f"{site.url}/listings/{code}")
    expect(officer.locator("#state")).to_have_text("停业整改")
    expect(officer.locator("#expected")).to_contain_text("xc 1001")
    assert word(officer, site.url, code) == "suspended"
    assert states(house) == ["PENDING"]
    choose(officer, "#decide", {"event": "recheck passed", "reason": "mended"})
    expect(officer.locator("#problem")).to_be_visible()
    house.clock.step(hours=1)
    choose(officer, "#inspect", {item.id: "pass" for item in CHECKLIST})
    choose(officer, "#decide", {"event": "recheck passed", "reason": "mended"})
    expect(officer.locator("#state")).to_have_text("已赋码，经营中")
    assert word(officer, site.url, code) == "valid"
    assert states(house) == ["ARMED"]
