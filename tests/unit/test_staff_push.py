"""Waking a browser: sealed for it alone, signed by us, told once, and forgotten when its push service says so."""

import base64
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cloud_sync.connectors.webpush import VapidSender
from cloud_sync.core.policy import MINUTE_MS
from cloud_sync.errors import Refused
from cloud_sync.jobs import WakeWork
from cloud_sync.ports_cases import Subscription
from cloud_sync.store.cases_store import CaseNews
from cloud_sync.store.push_store import SqlPushBook, is_push_service, vapid_key
from cloud_sync.web.app import create_app
from tests.fakes.staff_house import GUARD, OFFICER, StaffHouse
from tests.fakes.web_house import GATE, door, log_in, visiting


def text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass
class Phone:
    """A browser's half of RFC 8291: its keys, and how it opens what it is sent."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    secret: bytes = b"sixteen bytes ok"

    @property
    def point(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def at(self, endpoint: str) -> Subscription:
        return Subscription(endpoint, text(self.point), text(self.secret))

    def open(self, body: bytes) -> bytes:
        salt, length = body[:16], body[20]
        theirs = body[21 : 21 + length]
        sender = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), theirs)
        info = b"WebPush: info\0" + self.point + theirs
        ikm = _derive(self.secret, info, 32, self.key.exchange(ec.ECDH(), sender))
        key = _derive(salt, b"Content-Encoding: aes128gcm\0", 16, ikm)
        nonce = _derive(salt, b"Content-Encoding: nonce\0", 12, ikm)
        plain = AESGCM(key).decrypt(nonce, body[21 + length :], None)
        assert plain.endswith(b"\x02")
        return plain[:-1]


def _derive(salt: bytes, info: bytes, length: int, secret: bytes) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(secret)


@dataclass
class PushService:
    """A push service on loopback that keeps what it is given and answers as it is told."""

    status: int = 201
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def push_service() -> Iterator[PushService]:
    service = PushService()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            service.heard.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(service.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    service.url = f"http://127.0.0.1:{server.server_address[1]}/send/abc"
    yield service
    server.shutdown()
    thread.join(5)
    server.server_close()


@pytest.fixture
def house(tmp_path):
    made = StaffHouse(tmp_path)
    made.open_up()
    yield made
    made.close()


@pytest.fixture
def key(tmp_path):
    return vapid_key(tmp_path)


@pytest.fixture
def sender(key):
    return VapidSender(key.private_pem, key.public_pem, "duty@gate.example")


def book_of(house, key):
    return SqlPushBook(house.registry._house, key.application_key, accepts=lambda _address: True)


def waking(house, key, sender):
    return WakeWork(CaseNews(house.registry._house), book_of(house, key), sender)


def test_only_the_browser_reads_it_and_the_push_service_sees_who_sends(push_service, sender, key):
    phone = Phone()
    assert sender.send(phone.at(push_service.url), b'{"kind":"forced"}') == "sent"
    ((headers, body),) = push_service.heard
    assert phone.open(body) == b'{"kind":"forced"}'
    assert b"forced" not in body
    assert (headers["content-encoding"], headers["urgency"], headers["ttl"]) == ("aes128gcm", "high", "300")
    token, sent_key = (
        part.partition("=")[2] for part in headers["authorization"].removeprefix("vapid ").split(", ")
    )
    assert sent_key == key.application_key
    point = base64.urlsafe_b64decode(sent_key + "=")
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    claims = jwt.decode(token, public, algorithms=["ES256"], audience="http://127.0.0.1")
    assert claims["sub"] == "mailto:duty@gate.example"


@pytest.mark.parametrize(
    ("status", "outcome"), [(201, "sent"), (410, "gone"), (404, "gone"), (403, "failed"), (503, "failed")]
)
def test_the_answer_of_the_push_service_is_understood(push_service, sender, status, outcome):
    push_service.status = status
    assert sender.send(Phone().at(push_service.url), b"x") == outcome


def test_a_push_service_that_is_not_there_fails_and_no_more(sender):
    assert sender.send(Phone().at("http://127.0.0.1:9/send"), b"x") == "failed"


def test_the_key_is_made_once_and_only_its_owner_reads_it(tmp_path):
    first = vapid_key(tmp_path)
    assert vapid_key(tmp_path) == first
    assert (tmp_path / "vapid.pem").stat().st_mode & 0o077 == 0


def test_an_alarm_wakes_the_guards_once_and_the_officer_when_nobody_looks(house, key, sender, push_service):
    guard, officer = Phone(), Phone()
    book = book_of(house, key)
    book.subscribe(house.user(GUARD), guard.at(push_service.url))
    book.subscribe(house.user(OFFICER), officer.at(push_service.url + "/officer"))
    wake = waking(house, key, sender)
    house.tell("door.forced")
    house.sort_out()
    assert (wake(), wake()) == (1, 0)
    told = json.loads(guard.open(push_service.heard[0][1]))
    assert (told["kind"], told["severity"]) == ("forced", "S1")
    woken = []
    for _ in range(2):
        house.clock.now += MINUTE_MS
        house.report("gate-1", [door(GATE)])
        house.report("building-7", [])
        house.sort_out()
        woken.append(wake())
    assert woken == [1, 2]


def test_what_does_not_sound_wakes_nobody(house, key, sender, push_service):
    book_of(house, key).subscribe(house.user(GUARD), Phone().at(push_service.url))
    wake = waking(house, key, sender)
    house.tell("access.denied", decision="deny")
    house.open_case("D02", "S3", "ST-1")
    house.sort_out()
    assert wake() == 0


def test_a_browser_that_is_gone_is_forgotten(house, key, sender, push_service):
    push_service.status = 410
    book = book_of(house, key)
    book.subscribe(house.user(GUARD), Phone().at(push_service.url))
    wake = waking(house, key, sender)
    house.tell("door.forced")
    house.sort_out()
    assert wake() == 0
    assert book.everybody() == []


@pytest.mark.parametrize(
    ("endpoint", "is_one"),
    [
        ("https://updates.push.example/wpush/v2/abc", True),
        ("http://updates.push.example/abc", False),
        ("https://127.0.0.1/abc", False),
        ("https://[::1]/abc", False),
        ("https://localhost/abc", False),
        ("https://updates.push.example:8443/abc", False),
        ("file:///etc/passwd", False),
        ("", False),
    ],
)
def test_the_service_calls_push_services_and_nothing_in_its_own_network(endpoint, is_one):
    assert is_push_service(endpoint) is is_one


def test_a_person_keeps_ten_devices_at_most(house, key):
    book = book_of(house, key)
    for n in range(12):
        house.clock.now += 1
        book.subscribe(house.user(GUARD), Phone().at(f"https://push.example/{n}"))
    kept = {subscription.endpoint for _, subscription in book.everybody()}
    assert kept == {f"https://push.example/{n}" for n in range(2, 12)}


def test_keys_that_are_no_browsers_are_refused(house, key):
    with pytest.raises(Refused, match="push keys"):
        book_of(house, key).subscribe(
            house.user(GUARD), Subscription("https://push.example/1", "AAAA", "AAAA")
        )


def test_the_page_offers_it_only_where_it_is_switched_on(house, key):
    on = create_app(replace(house.services, push=SqlPushBook(house.registry._house, key.application_key)))
    for app, there in ((on, True), (house.app(), False)):
        with visiting(app, **{"accept-language": "zh-CN"}) as client:
            log_in(client, name=GUARD)
            page = client.get("/staff").text
            assert (f'data-key="{key.application_key}"' in page) is there
            assert client.get("/staff/worker.js").status_code == (200 if there else 404)


def test_asking_through_the_page_keeps_the_address_and_asking_again_forgets_it(house, key):
    book = SqlPushBook(house.registry._house, key.application_key)
    with visiting(create_app(replace(house.services, push=book))) as client:
        log_in(client, name=GUARD)
        csrf = client.get("/staff").text.partition('data-csrf="')[2].partition('"')[0]
        held = Phone().at("https://push.example/1")
        form = {"csrf": csrf, "endpoint": held.endpoint, "p256dh": held.p256dh, "auth": held.auth}
        assert client.post("/staff/push", data={**form, "csrf": "forged"}).status_code == 403
        assert client.post("/staff/push", data={**form, "endpoint": "http://10.0.0.1/x"}).status_code == 403
        assert client.post("/staff/push", data=form).status_code == 204
        assert book.everybody() == [("guard", held)]
        script = client.get("/staff/worker.js?lang=zh").text
        assert json.dumps("强行开门")[1:-1] in script
        assert client.post("/staff/push/end", data=form).status_code == 204
        assert book.everybody() == []
