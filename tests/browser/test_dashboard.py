"""The dashboard in a real browser: log in, watch an entry arrive, switch language, use it by keyboard, small and dark."""

import re

import pytest
from playwright.sync_api import expect

from cloud_sync.web.serve import PageServer
from tests.fakes.evening import play
from tests.fakes.web_house import ADMIN, FACE_DOOR, GATE, PASSWORD, door

pytestmark = pytest.mark.chromium


def live(page):
    expect(page.locator("#link-state")).to_have_attribute("data-link", "open")
    return page


def sideways(page):
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def test_the_first_run_makes_an_administrator_and_shows_the_empty_house(page, house, site, picture):
    page.goto(site.url)
    expect(page.locator("h1")).to_have_text("首次启动")
    picture(page, "first-run-zh")
    page.fill("#setup_token", house.setup_token)
    page.fill("#name", ADMIN)
    page.fill("#password", PASSWORD)
    page.fill("#again", PASSWORD)
    page.click("main button")
    expect(page.get_by_text("尚无门禁上报")).to_be_visible()
    picture(page, "dashboard-empty-zh")


def test_an_entry_arrives_in_the_open_page_and_its_number_follows(staff, house):
    live(staff)
    house.tell("access.granted", decision="allow", credential_kind="face")
    row = staff.locator("#entry-rows tr")
    expect(row).to_have_count(1)
    expect(row.first).to_contain_text("放行")
    expect(staff.locator("#tile-denied .of")).to_have_text("/ 1")
    house.tell("access.denied", decision="deny", reason="CredentialExpired", credential_kind="qr")
    expect(row.first).to_contain_text("入住已结束")
    expect(staff.locator("#tile-denied .ratio strong")).to_have_text("1")


def test_a_line_told_twice_stands_once_and_fifty_lines_are_kept(staff, house):
    live(staff)
    for _ in range(60):
        house.tell("access.taken")
    rows = staff.locator("#entry-rows tr")
    expect(rows.first).to_contain_text("#60")
    expect(rows).to_have_count(50)
    staff.reload()
    live(staff)
    expect(rows).to_have_count(50)
    assert len(set(rows.evaluate_all("rows => rows.map(row => row.dataset.key)"))) == 50


def test_what_happened_while_the_service_was_away_is_there_when_it_is_back(staff, house, site, complaints):
    live(staff)
    house.tell("access.taken")
    expect(staff.locator("#entry-rows tr")).to_have_count(1)
    port = site.port
    site.close()
    expect(staff.locator("#link-state")).to_have_attribute("data-link", "lost")
    house.clock.now += 1000
    house.tell("access.granted", decision="allow")
    with PageServer(house.app(), "127.0.0.1", port):
        expect(staff.locator("#entry-rows tr").first).to_contain_text("放行")
        expect(staff.locator("#entry-rows tr")).to_have_count(2)
        live(staff)
        staff.goto("about:blank")
    complaints.clear()


def test_a_line_that_died_without_a_word_is_not_called_live(staff):
    staff.clock.install()
    staff.reload()
    live(staff)
    staff.clock.fast_forward(41_000)
    expect(staff.locator("#link-state")).to_have_attribute("data-link", "lost")


def test_the_language_link_switches_every_word_and_keeps_the_page(staff, house, site):
    play(house)
    staff.goto(f"{site.url}/nodes/gate-1")
    staff.click("#switch")
    expect(staff).to_have_url(f"{site.url}/nodes/gate-1?lang=en")
    expect(staff.locator("html")).to_have_attribute("lang", "en")
    staff.click("text=To the dashboard")
    expect(staff.locator("#tile-expected h2")).to_have_text("Expected today")
    live(staff)
    house.tell("access.denied", decision="deny", reason="x:StayClosed", credential_kind="qr")
    expect(staff.locator("#entry-rows tr").first).to_contain_text("the stay is closed")


def test_everything_is_reached_by_keyboard_alone(page, house, site):
    house.add_admin()
    house.add_nodes()
    page.goto(f"{site.url}/login")
    expect(page.locator("#name")).to_be_focused()
    page.keyboard.type(ADMIN)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("#tiles")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "to-building-7":
            break
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("Building 7")


def test_the_keyboard_keeps_its_place_when_the_numbers_change(staff, house):
    live(staff)
    staff.locator("#to-gate-1").focus()
    with staff.expect_response(re.compile("/parts/board")):
        house.tell("access.denied", decision="deny", reason="Unauthorized")
    expect(staff.locator("#tile-denied .ratio strong")).to_have_text("1")
    expect(staff.locator("#to-gate-1")).to_be_focused()


@pytest.mark.parametrize("width", [320, 360, 768, 1280, 1920, 3840])
def test_nothing_scrolls_sideways_from_a_phone_to_a_wall(staff, house, width):
    play(house)
    staff.set_viewport_size({"width": width, "height": 900})
    staff.reload()
    live(staff)
    assert sideways(staff) <= 0
    staff.locator("#switch").click()
    live(staff)
    assert sideways(staff) <= 0


def test_the_chart_shows_the_numbers_of_its_table_and_follows_them(staff, house):
    play(house)
    staff.reload()
    live(staff)
    staff.locator("details summary").click()
    total = "cells => cells.reduce((sum, cell) => sum + Number(cell.dataset.count), 0)"
    assert staff.locator("#hours td").evaluate_all(total) == 2
    drawn = (
        "() => echarts.getInstanceByDom(document.getElementById('hours-chart')).getOption().series[0].data"
    )
    assert sum(staff.evaluate(drawn)) == 2
    expect(staff.locator("#hours-chart canvas")).to_be_visible()


def test_an_ended_session_brings_an_open_page_to_the_login(staff, house, context, complaints):
    live(staff)
    (cookie,) = [cookie for cookie in context.cookies() if cookie["name"] == "gatehouse_session"]
    house.accounts.logout(cookie["value"])
    with staff.expect_navigation(url=re.compile("/login$")):
        house.tell("access.taken")
    assert all("401" in complaint for complaint in complaints)
    complaints.clear()


def test_pictures_for_the_documentation(staff, house, site, picture, complaints):
    play(house)
    for path in ("nodes/gate-1", "none-such"):
        staff.goto(f"{site.url}/{path}?lang=zh")
        picture(staff, f"{path.replace('/', '-')}-zh")
    complaints.clear()  # of the page that is not there
    staff.goto(site.url)
    live(staff)
    for lang in ("zh", "en"):
        assert picture(staff, f"dashboard-{lang}").stat().st_size > 20_000
        staff.click("#switch")
        live(staff)
    staff.emulate_media(color_scheme="dark")
    picture(staff, "dashboard-dark")
    staff.emulate_media(color_scheme="light")
    staff.set_viewport_size({"width": 320, "height": 700})
    picture(staff, "dashboard-320")
    staff.goto("about:blank")  # a page that is still live would find itself logged out and go there by itself
    staff.context.clear_cookies()
    staff.goto(f"{site.url}/login?lang=zh")
    picture(staff, "login-zh")


def test_on_paper_the_tables_are_whole_and_the_controls_are_gone(staff, house):
    play(house)
    house.report("gate-1", [door(GATE, **FACE_DOOR)])
    staff.reload()
    live(staff)
    staff.emulate_media(media="print")
    expect(staff.locator(".top nav")).to_be_hidden()
    expect(staff.locator("#entry-rows tr").last).to_be_visible()
    assert staff.locator(".live table").evaluate("table => getComputedStyle(table).overflowY") == "visible"
