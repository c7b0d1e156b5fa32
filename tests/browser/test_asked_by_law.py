"""A guest in Spain: the form asks for what the law there asks, says what is missing, and takes it by keyboard alone."""

import pytest
from playwright.sync_api import Page, expect

from cloud_sync.web.serve import PageServer
from tests.browser.every_page import LANGS, Look
from tests.fakes.guest_house import COMPANION, GuestHouse

pytestmark = [pytest.mark.chromium, pytest.mark.timeout(600)]

MORE = {
    "family_name": "Testbird",
    "given_names": "Canary",
    "residence": "FRA\n75001\nParis\n1 Rue du Test",
    "phone": "+33 0 00 00 00 00",
}


def types(page: Page, name: str, text: str) -> None:
    page.locator(f"#{name}").focus()
    page.keyboard.insert_text(text)


@LANGS
def test_a_guest_in_spain_is_asked_for_what_the_law_there_asks(windows, tmp_path, look: Look, lang):
    house = GuestHouse(tmp_path, profile="es", synthetic=False, face=False)
    with PageServer(house.app(), "127.0.0.1", 0) as site:
        page: Page = windows()
        page.goto(f"{site.url}/g/{house.token}")
        page.click("main form .button")
        page.select_option("#document_type", "passport")
        for name, value in COMPANION.items():
            if name != "document_type":
                page.fill(f"#{name}", value)
        page.click("form.fields > .button")
        for name in ("family_name", "given_names", "sex", "residence", "phone"):
            expect(page.locator(f"#fault-{name}")).to_be_visible()
        expect(page.locator("#signature")).to_have_count(0)
        look(page, "me, asked by law, with faults")
        for name, text in MORE.items():
            types(page, name, text)
        page.locator("#sex").focus()
        page.keyboard.press("ArrowDown")
        page.locator("form.fields > .button").press("Enter")
        expect(
            page.locator("#standing")
        ).to_be_visible()  # recorded; the gate sees the passport and the signature
    house.close()
