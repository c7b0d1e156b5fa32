"""What is kept for programs: tokens and their end, answers for a day and not for longer, and the commands that make them."""

import pytest
from typer.testing import CliRunner

from cloud_sync.cli import app
from cloud_sync.core.policy import DAY_MS, HOUR_MS
from cloud_sync.errors import Conflict, KeyMisused, NotFound, Refused, TooMany
from cloud_sync.ports_api import Kept, TokenWish
from cloud_sync.store import api_answers
from cloud_sync.store.api_answers import SqlAnswers
from cloud_sync.store.api_tokens import USED_EVERY_MS, WRONG_MAX, WRONG_WITHIN_MS, SqlTokens
from cloud_sync.store.retention import run_retention
from tests.fakes.community_house import SteppedClock, new_house
from tests.fakes.listing_house import OFFICER

PASSWORD = "a quiet evening at the gate"
DONE = Kept(201, "application/json", b'{"listing":"FY-1"}')


@pytest.fixture
def clock():
    return SteppedClock()


@pytest.fixture
def books(tmp_path, clock):
    made = new_house(tmp_path, clock)
    made.accounts.add("chen", "officer", PASSWORD, actor="test")
    made.accounts.add("li", "guard", PASSWORD, actor="test")
    yield made
    made.close()


@pytest.fixture
def tokens(books):
    return SqlTokens(books.house)


@pytest.fixture
def answers(books):
    return SqlAnswers(books.house)


# --- tokens ----------------------------------------------------------------------------------------------------


def test_a_token_ends_by_itself_and_its_row_a_year_later(books, tokens, clock):
    token = tokens.make(TokenWish("pms", "chen", ("SEE_BOARD",), 1), actor="test")
    holder = tokens.whose(token, address="a")
    assert holder is not None
    assert (holder.user.name, [right.name for right in holder.rights]) == ("chen", ["SEE_BOARD"])
    clock.step(ms=DAY_MS)
    assert tokens.whose(token, address="a") is None
    clock.step(ms=365 * DAY_MS - 1)
    run_retention(books.house)
    assert len(tokens.listed()) == 1
    clock.step(ms=1)
    run_retention(books.house)
    assert tokens.listed() == ()


def test_a_token_speaks_for_nobody_outside_the_days_of_their_duties(books, tokens, clock):
    token = tokens.make(TokenWish("pms", "chen", ("SEE_BOARD",), 30), actor="test")
    now_ms = clock.now_ms()
    for since_ms, until_ms in ((now_ms, now_ms + DAY_MS), (now_ms + 2 * DAY_MS, now_ms + 3 * DAY_MS)):
        books.listings.give_duty("chen", "officer", "community", OFFICER, from_ms=since_ms, until_ms=until_ms)
    speaks = []
    for _ in range(4):
        speaks.append(tokens.whose(token, address="a") is not None)
        clock.step(ms=DAY_MS)
    assert speaks == [True, False, True, False]


def test_last_use_is_written_at_most_once_a_minute(tokens, clock):
    token = tokens.make(TokenWish("pms", "chen", ("SEE_BOARD",), 1), actor="test")
    seen = []
    for step_ms in (0, USED_EVERY_MS - 1, 1):
        clock.step(ms=step_ms)
        tokens.whose(token, address="a")
        seen.append(tokens.listed()[0].used_ms)
    assert seen == [clock.now_ms() - USED_EVERY_MS] * 2 + [clock.now_ms()]


@pytest.mark.parametrize(
    ("wish", "error"),
    [
        (TokenWish("x", "li", ("IMPORT",), 1), Refused),  # a guard may not
        (TokenWish("x", "chen", (), 1), Refused),
        (TokenWish("x", "chen", ("EVERYTHING",), 1), Refused),
        (TokenWish("x", "nobody", ("SEE_BOARD",), 1), NotFound),
        (TokenWish("", "chen", ("SEE_BOARD",), 1), Refused),
        (TokenWish("x", "chen", ("SEE_BOARD",), 0), Refused),
        (TokenWish("held", "chen", ("SEE_BOARD",), 1), Refused),
    ],
)
def test_a_token_that_cannot_be_is_refused(tokens, wish, error):
    tokens.make(TokenWish("held", "chen", ("SEE_BOARD",), 1), actor="test")
    with pytest.raises(error):
        tokens.make(wish, actor="test")
    assert len(tokens.listed()) == 1


def test_wrong_tokens_are_counted_by_address_and_for_a_minute(tokens, clock):
    good = tokens.make(TokenWish("pms", "chen", ("SEE_BOARD",), 1), actor="test")
    for _ in range(WRONG_MAX):
        assert tokens.whose("gt_wrong", address="a") is None
    with pytest.raises(TooMany) as told:
        tokens.whose("gt_wrong", address="a")
    assert told.value.wait_s == WRONG_WITHIN_MS // 1000
    assert tokens.whose("gt_wrong", address="b") is None
    assert tokens.whose(good, address="a") is not None
    clock.step(ms=WRONG_WITHIN_MS)
    assert tokens.whose("gt_wrong", address="a") is None


# --- answers ---------------------------------------------------------------------------------------------------


def test_an_answer_is_given_again_for_a_day(books, answers, clock):
    assert answers.begin("me", "k", "d") is None
    with pytest.raises(Conflict):
        answers.begin("me", "k", "d")
    answers.finish("me", "k", DONE)
    clock.step(ms=DAY_MS - 1)
    assert answers.begin("me", "k", "d") == DONE
    with pytest.raises(KeyMisused):
        answers.begin("me", "k", "another")
    assert answers.begin("you", "k", "another") is None  # somebody else's key is another key
    clock.step(ms=1)
    assert answers.begin("me", "k", "another") is None


def test_what_was_not_done_leaves_no_key_and_what_was_done_is_not_released(answers):
    answers.begin("me", "k", "d")
    answers.release("me", "k")
    assert answers.begin("me", "k", "other") is None
    answers.finish("me", "k", DONE)
    answers.release("me", "k")
    assert answers.begin("me", "k", "other") == DONE


def test_keys_are_bounded_and_make_room_after_a_day(answers, clock, monkeypatch):
    monkeypatch.setattr(api_answers, "KEYS_PER_CALLER_MAX", 2)
    for n in range(2):
        answers.begin("me", f"k{n}", "d")
    with pytest.raises(TooMany):
        answers.begin("me", "k2", "d")
    assert answers.begin("you", "k2", "d") is None
    clock.step(hours=24)
    assert answers.begin("me", "k2", "d") is None


def test_an_answer_too_large_to_be_kept_is_said_to_be_and_not_done_again(answers, monkeypatch):
    monkeypatch.setattr(api_answers, "BODY_MAX", 8)
    answers.begin("me", "k", "d")
    answers.finish("me", "k", DONE)
    with pytest.raises(Conflict, match="too large"):
        answers.begin("me", "k", "d")


def test_the_night_ends_what_is_over_a_day_old(books, answers, clock):
    answers.begin("me", "k", "d")
    answers.finish("me", "k", DONE)
    clock.step(ms=DAY_MS + HOUR_MS)
    proof = {line.clock: line for line in run_retention(books.house)}
    assert (proof["answer"].removed, proof["answer"].overdue) == (1, 0)


# --- the commands ----------------------------------------------------------------------------------------------


def test_tokens_and_webhooks_are_made_listed_and_ended_by_hand(tmp_path, books):
    file = tmp_path / "sync.toml"
    file.write_text(
        f'data_dir = "{tmp_path / "data"}"\n[community]\ncode = "dongfang"\nname_zh = "东方新城"\n'
        'name_en = "Dongfang"\nsynthetic = true\n'
    )

    def typed(*words):
        done = CliRunner().invoke(app, [*words, "--config", str(file)])
        assert done.exception is None, done.exception
        return done.output.strip()

    token = typed("tokens", "make", "pms", "--user", "chen", "--scope", "SEE_BOARD", "--scope", "IMPORT")
    assert token.startswith("gt_")
    listed = typed("tokens", "list")
    assert "pms gt_" in listed
    assert "chen SEE_BOARD,IMPORT" in listed
    assert "used never" in listed
    assert token not in listed
    assert typed("tokens", "revoke", "pms") == "pms: revoked"
    assert "revoked" in typed("tokens", "list")
    hook, secret = typed("webhooks", "make", "http://127.0.0.1:9/hook", "--kind", "stay").split()
    assert secret.startswith("whsec_")
    delivery = typed("webhooks", "test", hook)
    assert f"{hook} http://127.0.0.1:9/hook stay waiting=1 dead=0" in typed("webhooks", "list")
    assert f"{delivery} test QUEUED tried=0" in typed("webhooks", "deliveries", hook)
    assert secret not in typed("webhooks", "list")
    assert typed("webhooks", "end", hook) == f"{hook}: ended"
    assert "DROPPED" in typed("webhooks", "deliveries", hook)
    done = CliRunner().invoke(app, ["webhooks", "again", delivery, "--config", str(file)])
    assert isinstance(done.exception, NotFound)
