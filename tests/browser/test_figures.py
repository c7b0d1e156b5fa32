"""The figures of nanguo: taken in by the service's own imports, read by people in two languages, and by a program."""

from datetime import datetime
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from cloud_sync.compose import Part, set_up
from cloud_sync.config import CommunityConfig, SyncConfig, WebConfig
from cloud_sync.service import Service
from cloud_sync.store import tables
from cloud_sync.store.intake_files import take_file
from cloud_sync.store.node_list import read_rows
from cloud_sync.synth.generate import Community
from cloud_sync.synth.shape import DATASETS
from cloud_sync.web.language import Lang
from cloud_sync.web.texts import texts
from tests.browser.every_page import log_in, overhang
from tests.fakes.brokers import free_port
from tests.fakes.community_house import ZONE, SteppedClock
from tests.fakes.web_house import PASSWORD

pytestmark = [pytest.mark.chromium, pytest.mark.timeout(900)]  # 1,400 rows are brought first

SEED = 20210331
EVENING_MS = round(datetime(2026, 1, 1, 20, tzinfo=ZONE).timestamp() * 1000)
SHARES = {  # figure → numerator, denominator, share, what it is called
    "gap_operating": ("91", "225", "40.44%", "Registered, of those operating (census)"),
    "gap_households": ("91", "241", "37.76%", "Registered, of all households (census)"),
    "register_households": ("91", "241", "37.76%", "Registered, of all dwellings (register)"),
    "register_operating": ("91", "101", "90.10%", "Registered, of those known to operate (register)"),
    "register_census": ("91", "91", "100.00%", "The register beside the census"),
}
PEOPLE = ("officer", "guard", "street")


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """The service's own pages, on the books into which the first day of nanguo was imported."""
    folder = tmp_path_factory.mktemp("nanguo")
    dataset = DATASETS["nanguo"]
    Community(dataset, dataset.shapes[0], SEED, 2, folder / "files").run(lambda _days, _events: None)
    config = SyncConfig(
        data_dir=folder / "data",
        community=CommunityConfig(code="nanguo", name_zh="南国丽景", name_en="Nanguo", synthetic=True),
        web=WebConfig(host="127.0.0.1", port=free_port(), tls=False),
    )
    set_up(config)
    with Service(config, [Part.PAGES], SteppedClock(EVENING_MS)) as made:
        bring(made.books, folder / "files")
        for role in PEOPLE:
            made.books.accounts.add(role, role, PASSWORD, actor="test")
        yield made


def bring(books, files: Path) -> None:
    """Doors, then what ``gatehouse-sync import`` takes."""
    for path in (files / "access_points.csv", *sorted(files.glob("room_locks_*.csv"))):
        read, faults = read_rows(path.read_bytes())
        _, more = books.registry.add_node_list(read, {}, actor="test", dry_run=False)
        assert [*faults, *more] == []
    for kind, rows in (("listings", 404), ("rooms", 404), ("units", 241), ("census", 2)):
        report = take_file(books, kind, files / f"{kind}.csv", actor="test")
        assert len(report.rows) == rows
        assert report.count("rejected") == 0, [row.reason for row in report.rows if row.reason][:3]


@pytest.fixture(params=["zh", "en"])
def reader(request, browser, complaints, service):
    """Somebody's window in one language, at the figures."""
    locale = "zh-CN" if request.param == "zh" else "en-GB"
    context = browser.new_context(locale=locale, viewport={"width": 1280, "height": 900})
    context.set_default_timeout(20_000)
    page = context.new_page()
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))

    def open_as(role):
        log_in(page, service.pages.url, role)
        page.goto(f"{service.pages.url}/figures")
        return page

    yield open_as, texts(Lang(request.param))
    context.close()


def test_both_shares_of_the_gap_stand_there_with_their_names(reader, axe, picture):
    open_as, say = reader
    page = open_as("officer")
    expect(page.locator("html")).to_have_attribute("lang", say.lang.tag)
    for figure, (numerator, denominator, share, title) in SHARES.items():
        tile = page.locator(f"#{figure}")
        expect(tile.locator("h3")).to_have_text(say(title))
        expect(tile.locator(".ratio strong")).to_have_text(numerator)
        expect(tile.locator(".of")).to_have_text(f"/ {denominator}")
        expect(tile.locator(".percent")).to_have_text(share)
        expect(tile.locator(".when time")).not_to_be_empty()
    for figure in ("gap_operating", "gap_households"):
        expect(page.locator(f"#{figure} .when time")).to_have_text("2026-01-01")
    for width in (320, 768, 1280):
        page.set_viewport_size({"width": width, "height": 1100})
        assert overhang(page) <= 0
        axe(page, f"figures {say.lang.value} {width}")
    page.evaluate("document.getElementById('row-coding').scrollIntoView()")
    picture(page, f"figures-{say.lang.value}", full=False)
    page.set_viewport_size({"width": 320, "height": 1100})
    page.evaluate("document.getElementById('row-gap').scrollIntoView()")
    picture(page, f"figures-320-{say.lang.value}", full=False)


def test_a_number_leads_to_its_rows_by_keyboard_and_what_is_not_counted_says_why(reader):
    open_as, say = reader
    page = open_as("officer")
    missing = page.locator("#decision_time_p95")
    expect(missing).to_contain_text(say("not counted here"))
    expect(missing).to_contain_text(say("nodes do not tell how long a decision took"))
    assert not any(sign.isdigit() for sign in missing.inner_text().replace("95", "").replace("100", ""))
    link = page.locator("#register_households .when a")
    link.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#number .ratio strong")).to_have_text("91")
    rows = page.locator("table.rows")
    assert (rows.get_attribute("data-counted"), rows.get_attribute("data-of")) == ("91", "241")
    expect(rows.locator("tbody tr")).to_have_count(91 + 241)
    page.go_back()
    page.locator(".days a").nth(3).press("Enter")
    expect(page.locator("#period")).to_have_text(say("last %(n)s days", n=90))
    expect(page.locator(".days [aria-current=page]")).to_have_count(1)


def test_below_the_officer_few_people_are_said_to_be_hidden_and_are_not_nought(reader, service, axe):
    open_as, say = reader
    books, day = service.books, EVENING_MS - 3_600_000
    with books.engine.begin() as db:
        if not db.execute(tables.consent.select()).first():
            row = {
                "stay": "s",
                "purpose": "face_access",
                "text_version": "1",
                "language": "zh",
                "channel": "g",
            }
            rest = {"community": "nanguo", "given_ms": day, "evidence_hash": ""}
            rows = [{"consent": f"c{at}", "person": f"p{at}", **row, **rest} for at in range(4)]
            db.execute(tables.consent.insert(), rows)
    page = open_as("guard")
    hidden = page.locator("#face_people_now")
    expect(hidden.locator(".too-few")).to_have_text(say("fewer than ten people: not shown"))
    expect(hidden.locator(".ratio")).to_have_count(0)
    expect(page.locator("#gap_operating .ratio strong")).to_have_text("91")
    expect(page.locator(".figures .when a")).to_have_count(0)  # the rows are the officer's
    axe(page, f"figures of a guard {say.lang.value}")
    page.context.clear_cookies()
    page = open_as("officer")
    expect(page.locator("#face_people_now .ratio strong")).to_have_text("4")


def test_without_scripts_and_on_paper_the_numbers_stand_there(browser, service):
    context = browser.new_context(locale="en-GB", java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{service.pages.url}/login")
    page.fill("#name", "officer")
    page.fill("#password", PASSWORD)
    page.click("main button")
    page.goto(f"{service.pages.url}/figures")
    expect(page.locator("#gap_operating .percent")).to_have_text("40.44%")
    expect(page.locator("#print")).to_be_hidden()
    page.emulate_media(media="print")
    expect(page.locator("#gap_households .percent")).to_be_visible()
    expect(page.locator("#register_households .when a")).to_be_hidden()
    context.close()


def test_a_program_reads_the_same_shares(service, browser):
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    log_in(page, service.pages.url, "officer")
    cookies = {one["name"]: one["value"] for one in context.cookies()}
    context.close()
    with httpx.Client(base_url=service.pages.url, cookies=cookies) as client:
        said = client.get("/api/v1/metrics/figures").json()["figures"]
        spec = client.get("/api/openapi.json").json()
    found = {one["name"]: one for one in said if not one["part"]}
    for figure, (numerator, denominator, share, _) in SHARES.items():
        one = found[figure]
        assert (one["numerator"], one["denominator"]) == (int(numerator), int(denominator))
        assert f"{100 * one['share']:.2f}%" == share
    assert "/api/v1/metrics/figures/{name}" in spec["paths"]
