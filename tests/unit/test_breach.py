"""A lost node held faces: the officer is told how many people's, never whose, and ticks what has to be done."""

import pytest
import sqlalchemy as sa

from cloud_sync.core.breach import FacesOn, Step
from cloud_sync.core.policy import DAY_MS
from cloud_sync.errors import NotFound, Refused
from cloud_sync.identity.lost import Loss, lose
from cloud_sync.protocol.messages import EraseAck
from cloud_sync.store.breaches import faces_on
from cloud_sync.store.house import acting
from cloud_sync.store.privacy_desk import SqlPrivacy
from cloud_sync.store.retention import run_retention
from cloud_sync.store.tables import case_link
from cloud_sync.store.tables_privacy import breach, breach_step
from tests.fakes.community_house import Gate
from tests.fakes.guest_house import COMPANION, FORM, GuestHouse
from tests.fakes.staff_house import GUARD, OFFICER, StaffHouse, logged_in

WHO = {"by": "Li Na", "reason": "cut from its post", "actor": "cli:li"}
YEARS_3 = 3 * 365 * DAY_MS


class Party:
    """Two guests of one booking who may agree to a face, and the node of their doors."""

    def __init__(self, folder) -> None:
        self.house = GuestHouse(folder, headcount=2)
        self.house.read_notice()
        self.house.registry.register_self(self.house.token, FORM)
        self.house.registry.add_companion(self.house.token, COMPANION)
        self.books, self.gate = self.house.books, Gate(self.house.books)
        self.refs = [row.subject_ref for row in self.house.rows()]

    def agree(self, n: int) -> None:
        version = self.books.house.profile.consent_texts["face_access"]
        self.house.registry.answer_face(
            self.house.token, self.refs[n], agrees=True, text_version=version, language="zh"
        )

    def enrol(self, n: int) -> None:
        self.gate.tells("sys.enrolled", pass_id=self.house.rows()[n].pass_id, subject_ref=self.refs[n])

    def count(self) -> FacesOn:
        with acting(self.books.house, "test", "test") as act:
            return faces_on(act, "gate-1")

    def lose(self) -> Loss:
        return lose(self.books.house, "gate-1", **WHO)


@pytest.fixture
def party(tmp_path):
    made = Party(tmp_path)
    yield made
    made.gate.close()
    made.house.close()


@pytest.mark.story("37g")
def test_people_are_counted_by_consent_by_what_the_node_told_and_by_what_it_erased(party):
    assert party.count() == FacesOn(0, 0)
    party.agree(0)
    party.agree(1)
    assert party.count() == FacesOn(0, 2)  # it may have faces that it had no time to tell of
    party.enrol(0)
    assert party.count() == FacesOn(1, 2)
    party.house.registry.remove_face(party.house.token, party.refs[0])
    assert party.count() == FacesOn(1, 2)  # asked, not confirmed: it is on it still
    party.gate.hears(EraseAck(erase_ver=1, done_at=party.books.clock.now_ms(), erased=1))
    assert party.count() == FacesOn(0, 1)
    party.books.clock.step(hours=1)
    party.agree(0)
    assert party.count().at_most == 2  # and agreed anew


@pytest.mark.story("37g")
def test_the_loss_opens_a_list_with_the_numbers_of_that_moment_and_joins_it_to_the_case(party):
    party.agree(0)
    party.enrol(0)
    loss = party.lose()
    assert loss.faces == FacesOn(1, 1)
    (view,) = SqlPrivacy(party.books.house).breaches()
    assert (view.breach, view.node, view.told_by, view.faces) == (loss.breach, "gate-1", "Li Na", loss.faces)
    with party.books.engine.begin() as db:
        assert loss.breach in {row.ref for row in db.execute(sa.select(case_link))}
        held = repr([db.execute(sa.select(table)).all() for table in (breach, breach_step)])
    assert not any(ref in held for ref in (*party.refs, FORM["name"], party.house.rows()[0].pass_id))


@pytest.mark.story("37g")
def test_each_step_is_ticked_once_by_a_named_person_and_the_list_ends_three_years_after_the_last(party):
    of, desk = party.lose().breach, SqlPrivacy(party.books.house)
    with pytest.raises(Refused, match="one line"):
        desk.tick_breach(of, "keys", note=" ", actor="chen")
    with pytest.raises(Refused, match="no step"):
        desk.tick_breach(of, "tea", note="drunk", actor="chen")
    with pytest.raises(NotFound):
        desk.tick_breach("BR-none", "keys", note="changed", actor="chen")
    for step in Step:
        assert desk.breach(of).closed_ms is None
        desk.tick_breach(of, step, note="file 7", actor="chen")
    with pytest.raises(Refused, match="already"):
        desk.tick_breach(of, "keys", note="again", actor="sun")
    view = desk.breach(of)
    assert view.closed_ms == party.books.clock.now_ms()
    assert {done.by for done in view.done.values()} == {"chen"}
    for later, left in ((YEARS_3 - DAY_MS, 1), (2 * DAY_MS, 0)):
        party.books.clock.step(ms=later)
        run_retention(party.books.house)
        assert len(desk.breaches()) == left
    with party.books.engine.begin() as db:
        assert db.execute(sa.select(breach_step)).all() == []


@pytest.mark.story("37g")
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_officer_finds_it_on_the_privacy_page_and_ticks_a_step_and_a_guard_does_not(tmp_path, lang):
    house = StaffHouse(tmp_path)
    house.open_up()
    of = lose(house.books, "gate-1", **WHO).breach
    with logged_in(house, GUARD) as client:
        assert client.get(f"/privacy/breaches/{of}").status_code == 403
    with logged_in(house, OFFICER, **{"accept-language": lang}) as client:
        assert f"/privacy/breaches/{of}" in client.get("/privacy").text
        page = client.get(f"/privacy/breaches/{of}").text
        csrf = page.split('name="csrf" value="')[1].split('"')[0]
        form = {"csrf": csrf, "step": "police", "note": "report 2026-11"}
        assert client.post(f"/privacy/breaches/{of}", data={**form, "note": ""}).status_code == 409
        assert client.post(f"/privacy/breaches/{of}", data=form).status_code == 303
        assert client.post(f"/privacy/breaches/{of}", data=form).status_code == 409
        after = client.get(f"/privacy/breaches/{of}").text
    house.close()
    assert page.count("<form") == after.count("<form") + 1
    assert f"report 2026-11 ({OFFICER}" in after
