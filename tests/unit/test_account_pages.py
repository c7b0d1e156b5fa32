"""The login in two steps or by passkey, and one's own account, through the real application; phone and key are played."""

import html
import json
import re
import ssl

import httpx
import pyotp
import pytest
import sqlalchemy as sa

from cloud_sync.core.accounts import AccountRules, PasskeySite, SecondFactor
from cloud_sync.ports import SESSION_COOKIE
from cloud_sync.store.tables_model import duty
from cloud_sync.web.serve import PageServer
from cloud_sync.web.sessions import FORM_COOKIE, STEP_COOKIE
from cloud_sync.web.tls import ensure_local_authority
from tests.fakes.guarded import faults
from tests.fakes.soft_key import ORIGIN, RP_ID, SoftKey
from tests.fakes.web_house import ADMIN, PASSWORD, WebHouse, log_in, visiting

STEP_MS = 30_000
ANEW = f"{PASSWORD} anew"


@pytest.fixture
def house(tmp_path):
    made = WebHouse(tmp_path, passkey_site=PasskeySite(RP_ID, ORIGIN))
    made.add_admin()
    yield made
    made.close()


@pytest.fixture
def client(house):
    with visiting(
        house.app(), **{"accept-language": "en", "user-agent": "Mozilla/5.0 (X11; Linux) Firefox/140"}
    ) as made:
        made.event_hooks["response"].append(lambda said: guarded.extend(faults(said)))
        guarded = []
        yield made
    assert guarded == []


@pytest.fixture
def staff(client):
    assert log_in(client).status_code == 303
    return client


def hidden(page, name):
    return html.unescape(re.search(rf'name="{name}" value="([^"]*)"', page.text)[1])


def send(client, path, **form):
    """A form of one's own account, with the token of the page as it stands."""
    csrf = hidden(client.get("/account"), "csrf")
    return client.post(f"/account/{path}", data={"csrf": csrf, **form})


def code_of(house, secret):
    house.clock.now += STEP_MS
    return pyotp.TOTP(secret).at(house.clock.now // 1000)


def set_up_code(client, house):
    """The secret as the page shows it, and the page with the recovery codes."""
    page = send(client, "code", password=PASSWORD)
    secret = re.search(r'id="secret">([A-Z2-7 ]+)<', page.text)[1].replace(" ", "")
    assert 'src="data:image/svg+xml' in page.text
    shown = client.post(
        "/account/code/confirm",
        data={
            "csrf": hidden(page, "csrf"),
            "ceremony": hidden(page, "ceremony"),
            "code": code_of(house, secret),
        },
    )
    return secret, shown


def enter_code(client, code):
    page = client.get("/login/code")
    return client.post("/login/code", data={"csrf": hidden(page, "csrf"), "code": code})


def set_up_key(client, key):
    page = send(client, "passkey", password=PASSWORD)
    options = html.unescape(re.search(r'data-make="([^"]+)"', page.text)[1])
    form = {"ceremony": hidden(page, "ceremony"), "answer": key.create(options), "name": "my key"}
    return client.post("/account/passkey/confirm", data={"csrf": hidden(page, "csrf"), **form})


def sign_in(client, key, **other):
    csrf = hidden(client.get("/login"), "csrf")
    asked = client.post("/login/passkey/options", data={"csrf": csrf}).json()
    form = {"csrf": csrf, "ceremony": asked["ceremony"], "answer": key.get(asked["options"]), **other}
    return client.post("/login/passkey", data=form)


# --- the code ---------------------------------------------------------------------------------------------------------


def test_the_code_is_a_second_step_of_the_login_and_needs_no_script(staff, house):
    before = staff.cookies[SESSION_COOKIE]
    secret, shown = set_up_code(staff, house)
    assert len(re.findall(r"<li><code>", shown.text)) == 10
    assert staff.cookies[SESSION_COOKIE] != before
    assert staff.post("/logout", data={"csrf": hidden(shown, "csrf")}).status_code == 303
    first = log_in(staff)
    assert (first.status_code, first.headers["location"]) == (303, "/login/code")
    assert SESSION_COOKIE not in staff.cookies
    assert staff.get("/").headers["location"] == "/login"
    wrong = enter_code(staff, "000000")
    assert wrong.status_code == 401
    assert "This code is not right" in wrong.text
    assert enter_code(staff, code_of(house, secret)).headers["location"] == "/"
    assert staff.get("/").status_code == 200
    assert STEP_COOKIE not in staff.cookies


def test_a_step_nobody_began_or_that_took_too_long_leads_back_to_the_login(staff, house):
    assert staff.get("/login/code").headers["location"] == "/login"
    secret, shown = set_up_code(staff, house)
    staff.post("/logout", data={"csrf": hidden(shown, "csrf")})
    log_in(staff)
    house.clock.now += 6 * 60_000
    answer = enter_code(staff, code_of(house, secret))
    assert answer.status_code == 401
    assert "That took too long" in answer.text


def test_a_wrong_first_code_shows_the_same_secret_again_and_the_page_of_codes_comes_once(staff, house):
    page = send(staff, "code", password=PASSWORD)
    form = {"csrf": hidden(page, "csrf"), "ceremony": hidden(page, "ceremony")}
    again = staff.post("/account/code/confirm", data={**form, "code": "000000"})
    assert again.status_code == 409
    (secret,) = {re.search(r'id="secret">([^<]+)<', one.text)[1] for one in (page, again)}
    code = code_of(house, secret.replace(" ", ""))
    assert "recovery codes" in staff.post("/account/code/confirm", data={**form, "code": code}).text
    csrf = hidden(staff.get("/account"), "csrf")
    once_more = staff.post("/account/code/confirm", data={**form, "csrf": csrf, "code": code})
    assert once_more.status_code == 409
    assert "Begin again" in once_more.text


def test_it_is_turned_off_with_password_and_code(staff, house):
    secret, _ = set_up_code(staff, house)
    assert "Recovery codes left: 10" in staff.get("/account").text
    assert send(staff, "code/off", password=PASSWORD, code="000000").status_code == 409
    assert send(staff, "code/off", password=PASSWORD, code=code_of(house, secret)).status_code == 303
    assert "Set up a code" in staff.get("/account").text


# --- passkeys ---------------------------------------------------------------------------------------------------------


def test_a_passkey_is_made_named_used_and_removed(staff, client):
    key = SoftKey()
    done = set_up_key(staff, key)
    page = staff.get(done.headers["location"])
    assert "The passkey is kept" in page.text
    assert "my key" in page.text
    staff.post("/logout", data={"csrf": hidden(page, "csrf")})
    assert sign_in(staff, key).headers["location"] == "/"
    page = staff.get("/account")
    assert "with a passkey" in page.text
    removed = send(staff, "passkey/remove", password=PASSWORD, key=hidden(page, "key"))
    assert removed.headers["location"] == "/account?done=removed"
    assert sign_in_again(staff, key) == 401


def test_whoever_has_no_duty_today_is_told_so_whatever_they_log_in_with(staff, house):
    key = SoftKey()
    set_up_key(staff, key)
    over = {
        "duty": "DU-1",
        "user": ADMIN,
        "role": "admin",
        "scope": "community",
        "from_ms": 0,
        "until_ms": 1,
        "given_by": "x",
    }
    with house.engine.begin() as db:
        db.execute(sa.insert(duty).values(community=house.services.community, **over))
    assert staff.get("/account", follow_redirects=False).status_code == 303
    said = sign_in(staff, key)
    assert (said.status_code, "no duty today" in said.text) == (403, True)
    form = {"csrf": hidden(staff.get("/login"), "csrf"), "name": ADMIN, "password": PASSWORD}
    said = staff.post("/login", data=form)
    assert (said.status_code, "no duty today" in said.text) == (403, True)


def sign_in_again(client, key):
    client.post("/logout", data={"csrf": hidden(client.get("/account"), "csrf")})
    return sign_in(client, key).status_code


@pytest.mark.parametrize(
    "answer", ["", "{}", "[]", "null", '{"id": 1}', json.dumps({"id": "x", "rawId": "x", "response": {}})]
)
def test_an_answer_that_is_none_is_refused_in_words(client, answer):
    said = sign_in(client, SoftKey(), answer=answer)
    assert said.status_code == 401
    assert "This passkey was not accepted" in said.text


def test_a_forged_form_asks_for_no_passkey(client):
    client.get("/login")
    assert client.post("/login/passkey/options", data={"csrf": "forged"}).status_code == 403


def test_without_a_name_of_their_own_the_pages_offer_no_passkey(tmp_path):
    house = WebHouse(tmp_path)
    house.add_admin()
    with visiting(house.app(), **{"accept-language": "en"}) as client:
        assert "passkey" not in client.get("/login").text
        assert client.post("/login/passkey").status_code == 404
        log_in(client)
        assert 'id="no-passkeys"' in client.get("/account").text
        assert send(client, "passkey", password=PASSWORD).status_code == 409
    house.close()


# --- sessions and password --------------------------------------------------------------------------------------------


def test_a_login_ends_what_this_browser_had_before_and_has_another_token(staff, house):
    before = staff.cookies[SESSION_COOKIE]
    house.accounts.add("li", "guard", PASSWORD, actor="test")
    staff.cookies.set(FORM_COOKIE, "known")
    staff.post("/login", data={"csrf": "known", "name": "li", "password": PASSWORD})
    assert house.accounts.session(before) is None


def test_logins_are_listed_by_device_and_ended_one_by_one_or_all_at_once(staff, house):
    others = [
        house.accounts.login(ADMIN, PASSWORD, device) for device in ("Safari/iOS", "/", "Chrome/Windows")
    ]
    page = staff.get("/account").text
    for text in (
        "Firefox on Linux",
        "Safari on iOS",
        "A browser on an unknown system",
        "this one",
        "with the password",
    ):
        assert text in page
    send(staff, "sessions/end", login=re.search(r'name="login" value="([^"]+)"', page)[1])
    assert sum(house.accounts.session(token) is not None for token in others) == 2
    assert send(staff, "sessions/end-others").headers["location"] == "/account?done=ended"
    assert not any(house.accounts.session(token) for token in others)
    assert staff.get("/account").status_code == 200


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"password": "not this one", "new": ANEW, "again": ANEW}, "not your password"),
        ({"password": PASSWORD, "new": ANEW, "again": PASSWORD}, "not the same"),
        ({"password": PASSWORD, "new": "short", "again": "short"}, "at least 10 characters"),
    ],
)
def test_a_password_that_is_not_changed_says_why(staff, form, sentence):
    answer = send(staff, "password", **form)
    assert answer.status_code == 409
    assert sentence in answer.text


def test_a_changed_password_ends_every_login_and_this_browser_goes_on(staff, house):
    other = house.accounts.login(ADMIN, PASSWORD)
    send(staff, "password", password=PASSWORD, new=ANEW, again=ANEW)
    assert house.accounts.session(other) is None
    assert staff.get("/").status_code == 200
    assert house.accounts.login(ADMIN, ANEW)


def test_an_idle_login_is_over(staff, house):
    house.clock.now += house.accounts.logins.rules.idle_ms
    assert staff.get("/account").headers["location"] == "/login"


@pytest.mark.parametrize(
    "path",
    [
        "sessions/end",
        "sessions/end-others",
        "password",
        "code",
        "code/confirm",
        "code/off",
        "passkey",
        "passkey/confirm",
        "passkey/remove",
    ],
)
def test_every_form_needs_the_pages_token_and_a_login(staff, path):
    assert staff.post(f"/account/{path}", data={"csrf": "forged", "password": PASSWORD}).status_code == 403
    staff.cookies.clear()
    assert staff.post(f"/account/{path}").headers["location"] == "/login"


# --- who needs one ----------------------------------------------------------------------------------------------------


def test_who_should_have_a_second_factor_is_told_where_the_day_begins(staff, house):
    assert 'id="advice"' in staff.get("/").text
    assert 'id="advice"' not in staff.get("/account").text
    set_up_code(staff, house)
    assert 'id="advice"' not in staff.get("/").text


def test_where_one_is_required_every_page_leads_to_its_set_up(staff, house):
    house.accounts.logins.rules = AccountRules(second_factor=SecondFactor.REQUIRE)
    for path in ("/", "/morning", "/parts/board"):
        assert staff.get(path).headers["location"] == "/account"
    assert staff.get("/api/v1/dashboard").status_code == 401
    page = staff.get("/account")
    assert "needs a second factor" in page.text
    assert staff.post("/logout", data={"csrf": hidden(page, "csrf")}).headers["location"] == "/login"
    log_in(staff)
    key = SoftKey()
    set_up_key(staff, key)
    page = staff.get("/")
    assert page.status_code == 200
    staff.post("/logout", data={"csrf": hidden(page, "csrf")})
    refused = log_in(staff)
    assert refused.status_code == 401
    assert "log in with it" in refused.text
    assert sign_in(staff, key).status_code == 303


# --- over TLS ---------------------------------------------------------------------------------------------------------


def test_over_tls_every_cookie_is_for_tls_only_and_every_answer_is_guarded(house, tmp_path):
    tls = ensure_local_authority(tmp_path / "tls", ["127.0.0.1"])
    trust = ssl.create_default_context(cafile=tls.ca)
    with PageServer(house.app(), "127.0.0.1", 0, tls) as server, httpx.Client(verify=trust) as client:
        client.base_url = server.url
        answers = [log_in(client), client.get("/account"), client.get("/?lang=en"), client.get("/nowhere")]
        _, shown = set_up_code(client, house)
        answers += [
            shown,
            client.post("/logout", data={"csrf": hidden(shown, "csrf")}),
            log_in(client),
            client.get("/login/code"),
        ]
    assert [faults(answer) for answer in answers] == [[]] * len(answers)
    cookies = " ".join(cookie for answer in answers for cookie in answer.headers.get_list("set-cookie"))
    assert {name for name in (SESSION_COOKIE, FORM_COOKIE, STEP_COOKIE) if f"{name}=" in cookies} == {
        SESSION_COOKIE,
        FORM_COOKIE,
        STEP_COOKIE,
    }
