"""What this page must not pretend: gates that are silent or unsure of the time, and a service that hears nothing."""

from collections.abc import Sequence

from cloud_sync.ports import NodeLine
from cloud_sync.web.texts import Texts, mark

# A node says hello every 30 s: one missed by all of them at once is not a matter of one node.
ALL_SILENT_S = 45
# The jobs look four times a second; a queue this old has nobody who takes it.
WAITING_MS = 5_000


def stale(nodes: Sequence[NodeLine], waiting_ms: int | None, now_ms: int, say: Texts) -> tuple[str, ...]:
    """One sentence for each thing that cannot be relied on; nothing when all is as it looks."""
    return (*_service(nodes, waiting_ms, now_ms, say), *_nodes(nodes, say))


def _service(nodes: Sequence[NodeLine], waiting_ms: int | None, now_ms: int, say: Texts) -> tuple[str, ...]:
    said: list[str] = []
    silent = [node.silent_for_s for node in nodes if node.silent_for_s is not None]
    if silent and min(silent) > ALL_SILENT_S:
        told = mark(
            "No gate has been heard for %(n)s seconds: this page may be cut off. The gates go on by themselves; "
            "go and look."
        )
        said.append(say(told, n=round(min(silent))))
    if waiting_ms is not None and now_ms - waiting_ms > WAITING_MS:
        told = mark("Alarms arrive but are not sorted into cases; look at the doors below and call service.")
        said.append(say(told))
    return tuple(said)


def _nodes(nodes: Sequence[NodeLine], say: Texts) -> tuple[str, ...]:
    said: list[str] = []
    for node in nodes:
        if not node.online:
            said.append(_offline(node, say))
        elif node.clock_state == "UNTRUSTED":
            told = mark("%(name)s is not sure of the time; its times are not to be trusted.")
            said.append(say(told, name=node.name))
    return tuple(said)


def _offline(node: NodeLine, say: Texts) -> str:
    if node.silent_for_s is None:
        return say(mark("%(name)s has not been heard yet; its doors are not known."), name=node.name)
    minutes = max(1, round(node.silent_for_s / 60))
    told = mark("%(name)s has been silent for %(n)s min; what is shown of its doors is older than that.")
    return say(told, name=node.name, n=minutes)
