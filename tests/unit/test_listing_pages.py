"""The register over HTTP: who may see and press what, the public page, the plate, and an operator's program."""

import re

import httpx
import numpy as np
import pytest
import zxingcpp

from cloud_sync.core.codes import listing_code
from cloud_sync.web.listings.plate import HEIGHT, WIDTH, plate_pdf
from cloud_sync.web.listings.verify import EACH_MAX
from tests.fakes.listing_house import OFFICER, OP, OPERATOR, OTHER, PASSWORD, STREET, UNIT, ListingHouse
from tests.fakes.web_house import log_in, visiting

WISH = {"operator": OP, "unit": UNIT, "name": "云居", "max_guests": 2, "rooms": [{"label": "301", "beds": 1, "max_guests": 2}]}  # fmt: skip
DOCUMENTS = ("ownership", "fire_certificate", "floor_plan", "police_form", "staff_list")


@pytest.fixture
def house(tmp_path):
    made = ListingHouse(tmp_path)
    yield made
    made.close()


@pytest.fixture
def site(house):
    with visiting(house.app(), **{"accept-language": "en"}) as client:
        yield client


def enter(site: httpx.Client, name: str) -> None:
    site.cookies.clear()
    assert log_in(site, name=name, password=PASSWORD).status_code == 303


def token(site: httpx.Client, _house: ListingHouse) -> str:
    return str(site.get("/api/v1/session").json()["csrf"])


def press(site: httpx.Client, house: ListingHouse, path: str, **fields: str) -> httpx.Response:
    return site.post(path, data={"csrf": token(site, house), **fields})


def test_an_operators_program_files_and_submits_a_listing_and_sees_what_is_missing(site, house):
    enter(site, OPERATOR.name)
    head = {"x-csrf-token": token(site, house)}
    assert site.post("/api/v1/listings", json=WISH).status_code == 403
    made = site.post("/api/v1/listings", json=WISH, headers=head)
    assert made.status_code == 201
    code = made.json()["listing"]
    refused = site.post(f"/api/v1/listings/{code}/submit", headers=head)
    assert refused.status_code == 403
    assert "letter commitment" in refused.json()["detail"]
    for kind in DOCUMENTS:
        wish = {"document": kind, "state": "declared"}
        assert site.post(f"/api/v1/listings/{code}/documents", json=wish, headers=head).status_code == 204
    for kind in ("commitment", "covenant"):
        wish = {"kind": kind, "version": 1, "language": "zh"}
        assert site.post(f"/api/v1/operators/{OP}/letters", json=wish, headers=head).status_code == 204
    assert site.post(f"/api/v1/listings/{code}/submit", headers=head).json() == {"state": "FILED"}
    shown = site.get(f"/api/v1/listings/{code}").json()
    assert (shown["state"], shown["coded_ms"], shown["points"], shown["band"]) == ("FILED", None, 10, "green")
    wish = {"document": "ownership", "state": "seen"}
    assert site.post(f"/api/v1/listings/{code}/documents", json=wish, headers=head).status_code == 422


def test_an_operator_leaves_and_appeals_over_http(site, house):
    code = house.coded()
    made = house.sanctioned(code, 1)
    enter(site, OPERATOR.name)
    head = {"x-csrf-token": token(site, house)}
    said = site.post(f"/api/v1/conduct/{made}/appeal", json={"reason": "not us"}, headers=head)
    assert said.json() == {"state": "UNDER_APPEAL"}
    said = site.post(f"/api/v1/listings/{code}/leave", json={"reason": "moving"}, headers=head)
    assert said.json() == {"state": "WITHDRAWING"}


def test_the_officers_pages_are_the_officers_and_the_streets(site, house):
    code = house.coded()
    pages = (
        "/listings",
        "/listings/queue",
        f"/listings/{code}",
        f"/listings/{code}/plate.pdf",
        f"/units/{UNIT}",
    )
    for name, status in ((OPERATOR.name, 403), (OFFICER.name, 200), (STREET.name, 200)):
        enter(site, name)
        assert [site.get(path).status_code for path in pages] == [status] * len(pages)
    enter(site, STREET.name)
    assert site.get("/").headers["location"] == "/listings"
    assert press(site, house, f"/listings/{code}/doors", room=f"{code}-301", doors="").status_code == 409
    site.cookies.clear()
    assert site.get("/listings").headers["location"] == "/login"


def test_a_form_of_somebody_elses_page_is_refused(site, house):
    code = house.coded()
    enter(site, OFFICER.name)
    for path in (f"/listings/{code}/decide", f"/listings/{code}/inspect", f"/units/{UNIT}/findings"):
        assert site.post(path, data={"csrf": "guess", "event": "ban"}).status_code == 403
    assert house.state(code) == "ACTIVE"


def test_a_refusal_is_said_over_the_page_in_the_readers_words(site, house):
    code = house.file()
    house.desk.submit(code, OPERATOR)
    house.desk.assign(code, OFFICER.name, OTHER)
    enter(site, OFFICER.name)
    said = press(site, house, f"/listings/{code}/decide", event="approve", reason="looks fine")
    assert said.status_code == 409
    assert "It cannot be approved yet" in said.text
    assert "the fire extinguisher is in date" in said.text
    assert ">looks fine</textarea>" in said.text
    said = press(site, house, f"/listings/{code}/inspect", F1="pass")
    assert "Answer every item" in said.text


def test_a_grave_sanction_is_pressed_by_two_people(site, house):
    code = house.coded()
    enter(site, OFFICER.name)
    wish = {"tier": "4", "rule": "C09", "reason": "guests while suspended", "yuan": "0"}
    assert press(site, house, f"/listings/{code}/sanctions", **wish).status_code == 303
    made = re.findall(r'id="(SN-\w+)"', site.get("/listings/queue").text)[0]
    path = f"/listings/queue/sanctions/{made}"
    assert press(site, house, path, event="confirm", reason="agreed").status_code == 303
    assert house.state(code) == "ACTIVE"
    assert press(site, house, path, event="confirm", reason="agreed").status_code == 409
    enter(site, STREET.name)
    assert press(site, house, path, event="confirm", reason="agreed").status_code == 303
    assert house.state(code) == "REVOKED"


# --- what everybody may ask -----------------------------------------------------------------------------------------


def word(site: httpx.Client, code: str) -> str:
    page = site.get(f"/verify/{code}")
    assert page.status_code == 200
    return re.findall(r'data-state="(\w+)"', page.text)[0]


def test_the_public_page_says_the_state_and_nothing_else(site, house):
    code = house.file()
    house.desk.submit(code, OPERATOR)
    unknown = listing_code("000000", "ZZZZZZZZ")
    pages = [site.get(f"/verify/{one}").text.replace(one, "") for one in (code, unknown, "nonsense")]
    assert pages[0].replace(f"verify/{code}", "") == pages[1].replace(f"verify/{unknown}", "")
    assert word(site, code) == "not_valid"
    assert "云居" not in pages[0]
    assert OP not in pages[0]


@pytest.mark.story("35d", "44a")
def test_the_public_page_follows_the_state_in_both_languages_without_login_or_script(site, house):
    code = house.coded()
    assert word(site, code) == "valid"
    assert word(site, code.lower()) == "valid"
    page = site.get(f"/verify/{code}?lang=zh").text
    assert "此房源码有效" in page
    assert "<script" not in page
    house.sanctioned(code, 2)
    assert word(site, code) == "suspended"
    house.sanctioned(code, 4)
    assert word(site, code) == "not_valid"


def test_whoever_asks_for_many_codes_waits(site, house):
    code = house.coded()
    for _ in range(EACH_MAX):
        assert site.get(f"/verify/{code}").status_code == 200
    assert site.get(f"/verify/{code}").status_code == 429
    house.clock.step(hours=1)
    assert site.get(f"/verify/{code}").status_code == 200


@pytest.mark.story("16d")
def test_a_plate_is_a_pdf_with_the_code_and_both_names_and_there_is_none_before_the_code(site, house):
    code = house.file()
    enter(site, OFFICER.name)
    assert site.get(f"/listings/{code}/plate.pdf").status_code == 404
    coded = house.coded()
    made = site.get(f"/listings/{coded}/plate.pdf")
    assert made.headers["content-type"] == "application/pdf"
    assert made.content.startswith(b"%PDF-")


def test_the_plates_qr_leads_to_the_public_page():
    """The squares of the page, put side by side, are read as a camera would read them."""
    code = "FY-000000-7K3M9QXD-4"
    address = f"https://gate.example/verify/{code}"
    made = plate_pdf(code, address, "东方新城", "Dongfang")
    assert plate_pdf(code, address, "东方新城", "Dongfang") == made
    squares = [tuple(map(float, found)) for found in re.findall(rb"(\S+) (\S+) (\S+) (\S+) re", made)]
    picture = np.full((int(HEIGHT) * 2, int(WIDTH) * 2), 255, np.uint8)
    for left, bottom, width, height in squares:
        if width < 20:  # the frame is no square of the code
            rows = slice(round((HEIGHT - bottom - height) * 2), round((HEIGHT - bottom) * 2))
            picture[rows, round(left * 2) : round((left + width) * 2)] = 0
    (found,) = zxingcpp.read_barcodes(picture, formats=zxingcpp.BarcodeFormat.QRCode)
    assert found.text == address
    assert code.encode() in made


def test_more_guests_than_it_takes_are_approved_by_name_until_a_day_and_ended_again(site, house):
    code = house.coded()
    path = f"/listings/{code}/exceptions"
    enter(site, STREET.name)
    assert press(site, house, path, more="1", days="2", reason="a cot").status_code == 409
    assert house.desk.listing(code, OFFICER).exceptions == ()
    enter(site, OFFICER.name)
    for bad in ({"more": "11"}, {"days": "91"}, {"reason": " "}):
        said = press(site, house, path, **{"more": "1", "days": "2", "reason": "a cot", **bad})
        assert said.status_code == 409, bad
    assert press(site, house, path, more="1", days="2", reason="a cot for the baby").status_code == 303
    page = site.get(f"/listings/{code}").text
    assert "1 more until 2026-05-04 00:00, approved by zhao: a cot for the baby" in page
    assert "More guests approved" in page
    (held,) = house.desk.listing(code, OFFICER).exceptions
    assert press(site, house, f"{path}/{held.id}/end", reason="gone home").status_code == 303
    assert house.desk.listing(code, OFFICER).exceptions == ()
    assert press(site, house, f"{path}/{held.id}/end", reason="again").status_code == 409
    house.desk.flag_interest(OFFICER.name, OP, "relative", OTHER)
    assert press(site, house, path, more="1", days="2", reason="a cot").status_code == 409
