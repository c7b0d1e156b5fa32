"""The buttons of the door's screen, by finger and by keyboard alone: larger type, a language, a call for help."""

import pytest
from playwright.sync_api import expect

from edge.core.events import AccessPointId
from edge.kiosk.serve import KioskServer
from edge.kiosk.state import Door, Fittings, HelpState, KioskState, Screen
from edge.ports_io import Show

pytestmark = pytest.mark.chromium

GATE = AccessPointId("AP-1")
MINUTE_MS = 60_000


@pytest.fixture
def fittings():
    return Fittings(sound=False, help_call=True, help_phone="0817 555 0123")


@pytest.fixture
def state(fittings):
    made = KioskState([Door(GATE, "东门", "East gate")], rest=Screen.SHOW_CODE)
    made.equip(GATE, dry_run=False, pin_pad=True)
    made.fit_out(GATE, fittings)
    return made


@pytest.fixture
def rung():
    return []


@pytest.fixture
def kiosk(state, page, rung):
    """The clock of the page stands still and is moved by the test."""

    def bell(door):
        rung.append(door)
        state.answer_help(door, HelpState.CALLING)

    server = KioskServer(state, "127.0.0.1", 0, lambda _door, _digits: None, bell)
    server.start()
    page.clock.install()
    with page.expect_response("**/live/**"):
        page.goto(server.url)
    yield server
    page.goto("about:blank")
    server.close()


def size_of(page, place):
    return page.locator(place).evaluate("it => parseFloat(getComputedStyle(it).fontSize)")


@pytest.mark.story("10d")
def test_type_is_twice_as_large_for_a_minute_and_falls_back_by_itself(kiosk, page):
    before = size_of(page, "#hint-zh")
    page.click("#larger")
    expect(page.locator("#larger")).to_have_attribute("aria-pressed", "true")
    large = size_of(page, "#hint-zh")
    assert large >= 1.8 * before
    page.clock.fast_forward(MINUTE_MS - 1_000)
    assert size_of(page, "#hint-zh") == large
    page.clock.fast_forward(1_000)
    expect(page.locator("#larger")).to_have_attribute("aria-pressed", "false")
    assert size_of(page, "#hint-zh") == before


def test_a_key_does_the_same_and_ends_it_again(kiosk, page):
    page.keyboard.press("+")
    expect(page.locator("#larger")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("+")
    expect(page.locator("#larger")).to_have_attribute("aria-pressed", "false")


def test_one_language_stands_alone_for_a_minute(kiosk, state, page):
    page.click("[data-tongue=en]")
    expect(page.locator("#title-zh")).to_be_hidden()
    expect(page.locator("#title-en")).to_have_text("Show your code")
    state.show(GATE, Screen.ASK_STAFF)  # whatever comes next is in that language too
    expect(page.locator("#title-en")).to_have_text("Please ask the staff")
    expect(page.locator("#title-zh")).to_be_hidden()
    page.clock.fast_forward(MINUTE_MS)
    expect(page.locator("body")).to_have_attribute("data-alone", "")
    expect(page.locator("#title-zh")).to_be_visible(
        timeout=15_000
    )  # the page has missed heartbeats meanwhile
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")


def test_everything_is_reached_by_keyboard_in_the_order_it_is_read(kiosk, page):
    walked = []
    for _ in range(5):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        walked.append(focused.get_attribute("id") or focused.get_attribute("data-tongue"))
        ring = focused.evaluate("it => getComputedStyle(it).outlineWidth + getComputedStyle(it).outlineStyle")
        assert ring == "4pxsolid"
    assert walked == ["pin-open", "help", "larger", "zh", "en"]
    page.keyboard.press("Enter")
    expect(page.locator("#title-zh")).to_be_hidden()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Space")
    expect(page.locator("#title-en")).to_be_hidden()


def test_one_press_calls_nobody_and_is_forgotten(kiosk, page, rung):
    page.click("#help")
    expect(page.locator("#help")).to_contain_text("Press again to call")
    page.clock.fast_forward(5_000)
    expect(page.locator("#help")).to_contain_text("Call staff")
    page.clock.run_for(1_000)
    page.click("#help")
    expect(page.locator("#help")).to_contain_text("Press again to call")
    assert rung == []


@pytest.mark.story("10g")
def test_two_presses_call_once_and_the_answer_is_shown_with_its_time(kiosk, state, page, rung):
    page.click("#help")
    page.wait_for_timeout(500)
    page.click("#help")
    expect(page.locator("#help-answer")).to_contain_text("Telling the staff")
    expect(page.locator("#help")).to_have_attribute("aria-disabled", "true")
    state.answer_help(GATE, HelpState.TOLD, "01:12")
    expect(page.locator("#help-answer")).to_have_text("01:12 已通知值班人员The staff were told at 01:12")
    page.click("#help", force=True)
    page.wait_for_timeout(500)
    page.click("#help", force=True)
    assert rung == [GATE]
    state.answer_help(GATE, HelpState.NONE)
    expect(page.locator("#help-answer")).to_be_hidden()
    expect(page.locator("#help")).to_have_attribute("aria-disabled", "false")


def test_by_keyboard_a_call_keeps_the_place_and_a_key_held_down_for_a_moment_is_one_press(kiosk, page, rung):
    page.focus("#help")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")  # at once: the same push
    expect(page.locator("#help")).to_contain_text("Press again to call")
    assert rung == []
    page.wait_for_timeout(500)
    page.keyboard.press("Enter")
    expect(page.locator("#help-answer")).to_contain_text("Telling the staff")
    expect(page.locator("#help")).to_be_focused()
    assert rung == [GATE]


def test_whom_nobody_hears_gets_a_number_instead_of_a_promise(kiosk, state, page):
    state.answer_help(GATE, HelpState.NOT_TOLD)
    expect(page.locator("#help-answer")).to_contain_text("cannot be told from here now: call 0817 555 0123")
    expect(page.locator("#help-answer")).not_to_contain_text("were told")


def test_a_screen_that_lost_its_node_shows_the_number_and_no_button_that_leads_nowhere(
    kiosk, page, complaints
):
    kiosk.close()
    expect(page.locator(".lost")).to_contain_text("Call 0817 555 0123")
    expect(page.locator("#help")).to_be_hidden()
    expect(page.locator("#pin-open")).to_be_hidden()
    complaints.clear()  # the browser says that nobody answers


def test_who_wants_no_motion_sees_the_alarm_stand_still(kiosk, state, page):
    frame = "getComputedStyle(document.body, '::after').animationName"
    state.sound_alarm(GATE, Show.ALARM)
    expect(page.locator("#alarm")).to_be_visible()
    assert page.evaluate(frame) == "pulse"
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(frame) == "none"


@pytest.mark.parametrize("fittings", [Fittings(sound=False)])
def test_where_nobody_is_to_be_called_there_is_no_button(kiosk, page):
    expect(page.locator("#larger")).to_be_visible()
    expect(page.locator("#help")).to_have_count(0)


def test_without_script_there_is_no_button_that_would_do_nothing(browser, kiosk):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(kiosk.url)
    expect(page.locator("h1")).to_be_visible()
    expect(page.locator("#help")).to_be_hidden()
    expect(page.locator("#larger")).to_be_hidden()
    context.close()
