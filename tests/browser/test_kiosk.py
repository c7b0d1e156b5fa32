"""The kiosk in a real browser: every screen in both languages, from a phone to a full display, honest when cut off."""

import pytest
from playwright.sync_api import expect

from edge.core.events import AccessPointId
from edge.kiosk.serve import KioskServer
from edge.kiosk.state import Door, KioskState, Screen
from edge.kiosk.texts import SENTENCES

pytestmark = pytest.mark.chromium

GATE = AccessPointId("AP-1")


@pytest.fixture
def state():
    return KioskState([Door(GATE, "东门", "East gate")])


@pytest.fixture
def kiosk(state, page):
    server = KioskServer(state, "127.0.0.1", 0)
    server.start()
    page.goto(server.url)
    yield server
    page.goto("about:blank")
    server.close()


def show(state, screen):
    state.show(GATE, screen, until="08:15" if screen is Screen.WAIT_UNTIL else "")


@pytest.mark.parametrize("size", [(320, 568), (1920, 1080), (1080, 1920)])
def test_every_screen_is_said_in_both_languages_and_fits(kiosk, state, page, size):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    state.declare(GATE, liveness_off=True, engine_simulated=True)
    expect(page.locator(".banner")).to_have_count(2)
    for screen, sentence in SENTENCES.items():
        show(state, screen)
        expect(page.locator("body")).to_have_attribute("data-screen", screen.value)
        expect(page.locator("#title-zh")).to_have_text(sentence.title.at("08:15").zh)
        expect(page.locator("#title-en")).to_have_text(sentence.title.at("08:15").en)
        expect(page.locator("#hint-en")).to_be_visible()
        expect(page.locator(".icons svg:visible")).to_have_count(1)
        wide, tall = page.evaluate(
            "[document.documentElement.scrollWidth - innerWidth, document.documentElement.scrollHeight - innerHeight]"
        )
        assert (wide <= 0, tall <= 0) == (True, True), screen


def test_a_screen_that_lost_its_node_says_so_and_recovers(kiosk, state, page):
    expect(page.locator(".lost")).to_be_hidden()
    port = int(kiosk.url.rpartition(":")[2])
    kiosk.close()
    expect(page.locator(".lost")).to_be_visible()
    expect(page.locator("h1")).to_be_hidden()
    page.context.clear_cookies()
    again = KioskServer(state, "127.0.0.1", port)
    again.start()
    state.show(GATE, Screen.WELCOME)
    expect(page.locator("#title-en")).to_have_text("Welcome")
    expect(page.locator(".lost")).to_be_hidden()
    page.goto("about:blank")
    again.close()


def test_without_script_the_page_still_shows_the_present_screen(browser, kiosk, state):
    show(state, Screen.ASK_STAFF)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(kiosk.url)
    expect(page.locator("#title-zh")).to_have_text("请联系值班人员")
    context.close()


def test_pictures_for_the_documentation(kiosk, state, page, picture):
    page.set_viewport_size({"width": 1280, "height": 720})
    state.declare(GATE, liveness_off=True, engine_simulated=False)
    for screen in Screen:
        show(state, screen)
        expect(page.locator("body")).to_have_attribute("data-screen", screen.value)
        assert picture(page, f"kiosk-{screen.value}").stat().st_size > 5_000
    page.set_viewport_size({"width": 320, "height": 568})
    show(state, Screen.SHOW_CODE)
    expect(page.locator("body")).to_have_attribute("data-screen", "show_code")
    picture(page, "kiosk-320")
