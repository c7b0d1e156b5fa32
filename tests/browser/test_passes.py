"""Whose pass is at which door, in a real browser: both languages, keyboard alone, from 320 px, fetched anew by itself."""

import pytest
from playwright.sync_api import expect

from cloud_sync.web.language import Lang
from cloud_sync.web.serve import PageServer
from cloud_sync.web.texts import texts
from tests.browser.hands import hands_for
from tests.fakes.delivered import Delivery
from tests.fakes.evening import EVENING_MS
from tests.fakes.staff_house import GUARD, StaffHouse
from tests.fakes.web_house import GATE, PASSWORD, ROOM, SteppedClock

pytestmark = pytest.mark.chromium

OVERHANG = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
PART = "**/staff/parts/passes?lang=*"


@pytest.fixture
def house(tmp_path):
    made = StaffHouse(tmp_path, SteppedClock(EVENING_MS))
    made.open_up()
    yield made
    made.close()


@pytest.fixture
def site(house):
    with PageServer(house.app(), "127.0.0.1", 0) as server:
        yield server


@pytest.fixture
def delivery(house):
    """The pass of room 602 went out to both nodes; building 7 has said that it has it."""
    made = Delivery(house)
    made.send()
    made.receipt("building-7")
    return made


@pytest.fixture
def guard(page, site, delivery):
    page.goto(f"{site.url}/login")
    page.fill("#name", GUARD)
    page.fill("#password", PASSWORD)
    page.click("main button")
    expect(page.locator("h1")).to_be_visible()
    return page


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_which_door_has_the_pass_is_read_in_both_languages(guard, site, lang, picture):
    guard.goto(f"{site.url}/staff/passes?lang={lang}")
    say = texts(Lang(lang))
    expect(guard.locator("html")).to_have_attribute("lang", say.lang.tag)
    expect(guard.locator("h1")).to_have_text(say("Passes at the doors"))
    has = say("has it since %(at)s", at="20:47:12")
    expect(guard.locator(f"li[data-door='{ROOM}'] .said")).to_have_text(has)
    lacks = say("not yet; on its way since %(at)s", at="20:47:12")
    expect(guard.locator(f"li[data-door='{GATE}'] .said")).to_have_text(lacks)
    expect(guard.locator(".pass .badge").first).to_have_text(
        say("not yet at %(n)s of %(of)s doors", n=1, of=3)
    )
    picture(guard, f"passes-{lang}")


def test_by_keyboard_alone_from_the_queue_to_one_room_and_back_to_all(guard, site):
    guard.goto(f"{site.url}/staff?lang=en")
    hands = hands_for("keyboard", guard)
    hands.press(guard.locator("a[href='/staff/passes']"))
    expect(guard.locator("section.pass")).to_have_count(1)
    guard.locator("#of").focus()
    guard.keyboard.type("601")
    guard.keyboard.press("Enter")
    expect(guard.locator("#nobody")).to_be_visible()
    hands.press(guard.locator("#all"))
    expect(guard.locator("section.pass")).to_have_count(1)
    hands.press(guard.locator("#back"))
    expect(guard).to_have_url(f"{site.url}/staff")


@pytest.mark.parametrize("width", [320, 768, 1920])
def test_nothing_scrolls_sideways_and_axe_finds_nothing(guard, site, axe, picture, width):
    guard.set_viewport_size({"width": width, "height": 900})
    for scheme in ("light", "dark"):
        guard.emulate_media(color_scheme=scheme)
        guard.goto(f"{site.url}/staff/passes?of=602")
        assert guard.evaluate(OVERHANG) <= 0
        axe(guard, f"passes, {scheme}, {width} px")
        for target in guard.locator("#of, .asking button, #all, #back").all():
            assert target.bounding_box()["height"] >= 44
    if width == 320:
        picture(guard, "passes-320")


def test_it_is_fetched_anew_by_itself_while_somebody_writes(guard, site, delivery):
    guard.goto(f"{site.url}/staff/passes")
    guard.fill("#of", "60")
    delivery.receipt("gate-1")
    with guard.expect_response(PART, timeout=30_000):
        pass
    expect(guard.locator(f"li[data-door='{GATE}']")).to_have_class("held")
    expect(guard.locator("#of")).to_have_value("60")
    expect(guard.locator("#of")).to_be_focused()
