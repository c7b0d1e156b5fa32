"""The community's first page, from a real database with every number counted by hand."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from cloud_sync.errors import NotFound
from cloud_sync.protocol.messages import DoorHealth, State
from cloud_sync.store import tables
from cloud_sync.store.engine import open_database
from cloud_sync.store.read import StoredDashboard, day_of
from cloud_sync.store.sink import SinkStore
from tests.fakes.wire_ledger import WireLedger, body, told

HOME = "dongfang"
HOUR = 3_600_000
NOON = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)  # 12:00 in Shanghai
NOON_MS = 1_795_233_600_000
TODAY_14 = NOON_MS + 2 * HOUR


class Book:
    """A community's database, written row by row; what a test does not name is filled in."""

    def __init__(self, database: str) -> None:
        self.engine = open_database(database)
        self.sink = SinkStore(self.engine, HOME)
        self.page = StoredDashboard(self.engine)
        self.add(
            tables.community, name_zh="东方", name_en="Dongfang", tz="Asia/Shanghai", profile="p", synthetic=1
        )

    def add(self, table: sa.Table, **values: object) -> None:
        row = {"community": HOME, **values}
        for column in table.columns:
            if column.name not in row and not column.nullable:
                row[column.name] = {sa.Text: "", sa.LargeBinary: b""}.get(type(column.type), 0)
        with self.engine.begin() as db:
            db.execute(table.insert().values(**row))

    def stay(
        self, name: str, state: str, *, planned_in: int = TODAY_14, members: int = 1, **more: object
    ) -> None:
        self.add(tables.stay, stay=name, state=state, planned_in_ms=planned_in, **more)
        for n in range(members):
            person = f"{name}-{n}"
            self.add(tables.stay_member, stay=name, person=person)
            self.add(tables.pass_, pass_id=f"pass-{person}", stay=name, person=person)

    def present(self, person: str, state: str, first_entry_ms: int | None = NOON_MS - HOUR) -> None:
        self.add(tables.presence, pass_id=f"pass-{person}", state=state, first_entry_ms=first_entry_ms)

    def node(self, name: str, *doors: str) -> None:
        self.add(tables.node, node=name, name=f"{name} lane")
        for door in doors:
            self.add(
                tables.access_point,
                access_point=door,
                node=name,
                kind="gate",
                name_zh="东门",
                name_en="East gate",
            )

    def store(self, *messages: object, node: str = "n1", now_ms: int = NOON_MS) -> None:
        self.sink.store([told(message, node) for message in messages], now_ms)

    def dashboard(self, now: datetime = NOON):
        return self.page.dashboard(HOME, now)


@pytest.fixture
def book(database: str):
    book = Book(database)
    yield book
    book.sink.close()
    book.engine.dispose()


def numbers(ratio) -> tuple[int, int]:
    return ratio.numerator, ratio.denominator


def test_an_unknown_community_is_said_in_one_sentence(book: Book) -> None:
    with pytest.raises(NotFound, match="no community 'nowhere'"):
        book.page.dashboard("nowhere", NOON)


def test_an_empty_house_has_nothing_and_is_up_to_date(book: Book) -> None:
    page = book.dashboard()
    assert (page.name_zh, page.name_en, page.synthetic) == ("东方", "Dongfang", True)
    assert [numbers(one) for one in (page.expected, page.arrived, page.in_house, page.denied)] == [(0, 0)] * 4
    assert (page.nodes, page.entries, page.discrepancies) == ((), (), ())
    assert page.watermark_ms == page.now_ms == NOON_MS


def test_a_day_is_the_communitys_own(book: Book) -> None:
    day = day_of(NOON, "Asia/Shanghai")
    assert (day.starts_ms, day.ends_ms) == (NOON_MS - 12 * HOUR, NOON_MS + 12 * HOUR)
    spring = day_of(datetime(2026, 3, 29, 12, 0, tzinfo=UTC), "Europe/Berlin")
    assert spring.ends_ms - spring.starts_ms == 23 * HOUR


def test_expected_counts_todays_stays_and_which_of_them_are_registered(book: Book) -> None:
    book.stay("a", "EXPECTED")
    book.stay("b", "REGISTERED")
    book.stay("c", "IN_HOUSE")
    book.stay("no-show", "NO_SHOW")
    book.stay("cancelled", "CANCELLED_BEFORE")
    book.stay("tomorrow", "REGISTERED", planned_in=TODAY_14 + 24 * HOUR)
    book.stay("yesterday", "IN_HOUSE", planned_in=TODAY_14 - 24 * HOUR)
    page = book.dashboard()
    assert numbers(page.expected) == (2, 4)
    assert page.expected.as_of_ms == NOON_MS


def test_arrived_are_those_expected_today_whose_pass_was_taken_in(book: Book) -> None:
    book.stay("a", "REGISTERED", members=2)
    book.stay("b", "REGISTERED")
    book.stay("c", "IN_HOUSE", first_entry_ms=NOON_MS)
    book.stay("yesterday", "IN_HOUSE", planned_in=TODAY_14 - 24 * HOUR)
    book.present("a-1", "in")
    book.present("b-0", "unknown", first_entry_ms=None)
    book.present("yesterday-0", "in")
    assert numbers(book.dashboard().arrived) == (2, 3)


def test_arrivals_are_counted_once_a_stay_by_the_communitys_hour(book: Book) -> None:
    book.stay("a", "IN_HOUSE", members=2)
    book.stay("b", "IN_HOUSE", planned_in=TODAY_14 - 24 * HOUR)
    book.stay("old", "IN_HOUSE", planned_in=TODAY_14 - 48 * HOUR)
    book.present("a-0", "in", NOON_MS)
    book.present("a-1", "in", NOON_MS + 3 * HOUR)
    book.present("b-0", "out", NOON_MS + 30 * 60_000)
    book.present("old-0", "in", NOON_MS - 20 * HOUR)
    hours = book.dashboard().arrivals_by_hour
    assert (len(hours), hours[12], sum(hours)) == (24, 2, 2)


def test_in_house_counts_people_once_however_many_passes_they_hold(book: Book) -> None:
    book.stay("a", "IN_HOUSE", members=3)
    book.stay("gone", "CHECKED_OUT")
    book.stay("later", "REGISTERED", planned_in=TODAY_14 + 24 * HOUR)
    book.present("a-0", "in")
    book.present("a-1", "out")
    book.present("gone-0", "in")
    book.add(tables.pass_, pass_id="second", stay="a", person="a-0")
    book.add(tables.presence, pass_id="second", state="in")
    assert numbers(book.dashboard().in_house) == (1, 3)


def test_denied_counts_answers_of_today_and_no_exit_buttons(book: Book) -> None:
    gate = WireLedger()
    today, yesterday = "2026-11-21T03:00:00Z", "2026-11-20T03:00:00Z"
    gate.record(
        body("access.granted", wall=today),
        body("access.denied", wall=today),
        body("override", wall=today),
        body("access.denied", wall=yesterday),
        body("release", wall=today),
        body("access.taken", wall=today, decision="allow"),
    )
    book.store(gate.batch(range(1, 7)))
    assert numbers(book.dashboard().denied) == (1, 3)


def test_a_node_that_never_spoke_holds_the_watermark_back(book: Book) -> None:
    book.node("n1", "AP-1")
    book.node("n2")
    gate = WireLedger()
    gate.record(body())
    book.store(gate.batch([1]), gate.hello(wall="2026-11-21T03:59:00Z"))
    page = book.dashboard()
    assert [line.drained_through_ms for line in page.nodes] == [NOON_MS - 60_000, 0]
    assert page.watermark_ms == page.denied.as_of_ms == 0
    quiet = page.nodes[1]
    assert (quiet.online, quiet.silent_for_s, quiet.pass_set, quiet.clock_state) == (
        False,
        None,
        "unknown",
        "UNTRUSTED",
    )


def test_a_node_is_online_for_ninety_seconds_after_its_hello_unless_it_said_good_bye(book: Book) -> None:
    book.node("n1")
    book.store(WireLedger().hello())
    assert book.dashboard().nodes[0].online
    assert book.dashboard(datetime.fromtimestamp(NOON_MS / 1000 + 90, UTC)).nodes[0].online
    late = book.dashboard(datetime.fromtimestamp(NOON_MS / 1000 + 91, UTC)).nodes[0]
    assert (late.online, late.silent_for_s) == (False, 91.0)
    book.store(State(on=False, e="e" * 24, boot_id="b1", state="OFFLINE"))
    assert not book.dashboard().nodes[0].online


def test_doors_show_what_the_node_says_and_unknown_where_it_says_nothing(book: Book) -> None:
    book.node("n1", "AP-1", "AP-2")
    said = {
        "mode": "LOCKED",
        "contact": "closed",
        "alarm": "none",
        "camera": "ok",
        "lock": "ok",
        "face": "on",
    }
    door = DoorHealth(access_point="AP-1", gallery_n=96, threshold=0.42, engine="yunet-sface", **said)
    book.store(State(on=True, e="e", boot_id="b", doors=[door], faults=["camera stale"]))
    (node,) = book.dashboard().nodes
    assert node.faults == ("camera stale",)
    told_door, silent = node.doors
    assert (told_door.name_zh, told_door.mode, told_door.gallery_n, told_door.threshold) == (
        "东门",
        "LOCKED",
        96,
        0.42,
    )
    assert (told_door.liveness, told_door.engine) == ("off_demo", "yunet-sface")
    assert (silent.access_point, silent.mode, silent.contact, silent.face) == (
        "AP-2",
        "unknown",
        "unknown",
        "off",
    )


@pytest.mark.parametrize(
    ("told_ver", "told_root", "word"), [(3, "r3", "equal"), (2, "r2", "behind"), (3, "other", "behind")]
)
def test_pass_sets_are_equal_only_with_version_and_root(
    book: Book, told_ver: int, told_root: str, word: str
) -> None:
    book.node("n1")
    book.add(tables.pass_set, node="n1", auth_ver=3, root="r3")
    assert book.dashboard().nodes[0].pass_set == "unknown"
    book.store(WireLedger().hello(auth_ver=told_ver, root=told_root))
    assert book.dashboard().nodes[0].pass_set == word


def test_head_and_acknowledged_are_those_of_the_ledger_in_use(book: Book) -> None:
    book.node("n1")
    old, new = WireLedger(epoch="a" * 24), WireLedger(epoch="b" * 24)
    old.record(*[body()] * 9)
    new.record(*[body()] * 4)
    book.store(old.batch(range(1, 10)), new.hello(), new.batch([1, 2]))
    (node,) = book.dashboard().nodes
    assert (node.head, node.acked) == (4, 2)


@pytest.mark.story("29b")
def test_open_discrepancies_come_gravest_first(book: Book) -> None:
    for number, (severity, state) in enumerate(
        [("S3", "open"), ("S1", "open"), ("S1", "closed"), ("S2", "inconclusive")]
    ):
        book.add(
            tables.discrepancy, id=f"d{number}", kind="D01", subject=f"s{number}", severity=severity, state=state,
            evidence="[]",
        )  # fmt: skip
    assert [(line.id, line.severity) for line in book.dashboard().discrepancies] == [
        ("d1", "S1"),
        ("d0", "S3"),
    ]


def test_a_call_for_help_is_in_no_list_of_entries(book: Book) -> None:
    """It is a case for the staff, and a dashboard stands where everybody looks."""
    book.node("n1", "AP-1")
    gate = WireLedger()
    gate.record(body("access.granted"), body("access.duress"), body("access.taken"))
    book.store(gate.batch(range(1, 4)), now_ms=NOON_MS)
    assert [line.type for line in book.dashboard().entries] == ["access.taken", "access.granted"]
    assert len(book.page.entries_after(HOME, 0, most=9)) == 2


def test_entries_are_the_newest_fifty_and_the_catch_up_is_oldest_first(book: Book) -> None:
    book.node("n1", "AP-1")
    gate = WireLedger()
    gate.record(*(body(wall=f"2026-11-21T03:{n:02d}:00Z") for n in range(60)))
    book.store(gate.batch(range(1, 31)), now_ms=NOON_MS)
    book.store(gate.batch(range(31, 61)), now_ms=NOON_MS + 5)
    entries = book.dashboard().entries
    assert [line.seq for line in entries] == list(range(60, 10, -1))
    assert (entries[0].access_point_zh, entries[0].access_point_en) == ("东门", "East gate")
    assert [line.seq for line in book.page.entries_after(HOME, NOON_MS + 5, most=100)] == list(range(31, 61))
    assert [line.seq for line in book.page.entries_after(HOME, 0, most=2)] == [1, 2]


def test_what_one_community_sees_is_its_own(book: Book) -> None:
    other = SinkStore(book.engine, "elsewhere")
    gate = WireLedger()
    gate.record(body("access.denied", wall="2026-11-21T03:00:00Z"))
    other.store([told(gate.batch([1]))], NOON_MS)
    other.close()
    page = book.dashboard()
    assert (page.entries, numbers(page.denied)) == ((), (0, 0))
