"""All nodes on one page in a real browser: both languages, keyboard alone, from 320 px to a wall, fetched anew by itself."""

import pytest
from playwright.sync_api import expect

from cloud_sync.web.language import Lang
from cloud_sync.web.texts import texts
from tests.browser.hands import hands_for
from tests.fakes.evening import play
from tests.fakes.web_house import ADMIN, GATE, PASSWORD, door

pytestmark = pytest.mark.chromium

OVERHANG = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
SILENT_MS = 3 * 86_400_000
PART = "**/parts/fleet?lang=*"


@pytest.fixture
def cut_off(staff, house):
    """Two nodes, one of them silent for three days."""
    play(house)
    house.clock.now += SILENT_MS
    house.report("gate-1", [door(GATE)])
    return staff


def log_in(page, url):
    page.goto(f"{url}/login")
    page.fill("#name", ADMIN)
    page.fill("#password", PASSWORD)
    page.click("main button")
    expect(page.locator("#tiles")).to_be_visible()


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_which_node_is_behind_is_read_in_both_languages(cut_off, site, lang, picture):
    log_in(cut_off, site.url)  # the session of three days ago has ended
    cut_off.goto(f"{site.url}/fleet?lang={lang}")
    say = texts(Lang(lang))
    expect(cut_off.locator("html")).to_have_attribute("lang", say.lang.tag)
    expect(cut_off.locator("h1")).to_have_text(say("Nodes at a glance"))
    rows = cut_off.locator(".fleet tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.first).to_have_attribute("id", "fleet-building-7")
    lag = f"td[data-label='{say('Lag')}']"
    expect(rows.first.locator(f"{lag}.amiss")).to_contain_text(say("%(n)s d", n=3))
    expect(cut_off.locator(f"#fleet-gate-1 {lag}")).to_have_text(say("%(n)s s", n=0))
    picture(cut_off, f"fleet-{lang}")


def test_by_keyboard_alone_from_the_dashboard_to_a_node_and_back(staff, house, site):
    play(house)
    staff.goto(site.url)
    hands = hands_for("keyboard", staff)
    hands.press(staff.locator("a[href='/fleet']"))
    expect(staff.locator(".fleet tbody tr")).to_have_count(2)
    hands.press(staff.locator("#to-building-7"))
    expect(staff).to_have_url(f"{site.url}/nodes/building-7")


@pytest.mark.parametrize("width", [320, 360, 768, 1280, 1920])
def test_nothing_scrolls_sideways_and_axe_finds_nothing(staff, house, site, axe, picture, width):
    play(house)
    staff.set_viewport_size({"width": width, "height": 900})
    for scheme in ("light", "dark"):
        staff.emulate_media(color_scheme=scheme)
        staff.goto(f"{site.url}/fleet")
        assert staff.evaluate(OVERHANG) <= 0
        axe(staff, f"fleet, {scheme}, {width} px")
        for link in staff.locator(".fleet tbody th a, #to-dashboard").all():
            assert link.bounding_box()["height"] >= 44
    if width == 320:
        picture(staff, "fleet-320")


def test_it_is_fetched_anew_by_itself_and_the_keyboard_stays_where_it_was(staff, house, site):
    play(house)
    staff.goto(f"{site.url}/fleet")
    staff.locator("#to-gate-1").focus()
    house.clock.now += 200_000
    house.report("gate-1", [door(GATE)])
    with staff.expect_response(PART, timeout=30_000):
        pass
    expect(staff.locator("#fleet-building-7 .status")).to_have_class("status bad")
    expect(staff.locator("#to-gate-1")).to_be_focused()
