"""The guard's acts: (h) a guest whose documents fail is proved, (k) a forced door is handled to closed, (n) a door is released.

Each in four ways that together pair every language, size and hand with every other.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from cloud_sync.core.case_types import CaseState
from cloud_sync.protocol.messages import PREREQ_REGISTERED
from cloud_sync.web.language import Lang
from cloud_sync.web.serve import PageServer
from cloud_sync.web.staff import words as staff_words
from cloud_sync.web.texts import Texts, texts
from tests.browser.hands import Hands, hands_for
from tests.fakes.evening import EVENING_MS
from tests.fakes.guest_house import ADULT, FORM
from tests.fakes.staff_house import GUARD, OTHER_GUARD, StaffHouse
from tests.fakes.web_house import BOOKING_CSV, GATE, LISTING_CSV, PASSWORD, SteppedClock, door

pytestmark = pytest.mark.chromium

SIZES = {"phone": {"width": 360, "height": 740}, "tablet": {"width": 1024, "height": 768}}
WAYS = [
    ("zh", "phone", "touch"),
    ("zh", "tablet", "keyboard"),
    ("en", "phone", "keyboard"),
    ("en", "tablet", "touch"),
]
WRONG = ADULT[:-1] + ("1" if ADULT[-1] != "1" else "2")
OVERHANG = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@dataclass
class Desk:
    """One person before one screen: ``page``, what they use it with, and their language."""

    page: Page
    hands: Hands
    say: Texts
    url: str
    keep: Callable[[Page, str], object]

    def enter(self, name: str) -> None:
        self.page.goto(f"{self.url}/login?lang={self.say.lang.value}")
        self.hands.write(self.page.locator("#name"), name)
        self.hands.write(self.page.locator("#password"), PASSWORD)
        self.hands.press(self.page.locator("main button"))
        expect(self.page).to_have_url(re.compile("/staff$"))
        self.live()

    def live(self) -> None:
        expect(self.page.locator("#link-state")).to_have_attribute("data-link", "open")

    def press(self, what: str) -> None:
        self.hands.press(self.page.locator(what).first)

    def write(self, what: str, text: str) -> None:
        self.hands.write(self.page.locator(what).first, text)

    def sees(self, what: str, words: str) -> Locator:
        """The words stand there, in this person's language, and nothing hangs over the edge."""
        place = self.page.locator(what)
        expect(place).to_contain_text(self.say(words))
        assert self.page.evaluate(OVERHANG) <= 0
        return place

    def picture(self, name: str) -> None:
        self.keep(self.page, name)


@pytest.fixture(params=WAYS, ids=["-".join(way) for way in WAYS])
def way(request) -> tuple[str, str, str]:
    return request.param


@pytest.fixture
def house(tmp_path) -> Iterator[StaffHouse]:
    made = StaffHouse(tmp_path, SteppedClock(EVENING_MS))
    made.open_up()
    made.bring("listings", LISTING_CSV)
    made.bring("bookings", BOOKING_CSV)
    with made.at_work():
        yield made
    made.close()


@pytest.fixture
def site(house) -> Iterator[PageServer]:
    with PageServer(house.app(), "127.0.0.1", 0) as server:
        yield server


@pytest.fixture
def desks(browser: Browser, site, way, complaints, picture) -> Iterator[Callable[[], Desk]]:
    """Screens of this way, as many as the act has people."""
    lang, size, hand = way
    opened = []

    def open_one() -> Desk:
        locale = "zh-CN" if lang == "zh" else "en-GB"
        context = browser.new_context(locale=locale, viewport=SIZES[size], has_touch=hand == "touch")
        context.set_default_timeout(15_000)
        opened.append(context)
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return Desk(page, hands_for(hand, page), texts(Lang(lang)), site.url, keep)

    def keep(page: Page, name: str) -> None:
        if hand == "touch":  # a phone in Chinese and a tablet in English; the keyboard sees the same pages
            picture(page, f"{name}-{lang}-{size}")

    yield open_one
    for context in opened:
        context.close()


@pytest.fixture
def guard(desks) -> Desk:
    made = desks()
    made.enter(GUARD)
    return made


def forgive(complaints: list[str], status: str) -> None:
    """The browser notes every answer that is a no; this one was wanted."""
    assert all(status in complaint for complaint in complaints), complaints
    complaints.clear()


# --- (h) -------------------------------------------------------------------------------------------------------------


def fail_three_times(guest: Desk, house: StaffHouse, complaints: list[str]) -> None:
    """A document whose number is misread, three times; then only a person helps."""
    guest.page.goto(f"{guest.url}/g/{house.registry.guest_link('tujia', 'B-1')}")
    guest.press("main form .button")
    for _ in range(3):
        guest.write("#name", FORM["name"])
        guest.hands.pick(guest.page.locator("#document_type"), FORM["document_type"])
        guest.write("#document_number", WRONG)
        guest.press("form.fields > .button")
        expect(guest.page.locator("#problem, #standing")).to_be_visible()
    expect(guest.page.locator("#standing")).to_be_visible()
    assert guest.page.locator("form.fields").count() == 0
    guest.picture("guest-documents-failed")
    forgive(complaints, "422")


def stand_at_the_gate(guest: Desk) -> None:
    guest.page.goto(f"{guest.url}/arrive/{GATE}")
    guest.picture("arrive")
    guest.write("#booking", "b-1")
    guest.press("main form .button")
    expect(guest.page.locator("#said")).to_be_visible()
    guest.picture("arrive-said")


def prove(guard: Desk, complaints: list[str]) -> None:
    guard.hands.tick(guard.page.locator("#member-1"))
    guard.write("#name", FORM["name"])
    guard.hands.pick(guard.page.locator("#document_type"), FORM["document_type"])
    guard.write("#document_number", WRONG)
    guard.hands.tick(guard.page.locator("#method-staff"))
    guard.write("#reason", "seen with the card" if guard.say.lang is Lang.EN else "人证核对一致")
    guard.press("#proof > .button")
    expect(guard.page.locator("#fault-document_number")).to_be_visible()
    guard.picture("staff-prove-fault")
    forgive(complaints, "422")
    guard.write("#document_number", ADULT)
    guard.press("#proof > .button")


@pytest.mark.story("13b", "13e")
def test_h_a_guest_whose_documents_fail_is_proved_by_the_guard(desks, guard, house, complaints):
    guest = desks()
    fail_three_times(guest, house, complaints)
    home = guest.page.url
    stand_at_the_gate(guest)
    guard.press("a[href='/staff/prove']")
    expect(guard.page.locator(".arrivals")).to_contain_text("b-1")
    guard.picture("staff-arrivals")
    guard.press(".arrivals a")
    expect(guard.page.locator("#party")).to_be_visible()
    guard.picture("staff-prove")
    prove(guard, complaints)
    guard.sees("#proved", "Proved: the way in is open")
    expect(guard.page.locator(".arrivals")).to_have_count(0)
    guard.picture("staff-proved")
    (line,) = house.registry.passes()
    assert (line.state, line.prereq & PREREQ_REGISTERED) == ("ACTIVE", PREREQ_REGISTERED)
    guest.page.goto(home)
    expect(guest.page.locator("#qr")).to_have_attribute("data-code", re.compile("^AC2:"))
    assert guest.page.locator("#standing").count() == 0


# --- (k) -------------------------------------------------------------------------------------------------------------


def settle_in_vain(guard: Desk, complaints: list[str]) -> None:
    """The door still stands open: no word closes the case."""
    guard.write("#steps textarea", "...")
    guard.press("#steps button")
    guard.sees("#problem", staff_words.REFUSALS["DOOR_SHUT"])
    guard.picture("staff-case-open")
    forgive(complaints, "409")
    guard.live()
    guard.write("#steps textarea", "")


def settle(guard: Desk) -> None:
    found = "the wind; shut by hand" if guard.say.lang is Lang.EN else "风吹开，已关好"
    guard.write("#steps textarea", found)
    guard.press("#steps button")
    guard.sees("#stage", staff_words.STATES[CaseState.RESOLVED])
    expect(guard.page.locator(".case-facts")).to_contain_text(found)


def test_k_a_forced_door_is_handled_to_closed_by_two_people(desks, guard, house, complaints):
    house.tell("door.forced")
    house.report("gate-1", [door(GATE, alarm="FORCED", contact="open")])
    guard.sees(".case-card", staff_words.ALERTS["forced"])
    guard.picture("staff")
    guard.press(".case-card a")
    guard.sees("#stage", staff_words.STATES[CaseState.NEW])
    guard.live()
    settle_in_vain(guard, complaints)
    house.tell("door.secured")
    house.report("gate-1", [door(GATE)])
    guard.sees("#stage", staff_words.STATES[CaseState.RTN_UNACK])
    expect(guard.page.locator("#steps")).to_have_attribute("data-state", "RTN_UNACK")
    expect(guard.page.locator("#problem")).to_be_hidden()
    guard.picture("staff-case")
    settle(guard)
    guard.live()
    assert guard.page.locator("#steps form").count() == 0, "nobody checks their own work"
    colleague = desks()
    colleague.enter(OTHER_GUARD)
    colleague.press(".case-card a")
    colleague.live()
    colleague.picture("staff-case-to-check")
    colleague.press("#steps button:not(.quiet)")
    for one in (guard, colleague):
        one.sees("#stage", staff_words.STATES[CaseState.CLOSED])
        expect(one.page.locator(".case-facts")).to_contain_text(OTHER_GUARD)
    guard.picture("staff-case-closed")
    guard.page.goto(f"{guard.url}/staff")
    expect(guard.page.locator("#queue > .queue .case-card")).to_have_count(0)
    assert house.desk.queue(house.user(GUARD)) == ()


# --- (n) -------------------------------------------------------------------------------------------------------------


def test_n_a_door_is_released_from_the_page(guard, house):
    guard.press(f"#door-{GATE}")
    expect(guard.page.locator("#op-release")).to_be_visible()
    guard.hands.tick(guard.page.locator("#op-release"))
    why = "resident without a phone" if guard.say.lang is Lang.EN else "住户忘带手机，已核实"
    guard.write("#reason", why)
    guard.picture("staff-door")
    guard.press("main form button")
    guard.sees("#confirm-title", staff_words.OPS["release"])
    assert not house.commands.open(house.clock.now), "nothing is sent by the first press"
    guard.picture("staff-confirm")
    guard.press("#yes")
    expect(guard.page.locator("#command")).to_have_attribute("data-state", "QUEUED")
    (sent,) = house.commands.open(house.clock.now)
    view = house.commands.state(sent.id)
    assert (view.op, view.access_point) == ("release", GATE)
    house.answer(view, "accepted")
    guard.sees("#command", staff_words.COMMAND_STATES["ACCEPTED"])
    house.answer(view, "done")
    guard.sees("#command", staff_words.COMMAND_STATES["DONE"])
    guard.picture("staff-command")
    guard.press("#command a.button")
    expect(guard.page).to_have_url(re.compile("/staff$"))
