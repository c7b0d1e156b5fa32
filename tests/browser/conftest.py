"""Debian's Chromium, driven by Playwright at the real server.  A page that breaks its own policy is a failure."""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import jinja2
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from cloud_sync.web.app import create_app
from cloud_sync.web.serve import PageServer
from tests.browser.axe import findings
from tests.browser.every_page import LOOKS, Look, overhang
from tests.fakes.evening import EVENING_MS, hourly
from tests.fakes.web_house import ADMIN, PASSWORD, SteppedClock, WebHouse

CHROMIUM = "/usr/bin/chromium"
# The kiosk's own flags, so that what runs on a node is what is tested; the first two are for tests only.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--renderer-process-limit=1",
    "--in-process-gpu",
    "--disable-extensions",
    "--disable-features=site-per-process,Translate,MediaRouter",
    "--js-flags=--max-old-space-size=96",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WAIT_MS = 45_000
expect.set_options(timeout=WAIT_MS)  # of itself it gives a busy machine five seconds
PICTURE_COLOURS = 128  # flat pages need no more, and the repository carries every picture


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where PICTURES names a folder, only who takes pictures goes out."""
    if os.environ.get("PICTURES"):
        ours = Path(__file__).parent
        items[:] = [
            one
            for one in items
            if ours not in one.path.parents or "picture" in getattr(one, "fixturenames", ())
        ]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield made
        made.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(locale="zh-CN", viewport={"width": 1280, "height": 900})
    made.set_default_timeout(WAIT_MS)
    yield made
    made.close()


@pytest.fixture
def complaints() -> Iterator[list[str]]:
    """What the browser complains about (policy, script, missing file); a test that provokes one clears it."""
    heard: list[str] = []
    yield heard
    assert heard == []


@pytest.fixture
def page(context: BrowserContext, complaints: list[str]) -> Page:
    made = context.new_page()
    made.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    made.on("pageerror", lambda error: complaints.append(str(error)))
    return made


@pytest.fixture
def house(tmp_path: Path) -> Iterator[WebHouse]:
    made = WebHouse(tmp_path, SteppedClock(EVENING_MS))
    yield made
    made.close()


@pytest.fixture
def site(house: WebHouse) -> Iterator[PageServer]:
    """The pages of ``house`` on loopback, with arrivals by hour counted from its own tables."""
    app = create_app(replace(house.services, reader=hourly(house)))
    with PageServer(app, "127.0.0.1", 0) as server:
        yield server


@pytest.fixture
def staff(page: Page, house: WebHouse, site: PageServer) -> Page:
    """Logged in, at the dashboard of a community with two nodes."""
    house.add_admin()
    house.add_nodes()
    page.goto(f"{site.url}/login")
    page.fill("#name", ADMIN)
    page.fill("#password", PASSWORD)
    page.click("main button")
    page.wait_for_selector("#tiles")
    return page


@pytest.fixture
def picture(tmp_path: Path):
    """Keeps what the page looks like: for the documentation where PICTURES names a folder, else for this test."""
    folder = Path(os.environ.get("PICTURES") or tmp_path)

    def keep(page: Page, name: str, *, full: bool = True) -> Path:
        path = folder / f"{name}.png"
        # Hiding the caret would write a style into each field, and the page's policy would speak of it.
        page.screenshot(path=path, full_page=full, animations="disabled", caret="initial")
        with Image.open(path) as taken:
            few = taken.convert("RGB").quantize(PICTURE_COLOURS)
        few.save(path, optimize=True)
        return path

    return keep


@pytest.fixture
def axe() -> Callable[..., None]:
    """Fails where axe finds something serious or critical in the page: rule, place and help are said."""

    def look(page: Page, where: str = "") -> None:
        found = findings(page)
        assert found == [], "\n".join([f"{where or page.url} ({page.title()}):", *found])

    return look


@pytest.fixture
def phones(browser, complaints):
    """Phones of guests: 360 px, touch, one language each."""
    opened = []

    def open_one(locale: str = "zh-CN", *, touch: bool = True, now_ms: int | None = None) -> Page:
        size = {"width": 360, "height": 740}
        context = browser.new_context(locale=locale, viewport=size, has_touch=touch, device_scale_factor=2)
        context.set_default_timeout(WAIT_MS)
        opened.append(context)
        page = context.new_page()
        if now_ms is not None:
            page.clock.install(time=now_ms / 1000)
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    yield open_one
    for context in opened:
        context.close()


# --- a walk over every page ---------------------------------------------------------------------------------------------


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


@pytest.fixture
def look(axe, picture, request) -> Look:
    """Look at the page as it stands, in both schemes, narrow and wide; where PICTURES names a folder, take its picture instead."""

    def at(page: Page, where: str) -> None:
        for scheme, width in LOOKS:
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": 800})
            assert overhang(page) <= 0, (where, width)
            axe(page, f"{where}, {scheme}, {width} px")

    return _album(picture, request.node.originalname) if os.environ.get("PICTURES") else at


def _album(picture: Callable[..., Path], walk: str) -> Look:
    """One picture of each page of a walk: the same address with the same heading is the same page."""
    seen: set[tuple[str, str, str]] = set()
    whose = re.sub("^test_(every_page_of_(the_)?)?", "", walk).replace("_", "-")
    width = 360 if "guest" in walk else 820

    def keep(page: Page, where: str) -> None:
        lang = str(page.get_attribute("html", "lang"))[:2]
        heading = page.locator("h1").first.inner_text() if page.locator("h1").count() else ""
        key = (
            re.sub(r"[A-Z]{2}-[\w-]+|[0-9a-f]{16,}|[\w-]{30,}", "*", urlsplit(page.url).path),
            heading,
            lang,
        )
        if key not in seen:
            seen.add(key)
            page.set_viewport_size({"width": width, "height": 1100})
            name = re.sub(r"\W+", "-", where).strip("-")
            picture(page, f"every-{whose}-{name}-{lang}", full=False)

    return keep


@pytest.fixture
def windows(browser: Browser, lang) -> Iterator[Callable[[], Page]]:
    """Windows of different people; scripts that fail are a failure, a page that answers no is not."""
    opened, broken = [], []

    def open_one() -> Page:
        words = {"locale": "zh-CN" if lang == "zh" else "en-GB", "reduced_motion": "reduce"}
        context = browser.new_context(viewport={"width": 360, "height": 800}, **words)
        context.set_default_timeout(WAIT_MS)
        opened.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: broken.append(str(error)))
        return page

    yield open_one
    for context in opened:
        context.close()
    assert broken == []
