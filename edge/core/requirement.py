"""What a door asks for beside one good credential.  The way out is never asked.

A factor is a kind of credential, not a number of them: a code shown twice is one factor.
"""

from collections.abc import Set as AbstractSet
from enum import StrEnum

from edge.core.events import CredentialKind


class Require(StrEnum):
    ANY = "any"
    CODE_AND_PIN = "code_and_pin"
    CARD_AND_PIN = "card_and_pin"
    TWO_PERSONS = "two_persons"  # two passes, one after the other, neither of which opens alone


SECOND_WITHIN_NS = 30_000_000_000  # how long a first factor or person is remembered, at its own door

_KINDS = {
    Require.ANY: frozenset[CredentialKind](),
    Require.CODE_AND_PIN: frozenset({CredentialKind.QR, CredentialKind.PIN}),
    Require.CARD_AND_PIN: frozenset({CredentialKind.CARD, CredentialKind.PIN}),
    Require.TWO_PERSONS: frozenset[CredentialKind](),
}


def is_whole(require: Require, shown: AbstractSet[CredentialKind]) -> bool:
    """Whether these kinds of one pass are all that the door asks of one person."""
    return _KINDS[require] <= shown


def takes_pin_second(require: Require) -> bool:
    """Whether a PIN is only ever half of what is asked here, so that no PIN may be told right or wrong by itself."""
    return CredentialKind.PIN in _KINDS[require]
