"""Points, sanctions, deposits and hidden units on the database: proposed, decided by named people, appealed, expired."""

import pytest

from cloud_sync.core.conduct import CONFIRM_WITHIN_MS, POINTS_LAST_MS
from cloud_sync.core.policy import DAY_MS
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports_model import Person, UnitWish
from cloud_sync.store import tables
from cloud_sync.store.case_intake import CaseIntake
from cloud_sync.store.cases_store import SqlCaseDesk
from tests.fakes.listing_house import GOOD, OFFICER, OP, OPERATOR, OTHER, STREET, ListingHouse

HIDDEN = "1-402"
ADMIN = Person("root", "admin")


@pytest.fixture
def house(tmp_path):
    made = ListingHouse(tmp_path)
    yield made
    made.close()


@pytest.fixture
def on_both(tmp_path, database):
    made = ListingHouse(tmp_path, database=database)
    yield made
    made.close()


def left(house: ListingHouse, code: str) -> tuple[int, str]:
    standing = house.desk.listing(code, OFFICER).row.standing
    return standing.left, standing.band.value


def tick(house: ListingHouse) -> None:
    house.books.registry.advance_time(since_ms=0)


def test_points_from_proposal_to_expiry_on_either_database(on_both):
    house, code = on_both, on_both.coded()
    made = house.desk.propose_points(code, "C07", ("CS-1",), OTHER)
    assert left(house, code) == (10, "green")
    assert house.desk.decide_points(made, "confirm", "seen on site", OFFICER) == "EFFECTIVE"
    assert left(house, code) == (6, "blue")
    assert house.desk.appeal(made, "it was in date", OPERATOR) == "UNDER_APPEAL"
    assert left(house, code) == (10, "green")
    assert house.desk.decide_points(made, "uphold", "the photo shows otherwise", ADMIN) == "EFFECTIVE"
    assert left(house, code) == (6, "blue")
    house.clock.step(ms=POINTS_LAST_MS)
    assert left(house, code) == (10, "green")
    tick(house)
    assert house.desk.listing(code, OFFICER).points[0].state == "EXPIRED"


def test_only_somebody_who_is_no_party_confirms_points(house):
    code = house.coded()
    made = house.desk.propose_points(code, "C01", ("D01-1",), OTHER)
    house.desk.flag_interest(OFFICER.name, OP, "landlord", OTHER)
    for judge, why in ((OTHER, "proposed it"), (OFFICER, "is a landlord")):
        with pytest.raises(Refused, match="not an interested party"):
            house.desk.decide_points(made, "confirm", why, judge)
    for nobody in (OPERATOR, STREET):
        with pytest.raises(Refused, match="may not"):
            house.desk.decide_points(made, "confirm", "please", nobody)
    assert left(house, code) == (10, "green")


@pytest.mark.story("19b", "19d")
def test_an_appeal_is_decided_by_somebody_else_and_can_reverse(house):
    code = house.coded()
    made = house.desk.propose_points(code, "C05", ("matter-7",), OTHER)
    house.desk.decide_points(made, "confirm", "third night", OFFICER)
    house.desk.appeal(made, "that was next door", OPERATOR)
    with pytest.raises(Refused, match="somebody else than who decided before"):
        house.desk.decide_points(made, "reverse", "my mistake", OFFICER)
    assert house.desk.decide_points(made, "reverse", "it was next door", ADMIN) == "REVERSED"
    assert left(house, code) == (10, "green")


def test_a_proposal_nobody_confirmed_in_time_is_dismissed(house):
    code = house.coded()
    house.desk.propose_points(code, "C06", ("IN-1",), OTHER)
    house.clock.step(ms=CONFIRM_WITHIN_MS)
    tick(house)
    assert house.desk.listing(code, OFFICER).points[0].state == "DISMISSED"
    assert house.desk.queue().points == ()


def test_red_proposes_one_step_of_the_ladder_and_takes_none(house):
    code = house.coded()
    for _ in range(3):
        made = house.desk.propose_points(code, "C07", ("IN-1",), OTHER)
        house.desk.decide_points(made, "confirm", "again", OFFICER)
    assert left(house, code) == (0, "red")
    (proposed,) = house.desk.queue().sanctions
    assert (proposed.tier, proposed.rule, proposed.state, proposed.proposed_by) == (
        2,
        "C12",
        "PROPOSED",
        "rule C12",
    )
    assert house.state(code) == "ACTIVE"


def test_a_proposal_needs_a_rule_and_evidence(house):
    code = house.coded()
    for rule, evidence in (("C99", ("x",)), ("C01", ()), ("C01", (" ",)), ("C12", ("x",))):
        with pytest.raises(Refused):
            house.desk.propose_points(code, rule, evidence, OTHER)
    with pytest.raises(NotFound):
        house.desk.decide_points("PT-none", "confirm", "why", OFFICER)


# --- the community's own rules and bands -----------------------------------------------------------------------------

HEAD = "rule,category,zh,en,evidence,points,tier\n"


def test_forty_one_rules_are_brought_and_what_changes_is_a_new_version_on_either_database(on_both):
    house, code = on_both, on_both.coded()
    rows = [f"R{n:02},order,第{n}条,rule {n},inspection,2,1" for n in range(1, 42)]
    data = (HEAD + "\n".join(rows)).encode("utf-8-sig")
    assert house.desk.take_rules(data, OFFICER) == {"new": 41, "updated": 0, "unchanged": 0}
    assert house.desk.take_rules(data, OFFICER) == {"new": 0, "updated": 0, "unchanged": 41}
    made = house.desk.propose_points(code, "R07", ("IN-1",), OTHER)
    heavier = data.replace(b"rule 7,inspection,2", b"rule 7,inspection,5")
    assert house.desk.take_rules(heavier, OFFICER) == {"new": 0, "updated": 1, "unchanged": 40}
    house.desk.propose_points(code, "R07", ("IN-2",), OTHER)
    cited = [(one.rule_version, one.delta) for one in house.desk.listing(code, OFFICER).points]
    assert sorted(cited) == [(1, -2), (2, -5)]
    house.desk.decide_points(made, "confirm", "seen", OFFICER)
    assert left(house, code) == (8, "blue")
    assert house.desk.put_bands(12, 10, 5, 2, OFFICER) == 2
    assert left(house, code) == (10, "green")


WRONG_RULES = {
    "r1,a,b,c,d,1,1": "line 2: rule is letters and a number",
    "R1,a,,c,d,1,1": "line 2: zh has 1 to 200",
    "R1,a,b,c,d,-1,1": "line 2: points are 0 to 100",
    "R1,a,b,c,d,1,5": "tier is 0 to 4",
    "R1,a,b,c,d,1,1\nR1,a,b,c,d,1,1": "stands twice",
}


def test_a_rule_that_cannot_be_is_named_with_its_line_and_nothing_is_taken(house):
    before = house.desk.rules()
    for row, sentence in WRONG_RULES.items():
        with pytest.raises(Refused, match=sentence):
            house.desk.take_rules((HEAD + row).encode(), OFFICER)
    with pytest.raises(Refused, match="columns"):
        house.desk.take_rules(b"rule\nR1\n", OFFICER)
    with pytest.raises(Refused, match="0 < yellow"):
        house.desk.put_bands(10, 10, 3, 6, OFFICER)
    assert house.desk.rules() == before


# --- sanctions -----------------------------------------------------------------------------------------------------


def test_the_ladder_acts_on_the_listings_state_only(house):
    code = house.coded()
    house.sanctioned(code, 1)
    assert house.state(code) == "ACTIVE"
    house.desk.pay_deposit(OP, "paid", 500_000, OFFICER)
    house.sanctioned(code, 3, cents=200_000)
    view = house.desk.listing(code, OFFICER)
    assert (view.row.state, view.deposit_cents) == ("ACTIVE", 300_000)
    house.sanctioned(code, 2)
    assert house.state(code) == "SUSPENDED"
    house.sanctioned(code, 4)
    assert house.state(code) == "REVOKED"


def test_a_grave_tier_waits_for_a_second_person_of_the_street(house):
    code = house.coded()
    made = house.desk.propose_sanction(code, 4, "C09", "guests taken in while suspended", OTHER)
    assert house.desk.decide_sanction(made, "confirm", "agreed", OFFICER) == "PROPOSED"
    assert house.state(code) == "ACTIVE"
    with pytest.raises(Refused, match="second approval"):
        house.desk.decide_sanction(made, "confirm", "agreed", OTHER)
    with pytest.raises(Refused, match="two approvals"):
        house.desk.decide_sanction(made, "confirm", "agreed", Person(OFFICER.name, "admin"))
    assert house.desk.decide_sanction(made, "confirm", "agreed", STREET) == "IN_FORCE"
    (held,) = house.desk.listing(code, OFFICER).sanctions
    assert (held.first_by, held.second_by) == (OFFICER.name, STREET.name)


@pytest.mark.story("35e")
def test_the_points_of_a_banned_listing_are_frozen(house):
    code = house.coded()
    made = house.desk.propose_points(code, "C01", ("D01-1",), OTHER)
    house.sanctioned(code, 4)
    with pytest.raises(Refused, match="frozen"):
        house.desk.decide_points(made, "confirm", "late", OFFICER)
    with pytest.raises(Refused, match="frozen"):
        house.desk.propose_points(code, "C01", ("D01-2",), OTHER)


def test_a_deduction_needs_an_amount_that_is_there(house):
    code = house.coded()
    with pytest.raises(Refused, match="how many cents"):
        house.desk.propose_sanction(code, 3, "C07", "why", OTHER)
    with pytest.raises(Refused, match="holds less"):
        house.sanctioned(code, 3, cents=100)
    assert house.desk.listing(code, OFFICER).sanctions[0].state == "PROPOSED"
    house.desk.pay_deposit(OP, "paid", 100, OFFICER)
    with pytest.raises(Refused, match="holds less"):
        house.desk.pay_deposit(OP, "refunded", 101, OFFICER)
    assert house.desk.pay_deposit(OP, "refunded", 40, OFFICER) == 60


def test_an_upheld_order_stays_and_one_that_stands_beside_keeps_the_listing_shut(house):
    code = house.coded()
    first = house.sanctioned(code, 2)
    house.desk.appeal(first, "we did", OPERATOR)
    with pytest.raises(Refused, match="somebody else"):
        house.desk.decide_sanction(first, "lift", "changed my mind", OFFICER)
    assert house.desk.decide_sanction(first, "uphold", "still out of date", OTHER) == "IN_FORCE"
    assert house.state(code) == "SUSPENDED"
    house.clock.step(hours=1)
    house.desk.inspect(code, GOOD, OFFICER)
    house.desk.decide(code, "recheck passed", "new extinguisher", OFFICER)
    assert house.desk.listing(code, OFFICER).sanctions[0].state == "LIFTED"


# --- hidden units ----------------------------------------------------------------------------------------------------


@pytest.mark.story("29c", "34a")
def test_a_hidden_unit_is_found_confirmed_by_another_and_whistled_on_either_database(on_both):
    house = on_both
    house.desk.put_unit(UnitWish(HIDDEN, "1", grid="3", use="vacant"), "survey", OFFICER)
    made = house.desk.report_unit(HIDDEN, "occupied_no_code", "three suitcases, keys in a box", OTHER)
    with pytest.raises(Refused, match="somebody else than who decided before"):
        house.desk.decide_finding(made, "confirm", "I saw it", OTHER)
    case = house.desk.decide_finding(made, "confirm", "two more guests at the door", OFFICER)
    with house.books.engine.connect() as db:
        held = db.execute(tables.discrepancy.select()).one()
    assert (held.kind, held.subject, held.state, held.severity) == ("D07", HIDDEN, "open", "S2")
    CaseIntake(house.books.house).look_around()
    (line,) = SqlCaseDesk(house.books.house).queue(house.books.accounts.users()[-1])
    assert (line.case.id, line.case.kind, line.case.owner_role.value) == (case, "D07", "street")
    assert house.desk.queue().findings == ()


def test_the_code_of_a_hidden_unit_closes_what_was_found(house):
    house.desk.put_unit(UnitWish(HIDDEN, "1", grid="3"), "survey", OFFICER)
    made = house.desk.report_unit(HIDDEN, "occupied_no_code", "keys in a box", OTHER)
    house.desk.decide_finding(made, "confirm", "so it is", OFFICER)
    house.coded(HIDDEN)
    with house.books.engine.connect() as db:
        assert db.execute(tables.discrepancy.select()).one().state == "closed"
    with pytest.raises(Refused, match="has a listing with a code"):
        house.desk.report_unit(HIDDEN, "occupied_no_code", "again", OTHER)


def test_a_dismissed_finding_opens_nothing(house):
    house.desk.put_unit(UnitWish(HIDDEN, "1"), "survey", OFFICER)
    made = house.desk.report_unit(HIDDEN, "advertised_no_code", "an old page", OTHER)
    assert house.desk.decide_finding(made, "dismiss", "the page is of 2019", OFFICER) == ""
    with house.books.engine.connect() as db:
        assert db.execute(tables.discrepancy.select()).first() is None
    house.clock.step(ms=DAY_MS)
    with pytest.raises(Refused):
        house.desk.decide_finding(made, "confirm", "after all", OFFICER)
