"""Commands at the service: a named person, a reason, one signature, and what nodes say became of them."""

import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from cloud_sync.compose import Books, join_file, write_join_file
from cloud_sync.distribute.commands import AGAIN_MS, CommandDriver
from cloud_sync.errors import NotFound, Refused
from cloud_sync.protocol.commands import TTL_MS, Command, signing_bytes, split
from cloud_sync.protocol.messages import CmdAck
from cloud_sync.protocol.topics import NodeTopics
from cloud_sync.store import tables
from cloud_sync.store.engine import reading
from tests.fakes.community_house import DOOR, GATE, NOON_MS, Gate, new_house


@pytest.fixture
def books(tmp_path: Path, database: str) -> Iterator[Books]:
    books = new_house(tmp_path, database=database)
    yield books
    books.close()


@pytest.fixture
def node(books: Books) -> Iterator[Gate]:
    gate = Gate(books)
    yield gate
    gate.close()


@dataclass
class Bus:
    """A bus in memory; ``session`` 0 is a broker that was never there."""

    session: int = 1
    sent: list[tuple[str, bytes, bool]] = field(default_factory=list)

    def send(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self.sent.append((topic, payload, retain))


@pytest.fixture
def bus() -> Bus:
    return Bus()


@pytest.fixture
def driver(books: Books, bus: Bus) -> CommandDriver:
    return CommandDriver(books.commands, bus, books.clock, "dongfang")


def issue(books: Books, op: str = "release", door: str = GATE, **more: str) -> str:
    return books.commands.issue(door, op, actor="guard-7", reason="taxi with luggage", **more)


def command_in(frame: bytes) -> Command:
    return split(frame)[2]


def state(books: Books, command_id: str) -> tuple[str, str]:
    view = books.commands.state(command_id)
    return view.state, view.why


# --- issuing ------------------------------------------------------------------------------------------------------


def test_a_command_is_signed_by_a_key_of_its_own_for_one_door_and_ten_seconds(
    books: Books, bus: Bus, driver: CommandDriver
) -> None:
    command_id = issue(books)
    driver.tick()
    ((topic, frame, retained),) = bus.sent
    assert (topic, retained) == (NodeTopics("dongfang", "gate-1").cmd, False)
    signature, body, command = split(frame)
    Ed25519PublicKey.from_public_bytes(books.keys.commands.public_key).verify(signature, signing_bytes(body))
    assert books.keys.commands.public_key != books.keys.signer.public_key
    assert (command.t, command.node, command.door, command.op) == ("dongfang", "gate-1", GATE, "release")
    assert (command.id, command.iss, command.nonce) == (command_id, "guard-7", "")
    assert (command.iat, command.exp) == (NOON_MS, NOON_MS + TTL_MS)


def test_a_node_is_given_the_key_when_it_joins(books: Books) -> None:
    key = books.keys.commands
    assert f'"kid": "{key.kid}"'.encode() in join_file(books, "gate-1")


def test_a_join_file_is_its_owner_s_alone(books: Books, tmp_path: Path) -> None:
    out = tmp_path / "join.json"
    out.write_text("of an earlier joining")
    out.chmod(0o644)
    write_join_file(books, "gate-1", out)
    assert (stat.S_IMODE(out.stat().st_mode), out.read_bytes()) == (0o600, join_file(books, "gate-1"))


def test_the_counter_rises_also_within_a_millisecond_and_never_falls_behind_the_clock(books: Books) -> None:
    """A database restored from a backup must not count anew what the nodes have seen."""
    for _ in range(3):
        issue(books)
    books.clock.step(hours=1)
    issue(books)
    counters = [command_in(one.frame).ctr for one in books.commands.open(0)]
    assert counters == [NOON_MS, NOON_MS + 1, NOON_MS + 2, NOON_MS + 3_600_000]


def test_every_command_stands_in_the_audit_with_its_person_and_its_reason(books: Books) -> None:
    command_id = issue(books, "block")
    with reading(books.engine).connect() as db:
        row = db.execute(sa.select(tables.audit).where(tables.audit.c.action == "command.block")).one()
        kept = db.execute(sa.select(tables.command)).one()
    assert (row.actor, row.object, row.after) == ("guard-7", GATE, command_id)
    assert row.reason.startswith("taxi with luggage")
    assert (kept.issuer, kept.reason, kept.state) == ("guard-7", "taxi with luggage", "QUEUED")
    assert b"taxi" not in kept.bytes


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"reason": "  "}, "needs a reason"),
        ({"reason": "x" * 501}, "needs a reason"),
        ({"actor": ""}, "needs a named person"),
        ({"actor": "x" * 65}, "needs a named person"),
        ({"op": "evacuate"}, "a door cannot 'evacuate'"),
        ({"arg": "class=king"}, "does not take the argument"),
        ({"arg": "class=visitor", "op": "unlock"}, "does not take the argument"),
        ({"arg": "class=visitor", "door": DOOR}, "a visitor is let in at a gate"),
    ],
    ids=lambda given: "+".join(given) if isinstance(given, dict) else "",
)
def test_what_may_not_be_commanded_is_refused_and_leaves_no_trace(
    books: Books, wrong: dict[str, str], sentence: str
) -> None:
    words = {"door": GATE, "op": "release", "actor": "guard-7", "reason": "why", "arg": "", **wrong}
    with pytest.raises(Refused, match=sentence):
        books.commands.issue(words.pop("door"), words.pop("op"), **words)
    assert books.commands.open(0) == []


def test_a_door_or_a_command_that_is_not_there_is_not_found(books: Books) -> None:
    with pytest.raises(NotFound, match="no access point AP-none"):
        issue(books, door="AP-none")
    with pytest.raises(NotFound, match="no command"):
        books.commands.state("0" * 16)


def test_a_visitor_is_let_in_at_the_gate(books: Books, bus: Bus, driver: CommandDriver) -> None:
    issue(books, arg="class=visitor")
    driver.tick()
    assert command_in(bus.sent[0][1]).arg.class_ == "visitor"


@pytest.mark.parametrize("clock", ["HOLDOVER", "UNTRUSTED"])
def test_where_the_clock_is_not_trusted_the_nonce_of_the_last_hello_is_quoted(
    books: Books, node: Gate, bus: Bus, driver: CommandDriver, clock: str
) -> None:
    node.says_hello(clock_state=clock, nonce="first")
    node.says_hello(clock_state=clock, nonce="c5d2")
    issue(books, "lock")
    driver.tick()
    assert command_in(bus.sent[0][1]).nonce == "c5d2"


def test_a_node_without_the_time_is_not_even_asked_to_open(books: Books, node: Gate) -> None:
    node.says_hello(clock_state="UNTRUSTED", nonce="c5d2")
    for op in ("release", "unlock"):
        with pytest.raises(Refused, match="not sure of the time; until it is, it can only block or lock"):
            issue(books, op)


# --- sending ------------------------------------------------------------------------------------------------------


def test_the_same_bytes_are_sent_again_until_their_time_is_over_and_never_after(
    books: Books, bus: Bus, driver: CommandDriver
) -> None:
    command_id = issue(books)
    for _ in range(2 * TTL_MS // 100):
        driver.tick()
        books.clock.step(ms=100)
    assert len({frame for _, frame, _ in bus.sent}) == 1
    assert len(bus.sent) == TTL_MS // AGAIN_MS
    assert state(books, command_id) == ("EXPIRED", "x:NoAnswer")
    assert (driver.counters.sent, driver.counters.repeated, driver.counters.expired) == (1, 9, 1)


def test_another_process_that_takes_over_sends_what_is_left_and_signs_nothing(
    books: Books, bus: Bus, driver: CommandDriver
) -> None:
    issue(books)
    driver.tick()
    CommandDriver(books.commands, bus, books.clock, "dongfang").tick()
    assert bus.sent[0] == bus.sent[1]


def test_without_a_bus_a_command_waits_and_then_dies(books: Books, bus: Bus, driver: CommandDriver) -> None:
    bus.session = 0
    command_id = issue(books)
    driver.tick()
    assert (bus.sent, state(books, command_id)) == ([], ("QUEUED", ""))
    books.clock.step(ms=TTL_MS)
    bus.session = 1
    driver.tick()
    assert (bus.sent, state(books, command_id)) == ([], ("EXPIRED", "x:NoAnswer"))


def test_once_the_result_is_known_nothing_is_sent_any_more(
    books: Books, node: Gate, bus: Bus, driver: CommandDriver
) -> None:
    command_id = issue(books)
    driver.tick()
    assert state(books, command_id)[0] == "SENT"
    node.hears(CmdAck(id=command_id, state="accepted"))
    assert state(books, command_id)[0] == "ACCEPTED"
    books.clock.step(ms=AGAIN_MS)
    driver.tick()
    assert len(bus.sent) == 2, "the result is still owed: the same bytes ask for it"
    node.hears(CmdAck(id=command_id, state="done", mode="ACCESSED", seq=1))
    books.clock.step(ms=AGAIN_MS)
    driver.tick()
    assert (len(bus.sent), state(books, command_id)) == (2, ("DONE", ""))


def test_what_was_accepted_does_not_expire(books: Books, node: Gate, driver: CommandDriver) -> None:
    command_id = issue(books)
    driver.tick()
    node.hears(CmdAck(id=command_id, state="accepted"))
    books.clock.step(ms=TTL_MS * 2)
    driver.tick()
    assert state(books, command_id)[0] == "ACCEPTED"
    assert books.commands.open(books.clock.now_ms()) == []


# --- what nodes say -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "why", "after"),
    [("done", "", "DONE"), ("failed", "x:NotCarriedOut", "FAILED"), ("refused", "expired", "REJECTED")],
)
def test_an_answer_and_an_event_say_the_same(
    books: Books, node: Gate, answer: str, why: str, after: str
) -> None:
    by_answer, by_event = issue(books), issue(books)
    node.hears(CmdAck(id=by_answer, state=answer, why=why))
    node.tells(f"command.{answer}", x={"cmd": by_event, "op": "release"}, reason=why or None)
    assert state(books, by_answer) == state(books, by_event) == (after, why)


def test_the_ledger_outranks_what_was_only_said(books: Books, node: Gate) -> None:
    command_id = issue(books)
    node.hears(CmdAck(id=command_id, state="refused", why="unknown_key"))
    node.tells("command.done", x={"cmd": command_id})
    assert state(books, command_id) == ("DONE", "")
    node.hears(CmdAck(id=command_id, state="failed", why="x:Interrupted"))
    node.hears(CmdAck(id=command_id, state="accepted"))
    node.tells("command.refused", x={"cmd": command_id}, reason="expired")
    assert state(books, command_id) == ("DONE", "")


def test_a_result_that_comes_days_late_still_counts(books: Books, node: Gate, driver: CommandDriver) -> None:
    """The node carried it out and was cut off before it could say so."""
    command_id = issue(books)
    driver.tick()
    books.clock.step(hours=72)
    driver.tick()
    assert state(books, command_id)[0] == "EXPIRED"
    node.tells("command.done", x={"cmd": command_id})
    assert state(books, command_id) == ("DONE", "")


def test_a_node_is_believed_about_its_own_commands_only(books: Books, node: Gate) -> None:
    command_id = issue(books)
    with books.engine.begin() as db:
        db.execute(sa.update(tables.command).values(node="gate-2"))
    node.hears(CmdAck(id=command_id, state="done"))
    node.tells("command.done", x={"cmd": command_id})
    assert state(books, command_id)[0] == "QUEUED"


def test_an_answer_to_nothing_changes_nothing(books: Books, node: Gate) -> None:
    node.hears(CmdAck(id="0" * 16, state="done"))
    node.tells("command.done")
    node.tells("command.done", x={"cmd": 7})
    with pytest.raises(NotFound):
        books.commands.state("0" * 16)
