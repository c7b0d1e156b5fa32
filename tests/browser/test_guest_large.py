"""A guest with large letters, and one who listens: 200 % type at 360 px in each language, and what a screen reader is told."""

import pytest
from playwright.sync_api import Page, expect

from cloud_sync.web.language import guest_languages
from cloud_sync.web.serve import PageServer
from tests.browser.every_page import overhang
from tests.browser.phones import fits, shown_code
from tests.fakes.guest_house import COMPANION, FORM, GuestHouse

pytestmark = pytest.mark.chromium
STEPS = ("notice", "me", "people", "face", "pass", "departure", "leave", "data")
# By roles and names alone, as a screen reader tells it; what a phone adds later (the code) is not looked into.
HEARD = """
- link "Skip to the content"
- banner:
  - navigation "Language":
    - link "中文"
    - link "日本語"
    - link "한국어"
- main:
  - heading "Your pass" [level=1]
  - status: Registered. Code and PIN open your doors.
  - navigation "Whose pass":
    - link "Guest 1 (who booked)"
    - link "Guest 2 (companion)"
  - region "Code":
    - heading "Code" [level=2]
    - img "Your code; hold it up to the camera at the door"
    - paragraph:
      - progressbar "Time until the next code"
  - region "PIN":
    - heading "PIN" [level=2]
    - button "Make a PIN"
  - region "The way in":
    - heading "The way in" [level=2]
    - img "Sketch of the way in; its numbers are those of the list"
    - list:
      - listitem: "Gate: South gate"
      - listitem: "Your room: Room 301"
  - heading "More" [level=2]
  - button "More time at the doors"
  - paragraph:
    - link "My data"
  - paragraph:
    - link "Stay longer, or leave earlier"
  - paragraph:
    - link "Notice and house rules"
  - paragraph:
    - link /Call the staff/
"""


@pytest.fixture
def house(tmp_path):
    made = GuestHouse(tmp_path, headcount=2)
    yield made
    made.close()


@pytest.fixture
def site(house):
    with PageServer(house.app(), "127.0.0.1", 0) as server:
        yield server


def enlarge(page: Page, times: int) -> None:
    """As somebody sets it in the browser: the size of letters, and not the zoom of the page."""
    sizes = {"standard": 16 * times, "fixed": 13 * times}
    page.context.new_cdp_session(page).send("Page.setFontSizes", {"fontSizes": sizes})


def body_px(page: Page) -> float:
    return float(page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)"))


def test_with_letters_of_twice_the_size_nothing_hangs_over_the_edge(phones, site, house):
    """``me`` before the registration and the rest after it; no page in any language is scrolled sideways."""
    phone = phones("en-GB")
    home = f"{site.url}/g/{house.token}"
    phone.goto(f"{home}/notice?lang=en")
    plain = body_px(phone)
    enlarge(phone, 2)
    assert body_px(phone) == pytest.approx(2 * plain, rel=0.02), "the letters follow what the guest has set"
    house.read_notice()
    for lang in guest_languages():
        phone.goto(f"{home}/me?lang={lang.value}")
        phone.locator("summary").first.click()
        assert (overhang(phone), fits(phone)) == (0, True), ("me", lang)
    house.registry.register_self(house.token, FORM)
    house.registry.add_companion(house.token, COMPANION)
    house.registry.ask_departure(house.token, "2026-05-04", sure=False)
    for lang in guest_languages():
        for step in STEPS:
            if step == "me":
                continue
            phone.goto(f"{home}/{step}?lang={lang.value}")
            assert (overhang(phone), fits(phone)) == (0, True), (step, lang)


def test_who_listens_is_told_where_everything_is(phones, site, house, axe):
    house.read_notice()
    house.registry.register_self(house.token, FORM)
    house.registry.add_companion(house.token, COMPANION)
    house.registry.answer_face(house.token, None, agrees=False, text_version="", language="en")
    phone = phones("en-GB", now_ms=house.clock.now_ms())
    phone.goto(f"{site.url}/g/{house.token}/pass")
    shown_code(phone)
    expect(phone.locator("body")).to_match_aria_snapshot(HEARD)
    live = phone.locator("[role=status], [role=alert]").evaluate_all(
        "all => all.map((one) => one.id).filter(Boolean)"
    )
    assert {"ready", "code-problem", "as-of"} <= set(live)
    axe(phone)
    phone.goto(f"{site.url}/g/{house.token}/departure?lang=ko")
    axe(phone)
