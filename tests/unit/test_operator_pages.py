"""An operator's pages: one operator and no other, why a code is withheld, two taps for the return, letters, appeals."""

import html
import re

import httpx
import pytest

from cloud_sync.core.dossier import LETTERS
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports_model import OperatorWish, Person, UnitWish
from tests.fakes.community_house import CODE, booking_row, listing_row, registration_row, take
from tests.fakes.endpoints import endpoints_of
from tests.fakes.listing_house import OFFICER, OP, OPERATOR, OTHER, PASSWORD, ListingHouse
from tests.fakes.web_house import log_in, visiting

LAN = Person("lan", "operator")
THEIRS = ("OP-2", "别家", CODE, "2001", "1-302")


@pytest.fixture
def house(tmp_path):
    made = ListingHouse(tmp_path)
    yield made
    made.close()


@pytest.fixture
def site(house):
    with visiting(house.app(), **{"accept-language": "en"}) as client:
        yield client


def enter(site: httpx.Client, name: str) -> str:
    """Logged in; the token of the session."""
    site.cookies.clear()
    assert log_in(site, name=name, password=PASSWORD).status_code == 303
    return str(site.get("/api/v1/session").json()["csrf"])


def neighbour(house: ListingHouse) -> dict[str, str]:
    """Another operator with a login, a coded listing, a registered guest and points; what its addresses hold."""
    house.desk.put_unit(UnitWish("1-302", "1", grid="3", use="short_let"), "survey", OFFICER)
    house.desk.put_operator(OperatorWish("OP-2"), OFFICER)
    house.books.operators.give_login("OP-2", LAN.name, PASSWORD, OFFICER)
    take(house.books, "listings", listing_row(operator="OP-2", name="别家", unit="1-302"))
    take(house.books, "bookings", booking_row("2001"))
    take(house.books, "registrations", registration_row("2001"))
    points = house.desk.propose_points(CODE, "C05", ("matter 7",), OTHER)
    house.desk.decide_points(points, "confirm", "heard it", OFFICER)
    (stay,) = house.books.operators.stays(LAN)
    return {"code": CODE, "stay": stay.stay, "id_": points, "operator": "OP-2"}


# --- scope -----------------------------------------------------------------------------------------------------------

BODIES = {
    "/api/v1/listings": {"operator": "OP-2", "unit": "1-302", "name": "x", "max_guests": 1, "rooms": [{"label": "1", "beds": 1, "max_guests": 1}]},
    "/api/v1/listings/{code}/documents": {"document": "ownership", "state": "absent"},
    "/api/v1/listings/{code}/leave": {"reason": "not mine"},
    "/api/v1/operators/{operator}/letters": {"kind": "covenant", "version": 1, "language": "zh"},
    "/api/v1/conduct/{id_}/appeal": {"reason": "not mine"},
}  # fmt: skip
PAGES = re.compile(r"/operator(/|$)|/api/v1/(listings|operators|conduct)")


def own_endpoints(app) -> list[tuple[str, str]]:
    return [one for one in endpoints_of(app.routes) if PAGES.match(one[1])]


def test_what_belongs_to_another_operator_is_not_there_at_any_endpoint(house, site):
    theirs = neighbour(house)
    house.coded()
    csrf = enter(site, OPERATOR.name)
    endpoints = own_endpoints(house.app())
    assert len(endpoints) >= 19
    for method, path in endpoints:
        address, is_theirs = path.format(**theirs), "{" in path or path == "/api/v1/listings"
        if method == "GET":
            said = site.get(address)
        elif path.startswith("/api/"):
            said = site.post(address, json=BODIES.get(path), headers={"x-csrf-token": csrf})
        else:
            said = site.post(address, data={"csrf": csrf, "reason": "not mine", "document": "ownership"})
        if is_theirs:
            assert said.status_code == 404, (method, path)
        elif method == "GET":
            assert said.status_code == 200, path
        if not path.startswith("/api/"):
            shown = said.text.replace(address, "")  # the switch of language repeats what was asked
            assert not [word for word in THEIRS if word in shown], path
    assert house.state(CODE) == "ACTIVE"
    (held,) = house.desk.listing(CODE, OFFICER).points
    assert (held.state, held.appeal) == ("EFFECTIVE", "")


def test_points_of_another_operator_are_not_there_under_a_listing_of_ones_own(house, site):
    theirs, mine = neighbour(house), house.coded()
    csrf = enter(site, OPERATOR.name)
    path = f"/operator/listings/{mine}/appeal/{theirs['id_']}"
    assert site.post(path, data={"csrf": csrf, "reason": "not mine"}).status_code == 404


def test_what_never_was_is_refused_in_the_same_words_as_what_is_anothers(house, site):
    neighbour(house)
    enter(site, OPERATOR.name)
    words = []
    for code in (CODE, "FY-000001-ZZZZZZZZ-0"):
        said = site.get(f"/api/v1/listings/{code}").json()
        words.append(said["detail"].replace(code, "X"))
    assert words[0] == words[1]


def test_a_login_that_is_bound_to_nothing_sees_nothing(house, site):
    house.books.accounts.add("lone", "operator", PASSWORD, actor="test")
    house.coded()
    enter(site, "lone")
    pages = ("", "/bookings", "/returns", "/letters", "/staff")
    assert {site.get(f"/operator{page}").status_code for page in pages} == {404}


def test_a_duty_for_an_operator_opens_its_pages_for_its_days(house, site):
    house.coded()
    house.books.accounts.add("aide", "operator", PASSWORD, actor="test")
    now_ms = house.clock.now_ms()
    house.desk.give_duty(
        "aide", "operator", f"operator:{OP}", OFFICER, from_ms=now_ms, until_ms=now_ms + 1000
    )
    enter(site, "aide")
    assert OP in site.get("/operator").text
    house.clock.step(hours=1)
    assert (over := site.get("/operator")).status_code == 303
    assert over.headers["location"] == "/login"
    refused = log_in(site, name="aide", password=PASSWORD)
    assert refused.status_code == 403
    assert "You have no duty today" in refused.text


# --- the login -------------------------------------------------------------------------------------------------------


def test_an_officer_makes_the_login_on_a_page_and_nobody_else(house, site):
    house.desk.put_operator(OperatorWish("OP-2"), OFFICER)
    form = {"name": "lan", "password": PASSWORD}
    csrf = enter(site, OPERATOR.name)
    assert site.get("/operators").status_code == 403
    assert site.post("/operators/OP-2/login", data={"csrf": csrf, **form}).status_code == 403
    csrf = enter(site, OFFICER.name)
    assert "/operators" in site.get("/listings").text
    made = site.post("/operators/OP-2/login", data={"csrf": csrf, **form})
    assert (made.status_code, made.headers["location"]) == (303, "/operators")
    again = site.post("/operators/OP-2/login", data={"csrf": csrf, "name": "lan2", "password": PASSWORD})
    assert again.status_code == 409
    assert "has a login already" in again.text
    enter(site, "lan")
    assert site.get("/").headers["location"] == "/operator"
    assert "OP-2" in site.get("/operator").text


def test_one_login_speaks_for_one_operator(house):
    with pytest.raises(Refused, match="speaks for OP-1 already"):
        house.desk.put_operator(OperatorWish("OP-2", user=OPERATOR.name), OFFICER)
    with pytest.raises(NotFound):
        house.books.operators.give_login("OP-9", "lan", PASSWORD, OFFICER)
    with pytest.raises(Refused, match="may not"):
        house.books.operators.give_login(OP, "lan", PASSWORD, OPERATOR)


# --- the pages -------------------------------------------------------------------------------------------------------


def test_a_withheld_code_says_what_is_missing_until_the_file_is_whole(house, site):
    code = house.file()
    csrf = enter(site, OPERATOR.name)
    page = site.get(f"/operator/listings/{code}").text
    missing = page.partition('id="missing"')[2].partition("</ul>")[0]
    assert "The code is withheld" in page
    assert "the fire extinguisher is in date" in missing
    sent = site.post(f"/operator/listings/{code}/submit", data={"csrf": csrf})
    assert sent.status_code == 303
    assert house.state(code) == "FILED"
    refused = site.post(f"/operator/listings/{code}/documents", data={"csrf": csrf, "document": "ownership", "state": "seen"})  # fmt: skip
    assert refused.status_code == 409
    assert house.desk.listing(code, OFFICER).documents["ownership"] == "declared"


def test_bookings_show_how_many_are_registered_and_no_name(house, site):
    code = house.coded()
    take(house.books, "bookings", booking_row("1001", listing=code, room=f"{code}-301", headcount=2))
    row = registration_row("1001")
    take(house.books, "registrations", row)
    enter(site, OPERATOR.name)
    page = site.get("/operator/bookings").text
    assert "1 / 2" in page
    assert "missing 1" in page
    (stay,) = re.findall(r"/operator/bookings/(ST-\w+)", page)
    one = site.get(f"/operator/bookings/{stay}").text
    assert "Not registered yet: 1." in one
    for canary in (str(row["name"]), str(row["document_number"])):
        assert canary not in page + one
    (held,) = house.books.operators.stays(OPERATOR)
    assert (held.registered, held.missing, held.first_entry_ms) == (1, 1, None)


@pytest.mark.story("18b")
def test_no_guests_is_said_in_two_taps(house, site):
    house.coded()
    csrf = enter(site, OPERATOR.name)
    home = site.get("/operator").text
    assert 'href="/operator/returns"' in home.partition('id="open-returns"')[2].partition("</p>")[0]
    page = site.get("/operator/returns").text  # the first tap
    day, press = "2026-05-01", re.compile(r'<button[^>]+name="nil" value="1"')
    assert press.search(page)
    said = site.post(
        "/operator/returns", data={"csrf": csrf, "day": day, "nil": "1", "guests": ""}
    )  # the second
    after = site.get(said.headers["location"]).text
    assert f"{day} is filed: no guests." in after
    assert not press.search(after)
    house.clock.step(hours=24.5)
    assert house.books.operators.home(OPERATOR).returns[1].guests == 0
    enter(site, OPERATOR.name)
    assert 'id="open-returns"' in site.get("/operator").text  # the next day's


@pytest.mark.parametrize("guests", ["", "-1", "many", "10000", "1.5", "²"])
def test_a_number_that_cannot_be_is_said_and_nothing_is_filed(house, site, guests):
    house.coded()
    csrf = enter(site, OPERATOR.name)
    said = site.post("/operator/returns", data={"csrf": csrf, "day": "2026-05-01", "guests": guests})
    assert said.status_code == 409
    assert "from 0 to 9999" in said.text
    assert house.books.operators.home(OPERATOR).returns[0].guests is None


def test_a_number_is_filed_and_corrected_and_a_day_ahead_is_not_taken(house, site):
    house.coded()
    csrf = enter(site, OPERATOR.name)
    for guests in ("3", "2"):
        said = site.post("/operator/returns", data={"csrf": csrf, "day": "2026-05-01", "guests": guests})
        assert said.status_code == 303
    assert house.books.operators.home(OPERATOR).returns[0].guests == 2
    ahead = site.post("/operator/returns", data={"csrf": csrf, "day": "2026-05-02", "guests": "3"})
    assert "for today or the last thirty-one days" in ahead.text
    forged = site.post("/operator/returns", data={"csrf": "guess", "day": "2026-05-01", "guests": "9"})
    assert forged.status_code == 403


def test_letters_are_acknowledged_in_the_version_and_language_that_was_read(house, site):
    csrf = enter(site, OPERATOR.name)
    assert "Letters to acknowledge: 2" in site.get("/operator").text
    for letter in LETTERS:
        assert letter.en in html.unescape(site.get("/operator/letters").text)
        form = {"csrf": csrf, "kind": letter.kind, "version": str(letter.version)}
        assert site.post("/operator/letters", data=form).status_code == 303
    old = site.post("/operator/letters", data={"csrf": csrf, "kind": "covenant", "version": "0"})
    assert "not the one that holds now" in old.text
    assert {one.acknowledged for one in house.books.operators.home(OPERATOR).letters} == {1}


def test_points_are_explained_and_appealed(house, site):
    code = house.coded()
    made = house.desk.propose_points(code, "C05", ("matter 7",), OTHER)
    csrf = enter(site, OPERATOR.name)
    assert made not in site.get(f"/operator/listings/{code}").text  # a proposal has no effect yet
    house.desk.decide_points(made, "confirm", "heard it", OFFICER)
    page = site.get(f"/operator/listings/{code}").text
    assert "noise at night" in page
    assert "matter 7 · rule version 1" in page
    path = f"/operator/listings/{code}/appeal/{made}"
    assert site.post(path, data={"csrf": csrf, "reason": " "}).status_code == 409
    assert site.post(path, data={"csrf": csrf, "reason": "that was next door"}).status_code == 303
    assert "that was next door" in site.get(f"/operator/listings/{code}").text
    (held,) = house.desk.listing(code, OFFICER).points
    assert held.state == "UNDER_APPEAL"


def test_the_staff_of_the_operator_by_reference(house, site):
    house.desk.put_staff(OP, "S-1", "cleaner", OFFICER, from_ms=house.clock.now_ms(), until_ms=None)
    enter(site, OPERATOR.name)
    page = site.get("/operator/staff").text
    assert "S-1" in page
    assert "cleaner" in page
