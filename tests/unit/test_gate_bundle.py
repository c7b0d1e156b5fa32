"""A pass that is shown opens a gate that never saw it, and gives back nothing that was taken away there."""

import asyncio

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_sync.protocol.code import b45decode, b45encode
from cloud_sync.protocol.messages import Cred
from edge.core.events import ClockState
from edge.core.passes import Denial, PassState
from tests.fakes.bundles import PASS_ID, Phone, bearer
from tests.fakes.lone_gate import HOUR_MS, NOW_MS, LoneGate, pass_row

S_NS = 1_000_000_000
PHONE = Phone()
CREDENTIAL = bytes(range(16))
AWAY = {"online": False, "contact_age_ms": None}


def gate(*rows, **words) -> LoneGate:
    return LoneGate(list(rows), **{**AWAY, **words})


def shown(lone: LoneGate, *texts: str, every_ns: int = 4 * S_NS) -> LoneGate:
    async def play() -> None:
        await lone.boot()
        for text in texts:
            await lone.gate.on_code(text, lone.at_ns)
            lone.at_ns += every_ns

    asyncio.run(play())
    return lone


def said(lone: LoneGate) -> list[tuple[str, str | None]]:
    return [(fact.type, fact.reason) for fact in lone.facts if fact.reason is not None]


@pytest.mark.story("21b")
@pytest.mark.parametrize("text", [PHONE.shows(), bearer(cls="courier", prereq=0)], ids=["phone", "bearer"])
def test_a_gate_that_never_saw_the_pass_honours_it(text):
    lone = shown(gate(), text)
    (fact,) = lone.facts
    assert (fact.type, fact.credential_kind, fact.pass_id) == ("access.granted", "qr", PASS_ID)
    assert (fact.pass_version, fact.subject_ref, fact.x["bundle"]) == (3, None, 1)
    assert fact.link_state == "OFFLINE_FRESH"


def test_a_picture_of_a_phone_s_bundle_is_dead_after_its_rotation():
    lone = shown(gate(), PHONE.shows(), every_ns=61 * S_NS)
    shown_again = shown(LoneGate([], codes=lone.codes, at_ns=lone.at_ns, **AWAY), PHONE.shows())
    assert said(shown_again) == [("access.denied", "x:CodeReplayed")]


def test_the_same_step_opens_one_door_once():
    text = PHONE.shows()
    assert said(shown(gate(), text, "else", text)) == [
        ("access.granted", "Granted"),
        ("access.denied", "x:CodeReplayed"),
    ]


REFUSED = {
    "signed by nobody": (PHONE.shows(by=Ed25519PrivateKey.generate()), "CredentialNotFound"),
    "another key of the community": (PHONE.shows(kid="deadbeef"), "CredentialNotFound"),
    "past its life": (PHONE.shows(issued_s=(NOW_MS - 25 * HOUR_MS) // 1000), "x:CodeOutOfTime"),
    "from the future": (PHONE.shows(issued_s=(NOW_MS + HOUR_MS) // 1000), "x:CodeOutOfTime"),
    "another door": (PHONE.shows(doors=frozenset({b"abc"})), "Unauthorized"),
    "not registered": (PHONE.shows(prereq=3), "x:NotRegistered"),
    "the stay is over": (PHONE.shows(not_after_s=(NOW_MS - HOUR_MS) // 1000), "CredentialExpired"),
    "a step of yesterday": (PHONE.shows(at_ms=NOW_MS - HOUR_MS), "x:CodeOutOfTime"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_a_shown_pass_does_not_open(text, reason):
    lone = shown(gate(), text)
    assert said(lone) == [("access.denied", reason)]
    assert lone.pulses == []


def test_a_stranger_s_phone_cannot_use_somebody_s_bundle():
    stolen = PHONE.shows()
    theirs = Phone().shows()
    mine, other = (b45decode(text.removeprefix("AC1:")) for text in (stolen, theirs))
    assert said(shown(gate(), "AC1:" + b45encode(mine[:-64] + other[-64:]))) == [
        ("access.denied", "CredentialNotFound")
    ]


ABOARD = {
    # state and version aboard, what the newer or older bundle (version 3) then meets
    ("ARMED", 3): "Granted",
    ("ARMED", 2): "Granted",
    ("PENDING", 2): "Granted",
    ("ARMED", 4): "x:Superseded",
    ("REVOKED", 2): "CredentialNotActive",
    ("REVOKED", 4): "CredentialNotActive",
    ("EXIT_ONLY", 2): "CredentialExpired",
    ("EXIT_ONLY", 4): "CredentialExpired",
    ("SUSPENDED", 2): "CredentialNotEnabled",
    ("EXPIRED", 2): "CredentialExpired",
}


@pytest.mark.parametrize(("state", "version"), ABOARD)
def test_what_is_aboard_outranks_what_is_shown(state, version):
    creds = [Cred("qr", CREDENTIAL.hex(), PHONE.public)]
    lone = gate(pass_row(PASS_ID, state=state, pass_version=version, creds=creds))
    assert [fact.reason for fact in shown(lone, PHONE.shows()).facts] == [ABOARD[state, version]]


@pytest.mark.parametrize(
    ("denial", "reason"),
    [
        (Denial(2, PassState.REVOKED), "CredentialNotActive"),
        (Denial(9, PassState.EXIT_ONLY), "CredentialExpired"),
        (Denial(3, None), "x:Superseded"),  # its way led here once
        (Denial(2, None), "Granted"),  # and leads here again, says a newer word
    ],
)
def test_a_row_that_is_gone_is_remembered_by_its_denial(denial, reason):
    lone = shown(gate(denied={PASS_ID: denial}), PHONE.shows())
    assert [fact.reason for fact in lone.facts] == [reason]


def test_a_phone_that_was_replaced_is_no_key_any_more():
    newer = pass_row(PASS_ID, pass_version=3, creds=[Cred("qr", CREDENTIAL.hex(), Phone().public)])
    assert said(shown(gate(newer), PHONE.shows())) == [("access.denied", "CredentialNotFound")]


def test_a_code_and_the_bundle_of_one_phone_are_one_code():
    row = pass_row(PASS_ID, pass_version=3, creds=[Cred("qr", CREDENTIAL.hex(), PHONE.public)])
    lone = shown(gate(row), PHONE.shows(), PHONE.code(CREDENTIAL))
    assert said(lone) == [("access.granted", "Granted"), ("access.denied", "x:CodeReplayed")]


@pytest.mark.story("4c", "4d")
def test_an_extension_made_while_the_gate_is_cut_off_is_believed_from_the_phone():
    before = pass_row(PASS_ID, pass_version=2, not_after=NOW_MS - 1, creds=[])
    assert said(shown(gate(before), PHONE.shows(pass_version=3))) == [("access.granted", "Granted")]


def test_without_the_time_of_day_no_shown_pass_is_believed():
    lone = shown(gate(clock=ClockState.UNTRUSTED), PHONE.shows())
    assert said(lone) == [("access.denied", "x:ClockUntrusted")]


def test_a_refused_bundle_held_up_is_one_denial():
    text = bearer(cls="courier", prereq=0, not_after_s=(NOW_MS - 1000) // 1000)
    lone = shown(gate(), *[text] * 20, every_ns=S_NS // 5)
    assert said(lone) == [("access.denied", "CredentialExpired")]


@pytest.mark.parametrize("text", ["AC1:", "AC1:%%%", PHONE.shows()[:-3], bearer() + "00"])
def test_a_broken_bundle_is_nobody_s_and_breaks_nothing(text):
    lone = shown(gate(), text)
    assert (lone.facts, lone.shown) == ([], ["next_code"])
