"""Every page in both languages, light and dark, from a small phone to a wall: nothing hangs over, axe finds nothing serious.

A walk goes where people go; the test then asks whether every template of its folder was printed on the way.
"""

import re
from concurrent.futures import Future
from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect

from cloud_sync.ports_staff import Proof, Proved
from cloud_sync.store.figures import StoredFigures
from cloud_sync.store.forecast import StoredForecast
from cloud_sync.store.plan import StoredPlan
from cloud_sync.store.upstream_read import StoredUpstream
from cloud_sync.web.app import create_app
from cloud_sync.web.render import TEMPLATES
from cloud_sync.web.serve import PageServer
from edge.core.events import AccessPointId
from edge.kiosk.serve import KioskServer
from edge.kiosk.state import Door, KioskState, Screen
from tests.browser.every_page import LANGS, Look, log_in, of_folder, still
from tests.fakes.community_house import Gate
from tests.fakes.evening import EVENING_MS, HOUR_MS, hourly, play
from tests.fakes.guest_house import ADULT, CHILD, COMPANION, FORM, GuestHouse
from tests.fakes.registry_sheets import ROLL, ROWS
from tests.fakes.registry_sheets import bring as bring_rows
from tests.fakes.staff_house import GUARD, OFFICER, OTHER_GUARD, StaffHouse
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
from tests.fakes.zone_house import ZoneHouse, answers

# A walk is long, and a busy machine makes it longer.
pytestmark = [pytest.mark.chromium, pytest.mark.timeout(900)]

SIZES = ((320, 568), (1920, 1080), (1080, 1920))  # of screens at doors
WRONG = ADULT[:-1] + ("1" if ADULT[-1] != "1" else "2")

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
    page.click(".zone summary")
    page.fill("#mrz", "P<UTO")
    page.click("#read-mrz")
    expect(page.locator("#fault-mrz")).to_be_visible()
    look(page, "me, lines that are not whole")
    page.fill("#mrz", "")
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


def ask_for_another_day(page: Page, home: str, look: Look) -> None:
    page.goto(f"{home}/departure")
    look(page, "departure")
    page.fill("#day", "2026-05-04")
    page.click("#ask-day")
    expect(page.locator("#wish")).to_be_visible()
    look(page, "departure, asked")


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
    page.goto(f"{home}/data")
    expect(page.locator("#erase")).to_be_visible()
    look(page, "data, once the stay is over")
    page.locator("#erase").press("Enter")
    expect(page.locator("#standing")).to_be_visible()


@LANGS
def test_every_page_of_the_guest(windows, tmp_path, look, printed, lang):
    house = GuestHouse(tmp_path, headcount=2)
    with PageServer(house.app(), "127.0.0.1", 0) as site:
        page, home = windows(), f"{site.url}/g/{house.token}"
        arrive(page, site.url, look)
        register(page, home, look)
        be_asked(page, look)
        stay(page, house, look)
        ask_for_another_day(page, home, look)
        other = windows()
        other.goto(f"{home}/pass")
        expect(other.locator("#use-this")).to_be_visible()
        look(other, "pass, on a second phone")
        leave(page, home, house, look)
        page.goto(f"{site.url}/g/{'0' * 32}/pass")
        look(page, "a link that is no more")
    house.close()
    assert of_folder(TEMPLATES / "guest") <= printed


# --- the gate staff --------------------------------------------------------------------------------------------------


def alarms(house: StaffHouse) -> str:
    """A held door behind a silent gate and a forced one that stands open; the forced one's case."""
    house.report("building-7", [door(UNIT, alarm="HELD", contact="open")])
    house.clock.now += 100_000
    house.alarm("door.held", node="building-7", access_point=UNIT)
    house.report("gate-1", [door(GATE, alarm="FORCED", contact="open")])
    house.alarm("door.forced")
    return next(line.case.id for line in house.desk.queue(house.user(GUARD)) if line.case.kind == "forced")


def handle(page: Page, url: str, house: StaffHouse, look: Look) -> str:
    case = f"{url}/staff/cases/{alarms(house)}"
    still(page, f"{url}/staff")
    look(page, "queue, with alarms and a silent gate")
    still(page, case)
    look(page, "case, the door open")
    page.locator("#steps textarea").first.fill("...")
    page.locator("#steps button").first.click()
    expect(page.locator("#problem")).to_be_visible()
    look(page, "case, shut it first")
    house.report("gate-1", [door(GATE)])
    house.alarm("door.secured")
    still(page, case)
    look(page, "case, over and unseen")
    page.locator("#steps textarea").first.fill("shut by hand")
    page.locator("#steps button").first.click()
    still(page, case)
    look(page, "case, settled")
    return case


def command(page: Page, url: str, house: StaffHouse, look: Look) -> None:
    page.goto(f"{url}/staff/doors/{GATE}")
    look(page, "door")
    page.locator("a[href^='/staff/preview/']").press("Enter")
    look(page, "to look through the camera")
    page.fill("#reason", "who stands there")
    page.click("main form button")
    expect(page.locator("#node")).to_be_visible()
    look(page, "to look through the camera, with a ticket")
    page.goto(f"{url}/staff/doors/{GATE}")
    page.check("#op-release")
    page.fill("#reason", "resident without a phone, known to me")
    page.click("main form button")
    expect(page.locator("#yes")).to_be_visible()
    look(page, "door, once more")
    page.click("#yes")
    expect(page.locator("#command")).to_be_visible()
    look(page, "command, on its way")
    (view,) = house.commands.open(house.clock.now)
    house.answer(house.commands.state(view.id), "done")
    expect(page.locator("#command")).to_have_attribute("data-state", "DONE")
    look(page, "command, done")


def prove(page: Page, url: str, house: StaffHouse, look: Look) -> None:
    page.goto(f"{url}/staff/prove")
    look(page, "prove, nobody waits")
    house.registry.announce_arrival(GATE, "B-1")
    house.registry.announce_arrival(GATE, "B-9")
    page.goto(f"{url}/staff/prove")
    page.locator(".arrivals button").first.click()
    expect(page.locator("#link-code")).to_be_visible()
    look(page, "a link for the guest's phone")
    page.goto(f"{url}/staff/prove?source=tujia&ref=B-9")
    look(page, "prove, no such booking")
    page.goto(f"{url}/staff/prove?source=tujia&ref=B-1")
    look(page, "prove, the form")
    page.fill("#name", FORM["name"])
    page.fill("#document_number", WRONG)
    page.fill("#reason", "seen with the card")
    page.click("#proof > .button")
    expect(page.locator("#fault-document_number")).to_be_visible()
    look(page, "prove, with faults")
    page.fill("#document_number", ADULT)
    page.click("#proof > .button")
    expect(page.locator("#proved")).to_be_visible()
    look(page, "proved")
    young = {"document_number": CHILD, "birth_date": "", "guardian_contact": "0000 138", "relation": "mother"}
    child = Proof("tujia", "B-1", "staff", "with the mother", {**FORM, **young})
    assert isinstance(house.registry.prove(child, actor=GUARD), Proved)
    page.goto(f"{url}/staff/minors/{house.registry.party('tujia', 'B-1').stay}")
    look(page, "somebody under age")


def hand_over(page: Page, other: Page, url: str, look: Look) -> None:
    """One guard begins, writes something down and signs; the other takes over, and the report is kept."""
    page.goto(f"{url}/staff/shift")
    page.locator("#begin button").press("Enter")
    expect(page.locator("#begin")).to_have_count(0)
    page.fill("#said", "the east barrier is slow today")
    page.locator("#write button").press("Enter")
    expect(page.locator("#part-notes li")).to_have_count(1)
    look(page, "a shift, with who is on and what is open")
    page.locator(".sign select").select_option(OTHER_GUARD)
    page.locator(".sign input:not([type])").fill("nothing else")
    page.locator(".sign button").press("Enter")
    page.wait_for_url("**/staff/shift/SH-*")
    look(page, "a shift, as it was signed")
    other.goto(f"{url}/staff/shift")
    look(other, "a shift, to be taken over")
    other.locator(".on-shift form:not(.sign) button").press("Enter")
    expect(other.locator("#earlier li a")).to_have_count(1)


def community_work(page: Page, url: str, look: Look) -> None:
    """A matter that somebody tells, what its link shows, tasks in the field, departments, and the roll-call."""
    log_in(page, url, OFFICER)
    page.goto(f"{url}/staff/matters")
    page.select_option("#kind", "noise")
    page.fill("#place", GATE)
    page.fill("#said", "music at one in the night")
    page.click("#matter button")
    expect(page.locator("#taken")).to_be_visible()
    look(page, "a matter, taken down")
    link = page.locator("#status-link").inner_text()
    page.goto(f"{url}{link[link.index('/status/') :]}")
    look(page, "a matter, by its link")
    for path in ("/staff/field", "/inbox", "/staff/roll", "/bulletins"):
        page.goto(f"{url}{path}")
        look(page, path)


def command_zone(page: Page, other: Page, url: str, house: ZoneHouse, look: Look) -> None:
    """One guard proposes to lock the site down, by keyboard; another says the same, and the doors answer."""
    page.goto(f"{url}/staff/zones")
    look(page, "all doors of a zone")
    page.locator("#zone-site").press("Space")
    page.locator("#op-lockdown").press("Space")
    page.fill("#reason", "fight")
    page.locator("main button[type=submit]").press("Enter")
    page.wait_for_url("**/staff/zones/*")
    look(page, "zone, waiting for a second person")
    other.goto(page.url)
    look(other, "zone, asked to say the same")
    other.locator("#yes").press("Enter")
    expect(other.locator("#yes")).to_have_count(0)
    answers(house, page.url.rpartition("/")[2], ["done", "done", "done"])
    other.goto(page.url)
    look(other, "zone, answered")


@LANGS
def test_every_page_of_the_gate_staff(windows, tmp_path, look, printed, lang):
    house = ZoneHouse(tmp_path, SteppedClock(EVENING_MS))
    house.open_up()
    house.bring("listings", LISTING_CSV)
    house.bring("bookings", BOOKING_CSV)
    with PageServer(house.app(), "127.0.0.1", 0) as site:
        page, other = windows(), windows()
        log_in(page, site.url, GUARD, look)
        still(page, f"{site.url}/staff")
        look(page, "queue, all quiet")
        case = handle(page, site.url, house, look)
        log_in(other, site.url, OTHER_GUARD)
        still(other, case)
        look(other, "case, to be checked by a colleague")
        other.locator("#steps button:not(.quiet)").click()
        still(other, case)
        look(other, "case, closed")
        command(page, site.url, house, look)
        prove(page, site.url, house, look)
        command_zone(page, other, site.url, house, look)
        hand_over(page, other, site.url, look)
        page.goto(f"{site.url}/staff/passes")
        expect(page.locator("section.pass")).to_have_count(2)  # the guest and the child
        look(page, "passes at the doors")
        page.goto(f"{site.url}/morning")
        look(page, "not for a guard")
        community_work(windows(), site.url, look)
    house.close()
    assert of_folder(TEMPLATES / "staff") <= printed


# --- the officer -----------------------------------------------------------------------------------------------------


def first_run(page: Page, url: str, house: WebHouse, look: Look) -> None:
    page.goto(url)
    look(page, "first run")
    page.fill("#setup_token", "no token")
    page.fill("#name", ADMIN)
    page.fill("#password", PASSWORD)
    page.fill("#again", PASSWORD)
    page.click("main button")
    expect(page.locator(".problem")).to_be_visible()
    look(page, "first run, refused")
    page.fill("#setup_token", house.setup_token)
    page.fill("#password", PASSWORD)
    page.fill("#again", PASSWORD)
    page.click("main button")
    expect(page.locator("#tiles")).to_be_visible()
    still(page, url)
    look(page, "dashboard, empty")
    page.goto(f"{url}/morning")
    look(page, "morning, empty")


def imported_rows(page: Page, url: str, house: WebHouse, look: Look) -> None:
    """No spreadsheet yet, then one with a row that contradicts: sealed, opened, decided."""
    page.goto(f"{url}/registry")
    look(page, "registry, no files")
    bring_rows(house, house.folder, "roll.csv", ROLL, adopt=True)
    bring_rows(house, house.folder, "rows.csv", ROWS)
    page.goto(f"{url}/registry")
    look(page, "registry")
    page.locator("#matters a").first.click()
    look(page, "registry row, sealed")
    page.fill("#purpose", "who lives there")
    page.click("#opening button")
    expect(page.locator("#recorded")).to_be_visible()
    look(page, "registry row, opened")
    page.check("#decision-same")
    page.fill("#reason", "...")
    page.evaluate("document.querySelector('#decision-same').value = 'none'")
    page.click("#deciding button")
    expect(page.locator("#problem")).to_be_visible()
    look(page, "registry row, refused")
    page.check("#decision-keep")
    page.fill("#reason", "a visitor")
    page.click("#deciding button")
    expect(page.locator("#decided")).to_be_visible()
    look(page, "registry row, decided")


@LANGS
def test_every_page_of_the_officer(windows, tmp_path, look, printed, lang):
    house = WebHouse(tmp_path, SteppedClock(EVENING_MS))
    reports = StoredUpstream(house._house())
    figures = StoredFigures(house.house)
    more = {
        "upstream": reports,
        "figures": figures,
        "plan": StoredPlan(house.engine),
        "forecast": StoredForecast(house.house),
    }
    app = create_app(replace(house.services, reader=hourly(house), **more))
    with PageServer(app, "127.0.0.1", 0) as site:
        page = windows()
        first_run(page, site.url, house, look)
        house.add_nodes()
        play(house)
        still(page, site.url)
        page.click("details summary")
        look(page, "dashboard, full")
        page.goto(f"{site.url}/nodes/gate-1")
        look(page, "a node")
        page.goto(f"{site.url}/fleet")
        look(page, "fleet")
        page.goto(f"{site.url}/upstream")
        expect(page.locator("#synthetic")).to_be_visible()
        look(page, "reports to authorities, of a synthetic community")
        page.goto(f"{site.url}/figures")
        expect(page.locator("#discrepancies_grave")).to_be_visible()
        look(page, "figures")
        page.locator("#discrepancies_grave .when a").press("Enter")
        expect(page.locator("#number")).to_be_visible()
        look(page, "figures, the rows of one")
        page.goto(f"{site.url}/wall")
        expect(page.locator("body")).to_have_attribute("data-link", "open")
        look(page, "wall")
        assert page.locator("a, button, input, select").count() == 0
        page.goto(f"{site.url}/forecast")
        look(page, "coming days")
        page.goto(f"{site.url}/plan")
        look(page, "plan")
        sign = page.locator("#plan-AP-dongfang-001")
        sign.focus()
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile("/nodes/gate-1$"))
        page.goto(f"{site.url}/discrepancies")
        look(page, "discrepancies")
        page.locator("#matrix .sums a").last.press("Enter")
        expect(page.locator("#number")).to_be_visible()
        look(page, "discrepancies, the rows")
        house.clock.now += 7 * HOUR_MS
        page.goto(f"{site.url}/morning")
        page.click("details summary")
        look(page, "morning")
        rows = [one.get_attribute("href") for one in page.locator(".tile .when a").all()]
        assert len(rows) >= 4
        for path in rows:
            page.goto(f"{site.url}{path}")
            look(page, f"rows {path}")
        imported_rows(page, site.url, house, look)
        page.goto(f"{site.url}/nodes/none-such")
        look(page, "not found")
        log_in(windows(), site.url, ADMIN, look)
    house.close()
    assert of_folder(TEMPLATES) <= printed


# --- the screen at the door ------------------------------------------------------------------------------------------


def test_every_screen_at_the_door(browser, axe, printed, picture):
    doors = [Door(AccessPointId("AP-1"), "东门", "East gate", "https://gate.example/arrive/AP-1")]
    state = KioskState([*doors, Door(AccessPointId("AP-2"), "602 房", "Room 602")])
    state.equip(doors[0].access_point, dry_run=True, pin_pad=True)
    state.declare(doors[0].access_point, liveness_off=True, engine_simulated=True)
    server = KioskServer(state, "127.0.0.1", 0, lambda _door, _digits: Future())
    server.start()
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    for size in SIZES:
        page.set_viewport_size(dict(zip(("width", "height"), size, strict=True)))
        for path in ("/", "/none-such"):
            page.goto(server.url + path)
            axe(page, f"kiosk {path} {size}")
            picture(page, f"kiosk-{'doors' if path == '/' else 'no-such-door'}", full=False)
        page.goto(f"{server.url}/AP-1")
        for screen in Screen:
            state.show(doors[0].access_point, screen, until="08:15" if screen is Screen.WAIT_UNTIL else "")
            expect(page.locator("body")).to_have_attribute("data-screen", screen.value)
            axe(page, f"kiosk {screen} {size}")
        page.click("#pin-open")
        axe(page, f"kiosk keypad {size}")
    server.close()
    expect(page.locator(".lost")).to_be_visible()
    axe(page, "kiosk, cut off")
    picture(page, "kiosk-cut-off", full=False)
    context.close()
    assert {"doors.html", "kiosk.html"} <= printed
