"""What goes wrong around a guest's page is told to the guest: no dashboard, no log, always a next step."""

import pytest

from cloud_sync.errors import StoreError
from cloud_sync.web.guest.words import FAULTS, RULES, of_status
from cloud_sync.web.language import Lang
from cloud_sync.web.texts import texts
from tests.fakes.guest_house import PHONE, GuestHouse
from tests.fakes.web_house import visiting

LANGS = {"en": Lang.EN, "zh-CN": Lang.ZH}


@pytest.fixture
def house(tmp_path):
    made = GuestHouse(tmp_path)
    yield made
    made.close()


@pytest.fixture(params=sorted(LANGS))
def phone(house, request):
    """A guest's phone that prefers this language."""
    with visiting(house.app(), **{"accept-language": request.param}) as client:
        yield client


def say(phone):
    return texts(LANGS[phone.headers["accept-language"]])


def told(phone, answer, said):
    """The page is a guest's own, with this sentence, and a number to call."""
    assert said.sentence(say(phone)) in answer.text
    assert PHONE in answer.text
    assert 'class="guest"' in answer.text


def failing(error):
    def fail(*_args: object, **_more: object) -> None:
        raise error

    return fail


LONG = "x" * 65
HUGE = "x" * 70_000


@pytest.mark.parametrize(
    ("method", "path", "form", "status"),
    [
        ("GET", "/g/{token}/nothing", None, 404),
        ("GET", "/g/a/b/c/d", None, 404),
        ("GET", "/arrive/!!", None, 404),
        ("PUT", "/g/{token}", None, 405),
        ("POST", "/g/{token}/notice", {"notice": LONG}, 422),
        ("POST", "/arrive/AP-1", {"booking": LONG}, 422),
        ("POST", "/g/{token}/me", {"name": HUGE}, 413),
        ("POST", "/g/{token}/me", {f"field{n}": "x" for n in range(100)}, 400),
    ],
)
def test_every_fault_is_a_page_of_the_guests_own(phone, house, method, path, form, status):
    answer = phone.request(method, path.format(token=house.token), data=form)
    assert answer.status_code == status
    told(phone, answer, FAULTS[status])


def test_a_fault_below_a_link_leads_back_to_it(phone, house):
    answer = phone.get(f"/g/{house.token}/nothing")
    assert f'href="/g/{house.token}"' in answer.text


@pytest.mark.parametrize(("error", "status"), [(StoreError("locked"), 503), (RuntimeError("a bug"), 500)])
def test_a_fault_of_ours_sends_no_guest_to_a_log(phone, house, monkeypatch, error, status):
    monkeypatch.setattr(type(house.registry), "guest_view", failing(error))
    answer = phone.get(f"/g/{house.token}/pass")
    assert answer.status_code == status
    told(phone, answer, FAULTS[status])


def test_too_many_tries_at_a_door_say_how_long_to_wait(phone):
    answers = [phone.post("/arrive/AP-gate", data={"booking": "1001"}) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    told(phone, answers[-1], FAULTS[429])


def test_a_guest_who_is_not_of_this_stay_has_not_lost_the_link(phone, house):
    answer = phone.post(f"/g/{house.token}/pin", data={"who": "SJ-nobody"})
    assert answer.status_code == 404
    told(phone, answer, RULES["guest.member"])


def test_a_phone_keeps_a_page_for_the_time_without_a_network(phone):
    answer = phone.get("/g/offline")
    assert answer.status_code == 200
    assert ("用" if say(phone).lang is Lang.ZH else "works without") in answer.text


def test_a_status_nobody_thought_of_is_a_fault_of_ours():
    assert of_status(418) is FAULTS[500]


# --- the same, to the program in the page ------------------------------------------------------------------------


def detail(answer, status):
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.json()["detail"]


@pytest.mark.parametrize("token", ["0" * 32, "x"])
def test_a_link_that_is_none_is_said_to_the_program_too(phone, token):
    answer = phone.post(f"/api/v1/guest/{token}/code-key", json={"public_key": "A" * 43 + "="})
    assert detail(answer, 404) == RULES["link"].sentence(say(phone))
    assert answer.json()["type"] == "urn:gatehouse:rule:link"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("POST", "code-key", 422), ("GET", "code-key", 405), ("GET", "nothing", 404)],
)
def test_the_interface_tells_a_guest_what_to_do_next(phone, house, method, path, status):
    answer = phone.request(method, f"/api/v1/guest/{house.token}/{path}")
    assert detail(answer, status) == FAULTS[status].sentence(say(phone))


def test_a_rule_is_said_in_a_guests_words_with_the_fault_beside_it(phone, house):
    wish = {"purpose": "face_access", "text_version": "face_access-0", "language": "zh"}
    answer = phone.post(f"/api/v1/guest/{house.token}/consents", json=wish)
    assert detail(answer, 403) == RULES["consent.version"].sentence(say(phone))
    assert answer.json()["type"] == "urn:gatehouse:rule:consent.version"
    assert answer.json()["fault"]


@pytest.mark.parametrize(("error", "status"), [(StoreError("locked"), 503), (RuntimeError("a bug"), 500)])
def test_a_fault_of_ours_is_said_to_the_program_too(phone, house, monkeypatch, error, status):
    monkeypatch.setattr(type(house.registry), "bind_code_key", failing(error))
    key = {"public_key": "A" * 43 + "="}
    answer = phone.post(f"/api/v1/guest/{house.token}/code-key", json=key)
    assert detail(answer, status) == FAULTS[status].sentence(say(phone))
