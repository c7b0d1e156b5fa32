"""Everything a guest's screen can look like: every size, large type, one language, alarms and calls; nothing hangs over."""

import pytest
from playwright.sync_api import expect

from edge.core.events import AccessPointId
from edge.kiosk.serve import KioskServer
from edge.kiosk.state import Door, Fittings, HelpState, KioskState, Screen, Tongue
from edge.kiosk.texts import SENTENCES
from edge.ports_io import Show

pytestmark = [pytest.mark.chromium, pytest.mark.timeout(600)]

GATE = AccessPointId("AP-1")
URL = "https://gate.example:8443/arrive/AP-dongfang-001"
UPRIGHT = (1080, 1920)
SIZES = [(320, 568), (1920, 1080), UPRIGHT]
OVER = (
    "[document.documentElement.scrollWidth - innerWidth, document.documentElement.scrollHeight - innerHeight]"
)


@pytest.fixture
def fittings():
    return Fittings(help_call=True, help_phone="+86 817 555 0123")


@pytest.fixture
def state(fittings):
    made = KioskState([Door(GATE, "东门", "East gate", URL)])
    made.equip(GATE, dry_run=False, pin_pad=True)
    made.fit_out(GATE, fittings)
    return made


@pytest.fixture
def kiosk(state, page):
    server = KioskServer(state, "127.0.0.1", 0, lambda _door, _digits: None, lambda _door: None)
    server.start()
    page.goto(server.url)
    yield server
    page.goto("about:blank")
    server.close()


def show(state, screen):
    state.show(GATE, screen, until="08:15" if screen is Screen.WAIT_UNTIL else "")


@pytest.mark.parametrize("size", SIZES)
def test_every_screen_fits_with_its_buttons_and_axe_finds_nothing(kiosk, state, page, size, axe):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    for screen in SENTENCES:
        show(state, screen)
        expect(page.locator("body")).to_have_attribute("data-screen", screen.value)
        expect(page.locator(".icons svg:visible, .register:visible")).to_have_count(1)
        wide, tall = page.evaluate(OVER)
        # A code to scan on the smallest of screens may be moved up and down; nothing else has to be.
        fits = tall <= 0 or (screen is Screen.REGISTER and size[0] == 320)
        assert (wide <= 0, fits) == (True, True), (screen, wide, tall)
        axe(page, f"{screen}, {size}")


@pytest.mark.parametrize("size", SIZES)
def test_type_twice_as_large_hangs_over_no_edge(kiosk, state, page, size, axe, picture):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    small = page.locator("#hint-zh").evaluate("it => parseFloat(getComputedStyle(it).fontSize)")
    page.click("#larger")
    expect(page.locator("#larger")).to_have_attribute("aria-pressed", "true")
    for screen in SENTENCES:
        show(state, screen)
        expect(page.locator("body")).to_have_attribute("data-screen", screen.value)
        wide, tall = page.evaluate(OVER)
        large = page.locator("#hint-zh").evaluate("it => parseFloat(getComputedStyle(it).fontSize)")
        if screen is Screen.SHOW_CODE and size == UPRIGHT:
            picture(page, "kiosk-large", full=False)
        assert wide <= 0, screen
        assert tall <= 0 or size[0] == 320, screen
        assert large >= (1.39 if size[0] == 320 else 1.59) * small, screen
    axe(page, f"large, {size}")


@pytest.mark.parametrize("size", SIZES)
def test_alarms_and_calls_fit_beside_what_the_screen_says(kiosk, state, page, size, axe, picture):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    show(state, Screen.LOOK_HERE)
    for alarm in (Show.PREALARM, Show.ALARM):
        state.sound_alarm(GATE, alarm)
        expect(page.locator("#alarm")).to_contain_text("shut the door")
        if size == UPRIGHT:
            picture(page, f"kiosk-{alarm.value}", full=False)
        axe(page, f"{alarm}, {size}")
    state.sound_alarm(GATE, Show.IDLE)
    expect(page.locator("#alarm")).to_be_hidden()
    for called in (HelpState.CALLING, HelpState.TOLD, HelpState.NOT_TOLD):
        state.answer_help(GATE, called, "01:12")
        expect(page.locator("#help-answer")).to_be_visible()
        if size == UPRIGHT:
            picture(page, f"kiosk-help-{called.value}", full=False)
        wide, tall = page.evaluate(OVER)
        assert (wide <= 0, tall <= 0) == (True, True), (called, wide, tall)
        axe(page, f"{called}, {size}")
    expect(page.locator("#help-answer")).to_contain_text("+86 817 555 0123")


@pytest.mark.parametrize("fittings", [Fittings(tongues=(Tongue.EN, Tongue.ZH))])
def test_english_comes_first_where_the_site_says_so(kiosk, state, page, picture, axe):
    expect(page.locator("html")).to_have_attribute("lang", "en")
    show(state, Screen.SHOW_CODE)
    expect(page.locator("h1 span").first).to_have_text("Show your code")
    sizes = page.locator("h1 span").evaluate_all(
        "all => all.map(it => parseFloat(getComputedStyle(it).fontSize))"
    )
    assert sizes[0] > sizes[1]
    picture(page, "kiosk-en-first", full=False)
    axe(page)


def test_one_language_alone(kiosk, state, page, picture, axe):
    show(state, Screen.SHOW_CODE)
    page.click("[data-tongue=en]")
    expect(page.locator("#title-zh")).to_be_hidden()
    expect(page.locator("#pin-open .zh")).to_be_hidden()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    picture(page, "kiosk-en-alone", full=False)
    axe(page)
    page.click("[data-tongue=zh]")
    expect(page.locator("#title-en")).to_be_hidden()
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    page.click("[data-tongue=zh]")
    expect(page.locator("#title-en")).to_be_visible()
