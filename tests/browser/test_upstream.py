"""The officer's page of reports to authorities in a real browser: who was told what, what waits, and that nobody is told
of invented people."""

from dataclasses import replace

import pytest
from playwright.sync_api import expect

from cloud_sync.ingest.feed import Feed
from cloud_sync.store.keys import new_setup_token
from cloud_sync.store.read import StoredDashboard
from cloud_sync.web.app import create_app
from cloud_sync.web.language import Lang
from cloud_sync.web.serve import PageServer
from cloud_sync.web.services import Services
from cloud_sync.web.texts import texts
from cloud_sync.web.upstream import FIELDS, RECIPIENTS
from tests.browser.hands import hands_for
from tests.fakes.upstream_authorities import LodgingRegister
from tests.fakes.upstream_far_side import scripted
from tests.fakes.upstream_house import NAME, UpstreamHouse
from tests.fakes.web_house import ADMIN, PASSWORD

pytestmark = [pytest.mark.chromium, pytest.mark.timeout(600)]
LOOKS = (("light", 320), ("dark", 1280))


@pytest.fixture
def far():
    made = LodgingRegister(scripted([]))
    yield made
    made.close()


def app_of(house):
    books = house.books
    token = new_setup_token(books.config.keys)
    books.accounts.create_first_admin(ADMIN, PASSWORD, token)
    services = Services(
        "dongfang",
        StoredDashboard(books.engine),
        Feed(),
        books.accounts,
        books.registry,
        house.clock,
        upstream=house.reader,
        name_zh="东方新城",
        name_en="Dongfang",
    )
    return create_app(services)


@pytest.fixture(params=[("zh", "touch"), ("en", "keyboard")], ids=["zh-touch", "en-keyboard"])
def officer(request, browser, complaints):
    lang, hand = request.param
    locale = "zh-CN" if lang == "zh" else "en-GB"
    context = browser.new_context(
        locale=locale, viewport={"width": 1280, "height": 900}, has_touch=hand == "touch"
    )
    context.set_default_timeout(15_000)
    page = context.new_page()
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page, hands_for(hand, page), texts(Lang(lang))
    context.close()


def go_in(page, hands, url):
    page.goto(f"{url}/login")
    hands.write(page.locator("#name"), ADMIN)
    hands.write(page.locator("#password"), PASSWORD)
    hands.press(page.locator("main button"))
    hands.press(page.locator("a[href='/upstream']"))


def looked_at(page, axe, where):
    for scheme, width in LOOKS:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 800})
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.evaluate(wide) <= 0, (where, width)
        axe(page, f"{where}, {scheme}, {width} px")


@pytest.mark.story("12d")
def test_the_officer_sees_who_was_told_what_and_what_needs_a_person(officer, tmp_path, far, axe, picture):
    page, hands, say = officer
    house = UpstreamHouse(tmp_path, {"lodging_report": far.url})
    house.guest("1001", "X1234567")
    house.guest("1002", "XREFUSE1")
    house.rounds()
    house.guest("1003", "X3333333")
    house.book.derive()
    with PageServer(app_of(house), "127.0.0.1", 0) as site:
        go_in(page, hands, site.url)
        expect(page.locator("h1")).to_have_text(say("Reports to authorities"))
        tile = page.locator("#tally-lodging_report")
        expect(tile.locator("h2")).to_have_text(say(RECIPIENTS["lodging_report"]))
        expect(tile.locator(".ratio")).to_have_text("1/ 3")
        expect(tile.locator(".needs")).to_have_text(say("%(n)s need a person", n=1))
        waiting = page.locator("#waiting tbody tr")
        expect(waiting).to_have_count(2)
        expect(page.locator("#waiting .state.bad")).to_have_text(say("rejected: correct it"))
        told = page.locator("#told tbody tr")
        expect(told).to_have_count(2)
        for field in ("name", "document_number", "nationality"):
            expect(told.first).to_contain_text(say(FIELDS[field]))
        expect(page.locator("#told")).to_contain_text("LR-")
        for never in (NAME, "X1234567", "XREFUSE1"):
            assert never not in page.content()
        looked_at(page, axe, "reports")
        picture(page, f"upstream-{say.lang.value}")
    house.close()


def test_an_invented_community_says_that_it_reports_to_nobody(officer, tmp_path, far, axe):
    page, hands, say = officer
    house = UpstreamHouse(tmp_path, {"lodging_report": far.url}, synthetic=True)
    house.guest()
    house.rounds()
    with PageServer(app_of(house), "127.0.0.1", 0) as site:
        go_in(page, hands, site.url)
        expect(page.locator("#synthetic h2")).to_have_text(say("Nothing is ever reported from here"))
        expect(page.locator("#all-told")).to_be_visible()
        looked_at(page, axe, "reports, synthetic")
    assert far.heard == []
    house.close()


def test_without_reports_there_is_no_way_to_the_page(staff, house, site):
    expect(staff.locator("a[href='/upstream']")).to_have_count(0)
    assert replace(house.services).upstream is None
