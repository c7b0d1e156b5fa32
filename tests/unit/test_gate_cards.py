"""Cards at a reader: whose they are, how wrong ones wait, and that one person's slips are nobody else's."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.protocol.messages import Cred
from cloud_sync.protocol.pin import card_credential, card_of_read
from edge.core.credentials import TRIES_MAX
from edge.core.door_events import Command, Verb
from edge.core.events import GrantId
from edge.core.passes import LocationClass
from edge.ports import Shown
from edge.runtime.attempts import CARD_EVERY_NS
from edge.runtime.gate import READS_MAX
from tests.fakes.bundles import Phone
from tests.fakes.lone_gate import GATE, HOUR_MS, KEY, NOW_MS, LoneGate, pass_row

S_NS = 1_000_000_000
NUMBER = "04A1B2C3"
READ = f"32:{NUMBER}"


def with_card(pass_id: str = "PS-1", number: str = NUMBER, **changes: object):
    return pass_row(pass_id, creds=[Cred("card", *card_credential(KEY, number))], **changes)


def unknown(n: int) -> str:
    return f"32:FFFF{n:04X}"


def held(lone: LoneGate, *data: str, every_ns: int = 2 * S_NS) -> LoneGate:
    async def play() -> None:
        await lone.boot()
        for one in data:
            lone.at_ns += every_ns
            await lone.gate.on_shown(Shown(GATE, "card", one, lone.at_ns))

    asyncio.run(play())
    return lone


def decided(lone: LoneGate) -> list[tuple[str, str | None]]:
    return [
        (fact.type.removeprefix("access."), fact.reason) for fact in lone.facts if fact.reason is not None
    ]


def test_a_card_opens_its_own_pass_and_its_number_is_nowhere():
    lone = held(LoneGate([with_card(), with_card("PS-2", "0411111111")]), READ)
    (fact,) = lone.facts
    assert (fact.type, fact.credential_kind, fact.pass_id) == ("access.granted", "card", "PS-1")
    assert NUMBER not in repr(lone.facts) + repr(Shown(GATE, "card", READ, 0))


@pytest.mark.parametrize(
    "data", ["", "32:", "32:XYZ", "8:FF", "999:04A1B2C3", "04A1B2C3", "33:04A1B2C3", "-1:04"]
)
def test_what_is_no_card_is_answered_like_one_nobody_has(data):
    lone = held(LoneGate([with_card()]), data)
    assert decided(lone) == [("denied", "CredentialNotFound")]
    assert lone.shown[-1] == "use_code"


@pytest.mark.parametrize(
    ("data", "card"),
    [
        ("32:04a1b2c3", "04A1B2C3"),
        ("56:04A1B2C3D4E5F6", "04A1B2C3D4E5F6"),
        ("26:A1B2C3C0", "26/A1B2C3C0"),
        ("37:A1B2C3D4E8", "37/A1B2C3D4E8"),
        ("26:A1B2C3", None),
        ("24:A1B2C3", None),  # too short to be anybody's alone
    ],
)
def test_a_reader_s_bits_are_the_number_on_a_list(data, card):
    assert card_of_read(data) == card


@given(st.text(max_size=40))
def test_any_text_of_a_reader_is_a_card_number_or_none(data):
    card = card_of_read(data)
    assert card is None or card_credential(KEY, card)[0]


def test_26_bits_and_32_bits_of_the_same_bytes_are_two_cards():
    assert card_credential(KEY, "26/A1B2C3C0") != card_credential(KEY, "A1B2C3C0")


def test_unknown_cards_wait_and_the_next_guest_s_card_does_not():
    lone = LoneGate([with_card()])
    held(lone, *[unknown(n) for n in range(TRIES_MAX + 3)], READ)
    assert decided(lone) == [("denied", "CredentialNotFound")] * TRIES_MAX + [("granted", "Granted")]
    assert lone.shown[-4:] == ["wait_until"] * 3 + ["welcome"]


def test_while_unknown_cards_wait_one_card_a_second_is_looked_at():
    quick = LoneGate([with_card()])
    held(quick, *[unknown(n) for n in range(TRIES_MAX)])

    async def next_ones() -> None:
        quick.at_ns += S_NS
        for data, after_ns in ((unknown(99), 0), (READ, CARD_EVERY_NS // 5), (READ, CARD_EVERY_NS)):
            quick.at_ns += after_ns
            await quick.gate.on_shown(Shown(GATE, "card", data, quick.at_ns))

    asyncio.run(next_ones())
    assert [fact.type for fact in quick.facts if fact.pass_id] == ["access.granted"]
    assert len(quick.pulses) == 1


def test_a_card_of_a_stay_that_is_over_locks_itself_and_nobody_else():
    over = with_card("PS-2", "0422222222", not_after=NOW_MS - HOUR_MS)
    lone = held(LoneGate([with_card(), over]), *["40:0422222222"] * (TRIES_MAX + 1), READ)
    assert decided(lone) == [("denied", "CredentialExpired")] * TRIES_MAX + [("granted", "Granted")]


def test_a_lock_holds_at_its_own_door():
    over = with_card(not_after=NOW_MS - HOUR_MS)
    one, other = LoneGate([over]), LoneGate([over])
    held(one, *[READ] * (TRIES_MAX + 1))
    held(other, READ)
    assert (len(one.facts), len(other.facts)) == (TRIES_MAX, 1)


def test_forged_codes_in_somebody_s_name_lock_nobody_out():
    honest, thief, credential = Phone(), Phone(), bytes(range(16))
    lone = LoneGate([pass_row(creds=[Cred("qr", credential.hex(), honest.public)])])

    async def play() -> None:
        await lone.boot()
        for n in range(TRIES_MAX + 1):
            lone.at_ns += S_NS
            await lone.gate.on_code(thief.code(credential, at_ms=NOW_MS - 60_000 + n * 30_000), lone.at_ns)
        lone.at_ns += S_NS
        await lone.gate.on_code(honest.code(credential), lone.at_ns)

    asyncio.run(play())
    assert decided(lone) == [("denied", "CredentialNotFound")] * TRIES_MAX + [("granted", "Granted")]


def test_unknown_codes_of_any_number_use_up_one_patience():
    lone = LoneGate([])

    async def play() -> None:
        await lone.boot()
        for n in range(300):
            await lone.gate.on_shown(Shown(GATE, "text", Phone().code(n.to_bytes(16, "big")), lone.at_ns))
            lone.at_ns += S_NS // 100

    asyncio.run(play())
    assert len(lone.facts) == TRIES_MAX
    assert len(lone.gate._attempts._patience._tries) == 1


def test_a_vehicle_is_a_card_at_a_garage():
    lone = held(LoneGate([with_card()], location=LocationClass.GARAGE), "56:04A1B2C3D4E5F6", READ)
    assert decided(lone) == [("denied", "CredentialNotFound"), ("granted", "Granted")]


def test_a_guard_s_own_card_is_no_master_key():
    elsewhere = with_card(cls="maintenance", prereq=0, scope=["AP-lodge"])
    lone = held(LoneGate([elsewhere]), READ)
    assert decided(lone) == [("denied", "Unauthorized")]
    assert lone.pulses == []


def test_a_reader_that_babbles_holds_no_more_than_it_may():
    async def flood() -> LoneGate:
        lone = await LoneGate([with_card()]).boot()
        async with lone.gate._turn:
            waiting = [
                asyncio.ensure_future(lone.gate.on_shown(Shown(GATE, "card", unknown(n), 0)))
                for n in range(100)
            ]
            await asyncio.sleep(0)
            assert sum(not one.done() for one in waiting) == READS_MAX
        await asyncio.gather(*waiting)
        return lone

    assert asyncio.run(flood()).gate._reads == 0


def test_a_reader_that_says_something_new_breaks_nothing():
    async def play() -> LoneGate:
        lone = await LoneGate([]).boot()
        await lone.gate.on_shown(Shown(GATE, "iris", "?", 0))
        return lone

    assert asyncio.run(play()).facts == []


# --- staff admit ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("location", list(LocationClass))
def test_a_visitor_is_let_in_at_a_gate_and_nowhere_else(location):
    async def admit() -> tuple:
        lone = await LoneGate([], location=location).boot()
        did = await lone.gate.on_command(Command(Verb.ACCESS, "li.na", 1, GrantId("g"), "visitor"))
        return lone, did

    lone, did = asyncio.run(admit())
    if location is LocationClass.GATE:
        assert (did.refused, len(lone.pulses), lone.facts[0].actor, lone.facts[0].cls) == (
            False,
            1,
            "li.na",
            "visitor",
        )
    else:
        assert (did.refused, did.why, lone.pulses, lone.facts) == (True, "x:GateOnly", [], [])
