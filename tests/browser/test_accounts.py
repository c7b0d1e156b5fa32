"""One's own account in a real browser: a code set up and given by keyboard, a passkey made and used, every page looked at."""

import pyotp
import pytest
from playwright.sync_api import Page, expect

from cloud_sync.core.accounts import PasskeySite
from cloud_sync.web.render import TEMPLATES
from cloud_sync.web.serve import PageServer
from tests.browser.every_page import LANGS, log_in, of_folder, overhang
from tests.browser.hands import Keyboard
from tests.fakes.evening import EVENING_MS
from tests.fakes.far_sides import free_port
from tests.fakes.web_house import ADMIN, PASSWORD, SteppedClock, WebHouse

pytestmark = [pytest.mark.chromium, pytest.mark.timeout(400)]

STEP_MS = 30_000
# Chromium's own authenticator: it holds passkeys, and says that it has seen whose finger it is.
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def code_of(house: WebHouse, secret: str) -> str:
    house.clock.now += STEP_MS
    return pyotp.TOTP(secret.replace(" ", "")).at(house.clock.now // 1000)


def set_up_code(page: Page, house: WebHouse, looked) -> str:
    hands = Keyboard(page)
    looked("dashboard, with advice")
    hands.press(page.locator("#advice a"))
    looked("account, nothing set up")
    hands.write(page.locator("#code-password"), PASSWORD)
    hands.press(page.locator("#code-begin"))
    secret = page.locator("#secret").inner_text()
    looked("the secret")
    hands.write(page.locator("#code"), code_of(house, secret))
    hands.press(page.locator("main form button"))
    expect(page.locator("#codes li")).to_have_count(10)
    looked("recovery codes")
    hands.press(page.locator("#kept"))
    expect(page.locator("#code-on")).to_be_visible()
    return secret


def enter_by_code(page: Page, url: str, house: WebHouse, secret: str, looked) -> None:
    hands = Keyboard(page)
    hands.press(page.locator("header form button"))
    expect(page.locator("#password")).to_be_visible()  # logged out, before anything else is loaded
    log_in(page, url, ADMIN)
    expect(page.locator("#code")).to_be_focused()
    page.keyboard.type("000000")
    page.keyboard.press("Enter")
    expect(page.locator(".problem")).to_be_visible()
    looked("the second step, refused")
    hands.write(page.locator("#code"), code_of(house, secret))
    page.keyboard.press("Enter")
    expect(page.locator("#tiles")).to_be_visible()
    expect(page.locator("#advice")).to_have_count(0)


def make_passkey(page: Page, url: str, looked) -> None:
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    hands = Keyboard(page)
    page.goto(f"{url}/account")
    hands.write(page.locator("#passkey-password"), PASSWORD)
    hands.press(page.locator("#passkey-begin"))
    expect(page.locator("#name")).to_be_focused()
    looked("a new passkey")
    page.keyboard.type("my laptop")
    page.keyboard.press("Enter")
    expect(page.locator("#keys li")).to_have_count(1)
    looked("account, with code and passkey")


def enter_by_passkey(page: Page) -> None:
    hands = Keyboard(page)
    hands.press(page.locator("header form button"))
    expect(page.locator("#password")).to_be_visible()  # logged out, before anything else is loaded
    expect(page.locator("#passkey")).to_be_visible()
    hands.press(page.locator("#passkey button"))
    expect(page.locator("#tiles")).to_be_visible()


@LANGS
def test_a_code_and_a_passkey(windows, tmp_path, axe, picture, printed, lang):
    port = free_port()
    url = f"http://localhost:{port}"
    house = WebHouse(tmp_path, SteppedClock(EVENING_MS), PasskeySite("localhost", url))
    house.add_admin()
    page = windows()
    page.set_viewport_size({"width": 320, "height": 700})

    def looked(where: str) -> None:
        assert overhang(page) <= 0, where
        axe(page, where)
        picture(page, f"account-{where.replace(', ', '-').replace(' ', '-')}-{lang}")

    with PageServer(house.app(), "127.0.0.1", port):
        log_in(page, url, ADMIN)
        secret = set_up_code(page, house, looked)
        enter_by_code(page, url, house, secret, looked)
        make_passkey(page, url, looked)
        enter_by_passkey(page)
        page.goto(f"{url}/account")
        assert house.own_account.view(_token(page)).sessions[0].way == "passkey"
    house.close()
    assert of_folder(TEMPLATES / "account") <= printed


def _token(page: Page) -> str:
    (cookie,) = [one for one in page.context.cookies() if one["name"] == "gatehouse_session"]
    return str(cookie["value"])
