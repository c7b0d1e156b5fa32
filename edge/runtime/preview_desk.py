"""A guard looks through a door's camera for as long as a button is held: judged, written down, shown to one, ended.

The picture goes from the worker through this desk to the one browser that holds the button.  It is never written and never
queued: a newer one replaces the last, whoever has seen it or not.  Looking begins only when the ledger has it.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock

import structlog

from edge.core.events import AccessPointId, Fact
from edge.core.preview import Asked, Network, NoLook, Site, Verify, refusal
from edge.errors import StoreError
from edge.ports import Clock
from edge.runtime.commands import Recorder
from edge.runtime.sightings import PreviewAsk, PreviewPicture, pack_asked

OPENED, CLOSED = "preview.opened", "preview.closed"
NS = 1_000_000_000
USED_MAX = 1_000  # tickets of the last minute; more than that is no guard

log = structlog.get_logger()


@dataclass(slots=True, eq=False)
class Look:
    """One button held; safe from any thread."""

    id: str
    door: AccessPointId
    camera: str
    issuer: str
    began_ns: int
    until_ns: int
    pictures: int = 0
    over: bool = False
    _ring: Callable[[], None] | None = None  # somebody waits for the next picture, or for the end
    _newest: bytes = b""
    _lock: Lock = field(default_factory=Lock)

    def put(self, jpeg: bytes) -> None:
        with self._lock:
            self._newest = jpeg
        self._tell()

    def take(self) -> bytes:
        """The newest picture nobody has taken yet, or nothing."""
        with self._lock:
            jpeg, self._newest = self._newest, b""
            self.pictures += bool(jpeg)
        return jpeg

    def end(self) -> None:
        with self._lock:
            self.over, self._newest = True, b""
        self._tell()

    def listen(self, ring: Callable[[], None] | None) -> None:
        """Be told of the next picture and of the end, from the node's thread; None for no more."""
        self._ring = ring

    def _tell(self) -> None:
        ring = self._ring
        if ring is not None:
            ring()


@dataclass(frozen=True, slots=True)
class PreviewRule:
    """As the node's file says; no network, no look."""

    tenant: str
    node: str
    networks: tuple[Network, ...]
    seconds: int
    every_ns: int
    cameras: Mapping[AccessPointId, str]


@dataclass(slots=True)
class PreviewDesk:
    """One node's; everything but a Look on the node's event loop."""

    rule: PreviewRule
    clock: Clock
    recorder: Recorder
    verify: Verify
    read: Callable[[str], Asked | None]
    ask: Callable[[bytes], None] = lambda _data: None  # to the vision worker, once there is one
    since_ms: int = field(init=False)
    _look: Look | None = None
    _used: dict[str, int] = field(default_factory=dict)
    _ending: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.since_ms = self.clock.read().wall_ms

    async def begin(self, door: AccessPointId, ticket: str, address: str) -> Look | NoLook:
        """A look that is on the ledger, or why there is none; a ticket that was good is used up by asking."""
        asked, now = self.read(ticket), self.clock.read()
        self._used = {id_: ends for id_, ends in self._used.items() if ends > now.wall_ms - now.bound_ms}
        site = Site(
            self.rule.tenant,
            self.rule.node,
            self.rule.networks,
            self.since_ms,
            now.wall_ms,
            now.state,
            now.bound_ms,
        )
        why = refusal(asked, door, address, site, self._used.keys(), self.verify)
        if why is None and door not in self.rule.cameras:
            why = NoLook.WRONG_DOOR
        if why is not None or asked is None:
            return self._no(door, why or NoLook.BAD_FORMAT)
        if self._look is not None or len(self._used) >= USED_MAX:
            return self._no(door, NoLook.BUSY)
        self._used[asked.id] = asked.expires_ms
        return await self._open(door, asked, now.mono_ns)

    async def _open(self, door: AccessPointId, asked: Asked, now_ns: int) -> Look | NoLook:
        until_ns = now_ns + self.rule.seconds * NS
        look = Look(asked.id, door, self.rule.cameras[door], asked.issuer, now_ns, until_ns)
        self._look = look  # before anything is awaited: one at once
        try:
            opened = Fact(OPENED, access_point=door, actor=look.issuer, x={"look": look.id})
            await self.recorder.record([opened])
        except StoreError as error:
            self._look = None
            log.error("preview_not_recorded", access_point=door, why=str(error))
            return NoLook.NOT_RECORDED
        for_ns = max(0, until_ns - self.clock.read().mono_ns)
        self.ask(pack_asked(PreviewAsk(look.camera, for_ns, self.rule.every_ns)))
        asyncio.get_running_loop().call_later(for_ns / NS, self._time_over, look)
        log.info("preview_opened", access_point=door, look=look.id)
        return look

    def _no(self, door: AccessPointId, why: NoLook) -> NoLook:
        log.warning("preview_refused", access_point=door, why=why.value)
        return why

    def _time_over(self, look: Look) -> None:
        if not look.over:
            task = asyncio.get_running_loop().create_task(self.end(look, "time"))
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def end(self, look: Look, why: str) -> None:
        """Ending twice is fine; how long it was is written down without a picture of it."""
        if look is not self._look:
            return
        self._look = None
        look.end()
        self.ask(pack_asked(PreviewAsk(look.camera, 0, self.rule.every_ns)))
        ms = (self.clock.read().mono_ns - look.began_ns) // 1_000_000
        x: dict[str, int | str] = {"look": look.id, "ms": ms, "pictures": look.pictures, "why": why}
        try:
            await self.recorder.record([Fact(CLOSED, access_point=look.door, actor=look.issuer, x=x)])
        except StoreError as error:
            log.error("preview_end_not_recorded", access_point=look.door, why=str(error))
        log.info("preview_closed", access_point=look.door, look=look.id, ms=ms)

    def show(self, picture: PreviewPicture) -> None:
        """From the worker; what nobody looks at any more is dropped."""
        look = self._look
        if look is not None and picture.camera == look.camera:
            look.put(picture.jpeg)
