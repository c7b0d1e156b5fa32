"""Who gets in, who hears what and who may say what, on a real mosquitto run from what ``broker-config`` writes.

``python -m tests.integration.bus_attempts`` prints the table and ends with 1 where anything came out otherwise; the test
beside this file runs the same attempts one by one.  Everything is judged by what was delivered, never by what was promised: a
refused subscription looks granted.
"""

import contextlib
import datetime as dt
import secrets
import socket
import ssl
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from cloud_sync.identity.authority import open_authority
from cloud_sync.protocol.topics import sink_group
from cloud_sync.web.tls import Pair, read_pair
from tests.fakes.bus_bench import ATTACKER, BASE, STOLEN, VICTIM, WITHIN_S, Bench, Client
from tests.fakes.joining import Joiner
from tests.fakes.waiting import eventually

CONNECT = bytes.fromhex("101000044d51545404020014000461747470")  # MQTT 3.1.1, clean session, client id "attp"

# --- getting in --------------------------------------------------------------------------------------------------


def knock(bench: Bench, context: ssl.SSLContext | None) -> str:
    """Connect: "let in", or who ended it: TLS, or the broker's CONNACK."""
    told = _knock(bench, context)
    if context is not None and told.endswith("closed"):
        # TLS 1.3 tells a client why only if it happens to listen just then; 1.2 tells it within the handshake.
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        again = _knock(bench, context)
        return told if again == "let in" else again
    return told


def _knock(bench: Bench, context: ssl.SSLContext | None) -> str:
    with contextlib.ExitStack() as stack:
        try:
            raw = stack.enter_context(socket.create_connection(("127.0.0.1", bench.port), WITHIN_S))
            line = context.wrap_socket(raw, server_hostname="localhost") if context else raw
            stack.enter_context(line)
            line.sendall(CONNECT)
            answer = line.recv(4)
        except ssl.SSLError as error:
            return f"refused: TLS {_alert(error)}"
        except OSError as error:
            return f"refused: {type(error).__name__}"
    if not answer:
        return "refused: closed"
    return "let in" if answer[3] == 0 else f"refused: CONNACK {answer[3]}"


def _alert(error: ssl.SSLError) -> str:
    words = (error.reason or "closed").lower().replace("_", " ")
    return words.removeprefix("tlsv1 ").removeprefix("tlsv13 ").removeprefix("sslv3 ").removeprefix("alert ")


def self_signed(bench: Bench) -> str:
    return knock(bench, bench.tls(pair=bench.forged(made_up(VICTIM))))


def other_authority(bench: Bench) -> str:
    place = bench.folder / "forged" / secrets.token_hex(4)
    place.mkdir(parents=True)
    made = open_authority(place, now_ms()).issue_client(VICTIM, now_ms())
    return knock(bench, bench.tls(pair=bench.forged(made)))


def ours(bench: Bench, name: str, at_ms: int, life: dt.timedelta) -> str:
    """By the community's own authority, as if it had erred or long ago."""
    made = bench.books.certificates.authority.issue_client(name, at_ms, life)
    return knock(bench, bench.tls(pair=bench.forged(made)))


def servers_own(bench: Bench) -> str:
    made = read_pair(bench.folder / "broker" / "broker.pem", bench.folder / "broker" / "broker.key")
    return knock(bench, bench.tls(pair=bench.forged(made)))


def revoked(bench: Bench) -> str:
    """A certificate of a node that was lost and never connected."""
    node = bench.joined("gate-4")
    assert knock(bench, bench.tls(pair=(node.bus.files.cert, node.bus.files.key))) == "let in"
    bench.run("node", "lost", "gate-4", "--by", "Li", "--reason", "stolen from the store room")
    told = ""

    def shut() -> bool:
        nonlocal told
        told = knock(bench, bench.tls(pair=(node.bus.files.cert, node.bus.files.key)))
        return told != "let in"

    eventually(shut, within_s=WITHIN_S, what="the revoked certificate still comes in")
    return told


def false_broker(bench: Bench) -> str:
    """A node is led to a broker that has a certificate of another authority."""
    place = bench.folder / "forged" / secrets.token_hex(4)
    place.mkdir(parents=True)
    authority = open_authority(place, now_ms())
    cert, key = bench.forged(authority.issue_server("broker", ["localhost"], now_ms()))
    inside, outside = ssl.MemoryBIO(), ssl.MemoryBIO()
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(cert, key)
    node = bench.tls(VICTIM).wrap_bio(inside, outside, server_hostname="localhost")
    broker = theirs.wrap_bio(outside, inside, server_side=True)
    for _ in range(6):
        for side in (node, broker):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError:
                return "refused: by the node"
            except ssl.SSLError as error:
                return f"refused: TLS {_alert(error)}"
    return "let in"


def called_sync(bench: Bench) -> str:
    try:
        bench.joined("sync")
    except Exception as error:  # noqa: BLE001  # the table says which
        return f"refused: {type(error).__name__} by the authority"
    return "let in"


# --- saying ------------------------------------------------------------------------------------------------------


def says(topic: str, *, retain: bool = False, **more: str) -> Callable[[Bench], str]:
    """As the attacker; judged by everybody else's ears, and by the broker's word."""

    def attempt(bench: Bench) -> str:
        mark, fence = secrets.token_bytes(8), secrets.token_bytes(8)
        with contextlib.ExitStack() as stack:
            who = bench.attacker
            if more:
                who = stack.enter_context(bench.client(STOLEN, **more))
            word = who.say(topic, mark, retain=retain)
        bench.sync.say(f"{BASE}/d/{VICTIM}/fence", fence)
        heard = [*bench.sync.until(fence), *bench.victim.until(fence)]
        return "delivered" if any(payload == mark for _, payload in heard) else f"refused: {word}"

    return attempt


def last_will(of: str) -> Callable[[Bench], str]:
    """A will on this node's topic; then the session dies without a good-bye."""

    def attempt(bench: Bench) -> str:
        mark, fence = secrets.token_bytes(8), secrets.token_bytes(8)
        client = bench.client(STOLEN)
        client.mqtt.will_set(f"{BASE}/n/{of}/will", mark, qos=1)
        with client:
            client.mqtt.socket().shutdown(socket.SHUT_RDWR)
            assert client.answers.get(timeout=WITHIN_S) == "disconnected"
        # The broker tells a will when it finds the connection gone: the next session of this name is after that.
        with bench.client(STOLEN) as again:
            again.say(f"{BASE}/n/{STOLEN}/fence", fence)
        heard = bench.sync.until(fence)
        return "delivered" if any(payload == mark for _, payload in heard) else "refused: told to nobody"

    return attempt


def thrown_out(bench: Bench) -> str:
    """Another node's id as one's own: does the victim's session end?"""
    with bench.client(STOLEN, client_id=VICTIM) as thief:
        thief.say(f"{BASE}/n/{STOLEN}/x", b"x")
    fence = secrets.token_bytes(8)
    bench.sync.say(f"{BASE}/d/{VICTIM}/fence", fence)
    bench.victim.until(fence)
    return "refused: the victim's session stands" if bench.victim.answers.empty() else "delivered"


# --- hearing -----------------------------------------------------------------------------------------------------


def hears(*filters: str, **more: str) -> Callable[[Bench], str]:
    """A session of its own, so that no filter of another attempt is left over."""

    def attempt(bench: Bench) -> str:
        marks = [secrets.token_bytes(8) for _ in range(3)]
        fence = secrets.token_bytes(8)
        with bench.client(STOLEN, **more) as spy:
            spy.hear(f"{BASE}/d/{STOLEN}/#", *filters)
            bench.victim.say(f"{BASE}/n/{VICTIM}/x", marks[0])
            bench.sync.say(f"{BASE}/d/{VICTIM}/cmd", marks[1])
            bench.sync.say(f"{BASE}/d/{VICTIM}/sealed", marks[2])
            bench.sync.say(f"{BASE}/d/{STOLEN}/x", fence)  # the spy's own: delivery works at all
            heard = spy.until(fence)
        stolen = [topic for topic, payload in heard if payload in marks]
        system = [topic for topic, _ in heard if topic.startswith("$SYS")]
        return f"delivered: {stolen + system}" if stolen or system else "nothing heard"

    return attempt


def takes_away(group: str = "") -> Callable[[Bench], str]:
    """Does a node that joins a shared subscription take events away from the sinks?  By default it knows their group."""

    def attempt(bench: Bench) -> str:
        sinks = f"$share/{sink_group(bench.books.keys.k_community)}/{BASE}/n/+/y"
        marks, fence = [secrets.token_bytes(8) for _ in range(GROUP_TRIES)], secrets.token_bytes(8)
        with bench.client(STOLEN) as spy:
            bench.sync.hear(sinks)
            spy.hear(f"$share/{group}/{BASE}/n/+/y" if group else sinks)
            for mark in marks:
                bench.victim.say(f"{BASE}/n/{VICTIM}/y", mark)
            bench.sync.say(f"{BASE}/d/{STOLEN}/fence", fence)
            heard = [payload for _, payload in bench.sync.until(fence)]
            assert not {payload for _, payload in spy.got.queue} & set(marks)
        bench.sync.mqtt.unsubscribe(sinks)
        # Each comes by the watcher's plain subscription too.
        return f"{sum(heard.count(mark) - 1 for mark in marks)} of {GROUP_TRIES} reach a sink"

    return attempt


def named(words: str) -> Callable[[Bench], str]:
    """A certificate of our own authority whose name is made of wildcards."""

    def attempt(bench: Bench) -> str:
        made = bench.books.certificates.authority.issue_client(words, now_ms(), dt.timedelta(hours=1))
        context = bench.tls(pair=bench.forged(made))
        told = knock(bench, context)
        if told != "let in":
            return told
        mark = secrets.token_bytes(8)
        with Client(context, bench.port, "wild") as spy:
            spy.hear(f"{BASE}/d/{VICTIM}/#", f"{BASE}/d/+/#", f"{BASE}/g/+/cmd")
            word = spy.say(f"{BASE}/n/{VICTIM}/x", mark)
            bench.sync.say(f"{BASE}/d/{VICTIM}/cmd", mark)
            spy.hear(f"{BASE}/fence")  # its answer follows whatever was delivered before
            heard = list(spy.got.queue)
        told = (
            "delivered" if any(payload == mark for _, payload in heard) else f"neither said nor heard: {word}"
        )
        return told if word != "Success" else "delivered"

    return attempt


# --- being thrown out --------------------------------------------------------------------------------------------


def cut_off(bench: Bench) -> str:
    """Revoked in the middle of a session; the service's own beat ends it."""
    with bench.client(STOLEN) as thief:
        thief.hear(f"{BASE}/d/{STOLEN}/#")
        assert thief.say(f"{BASE}/n/{STOLEN}/x", b"still one of us") == "Success"
        bench.run("node", "lost", STOLEN, "--by", "Li", "--reason", "cut from its post at night")
        began = time.monotonic()
        assert thief.answers.get(timeout=WITHIN_S) == "disconnected"
    bench.notes["cut_off_s"] = f"{time.monotonic() - began:.1f}"
    return "session ended"


def comes_back(bench: Bench) -> str:
    return knock(bench, bench.tls(STOLEN))


def replaced(bench: Bench) -> str:
    """Another device under the lost one's name, with a key and a certificate of its own."""
    node = Joiner(bench.folder / "replacement", STOLEN, now_ms())
    node.join(bench.books)
    context = bench.tls(pair=(node.bus.files.cert, node.bus.files.key))
    mark = secrets.token_bytes(8)
    with Client(context, bench.port, STOLEN) as client:

        def heard() -> bool:
            return client.say(f"{BASE}/n/{STOLEN}/x", mark) == "Success"

        eventually(heard, within_s=WITHIN_S, what="the replacement is not let speak")
    assert any(payload == mark for _, payload in bench.sync.until(mark))
    return "delivered"


# --- the table ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Attempt:
    group: str
    what: str
    expected: str  # how the outcome begins
    run: Callable[[Bench], str] = field(repr=False)

    @property
    def slug(self) -> str:
        return f"{self.group}-{self.what}".replace(" ", "-").replace("/", "_")


def made_up(name: str) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
    )
    return Pair(made.sign(key, hashes.SHA256()), key)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)
DAY_MS = 86_400_000
IN, SAY, HEAR, OUT = "connect", "write", "read", "revoke"
REFUSED = "refused"
GROUP_TRIES = 20

ATTEMPTS = [
    Attempt(IN, "a node with its certificate", "let in", lambda b: knock(b, b.tls(STOLEN))),
    Attempt(IN, "without TLS", REFUSED, lambda b: knock(b, None)),
    Attempt(IN, "without a certificate", REFUSED, lambda b: knock(b, b.tls())),
    Attempt(IN, "self-signed under a node's name", REFUSED, self_signed),
    Attempt(IN, "another authority's under a node's name", REFUSED, other_authority),
    Attempt(IN, "expired an hour ago", REFUSED, lambda b: ours(b, VICTIM, now_ms() - DAY_MS, DAY - HOUR)),
    Attempt(IN, "valid from tomorrow on", REFUSED, lambda b: ours(b, VICTIM, now_ms() + DAY_MS, DAY)),
    Attempt(IN, "the broker's own certificate", REFUSED, servers_own),
    Attempt(IN, "revoked", REFUSED, revoked),
    Attempt(IN, "a node at a broker that is not ours", "refused: by the node", false_broker),
    Attempt(IN, "a node that asks to be called sync", REFUSED, called_sync),
    Attempt(IN, "with another node's client id", "refused: the victim's session stands", thrown_out),
    Attempt(SAY, "its own events", "delivered", says(f"{BASE}/n/{ATTACKER}/x")),
    Attempt(SAY, "another node's events", REFUSED, says(f"{BASE}/n/{VICTIM}/ev")),
    Attempt(SAY, "another node's hello", REFUSED, says(f"{BASE}/n/{VICTIM}/hello")),
    Attempt(SAY, "another node's state, retained", REFUSED, says(f"{BASE}/n/{VICTIM}/st", retain=True)),
    Attempt(SAY, "another node's wish for a certificate", REFUSED, says(f"{BASE}/n/{VICTIM}/renew")),
    Attempt(SAY, "its own last will", "delivered", last_will(STOLEN)),
    Attempt(SAY, "another node's last will", REFUSED, last_will(VICTIM)),
    Attempt(SAY, "a command to another node", REFUSED, says(f"{BASE}/d/{VICTIM}/cmd")),
    Attempt(SAY, "a command to another node, retained", REFUSED, says(f"{BASE}/d/{VICTIM}/cmd", retain=True)),
    Attempt(SAY, "a command to itself", REFUSED, says(f"{BASE}/d/{ATTACKER}/cmd")),
    Attempt(SAY, "a commit-ack to another node", REFUSED, says(f"{BASE}/d/{VICTIM}/ack")),
    Attempt(SAY, "a head of passes, retained", REFUSED, says(f"{BASE}/d/{VICTIM}/auth/head", retain=True)),
    Attempt(SAY, "links of keys, retained", REFUSED, says(f"{BASE}/d/{VICTIM}/keys", retain=True)),
    Attempt(SAY, "a command to a zone", REFUSED, says(f"{BASE}/g/all/cmd")),
    Attempt(SAY, "the service's state", REFUSED, says(f"{BASE}/s/state", retain=True)),
    Attempt(SAY, "in another community", "refused: Not authorized", says("ac/v1/elsewhere/n/gate-2/ev")),
    Attempt(SAY, "outside every community", "refused: Not authorized", says("homeassistant/lock/x/config")),
    Attempt(SAY, "as user sync with a password", REFUSED, says(f"{BASE}/d/{VICTIM}/cmd", user="sync")),
    Attempt(HEAR, "everything", "nothing heard", hears("#")),
    Attempt(HEAR, "everything, level by level", "nothing heard", hears("+/+/+/+/+/#", "+/+/+/+/+")),
    Attempt(HEAR, "another node's commands and envelopes", "nothing heard", hears(f"{BASE}/d/{VICTIM}/#")),
    Attempt(HEAR, "every node's commands", "nothing heard", hears(f"{BASE}/d/+/cmd")),
    Attempt(HEAR, "every node's events", "nothing heard", hears(f"{BASE}/n/+/ev", f"{BASE}/n/#")),
    Attempt(HEAR, "the broker's own figures", "nothing heard", hears("$SYS/#")),
    Attempt(HEAR, "events by a shared subscription", "nothing heard", hears(f"$share/spy/{BASE}/n/+/x")),
    Attempt(HEAR, "events, in a group by the name of sinks", "20 of 20", takes_away("sinks")),
    Attempt(HEAR, "events, in the sinks' own group", "10 of 20", takes_away()),
    Attempt(HEAR, "as user sync with a password", "nothing heard", hears(f"{BASE}/#", user="sync")),
    Attempt(HEAR, "and write under the name +", "neither", named("+")),
    Attempt(HEAR, "and write under the name #", "neither", named("#")),
    Attempt(OUT, "a session of a node that is told lost", "session ended", cut_off),
    Attempt(OUT, "the lost node comes back", REFUSED, comes_back),
    Attempt(OUT, "its replacement, same name, own key", "delivered", replaced),
]


def main() -> int:
    """Every attempt in order; the number that came out otherwise."""
    wrong = 0
    with tempfile.TemporaryDirectory() as place, Bench(Path(place)) as bench:
        print(f"| {'':7} | {'attempt':42} | outcome")
        print(f"| {'-' * 7} | {'-' * 42} | {'-' * 40}")
        for one in ATTEMPTS:
            outcome = one.run(bench)
            good = outcome.startswith(one.expected)
            wrong += not good
            print(
                f"| {one.group:7} | {one.what:42} | {outcome}{'' if good else f'   WRONG, not {one.expected}'}"
            )
        print(
            f"a lost node's session ended after {bench.notes['cut_off_s']} s; {len(ATTEMPTS)} attempts, {wrong} wrong"
        )
    return wrong


if __name__ == "__main__":
    sys.exit(min(main(), 1))
