"""A node is lost: what ends with it, what is kept aside, and who may take its place."""

import base64
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from cloud_sync.cli import app
from cloud_sync.compose import Books, open_books
from cloud_sync.distribute.snapshots import Distributor
from cloud_sync.errors import ConfigError, NotFound, Refused
from cloud_sync.identity.broker_files import BrokerFolder
from cloud_sync.identity.lost import Loss, dead_letters, decide, lose
from cloud_sync.identity.rotate import key_links, rotate
from cloud_sync.identity.work import KICKS_AFTER_MS, IdentityWork
from cloud_sync.ports import Told
from cloud_sync.protocol.identity import KeyChain
from cloud_sync.protocol.messages import decode, encode
from cloud_sync.protocol.sealed import proof_bytes
from cloud_sync.protocol.topics import NodeTopics
from cloud_sync.store import tables
from cloud_sync.store.case_intake import CaseIntake
from cloud_sync.store.engine import reading
from cloud_sync.store.faces import SqlFaceNodes
from cloud_sync.store.pass_feed import StoredPassFeed
from cloud_sync.store.pass_sets import StoredPassSets
from cloud_sync.store.places import AccessPointSpec, NodeJoin, PiaRecord
from cloud_sync.store.sink import SinkStore
from tests.fakes.community_house import DOOR, NOON_MS, SteppedClock, local, new_house, take
from tests.fakes.joining import Joiner
from tests.fakes.kept_post import Post
from tests.fakes.sealed_nodes import Keys
from tests.fakes.wire_ledger import WireLedger, body, told

OURS = "AP-dongfang-002"
BY = {"by": "Li Na", "reason": "cut from its post at night"}
WHO = {**BY, "actor": "cli:li"}
DAY_MS = 86_400_000


def resident(ref: str, doors: str, **more: object) -> dict[str, object]:
    row: dict[str, object] = {
        "ref": ref,
        "name": "测试住户",
        "class": "resident",
        "access_points": doors,
        "valid_from": local(NOON_MS - 3_600_000),
        "valid_until": local(NOON_MS + 365 * DAY_MS),
        "card": "",
        "pin": "",
    }
    return {**row, **more}


class Office:
    """A community with node gate-2 and its one door, its sink, and the service's beat on a bus that only keeps."""

    def __init__(self, folder: Path, database: str) -> None:
        self.folder, self.clock = folder, SteppedClock()
        made = new_house(folder, database=database)
        (folder / "ca.pem").write_bytes(made.certificates.authority.pem)
        broker = made.config.broker.model_copy(update={"embedded": False, "ca_file": folder / "ca.pem"})
        made.close()
        self.books: Books = open_books(made.config.model_copy(update={"broker": broker}), self.clock)
        self.sink = SinkStore(self.books.engine, "dongfang")
        self.node = Joiner(folder / "nodes", "gate-2", NOON_MS)
        self.node.join(self.books, OURS)
        self.ledger = WireLedger("gate-2")

    def says(self, *bodies: bytes, ledger: WireLedger | None = None) -> None:
        """These events come up, after a hello."""
        ledger = ledger or self.ledger
        first = ledger.head + 1
        ledger.record(*bodies)
        hello = ledger.hello()
        batch = ledger.batch(range(first, ledger.head + 1))
        self.sink.store([Told("gate-2", hello, encode(hello)), told(batch)], self.clock.at_ms)

    def lose(self, **more: str) -> Loss:
        return lose(self.books.house, "gate-2", **{**WHO, **more})

    def count(self, table: sa.Table, **key: object) -> int:
        with reading(self.books.engine).connect() as db:
            return len(db.execute(sa.select(table).filter_by(**key)).all())

    def replacement(self, name: str = "new") -> Joiner:
        made = Joiner(self.folder / name, "gate-2", self.clock.at_ms)
        made.join(self.books)
        return made

    def close(self) -> None:
        self.sink.close()
        self.books.close()


@pytest.fixture
def office(tmp_path: Path, database: str):
    office = Office(tmp_path, database)
    yield office
    office.close()


@pytest.mark.story("37a")
def test_every_certificate_of_a_lost_node_is_revoked_and_no_new_one_is_issued(office: Office) -> None:
    wish = office.node.renewal(NOON_MS)
    assert office.lose().certificates == 1
    assert len(office.books.certificates.revoked()) == 1
    assert office.books.certificates.newest("gate-2") is None
    office.sink.store([Told("gate-2", wish, encode(wish))], NOON_MS)
    assert office.books.certificates.renew("gate-2") is None
    with pytest.raises(Refused, match="its replacement has a key of its own"):
        office.node.join(office.books)


@pytest.mark.parametrize(
    ("node", "more", "error", "why"),
    [
        ("gate-9", {}, NotFound, "no node gate-9"),
        ("gate-2", {"by": " "}, Refused, "a name"),
        ("gate-2", {"reason": ""}, Refused, "a reason"),
        ("gate-2", {"reason": "x" * 201}, Refused, "a reason"),
    ],
)
def test_a_loss_is_of_a_node_and_in_a_persons_name(
    office: Office, node: str, more: dict[str, str], error: type, why: str
) -> None:
    with pytest.raises(error, match=why):
        lose(office.books.house, node, **{**WHO, **more})
    assert office.books.certificates.lost() == []


def test_lost_twice_is_said(office: Office) -> None:
    office.lose()
    with pytest.raises(Refused, match="lost already"):
        office.lose()


@pytest.mark.story("37d")
def test_pins_and_cards_for_its_doors_only_end_and_others_are_counted(office: Office) -> None:
    books = office.books
    assert take(
        books,
        "residents",
        resident("R-1", OURS, pin="482913"),
        resident("R-2", f"{OURS} {DOOR}", pin="739201"),
    ) == [
        "new",
        "new",
    ]
    assert take(books, "residents", resident("R-3", DOOR, pin="615204")) == ["new"]
    loss = office.lose()
    assert (loss.renewed, loss.elsewhere) == (1, 1)
    kept = {cred.kind for row in books.registry.rows_for("gate-2") for cred in row.creds}
    assert sorted(len(row.creds) for row in books.registry.rows_for("gate-2")) == [0, 1]
    assert kept == {"pin"}
    assert [len(row.creds) for row in books.registry.rows_for("gate-1")] == [1, 1]


def test_a_case_is_raised_that_only_a_person_ends(office: Office) -> None:
    office.lose()
    intake = CaseIntake(office.books.house)
    for _ in range(3):
        office.clock.step(hours=24)
        intake.take_alarms()
        intake.look_around()
    assert office.count(tables.case_, kind="node_lost", node="gate-2", active=1) == 1


@pytest.mark.story("37f")
def test_nothing_more_is_sealed_to_it(office: Office) -> None:
    keys, books = Keys("gate-2"), office.books
    device, sealing = (key.public_key().public_bytes_raw() for key in (keys.device, keys.sealing))
    lose(books.house, "gate-2", **WHO)  # its place is taken by a node with faces
    books.registry.add_node(
        NodeJoin(
            "gate-2",
            "gate-2",
            base64.b64encode(device).decode(),
            (AccessPointSpec(OURS, "gate", "门", "Gate"),),
            base64.b64encode(sealing).decode(),
            base64.b64encode(keys.device.sign(proof_bytes("gate-2", sealing))).decode(),
        )
    )
    pia = books.registry.record_pia(
        PiaRecord("a", "b", "c", "d", "t", NOON_MS + 900 * DAY_MS, synthetic=True)
    )
    books.registry.enable_face(OURS, pia, "tester")
    faces = SqlFaceNodes(books.house, books.keys.signer)
    faces.approve("gate-2", **WHO)
    assert [node for node, *_ in faces.approved()] == ["gate-2"]
    office.clock.step(hours=1)
    office.lose()
    assert faces.approved() == []
    with pytest.raises(Refused, match="no sealing key"):
        faces.approve("gate-2", **WHO)


@pytest.mark.story("37a")
def test_no_passes_go_to_a_lost_node_and_all_of_them_to_its_replacement(office: Office) -> None:
    books, post = office.books, Post()
    sets = StoredPassSets(books.engine, "dongfang")
    feed = StoredPassFeed(books.house)
    distributor = Distributor(feed, sets, books.keys.signer, post, office.clock, "dongfang")
    office.lose()
    distributor.tick()
    assert [topic for topic, *_ in post.sent if "/gate-2/" in topic] == []
    office.clock.step(hours=1)
    office.replacement()
    distributor.tick()
    topics = NodeTopics("dongfang", "gate-2")
    assert post.on(topics.auth_head)
    assert post.on(topics.auth) == []  # it has not been heard yet
    fresh = WireLedger("gate-2", "f" * 24)
    office.says(ledger=fresh)
    distributor.tick()
    assert post.on(topics.auth)


def test_every_sink_knows_of_a_loss_with_its_next_transaction(office: Office) -> None:
    other = SinkStore(office.books.engine, "dongfang")
    office.says(body(access_point=OURS))
    office.ledger.record(body(access_point=OURS))
    frames = [told(office.ledger.batch([2]))]
    office.lose()
    for sink in (other, office.sink, other):
        assert sink.store(frames, office.clock.at_ms).acks == ()
    other.close()
    assert office.count(tables.event, node="gate-2") == 1
    assert len(dead_letters(office.books.house, "gate-2")) == 3


# --- what it says afterwards ---------------------------------------------------------------------------------------


def test_what_a_lost_node_says_is_kept_aside_and_not_acknowledged(office: Office) -> None:
    office.says(body(access_point=OURS))
    office.lose()
    office.says(body(access_point=OURS), body(access_point=OURS))
    assert office.count(tables.event, node="gate-2") == 1
    assert len(dead_letters(office.books.house, "gate-2")) == 1


def test_accepted_they_are_events_like_others_and_discarded_they_are_gone(office: Office) -> None:
    office.says(body(access_point=OURS))
    office.lose()
    office.says(body(access_point=OURS), body(access_point=OURS))
    assert decide(office.books.house, office.sink, "gate-2", accept=True, **WHO) == 1
    assert office.count(tables.event, node="gate-2") == 3
    office.says(body(access_point=OURS))  # nothing more is believed without being asked again
    assert office.count(tables.event, node="gate-2") == 3
    assert decide(office.books.house, office.sink, "gate-2", accept=False, **WHO) == 1
    assert dead_letters(office.books.house, "gate-2") == []
    assert office.count(tables.event, node="gate-2") == 3


def test_a_node_that_was_never_lost_has_nothing_to_decide(office: Office) -> None:
    with pytest.raises(NotFound, match="never lost"):
        decide(office.books.house, office.sink, "gate-2", accept=True, **WHO)


def test_its_replacement_is_believed_and_the_old_ledger_never_again(office: Office) -> None:
    office.says(body(access_point=OURS))
    office.lose()
    office.clock.step(hours=1)
    assert office.replacement().bus.ready
    fresh = WireLedger("gate-2", epoch="f" * 24)
    office.says(body(access_point=OURS), ledger=fresh)
    office.says(body(access_point=OURS))  # the stolen one, out of its old ledger
    assert office.count(tables.event, node="gate-2") == 2
    assert office.books.certificates.lost() == []


# --- the broker is told -------------------------------------------------------------------------------------------


class Broker(BrokerFolder):
    """A folder whose mosquitto is not there; notes in a file how often it was told."""

    @property
    def told(self) -> str:
        path = self.folder / "told"
        return path.read_text() if path.exists() else ""

    def reload(self) -> bool:
        (self.folder / "told").write_text(self.told + "x")
        return True


@pytest.mark.story("37a")
def test_lists_are_written_once_the_broker_told_once_and_the_session_ended_more_than_once(
    office: Office,
) -> None:
    books, clock = office.books, office.clock
    folder = Broker(office.folder / "broker", "dongfang")
    folder.write(books.certificates.authority, ["localhost"], 8883, ["sync"], clock.at_ms)
    ended: list[str] = []
    work = IdentityWork(
        books.certificates, Post(), clock, "dongfang", folder, lambda node: ended.append(node) is None
    )
    work()
    work()
    assert (work.counters.lists, len(folder.told)) == (1, 1)
    office.lose()
    for _ in range(3):
        work()
    assert (work.counters.lists, len(folder.told)) == (2, 2)
    assert "user gate-2\ntopic deny #" in (folder.folder / "acl").read_text()
    for _ in range(70):
        clock.step(ms=1_000)
        work()
    assert ended == ["gate-2"] * len(KICKS_AFTER_MS)
    office.replacement()
    work()
    assert "gate-2" not in (folder.folder / "acl").read_text()


def test_links_of_keys_go_to_every_node_that_is_not_lost_and_again_with_every_session(office: Office) -> None:
    books, post = office.books, Post()
    work = IdentityWork(
        books.certificates, post, office.clock, "dongfang", links=lambda: key_links(books.config.keys)
    )
    work()
    assert post.sent == []  # no key was ever changed
    rotate(books.house, books.config.keys, "community", overlap_days=1, **WHO)
    for _ in range(2):
        work()
    said = [(topic, retain) for topic, _, retain in post.sent]
    assert said == [(NodeTopics("dongfang", node).keys, True) for node in ("gate-1", "gate-2")]
    assert len(decode(post.sent[0][1], KeyChain).links) == 1
    office.lose()
    post.session += 1
    work()
    assert [topic for topic, *_ in post.sent[2:]] == [NodeTopics("dongfang", "gate-1").keys]


def test_a_broker_that_was_away_is_told_when_it_is_back_and_a_new_life_of_the_service_tells_it_anyway(
    office: Office,
) -> None:
    books, clock = office.books, office.clock
    folder = BrokerFolder(office.folder / "broker", "dongfang")
    folder.write(books.certificates.authority, ["localhost"], 8883, ["sync"], clock.at_ms)
    work = IdentityWork(books.certificates, Post(), clock, "dongfang", folder)
    for _ in range(2):
        work()  # nobody is there to be told
    work.folder = Broker(folder.folder, "dongfang")
    for _ in range(2):
        work()
    assert work.folder.told == "x"
    again = IdentityWork(books.certificates, Post(), clock, "dongfang", work.folder)
    for _ in range(2):
        again()
    assert (again.counters.lists, work.folder.told) == (0, "xx")


def test_by_hand_a_loss_is_told_decided_and_listed(office: Office) -> None:
    config = office.folder / "sync.toml"
    config.write_text(
        f'data_dir = "data"\ndatabase_url = "{office.books.config.database_url}"\n[community]\ncode = "dongfang"\nname_zh = "东方新城"\nname_en = "Dongfang"\nsynthetic = true\n'
        '[web]\ntls = false\n[broker]\nembedded = false\nca_file = "ca.pem"\n'
    )
    words = ["--by", "Li", "--reason", "stolen", "--config", str(config)]
    lost = CliRunner().invoke(app, ["node", "lost", "gate-2", *words])
    assert (lost.exit_code, "1 certificate(s) revoked" in lost.output) == (0, True), lost.output
    assert "run 'gatehouse-sync broker-config' and reload it" in lost.output
    (loss,) = CliRunner().invoke(app, ["breach", "list", "--config", str(config)]).output.splitlines()
    assert loss.endswith("0 people, at most 0, 7 steps left")
    of = loss.split()[0]
    note = ["--note", "report 7", "--config", str(config)]
    assert CliRunner().invoke(app, ["breach", "done", of, "police", *note]).exit_code == 0
    shown = CliRunner().invoke(app, ["breach", "show", of, "--config", str(config)]).output
    assert "report 7" in next(line for line in shown.splitlines() if line.startswith("police"))
    office.says(body(access_point=OURS))
    neither = CliRunner().invoke(app, ["node", "lost-events", "gate-2", *words])
    assert isinstance(neither.exception, ConfigError)
    done = CliRunner().invoke(app, ["node", "lost-events", "gate-2", "--discard", *words])
    assert done.output == "gate-2: 1 frame(s) discarded\n"
    listed = CliRunner().invoke(app, ["node", "certificates", "--config", str(config)])
    assert listed.output.startswith("gate-2 ")
    assert listed.output.endswith("revoked (lost)\n")
