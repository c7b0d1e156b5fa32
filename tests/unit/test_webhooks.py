"""Signed webhooks: told at least once to a receiver that misbehaves, verified by another program's arithmetic, nobody named."""

import base64
import json
import shutil
import subprocess

import pytest

from cloud_sync.connectors.hooks import HookPost
from cloud_sync.core.webhooks import RETRY_MS
from cloud_sync.errors import NotFound, Refused
from cloud_sync.store import webhooks as store
from cloud_sync.store.case_intake import CaseIntake
from cloud_sync.store.privacy_desk import SqlPrivacy
from cloud_sync.store.webhooks import PAUSE_MS, SqlWebhooks
from tests.fakes.community_house import (
    GATE,
    NAME,
    NUMBER,
    Gate,
    SteppedClock,
    booking_row,
    listing_row,
    new_house,
    registration_row,
    take,
)
from tests.fakes.far_sides import answers, hangs_up, http_server, says_nothing

WITHIN_S = 1.0


@pytest.fixture
def clock():
    return SteppedClock()


@pytest.fixture
def books(tmp_path, clock):
    made = new_house(tmp_path, clock)
    take(made, "listings", listing_row())
    yield made
    made.close()


@pytest.fixture
def hooks(books):
    return SqlWebhooks(books.house)


@pytest.fixture
def post(hooks, clock):
    return HookPost(hooks, clock, within_s=WITHIN_S)


def said(request: bytes) -> tuple[dict[str, str], bytes]:
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")[1:]
    return {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}, body


def verify(secret: str, request: bytes) -> dict:
    """As Standard Webhooks says, with openssl's HMAC; the body, if it is what was signed.

    Raises:
        AssertionError: it was not.
    """
    headers, body = said(request)
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = b".".join((headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body))
    program = shutil.which("openssl")
    assert program is not None
    words = [program, "dgst", "-sha256", "-mac", "HMAC", "-macopt", f"hexkey:{key.hex()}", "-binary"]
    digest = subprocess.run(words, input=signed, capture_output=True, check=True, timeout=60).stdout
    version, _, signature = headers["webhook-signature"].partition(",")
    assert version == "v1"
    assert base64.b64decode(signature, validate=True) == digest
    return json.loads(body)


def a_booking(books, ref="1001"):
    assert take(books, "bookings", booking_row(ref)) == ["new"]


def test_what_happens_is_told_signed_and_without_a_person(books, hooks, post):
    with http_server(answers("204 No Content", b"")) as (url, heard):
        hook, secret = hooks.make(url, ["stay", "registration"], actor="test")
        a_booking(books)
        take(books, "registrations", registration_row())
        while post():
            pass
        told = [verify(secret, request) for request in heard]
    assert told
    assert {one["type"] for one in told} == {"stay.changed", "registration.changed"}
    first = next(one for one in told if one["type"] == "stay.changed")
    assert first["data"]["object"].startswith("ST-")
    assert (first["community"], first["synthetic"], first["data"]["before"]) == ("dongfang", True, None)
    assert set(first["data"]) == {"object", "event", "before", "after"}
    assert all(NAME.encode() not in request and NUMBER.encode() not in request for request in heard)
    assert {line.state for line in hooks.deliveries(hook)} == {"SENT"}
    assert secret.encode() not in b"".join(heard)


def test_a_changed_body_or_another_secret_is_found_out(books, hooks, post):
    with http_server(answers("200 OK")) as (url, heard):
        _, secret = hooks.make(url, ["booking"], actor="test")
        _, other = hooks.make(url, ["case"], actor="test")
        a_booking(books)
        post()
        verify(secret, heard[0])
        for bad in (heard[0].replace(b"booking.changed", b"booking.changec"), heard[0]):
            with pytest.raises(AssertionError):
                verify(secret if bad is not heard[0] else other, bad)


def test_a_receiver_that_fails_hangs_and_doubles_gets_each_delivery_under_one_id(books, hooks, post, clock):
    """500, a hang, a connection cut after the request was read (so that it comes twice), then it works."""
    behaviours = answers("500 Oops"), says_nothing, hangs_up, answers("200 OK")
    with http_server(*behaviours) as (url, heard):
        hook, secret = hooks.make(url, ["booking"], actor="test")
        a_booking(books)
        sent = 0
        for step_ms in (0, *RETRY_MS):
            clock.step(ms=step_ms)
            sent += post()
    ids = [said(request)[0]["webhook-id"] for request in heard]
    stamps = [said(request)[0]["webhook-timestamp"] for request in heard]
    assert sent == len(set(ids)) == len(hooks.deliveries(hook)) > 0
    assert len(heard) == sent + 3  # at least once: what failed came again
    assert len(set(ids[:4])) < 4
    assert len(set(stamps)) > 1  # signed anew, so that a receiver may refuse what is old
    assert len({json.dumps(verify(secret, request)) for request in heard}) == sent
    assert {line.state for line in hooks.deliveries(hook)} == {"SENT"}


def test_while_it_fails_it_is_left_alone_for_a_while(books, hooks, post, clock):
    with http_server(answers("503 Later")) as (url, heard):
        hooks.make(url, ["booking", "stay"], actor="test")
        a_booking(books)
        post()
        tried = len(heard)
        post()
        assert len(heard) == tried
        clock.step(ms=PAUSE_MS)
        post()
        assert len(heard) > tried


def test_after_the_last_try_it_is_dead_and_a_person_sends_it_again(books, hooks, post, clock):
    with http_server(*[answers("404 Gone")] * (len(RETRY_MS) + 1), answers("200 OK")) as (url, heard):
        hook, _ = hooks.make(url, ["listing"], actor="test")
        delivery = hooks.test(hook, actor="test")
        for step_ms in (0, *RETRY_MS):
            clock.step(ms=step_ms)
            assert post() == 0
        (line,) = hooks.deliveries(hook)
        assert (line.state, line.attempts) == ("DEAD", len(RETRY_MS) + 1)
        assert "404" in line.receipt
        clock.step(hours=48)
        assert post() == 0
        hooks.again(delivery, actor="test")
        assert post() == 1
        assert len(heard) == len(RETRY_MS) + 2
    assert len({said(request)[0]["webhook-id"] for request in heard}) == 1


def test_a_receiver_that_is_away_fills_no_queue_and_misses_nothing(books, hooks, post, clock, monkeypatch):
    monkeypatch.setattr(store, "WAITING_MAX", 1)
    monkeypatch.setattr(store, "LOOK_MOST", 2)
    hook, _ = hooks.make("http://127.0.0.1:9/", ["booking"], actor="test")
    for ref in range(3):
        a_booking(books, f"R-{ref}")
        hooks.collect()
    waiting = hooks.lines()[0].waiting
    assert 1 <= waiting <= 2
    monkeypatch.setattr(store, "WAITING_MAX", 1_000)
    for _ in range(100):
        if not hooks.collect() and hooks.lines()[0].waiting >= 6:
            break
    bodies = [json.loads(due.body) for due in hooks.claim(most=1_000)]
    received = [body for body in bodies if body["data"]["event"] == "received"]
    assert len(received) == 3
    assert len({body["data"]["object"] for body in received}) == 3
    assert hook.startswith("WH-")


def test_of_a_hidden_stay_no_program_is_told(books, hooks, post):
    a_booking(books)
    hooks.make("http://127.0.0.1:9/", ["stay", "booking"], actor="test")
    SqlPrivacy(books.house).hide_stay("xc", "1001", reason="in danger", actor="test")
    assert take(books, "bookings", booking_row("1001", external_revision=2, state="cancelled")) == ["updated"]
    assert hooks.collect() == 0


def test_a_case_is_told_as_it_stands(books, hooks, clock):
    gate = Gate(books)
    gate.says_hello()
    hooks.make("http://127.0.0.1:9/", ["case"], actor="test")
    gate.tells("door.forced")
    clock.step(ms=1000)
    CaseIntake(books.house).take_alarms()
    gate.close()
    hooks.collect()
    told = [json.loads(due.body) for due in hooks.claim(most=100)]
    assert told
    assert {(one["type"], one["data"]["access_point"]) for one in told} == {("case.changed", GATE)}
    assert told[-1]["data"]["state"] != "CLOSED"
    assert set(told[0]["data"]) == {
        "object", "family", "kind", "severity", "state", "level", "node", "access_point",
    }  # fmt: skip


def test_an_ended_webhook_is_told_no_more(books, hooks, post):
    with http_server(answers("200 OK")) as (url, heard):
        hook, _ = hooks.make(url, [], actor="test")
        a_booking(books)
        hooks.collect()
        hooks.end(hook, actor="test")
        a_booking(books, "1002")
        assert post() == 0
        assert heard == []
    assert {line.state for line in hooks.deliveries(hook)} == {"DROPPED"}
    for call in (hooks.end, hooks.test):
        with pytest.raises(NotFound):
            call(hook, actor="test")


@pytest.mark.parametrize(
    "url",
    ["http://example.test/", "ftp://127.0.0.1/", "https://", "https://a:b@example.test/", "https://x/ y",
     "http://127.0.0.1.example.test/", "file:///etc/passwd", "https://example.test:port/", ""],
)  # fmt: skip
def test_an_address_that_cannot_be_is_refused(hooks, url):
    with pytest.raises(Refused, match="https"):
        hooks.make(url, [], actor="test")


def test_the_secret_stands_nowhere_in_the_books(books, hooks):
    _, secret = hooks.make("https://example.test/hook", [], actor="test")
    with books.engine.connect() as db:
        stored = str(db.exec_driver_sql("select * from webhook").all())
        stored += str(db.exec_driver_sql("select * from audit").all())
    assert secret not in stored
    assert base64.b64decode(secret.removeprefix("whsec_")).hex() not in stored
