"""Who may log in, and what ends when that changes."""

import subprocess
import sys

import pytest

from cloud_sync.errors import Refused
from tests.fakes.web_house import ADMIN, PASSWORD, WebHouse

ANEW = f"{PASSWORD}-anew"


@pytest.fixture
def house(tmp_path):
    made = WebHouse(tmp_path)
    made.add_admin()
    made.accounts.add("li", "guard", PASSWORD, actor="test")
    yield made
    made.close()


def test_a_new_password_ends_what_was_open_with_the_old_one(house):
    token = house.accounts.login("li", PASSWORD)
    house.accounts.change("li", password=ANEW, actor="test")
    assert house.accounts.session(token) is None
    assert house.accounts.login("li", PASSWORD) is None
    assert house.accounts.login("li", ANEW)


def test_a_new_password_ends_the_wait_after_wrong_ones(house):
    for _ in range(6):
        assert house.accounts.login("li", "forgotten it") is None
    assert house.accounts.login("li", PASSWORD) is None
    house.accounts.change("li", password=ANEW, actor="test")
    assert house.accounts.login("li", ANEW)


def test_another_role_holds_from_the_next_login(house):
    token = house.accounts.login("li", PASSWORD)
    house.accounts.change("li", role="officer", actor="test")
    assert house.accounts.session(token) is None
    assert house.accounts.session(house.accounts.login("li", PASSWORD)).user.role == "officer"


def test_who_is_removed_is_out_at_once_and_nobody_gets_the_name(house):
    token = house.accounts.login("li", PASSWORD)
    house.accounts.remove("li", actor="test")
    assert house.accounts.session(token) is None
    assert house.accounts.login("li", PASSWORD) is None
    with pytest.raises(Refused, match="somebody who left"):
        house.accounts.add("li", "guard", PASSWORD, actor="test")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda house: house.accounts.remove(ADMIN, actor="test"), "the last administrator"),
        (lambda house: house.accounts.change(ADMIN, role="guard", actor="test"), "the last administrator"),
        (lambda house: house.accounts.change("nobody", role="guard", actor="test"), "nobody named 'nobody'"),
        (lambda house: house.accounts.change("li", role="king", actor="test"), "no role 'king'"),
        (lambda house: house.accounts.change("li", password="short", actor="test"), "at least 10 characters"),
    ],
)
def test_what_may_not_be_is_one_sentence_and_changes_nothing(house, change, sentence):
    before = house.accounts.users()
    with pytest.raises(Refused, match=sentence):
        change(house)
    assert house.accounts.users() == before
    assert house.accounts.login("li", PASSWORD)


def test_the_programs_hash_passwords_as_rfc_9106_has_it_for_little_memory():
    """Asked in a process of its own: the suites' quick parameters are these here."""
    asked = "from cloud_sync.store.accounts import HASHER; print(HASHER.hash('x').rpartition('$')[0])"
    said = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout
    assert said.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
