"""From a publish to a message, or to the reason why it is not taken."""

from dataclasses import dataclass
from enum import StrEnum

from cloud_sync.ports import BadFrame, Delivery, Told, UpMessage
from cloud_sync.protocol.delta import Repair
from cloud_sync.protocol.identity import Renew
from cloud_sync.protocol.messages import (
    AuthAck,
    BadMessage,
    Batch,
    CmdAck,
    EraseAck,
    Hello,
    Sealed,
    SealedAck,
    State,
    decode,
)
from cloud_sync.protocol.topics import Address, Up, parse_up

_KINDS: dict[Up, type[UpMessage]] = {
    "ev": Batch,
    "hello": Hello,
    "st": State,
    "authack": AuthAck,
    "repair": Repair,
    "eraseack": EraseAck,
    "cmdack": CmdAck,
    "sealed": Sealed,
    "sealedack": SealedAck,
    "renew": Renew,
}


class Ignored(StrEnum):
    """Settled without effect, and counted."""

    FOREIGN = "foreign"  # not a topic of this community, or a node that speaks for another
    RETAINED = "retained"  # only state may be retained; anything else was planted or is an accident


@dataclass(frozen=True, slots=True)
class Read:
    what: Told | BadFrame | Ignored

    @property
    def events(self) -> int:
        """How many events storing this frame may take."""
        what = self.what
        return len(what.message.ev) if isinstance(what, Told) and isinstance(what.message, Batch) else 0


def read(tenant: str, delivery: Delivery) -> Read:
    """Understand one publish; never raises, whatever arrives."""
    address = parse_up(delivery.topic)
    if address is None or address.tenant != tenant:
        return Read(Ignored.FOREIGN)
    if delivery.retain and address.kind != "st":
        return Read(Ignored.RETAINED)
    return Read(_decoded(address, _KINDS[address.kind], delivery.payload))


def _decoded(address: Address, kind: type[UpMessage], payload: bytes) -> Told | BadFrame | Ignored:
    # What is kept of a frame nobody could read, or whose storing failed, must not be somebody's sealed face.
    raw = b"" if kind is Sealed else payload
    try:
        message = decode(payload, kind)
    except BadMessage as error:
        return BadFrame(address.node, raw, str(error))
    if isinstance(message, Batch | Hello | Renew) and message.n != address.node:
        return Ignored.FOREIGN
    return Told(address.node, message, raw)
