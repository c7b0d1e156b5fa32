"""From a booking to a row on the door and back: consents, codes, erasure, time, accounts, the audit chain."""

import base64

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_sync.errors import NotFound, Refused
from cloud_sync.protocol.messages import PREREQ_FACE_CONSENT, EraseAck
from cloud_sync.store import audit, tables
from cloud_sync.store.keys import SETUP_TOKEN, new_setup_token
from cloud_sync.store.places import AccessPointSpec, NodeJoin, PiaRecord
from tests.fakes.community_house import (
    DOOR,
    GATE,
    NOON_MS,
    Gate,
    SteppedClock,
    booking_row,
    new_house,
    public_key,
    registration_row,
    resident_id,
    take,
    with_guest,
)

HOUR = 3_600_000


@pytest.fixture
def books(tmp_path, database):
    books = new_house(tmp_path, SteppedClock(), database=database)
    yield books
    books.close()


@pytest.fixture
def gate(books):
    gate = Gate(books)
    yield gate
    gate.close()


def row(books):
    (held,) = books.registry.rows_for("gate-1")
    return held


def state(books, table):
    with books.engine.connect() as db:
        return db.execute(sa.select(table.c.state)).scalar_one()


def phone() -> bytes:
    return Ed25519PrivateKey.generate().public_key().public_bytes_raw()


def consent(books, token, **changes):
    words = {"purpose": "face_access", "text_version": "face_access-1", "language": "zh", "channel": "link"}
    return books.registry.give_consent(token, **{**words, **changes})


def test_a_registered_guest_has_an_armed_row_with_the_phones_key(books):
    token = with_guest(books)
    key = phone()
    cred_id, pass_id = books.registry.bind_code_key(token, None, key)
    held = row(books)
    assert (held.pass_id, held.state, held.scope) == (pass_id, "ARMED", [GATE, DOOR])
    assert [(c.kind, c.cred_id, c.verifier) for c in held.creds] == [("qr", cred_id, key)]
    assert books.registry.bind_code_key(token, None, key) == (cred_id, pass_id)
    other, _ = books.registry.bind_code_key(token, None, phone())
    assert [c.cred_id for c in row(books).creds] == [other]
    with pytest.raises(Refused):
        books.registry.bind_code_key(token, None, b"short")


def test_an_unregistered_guest_has_a_row_that_says_what_is_missing(books):
    token = with_guest(books, registered=False)
    books.registry.bind_code_key(token, None, phone())
    held = row(books)
    assert (held.state, held.prereq, len(held.creds)) == ("PENDING", 3, 1)


def test_a_guest_whose_window_is_over_has_a_row_that_says_so(books):
    token = with_guest(books, hours=(-40, -10))
    books.registry.bind_code_key(token, None, phone())
    held = row(books)
    assert (held.state, held.not_after, len(held.creds)) == ("EXPIRED", NOON_MS - 4 * HOUR, 1)
    books.clock.step(hours=20)
    assert books.registry.rows_for("gate-1") == []


def test_a_guest_link_is_one_of_a_kind_and_only_its_hash_is_kept(books, tmp_path):
    first = with_guest(books)
    second = books.registry.guest_link("xc", "1001")
    with pytest.raises(NotFound):
        books.registry.bind_code_key(first, None, phone())
    with pytest.raises(NotFound):
        books.registry.bind_code_key("", None, phone())
    assert len(bytes.fromhex(second)) == 16
    stored = b"".join(path.read_bytes() for path in (tmp_path / "data").glob("*.db*"))
    assert second.encode() not in stored


@pytest.mark.parametrize(
    "changes",
    [
        {"text_version": "face_access-0"},
        {"purpose": "marketing"},
        {"language": "fr"},
        {"channel": ""},
    ],
)
def test_a_consent_to_anything_but_the_present_text_is_refused(books, changes):
    with pytest.raises(Refused):
        consent(books, with_guest(books), **changes)


@pytest.mark.parametrize(
    ("born", "guardian", "given", "disclosed"),
    [
        ("1990-01-31", None, True, 0),
        ("2012-05-01", None, True, 1),  # fourteen today: the year cannot tell, the date is opened and logged
        ("2012-05-02", None, False, 1),
        ("2012-05-02", "guardian-1", True, 1),
        ("2015-01-31", None, False, 0),
    ],
)
def test_under_fourteen_needs_a_guardian(books, born, guardian, given, disclosed):
    token = with_guest(books, registered=False)
    number = resident_id(f"000001{born.replace('-', '')}000")
    wish = registration_row(document_number=number, birth_date=born, guardian_contact="c", relation="mother")
    assert take(books, "registrations", wish) == ["new"]
    if given:
        assert consent(books, token, guardian_ref=guardian) == consent(books, token, guardian_ref=guardian)
        assert row(books).prereq & PREREQ_FACE_CONSENT
    else:
        with pytest.raises(Refused, match="guardian"):
            consent(books, token, guardian_ref=guardian)
        assert not row(books).prereq & PREREQ_FACE_CONSENT
    with books.engine.connect() as db:
        looks = db.execute(sa.select(sa.func.count()).select_from(tables.disclosure)).scalar_one()
    assert (looks > 0) == bool(disclosed)


def test_nobody_of_unknown_age_consents(books):
    with pytest.raises(Refused, match="registration"):
        consent(books, with_guest(books, registered=False))


@pytest.mark.story("3b")
def test_withdrawing_clears_the_face_and_leaves_the_code(books, gate):
    token = with_guest(books)
    cred_id, pass_id = books.registry.bind_code_key(token, None, phone())
    consent(books, token)
    version = row(books).pass_version
    books.registry.withdraw_consent(token, "face_access")
    held = row(books)
    assert not held.prereq & PREREQ_FACE_CONSENT
    assert (held.pass_version, held.state, held.creds[0].cred_id) == (version + 1, "ARMED", cred_id)
    with books.engine.connect() as db:
        asked = db.execute(sa.select(tables.erasure)).one()
    assert (asked.node, asked.erase_ver, asked.pass_id) == ("gate-1", 1, pass_id)
    books.registry.withdraw_consent(token, "face_access")
    gate.hears(EraseAck(erase_ver=1, done_at=NOON_MS, erased=1))
    with books.engine.connect() as db:
        assert db.execute(sa.select(tables.erasure.c.acked_ms)).scalar_one() is not None


@pytest.mark.story("1e")
def test_the_first_entry_makes_a_stay_in_house_and_time_does_the_rest(books, gate):
    token = with_guest(books)
    _, pass_id = books.registry.bind_code_key(token, None, phone())

    def later(hours: float) -> None:
        books.clock.step(hours=hours)
        books.registry.advance_time(since_ms=books.clock.now_ms() - round(hours * HOUR))

    gate.tells("access.granted", decision="allow", credential_kind="qr", pass_id=pass_id)
    gate.tells("access.taken", direction="in", pass_id=pass_id)
    later(0)
    assert state(books, tables.stay) == "IN_HOUSE"
    assert state(books, tables.credential) == "IN_USE"
    later(13)
    assert state(books, tables.stay) == "DUE_OUT"
    later(8.5)
    assert state(books, tables.stay) == "OVERSTAY"
    assert row(books).state == "ARMED"  # nobody loses the door before a person has looked
    later(5)
    assert (state(books, tables.stay), row(books).state) == ("OVERSTAY", "EXPIRED")
    later(25)
    assert (state(books, tables.credential), books.registry.rows_for("gate-1")) == ("DESTROYED", [])


def test_who_was_seen_leaving_is_checked_out_once_the_gate_has_told(books, gate):
    token = with_guest(books)
    _, pass_id = books.registry.bind_code_key(token, None, phone())
    gate.tells("access.taken", direction="in", pass_id=pass_id)
    books.registry.advance_time(since_ms=0)
    books.clock.step(hours=19)
    gate.tells("access.taken", direction="out", pass_id=pass_id)
    books.clock.step(hours=2.5)
    books.registry.advance_time(since_ms=0)
    assert state(books, tables.stay) == "DUE_OUT"
    gate.says_hello()
    books.registry.advance_time(since_ms=0)
    assert state(books, tables.stay) == "CHECKED_OUT"
    held = row(books)
    assert (held.state, held.not_after) == ("EXPIRED", books.clock.now_ms())


def test_extending_keeps_pass_and_secret(books, gate):
    token = with_guest(books)
    _, pass_id = books.registry.bind_code_key(token, None, phone())
    gate.tells("access.taken", direction="in", pass_id=pass_id)
    books.registry.advance_time(since_ms=0)
    before = row(books)
    take(books, "bookings", booking_row(external_revision=2, hours=(-1, 44)))
    after = row(books)
    assert (after.pass_id, after.creds) == (before.pass_id, before.creds)
    assert (after.pass_version, after.not_after - before.not_after) == (before.pass_version + 1, 24 * HOUR)


def test_cancelling_before_arrival_revokes_and_during_the_stay_lets_out(books, gate):
    token = with_guest(books)
    _, pass_id = books.registry.bind_code_key(token, None, phone())
    consent(books, token)
    gate.tells("access.taken", direction="in", pass_id=pass_id)
    books.registry.advance_time(since_ms=0)
    take(books, "bookings", booking_row(external_revision=2, state="cancelled"))
    assert (state(books, tables.stay), row(books).state) == ("CANCELLED_DURING", "EXIT_ONLY")


def test_a_revoked_pass_takes_its_face_along(books):
    consent(books, with_guest(books))
    take(books, "bookings", booking_row(external_revision=2, state="cancelled"))
    assert row(books).state == "REVOKED"
    with books.engine.connect() as db:
        assert db.execute(sa.select(tables.erasure.c.reason)).scalar_one() == "pass revoked"


PARTS = {"purpose": "p", "necessity": "n", "impact": "i", "measures": "m", "author": "a"}


def test_face_needs_assessment_and_sign(books):
    registry = books.registry
    with pytest.raises(Refused, match="impact assessment"):
        registry.enable_face(GATE, "PIA-none", "wang")
    with pytest.raises(Refused, match="measures"):
        registry.record_pia(PiaRecord(**{**PARTS, "measures": " "}, review_ms=NOON_MS + 1))
    pia = registry.record_pia(PiaRecord(**PARTS, review_ms=NOON_MS + HOUR, synthetic=True))
    with pytest.raises(Refused, match="sign"):
        registry.enable_face(GATE, pia, " ")
    registry.enable_face(GATE, pia, "wang")
    assert [door["face_enabled"] for door in registry.doors_of("gate-1")] == [True, False]
    books.clock.step(hours=2)
    with pytest.raises(Refused, match="review"):
        registry.enable_face(DOOR, pia, "wang")


def test_a_synthetic_assessment_and_a_synthetic_person_are_for_synthetic_communities_only(tmp_path):
    books = new_house(tmp_path, synthetic=False)
    with pytest.raises(Refused, match="synthetic"):
        books.registry.record_pia(PiaRecord(**PARTS, review_ms=NOON_MS + HOUR, synthetic=True))
    with_guest(books, registered=False)
    assert take(books, "registrations", registration_row()) == ["rejected"]
    books.close()


def test_no_camera_looks_into_a_dwelling(books):
    spec = AccessPointSpec("AP-2", "room", "室", "Room", "inside_guest_room")
    with pytest.raises(Refused, match="camera"):
        books.registry.add_access_point("gate-1", spec)


def test_a_node_joins_once_with_its_own_key(books):
    join = NodeJoin("gate-1", "South", public_key())
    books.registry.add_node(join)
    with pytest.raises(Refused, match="another key"):
        books.registry.add_node(NodeJoin("gate-1", "South", public_key(8)))
    with pytest.raises(Refused, match="base64"):
        books.registry.add_node(NodeJoin("gate-2", "x", base64.b64encode(b"short").decode()))
    with pytest.raises(Refused, match="letters"):
        books.registry.add_node(NodeJoin("gate/2", "x", public_key()))


def test_every_transition_is_audited_and_the_chain_holds(books):
    consent(books, with_guest(books))
    with books.engine.connect() as db:
        actions = set(db.execute(sa.select(tables.audit.c.action)).scalars())
    wanted = {
        "listing.approve",
        "booking.confirmed",
        "stay.first member verified",
        "registration.document check passed",
        "pass.prerequisites hold",
        "pass.window opens",
        "consent.give",
    }
    assert wanted <= actions
    assert audit.first_break(books.engine, tables.audit, "dongfang") is None
    with books.engine.begin() as db:
        db.execute(tables.audit.update().where(tables.audit.c.n == 3).values(actor="nobody"))
    assert audit.first_break(books.engine, tables.audit, "dongfang") == 3


def first_admin(books) -> str:
    token = new_setup_token(books.config.keys)
    books.accounts.create_first_admin("wang", "a long password", token)
    return token


def test_the_first_administrator_needs_the_token_and_uses_it_up(books):
    assert not books.accounts.has_users()
    with pytest.raises(Refused, match="token"):
        books.accounts.create_first_admin("wang", "a long password", "guessed")
    token = first_admin(books)
    assert books.accounts.has_users()
    assert not (books.config.keys / SETUP_TOKEN).exists()
    with pytest.raises(Refused):
        books.accounts.create_first_admin("li", "a long password", token)


def test_a_session_lives_from_login_to_logout_or_for_a_shift(books):
    first_admin(books)
    token = books.accounts.login("wang", "a long password")
    session = books.accounts.session(token)
    assert (session.user.name, session.user.role) == ("wang", "admin")
    books.accounts.logout(token)
    assert books.accounts.session(token) is None
    token = books.accounts.login("wang", "a long password")
    books.clock.step(hours=12)
    assert books.accounts.session(token) is None
    assert books.accounts.session("made up") is None


def test_after_five_wrong_passwords_even_the_right_one_waits(books):
    first_admin(books)
    assert books.accounts.login("nobody", "a long password") is None
    assert [books.accounts.login("wang", "wrong") for _ in range(5)] == [None] * 5
    assert books.accounts.login("wang", "a long password") is None
    books.clock.step(ms=30_000)
    assert books.accounts.login("wang", "a long password") is not None
