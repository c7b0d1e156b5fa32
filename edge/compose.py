"""Which hands has this node?  The one room that knows every concrete part, and puts them together."""

import asyncio
import contextlib
import multiprocessing
import secrets
import shutil
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, tzinfo
from importlib import metadata

import structlog

from cloud_sync.protocol import messages as wire
from cloud_sync.protocol.topics import NodeTopics
from edge.compose_carried import carried_desk
from edge.compose_commission import withheld_at
from edge.compose_credentials import (
    day_proofs,
    parse_code,
    read_card,
    read_duress,
    read_pin,
    verify_pass,
)
from edge.compose_devices import Devices, open_devices
from edge.compose_faces import faces_side, open_peers
from edge.compose_identity import identity_side, open_identity, session_opener
from edge.compose_locks import check_locks, open_locks, slowest_bolt_ms
from edge.compose_passes import BookPasses
from edge.compose_preview import pages_of, preview_desk
from edge.compose_roll import roll_pages, screens_of
from edge.compose_talk import device_signer, open_ledger, passes_pull
from edge.config import DoorConfig, NodeConfig
from edge.core.commands import Received
from edge.core.decision_types import Liveness
from edge.core.door_profile import DoorProfile
from edge.core.door_profile import LockProfile as CoreLockProfile
from edge.core.events import AccessPointId
from edge.core.face_mode import FaceMode
from edge.core.passes import LocationClass
from edge.core.tailgating import Tailgate
from edge.drivers.clock import SystemClock, clock_of
from edge.errors import CameraLost, ConfigError, StoreError
from edge.eyes import vision_main
from edge.gateio.client import GateIoClient
from edge.gateio.drivers import resolve, settings_of
from edge.gateio.profile import DoorTable, Profile, load_profile, profile_hash
from edge.kiosk.app import Keypad
from edge.kiosk.doors import kiosk_state
from edge.kiosk.screens import DoorScreens
from edge.link.link import Aboard, Link
from edge.link.translate import decode_passes
from edge.ports import ClockReading, Point
from edge.runtime import control, technician
from edge.runtime.commands import CommandDesk, DeskParts, Place
from edge.runtime.eyes_line import EyesLine
from edge.runtime.face_models import going_model
from edge.runtime.gate import Gate
from edge.runtime.gate_rules import Unruled
from edge.runtime.hands import Hands
from edge.runtime.health import with_fault
from edge.runtime.help_desk import HelpDesk
from edge.runtime.live_parts import live_rule
from edge.runtime.node import Node
from edge.runtime.node_parts import Parts
from edge.runtime.preview_desk import PreviewDesk
from edge.runtime.rule_parts import rule_set, sees_people
from edge.runtime.rules import DoorRules
from edge.runtime.sightings import PictureSeen, PreviewPicture, Told, unpack
from edge.store.ballast import Ballast
from edge.store.command_book import SqlCommandBook
from edge.store.device_key import Join, read_join, verify_ed25519
from edge.store.gallery_store import GalleryStore
from edge.store.ledger import SqliteLedger
from edge.store.pass_book import PassBook
from edge.store.peer_book import PeerBook
from edge.store.rule_book import SqlRuleBook

SOFTWARE = metadata.version("gatehouse")
BUILD_MS = 1_760_000_000_000  # the earliest it can be: no node of this release ran before
ERASE_WITHIN_S = 5.0
# What the vision worker may be ahead of the node; a node that slow drops sightings, never facts.
TOLD_MAX = 256

log = structlog.get_logger()


@contextlib.asynccontextmanager
async def vision_worker(
    config: NodeConfig,
    group: asyncio.TaskGroup,
    pictures: dict[str, PictureSeen],
    line: EyesLine,
    preview: PreviewDesk | None = None,
) -> "AsyncIterator[asyncio.Queue[Told]]":
    """Start the worker; what it says comes through the queue, and what the node cannot follow is dropped.

    When the worker ends, or a camera cannot be opened, ``group`` ends with CameraLost and the driver's sentence.
    """
    told: asyncio.Queue[Told] = asyncio.Queue(TOLD_MAX)
    if not config.cameras:
        yield told
        return
    ours, theirs = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    worker = context.Process(target=vision_main, args=(config, theirs), name="gate-vision", daemon=True)
    worker.start()
    theirs.close()
    loop = asyncio.get_running_loop()
    failed: asyncio.Future[str] = loop.create_future()

    def readable() -> None:
        try:
            data = ours.recv_bytes()
        except (EOFError, OSError):
            loop.remove_reader(ours.fileno())
            if not failed.done():
                failed.set_result("the vision worker has ended; restart the node")
            return
        if data[:1] == b"!" and not failed.done():
            failed.set_result(data[1:].decode())
        elif isinstance(said := unpack(data), PictureSeen):
            pictures[said.camera] = said
        elif isinstance(said, PreviewPicture):
            if preview is not None:
                preview.show(said)
        elif not told.full():
            told.put_nowait(said)

    loop.add_reader(ours.fileno(), readable)
    if preview is not None:
        preview.ask = ours.send_bytes
    watcher = group.create_task(_raise_when(failed), name="vision")
    try:
        with line.to(ours):
            yield told
    finally:
        watcher.cancel()
        with contextlib.suppress(ValueError):
            loop.remove_reader(ours.fileno())
        ours.close()
        await asyncio.to_thread(worker.join, 3.0)
        if worker.is_alive():
            worker.kill()


async def _raise_when(failed: "asyncio.Future[str]") -> None:
    """Ends with the worker: a node without eyes says so and is started again by systemd."""
    raise CameraLost(await failed)


class NodeSide:
    """What the link asks of the node, answered from the book and the running node."""

    def __init__(
        self, config: NodeConfig, clock: SystemClock, ledger: SqliteLedger, book: PassBook, boot_id: str
    ) -> None:
        self._config = config
        self._clock = clock
        self._ledger = ledger
        self._book = book
        self._boot_id = boot_id
        self.passes = BookPasses(book, clock, self._passes_changed)
        self.node: Node | None = None
        self.desk: CommandDesk | None = None
        self.faces_fault = ""
        self.devices: Devices | None = None

    def aboard(self) -> Aboard:
        return Aboard(self._book.auth_ver, self._book.root, self._book.floor.erase_ver)

    def clock(self) -> ClockReading:
        return self._clock.read()

    def free_mb(self) -> int:
        return shutil.disk_usage(self._config.data_dir).free // 1_000_000

    def _passes_changed(self) -> None:
        if self.node is not None:
            self.node.passes_changed()

    def erase(self, pass_ids: Sequence[str], erase_ver: int) -> int:
        assert self.node is not None
        erased = self.node.erase_now(pass_ids, within_s=ERASE_WITHIN_S)
        self._book.note_erased(erase_ver)
        return erased

    def link_changed(self, up: bool) -> None:
        if self.node is not None:
            self.node.link_changed(up=up)

    def command(self, got: Received) -> None:
        if self.desk is not None:
            self.desk.take(got)

    def state(self) -> wire.State:
        assert self.node is not None
        around = self.devices
        health = with_fault(self.node.health(), self.faces_fault)
        for fault in around.faults() if around is not None else ():
            health = with_fault(health, fault)
        return wire.State(
            on=True,
            e=self._ledger.epoch,
            boot_id=self._boot_id,
            state=health.state,
            sw=SOFTWARE,
            outbox=self._ledger.head - self._ledger.acked,
            clock_state=self._clock.read().state.value,
            doors=[wire.DoorHealth(**asdict(door)) for door in health.doors],
            faults=list(health.faults),
            supply=around.told() if around is not None else None,
        )


@dataclass(frozen=True, slots=True)
class Stores:
    ledger: SqliteLedger
    book: PassBook
    templates: GalleryStore
    peers: PeerBook | StoreError  # why it cannot be used: faces then stay where they were made

    def close(self) -> None:
        self.ledger.close()
        self.book.close()
        self.templates.close()
        if isinstance(self.peers, PeerBook):
            self.peers.close()


def open_stores(config: NodeConfig) -> Stores:
    """The node's four databases.

    Raises:
        StoreError: one of the three that doors need cannot be used.
    """
    ballast = Ballast(config.data_dir / "reserve")
    return Stores(
        open_ledger(config, ballast),
        PassBook(config.data_dir / "passes.db", decode=decode_passes, ballast=ballast),
        GalleryStore(config.data_dir / "gallery.db", config.data_dir / "gallery.key"),
        open_peers(config),
    )


def keypad(node: Node) -> Keypad:
    """The screen's thread hands digits over to the node's loop, this one."""
    loop = asyncio.get_running_loop()
    return lambda door, digits: asyncio.run_coroutine_threadsafe(node.type_pin(door, digits), loop)


async def serve(config: NodeConfig) -> None:
    """Run the node until it is cancelled.

    Raises:
        GateError: it could not start, in one sentence.
    """
    io_profile = load_profile(config.io_profile)
    _check_doors(config, io_profile)
    join = read_join(config.join_file)
    if join.node != config.node:
        raise ConfigError(
            f"join_file {config.join_file}",
            f"is for node {join.node}, not {config.node}",
            "Use this node's own",
        )
    _check_face(config, join)
    stores = open_stores(config)
    try:
        await _serve(config, io_profile, join, stores)
    finally:
        stores.close()


async def _serve(config: NodeConfig, io_profile: Profile, join: Join, stores: Stores) -> None:
    clock = clock_of(config.clock.rtc, config.clock.rehearsal)
    boot_id = secrets.token_hex(4)
    side = NodeSide(config, clock, stores.ledger, stores.book, boot_id)
    key, join = open_identity(config, join, lambda: clock.read().wall_ms)
    link = Link(
        topics=NodeTopics(join.community, config.node),
        software=SOFTWARE,
        boot_id=boot_id,
        ledger=stores.ledger,
        node=side,
        verify=join.verify,
        open_session=session_opener(config, key, join),
        sign=device_signer(config),
    )
    link.identity.side, link.passes.fetch = identity_side(config, key, join), passes_pull(config, join, clock)
    devices = side.devices = open_devices(config, clock, join.zone, link.ask_state)
    kiosk = kiosk_state(config, join.pages_url, reads_pins=bool(join.pin_key))
    io = GateIoClient(io_profile.socket, profile_hash(io_profile)) if io_profile.hosted else None
    own = open_locks(config, io_profile, io)
    screens = DoorScreens(kiosk, join.zone, lambda: clock.read().wall_ms, own.locks.show, devices.say)
    rules = DoorRules(rule_set(config, join.zone), SqlRuleBook(stores.ledger), clock)
    line = EyesLine()
    parts = Parts(
        clock=clock,
        io=own.locks,
        ledger=rules,
        book=stores.book,
        templates=stores.templates,
        screens=screens,
        wake_link=link.wake,
        tell_state=link.ask_state,
        boot_id=boot_id, build_ms=BUILD_MS, new_id=lambda: secrets.token_hex(6),
        front=screens, own_locks=own.locks, clock_steps=clock.take_steps,
        going=going_model(config, join.zone), want_before=line.want_before,
    )  # fmt: skip
    node = build_node(config, io_profile, parts, stores, join, join.zone, rules)
    side.desk = command_desk(config, join, parts, stores, node, link)
    faces = faces_side(config, join, node, stores.templates, stores.peers, link, clock)
    side.node, side.faces_fault = node, faces.fault
    help_desk = HelpDesk(node, stores.ledger, clock, screens.answer_help)
    pictures: dict[str, PictureSeen] = {}
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(node.close)
        group = await stack.enter_async_context(asyncio.TaskGroup())
        preview = preview_desk(config, join, clock, node)
        stack.callback(devices.start(group))
        told = await stack.enter_async_context(vision_worker(config, group, pictures, line, preview))
        if io is not None:
            await stack.enter_async_context(io)
        await stack.enter_async_context(own)
        if config.kiosk.port:
            roll = roll_pages(config, node, rules, clock, join.zone)
            shown = screens_of(config, kiosk, keypad(node), help_desk.bell(), roll, pages_of(preview))
            stack.callback(shown.close)
        carry = carried_desk(join, stores.book, clock, node)
        desk = technician.handlers(node, faces, rules, pictures, devices)
        server = await control.serve(config.data_dir / "control.sock", desk | own.handlers | carry.handlers)
        stack.callback(server.close)
        serving = group.create_task(node.run(told), name="node")
        group.create_task(side.desk.run(), name="commands")
        for name, run in {"faces": faces.run(), "help": help_desk.run(), "hours": rules.run()}.items():
            group.create_task(run, name=name)
        await asyncio.sleep(0)  # all of them listen before the first word can come down, or it would be lost
        link.start()
        stack.callback(link.stop)
        log.info("node_started", node=config.node, epoch=stores.ledger.epoch, boot_id=boot_id)
        await serving


def command_desk(
    config: NodeConfig, join: Join, parts: Parts, stores: Stores, node: Node, link: Link
) -> CommandDesk:
    """What stands between the link and the doors when somebody commands from far away."""
    place = Place.of(join.community, config.node, join, config.t_cmd_age_ms)
    return CommandDesk(
        DeskParts(
            place=place,
            clock=parts.clock,
            book=SqlCommandBook(stores.ledger),
            recorder=node,
            doors=node.gates,
            verify=join.verify_command,
            followed=join.command_kids,
            answer=link.answer,
            nonce_used=link.nonce_used,
            tell_state=parts.tell_state,
            new_id=parts.new_id,
        )
    )


def build_node(
    config: NodeConfig,
    io_profile: Profile,
    parts: Parts,
    stores: Stores,
    join: Join,
    zone: tzinfo = UTC,
    rules: DoorRules | None = None,
) -> Node:
    """The gates of this node and what they share; without ``rules`` each door decides alone."""
    wired = {table.access_point: table for table in io_profile.door}
    withheld = withheld_at(config, io_profile)
    cameras = {AccessPointId(door.access_point): door.camera for door in config.doors if door.camera}
    fpir = {
        AccessPointId(door.access_point): door.face.fpir_wanted
        for door in config.doors
        if config.face.enabled and door.face.mode is not FaceMode.OFF
    }
    gates: list[Gate] = []
    node = Node(parts, cameras, fpir)
    doors = frozenset(AccessPointId(door.access_point) for door in config.doors)
    key = join.pin_key
    hands = Hands(
        io=parts.io,
        clock=parts.clock,
        screens=parts.screens,
        codes=stores.book,
        record=node.record,
        knowledge=node.knowledge,
        parse_code=lambda text: parse_code(text, doors),
        verify=verify_ed25519,
        new_id=parts.new_id,
        read_pin=lambda digits: read_pin(key, digits),
        read_duress=lambda digits: read_duress(key, digits) if config.duress_pin else None,
        read_card=lambda data: read_card(key, data),
        day_proofs=lambda salt, digits: day_proofs(key, salt, digits),
        verify_pass=lambda kid, message, signature: verify_pass(join, kid, message, signature),
        sees_faces=node.sees_faces,
        front=parts.front,
        carried=carried_desk(join, stores.book, parts.clock, node).shown,
    )
    for door in config.doors:
        table = wired[door.access_point]
        gates.append(
            Gate(
                profile=door_profile(door, table),
                location=LocationClass(door.kind),
                hands=hands,
                liveness=Liveness(config.liveness_of(door)),
                live=live_rule(config, door, parts.clock, zone, secrets.SystemRandom().choice),
                simulation=config.simulation,
                dry_run=door.dry_run,
                fire_group=table.fire_group,
                withheld=withheld[AccessPointId(door.access_point)],
                face_mode=door.face.mode,
                rules=rules or Unruled(),
                require=door.require,
            )
        )
    node.take_gates(gates)
    if rules is not None:
        rules.take_doors(node.gates)
    return node


def door_profile(door: DoorConfig, table: DoorTable) -> DoorProfile:
    """The door machine's settings, from what both files say of one door."""
    return DoorProfile(
        access_point=AccessPointId(door.access_point),
        contact_wired=table.inputs is not None,
        lock=CoreLockProfile(table.lock_profile.value),
        direction=door.direction,
        rex_unlocks=table.rex_unlocks,
        t_release_ms=door.t_release_ms,
        t_extension_ms=door.t_extension_ms,
        t_relock_closed_ms=door.t_relock_closed_ms,
        t_forced_confirm_ms=door.t_forced_confirm_ms,
        t_bolt_confirm_ms=max(door.t_bolt_confirm_ms, slowest_bolt_ms(table)),
        t_max_energise_ms=door.t_max_energise_ms,
        lockdown_release_by_two=door.lockdown_release_by_two,
        t_relock_delay_ms=door.t_relock_delay_ms,
        t_open_ms=door.t_open_ms,
        t_prealarm_ms=door.t_prealarm_ms,
        t_rex_ms=table.t_rex_ms,
    )


def _check_doors(config: NodeConfig, io_profile: Profile) -> None:
    wired = {table.access_point for table in io_profile.door}
    for door in config.doors:
        if door.access_point not in wired:
            raise ConfigError(
                f"doors.{door.access_point}",
                f"is not wired in {config.io_profile}",
                f"Wired there: {', '.join(sorted(wired))}",
            )
    tables = {table.access_point: table for table in io_profile.door}
    for door in config.doors:
        counts = sees_people(config, door) or _has_beam(tables[door.access_point])
        if door.tailgate is not Tailgate.OFF and not counts:
            raise ConfigError(
                f"doors.{door.access_point}.tailgate",
                "has neither faces switched on nor a beam to count people with",
                "Wire a beam, switch faces on as the law allows, or take tailgate away",
            )
    check_locks(config, io_profile)
    real = sorted({table.lock.driver for table in io_profile.door} - {"simulated"})
    if config.clock.rehearsal is not None and real:
        raise ConfigError(
            "clock.rehearsal",
            f"moves the time of day, and {config.io_profile} has a {real[0]} lock",
            "Take it out, or rehearse with simulated locks",
        )


def _has_beam(table: DoorTable) -> bool:
    inputs = table.inputs
    if inputs is None:
        return False
    return Point.BEAM in settings_of(resolve("inputs", inputs.driver), inputs.rest, "inputs").points


def _check_face(config: NodeConfig, join: Join) -> None:
    """Face needs both sides: this node's configuration and the community's file."""
    for door in config.doors:
        wanted = config.face.enabled and door.face.mode is not FaceMode.OFF
        if wanted and door.access_point not in join.face_doors:
            raise ConfigError(
                f"doors.{door.access_point}.face",
                "is on here and not at the community, which keeps the impact assessment and the sign's attestation",
                "Switch it on there ('gatehouse-sync face enable'), fetch the join file again, or switch it off here",
            )
