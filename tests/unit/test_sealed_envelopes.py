"""An envelope opens for its receiver only, whole or not at all, and its length tells nothing."""

import base64
from dataclasses import replace as changed

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from cloud_sync.protocol.messages import PUBLISH_BYTES_MAX, Sealed, decode, encode, signing_bytes
from cloud_sync.protocol.sealed import PLAIN_BYTES, fingerprint, pad, unpad
from edge.core.peers import Envelope, No
from tests.fakes.sealed_nodes import NOW_MS, Keys, template

A, B, C = Keys("n-a"), Keys("n-b"), Keys("n-c")
SECRET = template().to_bytes()
ADDRESS = Envelope("0" * 32, "n-a", "n-b", "P-1", 3, "ab" * 32, NOW_MS, b"")


def sealed(data: bytes = SECRET) -> bytes:
    return A.sealer().seal(ADDRESS, B.peer(), data)


def opened(frame: bytes, *, by: Keys = B, sender: Keys = A, community: str = "dongfang") -> bytes | No:
    return by.sealer(community).open(changed(ADDRESS, frame=frame), sender.peer())


def signed_anew(message: Sealed) -> bytes:
    signature = A.device.sign(signing_bytes(message))
    return encode(replace(message, sig=base64.b64encode(signature).decode()))


@pytest.mark.invariant(21)
def test_what_was_sealed_comes_out_bit_for_bit_and_for_nobody_else() -> None:
    frame = sealed()
    assert opened(frame) == SECRET
    assert opened(frame, by=C) is No.CANNOT_OPEN
    assert opened(frame, by=A) is No.CANNOT_OPEN
    assert opened(frame, sender=C) is No.BAD_SIG
    assert opened(frame, community="another") is No.CANNOT_OPEN


def test_no_piece_of_the_template_stands_on_the_envelope() -> None:
    frame = sealed()
    inside = base64.b64decode(decode(frame, Sealed).ct) + frame
    vectors = [row.astype("<f4").tobytes() for row in (template().mean, *template().parts)]
    assert all(vector in SECRET for vector in vectors)
    assert not any(vector[at : at + 8] in inside for vector in vectors for at in range(0, 512, 4))


CHANGES = {
    "id": "1" * 32,
    "from_": "n-c",
    "to": "n-c",
    "pass_id": "P-2",
    "pass_version": 4,
    "model": "cd" * 32,
    "not_after": NOW_MS + 1,
}


@pytest.mark.parametrize("name", CHANGES)
def test_every_word_of_the_address_is_bound_even_against_the_sender_itself(name: str) -> None:
    other = replace(decode(sealed(), Sealed), **{name: CHANGES[name]})
    assert opened(encode(other)) is No.BAD_SIG
    assert opened(signed_anew(other)) is No.CANNOT_OPEN


def test_two_envelopes_of_one_template_have_nothing_in_common_but_their_length() -> None:
    first, second = (decode(sealed(), Sealed) for _ in range(2))
    assert first.epk != second.epk
    assert first.ct != second.ct
    assert len(first.ct) == len(second.ct)


@given(st.binary(max_size=PLAIN_BYTES - 4))
def test_every_content_has_the_same_length_outside(data: bytes) -> None:
    assert (len(pad(data)), unpad(pad(data))) == (PLAIN_BYTES, data)


def test_the_largest_engine_fits_one_publish_and_more_is_refused_not_cut() -> None:
    longest = changed(ADDRESS, sender="s" * 64, receiver="r" * 64, pass_id="p" * 64, model="m" * 64)
    frame = A.sealer().seal(longest, B.peer(), b"x" * (PLAIN_BYTES - 4))
    assert decode(frame, Sealed).to == "r" * 64
    assert len(frame) < PUBLISH_BYTES_MAX
    with pytest.raises(ValueError, match="do not fit"):
        sealed(b"x" * (PLAIN_BYTES - 3))


@given(st.binary(max_size=200))
def test_a_key_or_text_that_is_none_is_a_refusal_not_a_fault(noise: bytes) -> None:
    text = base64.b64encode(noise).decode()
    message = decode(sealed(), Sealed)
    assert opened(signed_anew(replace(message, ct=text))) is No.CANNOT_OPEN
    if len(text) <= 44:
        assert opened(signed_anew(replace(message, epk=text))) is No.CANNOT_OPEN
    zero = base64.b64encode(bytes(32)).decode()
    assert opened(signed_anew(replace(message, epk=zero))) is No.CANNOT_OPEN


def test_a_fingerprint_changes_with_the_name_and_with_either_key() -> None:
    keys = {
        fingerprint("n", b"d" * 32, b"s" * 32),
        fingerprint("m", b"d" * 32, b"s" * 32),
        fingerprint("n", b"D" * 32, b"s" * 32),
        fingerprint("n", b"d" * 32, b"S" * 32),
    }
    assert len(keys) == 4
    assert {len(mark) for mark in keys} == {39}
