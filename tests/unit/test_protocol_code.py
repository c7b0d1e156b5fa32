"""The text in a guest's QR: base45 as the standard says it, and nothing that is not ours gets through."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.protocol.code import BadCode, b45decode, b45encode, compose, parse


@pytest.mark.parametrize(
    ("plain", "text"),
    [(b"AB", "BB8"), (b"Hello!!", "%69 VD92EX0"), (b"base-45", "UJCLQE7W581"), (b"ietf!", "QED8WEX0")],
)
def test_the_examples_of_rfc_9285(plain: bytes, text: str) -> None:
    assert b45encode(plain) == text
    assert b45decode(text) == plain


@given(st.binary(max_size=200))
def test_what_is_encoded_decodes_to_itself(data: bytes) -> None:
    assert b45decode(b45encode(data)) == data


@pytest.mark.parametrize("text", ["A", "BB8A", "GGW", ":::", "a", "é", "bb8"])
def test_what_is_not_base45_is_refused(text: str) -> None:
    """GGW and ::: are the standard's own examples of a group beyond 65535."""
    with pytest.raises(BadCode):
        b45decode(text)


@given(st.binary(min_size=16, max_size=16), st.integers(0, 2**32 - 1), st.binary(min_size=64, max_size=64))
def test_a_composed_code_parses_to_its_parts(credential: bytes, step: int, signature: bytes) -> None:
    code = parse(compose(credential, step, signature))
    assert (code.credential, code.step, code.signature) == (credential, step, signature)


@given(st.text(max_size=200))
def test_any_other_text_is_refused_and_never_breaks_the_reader(text: str) -> None:
    with pytest.raises(BadCode):
        parse(text)
    with pytest.raises(BadCode):
        parse("AC2:" + text)


@given(st.integers(0, 85), st.integers(1, 255))
def test_another_version_or_kind_is_refused(position: int, flip: int) -> None:
    whole = bytearray(b45decode(compose(b"c" * 16, 7, b"s" * 64).removeprefix("AC2:")))
    whole[position] ^= flip
    text = "AC2:" + b45encode(bytes(whole))
    if position in (0, 21):
        with pytest.raises(BadCode, match="is not known here"):
            parse(text)
    else:
        assert parse(text) != parse(compose(b"c" * 16, 7, b"s" * 64))
