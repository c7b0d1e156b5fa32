"""What every walk over the pages has in hand: windows of different people, and a look from a phone to a wall."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from cloud_sync.web.render import TEMPLATES
from tests.fakes.web_house import PASSWORD

# Colours do not depend on the width, nor the width on the colours.
LOOKS = (("light", 320), ("light", 1280), ("dark", 360), ("dark", 1280))
LANGS = pytest.mark.parametrize("lang", ["zh", "en"])
OVERHANG = "document.documentElement.scrollWidth - document.documentElement.clientWidth"

Look = Callable[..., None]


def of_folder(folder: Path) -> set[str]:
    """The pages of a folder; what begins with a line is a part of one, and a worker is no page."""
    names = {str(path.relative_to(TEMPLATES)) for path in folder.glob("*.html") if path.name[0] != "_"}
    return {name for name in names if not name.endswith(("base.html", "worker.html"))}


def overhang(page: Page) -> int:
    """By how many pixels the page is too wide; a pass that waits for the staff loads itself anew now and then."""
    asked = page.wait_for_function(f"() => document.body && {{ px: {OVERHANG} }}")
    return int(asked.json_value()["px"])


def log_in(page: Page, url: str, name: str, look: Look | None = None) -> None:
    page.goto(f"{url}/login")
    page.fill("#name", name)
    page.fill("#password", PASSWORD)
    if look is not None:
        look(page, "login")
        page.fill("#password", "not this one")
        page.click("main button")
        expect(page.locator(".problem")).to_be_visible()
        look(page, "login, refused")
        page.fill("#name", name)
        page.fill("#password", PASSWORD)
    page.click("main button")
    expect(page.locator("#switch")).to_be_visible()


def still(page: Page, url: str) -> None:
    """A page whose line to the service is open, so that what is looked at does not change meanwhile."""
    page.goto(url)
    expect(page.locator("#link-state")).to_have_attribute("data-link", "open")
