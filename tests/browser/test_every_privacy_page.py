"""The officer's pages of privacy in both languages and every width: a trace takes two, a hold is shown, a copy is a file."""

import pytest
from playwright.sync_api import Page, expect

from cloud_sync.identity.lost import lose
from cloud_sync.store.retention import run_retention
from cloud_sync.web.render import TEMPLATES
from cloud_sync.web.serve import PageServer
from tests.browser.every_page import LANGS, Look, log_in, of_folder
from tests.fakes.evening import EVENING_MS
from tests.fakes.staff_house import OFFICER, StaffHouse
from tests.fakes.web_house import PASSWORD, SteppedClock

pytestmark = [pytest.mark.chromium, pytest.mark.timeout(900)]


def ask_for_a_trace(page: Page, url: str, look: Look) -> str:
    """By keyboard; the address of the request."""
    page.goto(f"{url}/privacy")
    look(page, "privacy")
    page.locator("#kind-booking").press("Space")
    page.fill("#ref", "tujia B-9")
    page.fill("#begins", "2026-11-21T00:00")
    page.fill("#ends", "2026-11-23T00:00")
    page.locator("#purpose-danger").press("Space")
    page.fill("#trace-reason", "has not been seen for a day")
    page.locator("#trace-form button").press("Enter")
    expect(page.locator("#problem")).to_be_visible()
    look(page, "privacy, no such booking")
    page.fill("#ref", "tujia B-1")
    page.locator("#trace-form button").press("Enter")
    page.wait_for_url("**/privacy/traces/*")
    expect(page.locator("#approve")).to_have_count(0)
    look(page, "trace, waiting for a second person")
    return page.url


@LANGS
def test_every_page_of_privacy(windows, tmp_path, look, printed, picture, lang):
    """A trace takes two officers; a hold is made and shown; a copy comes as a file."""
    house = StaffHouse(tmp_path, SteppedClock(EVENING_MS))
    house.open_up()
    house.accounts.add("sun", "officer", PASSWORD, actor="test")
    house.guest_link()
    passed = house.registry.passes()[0]
    house.tell("access.taken", direction="in", pass_id=passed.pass_id, subject_ref=passed.subject_ref)
    run_retention(house.books)
    with PageServer(house.app(), "127.0.0.1", 0) as site:
        page, other = windows(), windows()
        log_in(page, site.url, OFFICER)
        log_in(other, site.url, "sun")
        address = ask_for_a_trace(page, site.url, look)
        other.goto(address)
        look(other, "trace, asked to decide")
        other.locator("#telling-told").check()
        other.locator("#approve").press("Enter")
        expect(other.locator("#look")).to_be_visible()
        page.goto(address)
        page.locator("#look").press("Enter")
        expect(page.locator("#watermark")).to_contain_text(OFFICER)
        expect(page.locator("#lines li")).to_have_count(1)
        expect(page.locator("#lines li")).to_contain_text("East gate" if lang == "en" else "东门")
        look(page, "trace, shown")
        picture(page, f"privacy-trace-{lang}")
        page.goto(f"{site.url}/privacy")
        page.fill("#hold-ref", "tujia B-1")
        page.fill("#hold-days", "30")
        page.fill("#hold-reason", "court 3")
        page.locator("#hold-form button").press("Enter")
        expect(page.get_by_text("court 3")).to_be_visible()
        look(page, "privacy, with a trace and a hold")
        picture(page, f"privacy-officer-{lang}")
        page.fill("#copy-source", "tujia")
        page.fill("#copy-ref", "B-1")
        page.fill("#copy-reason", "came with the document")
        with page.expect_download() as download:
            page.locator("#copy-form button").first.press("Enter")
        assert download.value.suggested_filename == "my-data.zip"
        house.tell("sys.enrolled", pass_id=passed.pass_id, subject_ref=passed.subject_ref)
        lose(house.books, "gate-1", by="Li Na", reason="cut from its post", actor="cli:li")
        page.goto(f"{site.url}/privacy")
        page.locator('a[href^="/privacy/breaches/"]').click()
        look(page, "a lost node with faces")
    house.close()
    assert of_folder(TEMPLATES / "privacy") <= printed
