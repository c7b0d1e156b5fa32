"""An operator's day in a real browser, by keyboard, without a script of ours: every page in both languages at 320 px."""

import pytest
from playwright.sync_api import Browser, Page, expect

from cloud_sync.web.render import TEMPLATES
from cloud_sync.web.serve import PageServer
from tests.browser.every_page import log_in, of_folder, overhang
from tests.browser.hands import Keyboard
from tests.fakes.community_house import booking_row, take
from tests.fakes.listing_house import OFFICER, OP, OPERATOR, OTHER, ListingHouse

pytestmark = [pytest.mark.chromium, pytest.mark.timeout(400)]
FILED = {"zh": "已报送：无住客", "en": "is filed: no guests"}


@pytest.fixture
def house(tmp_path):
    made = ListingHouse(tmp_path)
    yield made
    made.close()


def opened(browser: Browser, lang: str) -> Page:
    words = {"locale": "zh-CN" if lang == "zh" else "en-GB", "reduced_motion": "reduce"}
    page = browser.new_context(viewport={"width": 320, "height": 700}, **words).new_page()
    page.set_default_timeout(15_000)
    return page


def furnished(house: ListingHouse) -> tuple[str, str]:
    """A suspended listing with a booking whose guests ask to stay longer, points and somebody who cleans; the code and the points."""
    code = house.coded()
    take(house.books, "bookings", booking_row(listing=code, room=f"{code}-301"))
    house.desk.put_staff(OP, "S-1", "cleaner", OFFICER, from_ms=house.clock.now_ms(), until_ms=None)
    points = house.desk.propose_points(code, "C05", ("matter 7",), OTHER)
    house.desk.decide_points(points, "confirm", "heard it", OFFICER)
    link = house.books.registry.guest_link("xc", "1001")
    house.books.registry.ask_departure(link, "2026-05-06", sure=False)
    house.sanctioned(code, 2)
    return code, points


def test_the_operators_day(browser, house, axe, picture, printed):
    code, points = furnished(house)
    with PageServer(house.app(), "127.0.0.1", 0) as site:
        for lang in ("zh", "en"):
            page = opened(browser, lang)
            hands = Keyboard(page)
            log_in(page, site.url, OPERATOR.name)
            expect(page.locator("#told li")).to_have_count(2)
            looked(page, axe)
            picture(page, f"operator-home-{lang}")
            if lang == "zh":
                hands.press(page.locator("#open-returns a"))
                hands.press(page.locator("button[name=nil]").first)
                expect(page.locator("#done")).to_contain_text(FILED[lang])
            for path in ("returns", "bookings", "letters", "staff", f"listings/{code}"):
                page.goto(f"{site.url}/operator/{path}")
                looked(page, axe)
                picture(page, f"operator-{path.partition('/')[0]}-{lang}")
            if lang == "en":
                hands.write(page.locator(f"#reason-{points}"), "that was next door")
                hands.press(page.locator(f"#{points} button"))
                expect(page.locator(f"#{points}")).to_contain_text("that was next door")
            page.goto(f"{site.url}/operator/bookings")
            hands.press(page.locator(".register th a").first)
            expect(page.locator("#lacking")).to_be_visible()
            expect(page.locator("#longer")).to_be_visible()
            looked(page, axe)
            picture(page, f"operator-booking-{lang}")
            if lang == "en":
                hands.press(page.locator("#longer button[value=yes]"))
                expect(page.locator("#problem")).to_be_visible()  # the listing was suspended meanwhile
                looked(page, axe)
                hands.press(page.locator("#longer button[value=no]"))
                expect(page.locator("#longer")).to_have_count(0)
            page.context.close()
    assert of_folder(TEMPLATES / "operator") <= printed


def looked(page: Page, axe) -> None:
    assert page.locator("script").count() == 0
    assert overhang(page) <= 0, page.url
    axe(page)
