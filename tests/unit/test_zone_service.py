"""Zones at the service: two people, one broadcast, copies to the silent, and a count that adds up."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from cloud_sync.cli_zones import sentence
from cloud_sync.compose import Books, join_file, open_books
from cloud_sync.distribute.commands import AGAIN_MS
from cloud_sync.distribute.zones import ZoneDriver
from cloud_sync.errors import NotFound, Refused
from cloud_sync.identity.rotate import key_links, rotate
from cloud_sync.protocol.commands import TTL_MS, split
from cloud_sync.protocol.keychain import Trusted
from cloud_sync.protocol.messages import CmdAck
from cloud_sync.protocol.topics import NodeTopics, zone_cmd
from cloud_sync.store.keys import CONFIRM
from cloud_sync.store.zone_commands import SECOND_WITHIN_MS
from edge.core.commands import Here, Past, Reject, Why, judge
from edge.core.events import AccessPointId, ClockState
from edge.link.translate import received
from edge.runtime.commands import Place
from edge.store.device_key import Join, read_join, verify_ed25519
from edge.store.key_ring import KeyRing
from tests.fakes.community_house import DOOR, GATE, Gate, new_house


@dataclass
class Bus:
    session: int = 1
    sent: list[tuple[str, bytes]] = field(default_factory=list)

    def send(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        assert not retain
        self.sent.append((topic, payload))


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


@pytest.fixture
def bus() -> Bus:
    return Bus()


@pytest.fixture
def driver(books: Books, bus: Bus) -> ZoneDriver:
    return ZoneDriver(books.zone_commands, bus, books.clock, "dongfang")


def fire_1(books: Books, *doors: str) -> list[str]:
    return books.zones.put(
        "fire-1", kind="fire", name_zh="一区", name_en="Section 1", doors=doors or (GATE,), actor="zhao"
    )


def proposed(books: Books, zone: str = "site", op: str = "lockdown") -> str:
    return books.zone_commands.propose(zone, op, actor="li", reason="somebody with a knife")


def signed(books: Books, zone: str = "site") -> str:
    command_id = proposed(books, zone)
    books.zone_commands.second(command_id, actor="wang")
    return command_id


def states(books: Books, command_id: str) -> dict[str, str]:
    return {one.access_point: one.state for one in books.zone_commands.state(command_id).results}


# --- zones --------------------------------------------------------------------------------------------------------


def test_a_zone_says_which_nodes_need_a_new_join_file_and_the_file_is_believed(
    books: Books, tmp_path: Path
) -> None:
    assert fire_1(books, GATE) == ["gate-1"]
    assert [(one.zone, one.doors) for one in books.zones.all()] == [
        ("site", (GATE, DOOR)),
        ("fire-1", (GATE,)),
    ]
    path = tmp_path / "join.json"
    path.write_bytes(join_file(books, "gate-1"))
    join = read_join(path)
    assert join.zones == {"site": {GATE, DOOR}, "fire-1": {GATE}}
    assert set(join.confirm_keys) == {books.keys.confirm.kid}
    assert books.zones.remove("fire-1", actor="zhao") == ["gate-1"]
    assert [one.zone for one in books.zones.all()] == ["site"]


@pytest.mark.parametrize(
    ("zone", "kind", "doors"), [("site", "fire", (GATE,)), ("a/b", "fire", (GATE,)), ("a", "x", (GATE,))]
)
def test_a_zone_that_cannot_be_is_refused(books: Books, zone: str, kind: str, doors: tuple[str]) -> None:
    with pytest.raises(Refused):
        books.zones.put(zone, kind=kind, name_zh="x", name_en="x", doors=doors, actor="zhao")


def test_nobody_commands_a_zone_that_is_not_there(books: Books) -> None:
    with pytest.raises(NotFound):
        proposed(books, "fire-9")
    with pytest.raises(NotFound):
        fire_1(books, "AP-nowhere")
    with pytest.raises(NotFound):
        books.zones.remove("fire-9", actor="zhao")


def test_a_community_of_before_gets_its_second_key_with_the_update(tmp_path: Path) -> None:
    before = new_house(tmp_path)
    before.close()
    (before.config.keys / CONFIRM).unlink()
    after = open_books(before.config)
    assert (after.config.keys / CONFIRM).stat().st_mode & 0o077 == 0
    after.close()


def test_after_a_change_of_keys_the_file_of_before_and_the_zone_in_it_are_still_good(
    books: Books, tmp_path: Path
) -> None:
    fire_1(books)
    path = tmp_path / "join.json"
    path.write_bytes(join_file(books, "gate-1"))
    for use in ("community", "command"):
        rotate(books.house, books.config.keys, use, overlap_days=0, by="Li", reason="yearly", actor="cli:li")
    books.clock.step(ms=1_000)
    after = open_books(books.config, books.clock)
    command_id = after.zone_commands.propose("fire-1", "lockdown", actor="zhao", reason="smoke")
    after.zone_commands.second(command_id, actor="qian")
    (sent,) = after.zone_commands.open()
    join = ringed(read_join(path), tmp_path / "keys.json", books.clock.now_ms)
    assert join.ring is not None
    assert judged(join, sent.frame, books.clock.now_ms()) == Why.UNKNOWN_KEY
    assert join.ring.follow(key_links(after.config.keys))
    assert judged(join, sent.frame, books.clock.now_ms()) is None
    path.write_bytes(join_file(after, "gate-1"))
    fetched = read_join(path)
    assert (fetched.zones, fetched.kid) == (join.zones, after.keys.signer.kid)
    assert judged(fetched, sent.frame, books.clock.now_ms()) is None
    after.close()


def ringed(join: Join, path: Path, now_ms: Callable[[], int]) -> Join:
    roots = {
        "community": Trusted(join.kid, join.community_key),
        "command": Trusted(*next(iter(join.command_keys.items()))),
    }
    return replace(join, ring=KeyRing(path, join.community, roots, verify_ed25519, now_ms))


def judged(join: Join, frame: bytes, now_ms: int) -> Why | None:
    """Why a node with this join file says no to a zone's command; None: it does as it is told."""
    place = Place.of(join.community, join.node, join, 10_000)
    here = Here(
        tenant=place.tenant,
        node=place.node,
        doors=frozenset(AccessPointId(door) for door in (GATE, DOOR)),
        keys=place.keys | join.command_kids(),
        age_max_ms=place.age_max_ms,
        now_ms=now_ms,
        clock=ClockState.TRUSTED,
        bound_ms=0,
        zones=place.zones,
        seconds=place.seconds,
    )
    got = received(frame, retained=False, nonces=frozenset())
    verdict = judge(got, here, Past(), join.verify_command)
    return verdict.why if isinstance(verdict, Reject) else None


# --- two people ---------------------------------------------------------------------------------------------------


def test_until_a_second_person_says_the_same_nothing_is_sent(
    books: Books, bus: Bus, driver: ZoneDriver
) -> None:
    command_id = proposed(books)
    driver.tick()
    assert bus.sent == []
    for actor in ("li", "cli:Li"):
        with pytest.raises(Refused, match="another person"):
            books.zone_commands.second(command_id, actor=actor)
    books.zone_commands.second(command_id, actor="wang")
    driver.tick()
    ((topic, frame),) = bus.sent
    signatures, _body, command = split(frame)
    assert (topic, command.zone, command.door) == (zone_cmd("dongfang", "site"), "site", "*")
    assert (command.iss, command.iss2, len(signatures)) == ("li", "wang", 128)
    assert (command.kid, command.kid2) == (books.keys.commands.kid, books.keys.confirm.kid)
    assert command.exp - command.iat == TTL_MS
    with pytest.raises(Refused, match="SENT"):
        books.zone_commands.second(command_id, actor="zhao")


def test_a_proposal_nobody_joins_lapses(books: Books) -> None:
    command_id = proposed(books)
    books.clock.step(ms=SECOND_WITHIN_MS + 1)
    assert books.zone_commands.state(command_id).state == "LAPSED"
    with pytest.raises(Refused, match="LAPSED"):
        books.zone_commands.second(command_id, actor="wang")


def test_a_zone_lets_nobody_in(books: Books) -> None:
    with pytest.raises(Refused, match="cannot 'release'"):
        proposed(books, op="release")


def test_zones_and_single_doors_count_with_one_counter(books: Books, bus: Bus, driver: ZoneDriver) -> None:
    signed(books)
    driver.tick()
    books.commands.issue(GATE, "lock", actor="li", reason="later")
    (single,) = books.commands.open(0)
    assert split(single.frame)[2].ctr > split(bus.sent[0][1])[2].ctr


# --- results ------------------------------------------------------------------------------------------------------


def test_who_is_silent_gets_the_same_bytes_by_itself_until_its_time_is_over(
    books: Books, bus: Bus, driver: ZoneDriver
) -> None:
    command_id = signed(books)
    driver.tick()
    driver.tick()
    assert len(bus.sent) == 1
    books.clock.step(ms=AGAIN_MS)
    driver.tick()
    assert bus.sent[1] == (NodeTopics("dongfang", "gate-1").cmd, bus.sent[0][1])
    books.clock.step(ms=TTL_MS)
    driver.tick()
    assert len(bus.sent) == 2
    assert set(states(books, command_id).values()) == {"EXPIRED"}
    view = books.zone_commands.state(command_id)
    assert (view.ended, sentence(view)) == (True, "0 of 2 doors did it; 2 silent")
    assert books.zone_commands.open() == []


def test_each_door_is_counted_by_its_own_answer_and_its_own_event(
    books: Books, node: Gate, bus: Bus, driver: ZoneDriver
) -> None:
    command_id = signed(books)
    driver.tick()
    node.hears(CmdAck(id=command_id, state="accepted", door=GATE))
    node.hears(CmdAck(id=command_id, state="done", door=GATE))
    assert states(books, command_id) == {GATE: "DONE", DOOR: "SENT"}
    assert sentence(books.zone_commands.state(command_id)) == "1 of 2 doors did it; 1 not answered yet"
    x = {"cmd": command_id, "zone": "site", "second": "wang"}
    node.tells("command.failed", access_point=DOOR, reason="x:NotCarriedOut", x=x)
    view = books.zone_commands.state(command_id)
    assert sentence(view) == "1 of 2 doors did it; 1 failed"
    books.clock.step(ms=AGAIN_MS)
    driver.tick()
    assert len(bus.sent) == 1, "nobody is silent"


def test_a_node_that_has_no_such_door_answers_for_all_of_them(
    books: Books, node: Gate, driver: ZoneDriver
) -> None:
    command_id = signed(books)
    driver.tick()
    node.hears(CmdAck(id=command_id, state="refused", why="wrong_node", door="*"))
    assert states(books, command_id) == {GATE: "REJECTED", DOOR: "REJECTED"}


def test_the_event_that_comes_days_later_still_counts(books: Books, node: Gate, driver: ZoneDriver) -> None:
    command_id = signed(books)
    driver.tick()
    books.clock.step(hours=72)
    driver.tick()
    for door in (GATE, DOOR):
        node.tells("command.done", access_point=door, x={"cmd": command_id, "zone": "site"})
    assert sentence(books.zone_commands.state(command_id)) == "2 of 2 doors did it"


def test_another_nodes_word_moves_nothing(books: Books, node: Gate) -> None:
    command_id = signed(books)
    other = CmdAck(id=command_id, state="done", door="AP-other")
    node.hears(other)
    assert set(states(books, command_id).values()) == {"QUEUED"}
