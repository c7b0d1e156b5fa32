"""Every page in both languages, light and dark, from a small phone to a wall: nothing hangs over, axe finds nothing serious.

A walk goes where people go; the test then asks whether every template of its folder was printed on the way.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import jinja2
import pytest
from playwright.sync_api import Browser, Page, expect

from cloud_sync.web.app import create_app
from cloud_sync.web.render import TEMPLATES
from cloud_sync.web.serve import PageServer
from tests.fakes.community_house import Gate
from tests.fakes.evening import EVENING_MS, HOUR_MS, hourly, play
from tests.fakes.guest_house import ADULT, CHILD, COMPANION, FORM, GuestHouse
from tests.fakes.staff_house import GUARD, OTHER_GUARD, StaffHouse
from tests.fakes.web_house import (
    ADMIN,
    BOOKING_CSV,
    GATE,
    LISTING_CSV,
    PASSWORD,
    UNIT,
    SteppedClock,
    WebHouse,
    door,
)

pytestmark = pytest.mark.chromium

WIDTHS = (320, 360, 1280)
LANGS = pytest.mark.parametrize("lang", ["zh", "en"])
OVERHANG = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
WRONG = ADULT[:-1] + ("1" if ADULT[-1] != "1" else "2")

Look = Callable[..., None]


@pytest.fixture
def printed(monkeypatch) -> set[str]:
    """The names of the templates that were printed."""
    names: set[str] = set()
    get = jinja2.Environment.get_template

    def noted(self, name, *more, **words):
        names.add(str(name))
        return get(self, name, *more, **words)

    monkeypatch.setattr(jinja2.Environment, "get_template", noted)
    return names


def of_folder(folder: Path) -> set[str]:
    """The pages of a folder; what begins with a line is a part of one, and a worker is no page."""
    names = {str(path.relative_to(TEMPLATES)) for path in folder.glob("*.html") if path.name[0] != "_"}
    return {name for name in names if not name.endswith(("base.html", "worker.html"))}


@pytest.fixture
def look(axe) -> Look:
    """Look at the page as it stands, in each scheme and width."""

    def at(page: Page, where: str) -> None:
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 800})
                assert page.evaluate(OVERHANG) <= 0, (where, width)
                axe(page, f"{where}, {scheme}, {width} px")

    return at


@pytest.fixture
def windows(browser: Browser, lang) -> Iterator[Callable[[], Page]]:
    """Windows of different people; scripts that fail are a failure, a page that answers no is not."""
    opened, broken = [], []

    def open_one() -> Page:
        words = {"locale": "zh-CN" if lang == "zh" else "en-GB", "reduced_motion": "reduce"}
        context = browser.new_context(viewport={"width": 360, "height": 800}, **words)
        context.set_default_timeout(15_000)
        opened.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: broken.append(str(error)))
        return page

    yield open_one
    for context in opened:
        context.close()
    assert broken == []


# --- the guest -------------------------------------------------------------------------------------------------------


def fill(page: Page, form: dict[str, str]) -> None:
    page.select_option("#document_type", form["document_type"])
    for name, value in form.items():
        if name != "document_type":
            page.fill(f"#{name}", value)
    page.click("form.fields > .button")


def arrive(page: Page, url: str, look: Look) -> None:
    page.goto(f"{url}/arrive/AP-dongfang-001")
    look(page, "arrive")
    page.fill("#booking", "1001")
    page.click("main button")
    expect(page.locator("#said")).to_be_visible()
    look(page, "arrive, said")


def register(page: Page, home: str, look: Look) -> None:
    page.goto(home)
    look(page, "notice")
    page.click("main form .button")
    look(page, "me")
    fill(page, {**FORM, "document_number": WRONG})
    expect(page.locator("#fault-document_number")).to_be_visible()
    page.fill("#document_number", CHILD)
    page.click("form.fields > .button")
    expect(page.locator("#guardian_contact")).to_be_visible()
    look(page, "me, with faults of a minor")
    fill(page, FORM)
    expect(page.locator("#so-far")).to_be_visible()
    look(page, "people")
    fill(page, {**COMPANION, "nationality": "", "birth_date": ""})
    expect(page.locator("#problem")).to_be_visible()
    look(page, "people, with faults")
    fill(page, COMPANION)


def be_asked(page: Page, look: Look) -> None:
    page.click("#on")
    look(page, "face")
    page.click("button[value=yes]")
    expect(page.locator("#problem")).to_be_visible()
    look(page, "face, without the tick")
    page.check("#agree")
    page.click("button[value=yes]")
    expect(page.locator("#qr")).to_have_attribute("data-code", re.compile("^AC2:"))
    look(page, "pass, face agreed")


def stay(page: Page, house: GuestHouse, look: Look) -> None:
    page.click("#make-pin")
    expect(page.locator("#pin")).to_be_visible()
    look(page, "pass, with PIN")
    page.click("#my-data")
    look(page, "data")
    page.fill("#last_four", "0000")
    page.click("button[value=page]")
    expect(page.locator("#problem")).to_be_visible()
    look(page, "data, the wrong four")
    page.go_back()
    page.fill("#last_four", ADULT[-4:])
    page.click("button[value=page]")
    expect(page.locator("#held")).to_be_visible()
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    look(page, "data, shown")


def leave(page: Page, home: str, house: GuestHouse, look: Look) -> None:
    gate = Gate(house.books)
    gate.tells("access.taken", pass_id=house.rows()[0].pass_id, direction="in", decision="allow")
    gate.close()
    house.registry.advance_time(since_ms=house.clock.now_ms())
    page.goto(f"{home}/leave")
    look(page, "leave")
    page.click("#leave-now")
    expect(page.locator("#standing")).to_be_visible()
    look(page, "pass, ended")


@LANGS
def test_every_page_of_the_guest(windows, tmp_path, look, printed, lang):
    house = GuestHouse(tmp_path, headcount=2)
    with PageServer(house.app(), "127.0.0.1", 0) as site:
        page, home = windows(), f"{site.url}/g/{house.token}"
        arrive(page, site.url, look)
        register(page, home, look)
        be_asked(page, look)
        stay(page, house, look)
        other = windows()
        other.goto(f"{home}/pass")
        expect(other.locator("#use-this")).to_be_visible()
        look(other, "pass, on a second phone")
        leave(page, home, house, look)
        page.goto(f"{site.url}/g/{'0' * 32}/pass")
        look(page, "a link that is no more")
    house.close()
    assert of_folder(TEMPLATES / "guest") <= printed
