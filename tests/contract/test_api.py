"""The HTTP interface of the composed service: tokens, keys that make a call happen once, pages of records."""

import json
import re
import threading
from collections.abc import Iterator

import pytest

from cloud_sync.core.roles import Role
from cloud_sync.store import tables
from cloud_sync.store.api_answers import SqlAnswers
from cloud_sync.store.api_tokens import WRONG_MAX
from cloud_sync.store.privacy_desk import SqlPrivacy
from tests.fakes.api_house import OFFICER, ApiHouse
from tests.fakes.web_house import BOOKING_HEAD, LISTING

STAYS = 5
WALK_IN = {"room": "R-602", "departure": "2040-01-01T12:00", "headcount": 1, "reason": "came to the desk"}
BOOKING = {
    "external_ref": "K-1", "revision": 1, "listing": LISTING, "room": "R-602",
    "arrival": "2028-03-01T14:00", "departure": "2028-03-02T12:00", "headcount": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> Iterator[ApiHouse]:
    made = ApiHouse(tmp_path_factory.mktemp("api"))
    made.fill(STAYS)
    yield made
    made.close()


def problem(answer, status):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    return answer.json()


# --- the description -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def described(house):
    with house.calling() as client:
        return client.get("/api/openapi.json").json()


def operations(described):
    return [
        (f"{method.upper()} {path}", call)
        for path, calls in described["paths"].items()
        for method, call in calls.items()
    ]


def test_every_call_says_what_it_is_for_and_who_may(described):
    for name, call in operations(described):
        assert call["summary"], name
        assert call["tags"], name
        assert call["description"] or name.startswith("GET /healthz"), name
        assert "security" in call, name
    assert set(described["components"]["securitySchemes"]) == {"session", "csrf", "token", "key"}
    assert len({call["operationId"] for _, call in operations(described)}) == len(operations(described))


def test_every_no_is_told_as_problem_details(described):
    for name, call in operations(described):
        for status, said in call["responses"].items():
            if status.startswith(("4", "5")):
                assert list(said["content"]) == ["application/problem+json"], (name, status)
    assert described["components"]["schemas"]["Problem"]["required"] == ["type", "title", "status", "detail"]


def test_what_is_sent_has_an_example_that_is_taken_as_described(described):
    sent = [name for name in described["components"]["schemas"] if name.endswith("Request")]
    assert len(sent) >= 10
    for name in sent:
        assert described["components"]["schemas"][name]["examples"], name


def test_an_address_says_which_methods_it_has(house):
    with house.calling() as client:
        answer = client.delete("/api/v1/bookings/B-1")
    problem(answer, 405)
    assert answer.headers["allow"] == "GET, PUT"


@pytest.mark.parametrize("path", ["/api/v1/returns/missing", "/healthz"])
def test_an_address_of_its_own_has_its_own_methods(house, path):
    with house.calling() as client:
        answer = client.put(path)
    problem(answer, 405)
    assert answer.headers["allow"] == "GET"


# --- tokens ----------------------------------------------------------------------------------------------------


def test_a_token_may_what_its_scopes_say_and_nothing_else(house):
    with house.calling(house.token("board", "SEE_BOARD")) as client:
        assert client.get("/api/v1/dashboard").status_code == 200
        assert client.get("/api/v1/session").json() == {"user": OFFICER, "role": "officer", "csrf": ""}
        assert problem(client.get("/api/v1/cases"), 403)["type"] == "urn:gatehouse:rule:token.SEE_ALL_CASES"


def test_a_token_writes_without_a_cookies_token_and_that_stands_in_the_audit(house):
    with house.calling(house.token("importer", "IMPORT")) as client:
        answer = client.post("/api/v1/imports/bookings", content=BOOKING_HEAD.encode())
    assert answer.status_code == 200
    assert (OFFICER, "importer", "POST /api/v1/imports/bookings") in [
        row[:3] for row in house.audited("token.call")
    ]


def test_a_token_loses_what_its_person_loses(house):
    house.books.accounts.add("passing", "officer", "a quiet evening here", actor="test")
    token = house.token("short", "SEE_BOARD", user="passing")
    with house.calling(token) as client:
        house.books.accounts.change("passing", role="department", actor="test")
        problem(client.get("/api/v1/dashboard"), 403)
        house.books.accounts.remove("passing", actor="test")
        problem(client.get("/api/v1/dashboard"), 401)


def test_a_revoked_token_opens_nothing_and_lists_when_it_was_used(house):
    token = house.token("gone", "SEE_BOARD")
    with house.calling(token) as client:
        assert client.get("/api/v1/nodes").status_code == 200
        house.tokens.revoke("gone", actor="test")
        answer = client.get("/api/v1/nodes")
    problem(answer, 401)
    assert answer.headers["www-authenticate"].startswith("Bearer")
    (line,) = [one for one in house.tokens.listed() if one.name == "gone"]
    assert line.used_ms is not None
    assert line.revoked_by == "test"
    assert token.startswith(line.shown)
    assert len(line.shown) < len(token) / 4
    with house.books.engine.connect() as db:
        stored = str(db.exec_driver_sql("select * from api_token").all())
    assert token not in stored


def test_a_second_signature_is_a_persons(house):
    with house.calling(house.token("doors", "COMMAND_DOOR")) as client:
        answer = client.post("/api/v1/zone-commands/0123456789abcdef/second")
    assert problem(answer, 403)["type"] == "urn:gatehouse:rule:token.person"


def test_wrong_tokens_are_slowed_down_and_good_ones_are_not(house):
    good = house.token("good", "SEE_BOARD")
    with house.calling("gt_guess") as client:
        statuses = [client.get("/api/v1/dashboard").status_code for _ in range(WRONG_MAX + 1)]
        answer = client.get("/api/v1/dashboard")
    assert (statuses[0], statuses[-1]) == (401, 429)
    assert statuses == sorted(statuses)
    problem(answer, 429)
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert len(house.audited("token.wrong")) == 1
    with house.calling(good) as client:
        assert client.get("/api/v1/dashboard").status_code == 200


# --- once ------------------------------------------------------------------------------------------------------


def test_a_call_that_is_sent_twice_is_done_once_and_answered_twice(house):
    before = house.count(tables.booking)
    with house.calling(house.key("once")) as client:
        told = {"json": {"bookings": [BOOKING]}, "headers": {"idempotency-key": "once-1"}}
        first, second = (client.post("/api/v1/bookings", **told) for _ in range(2))
        other = {**told, "json": {"bookings": [{**BOOKING, "headcount": 2}]}}
        misused = client.post("/api/v1/bookings", **other)
    assert house.count(tables.booking) == before + 1
    assert first.json() == second.json()
    assert (first.json()[0]["status"], first.status_code) == ("new", second.status_code)
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert second.headers["content-type"] == first.headers["content-type"]
    problem(misused, 422)


def test_what_was_refused_is_judged_anew_under_the_same_key(house):
    key = {"idempotency-key": "walk-1"}
    with house.logged_in() as client:
        nowhere = client.post("/api/v1/walk-ins", json={**WALK_IN, "room": "R-nowhere"}, headers=key)
        problem(nowhere, 404)
        assert "idempotent-replayed" not in client.post("/api/v1/walk-ins", json=WALK_IN, headers=key).headers


def test_a_revoked_token_is_not_told_again(house):
    key = {"idempotency-key": "again"}
    with house.calling(house.token("twice", "IMPORT")) as client:
        assert client.post("/api/v1/imports/bookings", content=BOOKING_HEAD, headers=key).status_code == 200
        house.tokens.revoke("twice", actor="test")
        answer = client.post("/api/v1/imports/bookings", content=BOOKING_HEAD, headers=key)
    assert answer.status_code in {401, 429}
    assert "idempotent-replayed" not in answer.headers


def test_two_at_the_same_moment_do_it_once(house, monkeypatch):
    """The first is held between its claim and its answer; the second is told so."""
    inside, go_on = threading.Event(), threading.Event()
    finish = SqlAnswers.finish

    def held(self, *words):
        inside.set()
        assert go_on.wait(60)
        finish(self, *words)

    monkeypatch.setattr(SqlAnswers, "finish", held)
    key, seen = house.key("racing"), []

    def call():
        with house.calling(key) as client:
            told = {"json": {"bookings": [{**BOOKING, "external_ref": "K-2"}]}}
            seen.append(client.post("/api/v1/bookings", **told, headers={"idempotency-key": "race"}))

    first = threading.Thread(target=call)
    first.start()
    assert inside.wait(60)
    call()
    go_on.set()
    first.join(60)
    assert [answer.status_code for answer in seen] == [409, 200]


def put(client, revision: str):
    """One revision of a booking, its number as it is written here."""
    said = {name: value for name, value in BOOKING.items() if name not in {"external_ref", "revision"}}
    said |= {"arrival": "2029-01-01T14:00", "departure": "2029-01-02T12:00"}
    body = json.dumps(said)[:-1] + f', "revision": {revision}}}'
    return client.put("/api/v1/bookings/W-1", content=body, headers={"content-type": "application/json"})


def test_a_whole_number_may_be_written_with_a_point(house):
    with house.calling(house.key("whole")) as client:
        whole, pointed = put(client, "3"), put(client, "3.0")
    assert whole.status_code == 201, whole.text
    assert (pointed.status_code, pointed.json()["status"]) == (200, "unchanged")


@pytest.mark.parametrize("sent", ['"3"', "3.5", "true", "null", "1e400", "1e300"])
def test_what_is_no_whole_number_is_refused(house, sent):
    with house.calling(house.key(f"not whole {sent}")) as client:
        problem(put(client, sent), 422)


# --- pages of records ------------------------------------------------------------------------------------------


def test_the_stays_come_page_by_page_each_once_and_nobody_is_in_them(house):
    with house.calling(house.token("pages", "SEE_BOARD")) as client:
        whole = client.get("/api/v1/stays", params={"limit": 200}).json()
        found, cursor = [], ""
        for _ in range(100):
            page = client.get("/api/v1/stays", params={"limit": 2, "cursor": cursor}).json()
            found += page["items"]
            assert len(page["items"]) <= 2
            if page["next"] is None:
                break
            cursor = page["next"]
    assert found == whole["items"]
    assert len(found) >= STAYS
    assert whole["next"] is None
    names = {"stay", "listing", "room", "state", "planned_in_ms", "planned_out_ms", "checked_out_ms",
             "arrived", "headcount", "registered"}  # fmt: skip
    assert {name for one in found for name in one} == names


def test_a_hidden_stay_is_in_no_page(house):
    with house.calling(house.token("hidden", "SEE_BOARD")) as client:
        before = {one["stay"] for one in client.get("/api/v1/stays?limit=200").json()["items"]}
        SqlPrivacy(house.books.house).hide_stay("tujia", "B-0", actor="test", reason="in danger")
        after = {one["stay"] for one in client.get("/api/v1/stays?limit=200").json()["items"]}
    (hidden,) = before - after
    assert hidden.startswith("ST-")


@pytest.mark.parametrize("cursor", ["bm9ib2R5", "____", "a", "bm9kZQpnYXRlLTE"])
def test_a_cursor_that_is_none_is_one_sentence(house, cursor):
    with house.logged_in() as client:
        assert "begin without one" in problem(client.get(f"/api/v1/stays?cursor={cursor}"), 404)["detail"]


@pytest.mark.parametrize("path", ["listings", "stays", "cases", "nodes"])
def test_a_page_has_an_end(house, path):
    with house.logged_in(Role.ADMIN) as client:
        assert client.get(f"/api/v1/{path}?limit=200").status_code == 200
        for limit in ("0", "201", "many"):
            problem(client.get(f"/api/v1/{path}?limit={limit}"), 422)
        assert re.search("[\u4e00-\u9fff]", client.get(f"/api/v1/{path}").text) is None
