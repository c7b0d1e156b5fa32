"""The fleet page: what each node owes and runs, in both languages, and what somebody has to look at."""

from datetime import UTC, datetime

import pytest

from cloud_sync.protocol.messages import Lag
from cloud_sync.web.board import Speaker
from cloud_sync.web.fleet import LOW_DISK_MB, fleet_of
from cloud_sync.web.language import Lang
from cloud_sync.web.render import Chrome
from cloud_sync.web.services import DEFAULT_ZONE
from cloud_sync.web.spans import span
from cloud_sync.web.texts import texts
from tests.fakes.web_house import (
    COMMUNITY,
    FACE_DOOR,
    GATE,
    ROOM,
    UNIT,
    WebHouse,
    door,
    log_in,
    utc_text,
    visiting,
)
from tests.fakes.wire_ledger import told

DAY_MS = 86_400_000


@pytest.fixture
def house(tmp_path):
    made = WebHouse(tmp_path)
    made.add_admin()
    made.add_nodes()
    made.report("gate-1", [door(GATE, **FACE_DOOR)])
    made.report("building-7", [door(UNIT), door(ROOM)])
    yield made
    made.close()


def page_of(house, lang=Lang.EN):
    held = house.reader.dashboard(COMMUNITY, datetime.fromtimestamp(house.clock.now_ms() / 1000, UTC))
    return fleet_of(Chrome(lang, "", None, ""), held, Speaker(texts(lang), DEFAULT_ZONE))


def row_of(page, node="gate-1"):
    return next(row for row in page.rows if row.node == node)


def test_a_healthy_fleet_says_how_far_it_is_and_asks_for_nothing(house):
    house.tell("access.granted")
    house.report("gate-1", [door(GATE, **FACE_DOOR)])
    page, row = page_of(house), row_of(page_of(house))
    assert (page.online, page.whole) == (2, True)
    assert row.events.text == "1 / 1"
    assert row.lag.text == "0 s"
    assert not any(one.amiss for one in (row.lag, row.complete_to, row.outbox, row.clock, row.wire))
    (face,) = row.face_doors
    assert (face.people, face.engine, face.threshold) == ("41", "yunet-sface", "0.497")
    assert row_of(page, "building-7").face_doors == ()
    assert row_of(page, "building-7").doors == 2


def test_a_node_that_is_cut_off_stands_first_and_says_how_far_it_is_behind(house):
    house.clock.now += 3 * DAY_MS
    house.report("gate-1", [door(GATE)])
    page = page_of(house)
    assert [row.node for row in page.rows] == ["building-7", "gate-1"]
    behind = row_of(page, "building-7")
    assert (behind.lag.text, behind.lag.amiss, behind.online) == ("3 d", True, False)
    assert not page.whole
    assert page.online == 1


def hello(house, **more):
    ledger = house.ledgers["gate-1"]
    wall = utc_text(house.clock.now_ms())
    house.sink.store([told(ledger.hello(acked=ledger.head, wall=wall, **more))], house.clock.now_ms())
    return row_of(page_of(house))


def test_versions_outbox_and_disk_are_what_the_last_hello_told(house):
    row = hello(house, sw="gatehouse-9", wv=9, lag=Lag(outbox=4_120, free_mb=LOW_DISK_MB - 1))
    assert (row.software.text, row.wire.text) == ("gatehouse-9", "9")
    assert (row.outbox.text, row.disk.text) == ("4,120", "499 MB")
    assert row.wire.amiss
    assert row.disk.amiss


def test_two_versions_of_the_software_are_counted_and_one_of_them_is_marked(house):
    hello(house, sw="newer")
    page = page_of(house)
    assert sorted(page.software) == [("1.4.0", 1), ("newer", 1)]
    assert sorted(row.software.amiss for row in page.rows) == [False, True]


@pytest.mark.parametrize(
    ("clock", "text"),
    [
        ({"clock_state": "HOLDOVER", "clock_bound_ms": 4_500}, "±4 s"),
        ({"clock_state": "UNTRUSTED", "clock_bound_ms": 0}, ""),
    ],
)
def test_a_clock_that_is_not_trusted_is_marked_and_says_its_bound(house, clock, text):
    row = hello(house, **clock)
    assert row.clock.amiss
    assert text in row.clock.text
    assert ("±" in row.clock.text) == bool(text)


@pytest.mark.story("25f")
@pytest.mark.parametrize(("off_ms", "text"), [(14_000, "14 s ahead"), (-75_000, "75 s behind"), (9_000, "")])
def test_a_clock_that_is_off_says_by_how_much_and_to_which_side(house, off_ms, text):
    ledger = house.ledgers["gate-1"]
    for _ in range(2):
        wall = utc_text(house.clock.now_ms() + off_ms)
        house.sink.store([told(ledger.hello(acked=ledger.head, wall=wall))], house.clock.now_ms())
    clock = row_of(page_of(house)).clock
    assert (clock.amiss, text in clock.text, "ahead" in clock.text or "behind" in clock.text) == (
        bool(text),
        True,
        bool(text),
    )


@pytest.mark.parametrize(
    ("ms", "en", "zh"),
    [
        (-5, "0 s", "0 秒"),
        (119_000, "119 s", "119 秒"),
        (120_000, "2 min", "2 分钟"),
        (7_199_000, "119 min", "119 分钟"),
        (2 * 3_600_000, "2 h", "2 小时"),
        (2 * DAY_MS - 1, "47 h", "47 小时"),
        (3 * DAY_MS, "3 d", "3 天"),
    ],
)
def test_a_span_is_said_in_the_largest_unit_of_which_there_are_two(ms, en, zh):
    assert (span(ms, texts(Lang.EN)), span(ms, texts(Lang.ZH))) == (en, zh)


def test_the_page_is_for_who_may_see_the_board_and_its_part_is_the_same_without_the_frame(house):
    with visiting(house.app(), **{"accept-language": "en"}) as client:
        assert client.get("/fleet").status_code in (303, 401)
        log_in(client)
        whole, part = client.get("/fleet").text, client.get("/parts/fleet").text
    assert "<html" in whole
    assert "<html" not in part
    assert 'id="fleet-gate-1"' in whole
    assert 'id="fleet-gate-1"' in part


def test_a_guard_does_not_see_it(house):
    house.accounts.add("wang", "guard", "a quiet night at the gate", actor="test")
    with visiting(house.app()) as client:
        log_in(client, name="wang", password="a quiet night at the gate")
        assert client.get("/fleet").status_code == 403
