"""Root causes, chatter and floods on the real store: what the gates tell is what somebody has to look at, no more."""

import html
import random
import re

import pytest
import sqlalchemy as sa

from cloud_sync.core.case_types import CaseEvent as E
from cloud_sync.core.case_types import CaseState as S
from cloud_sync.core.figures import SPECS, Row, Shape
from cloud_sync.core.policy import DAY_MS, HOUR_MS, MINUTE_MS
from cloud_sync.ingest.feed import Feed
from cloud_sync.jobs import CaseWork
from cloud_sync.ports import User
from cloud_sync.ports_cases import CaseWish, Department
from cloud_sync.ports_field import MatterWish
from cloud_sync.store import tables
from cloud_sync.store.case_intake import CaseIntake
from cloud_sync.store.cases_store import SqlCaseDesk
from cloud_sync.store.departments import SqlDepartments
from cloud_sync.store.figures import StoredFigures
from cloud_sync.store.matters import SqlMatters
from cloud_sync.store.places import AccessPointSpec, NodeJoin
from cloud_sync.store.read import StoredDashboard
from cloud_sync.store.sink import SinkStore
from cloud_sync.web.app import create_app
from cloud_sync.web.figure_words import part
from cloud_sync.web.language import Lang
from cloud_sync.web.services import Services
from cloud_sync.web.spans import span
from cloud_sync.web.texts import texts
from tests.fakes.community_house import GATE, SteppedClock, new_house, public_key, rfc3339
from tests.fakes.measured_cases import measures
from tests.fakes.web_house import PASSWORD, log_in, visiting
from tests.fakes.wire_ledger import WireLedger, body, told

LI, CHEN = User("li", "guard"), User("chen", "officer")
DOORS = 51


class Town:
    """One node a door, each with its own ledger; the jobs run once a beat."""

    def __init__(self, folder, doors):
        self.clock = SteppedClock()
        self.books = new_house(folder, self.clock)
        for n in range(2, doors + 1):
            door = AccessPointSpec(f"AP-{n}", "room", f"{n}室", f"Room {n}")
            self.books.registry.add_node(NodeJoin(f"gate-{n}", f"N{n}", public_key(n), (door,)))
        self.sink = SinkStore(self.books.engine, self.books.config.community.code)
        self.ledgers = {n: WireLedger(f"gate-{n}") for n in range(1, doors + 1)}
        self.work = CaseWork(CaseIntake(self.books.house), self.clock)
        self.desk = SqlCaseDesk(self.books.house)
        self.hello()

    def hello(self):
        now = self.clock.now_ms()
        said = [told(one.hello(wall=rfc3339(now)), one.node) for one in self.ledgers.values()]
        self.sink.store(said, now)

    def tells(self, *events):
        """Pairs of a door's number and an event, all at once; then one beat of the jobs."""
        now = self.clock.now_ms()
        said = []
        for n, type_ in events:
            ledger, place = self.ledgers[n], GATE if n == 1 else f"AP-{n}"
            ledger.record(body(type_, wall=rfc3339(now), access_point=place))
            said.append(told(ledger.batch([ledger.head]), ledger.node))
        self.sink.store(said, now)
        self.beat()

    def beat(self, ms=1000):
        self.clock.step(ms=ms)
        self.work()

    def later(self, ms):
        """Time goes by and every node is heard again."""
        self.clock.step(ms=ms)
        self.hello()
        self.work()

    def queue(self):
        return [line.case for line in self.desk.queue(LI)]

    def kinds(self):
        return sorted(case.kind for case in self.queue())

    def rows(self, table):
        with self.books.engine.connect() as db:
            return [dict(row) for row in db.execute(sa.select(table)).mappings()]

    def close(self):
        self.sink.close()
        self.books.close()


@pytest.fixture
def town(tmp_path):
    made = Town(tmp_path, 1)
    yield made
    made.close()


def test_a_power_failure_explains_what_follows_from_it_and_what_was_told_just_before(town):
    town.tells((1, "door.lock_silent"))
    town.tells((1, "door.power_low"))
    town.tells((1, "door.jammed"), (1, "door.contact_fault"))
    assert town.kinds() == ["power_low"]
    (root,) = town.queue()
    hidden = [line.case for line in town.desk.quiet(CHEN, most=9)]
    assert {(case.kind, case.state, case.cause) for case in hidden} == {
        (kind, S.SUPPRESSED, root.id) for kind in ("lock_silent", "jammed", "contact_fault")
    }
    town.tells((1, "door.bolt_free"))
    town.tells((1, "door.power_back"))
    assert town.kinds() == ["contact_fault", "lock_silent", "power_low"]  # what is still true is heard again
    ended = next(row for row in town.rows(tables.case_) if row["kind"] == "jammed")
    assert (ended["state"], ended["resolution"]) == (S.CLOSED, "cause_over")


def test_whoever_is_in_danger_does_not_wait_for_an_electrician(town):
    town.tells((1, "door.power_low"))
    town.tells((1, "door.forced"), (1, "help.called"), (1, "access.duress"))
    assert town.kinds() == ["duress", "forced", "help", "power_low"]


def test_a_source_that_chatters_is_silenced_for_ten_minutes_and_is_a_case_of_repair(town):
    for _ in range(3):
        town.tells((1, "door.held"))
    assert town.kinds() == ["chatter"]
    (quiet,) = [line.case for line in town.desk.quiet(LI, most=9)]
    assert (quiet.kind, quiet.state, quiet.note) == ("held", S.SHELVED, "chatters")
    town.tells((1, "door.held"))
    assert town.kinds() == ["chatter"]
    town.later(10 * MINUTE_MS)
    assert town.kinds() == ["chatter", "held"]


def test_a_forced_door_chatters_and_is_never_silenced(town):
    for _ in range(5):
        town.tells((1, "door.forced"))
    (case,) = town.queue()
    assert (case.kind, case.state, case.count) == ("forced", S.NEW, 5)


def test_a_person_silences_with_a_reason_and_the_clock_ends_it(town):
    town.tells((1, "door.held"))
    (case,) = town.queue()
    until = town.clock.now_ms() + HOUR_MS
    town.desk.act(case.id, CaseWish(E.SHELVE, "the movers are here", until_ms=until), CHEN)
    assert town.queue() == []
    town.later(HOUR_MS)
    assert town.kinds() == ["held"]
    notes = town.desk.case(case.id, CHEN).notes
    assert [(note.event, note.actor) for note in notes][1:3] == [(E.SHELVE, "chen"), (E.SHELF_OVER, "")]


@pytest.mark.timeout(300)
def test_a_week_of_51_doors_with_a_flood_shows_root_causes_and_counts_what_an_independent_count_counts(
    tmp_path,
):
    town, dice = Town(tmp_path, DOORS), random.Random(20260504)
    began = town.clock.now_ms()
    opened, closed = 0, 0
    town.books.accounts.add(LI.name, LI.role, PASSWORD, actor="test")
    try:
        for day in range(7):
            for n in dice.sample(range(1, DOORS + 1), 4):
                town.tells((n, "door.held"))
                opened += 1
                place = GATE if n == 1 else f"AP-{n}"
                (case,) = [one for one in town.queue() if one.access_point == place]
                if day in (
                    0,
                    6,
                ):  # by itself an alarm is a root cause: on the guard's screen, and alone there
                    assert screen(town) == ([("Door held open", NAMES[n])], 0)
                town.tells((n, "door.secured"))
                town.desk.act(case.id, CaseWish(E.ACK, "wind"), LI)
                town.desk.act(case.id, CaseWish(E.VERIFY), User("wang", "guard"))
                closed += 1
                town.later(20 * MINUTE_MS)
            if day == 3:
                opened, closed = _flood(town, opened, closed)
            town.later(DAY_MS - 81 * MINUTE_MS)
            assert town.queue() == []
        figures = {one.name: one for one in _figures(town, began)}
        assert (figures["cases_closed"].numerator, figures["cases_closed"].denominator) == (closed, opened)
        assert _recount(town) == (opened, closed)
        assert figures["cases_open"].denominator == 0
        _work(town)
        _page_says_what_the_history_adds_up_to(town)
    finally:
        town.close()


def _work(town):
    """The week's last evening: a source that chatters, one silenced by hand, a matter triaged twice and whistled."""
    for _ in range(3):
        town.tells((3, "door.held"))
    town.tells((4, "door.held"))
    (held,) = [case for case in town.queue() if case.access_point == "AP-4"]
    until = town.clock.now_ms() + 2 * HOUR_MS
    town.desk.act(held.id, CaseWish(E.SHELVE, "the movers are here", until_ms=until), CHEN)
    house = town.books.house
    matter = SqlMatters(house).report(MatterWish("noise", GATE, "music at night"), CHEN).case_id
    departments = SqlDepartments(house)
    departments.put(Department("fire", "消防", "Fire brigade"), actor="test")
    town.books.accounts.add("ma", "department", PASSWORD, actor="test")
    departments.join("fire", "ma", actor="test")
    for class_ in ("small", "big"):
        town.desk.act(matter, CaseWish(E.TRIAGE, "looked at", code=class_), CHEN)
    town.later(3 * MINUTE_MS)
    town.desk.act(matter, CaseWish(E.ACK, "seen to"), CHEN)
    asked = {"code": "work", "to": "fire", "colour": "blue"}
    town.desk.act(matter, CaseWish(E.WHISTLE, "seen to", **asked), CHEN)
    ma = User("ma", "department")
    for event in (E.SIGN, E.REPORT_IN, E.RESULT):
        town.later(7 * MINUTE_MS)
        departments.act(matter, CaseWish(event, "on the site"), ma)
    town.desk.act(matter, CaseWish(E.VERIFY), User("zhao", "officer"))


def _page_says_what_the_history_adds_up_to(town):
    """Every measure of §11.9 as the page prints it, beside a count by plain Python over the rows of cases and notes."""
    books, days, now = town.books, 30, town.clock.now_ms()
    tables_ = {
        name: town.rows(table) for name, table in (("case_", tables.case_), ("case_note", tables.case_note))
    }
    counted = measures(tables_, now - days * DAY_MS, now)
    for name in ("retriaged", "whistle_to_check_in_p90", "whistle_to_close_p90", "alarms_per_person"):
        assert counted[name,][0] > 0, name
    assert counted["chatter_sources",][0] == counted["floods",][0] == counted["shelved_now",][0] == 1
    books.accounts.add("zhao", "officer", PASSWORD, actor="test")
    stored = (StoredDashboard(books.engine), Feed(), books.accounts, books.registry, town.clock)
    services = Services(books.house.community, *stored, books.house.zone, figures=StoredFigures(books.house))
    with visiting(create_app(services), **{"accept-language": "en"}) as client:
        log_in(client, name="zhao")
        page = client.get(f"/measures?days={days}").text
    printed, say = _printed(page), texts(Lang.EN)
    for (name, *line), (numerator, denominator) in counted.items():
        spec = SPECS[name]
        number = (
            f"{numerator:,}" if spec.shape is not Shape.SPAN else span(numerator, say) if denominator else "–"
        )
        of = f"{denominator:,}" if denominator is not None else ""
        assert printed[name, part(spec.parts, line[0], say) if line else ""] == (number, of), (name, line)
    shown = {name for name, _ in printed if SPECS[name].row is Row.MACHINE}
    assert shown == {name for name, *_ in counted}


def _printed(page):
    """(figure, its line) → the two numbers as they stand in the page."""
    found = {}
    for name, inside in re.findall(
        r'<section class="tile" id="([a-z_0-9]+)".*?>(.*?)</section>', page, re.DOTALL
    ):
        number, of = re.search(
            r'<strong>([^<]*)</strong>(?:<span class="of">/ ([^<]*)</span>)?', inside
        ).groups()
        found[name, ""] = (number, of or "")
    for name, inside in re.findall(
        r'<section class="panel" id="([a-z_0-9]+)".*?>(.*?)</section>', page, re.DOTALL
    ):
        for row in re.findall(r'<tr><th scope="row">(.*?)</tr>', inside, re.DOTALL):
            label, *numbers = [re.sub("<[^>]*>", "", cell) for cell in re.split(r"</t[hd]>", row)]
            found[name, html.unescape(label)] = (numbers[0], numbers[1] if len(numbers) > 2 else "")
    return found


def _flood(town, opened, closed):
    """The mains go in the whole street: every door tells it, and that its lock is silent; one is forced meanwhile."""
    town.tells(*((n, "door.power_low") for n in range(1, DOORS + 1)))
    town.tells(*((n, "door.lock_silent") for n in range(1, DOORS + 1)), (7, "door.forced"))
    opened += 2 * DOORS + 2  # with the forced door, and the case that stands for the flood
    assert town.kinds() == ["flood", "forced"]
    # The guard's own page: two root causes of what 103 alarms told; the rest is folded away and counted.
    assert screen(town) == (
        [
            ("Door forced open", NAMES[7]),
            ("Many alarms of one kind at once", "On battery: the mains are gone"),
        ],
        2 * DOORS,
    )
    (flood,) = [case for case in town.queue() if case.kind == "flood"]
    assert (flood.subject, flood.severity) == ("power_low", "S2")
    hidden = [line.case for line in town.desk.quiet(CHEN, most=200)]
    assert len(hidden) == 2 * DOORS
    assert {case.state for case in hidden} == {S.SUPPRESSED}
    town.tells(*((n, "door.lock_back") for n in range(1, DOORS + 1)))
    town.tells(*((n, "door.power_back") for n in range(1, DOORS + 1)), (7, "door.secured"))
    for case in town.queue():
        town.desk.act(case.id, CaseWish(E.ACK, "the mains were off in the street"), LI)
        town.desk.act(case.id, CaseWish(E.VERIFY), User("wang", "guard"))
    assert town.queue() == []
    assert screen(town) == ([], 0)
    return opened, closed + 2 * DOORS + 2


NAMES = {1: "South gate"} | {n: f"Room {n}" for n in range(2, DOORS + 1)}


def screen(town):
    """What a guard who opens the page now sees first, as (what, where), and how many are folded away."""
    books = town.books
    services = Services(
        books.config.community.code,
        StoredDashboard(books.engine),
        Feed(),
        books.accounts,
        books.registry,
        town.clock,
        cases=town.desk,
    )
    with visiting(create_app(services), **{"accept-language": "en"}) as client:
        assert log_in(client, name=LI.name).status_code == 303
        text = client.get("/staff").text
    shown = text.partition('id="queue"')[2].partition("<details")[0].partition('id="doors"')[0]
    cards = re.findall(r'<strong>([^<]+)</strong> <span class="place">([^<]*)</span>', shown)
    silent = re.search(r"Silent for now: (\d+)", text)
    return cards, int(silent[1]) if silent else 0


def _figures(town, since_ms):
    days = 1 + (town.clock.now_ms() - since_ms) // DAY_MS
    return StoredFigures(town.books.house).figures(int(days), frozenset({Row.CASES})).figures


def _recount(town):
    """From the notes alone, which nothing reads to make the figures of cases."""
    notes = town.rows(tables.case_note)
    begun = {note["case_id"] for note in notes if note["before"] is None}
    ended = {note["case_id"] for note in notes if note["after"] == S.CLOSED}
    return len(begun), len(ended)
