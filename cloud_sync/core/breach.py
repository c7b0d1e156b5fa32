"""What has to be done when a node with faces is lost (PIPL 57): a list that is the same for everybody, and its end."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum


class Step(StrEnum):
    """In the order in which they are asked for; each is ticked by a named person with a line of what was done."""

    KEYS = "keys"  # the community's key is changed, nothing old is believed
    RECEIVERS = "receivers"  # other nodes send it no face any more
    HARM = "harm"  # judged: which data, how well sealed, what may come of it
    AUTHORITY = "authority"  # the authority is told, or why it need not be is written down
    PEOPLE = (
        "people"  # those whose faces were on it are told: what, why, what may come of it, what they can do
    )
    POLICE = "police"  # the theft is reported
    LESSON = "lesson"  # what is done so that it does not happen again


@dataclass(frozen=True, slots=True)
class FacesOn:
    """How many people's faces were on a node: as it had said itself, and at most."""

    enrolled: int
    at_most: int


def steps_left(done: Collection[str]) -> tuple[Step, ...]:
    return tuple(step for step in Step if step not in done)
