"""The officer's morning in a real browser: the numbers, their rows, both languages, by keyboard, small and on paper."""

import pytest
from playwright.sync_api import expect

from cloud_sync.web.language import Lang
from cloud_sync.web.morning import TITLES
from cloud_sync.web.texts import texts
from tests.browser.hands import hands_for
from tests.fakes.evening import HOUR_MS, play
from tests.fakes.web_house import GATE, PASSWORD, ROOM, UNIT, door

pytestmark = pytest.mark.chromium
TOTAL = "cells => cells.reduce((sum, cell) => sum + Number(cell.dataset.count), 0)"


SIZES = {"phone": {"width": 360, "height": 740}, "desk": {"width": 1280, "height": 900}}
# Together they pair every language, size and hand with every other.
WAYS = [
    ("zh", "phone", "touch"),
    ("zh", "desk", "keyboard"),
    ("en", "phone", "keyboard"),
    ("en", "desk", "touch"),
]


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


@pytest.fixture(params=WAYS, ids=["-".join(way) for way in WAYS])
def screen(request, browser, complaints, picture):
    """The officer's screen, what they use it with, and their language."""
    lang, size, hand = request.param
    locale = "zh-CN" if lang == "zh" else "en-GB"
    context = browser.new_context(locale=locale, viewport=SIZES[size], has_touch=hand == "touch")
    context.set_default_timeout(15_000)
    page = context.new_page()
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))

    def keep(name):
        if hand == "touch":  # the keyboard sees the same pages
            picture(page, f"{name}-{lang}-{size}")

    yield page, hands_for(hand, page), texts(Lang(lang)), keep
    context.close()


def test_the_officer_s_morning_from_the_login_to_the_rows_behind_a_number(screen, house, site):
    page, hands, say, keep = screen
    house.add_nodes()
    house.accounts.add("zhao", "officer", PASSWORD, actor="test")
    play(house)
    house.registry.advance_time(since_ms=house.clock.now - 8 * HOUR_MS)
    house.clock.now += 7 * HOUR_MS
    house.report("gate-1", [door(GATE)])
    house.report("building-7", [door(UNIT), door(ROOM)])
    page.goto(f"{site.url}/login")
    hands.write(page.locator("#name"), "zhao")
    hands.write(page.locator("#password"), PASSWORD)
    hands.press(page.locator("main button"))
    expect(page.locator("#link-state")).to_have_attribute("data-link", "open")
    keep("officer-dashboard")
    hands.press(page.locator("a[href='/morning']"))
    expect(page.locator("html")).to_have_attribute("lang", say.lang.tag)
    expect(page.locator("h1")).to_contain_text("2026-11-22")
    for metric, title in TITLES.items():
        expect(page.locator(f"#{metric} h2")).to_have_text(say(title))
    for metric, ratio in (
        ("registration", "2/ 2"),
        ("arrivals", "2/ 4"),
        ("in_house", "2/ 4"),
        ("gates", "2/ 2"),
    ):
        expect(page.locator(f"#{metric} .ratio")).to_contain_text(ratio)
    assert sideways(page) <= 0
    keep("morning")
    for metric, rows, counted in (("arrivals", 4, 2), ("discrepancies", 2, 1), ("gates", 2, 2)):
        hands.press(page.locator(f"#{metric} .when a"))
        expect(page.locator("h1")).to_have_text(say(TITLES[metric]))
        expect(page.locator("tbody tr")).to_have_count(rows)
        expect(page.locator("tbody tr.counted")).to_have_count(counted)
        assert sideways(page) <= 0
        keep(f"morning-{metric}")
        hands.press(page.locator(".asof a"))
    hands.press(page.locator("#after"))
    expect(page.locator("h1")).to_contain_text("2026-11-23")


def test_the_morning_tells_of_the_evening_before(officer):
    expect(officer.locator("h1")).to_contain_text("2026-11-22")
    expect(officer.locator("#arrivals .ratio strong")).to_have_text("2")
    expect(officer.locator("#arrivals .of")).to_have_text("/ 4")
    assert officer.locator(".bars td.n").evaluate_all(TOTAL) == 2
    officer.locator("details summary").click()
    assert officer.locator("#hours-table td").evaluate_all(TOTAL) == 2
    officer.click("#switch")
    expect(officer.locator("h1")).to_contain_text("The morning")
    expect(officer.locator("html")).to_have_attribute("lang", "en")


def test_a_number_opens_into_its_rows_and_back_by_keyboard(officer):
    officer.locator("#arrivals .when a").focus()
    officer.keyboard.press("Enter")
    expect(officer.locator("tbody tr")).to_have_count(4)
    expect(officer.locator("tbody tr.counted")).to_have_count(2)
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
def test_nothing_scrolls_sideways_and_every_link_is_large_enough(officer, site, width):
    officer.set_viewport_size({"width": width, "height": 900})
    assert sideways(officer) <= 0
    for control in officer.locator(".days a, .days button").all():
        assert control.bounding_box()["height"] >= 44
    officer.goto(f"{site.url}/morning/arrivals?day=2026-11-22")
    assert sideways(officer) <= 0


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
