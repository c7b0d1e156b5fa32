"""Joining: one request, one certificate, under the node's own name and for its own key."""

import json
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from msgspec.structs import replace
from typer.testing import CliRunner

from cloud_sync.cli import app
from cloud_sync.compose import Books, open_books
from cloud_sync.errors import Refused, StoreError
from cloud_sync.identity.authority import NODE_LIFE, open_authority
from cloud_sync.protocol.identity import CLAIM_AHEAD_MS, CLAIM_LIFE_MS
from tests.fakes.community_house import NOON_MS, SteppedClock, new_house
from tests.fakes.joining import Joiner

DAY_MS = 86_400_000


@pytest.fixture
def books(tmp_path: Path):
    made = new_house(tmp_path)
    ca = tmp_path / "ca.pem"
    ca.write_bytes(made.certificates.authority.pem)
    broker = made.config.broker.model_copy(update={"embedded": False, "ca_file": ca})
    made.close()
    books = open_books(made.config.model_copy(update={"broker": broker}), SteppedClock())
    yield books
    books.close()


@pytest.fixture
def node(tmp_path: Path) -> Joiner:
    return Joiner(tmp_path / "nodes", "gate-2", NOON_MS)


def test_the_join_file_brings_a_certificate_for_the_nodes_own_key_and_name(
    books: Books, node: Joiner
) -> None:
    told = node.join(books, "AP-dongfang-002")
    made = x509.load_pem_x509_certificate(told["bus"]["cert"].encode())
    assert made.subject.rfc4514_string() == "CN=gate-2"
    made.verify_directly_issued_by(x509.load_pem_x509_certificate(told["bus"]["ca"].encode()))
    key = serialization.load_pem_private_key(node.bus.files.key.read_bytes(), None)
    assert made.public_key() == key.public_key()
    assert node.bus.life() == (NOON_MS - 3_600_000, NOON_MS + NODE_LIFE.days * DAY_MS)
    assert stat.S_IMODE(node.bus.files.key.stat().st_mode) == 0o600
    assert "PRIVATE" not in json.dumps(told)


def test_a_request_is_honoured_once(books: Books, node: Joiner) -> None:
    claim = node.claim()
    node.join(books, claim=claim)
    with pytest.raises(Refused, match="honoured before"):
        node.join(books, claim=claim)
    books.clock.step(ms=1)
    assert node.join(books, claim=node.claim())["bus"]["cert"]


@pytest.mark.parametrize(
    ("late_ms", "sentence"),
    [(CLAIM_LIFE_MS + 1, "73 h|72 h old"), (-CLAIM_AHEAD_MS - 1, "from the future")],
)
def test_a_request_that_is_old_or_from_the_future_is_refused(
    books: Books, node: Joiner, late_ms: int, sentence: str
) -> None:
    with pytest.raises(Refused, match=sentence):
        node.join(books, claim=node.claim(at=NOON_MS - late_ms))
    assert books.certificates.newest("gate-2") is None
    assert [name for name, *_ in _registered(books)] == ["gate-1"]  # nothing of a refused join stays


def test_a_request_on_its_last_millisecond_is_honoured(books: Books, node: Joiner) -> None:
    assert node.join(books, claim=node.claim(at=NOON_MS - CLAIM_LIFE_MS))["bus"]


def test_only_the_nodes_own_device_key_asks_for_it(books: Books, node: Joiner, tmp_path: Path) -> None:
    other = Joiner(tmp_path / "nodes", "gate-3", NOON_MS)
    for claim in (
        other.claim(n="gate-2"),  # signed by another device
        other.claim(),  # another node's, whole
        replace(node.claim(), at=NOON_MS - 1),  # changed after it was signed
        replace(node.claim(), csr=other.bus.request()),
        replace(node.claim(), sig=""),
    ):
        with pytest.raises(Refused):
            node.join(books, claim=claim)
    assert books.certificates.newest("gate-2") is None


def _csr(key, name: str = "gate-2") -> str:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, digest)
    return made.public_bytes(serialization.Encoding.PEM).decode()


@pytest.mark.parametrize(
    "csr",
    [
        "",
        "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
        _csr(ed25519.Ed25519PrivateKey.generate()),
        _csr(ec.generate_private_key(ec.SECP384R1())),
    ],
    ids=["empty", "garbage", "ed25519", "p384"],
)
def test_what_is_no_request_for_a_p256_key_is_refused_in_a_sentence(
    books: Books, node: Joiner, csr: str
) -> None:
    with pytest.raises(Refused, match="certificate request"):
        node.join(books, claim=node.claim(csr=csr))


def test_a_request_names_the_service_and_gets_its_own_name_all_the_same(books: Books, node: Joiner) -> None:
    claim = node.claim(csr=_csr(ec.generate_private_key(ec.SECP256R1()), "sync"))
    with pytest.raises(AssertionError):  # the node does not take it: it is not for its key
        node.join(books, claim=claim)
    made = x509.load_pem_x509_certificate(books.certificates.newest("gate-2").encode())
    assert made.subject.rfc4514_string() == "CN=gate-2"


@pytest.mark.parametrize("name", ["sync", "sync-2", "sync-jobs", "broker"])
def test_no_node_is_called_like_the_service(books: Books, tmp_path: Path, name: str) -> None:
    with pytest.raises(Refused, match="cannot be called"):
        Joiner(tmp_path / "nodes", name, NOON_MS).join(books)
    assert [name for name, *_ in _registered(books)] == ["gate-1"]


def test_a_broker_of_another_authority_gets_no_certificate_into_the_join_file(
    books: Books, node: Joiner, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "ca.pem").write_bytes(open_authority(tmp_path / "elsewhere", NOON_MS).pem)
    assert node.join(books)["bus"] is None


# --- the authority's files ---------------------------------------------------------------------------------------


def test_half_an_authority_is_never_made_whole_by_a_new_one(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    open_authority(tmp_path / "keys", NOON_MS)
    assert stat.S_IMODE((tmp_path / "keys" / "node-ca.key").stat().st_mode) == 0o600
    (tmp_path / "keys" / "node-ca.key").rename(tmp_path / "kept")
    with pytest.raises(StoreError, match="restore node-ca"):
        open_authority(tmp_path / "keys", NOON_MS)
    (tmp_path / "kept").rename(tmp_path / "keys" / "node-ca.key")
    (tmp_path / "keys" / "node-ca.key").chmod(0o644)
    with pytest.raises(StoreError, match="chmod 600"):
        open_authority(tmp_path / "keys", NOON_MS)


def test_two_authorities_mixed_up_are_told_apart(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        open_authority(tmp_path / name, NOON_MS)
    (tmp_path / "a" / "node-ca.pem").write_bytes((tmp_path / "b" / "node-ca.pem").read_bytes())
    with pytest.raises(StoreError, match="do not belong together"):
        open_authority(tmp_path / "a", NOON_MS)


# --- at the node -------------------------------------------------------------------------------------------------


def test_a_certificate_for_another_key_or_name_or_authority_is_not_put_in_use(
    books: Books, node: Joiner, tmp_path: Path
) -> None:
    told = node.join(books)["bus"]
    other = Joiner(tmp_path / "nodes", "gate-3", NOON_MS).join(books)["bus"]
    foreign = open_authority(tmp_path, NOON_MS)
    csr = x509.load_pem_x509_csr(node.bus.request().encode())
    made = foreign.issue_node("gate-2", csr, NOON_MS).public_bytes(serialization.Encoding.PEM).decode()
    before = node.bus.files.cert.read_bytes()
    assert [node.bus.take(pem) for pem in (other["cert"], made, "", told["cert"])] == [False] * 4
    assert node.bus.files.cert.read_bytes() == before


def test_a_power_cut_within_the_swap_is_finished_at_the_next_start(books: Books, node: Joiner) -> None:
    node.join(books)
    old = node.bus.files.key.read_bytes()
    claim = node.claim()
    cert = books.certificates.honour("gate-2", claim, actor="installer-1")
    node.bus.files.cert.write_text(cert)  # the cut fell here: the key is not swapped yet
    node.bus.repair()
    assert node.bus.files.key.read_bytes() != old
    made = x509.load_pem_x509_certificate(cert.encode())
    key = serialization.load_pem_private_key(node.bus.files.key.read_bytes(), None)
    assert made.public_key() == key.public_key()


# --- by hand -----------------------------------------------------------------------------------------------------


def test_the_command_takes_a_request_file_once(tmp_path: Path, books: Books) -> None:
    import time

    config = tmp_path / "sync.toml"
    config.write_text(
        'data_dir = "data"\n[community]\ncode = "dongfang"\nname_zh = "东"\nname_en = "D"\nsynthetic = true\n'
        '[web]\ntls = false\n[broker]\nembedded = false\nca_file = "ca.pem"\n'
    )
    node = Joiner(tmp_path / "nodes", "gate-9", time.time_ns() // 1_000_000)
    claim = json.loads(json.dumps(_plain(node.claim())))
    request = {"node": "gate-9", "public_key": node.public_key, "claim": claim}
    (tmp_path / "asked.json").write_text(json.dumps(request))
    words = ["node", "add", "gate-9", "--request", str(tmp_path / "asked.json")]
    words += ["--join-out", str(tmp_path / "join.json"), "--config", str(config)]
    done = CliRunner().invoke(app, words)
    assert (done.exit_code, "claim code" in done.output) == (0, True), done.output
    assert json.loads((tmp_path / "join.json").read_text())["bus"]["cert"].startswith("-----BEGIN")
    again = CliRunner().invoke(app, words)
    assert isinstance(again.exception, Refused)
    assert "honoured before" in str(again.exception)


def _plain(message: object) -> dict[str, object]:
    import msgspec

    plain: dict[str, object] = msgspec.to_builtins(message)
    return plain


def _registered(books: Books) -> list[tuple[str, ...]]:
    import sqlalchemy as sa

    from cloud_sync.store import tables

    with books.engine.connect() as db:
        return [tuple(row) for row in db.execute(sa.select(tables.node.c.node))]
