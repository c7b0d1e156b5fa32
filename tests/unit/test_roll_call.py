"""The roll-call at a node: rooms and numbers, without a network and without a name, for who knows the site's code."""

import asyncio
from datetime import UTC

import httpx
import pytest

from cloud_sync.protocol import merkle
from edge.compose_roll import roll_pages
from edge.config import NodeConfig
from edge.core.clock import TimeSpan
from edge.core.door_rules import DoorRule, RuleSet
from edge.core.events import ClockState, Fact, PassId
from edge.core.roll_call import SEEN_MAX, note_passage, roll_call
from edge.core.schedule import Calendar
from edge.core.ways import Way
from edge.kiosk.serve import KioskServer
from edge.kiosk.state import Door, KioskState
from edge.link.translate import decode_passes
from edge.runtime.rule_parts import local_time
from tests.fakes.lone_gate import GATE, NOW_MS, pass_row
from tests.fakes.ruled_house import S_NS, RuledHouse

UNIT, R301, R302 = "AP-unit-2", "AP-301", "AP-302"
CODE = "20261130"


def party(room: str, *names: str, **changes: object):
    scope = [GATE, UNIT, room]
    return [
        pass_row(f"PS-{name}", scope=scope, pin=f"1000000{k}{room[-1]}", **changes)
        for k, name in enumerate(names)
    ]


ROWS = [*party(R301, "ada", "bo"), *party(R302, "chen")]


def passes(rows=ROWS):
    return decode_passes(merkle.pack(rows))


def places(rows=ROWS, seen=(), at_ms=NOW_MS):
    found = roll_call(passes(rows), {PassId(name): way for name, way in seen}, TimeSpan.at(at_ms))
    return [(place.doors, place.people, place.seen_in, place.seen_out) for place in found]


@pytest.mark.story("24d")
def test_a_room_is_the_door_that_only_its_party_s_passes_open():
    assert places() == [((R301,), 2, 0, 0), ((R302,), 1, 0, 0)]


def test_who_was_seen_here_stands_beside_and_who_went_out_is_still_counted():
    seen = [("PS-ada", "in"), ("PS-chen", "out"), ("PS-nobody", "in")]
    assert places(seen=seen) == [((R301,), 2, 1, 0), ((R302,), 1, 0, 1)]


def test_only_who_sleeps_here_and_whose_pass_holds_now_is_counted():
    staff = party(R301, "staff", cls="operator")
    revoked = party(R302, "gone", state="REVOKED")
    leaving = party(R302, "leaving", state="EXIT_ONLY")
    assert places([*ROWS, *staff, *revoked, *leaving]) == [((R301,), 2, 0, 0), ((R302,), 2, 0, 0)]
    assert places(at_ms=NOW_MS + 21 * 3_600_000) == []


def test_where_two_doors_are_the_same_party_s_both_are_named():
    assert places(party(R301, "ada")) == [((GATE, R301, UNIT), 1, 0, 0)]


def test_what_is_remembered_of_passages_is_bounded_and_newest():
    seen = {}
    for number in range(SEEN_MAX + 5):
        note_passage(seen, Fact("access.taken", pass_id=PassId(f"P{number}"), direction="in"))
    note_passage(seen, Fact("access.taken", pass_id=PassId("P9"), direction="out"))
    note_passage(seen, Fact("access.denied", pass_id=PassId("P1"), direction="in"))
    assert (len(seen), seen["P9"], "P1" in seen) == (SEEN_MAX, "out", False)


# --- the page ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def site(tmp_path):
    """Two guests of 301 have gone in at this gate; there is no network, and none is asked for."""
    config = NodeConfig.model_validate(
        {
            "node": "n1", "data_dir": "d", "join_file": "j", "io_profile": "p", "kiosk": {"roll_code": CODE},
            "doors": [{"access_point": GATE, "kind": "gate"}, {"access_point": R301, "kind": "room", "name_zh": "301室", "name_en": "Room 301"}],
        }
    )  # fmt: skip

    async def walk():
        rules = RuleSet(
            Calendar(local_time(UTC), {}), {GATE: DoorRule(access_point=GATE, way=Way("street", "yard"))}
        )
        made = await RuledHouse(tmp_path, rules, ROWS).start()
        await made.walk(GATE, "100000001")
        return made

    made = asyncio.run(walk())
    gate = made.gates[GATE]
    made.knowledge = gate.knowledge if hasattr(gate, "knowledge") else gate.gate.hands.knowledge
    yield made, roll_pages(config, made, made.rules, made, UTC)
    made.close()


@pytest.fixture
def client(site):
    server = KioskServer(KioskState([Door(GATE, "东门", "East gate")]), "127.0.0.1", 0, roll=site[1])
    server.start()
    with httpx.Client(base_url=server.url, timeout=10) as made:
        yield made
    server.close()


def ask(client, code, **headers):
    return client.post("/roll-call", data={"code": code}, headers=headers)


@pytest.mark.story("24d")
def test_who_knows_the_code_reads_rooms_and_numbers_and_no_name(client):
    assert 'name="code"' in client.get("/roll-call").text
    page = ask(client, CODE)
    assert page.status_code == 200
    assert "form-action 'self'" in page.headers["content-security-policy"]
    rows = [line for line in page.text.splitlines() if 'scope="row"' in line]
    assert ["301室" in rows[0], "<td>2</td><td>1</td><td>0</td>" in rows[0]] == [True, True]
    assert [R302 in rows[1], "<td>1</td><td>0</td><td>0</td>" in rows[1]] == [True, True]
    assert "<td>3</td><td>1</td><td>0</td>" in rows[2]
    assert not any(word in page.text for word in ("PS-", "SJ-", "ada"))


@pytest.mark.story("24d")
def test_nobody_else_reads_it_and_guessing_has_to_wait(client, site):
    assert "301" not in client.get("/roll-call").text
    assert ask(client, CODE, **{"sec-fetch-site": "cross-site"}).status_code == 403
    for wrong in ("00000000", "", "x" * 500, "１２３４５６", "20261131"):
        answer = ask(client, wrong)
        assert (answer.status_code, "301" in answer.text) == (403, False)
    assert ask(client, CODE).status_code == 429
    site[0].at_ns += 31 * S_NS
    assert ask(client, CODE).status_code == 200


def test_a_node_that_does_not_know_the_time_says_so_and_leaves_nobody_out(client, site):
    site[0].clock = ClockState.UNTRUSTED
    page = ask(client, CODE).text
    assert "This node does not know the time" in page
    assert "301室" in page


def test_without_a_code_there_is_no_list_and_no_page(tmp_path):
    config = NodeConfig.model_validate(
        {"node": "n1", "data_dir": "d", "join_file": "j", "io_profile": "p", "doors": [{"access_point": GATE, "kind": "gate"}]}
    )  # fmt: skip
    assert roll_pages(config, None, None, None, UTC) is None
    server = KioskServer(KioskState([Door(GATE, "东门", "East gate")]), "127.0.0.1", 0)
    server.start()
    with httpx.Client(base_url=server.url, timeout=10) as made:
        assert made.post("/roll-call", data={"code": CODE}).status_code == 405
    server.close()
