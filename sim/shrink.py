"""Delta debugging: of a night that breaks a rule, the fewest deeds that still break the same one."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from sim.play import play
from sim.script import Deed, Night

PLAYS_MAX = 400  # a minute at most; what is left then is short enough to read


def shrink(night: Night, rule: str) -> Night:
    """Leave out as much as the broken rule allows; a script from which nothing more can be left out, where time allows."""

    def breaks(deeds: Sequence[Deed]) -> bool:
        return play(replace(night, deeds=tuple(deeds))).rule == rule

    return replace(night, deeds=tuple(fewest(list(night.deeds), breaks)))


def fewest(deeds: list[Deed], breaks: Callable[[Sequence[Deed]], bool]) -> list[Deed]:
    """ddmin over the list: drop chunks, halving their size, as long as it still breaks."""
    chunk, plays = max(1, len(deeds) // 2), 0
    while plays < PLAYS_MAX:
        at, dropped = 0, False
        while at < len(deeds) and plays < PLAYS_MAX:
            fewer = deeds[:at] + deeds[at + chunk :]
            plays += 1
            if breaks(fewer):
                deeds, dropped = fewer, True
            else:
                at += chunk
        if chunk == 1 and not dropped:
            break
        chunk = max(1, chunk // 2)
    return deeds
