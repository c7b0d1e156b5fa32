"""A command's bytes: what was signed once reads the same for ever, and nothing else reads at all."""

import json
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.protocol.commands import (
    FRAME_BYTES_MAX,
    OPS,
    Argument,
    encode_command,
    frame,
    signing_bytes,
    split,
)
from cloud_sync.protocol.messages import BadMessage

KNOWN = json.loads((Path(__file__).parent.parent / "golden" / "vectors" / "command.json").read_text())
FRAMES = [bytes.fromhex(one["frame_hex"]) for one in KNOWN["frames"]]
BODY = json.loads(KNOWN["frames"][0]["body"])


def framed(body: object) -> bytes:
    return frame(msgspec.json.encode(body), b"s" * 64)


@pytest.mark.parametrize("known", KNOWN["frames"], ids=lambda known: json.loads(known["body"])["id"])
def test_a_recorded_command_still_verifies_and_means_the_same(known: dict[str, str]) -> None:
    signature, body, command = split(bytes.fromhex(known["frame_hex"]))
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(KNOWN["public_hex"]))
    key.verify(signature, signing_bytes(body))
    assert (body.decode(), encode_command(command)) == (known["body"], body)


def test_the_recorded_ones_say_what_they_said() -> None:
    release, visitor, block = (split(one)[2] for one in FRAMES)
    assert (release.op, release.door, release.iss, release.exp - release.iat) == (
        "release", "AP-dongfang-017", "st-0007", 10_000,
    )  # fmt: skip
    assert (visitor.arg, block.op, block.nonce) == (Argument(class_="visitor"), "block", "c5d2c5d2c5d2c5d2")
    assert max(map(len, FRAMES)) <= 300


@pytest.mark.parametrize(
    "change",
    [
        {"field_of_a_later_version": 1},
        {"v": 2},
        {"op": "evacuate"},
        {"arg": {"ms": 60_000}},
        {"op": "lock", "arg": {"class": "visitor"}},
        {"id": "5F0C9E1B2A7D4C36"},
        {"ctr": 0},
        {"ctr": 2**63},
        {"ctr": "1"},
        {"iss": ""},
        {"door": "x" * 65},
    ],
    ids=str,
)
def test_what_is_not_exactly_a_command_is_none(change: dict[str, object]) -> None:
    split(framed(BODY))
    with pytest.raises(BadMessage, match="Command"):
        split(framed({**BODY, **change}))


@pytest.mark.parametrize("missing", sorted(BODY))
def test_nothing_may_be_left_out(missing: str) -> None:
    with pytest.raises(BadMessage):
        split(framed({key: value for key, value in BODY.items() if key != missing}))


def test_a_frame_has_a_largest_size_and_a_smallest() -> None:
    with pytest.raises(BadMessage, match="are not a frame"):
        split(b"s" * 64)
    with pytest.raises(BadMessage, match="are not a frame"):
        split(framed(BODY) + b" " * FRAME_BYTES_MAX)
    longest = dict.fromkeys(("t", "node", "door", "iss", "kid"), "x" * 64)
    full = {**BODY, **longest, "ctr": 2**63 - 1, "iat": 2**63 - 1, "exp": 2**63 - 1, "nonce": "c" * 64}
    assert split(framed(full))[2].iss == "x" * 64
    assert BODY["op"] in OPS


@given(st.binary(max_size=1_200))
def test_noise_is_no_command(noise: bytes) -> None:
    with pytest.raises(BadMessage):
        split(noise)
