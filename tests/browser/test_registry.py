"""The officer's work list of imported rows in a real browser: both languages, by keyboard, on a phone, nothing serious for axe."""

import pytest
from playwright.sync_api import expect

from cloud_sync.web.language import Lang
from cloud_sync.web.registry_words import DECISIONS_SAID, REASONS, Reason
from cloud_sync.web.texts import texts
from tests.browser.hands import hands_for
from tests.fakes.registry_sheets import ROLL, ROWS, bring
from tests.fakes.web_house import ADMIN, PASSWORD

pytestmark = pytest.mark.chromium

WAYS = [("zh", 320, "keyboard"), ("en", 1280, "keyboard"), ("zh", 1280, "touch"), ("en", 360, "touch")]


@pytest.fixture(params=WAYS, ids=["-".join(map(str, way)) for way in WAYS])
def screen(request, browser, complaints):
    lang, width, hand = request.param
    locale = "zh-CN" if lang == "zh" else "en-GB"
    context = browser.new_context(
        locale=locale, viewport={"width": width, "height": 800}, has_touch=hand == "touch"
    )
    context.set_default_timeout(15_000)
    page = context.new_page()
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page, hands_for(hand, page), texts(Lang(lang))
    context.close()


def fits(page):
    return page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_an_officer_decides_about_a_row_that_contradicts(
    screen, house, site, tmp_path, axe, complaints, picture
):
    page, hands, say = screen
    house.add_admin()
    bring(house, tmp_path, "roll.csv", ROLL, adopt=True)
    bring(house, tmp_path, "3栋住户.csv", ROWS)
    page.goto(f"{site.url}/login")
    page.fill("#name", ADMIN)
    page.fill("#password", PASSWORD)
    hands.press(page.locator("main button").first)
    page.wait_for_selector("#tiles")
    page.goto(f"{site.url}/registry")
    expect(page.locator("#runs tbody tr")).to_have_count(2)
    expect(page.locator("#matters tbody tr")).to_have_count(1)
    assert "王五一" not in page.content()
    assert fits(page)
    axe(page, "registry")
    picture(page, f"registry-{say.lang.value}-{page.viewport_size['width']}")
    hands.press(page.locator("#matters a").first)
    expect(page.locator("h1")).to_have_text(say(REASONS[Reason.OTHER_NAME]))
    assert "王五一" not in page.content()
    hands.press(
        page.locator("#opening button").first
    )  # without a purpose the browser itself says what is missing
    expect(page.locator("#recorded")).to_have_count(0)
    hands.write(page.locator("#purpose"), "who lives there")
    hands.press(page.locator("#opening button").first)
    expect(page.locator("#recorded")).to_have_text("李四光")
    assert "王五一" in page.content()
    assert fits(page)
    axe(page, "registry row, opened")
    picture(page, f"registry-row-{say.lang.value}-{page.viewport_size['width']}")
    hands.tick(page.locator("#decision-keep"))
    hands.write(page.locator("#reason"), "a visitor")
    hands.press(page.locator("#deciding button").first)
    expect(page.locator("#decided")).to_contain_text(say(DECISIONS_SAID["keep"]))
    expect(page.locator("#decided")).to_contain_text(ADMIN)
    axe(page, "registry row, decided")
    page.goto(f"{site.url}/registry?bucket=conflict")
    expect(page.locator("#no-matters")).to_be_visible()
    page.goto(f"{site.url}/registry?bucket=rejected")
    hands.press(page.locator("#matters a").first)
    expect(page.locator("#deciding")).to_have_count(0)
    assert complaints == []
