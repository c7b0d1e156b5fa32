"""The pages through the real application and the real store."""

import re
import ssl
from html.parser import HTMLParser

import httpx
import pytest

from cloud_sync.core.roles import Role
from cloud_sync.errors import StoreError
from cloud_sync.ports import SESSION_COOKIE
from cloud_sync.web.serve import PageServer
from cloud_sync.web.sessions import FORM_COOKIE
from cloud_sync.web.tls import ensure_local_authority
from tests.fakes.web_house import ADMIN, FACE_DOOR, GATE, PASSWORD, WebHouse, door, log_in, visiting


@pytest.fixture
def house(tmp_path):
    made = WebHouse(tmp_path)
    yield made
    made.close()


@pytest.fixture
def client(house):
    with visiting(house.app(), **{"accept-language": "en"}) as made:
        yield made


@pytest.fixture
def staff(house, client):
    house.add_admin()
    assert log_in(client).status_code == 303
    return client


def first_run(client, house, **other):
    client.get("/first-run")
    form = {
        "csrf": client.cookies[FORM_COOKIE],
        "name": ADMIN,
        "password": PASSWORD,
        "again": PASSWORD,
        "setup_token": house.setup_token,
    }
    return client.post("/first-run", data={**form, **other})


# --- first run and login --------------------------------------------------------------------------------------


def test_a_fresh_house_leads_to_the_first_run(client):
    assert client.get("/").headers["location"] == "/first-run"
    assert client.get("/login").headers["location"] == "/first-run"


def test_the_setup_token_makes_the_first_administrator_and_opens_the_dashboard(client, house):
    answer = first_run(client, house)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert client.get("/").status_code == 200


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ({"setup_token": "guessed"}, "not the setup token"),
        ({"again": "something else entirely"}, "not the same"),
        ({"password": "short", "again": "short"}, "at least 10 characters"),
        ({"name": "  "}, "Choose a name"),
        ({"csrf": "forged"}, "This form has expired"),
    ],
)
def test_a_first_run_that_is_refused_says_why_and_makes_nobody(client, house, other, sentence):
    answer = first_run(client, house, **other)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert not house.accounts.has_users()


def test_there_is_one_first_run_only(client, house):
    house.add_admin()
    assert client.get("/first-run").headers["location"] == "/login"


def test_who_gave_the_guard_a_login_first_can_still_make_the_administrator(client, house):
    house.accounts.add("li", Role.GUARD, PASSWORD, actor="test")
    assert client.get("/first-run").status_code == 200
    assert first_run(client, house).status_code == 303
    assert house.accounts.has_admin()


def test_a_wrong_password_is_told_in_the_readers_language(client, house):
    house.add_admin()
    client.headers["accept-language"] = "zh-CN"
    answer = log_in(client, password="not this one")
    assert answer.status_code == 401
    assert "用户名或密码不正确" in answer.text
    assert SESSION_COOKIE not in client.cookies


def test_a_forged_login_form_is_refused_though_the_password_is_right(client, house):
    house.add_admin()
    client.get("/login")
    answer = client.post("/login", data={"csrf": "forged", "name": ADMIN, "password": PASSWORD})
    assert answer.status_code == 403
    assert SESSION_COOKIE not in client.cookies


def test_the_session_cookie_is_for_this_site_and_no_script(client, house):
    house.add_admin()
    cookie = log_in(client).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Secure" not in cookie


def test_over_tls_the_session_cookie_is_for_tls_only(house, tmp_path):
    house.add_admin()
    tls = ensure_local_authority(tmp_path / "tls", ["127.0.0.1"])
    trust = ssl.create_default_context(cafile=tls.ca)
    with PageServer(house.app(), "127.0.0.1", 0, tls) as server, httpx.Client(verify=trust) as client:
        client.base_url = server.url
        answer = log_in(client)
    cookies = answer.headers.get_list("set-cookie")
    assert [cookie for cookie in cookies if cookie.startswith(SESSION_COOKIE) and "Secure" in cookie]
    assert answer.headers["strict-transport-security"]


def test_logging_out_needs_the_pages_token_and_ends_the_session(staff):
    assert staff.post("/logout", data={"csrf": "forged"}).status_code == 403
    token = re.search(r'name="csrf" value="([^"]+)"', staff.get("/").text)[1]
    assert staff.post("/logout", data={"csrf": token}).headers["location"] == "/login"
    assert staff.get("/").headers["location"] == "/login"


# --- the dashboard --------------------------------------------------------------------------------------------


def test_an_empty_house_says_what_to_do_next(staff):
    page = staff.get("/").text
    assert "No gate has reported yet" in page
    assert "gatehouse-sync node add" in page


def test_each_number_shows_numerator_denominator_and_as_of_time(staff, house):
    house.add_nodes()
    house.guest_link()
    house.tell("access.denied", decision="deny", reason="CredentialNotFound", credential_kind="face")
    house.tell("access.granted", decision="allow", credential_kind="qr")
    page = " ".join(staff.get("/").text.split())
    denied = page[page.index('id="tile-denied"') : page.index('class="columns"')]
    assert '<strong>1</strong><span class="of">/ 2</span><span class="percent">50%</span>' in denied
    assert "as of <time>" in denied
    expected = page[page.index('id="tile-expected"') : page.index('id="tile-arrived"')]
    assert '<strong>0</strong><span class="of">/ 1</span>' in expected


def test_a_door_says_plainly_what_it_does_not_check(staff, house):
    house.add_nodes()
    house.report("gate-1", [door(GATE, **FACE_DOOR)])
    page = staff.get("/").text
    for text in (
        "off (demo)",
        "yunet-sface",
        "0.497",
        "face alone",
        "indicative: fewer than ten mix-ups measured",
        "verified with simulated ones",
        "1 in 1,250 strangers",
        ">41<",
    ):
        assert text in page
    staff.headers["accept-language"] = "zh"
    page = staff.get("/").text
    for text in ("活体检测关闭（演示）", "仅人脸", "仅供参考：实测误认不足十次", "仅以模拟人员验证"):
        assert text in page


def test_a_door_without_a_safe_threshold_says_why_and_what_it_does_instead(staff, house):
    house.add_nodes()
    said = {"threshold": None, "expected_fpir": None, "tail": None, "threshold_note": "1:N is refused."}
    more = {**FACE_DOOR, **said, "face": "code", "face_mode": "one_to_n_else_code", "gallery_n": 1900}
    house.report("gate-1", [door(GATE, **more)])
    page = staff.get("/").text
    for text in ("asks for the code: no safe threshold", "face, else code", "1:N is refused.", ">1900<"):
        assert text in page


def test_a_forced_door_and_a_silent_node_are_shown_as_bad(staff, house):
    house.add_nodes()
    house.report(
        "gate-1", [door(GATE, alarm="FORCED", contact="open")], faults=["AP-dongfang-001: lock is silent"]
    )
    page = staff.get("/").text
    assert re.search(r'<article class="node bad" id="node-gate-1">.*?<tr class="bad">', page, re.DOTALL)
    assert "lock is silent" in page
    assert "not heard yet" in page
    house.clock.now += 10 * 60_000
    assert "silent for 10 min" in staff.get("/").text


def test_a_refusal_is_shown_with_its_reason_in_words_and_never_with_its_code(staff, house):
    house.add_nodes()
    house.tell("access.denied", decision="deny", reason="x:NotRegistered", credential_kind="qr", live=False)
    page = staff.get("/").text
    assert "the registration is not verified" in page
    assert "x:NotRegistered" not in page
    assert "sent later" in page


def test_open_discrepancies_are_listed_by_name_and_urgency(staff, house):
    house.add_nodes()
    house.open_case("D01", "S1", "ST-7")
    page = staff.get("/").text
    for text in ("D01", "Entered, not registered", "act now", "ST-7"):
        assert text in page


def test_every_node_has_a_page_of_its_own(staff, house):
    house.add_nodes()
    page = staff.get("/nodes/building-7").text
    assert "Building 7, entrance 1" in page
    assert "East gate" not in page


def test_the_parts_of_the_page_come_each_for_their_own_place(staff, house):
    house.add_nodes()
    page = staff.get("/parts/board").text
    for place in ("notes", "tiles", "cases", "nodes"):
        assert f'<div id="{place}" hx-swap-oob="innerHTML">' in page


def test_a_part_asked_for_after_the_session_ended_sends_the_whole_page_to_the_login(client, house):
    house.add_admin()
    answer = client.get("/parts/board", headers={"hx-request": "true"})
    assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/login")


# --- language ---------------------------------------------------------------------------------------------------


def test_the_language_link_keeps_the_page_and_is_remembered(staff, house):
    house.add_nodes()
    page = staff.get("/nodes/building-7").text
    assert 'href="/nodes/building-7?lang=zh"' in page
    switched = staff.get("/nodes/building-7?lang=zh")
    assert '<html lang="zh-CN">' in switched.text
    assert "返回总览" in switched.text
    assert '<html lang="zh-CN">' in staff.get("/").text


# --- what every page keeps ----------------------------------------------------------------------------------------


class Scripts(HTMLParser):
    """Collects what a strict policy would refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.faults = []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.faults += [f"{tag} {name}" for name in given if name.startswith("on") or name == "style"]
        if tag == "style" or (tag == "script" and "src" not in given):
            self.faults.append(f"inline {tag}")
        self.faults += [
            f"{tag} {url}" for name, url in attrs if name in ("src", "href") and "//" in (url or "")
        ]


@pytest.mark.parametrize("path", ["/", "/nodes/building-7", "/parts/board", "/parts/entries", "/nowhere"])
def test_no_page_has_inline_script_or_style_or_anything_from_elsewhere(staff, house, path):
    house.add_nodes()
    house.tell("access.granted", decision="allow")
    answer = staff.get(path)
    scripts = Scripts()
    scripts.feed(answer.text)
    assert scripts.faults == []
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_a_page_that_is_not_there_says_so_in_words(staff):
    answer = staff.get("/nodes/never-heard-of")
    assert answer.status_code == 404
    assert "There is no such page" in answer.text
    assert staff.get("/api/v1/nothing").headers["content-type"] == "application/problem+json"


def test_a_store_that_does_not_answer_is_a_page_in_words_without_its_path(staff, house, monkeypatch):
    def fail(*_args):
        raise StoreError("sync.db on /secret/place is locked")

    monkeypatch.setattr(house.reader, "dashboard", fail)
    answer = staff.get("/")
    assert answer.status_code == 503
    assert "The gates work on by themselves" in answer.text
    assert "/secret/place" not in answer.text


def test_a_crash_is_a_page_in_words_with_all_headers(staff, house, monkeypatch):
    def crash(*_args):
        raise ZeroDivisionError

    monkeypatch.setattr(house.reader, "dashboard", crash)
    answer = staff.get("/")
    assert answer.status_code == 500
    assert "Something went wrong here" in answer.text
    assert "script-src 'self'" in answer.headers["content-security-policy"]


def test_a_form_larger_than_any_form_is_refused(client, house):
    house.add_admin()
    answer = client.post("/login", data={"name": "x" * 100_000})
    assert answer.status_code == 413
    assert "smaller parts" in answer.text


def test_names_in_the_records_cannot_write_html(staff, house):
    house.add_nodes()
    house.open_case("D01", "S2", "<b>bold</b>")
    page = staff.get("/").text
    assert "&lt;b&gt;bold&lt;/b&gt;" in page
    assert "<b>bold" not in page
