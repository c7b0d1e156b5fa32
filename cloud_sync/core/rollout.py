"""Whose turn it is when a release goes out to the nodes (domain.md stories 36, 39): pure, one look at a time.

One node of an entrance at a time, and none while another of the same entrance is not heard, so that somebody can always come
in there; the first few nodes go alone, and a person looks before the others follow; the first node that went back stops all.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    WAITING = "WAITING"
    ORDERED = "ORDERED"  # its order is out
    TAKEN = "TAKEN"  # the release runs there and is well
    WENT_BACK = "WENT_BACK"  # it was not well, and the one before runs
    DARK = "DARK"  # neither is well; somebody has to go there
    REFUSED = "REFUSED"  # the node did not take it, or nobody reached it: the one before runs
    LED_BACK = "LED_BACK"  # by a person's step back, well again


class State(StrEnum):
    RUNNING = "RUNNING"
    LOOKED_AT = "LOOKED_AT"  # the first nodes have it; a person says whether it goes on
    STOPPED = "STOPPED"
    DONE = "DONE"
    BACK = "BACK"  # every node that had it was led back


FAILED = frozenset({Phase.WENT_BACK, Phase.DARK, Phase.REFUSED})
FIRST = {"program": 1, "model": 2}  # how many go before a person has looked


@dataclass(frozen=True, slots=True)
class NodeTurn:
    """``entrances``: the zones of its doors, or the node itself where it has none; ``heard``: it speaks at this moment."""

    node: str
    entrances: frozenset[str]
    phase: Phase
    heard: bool


def entrances(zones: dict[str, frozenset[str]], nodes: Collection[str]) -> dict[str, frozenset[str]]:
    """Per node its entrances, of zones with their nodes; a zone of every node is the site, and no entrance."""
    real = {zone: members for zone, members in zones.items() if set(members) != set(nodes)}
    return {
        node: frozenset(zone for zone, members in real.items() if node in members) or frozenset({f"node:{node}"})
        for node in nodes
    }  # fmt: skip


def state_of(phases: Collection[Phase], *, first: int, gone_on: bool) -> State:
    """What the rollout is in, as its nodes show it."""
    if any(phase in FAILED for phase in phases):
        return State.STOPPED
    taken = sum(phase is Phase.TAKEN for phase in phases)
    if taken == len(phases):
        return State.DONE
    waits = taken >= first and not gone_on and Phase.ORDERED not in phases
    return State.LOOKED_AT if waits else State.RUNNING


def next_turns(turns: Sequence[NodeTurn], *, first: int, gone_on: bool) -> tuple[str, ...]:
    """Who may be ordered now, in the order of the list; nobody where it is stopped, done or looked at."""
    if state_of([one.phase for one in turns], first=first, gone_on=gone_on) is not State.RUNNING:
        return ()
    under_way = [one for one in turns if one.phase is Phase.ORDERED]
    busy = {entrance for one in under_way for entrance in one.entrances}
    silent = [one for one in turns if not one.heard]
    left = len(turns) if gone_on else first - sum(one.phase is not Phase.WAITING for one in turns)
    chosen: list[str] = []
    for one in turns:
        away = {entrance for other in silent if other is not one for entrance in other.entrances}
        if one.phase is not Phase.WAITING or not one.heard or one.entrances & (busy | away):
            continue
        if len(chosen) >= left:
            break
        chosen.append(one.node)
        busy |= one.entrances
    return tuple(chosen)
