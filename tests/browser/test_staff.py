"""The gate staff at work in a real browser: a forced door from the first tone to closed, a door released, by any hand."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from cloud_sync.web.serve import PageServer
from tests.fakes.evening import EVENING_MS
from tests.fakes.staff_house import GUARD, OTHER_GUARD, StaffHouse
from tests.fakes.waiting import eventually
from tests.fakes.web_house import GATE, PASSWORD, ROOM, UNIT, SteppedClock, door

pytestmark = pytest.mark.chromium

# Every control has a name, every field a label, one heading begins the page, and targets are large enough to hit.
BASICS = """() => {
  const wrong = [];
  const seen = (e) => e.checkVisibility() && !e.closest('[hidden]');
  const name = (e) => (e.getAttribute('aria-label') || (e.labels && [...e.labels].map((l) => l.textContent).join(' '))
    || e.textContent || '').trim();
  if (document.querySelectorAll('h1').length !== 1) wrong.push('h1');
  if (!document.documentElement.lang || !document.title) wrong.push('lang or title');
  for (const e of document.querySelectorAll('a[href], button, select, textarea, input:not([type=hidden])')) {
    if (!seen(e)) continue;
    if (!name(e)) wrong.push('nameless ' + e.outerHTML.slice(0, 80));
    if (e.tabIndex > 0) wrong.push('tabindex ' + e.outerHTML.slice(0, 80));
    const box = e.getBoundingClientRect();
    if (!e.closest('p, .skip, .top') && box.height < 24 && e.type !== 'radio') wrong.push('small ' + e.outerHTML.slice(0, 80));
  }
  const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
  for (const id of new Set(ids)) if (ids.filter((one) => one === id).length > 1) wrong.push('twice #' + id);
  for (const e of document.querySelectorAll('[aria-labelledby], [aria-describedby], label[for]')) {
    const wanted = (e.getAttribute('aria-labelledby') || e.getAttribute('aria-describedby') || e.htmlFor).split(' ');
    for (const id of wanted) if (!document.getElementById(id)) wrong.push('points nowhere ' + id);
  }
  const levels = [...document.querySelectorAll('h1, h2, h3, h4')].map((e) => Number(e.tagName[1]));
  levels.forEach((level, i) => i && level > levels[i - 1] + 1 && wrong.push('heading jumps'));
  return wrong;
}"""

# What a word is written in, and on what; in one look, since the page changes by itself.
COLOURS = """selector => {
  const word = document.querySelector(selector);
  const own = (e) => getComputedStyle(e).backgroundColor;
  let behind = word;
  while (behind && /, 0\\)$/.test(own(behind))) behind = behind.parentElement;
  return [getComputedStyle(word).color, behind ? own(behind) : 'rgb(255, 255, 255)'];
}"""


def lightness(colour):
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    light, dark = sorted((lightness(one), lightness(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.fixture
def house(tmp_path) -> Iterator[StaffHouse]:
    made = StaffHouse(tmp_path, SteppedClock(EVENING_MS))
    made.open_up()
    with made.at_work():
        yield made
    made.close()


@pytest.fixture
def site(house) -> Iterator[PageServer]:
    with PageServer(house.app(), "127.0.0.1", 0) as server:
        yield server


def enter(page: Page, site: PageServer, name: str, lang: str = "zh") -> Page:
    page.goto(f"{site.url}/login?lang={lang}")
    page.fill("#name", name)
    page.fill("#password", PASSWORD)
    page.click("main button")
    expect(page).to_have_url(re.compile("/staff$"))
    return live(page)


def live(page: Page) -> Page:
    expect(page.locator("#link-state")).to_have_attribute("data-link", "open")
    return page


@pytest.fixture
def guard(page, house, site) -> Page:
    """A guard before the queue of a quiet house, in Chinese."""
    return enter(page, site, GUARD)


@pytest.fixture
def colleague(browser: Browser, house, site, complaints):
    """Another guard at another screen."""
    context = browser.new_context(locale="zh-CN", viewport={"width": 1024, "height": 800})
    context.set_default_timeout(15_000)
    made = context.new_page()
    made.on("pageerror", lambda error: complaints.append(str(error)))
    yield made
    context.close()


def sideways(page):
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def forced(house, page):
    """The forced door as the gate tells it, opened from the queue."""
    house.tell("door.forced")
    house.report("gate-1", [door(GATE, alarm="FORCED", contact="open")])
    page.locator(".case-card a").first.click()
    return live(page)


def shut(house):
    house.tell("door.secured")
    house.report("gate-1", [door(GATE)])


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("zh", ("强行开门", "请先关门", "已解除", "已处理，待他人复核", "已关闭")),
        ("en", ("Door forced open", "Shut it first", "over, nobody", "to be checked by another", "closed")),
    ],
    ids=["zh", "en"],
)
def test_a_forced_door_is_handled_by_two_people_from_the_first_look_to_closed(
    page, colleague, house, site, lang, words, complaints
):
    title, shut_first, over, settled, closed = words
    enter(page, site, GUARD, lang)
    house.tell("door.forced")
    card = page.locator(".case-card")
    expect(card).to_contain_text(title)
    expect(card).to_contain_text("东门" if lang == "zh" else "East gate")
    card.locator("a").click()
    live(page)
    # The door still stands open: going there comes first.
    page.locator("#steps textarea").first.fill("...")
    page.locator("#steps button").first.click()
    expect(page.locator("#problem")).to_contain_text(shut_first)
    assert all("409" in complaint for complaint in complaints)
    complaints.clear()
    live(page)
    page.locator("#steps textarea").first.fill("")
    shut(house)
    expect(page.locator("#stage")).to_contain_text(over)
    page.locator("#steps textarea").first.fill("风吹开，已关好" if lang == "zh" else "the wind; shut by hand")
    page.locator("#steps button").first.click()
    expect(page.locator("#stage")).to_contain_text(settled)
    assert page.locator("#steps form").count() == 0
    # Who settled it does not check it: a colleague does, and the first screen follows by itself.
    enter(colleague, site, OTHER_GUARD, lang)
    colleague.locator(".case-card a").first.click()
    colleague.locator("#steps button:not(.quiet)").click()
    expect(page.locator("#stage")).to_have_text(closed)
    expect(page.locator(".history")).to_contain_text(OTHER_GUARD)


def test_an_alarm_is_heard_after_a_click_enabled_it_and_until_somebody_looked(guard, house):
    button = guard.locator("#sound")
    house.tell("door.held", access_point=UNIT, node="building-7")
    expect(guard.locator(".case-card.sounding")).to_have_count(1)
    expect(button).not_to_have_attribute("data-sounded", re.compile("."))
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(button).to_have_attribute("data-sounded", "1")
    guard.locator(".case-card a").click()
    guard.locator("#steps button").first.click()
    guard.goto(guard.url.partition("/staff/")[0] + "/staff")
    expect(guard.locator("#open-count")).to_have_attribute("data-sounding", "0")


def test_a_held_door_is_acknowledged_worked_and_resolved_with_a_reason(guard, house):
    house.tell("door.held")
    guard.locator(".case-card a").click()
    live(guard)
    guard.locator("#steps button", has_text="确认知悉").click()
    guard.locator("#steps button", has_text="开始处理").click()
    house.tell("door.secured")
    expect(guard.locator(".history")).to_contain_text("情况已解除")
    resolve = guard.locator("#steps form", has=guard.locator("button", has_text="处理完毕"))
    resolve.locator("select").select_option("person_dealt_with")
    resolve.locator("textarea").fill("搬家，已关门")
    resolve.locator("button").click()
    expect(guard.locator(".case-facts")).to_contain_text("已与现场人员沟通: 搬家，已关门")


def test_a_case_goes_to_a_colleague_only_when_they_accept(guard, colleague, house, site):
    house.tell("door.held")
    guard.locator(".case-card a").click()
    guard.locator("#steps button").first.click()
    offer = guard.locator("#steps form", has=guard.locator("button", has_text="交接"))
    offer.locator("select").select_option(OTHER_GUARD)
    offer.locator("button").click()
    expect(guard.locator(".case-facts")).to_contain_text("尚未接受")
    enter(colleague, site, OTHER_GUARD)
    colleague.locator(".case-card a").click()
    colleague.locator("#steps button", has_text="接受交接").click()
    expect(guard.locator(".facts-box")).to_have_attribute("data-who", OTHER_GUARD)


def test_words_being_written_are_kept_when_the_case_moves_on(guard, colleague, house, site):
    house.tell("door.held")
    guard.locator(".case-card a").click()
    live(guard)
    guard.locator("#steps textarea").first.fill("我去看看")
    enter(colleague, site, OTHER_GUARD)
    colleague.locator(".case-card a").click()
    colleague.locator("#steps button").first.click()
    expect(guard.locator("#moved-on")).to_be_visible()
    expect(guard.locator("#steps textarea").first).to_have_value("我去看看")


def test_a_door_is_released_in_two_steps_and_the_page_follows_the_command(guard, house):
    forced(house, guard)
    guard.locator(".door-links a").first.click()
    guard.check("#op-release")
    guard.fill("#reason", "住户忘带手机，已核实")
    guard.click("main form button")
    expect(guard.locator("#confirm-title")).to_contain_text("开门一次")
    guard.click("#yes")
    state = guard.locator("#command")
    expect(state).to_have_attribute("data-state", "QUEUED")
    (command,) = house.commands.open(house.clock.now)
    view = house.commands.state(command.id)
    house.answer(view, "accepted")
    expect(state).to_have_attribute("data-state", "ACCEPTED")
    house.answer(view, "done")
    expect(state).to_have_attribute("data-state", "DONE")
    guard.locator("#command a").first.click()
    expect(guard.locator("h1")).to_contain_text("强行开门")


def test_a_case_is_handled_by_keyboard_alone(guard, house):
    house.tell("door.held")
    expect(guard.locator(".case-card")).to_have_count(1)
    reach(guard, "document.activeElement.closest('.case-card')")
    guard.keyboard.press("Enter")
    expect(guard.locator("#stage")).to_be_visible()
    reach(guard, "document.activeElement.matches('#steps textarea')")
    guard.keyboard.type("keyboard")
    guard.keyboard.press("Tab")
    assert guard.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    guard.keyboard.press("Enter")
    expect(guard.locator("#stage")).to_have_text("已有人负责")
    reach(guard, "document.activeElement.matches('.door-links a')")
    guard.keyboard.press("Enter")
    expect(guard.locator("#op-release")).to_be_visible()
    reach(guard, "document.activeElement.matches('input[type=radio]')")
    guard.keyboard.press("Space")
    guard.keyboard.press("ArrowDown")
    expect(guard.locator("#op-admit")).to_be_checked()
    reach(guard, "document.activeElement.matches('#reason')")
    guard.keyboard.type("visitor")
    reach(guard, "document.activeElement.matches('main form button')")
    guard.keyboard.press("Enter")
    expect(guard.locator("#yes")).to_be_focused()
    guard.keyboard.press("Enter")
    expect(guard.locator("#command")).to_be_visible()
    eventually(lambda: house.commands.open(house.clock.now))


def reach(page, condition):
    """Tab forward until the focus is where the test wants it."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate(f"Boolean({condition})"):
            return
    raise AssertionError(f"the keyboard never reached {condition}")


def test_the_keyboard_keeps_its_place_when_the_queue_changes(guard, house):
    house.tell("door.held")
    expect(guard.locator(".case-card")).to_have_count(1)
    link = guard.locator(".case-card a").first
    link.focus()
    focused = guard.evaluate("document.activeElement.id")
    house.tell("door.forced", access_point=ROOM, node="building-7")
    expect(guard.locator(".case-card")).to_have_count(2)
    assert guard.evaluate("document.activeElement.id") == focused


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("width", [320, 768])
def test_nothing_scrolls_sideways_and_everything_has_a_name_on_every_page(page, house, site, width, lang):
    page.set_viewport_size({"width": width, "height": 800})
    enter(page, site, GUARD, lang)
    house.clock.now += 100_000
    house.report("building-7", [door(UNIT, contact="open"), door(ROOM)])
    forced(house, page)
    case = page.url
    for path in ("/staff", case.removeprefix(site.url), f"/staff/doors/{GATE}"):
        page.goto(site.url + path)
        assert sideways(page) <= 0, path
        assert page.evaluate(BASICS) == [], path
    page.check("#op-block")
    page.fill("#reason", "x" * 120)
    page.click("main form button")
    expect(page.locator("#yes")).to_be_visible()
    assert sideways(page) <= 0
    assert page.evaluate(BASICS) == []
    page.click("#yes")
    expect(page.locator("#command")).to_be_visible()
    assert sideways(page) <= 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_what_is_behind_them(guard, house, scheme):
    house.tell("door.forced")
    house.tell("door.held", access_point=UNIT, node="building-7")
    house.clock.now += 100_000
    house.report("building-7", [door(UNIT)])
    guard.emulate_media(color_scheme=scheme)
    guard.reload()
    live(guard)
    expect(guard.locator(".case-card")).not_to_have_count(0)
    expect(guard.locator(".banner:visible")).not_to_have_count(0)
    for selector in (
        ".banner",
        ".case-card .meta",
        ".case-card .sev",
        ".case-card strong",
        "#sound",
        ".door-state",
    ):
        colours = guard.evaluate(COLOURS, selector)
        assert contrast(*colours) >= 4.5, (selector, colours)


def test_a_page_cut_off_from_the_service_says_so(guard, site, complaints):
    site.close()
    expect(guard.locator("#cut-off")).to_be_visible()
    expect(guard.locator("#link-state")).to_have_attribute("data-link", "lost")
    guard.goto("about:blank")
    complaints.clear()


def test_a_silent_gate_is_said_above_everything(guard, house):
    house.clock.now += 100_000
    house.report("building-7", [door(UNIT)])
    house.tell("door.held", node="building-7", access_point=UNIT)
    expect(guard.locator("#banners")).to_contain_text("已静默")


def test_pictures_for_the_documentation(guard, house, picture):
    house.tell("door.held", "building-7", access_point=UNIT)
    house.tell("door.forced")
    house.report("gate-1", [door(GATE, alarm="FORCED", contact="open")])
    house.report("building-7", [door(UNIT, alarm="HELD", contact="open"), door(ROOM, camera="none")])
    expect(guard.locator(".case-card")).to_have_count(2)
    guard.reload()
    live(guard)
    assert picture(guard, "staff-zh").stat().st_size > 20_000
    guard.click("#switch")
    live(guard)
    picture(guard, "staff-en")
    guard.locator(".case-card a").first.click()
    live(guard)
    picture(guard, "staff-case-en")
    guard.locator(".door-links a").first.click()
    guard.check("#op-release")
    guard.fill("#reason", "resident without phone, known to me")
    picture(guard, "staff-door-en")
    guard.click("main form button")
    picture(guard, "staff-confirm-en")
    guard.goto(guard.url.partition("/staff")[0] + "/staff?lang=zh")
    live(guard)
    guard.set_viewport_size({"width": 320, "height": 700})
    picture(guard, "staff-320")
    guard.emulate_media(color_scheme="dark")
    guard.locator(".case-card a").first.click()
    live(guard)
    picture(guard, "staff-case-320-dark")
