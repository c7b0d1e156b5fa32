"""Releases on their way to the nodes: begun by a named person, one order after the other, stopped by the first that fails."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.rollout import FIRST, NodeTurn, Phase, State, entrances, next_turns, state_of
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports import Signer
from cloud_sync.protocol.release import ORDER_TTL_MS, Order, Release, encode, signing_bytes
from cloud_sync.store import tables
from cloud_sync.store.house import Act
from cloud_sync.store.losses import lost_nodes
from cloud_sync.store.reasons import checked_reason
from cloud_sync.store.tables_rollout import rollout, rollout_node

SAID_MAX = 200
ISSUER_MAX = 64
WORD_WITHIN_MS = 2 * ORDER_TTL_MS


@dataclass(frozen=True, slots=True)
class RolloutLine:
    node: str
    phase: Phase
    ordered_ms: int | None
    told_ms: int | None
    said: str


@dataclass(frozen=True, slots=True)
class RolloutView:
    rollout: str
    release: Release
    begun_by: str
    begun_ms: int
    gone_on_by: str | None
    state: State
    lines: tuple[RolloutLine, ...]


def begin(act: Act, release: Release, *, nodes: tuple[str, ...] = (), reason: str) -> str:
    """Every node that is not lost, or those named, in this order; nothing is ordered yet.

    Raises:
        Refused: another one of this kind is under way, a node is unknown, or there is none.
    """
    said = checked_reason(reason)
    for row in act.rows(rollout, kind=release.kind):
        if row.state in (State.RUNNING, State.LOOKED_AT):
            raise Refused("rollout", f"rollout {row.rollout} of this kind is under way; end it first.")
    lost = set(act.connection.execute(lost_nodes(act.house.community)).scalars())
    known = sorted({str(row.node) for row in act.rows(tables.node)} - lost)
    strange = sorted(set(nodes) - set(known))
    if strange or not known:
        raise Refused("rollout", f"no such node: {', '.join(strange)}." if strange else "there are no nodes.")
    made = act.new_id("RO")
    act.insert(
        rollout, rollout=made, kind=release.kind, name=release.name, n=release.n, sha256=release.sha256,
        begun_by=act.actor, begun_ms=act.now_ms, reason=said, state=State.RUNNING,
    )  # fmt: skip
    for node in nodes or tuple(known):
        act.insert(rollout_node, rollout=made, node=node, phase=Phase.WAITING, said="")
    act.note("rollout.begin", made, None, f"{release.kind} {release.name} ({release.n})", said)
    return made


def go_on(act: Act, of: str) -> None:
    """The first nodes have been looked at; the others follow.

    Raises:
        Refused: the first nodes do not have it yet, or it is over.
    """
    if view(act, of).state is not State.LOOKED_AT:
        raise Refused("rollout", f"rollout {of} does not wait for anybody's look.")
    act.update(rollout, {"rollout": of}, gone_on_by=act.actor, state=State.RUNNING)
    act.note("rollout.go_on", of)


def end(act: Act, of: str, reason: str) -> None:
    """No node is ordered any more; what has it keeps it."""
    held = view(act, of)
    if held.state not in (State.RUNNING, State.LOOKED_AT):
        raise Refused("rollout", f"rollout {of} is {held.state} already.")
    _ends(act, of, State.STOPPED, checked_reason(reason))


def orders(act: Act, of: str, signer: Signer) -> dict[str, bytes]:
    """The next order by its node, signed and counted, or none; the node counts as ordered from now on.

    A node of which no word came within the time of an order is taken for one that did not take it, and stops the rest.
    """
    held = view(act, of)
    for line in held.lines:
        if line.phase is Phase.ORDERED and act.now_ms - (line.ordered_ms or 0) > WORD_WITHIN_MS:
            told(act, of, line.node, Phase.REFUSED, "no word came")
            return {}
    turns = _turns(act, held)
    chosen = next_turns(turns, first=FIRST[held.release.kind], gone_on=held.gone_on_by is not None)
    return {node: _order(act, held, node, signer, "install") for node in chosen[:1]}


def orders_back(act: Act, of: str, signer: Signer, reason: str) -> dict[str, bytes]:
    """One step: an order back for every node that has the release; the rollout is over with it.

    Raises:
        Refused: no node has it.
    """
    held = view(act, of)
    chosen = [line.node for line in held.lines if line.phase is Phase.TAKEN]
    if not chosen:
        raise Refused("rollout", f"no node has what rollout {of} brought; there is nothing to lead back.")
    if held.state in (State.RUNNING, State.LOOKED_AT, State.DONE):
        _ends(act, of, State.STOPPED, checked_reason(reason))
    return {node: _order(act, held, node, signer, "back") for node in chosen}


def told(act: Act, of: str, node: str, phase: Phase, said: str) -> State:
    """What a node made of its order; what the rollout is in with it."""
    key = {"rollout": of, "node": node}
    act.update(rollout_node, key, phase=phase, told_ms=act.now_ms, said=said[:SAID_MAX])
    act.note("rollout.told", of, None, f"{node} {phase}", said[:SAID_MAX] or None)
    before = view(act, of)
    phases = [line.phase for line in before.lines]
    if Phase.LED_BACK in phases:
        after = State.BACK if Phase.TAKEN not in phases and Phase.ORDERED not in phases else State.STOPPED
    else:
        after = state_of(phases, first=FIRST[before.release.kind], gone_on=before.gone_on_by is not None)
    if before.state is State.STOPPED and after in (State.RUNNING, State.LOOKED_AT):
        return before.state
    if after in (State.STOPPED, State.DONE, State.BACK):
        _ends(act, of, after, f"{node} {phase}")
    else:
        act.update(rollout, {"rollout": of}, state=after)
    return after


def _ends(act: Act, of: str, state: State, why: str) -> None:
    act.update(rollout, {"rollout": of}, state=state, ended_ms=act.now_ms)
    act.note("rollout.end", of, None, state, why)


# --- looking -----------------------------------------------------------------------------------------------------


def listed(act: Act) -> tuple[RolloutView, ...]:
    rows = sorted(act.rows(rollout), key=lambda row: int(row.begun_ms), reverse=True)
    return tuple(_view(act, row) for row in rows)


def view(act: Act, of: str) -> RolloutView:
    row = act.row(rollout, rollout=of)
    if row is None:
        raise NotFound(f"there is no rollout {of}.")
    return _view(act, row)


def _view(act: Act, row: Any) -> RolloutView:
    release = Release(kind=row.kind, name=row.name, n=row.n, sha256=row.sha256, size=0)
    lines = tuple(
        RolloutLine(one.node, Phase(one.phase), one.ordered_ms, one.told_ms, one.said)
        for one in sorted(act.rows(rollout_node, rollout=str(row.rollout)), key=lambda one: str(one.node))
    )
    return RolloutView(
        row.rollout, release, row.begun_by, row.begun_ms, row.gone_on_by, State(row.state), lines
    )


def _turns(act: Act, held: RolloutView) -> list[NodeTurn]:
    every = {str(row.node) for row in act.rows(tables.node)}
    ways = entrances(_zones(act), every)
    return [
        NodeTurn(line.node, ways.get(line.node, frozenset()), line.phase, _is_heard(act, line.node))
        for line in held.lines
    ]


def _zones(act: Act) -> dict[str, frozenset[str]]:
    owner = {str(row.access_point): str(row.node) for row in act.rows(tables.access_point)}
    zones: dict[str, set[str]] = {}
    for row in act.rows(tables.zone_door):
        if str(row.access_point) in owner:
            zones.setdefault(str(row.zone), set()).add(owner[str(row.access_point)])
    return {zone: frozenset(members) for zone, members in zones.items()}


def _is_heard(act: Act, node: str) -> bool:
    state = act.row(tables.node_state, node=node)
    if state is None or state.online != "yes" or state.hello_ms is None:
        return False
    return bool(act.now_ms - int(state.hello_ms) <= act.house.profile.silent_ms)


# --- orders ------------------------------------------------------------------------------------------------------


def _order(act: Act, held: RolloutView, node: str, signer: Signer, do: Any) -> bytes:
    order = Order(
        t=act.house.community,
        node=node,
        ctr=_counter(act, node),
        iat=act.now_ms,
        exp=act.now_ms + ORDER_TTL_MS,
        do=do,
        kind=held.release.kind,
        n=held.release.n,
        sha256=held.release.sha256,
        iss=act.actor[:ISSUER_MAX],
        kid=signer.kid,
    )
    body = encode(order)
    values: Mapping[str, object] = {"phase": Phase.ORDERED, "ordered_ms": order.ctr, "told_ms": None}
    act.update(rollout_node, {"rollout": held.rollout, "node": node}, **values)
    act.note(f"rollout.{do}", held.rollout, None, node)
    return signer.sign(signing_bytes(Order, body)) + body


def _counter(act: Act, node: str) -> int:
    """Rising with the clock, so that a restored database does not count anew what a node has seen."""
    table = rollout_node
    mine = (table.c.community == act.house.community, table.c.node == node)
    newest: int | None = act.connection.execute(
        sa.select(sa.func.max(table.c.ordered_ms)).where(*mine)
    ).scalar()
    return max(act.now_ms, (newest or 0) + 1)
