"""Story 4: a stay is extended at 23:50; the same credentials go on, and nobody who stands at a gate is stranded."""

import pytest

from cloud_sync.protocol import bundle, code
from tests.fakes.bundles import Phone
from tests.stories.doorway import AWAY, door_of, shown


@pytest.mark.story("4a")
def test_the_same_codes_go_on_with_the_new_window(community):
    community.registers()
    public = bytes([5]) * 32
    credential, pass_id = community.registry.bind_code_key(community.token, None, public)
    community.time_goes(11.8)  # 23:48
    (before,) = community.rows()
    community.registry.move_departure(
        "xc", "1001", before.not_after + 10 * 3_600_000, actor="op", reason="asked at 23:50"
    )
    (after,) = community.rows()
    assert (after.pass_id, after.pass_version) == (pass_id, before.pass_version + 1)
    assert after.not_after > before.not_after
    assert [(cred.cred_id, bytes(cred.verifier)) for cred in after.creds] == [(credential, public)]


@pytest.mark.story("4c")
def test_a_gate_with_the_old_window_is_shown_the_new_one_in_a_signed_code(community):
    community.registers()
    community.registry.bind_code_key(community.token, None, bytes([5]) * 32)
    (before,) = community.rows()
    community.registry.move_departure(
        "xc", "1001", before.not_after + 3_600_000, actor="op", reason="asked at 23:50"
    )
    (after,) = community.rows()
    signed, expires_ms = community.registry.phone_bundle(community.token, None)
    assert expires_ms <= community.clock.now_ms() + 24 * 3_600_000
    until_s = int.from_bytes(signed[29:33], "big")  # where the layout of ``AC1:`` has the pass's end
    assert until_s * 1000 == after.not_after > before.not_after


@pytest.mark.story("4c", "4d")
def test_ten_minutes_after_midnight_the_gate_that_is_offline_opens_for_the_new_word(community):
    """Nobody has told it; the guest's own phone brings the community's signature along."""
    community.registers()
    phone = Phone()
    credential, _ = community.registry.bind_code_key(community.token, None, phone.public)
    (held_there,) = community.rows()
    community.clock.at_ms = held_there.not_after - 10 * 60_000
    community.registry.move_departure(
        "xc", "1001", held_there.not_after + 10 * 3_600_000, actor="op", reason="asked at 23:50"
    )
    signed, _ = community.registry.phone_bundle(community.token, None)
    community.clock.at_ms = held_there.not_after + 10 * 60_000
    now_ms = community.clock.now_ms()
    rotating = ("text", phone.code(bytes.fromhex(credential), at_ms=now_ms))
    gate = door_of(community.books, [held_there], **AWAY)
    assert shown(gate, rotating) == [("denied", "CredentialExpired")]
    step = code.step_at(now_ms / 1000)
    used = phone.key.sign(bundle.used_bytes(signed[:-64], step))
    text = bundle.compose_use(signed[:-64], signed[-64:], step, used)
    gate = door_of(community.books, [held_there], **AWAY)
    assert shown(gate, ("text", text)) == [("granted", "Granted")]
