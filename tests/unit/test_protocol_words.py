"""No message has room for a name, a picture, a template, a document number or a raw score."""

from collections.abc import Iterator
from types import UnionType
from typing import Union, get_args, get_origin, get_type_hints

import msgspec
import pytest

from cloud_sync.protocol import identity, messages  # noqa: F401  # both define messages
from cloud_sync.protocol.commands import Argument, Command
from cloud_sync.protocol.messages import Cred, DoorHealth, Message, PassRow

# Every field there is.  A new one is added here by somebody who has asked himself what a person could read from it.
ALLOWED = {
    # frames and ledgers
    *(
        "v",
        "n",
        "e",
        "sg",
        "lv",
        "ev",
        "tomb",
        "anchor",
        "lo",
        "hi",
        "h",
        "sig",
        "seq",
        "upto",
        "missing",
        "refuse",
        "kept",
        "anchored",
    ),
    # the record of an event (access.md §10, sync.md §5.1)
    *(
        "type",
        "boot_id",
        "mono_ms",
        "wall",
        "clock_state",
        "clock_bound_ms",
        "access_point",
        "direction",
        "mode",
    ),
    *("contact", "bolt", "door_result", "subject_ref", "class", "pass_id", "pass_version", "grant_id"),
    *(
        "credential_kind",
        "registered",
        "match",
        "pad",
        "quality",
        "decision",
        "reason",
        "actor",
        "link_state",
    ),
    *("freshness", "evidence_ref", "policy_version", "auth_ver", "x"),
    *("score_bucket", "margin_bucket", "threshold_id", "model", "gallery_version", "gallery_n"),
    *("result", "species_hint"),
    # hello, state
    *(
        "head",
        "oldest",
        "acked",
        "head_h",
        "sw",
        "wv",
        "wv_min",
        "root",
        "cfg_ver",
        "erase_ver",
        "nonce",
        "iss2",
        "kid2",
        "lag",
    ),
    *("outbox", "free_mb", "on", "state", "doors", "faults", "alarm", "camera", "lock", "face", "liveness"),
    *("threshold", "threshold_note", "expected_fpir", "engine", "dry_run", "face_mode", "tail"),
    *("verified_by", "battery", "signal"),
    # what feeds a node: the mains or its battery, in percent and seconds
    *("supply", "charge", "left_s"),
    # passes and erasures
    *("node", "count", "issued", "lease_until", "kid", "i", "data", "applied_at", "slot", "refused"),
    *("items", "template_ref", "done_at", "erased", "since", "gone", "rows", "want", "leaves", "b"),
    *("cls", "scope", "schedule", "not_before", "not_after", "prereq", "policy", "creds"),
    *("kind", "cred_id", "verifier"),
    # commands: ``iss`` is the account of whoever commands, ``class`` whom they let in
    *("t", "door", "id", "ctr", "iat", "exp", "op", "arg", "iss", "why"),
    # sealed templates: ``ct`` is ciphertext of one length for everybody, that only its receiver opens
    # certificates and keys that follow keys: all of them public halves
    *("at", "csr", "cert", "key", "use", "prev", "since", "until", "links"),
    *("community", "ver", "nodes", "device_key", "sealing_key", "proof", "from", "to", "epk", "ct"),
}
KINDS = [*Message.__subclasses__(), PassRow, Cred, Command, Argument]


def types_in(hint: object) -> Iterator[object]:
    if get_origin(hint) in (Union, UnionType) or get_args(hint):
        for part in get_args(hint):
            yield from types_in(part)
    else:
        yield hint


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_field_of_every_message_is_one_we_have_thought_about(kind: type[msgspec.Struct]) -> None:
    assert set(kind.__struct_encode_fields__) <= ALLOWED


def test_the_list_has_nothing_that_no_message_uses() -> None:
    assert {name for kind in KINDS for name in kind.__struct_encode_fields__} == ALLOWED


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_no_message_carries_a_raw_score_or_bytes_but_a_verifier(kind: type[msgspec.Struct]) -> None:
    """The only floats are the thresholds a door was set to: they say nothing about a person."""
    for name, hint in get_type_hints(kind).items():
        found = set(types_in(hint))
        assert float not in found or (kind is DoorHealth and name in ("threshold", "expected_fpir"))
        assert bytes not in found or (kind is Cred and name == "verifier")


def test_x_takes_numbers_and_words_only() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"latency_ms": [0.12, 0.34]}, messages.EventBody.__annotations__["x"])
