"""The HTTP interface through the real application and the real registry."""

import base64
import re

import pytest

from tests.fakes.web_house import BOOKING_CSV, LISTING_CSV, WebHouse, log_in, visiting

PHONE_KEY = base64.b64encode(
    bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
).decode()


@pytest.fixture
def house(tmp_path):
    made = WebHouse(tmp_path)
    made.add_admin()
    made.add_nodes()
    yield made
    made.close()


@pytest.fixture
def anybody(house):
    with visiting(house.app()) as client:
        yield client


@pytest.fixture
def staff(anybody):
    log_in(anybody)
    token = re.search(r'name="csrf" value="([^"]+)"', anybody.get("/").text)[1]
    anybody.headers["x-csrf-token"] = token
    return anybody


def problem(answer, status):
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (body["status"], set(body) - {"fault"}) == (status, {"type", "title", "status", "detail"})
    return body


def test_an_import_is_answered_for_every_row(staff):
    assert staff.post("/api/v1/imports/listings", content=LISTING_CSV.encode()).json()["counts"]["new"] == 1
    broken = BOOKING_CSV + "tujia,B-2,1,nowhere,R-9,2026-11-22T14:00,2026-11-24T12:00,1\n"
    answer = staff.post("/api/v1/imports/bookings", content=broken.encode())
    assert answer.status_code == 200
    assert answer.json()["counts"] == {"new": 1, "updated": 0, "unchanged": 0, "rejected": 1}
    assert [(row["line"], row["status"]) for row in answer.json()["rows"]] == [(2, "new"), (3, "rejected")]
    assert answer.json()["rows"][1]["reason"]


def test_an_import_needs_a_session_and_its_token(staff, anybody):
    staff.headers["x-csrf-token"] = "forged"
    assert (
        problem(staff.post("/api/v1/imports/listings", content=b""), 403)["type"] == "urn:gatehouse:rule:csrf"
    )
    staff.cookies.clear()
    problem(staff.post("/api/v1/imports/listings", content=b""), 401)


def test_a_file_that_cannot_be_read_at_all_is_one_sentence(staff):
    assert "empty" in problem(staff.post("/api/v1/imports/bookings", content=b""), 403)["detail"]
    problem(staff.post("/api/v1/imports/rumours", content=b"x"), 422)


def test_the_numbers_of_the_first_page_are_there_for_programs(staff, house):
    house.guest_link()
    house.tell("access.denied", decision="deny", reason="Unauthorized")
    board = staff.get("/api/v1/dashboard").json()
    assert (board["community"], board["synthetic"]) == ("dongfang", True)
    assert (board["denied"]["numerator"], board["denied"]["denominator"]) == (1, 1)
    assert board["expected"]["denominator"] == 1
    assert {node["node"] for node in board["nodes"]} == {"gate-1", "building-7"}


def test_the_numbers_are_for_people_who_are_logged_in(anybody):
    problem(anybody.get("/api/v1/dashboard"), 401)


def test_a_guest_binds_the_phones_key_with_the_token_alone(anybody, house):
    token = house.guest_link()
    answer = anybody.post(f"/api/v1/guest/{token}/code-key", json={"public_key": PHONE_KEY})
    assert answer.status_code == 200
    assert {line.pass_id for line in house.registry.passes()} == {answer.json()["pass_id"]}
    bytes.fromhex(answer.json()["credential"])


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"public_key": "****"}, "not base64"),
        ({"public_key": base64.b64encode(b"short").decode()}, "has 5 bytes and needs 32"),
        ({}, "Field required"),
        ({"public_key": PHONE_KEY, "name": "somebody"}, "Extra inputs"),
    ],
)
def test_a_key_that_is_none_is_refused_with_the_reason(anybody, house, body, sentence):
    answer = anybody.post(f"/api/v1/guest/{house.guest_link()}/code-key", json=body)
    assert sentence in problem(answer, 422)["fault"]


def test_a_guests_token_that_is_not_ours_opens_nothing(anybody):
    answer = anybody.post(f"/api/v1/guest/{'0' * 32}/code-key", json={"public_key": PHONE_KEY})
    problem(answer, 404)


def test_a_consent_to_an_old_text_is_refused_with_the_rule(anybody, house):
    wish = {"purpose": "face_access", "text_version": "face_access-0", "language": "zh"}
    answer = anybody.post(f"/api/v1/guest/{house.guest_link()}/consents", json=wish)
    assert problem(answer, 403)["type"].startswith("urn:gatehouse:rule:consent")


def test_a_guardians_consent_is_taken_and_can_be_withdrawn(anybody, house):
    path = f"/api/v1/guest/{house.guest_link()}/consents"
    wish = {
        "purpose": "face_access",
        "text_version": "face_access-1",
        "language": "zh",
        "guardian_ref": "G-1",
    }
    answer = anybody.post(path, json=wish)
    assert answer.status_code == 201
    assert answer.json()["consent"]
    assert anybody.delete(f"{path}/face_access").status_code == 204


def test_what_was_sent_is_never_repeated_in_the_answer(anybody, house):
    answer = anybody.post(f"/api/v1/guest/{house.guest_link()}/consents", json={"purpose": "张三 110101"})
    assert "张三" not in answer.text


def test_the_pulse_is_a_200_while_the_database_answers(anybody, house):
    assert anybody.get("/healthz").json() == {"status": "ok"}


def test_an_import_larger_than_any_file_is_refused(staff):
    answer = staff.post("/api/v1/imports/bookings", content=b"x" * (10 * 1024 * 1024 + 1))
    problem(answer, 413)
