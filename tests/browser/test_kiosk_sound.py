"""The tones of the door's screen in a real browser, heard through a spy at the page's audio: which, when, and never else."""

from concurrent.futures import Future

import pytest
from playwright.sync_api import expect, sync_playwright

from edge.core.events import AccessPointId
from edge.kiosk.serve import KioskServer
from edge.kiosk.state import Door, Fittings, KioskState, Screen
from edge.ports_io import Show
from tests.browser.conftest import CHROMIUM, FLAGS, WAIT_MS

pytestmark = pytest.mark.chromium

GATE = AccessPointId("AP-1")
# Every tone the page starts: its pitch, how long it lasts, and how loud it gets.
SPY = """
window.tones = [];
const start = OscillatorNode.prototype.start, stop = OscillatorNode.prototype.stop;
const ramp = AudioParam.prototype.linearRampToValueAtTime;
let from = 0, loud = 0;
AudioParam.prototype.linearRampToValueAtTime = function (level, at) {
    loud = Math.max(loud, level);
    return ramp.call(this, level, at);
};
OscillatorNode.prototype.start = function (at) { from = at; return start.call(this, at); };
OscillatorNode.prototype.stop = function (at) {
    const lasts = Math.round((at - from) * 1000);
    window.tones.push({ hertz: Math.round(this.frequency.value), lasts, loud: Math.round(loud * 100) / 100 });
    loud = 0;
    return stop.call(this, at);
};
"""
YES, NO, WAIT = [659, 988], [392, 262], [587, 587]
SHUT_SOON, SHUT_NOW, KEY = [1319] * 3, [1760, 1245, 1760, 1245], [880]


@pytest.fixture(scope="module", params=["--autoplay-policy=no-user-gesture-required"])
def browser(request):
    """As on a node: the screen may sound without having been touched."""
    with sync_playwright() as playwright:
        flags = [*FLAGS, request.param] if request.param else FLAGS
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield made
        made.close()


@pytest.fixture
def fittings():
    return Fittings(volume=0.25)


@pytest.fixture
def state(fittings):
    made = KioskState([Door(GATE, "东门", "East gate")])
    made.equip(GATE, dry_run=False, pin_pad=True)
    made.fit_out(GATE, fittings)
    return made


@pytest.fixture
def kiosk(state, context, page):
    context.set_default_timeout(WAIT_MS)
    page.add_init_script(SPY)
    server = KioskServer(state, "127.0.0.1", 0, lambda _door, _digits: taken())
    server.start()
    with page.expect_response("**/live/**"):
        page.goto(server.url)
    yield server
    page.goto("about:blank")
    server.close()


def taken():
    done: Future[None] = Future()
    done.set_result(None)
    return done


def hertz(page):
    return page.evaluate("tones.map((tone) => tone.hertz)")


def heard(page, *tunes):
    """Wait until as many tones were heard as these tunes have, and compare them."""
    wanted = [tone for tune in tunes for tone in tune]
    page.wait_for_function("(most) => tones.length >= most", arg=len(wanted))
    assert hertz(page) == wanted


def say(state, page, screen, aloud=None):
    state.show(GATE, screen, aloud=aloud)
    expect(page.locator("body")).to_have_attribute("data-screen", screen.value)


def test_yes_no_and_wait_are_three_tunes_as_loud_as_the_door_wants(kiosk, state, page):
    expect(page.locator("body")).to_have_attribute("data-sound", "on")
    expect(page.locator("#sound-blocked")).to_be_hidden()
    say(state, page, Screen.LOOK_HERE)
    say(state, page, Screen.WELCOME, Show.GRANTED)
    heard(page, YES)
    say(state, page, Screen.ASK_STAFF, Show.DENIED)
    say(state, page, Screen.LOOK_AFTER_CODE, Show.WAIT)
    heard(page, YES, NO, WAIT)
    say(state, page, Screen.LOOK_HERE)
    heard(page, YES, NO, WAIT)
    assert set(page.evaluate("tones.map((tone) => tone.loud)")) == {0.25}


def test_the_same_word_to_the_next_person_is_heard_again(kiosk, state, page):
    say(state, page, Screen.LOOK_HERE)
    say(state, page, Screen.WELCOME, Show.GRANTED)
    heard(page, YES)
    state.show(GATE, Screen.WELCOME, aloud=Show.GRANTED)
    heard(page, YES, YES)


def test_a_page_that_is_opened_later_does_not_repeat_what_was_said_before(kiosk, state, page):
    say(state, page, Screen.WELCOME, Show.GRANTED)
    heard(page, YES)
    with page.expect_response("**/live/**"):
        page.reload()
    expect(page.locator("body")).to_have_attribute("data-screen", "welcome")
    say(state, page, Screen.ASK_STAFF, Show.DENIED)
    heard(page, NO)


def test_the_prealarm_repeats_until_the_door_is_shut_and_the_alarm_is_another(kiosk, state, page):
    page.clock.install()
    with page.expect_response("**/live/**"):
        page.reload()
    say(state, page, Screen.ASK_STAFF)
    state.sound_alarm(GATE, Show.PREALARM)
    heard(page, SHUT_SOON)
    expect(page.locator("#alarm")).to_contain_text("the alarm is about to sound")
    page.clock.fast_forward(2_000)
    heard(page, SHUT_SOON, SHUT_SOON)
    state.sound_alarm(GATE, Show.ALARM)
    heard(page, SHUT_SOON, SHUT_SOON, SHUT_NOW)
    expect(page.locator("#alarm")).to_have_text("警报：请关门Alarm: please shut the door")
    page.clock.fast_forward(1_200)
    heard(page, SHUT_SOON, SHUT_SOON, SHUT_NOW, SHUT_NOW)
    state.sound_alarm(GATE, Show.IDLE)
    expect(page.locator("#alarm")).to_be_hidden()
    page.clock.fast_forward(10_000)
    heard(page, SHUT_SOON, SHUT_SOON, SHUT_NOW, SHUT_NOW)


def test_an_alarm_that_rings_already_is_heard_by_a_page_that_is_opened_now(kiosk, state, page):
    state.sound_alarm(GATE, Show.ALARM)
    with page.expect_response("**/live/**"):
        page.reload()
    page.wait_for_function("() => tones.length >= 4")
    assert hertz(page)[:4] == SHUT_NOW


def test_a_screen_that_lost_its_node_is_silent(kiosk, state, page, complaints):
    say(state, page, Screen.LOOK_HERE)
    state.sound_alarm(GATE, Show.PREALARM)
    heard(page, SHUT_SOON)
    kiosk.close()
    expect(page.locator(".lost")).to_be_visible()
    before = len(hertz(page))
    page.wait_for_timeout(2_500)
    assert len(hertz(page)) == before
    complaints.clear()  # the browser says that nobody answers


def test_every_key_sounds_alike_whatever_is_typed_and_however(kiosk, state, page):
    page.click("#pin-open")
    for digit in "4829130567":
        page.click(f"[data-digit='{digit}']")
    heard(page, *[KEY] * 10)
    page.focus("#pin-digits")
    page.keyboard.press("1")
    page.click("#pin-clear")
    for digit in "482914":
        page.click(f"[data-digit='{digit}']")
    page.click("#pin-enter")
    expect(page.locator("#pin-pad")).to_be_hidden()
    heard(page, *[KEY] * 19)
    assert len({str(tone) for tone in page.evaluate("tones")}) == 1


@pytest.mark.parametrize("fittings", [Fittings(sound=False)])
def test_a_door_whose_sound_is_off_makes_none_and_says_nothing_about_it(kiosk, state, page):
    expect(page.locator("body")).to_have_attribute("data-sound", "off")
    expect(page.locator("#sound-blocked")).to_have_count(0)
    say(state, page, Screen.WELCOME, Show.GRANTED)
    state.sound_alarm(GATE, Show.ALARM)
    expect(page.locator("#alarm")).to_be_visible()
    page.click("#pin-open")
    page.click("[data-digit='1']")
    assert hertz(page) == []


@pytest.mark.parametrize("browser", [""], indirect=True, ids=["as a browser is by itself"])
def test_where_the_browser_blocks_sound_the_page_says_so_until_it_is_touched(kiosk, state, page):
    expect(page.locator("body")).to_have_attribute("data-sound", "blocked")
    expect(page.locator("#sound-blocked")).to_contain_text("Touch the screen")
    say(state, page, Screen.WELCOME, Show.GRANTED)
    assert hertz(page) == []
    page.click("h1")
    expect(page.locator("body")).to_have_attribute("data-sound", "on")
    expect(page.locator("#sound-blocked")).to_be_hidden()
    say(state, page, Screen.ASK_STAFF, Show.DENIED)
    heard(page, NO)
