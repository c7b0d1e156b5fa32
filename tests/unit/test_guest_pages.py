"""The guest's pages without a script: every step works, nothing personal leaks, every no is a page."""

import re

import pytest

from cloud_sync.core.mrz_form import fields_of_zone
from cloud_sync.core.self_registration import FormFault
from cloud_sync.protocol.messages import PREREQ_MORE_TIME
from tests.fakes.guest_house import ADULT, COMPANION, FORM, PHONE, GuestHouse
from tests.fakes.web_house import visiting
from tests.unit.test_mrz import TD1, TD2, TD3, TODAY


@pytest.fixture
def house(tmp_path):
    made = GuestHouse(tmp_path, headcount=2)
    yield made
    made.close()


@pytest.fixture
def client(house):
    with visiting(house.app(), **{"accept-language": "en"}) as made:
        yield made


@pytest.fixture
def home(house):
    return f"/g/{house.token}"


def read(client, home):
    page = client.get(f"{home}/notice").text
    versions = dict(re.findall(r'name="(notice|rules)" value="([^"]+)"', page))
    return client.post(f"{home}/notice", data=versions)


def at(answer):
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def test_the_whole_way_without_a_script(client, home, house):
    assert at(client.get(home)) == f"{home}/notice"
    assert at(read(client, home)) == home
    assert at(client.get(home)) == f"{home}/me"
    assert at(client.post(f"{home}/me", data=FORM)) == f"{home}/people"
    assert at(client.post(f"{home}/people", data=COMPANION)) == f"{home}/people"
    assert at(client.get(home)) == f"{home}/face"
    assert at(client.post(f"{home}/face", data={"answer": "no"})) == f"{home}/pass"
    assert at(client.get(home)) == f"{home}/pass"
    assert "Turn left behind the south gate." in client.get(f"{home}/pass").text
    assert len(house.rows()) == 2


def test_a_changed_house_rule_is_shown_again(client, home, house):
    house.registry.read_notice(house.token, "registration-1", "rules-of-yesterday")
    assert at(client.get(home)) == f"{home}/notice"


def test_no_page_names_anybody_and_no_cookie_holds_what_was_typed(client, home):
    read(client, home)
    client.post(f"{home}/me", data=FORM)
    client.post(f"{home}/people", data=COMPANION)
    for path in ("notice", "people", "face", "pass", "leave", "data"):
        page = client.get(f"{home}/{path}").text
        for word in (FORM["name"], ADULT, COMPANION["name"], COMPANION["document_number"]):
            assert word not in page, path
    assert dict(client.cookies) == {}


def test_a_link_nobody_has_is_a_page_and_tells_nothing(client):
    for path in ("", "/notice", "/me", "/pass", "/data"):
        answer = client.get(f"/g/{'0' * 32}{path}")
        assert answer.status_code == 404
        assert "This link is not valid any more: ask whoever sent it" in answer.text


def test_a_refusal_is_a_page_with_a_way_back(client, home):
    read(client, home)
    client.post(f"{home}/me", data=FORM)
    answer = client.post(f"{home}/leave")
    assert answer.status_code == 403
    assert "cancel it where you booked it" in answer.text
    assert f'href="{home}"' in answer.text


@pytest.mark.story("13b")
def test_where_a_person_has_to_look_the_page_says_so_and_whom_to_call(tmp_path):
    house = GuestHouse(tmp_path, profile="cn-default")
    house.read_notice()
    house.registry.register_self(house.token, FORM)
    with visiting(house.app(), **{"accept-language": "en"}) as client:
        page = client.get(f"/g/{house.token}/pass").text
    assert "show the document to the gate staff" in page
    assert PHONE in page
    assert "data-waiting" in page
    house.close()


def test_a_form_with_a_file_or_a_thousand_fields_is_not_taken(client, home):
    read(client, home)
    answer = client.post(f"{home}/me", data=FORM, files={"picture": ("me.jpg", b"\xff\xd8\xff")})
    assert answer.status_code == 400
    answer = client.post(f"{home}/me", data={f"field{n}": "x" for n in range(1000)})
    assert answer.status_code == 400


def test_a_who_from_the_address_never_leaves_this_site(client, home):
    read(client, home)
    client.post(f"{home}/me", data=FORM)
    answer = client.post(f"{home}/face", data={"answer": "no", "who": "x\r\nlocation: //elsewhere"})
    assert "elsewhere" not in str(answer.headers)


def test_the_worker_speaks_for_guests_pages_only_and_our_clock_is_told(client, house):
    worker = client.get("/g/worker.js")
    assert worker.headers["content-type"].startswith("text/javascript")
    assert "service-worker-allowed" not in worker.headers
    assert client.get("/g/now").json() == {"now_ms": house.clock.now_ms()}


def test_every_sentence_of_a_guest_exists_in_both_languages_on_the_page(client, home):
    read(client, home)
    client.post(f"{home}/me", data=FORM)
    zh = client.get(f"{home}/pass?lang=zh").text
    assert "您的通行证" in zh
    assert "Your pass" not in zh


def registered(client, home):
    read(client, home)
    client.post(f"{home}/me", data=FORM)
    client.post(f"{home}/people", data=COMPANION)


def test_a_page_that_is_loaded_again_after_a_button_goes_on_and_never_to_the_staffs_pages(client, home):
    registered(client, home)
    for path in ("pin", "draft", "face/remove", "face/alike/remove"):
        assert at(client.get(f"{home}/{path}")).startswith(home)
    lost = client.get("/g/")
    assert lost.status_code == 404
    assert "open the link you were sent once more" in lost.text
    assert 'class="button" href="/"' not in lost.text


def test_when_everybody_is_registered_the_way_on_stands_before_the_form(client, home):
    read(client, home)
    client.post(f"{home}/me", data=FORM)
    assert 'class="button plain" id="on"' in client.get(f"{home}/people").text
    client.post(f"{home}/people", data=COMPANION)
    page = client.get(f"{home}/people").text
    assert 'class="button" id="on"' in page
    assert "<details>" in page


def test_the_pass_says_when_it_is_ready_and_looks_again_by_itself_while_it_is_not(client, home):
    registered(client, home)
    ready = client.get(f"{home}/pass").text
    assert 'id="ready"' in ready
    assert "data-waiting" not in ready


def test_who_asks_for_more_time_has_it_on_the_pass_and_may_take_the_wish_back(client, home, house):
    read(client, home)
    client.post(f"{home}/me", data=FORM)
    client.post(f"{home}/people", data={"done": "yes"})
    assert "More time at the doors" in client.get(f"{home}/pass").text
    assert [row.prereq & PREREQ_MORE_TIME for row in house.rows()] == [0]
    assert at(client.post(f"{home}/more-time", data={"wanted": "yes"})) == f"{home}/pass"
    assert [row.prereq & PREREQ_MORE_TIME for row in house.rows()] == [PREREQ_MORE_TIME]
    assert "ten seconds longer" in client.get(f"{home}/pass").text
    client.post(f"{home}/more-time", data={"wanted": "no"})
    assert [row.prereq & PREREQ_MORE_TIME for row in house.rows()] == [0]


# --- the lines of a document ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [TD3, TD2, TD1, TD3.replace("\n", " "), TD3.lower().replace("<<", "«")])
def test_the_lines_of_a_document_become_fields_however_they_were_broken(text):
    fields = fields_of_zone(text, TODAY)
    assert isinstance(fields, dict)
    assert (fields["name"], fields["birth_date"], fields["sex"]) == ("ERIKSSON ANNA MARIA", "1974-08-12", "F")
    assert fields.get("document_type") == ("passport" if "P<UTO" in text.upper() else None)


@pytest.mark.parametrize(
    ("right", "wrong", "fault"),
    [
        ("L898902C3", "L898902C4", FormFault.MRZ_NUMBER),
        ("740812", "740813", FormFault.MRZ_BIRTH),
        ("120415", "120416", FormFault.MRZ_EXPIRY),
        ("ZE184226", "ZE184227", FormFault.MRZ_PERSONAL),
        ("<<<10", "<<<11", FormFault.MRZ_WHOLE),
        ("<<<10", "<<<1", FormFault.MRZ_SHAPE),
    ],
)
def test_the_check_digit_that_does_not_fit_is_named(right, wrong, fault):
    assert fields_of_zone(TD3.replace(right, wrong), TODAY) is fault


def test_the_lines_fill_the_form_without_a_script_and_are_not_kept(client, home):
    read(client, home)
    typed = {"name": "half", "guardian_contact": "", "mrz": TD3, "read": "mrz"}
    page = client.post(f"{home}/me", data=typed)
    assert page.status_code == 200
    assert 'id="zone-read"' in page.text
    for value in ("ERIKSSON ANNA MARIA", "L898902C3", "1974-08-12", 'value="UTO"'):
        assert value in page.text
    assert "P&lt;UTO" not in page.text
    assert "L898902C3" in client.get(f"{home}/me").text, "kept as a draft is"
    wrong = client.post(f"{home}/me", data=typed | {"mrz": TD3.replace("740812", "740813")})
    assert wrong.status_code == 422
    assert "The check digit after the birth date does not fit: compare every character" in wrong.text
    assert "P&lt;UTO" in wrong.text
    assert at(client.post(f"{home}/me", data=FORM | {"read": "mrz", "mrz": " "})) == f"{home}/people"
