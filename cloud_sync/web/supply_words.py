"""How long a node's supply lasts, in words; what is not known is said to be unknown."""

from collections.abc import Mapping
from types import MappingProxyType

from cloud_sync.ports import NodeLine, SupplyLine
from cloud_sync.web.spans import MINUTE_MS, SECOND_MS, span
from cloud_sync.web.texts import Texts, mark

STATES: Mapping[str, str] = MappingProxyType({
    "mains": mark("on mains"),
    "battery": mark("on battery"),
    "low": mark("on battery, nearly empty"),
})  # fmt: skip
UNKNOWN = mark("unknown: its UPS does not answer")
NONE_READ = mark("how long the battery lasts is unknown: this node reads no UPS")


def is_amiss(node: NodeLine) -> bool:
    return node.supply is not None and node.supply.state != "mains"


def supply_said(node: NodeLine, say: Texts) -> str:
    """ "" for a node that has told of no supply; of one that is silent, what it told last."""
    if node.supply is None:
        return ""
    said = _said(node.supply, say)
    return said if node.online else say(mark("last told: %(said)s"), said=said)


def supply_in_case(node: NodeLine | None, say: Texts) -> str:
    """Of the node whose door has lost the mains."""
    return (supply_said(node, say) if node is not None else "") or say(NONE_READ)


def _said(told: SupplyLine, say: Texts) -> str:
    if told.state not in STATES:
        return say(UNKNOWN)
    parts = [say(STATES[told.state])]
    if told.state != "mains":
        parts.append(_left(told.left_s, say))
    if told.charge is not None:
        parts.append(say(mark("battery %(n)s %%"), n=told.charge))
    return ", ".join(parts)


def _left(left_s: int | None, say: Texts) -> str:
    """Rounded down; less than a minute is said to be that."""
    if left_s is None:
        return say(mark("nobody knows how long"))
    if left_s * SECOND_MS < MINUTE_MS:
        return say(mark("less than a minute left"))
    minutes = left_s * SECOND_MS // MINUTE_MS
    time = say(mark("%(n)s min"), n=minutes) if minutes < 120 else span(left_s * SECOND_MS, say)
    return say(mark("about %(time)s left"), time=time)
