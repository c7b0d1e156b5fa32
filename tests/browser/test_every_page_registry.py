"""Every page of the register in both languages: nothing hangs over, axe finds nothing serious."""

import pytest
from playwright.sync_api import Page, expect

from cloud_sync.ports_model import UnitWish
from cloud_sync.web.render import TEMPLATES
from cloud_sync.web.serve import PageServer
from tests.browser.every_page import LANGS, Look, log_in, of_folder
from tests.fakes import listing_house as register_of

pytestmark = [
    pytest.mark.chromium,
    pytest.mark.timeout(900),
]  # a walk is long, and a busy machine makes it longer


# --- the register of listings -----------------------------------------------------------------------------------------


def judge(page: Page, url: str, house: register_of.ListingHouse, look: Look) -> None:
    """A listing from its filing to the first thing that is missing."""
    code = house.file()
    house.desk.submit(code, register_of.OPERATOR)
    for path in ("/listings/queue", f"/listings/{code}"):
        page.goto(f"{url}{path}")
        look(page, f"{path}, one filed")
    page.select_option("#reviewer", register_of.OFFICER.name)
    page.click("#assign button")
    page.fill("#reason", "looks fine")
    page.select_option("#event", "approve")
    page.click("#decide button")
    expect(page.locator("#problem")).to_be_visible()
    look(page, "listing, not yet")


def punish(page: Page, url: str, house: register_of.ListingHouse, look: Look) -> None:
    house.desk.put_unit(UnitWish("1-302", "1", grid="3"), "survey", register_of.OFFICER)
    code = house.coded("1-302")
    house.desk.propose_points(code, "C07", ("IN-1", "CS-2"), register_of.OTHER)
    house.sanctioned(code, 2)
    house.desk.propose_sanction(code, 4, "C09", "guests while suspended", register_of.OTHER)
    house.desk.report_unit("1-301", "occupied_no_code", "key box at the door", register_of.OTHER)
    house.books.complaints.complain(code, "noise", "music again")
    plate = f"/verify/{code}"
    paths = ("/listings", f"/listings/{code}", "/listings/queue", "/units/1-301", plate, f"{plate}/complaint", "/complaints", "/operators")  # fmt: skip
    for path in paths:
        page.goto(f"{url}{path}")
        look(page, path)


@LANGS
def test_every_page_of_the_register(windows, tmp_path, look, printed, lang):
    house = register_of.ListingHouse(tmp_path)
    with PageServer(house.app(), "127.0.0.1", 0) as site:
        page = windows()
        log_in(page, site.url, register_of.OFFICER.name)
        page.goto(f"{site.url}/listings")
        look(page, "register, empty")
        judge(page, site.url, house, look)
        punish(page, site.url, house, look)
    house.close()
    assert of_folder(TEMPLATES / "listings") <= printed
