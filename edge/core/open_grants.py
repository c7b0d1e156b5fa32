"""Grants that nobody ended: a node that dies between the yes and the passage still owes each of them one end.

What became of the person nobody knows; the book says so, once, when the node is back (access.md §4.7, invariant 1).
"""

import json
from dataclasses import replace

from edge.core.events import CredentialKind, Fact

BEGINS = frozenset({"access.granted", "access.would_allow", "access.would_deny"})
ENDS = frozenset({"access.taken", "access.not_taken"})
INTERRUPTED = "x:Interrupted"


def begins(fact: Fact) -> bool:
    return fact.grant_id is not None and fact.type in BEGINS


def ends(fact: Fact) -> bool:
    return fact.grant_id is not None and fact.type in ENDS


def kept(given: Fact) -> str:
    """What of a grant outlives its node: all that its end says too."""
    return json.dumps({name: getattr(given, name) for name in _KEPT if getattr(given, name) is not None})


def given_of(text: str) -> Fact:
    """The grant of which ``kept`` made ``text``."""
    words = json.loads(text)
    kind = words.pop("credential_kind", None)
    return Fact(**words, credential_kind=None if kind is None else CredentialKind(kind))


_KEPT = (
    "type", "access_point", "direction", "subject_ref", "cls", "pass_id", "pass_version", "grant_id",
    "credential_kind", "registered", "actor", "policy_version", "auth_ver",
)  # fmt: skip


def interrupted(given: Fact) -> Fact:
    """The end of a grant that was open when the node died: whose it was, and nothing of how it was decided."""
    return replace(
        given,
        type="access.not_taken",
        mode=None,
        contact=None,
        bolt=None,
        door_result=None,
        decision=None,
        reason=INTERRUPTED,
        match=None,
        pad=None,
        quality=None,
        x={},
    )
