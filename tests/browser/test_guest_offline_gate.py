"""The code for a gate that is offline: offered on the pass page, read from its picture, honoured by a gate without passes."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import expect

from cloud_sync.web.serve import PageServer
from edge.core.events import AccessPointId
from tests.browser.phones import fits, read_from, shown_code
from tests.fakes.community_house import GATE, registration_row, take
from tests.fakes.guest_house import GuestHouse
from tests.fakes.lone_gate import LoneGate

pytestmark = pytest.mark.chromium


@pytest.fixture
def house(tmp_path):
    made = GuestHouse(tmp_path)
    take(made.books, "registrations", registration_row())
    made.read_notice()
    yield made
    made.close()


@pytest.fixture
def site(house):
    with PageServer(house.app(), "127.0.0.1", 0) as server:
        yield server


@pytest.fixture
def phone(phones, house):
    return phones(now_ms=house.clock.now_ms())


def opened_by(house: GuestHouse, text: str) -> list[tuple[str, str | None]]:
    """What a gate that never heard of the pass says to it."""
    keys = house.books.keys
    lone = LoneGate(
        [], key=keys.pin, door=AccessPointId(GATE), community_key=keys.signer.public_key, kid=keys.signer.kid[:8],
        now_ms=house.clock.now_ms(), online=False, contact_age_ms=None,
    )  # fmt: skip

    async def play() -> None:
        await lone.boot()
        await lone.gate.on_code(text, 0)

    with ThreadPoolExecutor(1) as another:  # this thread's loop is the browser's
        another.submit(lambda: asyncio.run(play())).result()
    return [(fact.type, fact.reason) for fact in lone.facts]


@pytest.mark.story("21b")
def test_the_page_offers_the_pass_itself_and_a_gate_without_news_opens(phone, site, house):
    phone.goto(f"{site.url}/g/{house.token}/pass")
    rotating = shown_code(phone)
    button = phone.locator("#offline-gate")
    expect(button).to_have_text("离线门禁用的通行码")
    expect(button).to_have_attribute("aria-pressed", "false")
    assert opened_by(house, rotating) == [("access.denied", "CredentialNotFound")]
    button.tap()
    expect(phone.locator("#qr")).to_have_attribute("data-code", re.compile("^AC1:"))
    expect(phone.locator("#offline-gate-hint")).to_be_visible()
    assert fits(phone)
    text = read_from(phone)
    assert text == phone.locator("#qr").get_attribute("data-code")
    assert opened_by(house, text) == [("access.granted", "Granted")]
    button.tap()
    shown_code(phone)


def test_in_english_and_without_a_network_it_goes_on(phone, site, house, complaints):
    phone.goto(f"{site.url}/g/{house.token}/pass?lang=en")
    shown_code(phone)
    expect(phone.locator("#offline-gate")).to_have_text("Code for a gate that is offline")
    phone.context.set_offline(True)
    phone.locator("#offline-gate").tap()
    expect(phone.locator("#qr")).to_have_attribute("data-code", re.compile("^AC1:"))
    complaints.clear()  # the browser says that the clock could not be asked
    assert opened_by(house, read_from(phone)) == [("access.granted", "Granted")]
