"""Clocks of the register, of spreadsheets and of reports: what is over ends, what counts still stays, the vault follows."""

import pytest
import sqlalchemy as sa

from bench.bench_import import bring
from cloud_sync.core.columns import Kind
from cloud_sync.core.policy import DAY_MS
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports_model import OperatorWish
from cloud_sync.store import tables
from cloud_sync.store import tables_model as model
from cloud_sync.store.chains import prove_chains
from cloud_sync.store.engine import reading
from cloud_sync.store.retention import run_retention
from cloud_sync.store.tables_import import import_decision, import_row, import_run, roll_person
from cloud_sync.store.tables_privacy import chain_cut
from cloud_sync.store.tables_upstream import upstream_log, upstream_submission
from cloud_sync.store.worklist import SqlImportDesk
from tests.fakes.community_house import NOON_MS
from tests.fakes.listing_house import GOOD, OFFICER, OP, OTHER, ListingHouse
from tests.fakes.upstream_authorities import LodgingRegister
from tests.fakes.upstream_far_side import scripted
from tests.fakes.upstream_house import UpstreamHouse

YEARS_3 = 3 * 365
LODGING = "lodging_report"


@pytest.fixture
def house(tmp_path, database):
    made = ListingHouse(tmp_path, database=database)
    yield made
    made.books.close()


def rows(books, table):
    with reading(books.engine).connect() as db:
        return db.execute(sa.select(table)).all()


def night(books, days):
    books.clock.at_ms = NOON_MS + days * DAY_MS
    return {line.clock: line for line in run_retention(books.house)}


# --- operators ---------------------------------------------------------------------------------------------------


def test_an_operator_that_left_is_forgotten_three_years_later_with_its_papers_and_names(house):
    house.file()
    house.desk.put_staff(OP, "S-1", "cleaner", OFFICER, from_ms=0, until_ms=None)
    with house.books.engine.begin() as db:
        db.execute(sa.update(tables.listing).values(state="WITHDRAWN"))
    house.desk.operator_leaves(OP, "sold the flat", OFFICER)
    assert night(house.books, YEARS_3 - 1)["operator"].removed == 0
    assert OP in house.books.house.vault.persons()
    assert night(house.books, YEARS_3 + 1)["operator"].removed == 1
    for table in (model.operator, model.operator_staff, model.letter_ack, model.deposit_entry):
        assert rows(house.books, table) == [], table.name
    assert OP not in house.books.house.vault.persons()


def test_an_operator_leaves_only_when_nothing_of_it_is_alive_and_nothing_is_owed(house):
    code = house.file()
    with pytest.raises(Refused, match=code):
        house.desk.operator_leaves(OP, "gone", OFFICER)
    with house.books.engine.begin() as db:
        db.execute(sa.update(tables.listing).values(state="CLOSED"))
    house.desk.pay_deposit(OP, "paid", 100_00, OFFICER)
    with pytest.raises(Refused, match="deposit"):
        house.desk.operator_leaves(OP, "gone", OFFICER)
    house.desk.pay_deposit(OP, "refunded", 100_00, OFFICER)
    with pytest.raises(Refused, match="say why"):
        house.desk.operator_leaves(OP, " ", OFFICER)
    with pytest.raises(NotFound):
        house.desk.operator_leaves("OP-none", "gone", OFFICER)
    house.desk.operator_leaves(OP, "gone", OFFICER)
    with pytest.raises(Refused, match="before"):
        house.desk.operator_leaves(OP, "gone", OFFICER)


def test_an_operator_that_came_back_is_kept(house):
    house.desk.operator_leaves(OP, "a pause", OFFICER)
    house.clock.at_ms += 30 * DAY_MS
    house.desk.put_operator(OperatorWish(OP), OFFICER)
    assert night(house.books, YEARS_3 + 40)["operator"].removed == 0
    assert [row.left_ms for row in rows(house.books, model.operator)] == [None]


# --- conduct -----------------------------------------------------------------------------------------------------


def test_points_that_count_or_are_asked_about_stay_and_refused_ones_end(house):
    code = house.coded()
    refused = house.desk.propose_points(code, "C07", ("photo 1",), OTHER)
    house.desk.decide_points(refused, "dismiss", "not seen", OFFICER)
    waiting = house.desk.propose_points(code, "C07", ("photo 2",), OTHER)
    assert night(house.books, YEARS_3 - 1)["conduct"].removed == 0
    assert night(house.books, YEARS_3 + 1)["conduct"].removed == 1
    assert [row.id for row in rows(house.books, model.points_entry)] == [waiting]


def test_the_newest_inspection_of_a_listing_outlives_its_clock(house):
    code = house.coded()
    assert night(house.books, YEARS_3 + 10)["conduct"].removed == 0
    house.desk.inspect(code, GOOD, OFFICER)
    assert night(house.books, YEARS_3 + 11)["conduct"].removed == 1
    (left,) = rows(house.books, model.inspection)
    assert {row.inspection for row in rows(house.books, model.inspection_item)} == {left.inspection}


def test_interests_and_duties_that_ended_go_after_three_years(house):
    duty = house.desk.give_duty("zhao", "officer", "community", OFFICER, from_ms=house.clock.at_ms)
    house.desk.give_duty("qian", "officer", "community", OFFICER, from_ms=house.clock.at_ms)
    house.clock.at_ms += DAY_MS
    house.desk.end_duty(duty, OFFICER)
    assert night(house.books, YEARS_3 + 3)["duty"].removed == 1
    assert [row.user for row in rows(house.books, model.duty)] == ["qian"]


# --- spreadsheets ------------------------------------------------------------------------------------------------


def sheet(folder, name, *lines):
    path = folder / name
    path.write_text("\n".join(("姓名,地址,身份证号", *lines)) + "\n", encoding="utf-8")
    return path


def test_rows_of_a_spreadsheet_end_a_year_later_and_their_sealed_cells_with_them(house, tmp_path):
    books = house.books
    bring(books, sheet(tmp_path, "a.csv", "张三丰,测试小区3栋2单元1801,"), Kind.HOUSEHOLDS, adopt=True)
    lines = ("王五一,测试小区3栋2单元1801,", "赵小六,测试小区9栋1单元101,")
    bring(books, sheet(tmp_path, "b.csv", *lines), Kind.HOUSEHOLDS)
    sealed = {row.matter for row in rows(books, import_row) if row.bucket != "exact"}
    assert sealed <= books.house.vault.persons()
    decided = next(row.matter for row in rows(books, import_row) if row.reason == "other_name")
    SqlImportDesk(books.house).decide(decided, "keep", actor="chen", reason="asked at the door")

    books.clock.at_ms = NOON_MS + 300 * DAY_MS
    bring(books, sheet(tmp_path, "c.csv", lines[1]), Kind.HOUSEHOLDS)  # one of the rows comes again
    assert night(books, 364)["import"].removed == 0
    assert night(books, 366)["import"].removed > 0
    night(books, 367)
    assert len(rows(books, import_run)) == 1
    (left,) = rows(books, import_row)
    assert sealed & books.house.vault.persons() == {left.matter}
    assert rows(books, import_decision) == []


def test_whoever_moved_away_is_gone_from_roll_and_vault_a_month_later(house, tmp_path):
    books = house.books
    lines = ("张三丰,测试小区3栋2单元1801,", "李四光,测试小区3栋2单元1802,")
    bring(books, sheet(tmp_path, "a.csv", *lines), Kind.HOUSEHOLDS, adopt=True)
    here, away = (row.person for row in rows(books, roll_person))
    with books.engine.begin() as db:
        moved = sa.update(roll_person).where(roll_person.c.person == away)
        db.execute(moved.values(until_ms=books.clock.at_ms))
    night(books, 29)
    assert {here, away} <= books.house.vault.persons()
    night(books, 31)
    assert [row.person for row in rows(books, roll_person)] == [here]
    assert {here, away} & books.house.vault.persons() == {here}


# --- reports -----------------------------------------------------------------------------------------------------


def test_what_was_told_to_an_authority_stays_three_years_and_its_chain_still_proves_itself(tmp_path):
    far = LodgingRegister(scripted([]))
    house = UpstreamHouse(tmp_path, {LODGING: far.url})
    try:
        house.guest()
        house.rounds()
        told = len(house.log())
        assert told
        (sent,) = rows(house.books, upstream_submission)
        assert sent.state == "ACKED"
        house.clock.at_ms = sent.ended_ms + (3 * 366 - 1) * DAY_MS
        run_retention(house.house)
        assert (len(rows(house.books, upstream_submission)), len(house.log())) == (1, told)
        house.clock.at_ms += 2 * DAY_MS
        run_retention(house.house)
        assert rows(house.books, upstream_submission) == []
        assert rows(house.books, upstream_log) == []
        assert "upstream_log" in {row.chain for row in rows(house.books, chain_cut)}
        proofs = prove_chains(house.house, house.books.keys.signer.public_key)
        assert [proof.problem for proof in proofs] == [""] * len(proofs)
    finally:
        house.close()
        far.close()
