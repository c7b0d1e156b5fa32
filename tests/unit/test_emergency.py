"""A declared emergency: two people, an end, fields that are asked until then, and nothing left behind it."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from cloud_sync.cli import app
from cloud_sync.core.emergency import EMERGENCY_FIELDS, EmergencyWish, fault_of, odd_answers
from cloud_sync.core.policy import DAY_MS, HOUR_MS, MINUTE_MS
from cloud_sync.errors import NotFound, Refused
from cloud_sync.store import emergencies, tables
from cloud_sync.store.house import acting
from cloud_sync.store.retention import run_retention
from cloud_sync.store.tables_privacy import emergency_answer
from tests.fakes.community_house import NOON_MS, csv_of, registration_row, take
from tests.fakes.guest_house import ADULT, FORM, GuestHouse
from tests.fakes.web_house import visiting

ENDS_MS = NOON_MS + 2 * DAY_MS
WARM, COUGH = "37.3", "a cough since Monday"
SAID = {"temperature": WARM, "symptoms": COUGH}
WISH = EmergencyWish("influenza", "Emergency Response Law, art. 49", ("temperature", "symptoms"), ENDS_MS)


class Town(GuestHouse):
    """A guest who has read the notice, and people who declare."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.read_notice()
        self.house = self.books.house

    def propose(self, wish: EmergencyWish = WISH, actor: str = "chen") -> str:
        with acting(self.house, actor, "staff") as act:
            return emergencies.propose(act, wish)

    def approve(self, of: str, actor: str = "sun") -> None:
        with acting(self.house, actor, "staff") as act:
            emergencies.approve(act, of)

    def declare(self) -> str:
        of = self.propose()
        self.approve(of)
        return of

    def answers(self) -> int:
        with self.books.engine.begin() as db:
            return len(db.execute(sa.select(emergency_answer)).all())

    def sealed(self) -> set[str]:
        return {name for _, name in self.house.vault.holders(EMERGENCY_FIELDS)}

    def night(self) -> dict[str, object]:
        return {line.clock: line for line in run_retention(self.house)}

    def copy(self) -> dict[str, object]:
        return self.registry.own_data(self.token, None, ADULT[-4:])


@pytest.fixture
def town(tmp_path):
    made = Town(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({}, ""),
        ({"purpose": " "}, "words"),
        ({"basis": "x" * 201}, "words"),
        ({"fields": ()}, "fields"),
        ({"fields": ("blood_type",)}, "fields"),
        ({"ends_ms": NOON_MS}, "end"),
        ({"ends_ms": NOON_MS + 91 * DAY_MS}, "end"),
    ],
)
def test_a_declaration_has_purpose_basis_fields_and_an_end(changes, fault):
    words = {"purpose": WISH.purpose, "basis": WISH.basis, "fields": WISH.fields, "ends_ms": ENDS_MS}
    assert fault_of(EmergencyWish(**{**words, **changes}), NOON_MS) == fault


def test_what_cannot_be_an_answer_is_named():
    assert odd_answers({"temperature": "36.8", "symptoms": "none"}) == ()
    assert odd_answers({"temperature": "98.6", "symptoms": "a\x07b"}) == ("temperature", "symptoms")
    assert odd_answers({"temperature": "warm"}) == ("temperature",)


@pytest.mark.story("45b")
def test_nothing_is_asked_until_a_second_person_has_approved(town):
    of = town.propose()
    with pytest.raises(Refused, match="another person"):
        town.approve(of, "chen")
    with pytest.raises(Refused, match="another emergency"):
        town.propose()
    with pytest.raises(Refused, match="temperature"):
        town.registry.import_csv("registrations", csv_of([registration_row(**SAID)]), actor="test")
    assert town.registry.guest_view(town.token).emergency is None
    town.clock.step(hours=25)
    with pytest.raises(Refused, match="within a day"):
        town.approve(of)
    town.approve(town.propose())
    assert town.registry.guest_view(town.token).emergency is not None


@pytest.mark.story("45b")
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_guests_form_says_why_asks_seals_and_the_copy_shows_it(tmp_path, lang):
    town = Town(tmp_path)
    try:
        town.declare()
        with visiting(town.app(), **{"accept-language": lang}) as client:
            page = client.get(f"/g/{town.token}/me").text
            assert WISH.basis in page
            assert 'name="temperature"' in page
            assert 'name="came_from"' not in page
            odd = client.post(f"/g/{town.token}/me", data={**FORM, **SAID, "temperature": "hot"})
            assert (odd.status_code, 'id="fault-temperature"' in odd.text) == (422, True)
            assert client.post(f"/g/{town.token}/me", data={**FORM, **SAID}).status_code == 303
        held = town.copy()
        assert {name: held["data"][name] for name in SAID} == SAID
        assert [row["field"] for row in held["emergency_answer"]] == ["symptoms", "temperature"]
        with town.books.engine.connect() as db:
            assert COUGH not in "\n".join(db.connection.driver_connection.iterdump())
    finally:
        town.close()


@pytest.mark.story("45b")
def test_the_minute_after_its_end_the_fields_are_refused_and_the_night_erases_with_proof(town):
    town.declare()
    town.clock.at_ms = ENDS_MS - MINUTE_MS
    assert take(town.books, "registrations", registration_row(**SAID)) == ["new"]
    assert (town.answers(), town.sealed()) == (2, set(SAID))
    town.night()
    assert town.sealed() == set(SAID)  # its time has not come
    town.clock.at_ms = ENDS_MS
    with pytest.raises(Refused, match="temperature"):
        town.registry.import_csv("registrations", csv_of([registration_row(**SAID)]), actor="test")
    assert town.registry.guest_view(town.token).emergency is None
    proof = town.night()["emergency.answer"]
    assert (proof.removed, proof.overdue, proof.oldest_ms) == (2, 0, None)
    assert (town.answers(), town.sealed()) == (0, set())
    assert WARM not in str(town.copy())
    with town.books.engine.begin() as db:
        said = [row.after for row in db.execute(sa.select(tables.audit)) if row.object == "emergency.answer"]
    assert said[-1].endswith("removed 2")


@pytest.mark.story("45b")
def test_what_reaches_the_books_too_late_is_refused_whatever_brought_it(town):
    town.declare()
    assert town.registry.register_self(town.token, FORM).verified
    with acting(town.house, "test", "test") as act:
        (member,) = act.rows(tables.stay_member)
    town.clock.at_ms = ENDS_MS
    with (
        pytest.raises(Refused, match="declared emergency only"),
        acting(town.house, "test", "test") as act,
    ):
        emergencies.keep(act, str(member.stay), str(member.person), SAID)
    assert (town.answers(), town.sealed()) == (0, set())


def test_ended_before_its_day_by_one_person_and_asked_anew_by_the_next_nothing_of_the_next_is_lost(town):
    of = town.declare()
    assert take(town.books, "registrations", registration_row(**SAID)) == ["new"]
    with acting(town.house, "chen", "staff") as act:
        emergencies.end(act, of, "the ministry ended it")
    with pytest.raises(NotFound, match="over already"), acting(town.house, "chen", "staff") as act:
        emergencies.end(act, of, "again")
    town.clock.step(ms=HOUR_MS)
    town.declare()
    take(town.books, "registrations", registration_row(temperature="36.6"))
    assert town.night()["emergency.answer"].removed == 2
    assert (town.answers(), town.sealed()) == (1, {"temperature"})


def test_a_crash_between_vault_and_books_leaves_nothing_for_longer_than_a_night(town):
    town.house.vault.seal("PE-nobody", "temperature", WARM)
    assert town.night()["vault.orphan"].removed >= 1
    assert town.sealed() == set()


def test_the_commands_propose_refuse_the_same_person_list_and_end(tmp_path):
    town = Town(tmp_path)
    config = tmp_path / "sync.toml"
    config.write_text(
        f'data_dir = "{tmp_path / "data"}"\n[community]\ncode = "dongfang"\nname_zh = "东方新城"\n'
        'name_en = "Dongfang"\nsynthetic = true\nprofile = "cn-self"\n'
    )
    town.close()
    run, at = CliRunner(), ["--config", str(config)]
    words = ["--purpose", "influenza", "--basis", "art. 49", "--field", "temperature"]
    until = ["--until", "2999-01-01"]
    late = run.invoke(app, ["emergency", "propose", *words, *until, *at])
    assert isinstance(late.exception, Refused), late.output
    soon = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    of = run.invoke(app, ["emergency", "propose", *words, "--until", soon, *at]).output.strip()
    same = run.invoke(app, ["emergency", "approve", of, *at])
    assert (isinstance(same.exception, Refused), "another person" in str(same.exception)) == (True, True)
    assert run.invoke(app, ["emergency", "list", *at]).output.startswith(f"{of} waits for a second person")
    assert run.invoke(app, ["emergency", "end", of, "--reason", "a drill", *at]).exit_code == 0
    assert run.invoke(app, ["emergency", "list", *at]).output.startswith(f"{of} over")
