"""May staff look through this camera now?  Nine ways to say no, in order; the first that holds is the reason.

A look needs a ticket: signed by the community's command key for one door of this node, a minute old at most, used once.
"""

from collections.abc import Callable, Set
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_address

from edge.core.events import AccessPointId, ClockState

TICKET_AGE_MAX_MS = 60_000
AHEAD_MAX_MS = 5_000  # a ticket from further ahead comes from a clock that is wrong

Network = IPv4Network | IPv6Network
Verify = Callable[[str, bytes, bytes], bool]  # (key id, message, signature)


class NoLook(StrEnum):
    """Why not; the first eight are looked for in this order, the others are found when it is tried."""

    NETWORK = "network"
    BAD_FORMAT = "bad_format"
    BAD_SIG = "bad_sig"
    WRONG_DOOR = "wrong_door"
    TOO_LONG = "too_long"
    CLOCK_UNTRUSTED = "clock_untrusted"
    EXPIRED = "expired"
    USED = "used"
    BUSY = "busy"
    NOT_RECORDED = "not_recorded"


@dataclass(frozen=True, slots=True)
class Asked:
    """A ticket as it is understood; nothing of it is believed before ``refusal``."""

    tenant: str
    node: str
    door: AccessPointId
    id: str
    issued_ms: int
    expires_ms: int
    issuer: str
    kid: str
    signed: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Site:
    """This node at this moment; ``since_ms``: what was signed before it started may have been used before."""

    tenant: str
    node: str
    networks: tuple[Network, ...]
    since_ms: int
    now_ms: int
    clock: ClockState
    bound_ms: int

    @property
    def can_judge(self) -> bool:
        if self.clock is ClockState.HOLDOVER:
            return self.bound_ms <= TICKET_AGE_MAX_MS
        return self.clock is ClockState.TRUSTED


def is_on_site(address: str, networks: tuple[Network, ...]) -> bool:
    """Whether the browser stands in one of the networks that were written down; no network, nobody."""
    try:
        told = ip_address(address)
    except ValueError:
        return False
    return any(told in network for network in networks)


def refusal(
    asked: Asked | None,
    door: AccessPointId,
    address: str,
    site: Site,
    used: Set[str],
    verify: Verify,
) -> NoLook | None:
    """Why this look does not happen; None where it may."""
    if not is_on_site(address, site.networks):
        return NoLook.NETWORK
    if asked is None:
        return NoLook.BAD_FORMAT
    if not verify(asked.kid, asked.signed, asked.signature):
        return NoLook.BAD_SIG
    if (asked.tenant, asked.node, asked.door) != (site.tenant, site.node, door):
        return NoLook.WRONG_DOOR
    if asked.expires_ms - asked.issued_ms > TICKET_AGE_MAX_MS:
        return NoLook.TOO_LONG
    if not site.can_judge:
        return NoLook.CLOCK_UNTRUSTED
    if _is_over(asked, site):
        return NoLook.EXPIRED
    return NoLook.USED if asked.id in used else None


def _is_over(asked: Asked, site: Site) -> bool:
    early = asked.issued_ms > site.now_ms + site.bound_ms + AHEAD_MAX_MS
    late = site.now_ms - site.bound_ms >= asked.expires_ms
    return early or late or asked.issued_ms < site.since_ms
