"""The keypad and the register screen in a real browser: by finger, by keyboard, small and large."""

from concurrent.futures import Future

import pytest
from playwright.sync_api import expect

from edge.core.events import AccessPointId
from edge.kiosk.serve import KioskServer
from edge.kiosk.state import Door, KioskState, Screen

pytestmark = pytest.mark.chromium

GATE = AccessPointId("AP-1")
URL = "https://gate.example:8443/arrive/AP-dongfang-001"


@pytest.fixture
def state():
    made = KioskState([Door(GATE, "东门", "East gate", URL)])
    made.equip(GATE, dry_run=True, pin_pad=True)
    return made


@pytest.fixture
def typed():
    return []


@pytest.fixture
def kiosk(state, page, typed):
    def keypad(door, digits):
        typed.append((door, digits))
        state.show(door, Screen.PIN_REFUSED)
        done = Future()
        done.set_result(None)
        return done

    server = KioskServer(state, "127.0.0.1", 0, keypad)
    server.start()
    page.goto(server.url)
    yield server
    page.goto("about:blank")
    server.close()


def test_a_pin_is_typed_by_finger_and_the_screen_answers(kiosk, page, typed, picture):
    page.click("#pin-open")
    expect(page.locator("#pin-pad")).to_be_visible()
    for digit in "482913":
        page.click(f"[data-digit='{digit}']")
    picture(page, "kiosk-pin", full=False)
    assert page.input_value("#pin-digits") == "482913"
    page.click("#pin-enter")
    expect(page.locator("#pin-pad")).to_be_hidden()
    expect(page.locator("#title-en")).to_have_text("This PIN does not open the door now")
    assert typed == [(GATE, "482913")]
    page.click("#pin-open")
    assert page.input_value("#pin-digits") == ""


def test_a_pin_is_typed_by_keyboard_alone(kiosk, page, typed):
    page.keyboard.press("Tab")
    expect(page.locator("#pin-open")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#pin-digits")).to_be_focused()
    page.keyboard.type("12345")
    page.keyboard.press("Enter")
    expect(page.locator("#pin-pad")).to_be_visible()
    expect(page.locator("#pin-note")).to_contain_text("a PIN has at least six digits")
    page.keyboard.type("a6")
    page.keyboard.press("Enter")
    expect(page.locator("#pin-pad")).to_be_hidden()
    assert typed == [(GATE, "123456")]


def test_a_pad_that_is_left_forgets_what_was_typed(kiosk, page, typed):
    page.clock.install()
    page.reload()
    page.click("#pin-open")
    page.keyboard.type("4829")
    page.clock.fast_forward(21_000)
    expect(page.locator("#pin-pad")).to_be_hidden()
    page.click("#pin-open")
    assert page.input_value("#pin-digits") == ""
    page.keyboard.press("Escape")
    expect(page.locator("#pin-pad")).to_be_hidden()
    assert typed == []


def test_a_pad_before_a_screen_that_lost_its_node_goes_away(kiosk, page, complaints):
    page.click("#pin-open")
    expect(page.locator("#pin-pad")).to_be_visible()
    kiosk.close()
    expect(page.locator("#pin-pad")).to_be_hidden()
    expect(page.locator(".lost")).to_be_visible()
    complaints.clear()  # the browser says that nobody answers


@pytest.mark.parametrize("size", [(320, 568), (1920, 1080), (1080, 1920)])
def test_the_pad_and_the_code_to_scan_fit_every_screen(kiosk, state, page, size, picture):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    state.show(GATE, Screen.REGISTER)
    expect(page.locator(".register img")).to_be_visible()
    assert page.locator(".register img").evaluate("img => img.naturalWidth") > 0
    expect(page.locator(".register figcaption")).to_have_text(URL)
    expect(page.locator(".banner")).to_contain_text("Trial run")
    picture(page, f"kiosk-register-{size[0]}", full=False)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.click("#pin-open")
    box = page.locator("#pin-pad").bounding_box()
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= size[1]
    for key in page.locator(".keys .key").all():
        assert key.bounding_box()["height"] >= 44
