"""Who may log in, and what ends when that changes."""

import subprocess
import sys

import pyotp
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from cloud_sync.cli import app
from cloud_sync.compose import open_books, set_up
from cloud_sync.config import load
from cloud_sync.errors import Refused
from cloud_sync.store import tables
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


def test_a_lost_phone_is_one_command_with_a_reason_on_record(tmp_path):
    config = tmp_path / "gatehouse-sync.toml"
    config.write_text(
        'data_dir = "data"\n[community]\ncode = "dongfang"\nname_zh = "东方"\nname_en = "Dongfang"\n'
    )
    set_up(load(config))
    books = open_books(load(config))
    books.accounts.add("li", "officer", PASSWORD, actor="test")
    token = books.accounts.login("li", PASSWORD)
    begun = books.own_account.begin_totp(token, PASSWORD)
    code = pyotp.TOTP(begun.secret).at(books.clock.now_ms() // 1000)
    _, token = books.own_account.confirm_totp(token, begun.token, code)
    words = ["user", "reset-second-factor", "li", "--config", str(config)]
    done = CliRunner().invoke(app, [*words, "--reason", "phone lost"])
    assert done.output == "li: no second factor\n"
    assert books.accounts.session(token) is None
    assert isinstance(books.accounts.login("li", PASSWORD), str)
    with books.engine.connect() as db:
        query = sa.select(tables.audit.c.object, tables.audit.c.reason).order_by(tables.audit.c.n.desc())
        assert db.execute(query).first() == ("li", "phone lost")
    again = CliRunner().invoke(app, [*words, "--reason", "once more"])
    assert isinstance(again.exception, Refused)
    assert "has no second factor" in str(again.exception)
    books.close()
