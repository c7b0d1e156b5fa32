"""Invented people are never reported (domain.md invariant 16): every way somebody might try to get it all the same."""

from dataclasses import replace

import pytest
import sqlalchemy as sa

from cloud_sync.compose import courier_of, ensure_community, set_up
from cloud_sync.connectors.upstream.ways import installed
from cloud_sync.core.reporting import Op
from cloud_sync.errors import ConfigError, Refused
from cloud_sync.ports_upstream import Report
from cloud_sync.store import tables
from cloud_sync.store import upstream_facts as facts
from cloud_sync.store.house import acting
from cloud_sync.store.tables_upstream import upstream_submission
from cloud_sync.store.upstream_read import send_again
from tests.fakes.upstream_authorities import LodgingRegister
from tests.fakes.upstream_far_side import scripted
from tests.fakes.upstream_house import UpstreamHouse, settings

LODGING = "lodging_report"
pytestmark = pytest.mark.invariant(16)


@pytest.fixture
def far():
    made = LodgingRegister(scripted([]))
    yield made
    assert made.heard == [], "somebody was told of invented people"
    made.close()


@pytest.fixture
def house(tmp_path, far):
    made = UpstreamHouse(tmp_path, {LODGING: far.url}, synthetic=True)
    made.guest()
    yield made
    made.close()


def forge(house, **changes):
    """A row as only somebody with the database's password could write it."""
    registration = next(iter(registrations(house)))
    values = {
        "community": "dongfang", "id": "US-forged", "connector": LODGING, "op": "submit", "state": "QUEUED",
        "registration": registration.registration, "stay": registration.stay, "person": registration.person,
        "turn": 1, "reference": "US-forged", "round": 1, "legal_basis": "forged", "facts": "", "body_mac": "",
        "attempts": 0, "sends": 0, "uncertain": 0, "ticket": "", "receipt": "", "problem": "", "warned": "",
        "claim": "", "made_ms": 0, "due_ms": 0, "next_ms": 0,
    }  # fmt: skip
    with house.books.engine.begin() as db:
        db.execute(sa.insert(upstream_submission).values(**{**values, **changes}))


def registrations(house):
    with house.books.engine.connect() as db:
        return list(db.execute(sa.select(tables.registration)))


def test_the_records_owe_nothing(house, far):
    house.rounds()
    assert house.rows() == []


def test_nothing_can_be_queued(house, far):
    with house.books.engine.connect() as db:
        (case,) = facts.cases(house.house, db, house.clock.now_ms())
    with (
        pytest.raises(Refused, match="a community of real people does not hold"),
        acting(house.house, "x", "y") as act,
    ):
        house.book.enqueue(act, LODGING, case, Op.SUBMIT)
    assert house.rows() == []


def test_a_forged_row_is_withdrawn_before_any_field_is_opened(house, far):
    forge(house)
    house.rounds()
    assert (house.row().state, house.row().sends) == ("WITHDRAWN", 0)
    assert house.log() == []
    with house.books.engine.connect() as db:
        assert db.execute(sa.select(tables.disclosure)).all() == []


@pytest.mark.parametrize(
    "forged",
    [
        {"uncertain": 1, "sends": 1},
        {"state": "SENT", "uncertain": 1, "sends": 1},
        {"state": "SENT", "ticket": "T"},
    ],
    ids=["uncertain", "sent", "taken"],
)
def test_a_row_forged_to_look_as_if_it_had_left_goes_to_a_person(house, far, forged):
    forge(house, **forged)
    house.rounds()
    assert house.row().state == "DEAD_LETTER"
    send_again(house.house, "US-forged", "try it", actor="chen", looked=True)
    house.rounds()
    assert house.row().state == "WITHDRAWN"


def test_a_configuration_that_says_the_people_are_real_is_not_believed(house, far):
    config = house.books.config
    real = config.model_copy(update={"community": config.community.model_copy(update={"synthetic": False})})
    with pytest.raises(ConfigError, match="synthetic = true"):
        set_up(real)
    with pytest.raises(ConfigError, match="synthetic = true"):
        ensure_community(replace(house.books, config=real))


def test_a_service_told_that_the_people_are_real_asks_the_books(house, far):
    house.house = replace(house.house, synthetic=False)
    house.book = house.new_book()
    forge(house)
    house.rounds()
    assert house.row().state == "WITHDRAWN"


def test_books_told_that_the_people_are_real_ask_the_service(house, far):
    with house.books.engine.begin() as db:
        db.execute(sa.update(tables.community).values(synthetic=0))
    forge(house)
    house.rounds()
    assert house.row().state == "WITHDRAWN"


def test_both_told_still_meet_documents_that_belong_to_nobody(tmp_path, far):
    """The whole community made real by force: what the synthetic generator writes has numbers of a region that is none."""
    house = UpstreamHouse(tmp_path, {LODGING: far.url}, synthetic=True)
    person = house.guest()
    house.house.vault.seal_all(
        person, {"document_type": "resident_id", "document_number": "000001199001310003"}
    )
    with house.books.engine.begin() as db:
        db.execute(sa.update(tables.community).values(synthetic=0))
    house.house = replace(house.house, synthetic=False)
    house.book = house.new_book()
    house.rounds()
    assert (house.row().state, house.row().sends) == ("WITHDRAWN", 0)
    house.close()


@pytest.mark.parametrize("name", sorted(installed()))
def test_every_installed_connector_refuses_a_direct_call(name, far, tmp_path):
    way = installed()[name]
    table = settings(tmp_path, {name: far.url})[name]
    connector = way.open(way.settings.model_validate(table))
    report = Report("US-1", Op.SUBMIT, True, {"name": "Nobody"})
    for call in (connector.send, lambda one: connector.ask(one, "T")):
        with pytest.raises(Refused, match="reports to nobody"):
            call(report)
    assert not list(tmp_path.rglob("*.csv"))


def test_the_service_s_own_courier_refuses_as_well(house, far, tmp_path):
    """The whole program's way: the configuration has the table, the row is forged, and the courier is the service's."""
    tables_ = settings(tmp_path, {LODGING: far.url})
    books = replace(house.books, config=house.books.config.model_copy(update={"upstream": tables_}))
    forge(house)
    courier_of(books)()
    assert house.row().state == "WITHDRAWN"
