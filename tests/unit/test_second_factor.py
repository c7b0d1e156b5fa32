"""Codes, recovery codes, passkeys and the limits of a login, on both databases; the phone and the key are played."""

import pyotp
import pytest
import sqlalchemy as sa

from cloud_sync.config import AccountsConfig, CommunityConfig, SyncConfig, WebConfig
from cloud_sync.core.accounts import (
    HOUR_MS,
    MINUTE_MS,
    AccountRules,
    PasskeySite,
    SecondFactor,
    Way,
    device_of,
)
from cloud_sync.core.roles import Role
from cloud_sync.errors import NotFound, Refused, StoreError
from cloud_sync.ports import FactorNeeded
from cloud_sync.store import tables
from cloud_sync.store.accounts import SqlAccounts
from cloud_sync.store.engine import open_database
from cloud_sync.store.factor_key import FactorKey
from cloud_sync.store.own_account import SqlOwnAccount
from cloud_sync.store.tables_accounts import passkey, recovery_code, totp
from tests.fakes.soft_key import ORIGIN, RP_ID, SoftKey
from tests.fakes.web_house import COMMUNITY, PASSWORD, SteppedClock

STEP_MS = 30_000
STRICT = AccountRules(second_factor=SecondFactor.REQUIRE)


class Desk:
    """Accounts over one database, opened as a service with these rules opens them."""

    def __init__(self, engine, folder, rules=None):
        self.engine, self.clock, self.key = engine, SteppedClock(), FactorKey(bytes(32))
        self.accounts = SqlAccounts(engine, COMMUNITY, self.clock, folder / "token", self.key, rules)
        site = PasskeySite(RP_ID, ORIGIN)
        self.own = SqlOwnAccount(engine, COMMUNITY, self.clock, self.accounts, site)

    def code(self, secret):
        """Of this moment; the next one is another."""
        self.clock.now += STEP_MS
        return pyotp.TOTP(secret).at(self.clock.now // 1000)

    def with_code(self, name="li"):
        """Set up: the secret, the recovery codes and the session."""
        token = self.accounts.login(name, PASSWORD, "Firefox/Linux")
        begun = self.own.begin_totp(token, PASSWORD)
        codes, token = self.own.confirm_totp(token, begun.token, self.code(begun.secret))
        return begun.secret, codes, token

    def with_key(self, key, name="li"):
        token = self.accounts.login(name, PASSWORD)
        begun = self.own.begin_passkey(token, PASSWORD)
        return self.own.add_passkey(token, begun.token, key.create(begun.options), "my key")

    def sign_in(self, key):
        begun = self.own.begin_sign_in()
        return self.own.sign_in(begun.token, key.get(begun.options), "")

    def step(self, name="li"):
        needed = self.accounts.login(name, PASSWORD)
        assert isinstance(needed, FactorNeeded)
        return needed.step

    def deeds(self):
        with self.engine.connect() as db:
            return list(db.execute(sa.select(tables.audit.c.action).order_by(tables.audit.c.n)).scalars())


@pytest.fixture
def engine(database):
    made = open_database(database)
    yield made
    made.dispose()


@pytest.fixture
def desk(engine, tmp_path):
    made = Desk(engine, tmp_path)
    made.accounts.add("li", "officer", PASSWORD, actor="test")
    return made


# --- the code ---------------------------------------------------------------------------------------------------------


def test_with_a_code_set_up_the_password_alone_opens_nothing_and_each_code_opens_once(desk):
    secret, _, _ = desk.with_code()
    step = desk.step()
    code = desk.code(secret)
    assert desk.accounts.second_step(step, "000000") is None
    token = desk.accounts.second_step(step, code)
    assert desk.accounts.session(token).user.name == "li"
    assert desk.accounts.second_step(desk.step(), code) is None
    with pytest.raises(Refused, match="begin again"):
        desk.accounts.second_step(step, desk.code(secret))


def test_the_code_that_turned_it_on_is_taken_too(desk):
    secret, _, _ = desk.with_code()
    assert desk.accounts.second_step(desk.step(), pyotp.TOTP(secret).at(desk.clock.now // 1000)) is None


def test_a_phone_may_be_half_a_minute_off_and_not_more(desk):
    secret, _, _ = desk.with_code()
    desk.clock.now += 10 * STEP_MS
    now_s, step = desk.clock.now // 1000, desk.step()
    for off in (-60, 60):
        assert desk.accounts.second_step(step, pyotp.TOTP(secret).at(now_s + off)) is None
    assert desk.accounts.second_step(step, pyotp.TOTP(secret).at(now_s - 30))


def test_wrong_codes_and_wrong_passwords_share_one_wait(desk):
    secret, _, _ = desk.with_code()
    step = desk.step()
    for _ in range(3):
        assert desk.accounts.second_step(step, "000000") is None
        assert isinstance(desk.accounts.login("li", PASSWORD), FactorNeeded)  # and that resets nothing
    for _ in range(2):
        assert desk.accounts.login("li", "not this one") is None
    assert desk.accounts.second_step(step, pyotp.TOTP(secret).at(desk.clock.now // 1000 + 30)) is None
    assert desk.accounts.login("li", PASSWORD) is None
    desk.clock.now += MINUTE_MS
    assert desk.accounts.second_step(step, desk.code(secret))


def test_a_step_is_over_after_five_minutes_and_with_a_new_password(desk):
    secret, _, _ = desk.with_code()
    step = desk.step()
    desk.clock.now += 5 * MINUTE_MS
    with pytest.raises(Refused):
        desk.accounts.second_step(step, desk.code(secret))
    step = desk.step()
    desk.accounts.change("li", password=f"{PASSWORD} anew", actor="test")
    with pytest.raises(Refused):
        desk.accounts.second_step(step, desk.code(secret))


def test_ten_recovery_codes_open_once_each_however_they_are_typed_and_it_is_written_down(desk):
    _, codes, _ = desk.with_code()
    assert len(set(codes)) == 10
    typed = f"{codes[0][:6].upper()}-{codes[0][6:]} "
    token = desk.accounts.second_step(desk.step(), typed)
    assert desk.own.view(token).recovery_left == 9
    assert desk.accounts.second_step(desk.step(), codes[0]) is None
    assert desk.deeds()[-1] == "user.recovery_code"


def test_secrets_are_sealed_to_their_owner_and_codes_are_kept_as_keyed_hashes(desk, engine):
    secret, codes, _ = desk.with_code()
    with engine.connect() as db:
        box = db.execute(sa.select(totp.c.box)).scalar_one()
        macs = set(db.execute(sa.select(recovery_code.c.mac)).scalars())
    assert secret not in box
    assert desk.key.open("li", box) == secret
    for key, name in ((desk.key, "wang"), (FactorKey(bytes([1]) * 32), "li")):
        with pytest.raises(StoreError, match=r"vault\.key"):
            key.open(name, box)
    assert macs == {desk.key.mac("li", code) for code in codes}
    assert macs.isdisjoint(FactorKey(bytes([1]) * 32).mac("li", code) for code in codes)


def test_turning_it_on_needs_password_and_code_ends_other_sessions_and_gives_another_token(desk):
    other, token = desk.accounts.login("li", PASSWORD), desk.accounts.login("li", PASSWORD)
    with pytest.raises(Refused):
        desk.own.begin_totp(token, "not this one")
    begun = desk.own.begin_totp(token, PASSWORD)
    with pytest.raises(Refused):
        desk.own.confirm_totp(token, begun.token, "000000")
    assert desk.own.enrolment(token, begun.token) == begun
    _, fresh = desk.own.confirm_totp(token, begun.token, desk.code(begun.secret))
    assert desk.accounts.session(other) is None
    assert desk.accounts.session(token) is None
    assert desk.accounts.session(fresh).user.name == "li"
    with pytest.raises(Refused, match="already"):
        desk.own.begin_totp(fresh, PASSWORD)


def test_nobody_confirms_what_another_began(desk):
    desk.accounts.add("wang", "guard", PASSWORD, actor="test")
    begun = desk.own.begin_totp(desk.accounts.login("li", PASSWORD), PASSWORD)
    with pytest.raises(Refused):
        desk.own.confirm_totp(desk.accounts.login("wang", PASSWORD), begun.token, desk.code(begun.secret))


def test_turning_it_off_needs_both_too(desk):
    secret, _, token = desk.with_code()
    for password, code in (("not this one", desk.code(secret)), (PASSWORD, "000000")):
        with pytest.raises(Refused):
            desk.own.end_totp(token, password, code)
    desk.own.end_totp(token, PASSWORD, desk.code(secret))
    assert isinstance(desk.accounts.login("li", PASSWORD), str)
    assert desk.deeds()[-1] == "user.totp_off"


def test_an_administrators_reset_has_a_reason_ends_everything_and_is_written_down(desk):
    _, _, token = desk.with_code()
    for name, reason in (("li", " "), ("nobody", "lost phone")):
        with pytest.raises(Refused):
            desk.accounts.reset_second_factor(name, reason, actor="test")
    desk.accounts.reset_second_factor("li", "lost phone", actor="test")
    assert desk.accounts.session(token) is None
    assert desk.own.view(desk.accounts.login("li", PASSWORD)).totp_ms is None
    assert desk.deeds()[-1] == "user.second_factor_reset"
    with pytest.raises(Refused, match="has no second factor"):
        desk.accounts.reset_second_factor("li", "once more", actor="test")


def test_who_is_removed_leaves_no_second_factor_behind(desk, engine):
    desk.with_code()
    desk.accounts.remove("li", actor="test")
    with engine.connect() as db:
        left = [
            db.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in (totp, recovery_code, passkey)
        ]
    assert left == [0, 0, 0]


# --- passkeys ---------------------------------------------------------------------------------------------------------


def test_a_passkey_says_who_it_is_and_opens_without_password_and_code(desk):
    key = SoftKey()
    desk.with_key(key)
    desk.with_code()
    token = desk.sign_in(key)
    assert desk.accounts.session(token).user.name == "li"
    (line,) = desk.own.view(token).passkeys
    assert (line.name, line.used_ms) == ("my key", desk.clock.now)
    assert desk.own.view(token).sessions[0].way == Way.PASSKEY


def test_a_challenge_is_answered_once_and_soon(desk):
    key = SoftKey()
    desk.with_key(key)
    begun = desk.own.begin_sign_in()
    assert desk.own.sign_in(begun.token, "no answer", "") is None
    assert desk.own.sign_in(begun.token, key.get(begun.options), "") is None
    begun = desk.own.begin_sign_in()
    desk.clock.now += 5 * MINUTE_MS
    assert desk.own.sign_in(begun.token, key.get(begun.options), "") is None


@pytest.mark.parametrize(
    "lie",
    [
        {"origin": "https://gate.example.test"},
        {"rp_id": "example"},
        {"verifies": False},
        {"handle": b"somebody else"},
        {"id": b"never seen"},
        {"key": SoftKey().key},
    ],
)
def test_what_does_not_hold_opens_nothing(desk, lie):
    key = SoftKey()
    desk.with_key(key)
    for name, value in lie.items():
        setattr(key, name, value)
    assert desk.sign_in(key) is None


@pytest.mark.parametrize(
    "lie", [{"origin": "https://gate.example.test"}, {"rp_id": "example"}, {"verifies": False}]
)
def test_what_does_not_hold_is_not_kept(desk, lie):
    with pytest.raises(Refused):
        desk.with_key(SoftKey(**lie))
    assert "user.passkey_add" not in desk.deeds()


def test_a_key_whose_counter_went_back_has_a_twin_and_one_that_never_counts_is_fine(desk):
    key, plain = SoftKey(), SoftKey(counts=False, id=b"soft-key-2")
    desk.with_key(key)
    desk.with_key(plain)
    assert desk.sign_in(key)
    key.counter -= 1
    assert desk.sign_in(key) is None
    assert desk.deeds()[-1] == "user.passkey_counter"
    assert desk.sign_in(plain)
    assert desk.sign_in(plain)


def test_a_passkey_is_removed_with_the_password_by_its_owner(desk):
    key = SoftKey()
    token = desk.with_key(key)
    (line,) = desk.own.view(token).passkeys
    desk.accounts.add("wang", "guard", PASSWORD, actor="test")
    with pytest.raises(NotFound):
        desk.own.remove_passkey(desk.accounts.login("wang", PASSWORD), line.id, PASSWORD)
    with pytest.raises(Refused):
        desk.own.remove_passkey(token, line.id, "not this one")
    desk.own.remove_passkey(token, line.id, PASSWORD)
    assert desk.sign_in(key) is None


def test_pages_without_a_name_of_their_own_have_no_passkeys(desk):
    own = SqlOwnAccount(desk.engine, COMMUNITY, desk.clock, desk.accounts, None)
    with pytest.raises(Refused, match="no name of their own"):
        own.begin_sign_in()


# --- sessions ---------------------------------------------------------------------------------------------------------


def test_a_session_ends_when_idle_and_after_a_shift_however_much_it_is_used(desk):
    idle, busy = desk.accounts.login("li", PASSWORD), desk.accounts.login("li", PASSWORD)
    for _ in range(11):
        desk.clock.now += HOUR_MS
        assert desk.accounts.session(busy)
    assert desk.accounts.session(idle) is None
    desk.clock.now += HOUR_MS
    assert desk.accounts.session(busy) is None


def test_a_person_sees_where_they_are_logged_in_and_ends_one_or_all_others(desk):
    first, second, third = (
        desk.accounts.login("li", PASSWORD, device_of(agent))
        for agent in (
            "Mozilla/5.0 (Windows NT 10.0) Firefox/140.0",
            "Mozilla/5.0 (X11; Linux) Chrome/140",
            "curl/8",
        )
    )
    desk.clock.now += 2 * MINUTE_MS
    lines = {line.device: line for line in desk.own.view(second).sessions}
    assert set(lines) == {"Firefox/Windows", "Chrome/Linux", "/"}
    assert [line.device for line in lines.values() if line.own] == ["Chrome/Linux"]
    assert lines["Chrome/Linux"].seen_ms == desk.clock.now > lines["/"].seen_ms
    desk.own.end_session(second, lines["/"].id)
    assert desk.accounts.session(third) is None
    assert desk.accounts.session(first)
    desk.own.end_others(second)
    assert desk.accounts.session(first) is None
    assert desk.accounts.session(second)


def test_one_ends_nobody_elses_session(desk):
    desk.accounts.add("wang", "guard", PASSWORD, actor="test")
    hers, his = desk.accounts.login("li", PASSWORD), desk.accounts.login("wang", PASSWORD)
    desk.own.end_session(his, desk.own.view(hers).sessions[0].id)
    desk.own.end_others(his)
    assert desk.accounts.session(hers)


def test_ones_own_new_password_ends_every_session_and_begins_another(desk):
    other, token = desk.accounts.login("li", PASSWORD), desk.accounts.login("li", PASSWORD)
    for old, new in (("not this one", f"{PASSWORD} anew"), (PASSWORD, "short")):
        with pytest.raises(Refused):
            desk.own.change_password(token, old, new)
    fresh = desk.own.change_password(token, PASSWORD, f"{PASSWORD} anew")
    assert desk.accounts.session(other) is None
    assert desk.accounts.session(token) is None
    assert desk.accounts.session(fresh)
    assert desk.accounts.login("li", PASSWORD) is None
    assert desk.accounts.login("li", f"{PASSWORD} anew")


# --- who needs one ----------------------------------------------------------------------------------------------------


def test_an_officer_is_advised_until_there_is_one_and_a_guard_never(desk):
    desk.accounts.add("wang", "guard", PASSWORD, actor="test")
    assert desk.accounts.session(desk.accounts.login("li", PASSWORD)).advised
    assert not desk.accounts.session(desk.accounts.login("wang", PASSWORD)).advised
    token = desk.with_key(SoftKey())
    assert not desk.accounts.session(token).advised


def test_where_one_is_required_the_password_alone_leads_to_its_set_up_and_nowhere_else(engine, tmp_path):
    desk = Desk(engine, tmp_path, STRICT)
    for name, role in (("li", "officer"), ("wang", "guard")):
        desk.accounts.add(name, role, PASSWORD, actor="test")
    assert desk.accounts.session(desk.accounts.login("wang", PASSWORD))
    token = desk.accounts.login("li", PASSWORD)
    assert desk.accounts.session(token) is None
    assert desk.accounts.any_session(token).unfinished
    assert desk.own.view(token).unfinished
    key = SoftKey()
    assert desk.accounts.session(desk.with_key(key)).user.name == "li"
    assert desk.accounts.login("li", PASSWORD) == FactorNeeded("")
    assert desk.accounts.session(desk.sign_in(key))


# --- the configuration ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("web", "url", "site"),
    [
        ({}, "", None),
        ({"host": "localhost"}, "", PasskeySite("localhost", "https://localhost:8443")),
        ({"host": "localhost", "tls": False}, "", PasskeySite("localhost", "http://localhost:8443")),
        ({"names": ("gate.lan",), "tls": False}, "", None),
        (
            {"public_url": "https://gate.example/pages"},
            "",
            PasskeySite("gate.example", "https://gate.example"),
        ),
        ({"public_url": "https://gate.example:443"}, "", PasskeySite("gate.example", "https://gate.example")),
        ({"public_url": "https://[2001:db8::1]"}, "", None),
        ({}, "https://staff.example:444", PasskeySite("staff.example", "https://staff.example:444")),
    ],
)
def test_passkeys_are_bound_to_the_name_at_which_staff_open_the_pages(tmp_path, web, url, site):
    community = CommunityConfig(code="dongfang", name_zh="东方", name_en="Dongfang")
    more = {"web": WebConfig(**web), "accounts": AccountsConfig(passkey_url=url)}
    assert SyncConfig(data_dir=tmp_path, community=community, **more).passkey_site == site


def test_an_address_that_no_browser_would_take_is_refused_and_roles_are_read_as_roles():
    with pytest.raises(ValueError, match="with a name and no number"):
        AccountsConfig(passkey_url="https://192.0.2.7")
    rules = AccountsConfig(second_factor="require", second_factor_roles=("guard",), idle_minutes=30).rules
    assert rules == AccountRules(30 * MINUTE_MS, 12 * HOUR_MS, SecondFactor.REQUIRE, frozenset({Role.GUARD}))
    assert (rules.requires("guard"), rules.requires("admin"), rules.requires("king")) == (True, False, False)
