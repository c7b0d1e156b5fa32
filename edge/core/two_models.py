"""What two face models say of one person at a door, while one of them goes (domain.md story 36).

Each model has compared its own vectors with its own gallery and weighed its own scores by its own threshold; scores of
two models are never compared with each other.  Everybody is enrolled with one of the two, so that two names are two
people: then neither is named.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from edge.core.evidence import Look, Verdict


@dataclass(frozen=True, slots=True)
class Word:
    """One model's verdict; ``reached``: its best score is at its threshold, whatever else speaks against it."""

    verdict: Verdict
    reached: bool


def together(words: Sequence[Word]) -> tuple[Verdict, int]:
    """One verdict, and the place of the word it is taken from; the first word is the new model's.

    A name stands only while the other model finds nobody at its own threshold; what it may still find out is waited
    for.  A model that says no leaves it to the other one, so that UNKNOWN is said by both.
    """
    assert words, "a verdict of no model"
    looks = [word.verdict.look for word in words]
    if Look.AMBIGUOUS in looks:
        place = looks.index(Look.AMBIGUOUS)
        return words[place].verdict, place
    if Look.NAMED in looks:
        return _named(words, looks.index(Look.NAMED))
    if Look.LOOKING in looks:
        return Verdict(Look.LOOKING), 0
    return words[0].verdict, 0


def _named(words: Sequence[Word], place: int) -> tuple[Verdict, int]:
    others = [word for n, word in enumerate(words) if n != place and word.reached]
    if not others:
        return words[place].verdict, place
    if any(word.verdict.look is Look.LOOKING for word in others):
        return Verdict(Look.LOOKING), place
    return Verdict(Look.AMBIGUOUS), place
