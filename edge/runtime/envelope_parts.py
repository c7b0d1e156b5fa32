"""What the desk of envelopes asks of the gallery, of the book of other nodes, of its node and of the link."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from edge.core.events import AccessPointId, Fact
from edge.core.peers import AckState, Envelope, No, Peer, Roster, Sending
from edge.ports import Clock
from edge.runtime.gate import Gate
from edge.runtime.hands import Knowledge
from models.template import Template


class Kept(Protocol):
    @property
    def template_ref(self) -> str: ...

    @property
    def pass_id(self) -> str: ...

    @property
    def data(self) -> bytes: ...


class Shelf(Protocol):
    """The sealed gallery; ``version`` moves with every change."""

    @property
    def version(self) -> int: ...

    def all(self) -> Sequence[Kept]: ...


class Peers(Protocol):
    """What is remembered of other nodes; every call is on the disk when it returns."""

    def roster(self) -> Roster: ...

    def keep_roster(self, roster: Roster) -> bool: ...

    def trusted(self) -> dict[str, str]: ...

    def trust(self, node: str, fingerprint: str, *, by: str, reason: str, at_ms: int) -> None: ...

    def distrust(self, node: str) -> bool: ...

    def over(self) -> list[Sending]: ...

    def note_over(self, one: Sending) -> None: ...

    def forget(self, template_ref: str, node: str) -> None: ...

    def keep_only(self, template_refs: Collection[str]) -> None: ...

    def made_under(self) -> Mapping[str, int]: ...

    def note_made(self, versions: Mapping[str, int]) -> None: ...

    def taken(self) -> Mapping[str, tuple[str, str, str]]: ...

    def note_taking(self, pass_id: str, envelope: str, sender: str, made_ms: int) -> None: ...

    def taking(self) -> Mapping[str, int]: ...

    def settle(self, arrived: Mapping[str, str]) -> None: ...

    def erased(self) -> dict[str, int]: ...

    def note_erased(self, versions: Mapping[str, int], at_ms: int) -> None: ...


class Host(Protocol):
    """The node."""

    faces_held: bool

    @property
    def gates(self) -> Mapping[AccessPointId, Gate]: ...

    def knowledge(self) -> Knowledge: ...

    async def take_sealed(self, pass_id: str, data: bytes, origin: str) -> Template: ...

    async def erase(self, pass_ids: Sequence[str]) -> int: ...

    async def record(self, facts: Sequence[Fact]) -> None: ...


@dataclass(frozen=True, slots=True)
class EnvelopeParts:
    own: str
    fingerprint: str
    face_wanted: bool  # by the configuration; the engine may still be loading
    clock: Clock
    host: Host
    shelf: Shelf
    peers: Peers
    seal: Callable[[Envelope, Peer, bytes], bytes]
    open: Callable[[Envelope, Peer], bytes | No]
    say_envelope: Callable[[bytes], bool]
    say_answer: Callable[[str, AckState, str], None]
    wake_link: Callable[[], None]
