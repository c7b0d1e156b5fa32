"""The guest's whole way on a phone of 360 px: by touch and by keyboard alone, in both languages, from the link to leaving."""

import json
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from playwright.sync_api import Locator, Page, expect

from cloud_sync.core.self_registration import FormFault
from cloud_sync.protocol.messages import PREREQ_REGISTERED
from cloud_sync.web.guest import words
from cloud_sync.web.language import Lang
from cloud_sync.web.serve import PageServer
from cloud_sync.web.texts import Texts, texts
from edge.core.credentials import CodeAccepted
from tests.browser.hands import Hands, hands_for
from tests.browser.phones import fits, judged, read_from, shown_code
from tests.fakes.community_house import Gate
from tests.fakes.guest_house import ADULT, COMPANION, FORM, PHONE, GuestHouse

pytestmark = pytest.mark.chromium

WAYS = [("zh", "touch"), ("en", "touch"), ("zh", "keyboard"), ("en", "keyboard")]
WRONG = ADULT[:-1] + ("1" if ADULT[-1] != "1" else "2")


@dataclass
class Guest:
    """Somebody with a phone: what it shows, and how they get at it."""

    page: Page
    hands: Hands
    say: Texts
    picture: Callable[[str], object]

    def at(self, what: str) -> Locator:
        return self.page.locator(what)

    def press(self, what: str) -> None:
        self.hands.press(self.at(what))

    def arrived_at(self, title: str, picture: str) -> None:
        """The page of this title, in the guest's language, whole on the screen."""
        expect(self.at("h1")).to_have_text(self.say(title))
        expect(self.at("html")).to_have_attribute("lang", self.say.lang.tag)
        assert fits(self.page)
        self.picture(picture)

    def fill(self, form: dict[str, str]) -> None:
        self.hands.write(self.at("#name"), form["name"])
        self.hands.pick(self.at("#document_type"), form["document_type"])
        self.hands.write(self.at("#document_number"), form["document_number"])
        if form["document_type"] == "passport":
            self.hands.write(self.at("#nationality"), form["nationality"])
            self.hands.date(self.at("#birth_date"), form["birth_date"])
        self.press("form.fields > .button")


@pytest.fixture
def house(tmp_path):
    made = GuestHouse(tmp_path, headcount=2)
    yield made
    made.close()


@pytest.fixture
def site(house):
    with PageServer(house.app(), "127.0.0.1", 0) as server:
        yield server


@pytest.fixture(params=WAYS, ids=["-".join(way) for way in WAYS])
def guest(request, phones, house, picture) -> Guest:
    lang, hand = request.param
    locale = "zh-CN" if lang == "zh" else "en-GB"
    page = phones(locale, touch=hand == "touch")
    page.clock.set_fixed_time(house.clock.now_ms() / 1000)  # as the house's own: however long the walk takes
    say = texts(Lang(lang))

    def keep(name: str) -> None:
        if hand == "touch":
            picture(page, f"{name}-{lang}")

    return Guest(page, hands_for(hand, page), say, keep)


def register(guest: Guest, complaints: list[str]) -> None:
    guest.arrived_at("Before you come in", "guest-notice")
    guest.press("main form .button")
    guest.arrived_at("About you", "guest-form")
    guest.fill({**FORM, "document_number": WRONG})
    fault = words.FIELDS[FormFault.NUMBER_CHECK].sentence(guest.say)
    expect(guest.at("#fault-document_number")).to_have_text(fault)
    guest.arrived_at("About you", "guest-wrong-number")
    complaints.clear()  # the browser notes the 422 the form was answered with
    guest.fill(FORM)


def bring_somebody(guest: Guest) -> None:
    guest.arrived_at("Who comes with you", "guest-people")
    guest.fill(COMPANION)
    expect(guest.at("ul.people li")).to_have_count(2)
    guest.press("#on")


def say_no_to_face(guest: Guest) -> None:
    guest.arrived_at("Open doors by face?", "guest-face")
    expect(guest.at("#agree")).not_to_be_checked()
    guest.press("button[value=no]")


def look_at_own_data(guest: Guest) -> None:
    guest.press("#my-data")
    guest.hands.write(guest.at("#last_four"), ADULT[-4:])
    guest.press("button[value=page]")
    expect(guest.at("#held")).to_contain_text(FORM["name"])
    guest.arrived_at("My data", "guest-data")
    guest.hands.write(guest.at("#last_four"), ADULT[-4:])
    with guest.page.expect_download() as file:
        guest.press("button[value=file]")
    with zipfile.ZipFile(file.value.path()) as held:
        assert json.loads(held.read("my-data.json"))["data"]["name"] == FORM["name"]
        assert FORM["name"] in held.read("my-data-zh.html").decode()
    guest.press(".actions a")


def come_in(guest: Guest, house: GuestHouse) -> None:
    gate = Gate(house.books)
    gate.tells("access.taken", pass_id=house.rows()[0].pass_id, direction="in", decision="allow")
    gate.close()
    house.registry.advance_time(since_ms=house.clock.now_ms())
    guest.page.reload()


def leave_early(guest: Guest) -> None:
    guest.press("#leave")
    guest.arrived_at("Leave early", "guest-leave")
    guest.press("#leave-now")
    expect(guest.at("#standing")).to_be_visible()
    assert guest.at("#qr").count() == 0
    guest.arrived_at("Your pass", "guest-left")


@pytest.mark.story("1g", "12b")
def test_the_whole_way_of_a_guest(guest, site, house, complaints):
    guest.page.goto(f"{site.url}/g/{house.token}")
    register(guest, complaints)
    bring_somebody(guest)
    say_no_to_face(guest)
    code = shown_code(guest.page)
    guest.arrived_at("Your pass", "guest-pass")
    assert isinstance(judged(house, code, house.clock.now_ms()), CodeAccepted)
    assert read_from(guest.page) == shown_code(guest.page)
    assert all(row.prereq & PREREQ_REGISTERED for row in house.rows())
    expect(guest.at(".call a")).to_contain_text(PHONE)
    guest.press("#make-pin")
    expect(guest.at("#pin")).to_have_text(re.compile(r"^\d{6}$"))
    guest.arrived_at("Your pass", "guest-pin")
    look_at_own_data(guest)
    shown_code(guest.page)
    come_in(guest, house)
    leave_early(guest)
