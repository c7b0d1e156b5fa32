"""One node: its doors, what they know together, and what is erased when it has to be.

Everything runs on one event loop; the ledger is written by one thread; pictures stay in another process.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, assert_never

import structlog

from edge.core.clock import lower_bound_ms, time_span
from edge.core.decision_types import Policy
from edge.core.door_events import CameraChanged, Event, FireOff, LinkDown, LinkUp
from edge.core.door_types import Camera
from edge.core.events import AccessPointId, Fact, PassId, Stamp
from edge.core.freshness import contact_age_ms
from edge.core.open_grants import interrupted
from edge.core.passes import EARLY_MS, Pass
from edge.errors import EnrolRefused, StoreError
from edge.ports import Edge, IoNews, IoSnapshot, Latched, Lost, Point, Shown
from edge.runtime.clock_notes import note_steps
from edge.runtime.enrol import (
    NOBODYS,
    PATIENCE_S,
    Approval,
    CameraEnrolment,
    check_again,
    enrolled_fact,
    permitted,
    template_end_ms,
)
from edge.runtime.face_models import FaceModels
from edge.runtime.gate import Gate
from edge.runtime.hands import Knowledge
from edge.runtime.health import DISK_FULL, NodeHealth, door_health, node_health
from edge.runtime.io_events import (
    BootNews,
    FirePanel,
    boot_events,
    edge_event,
    fire_latched,
    late_fact,
    later_events,
    lock_events,
    note_lost,
    told_of,
)
from edge.runtime.lookalikes import LookAlikes
from edge.runtime.node_parts import Parts
from edge.runtime.sightings import CameraState, CodeSeen, EngineState, FaceSeen, NobodySeen, Told, camera_word
from models.engine import EngineError
from models.template import Template

HOUSEKEEPING_S = 5.0  # windows begin and end; galleries follow within this
POLICY_VERSION = 1  # of the rules of this release; a signed policy brings its own number later

log = structlog.get_logger()

T = TypeVar("T")


class Node:
    """Built by compose; ``run`` ends when it is cancelled."""

    def __init__(
        self, parts: Parts, cameras: Mapping[AccessPointId, str], fpir: Mapping[AccessPointId, float]
    ) -> None:
        self._parts = parts
        self._gates: dict[AccessPointId, Gate] = {}
        self._panel = FirePanel({})
        self._cameras = dict(cameras)
        self._fpir = dict(fpir)
        self._passes = parts.book.held
        self._online = False
        self._booted: set[AccessPointId] = set()
        self.models = FaceModels(self._fpir, parts.going, parts.want_before)
        self._camera_state: dict[str, CameraState] = {}
        self._born_ns = parts.clock.read().mono_ns
        self._templates: dict[str, Template] = {}
        self._lookalikes = LookAlikes(parts.templates)
        self._enrolments: dict[str, CameraEnrolment] = {}
        self.faces_held = False  # an erasure is known of and not done: nobody is looked at before it is
        self._just_enrolled: set[str] = set()  # cameras whose enrolled person has not stepped away yet
        # Cameras through which the engine has looked since they were last unwell.
        self._looked: set[str] = set()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    def take_gates(self, gates: Sequence[Gate]) -> None:
        """The doors of this node; once, before ``run``: gates and node need each other."""
        self._gates = {gate.access_point: gate for gate in gates}
        for gate in gates:
            gate.latches = gate.access_point not in self._parts.own_locks.doors
        self._panel = FirePanel({gate.access_point: gate.fire_group for gate in gates})

    @property
    def gates(self) -> Mapping[AccessPointId, Gate]:
        return self._gates

    # --- life -------------------------------------------------------------------------------------------------

    async def run(self, told: "asyncio.Queue[Told]") -> None:
        """Serve until cancelled; ``told`` is what the vision worker says."""
        self._loop = asyncio.get_running_loop()
        self._load_templates()
        self._parts.own_locks.note_passes(self._passes.passes.values())
        await self.first_words()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._io_news(), name="io")
            group.create_task(self._sightings(told), name="sightings")
            group.create_task(self._housekeeping(), name="housekeeping")
            for gate in self._gates.values():
                group.create_task(gate.run_timers(), name=f"timers {gate.access_point}")

    async def first_words(self) -> None:
        """That it is back, and the end of every grant that the life before left open; StoreError when not written."""
        left = [interrupted(given) for given in self._parts.ledger.open_grants()]
        await self.record([Fact("sys.boot", x={"passes": len(self._passes.passes)}), *left])

    async def record(self, facts: Sequence[Fact]) -> None:
        """Commit facts to the ledger, then wake the link.

        Raises:
            StoreError: nothing was written.
        """
        await self.write(lambda stamp: self._parts.ledger.append(facts, stamp))

    async def write(self, work: Callable[[Stamp], T]) -> T:
        """Run ``work`` on the one thread that writes the ledger's file, told when it is; then wake the link."""
        now = self._parts.clock.read()
        boot_id, mono_ms = self._parts.boot_id, now.mono_ns // 1_000_000
        stamp = Stamp(boot_id, mono_ms, now.wall_ms, now.state, now.bound_ms)
        done = await asyncio.get_running_loop().run_in_executor(self._writer, work, stamp)
        self._parts.wake_link()
        return done

    def knowledge(self) -> Knowledge:
        reading, book = self._parts.clock.read(), self._parts.book
        issued_ms = book.head_issued_ms
        floor_ms = lower_bound_ms(build_ms=self._parts.build_ms, signed_ms=issued_ms or 0, event_ms=0)
        return Knowledge(
            passes=self._passes,
            online=self._online,
            contact_age_ms=contact_age_ms(reading.wall_ms, issued_ms),
            floor_ms=floor_ms,
            policy=Policy(POLICY_VERSION, book.auth_ver),
            lease_left_ms=book.lease.left_ms(reading.state, reading.wall_ms, reading.bound_ms, floor_ms),
        )

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run one input to its end beside the others; inputs of one door still take turns."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("input_failed", why=repr(error))

    # --- sensors ----------------------------------------------------------------------------------------------

    async def _io_news(self) -> None:
        async for news in self._parts.io.news():
            if isinstance(news, Shown) and news.door in self._gates:
                # A look at a face must not hold up the sensors.
                self._spawn(self._gates[news.door].on_shown(news))
            for access_point, event in self._events(news):
                handled = self._gates[access_point].on_event(event)
                if access_point in self._parts.own_locks.doors:
                    self._spawn(handled)  # a radio may take seconds: the other doors do not wait for it
                else:
                    await handled
            if (late := late_fact(news)) is not None:
                self._spawn(self.record([late]))
            self._parts.tell_state()

    def _events(self, news: IoNews) -> list[tuple[AccessPointId, Event]]:
        """What a piece of news means for which door."""
        match news:
            case Edge(point=Point.FIRE, door=door, level=level):
                return self._panel.hear(door, level)
            case Edge():
                gate = self._gates.get(news.door)
                event = None if gate is None else edge_event(news.point, news.level, self._parts.new_id)
                return [] if event is None else [(news.door, event)]
            case IoSnapshot():
                return self._after_snapshot(news)
            case Latched(door=door, on=on):
                if news.kind != "fire" or door not in self._gates:
                    return []
                return [(door, one) for one in (fire_latched(self._panel, door) if on else [FireOff()])]
            case Shown():
                return []
            case Lost():
                note_lost(news, self._gates, self._parts.own_locks.doors)
                self._parts.front.relight()  # said in vain while they are away
                return []
            case _:
                return lock_events(news, self._gates)

    def _after_snapshot(self, snapshot: IoSnapshot) -> list[tuple[AccessPointId, Event]]:
        self._panel.read(snapshot)
        new, known = told_of(snapshot, self._gates, self._booted)
        for gate in known.values():
            self._spawn(gate.io_is_back())
        self._booted |= new.keys()
        modes = self._parts.ledger.door_modes() if new else {}
        boot = BootNews(self._parts.boot_id, modes, self._parts.clock.read().state)
        return boot_events(snapshot, new, self._panel, boot) + later_events(snapshot, known, self._panel)

    # --- eyes -------------------------------------------------------------------------------------------------

    async def _sightings(self, told: "asyncio.Queue[Told]") -> None:
        while True:
            seen = await told.get()
            try:
                self._take(seen)
            except Exception as error:  # noqa: BLE001  # one bad sighting must not blind the doors to all others
                log.error("sighting_failed", camera=getattr(seen, "camera", ""), why=repr(error))

    def _take(self, seen: Told) -> None:
        self._note_look(seen)
        match seen:
            case CodeSeen():
                for gate in self._gates_at(seen.camera):
                    self._spawn(gate.on_code(seen.text, seen.t_ns))
            case FaceSeen():
                self._face(seen)
            case NobodySeen():
                self._just_enrolled.discard(seen.camera)
                for gate in self._gates_at(seen.camera):
                    self._spawn(gate.on_nobody(seen.t_ns))
            case CameraState():
                self._camera_state[seen.camera] = seen
                log.info("camera", camera=seen.camera, state=seen.state, why=seen.why)
                for gate in self._gates_at(seen.camera):
                    self._spawn(gate.on_event(CameraChanged(Camera(seen.state))))
                self._parts.tell_state()
            case EngineState():
                self._take_engine(seen)
            case _:
                assert_never(seen)

    def _note_look(self, seen: Told) -> None:
        """A worker whose engine fails at every face says DEGRADED and OK in turns; only a look that was done shows
        that it works, and a frozen picture shows nobody for ever."""
        match seen:
            case CameraState() if seen.state != "OK":
                self._looked.discard(seen.camera)
            case NobodySeen() | FaceSeen(vector=bytes()):
                state = self._camera_state.get(seen.camera)
                if state is not None and state.state == "OK":
                    self._looked.add(seen.camera)
            case _:
                pass

    def sees_faces(self, access_point: AccessPointId) -> bool:
        """Whether the next good face before this door would reach it; while not, nobody is asked for one."""
        camera = self._cameras.get(access_point)
        taken = camera in self._enrolments or camera in self._just_enrolled
        return camera in self._looked and not taken and not self.faces_held

    def _face(self, seen: FaceSeen) -> None:
        """An enrolment has the camera to itself, until its person has left: nobody enters by the pictures that made
        the template."""
        enrolment = self._enrolments.get(seen.camera)
        for gate in self._gates_at(seen.camera):
            if enrolment is not None:
                self._parts.screens.show(gate.access_point, enrolment.take(seen))
            elif seen.camera not in self._just_enrolled and not self.faces_held:
                self._spawn(gate.on_face(seen))

    async def type_pin(self, access_point: AccessPointId, digits: str) -> None:
        """Digits from the screen of a door, seen through."""
        await self._gates[access_point].on_pin(digits)

    def _gates_at(self, camera: str) -> list[Gate]:
        return [
            gate for access_point, gate in self._gates.items() if self._cameras.get(access_point) == camera
        ]

    def _take_engine(self, told: EngineState) -> None:
        """The worker's engine stands, or face is off and everybody is told why."""
        self.models.take(told, self._gates)
        why, before = self.models.fault, "" if told.before is None else told.before.engine_id
        log.info(
            "face_engine", engine=told.engine_id, ok=told.ok, why=why, load_ms=told.load_ms, before=before
        )
        self._refresh_galleries()
        self._parts.tell_state()

    # --- what is known ----------------------------------------------------------------------------------------

    def passes_changed(self) -> None:
        """The book has a new version (from the link's thread)."""
        self._threadsafe(self._take_passes)

    def link_changed(self, *, up: bool) -> None:
        """The link came or went (from the link's thread)."""
        self._threadsafe(lambda: self._spawn(self._take_link(up=up)))

    def erase_now(self, pass_ids: Sequence[str], *, within_s: float) -> int:
        """Erase templates from disk and galleries before returning (from the link's thread)."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(self.erase(pass_ids), self._loop).result(within_s)

    def _threadsafe(self, call: Callable[[], None]) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call)

    def _take_passes(self) -> None:
        self._passes = self._parts.book.held
        self._parts.own_locks.note_passes(self._passes.passes.values())
        self._refresh_galleries()
        self._spawn(self._erase_forbidden())
        self._parts.tell_state()

    async def _erase_forbidden(self, ended: Iterable[str] = ()) -> None:
        """What the passes aboard speak against goes at once; an erasure that is told beside it finds nothing left."""
        if gone := self._passes.forbidden(self._templates).union(ended):
            await self.erase(sorted(gone))

    async def _take_link(self, *, up: bool) -> None:
        self._online = up
        try:
            await self.record(
                [Fact("link.up" if up else "link.down", link_state="ONLINE" if up else "OFFLINE")]
            )
        except StoreError as error:
            log.error("link_not_recorded", why=str(error))  # a full disk must not keep it from the doors
        for gate in self._gates.values():
            await gate.on_event(LinkUp() if up else LinkDown())

    async def _housekeeping(self) -> None:
        while True:
            await asyncio.sleep(HOUSEKEEPING_S)
            await note_steps(self._parts.clock_steps(), self.record)
            await self._erase_forbidden(self._parts.templates.expired(self._parts.clock.read().wall_ms))
            await self.retire_model()
            self._refresh_galleries()

    # --- faces ------------------------------------------------------------------------------------------------

    def _load_templates(self) -> None:
        for stored in self._parts.templates.all():
            self._templates[stored.pass_id] = Template.from_bytes(stored.data)

    def _refresh_galleries(self, *, force: bool = False) -> None:
        """Every door's gallery is who may open it now, and nobody else."""
        if self.models.now is None:
            return
        self._find_lookalikes()
        for gate in self._gates.values():
            if gate.desk is not None:
                self._refresh_gallery(gate, force=force)
        self.models.tell_eyes(self._gates.values(), self._cameras, self._templates)

    async def retire_model(self) -> None:
        """Erase what the model that goes leaves behind when its day has come, and say once that it is gone."""
        ended = self.models.over(self._templates, self._parts.clock.read())
        erased = await self.erase(sorted(ended)) if ended else 0
        if (fact := self.models.retired(erased)) is not None:
            await self.record([fact])

    def _find_lookalikes(self) -> None:
        """How many pairs is recorded, never who: what it means is for people to find out."""
        try:
            found = self._lookalikes.recheck(self._templates, self._passes, *self.models.running)
        except StoreError as error:
            log.error("lookalikes_not_kept", why=str(error))
            return
        if found:
            self._spawn(self.record([Fact("sys.lookalike", x={"pairs": found})]))

    def twins_of(self, pass_id: str) -> frozenset[PassId]:
        """Whose faces this one is taken for too easily; a second factor tells them apart."""
        return self._lookalikes.twins_of(pass_id)

    def _refresh_gallery(self, gate: Gate, *, force: bool) -> None:
        reading = self._parts.clock.read()
        span = time_span(reading.state, reading.wall_ms, self.knowledge().floor_ms)
        holders = self._passes.gallery_passes(gate.access_point, span, EARLY_MS[gate.location])
        self.models.put(gate, holders, self._templates, force=force)
        if gate.desk is not None:
            gate.desk.lock_pairs(self._lookalikes.locked_at(gate.access_point, self._passes))

    async def enrol_camera(self, pass_id: str, access_point: str, approval: Approval = NOBODYS) -> Template:
        """Enrol the person before this door's camera.

        Raises:
            EnrolRefused: not permitted, no engine, or no three good pictures in time.
        """
        holder = permitted(self._passes, PassId(pass_id))
        check_again(approval, enrolled=self._is_enrolled(holder.pass_id))
        camera = self._cameras.get(AccessPointId(access_point))
        if self.models.now is None or camera is None:
            raise EnrolRefused(
                f"face is off at {access_point}: {self.models.fault or 'no camera or no engine'}."
            )
        if camera in self._enrolments:
            raise EnrolRefused(f"somebody is being enrolled at {access_point} just now. Wait a moment.")
        done: asyncio.Future[Template] = asyncio.get_running_loop().create_future()
        enrolment = CameraEnrolment(self.models.now, holder, self._parts.clock.read().wall_ms, done)
        self._enrolments[camera] = enrolment
        self._parts.screens.show(AccessPointId(access_point), "enrolling")
        try:
            async with asyncio.timeout(PATIENCE_S):
                template = await asyncio.shield(done)  # a frame of this very turn may still ask how it stands
        except TimeoutError as error:
            enrolment.refuse()
            raise EnrolRefused("no three good pictures in time. Use the code, or try again.") from error
        finally:
            del self._enrolments[camera]
            self._just_enrolled.add(camera)
        holder = permitted(
            self._passes, PassId(pass_id)
        )  # a consent can be taken back while one is looked at
        await self._keep(holder, template, approval)
        return template

    async def enrol_template(self, pass_id: str, data: bytes, approval: Approval = NOBODYS) -> Template:
        """Keep a template that was made on this node from photos.

        Raises:
            EnrolRefused: not permitted, or made with another model.
        """
        holder = permitted(self._passes, PassId(pass_id))
        check_again(approval, enrolled=self._is_enrolled(holder.pass_id))
        return await self._take_template(holder, data, approval)

    async def take_sealed(self, pass_id: str, data: bytes, origin: str) -> Template:
        """Keep a template that was made at the node ``origin``, where a second one was somebody's decision.

        Raises:
            EnrolRefused: not permitted, or made with another model.
        """
        return await self._take_template(permitted(self._passes, PassId(pass_id)), data, NOBODYS, origin)

    async def _take_template(
        self, holder: Pass, data: bytes, approval: Approval, origin: str = ""
    ) -> Template:
        try:
            template = Template.from_bytes(data)
            if self.models.now is not None:
                template.check(self.models.now)
        except EngineError as error:
            raise EnrolRefused(str(error)) from error
        await self._keep(holder, template, approval, origin)
        return template

    def _is_enrolled(self, pass_id: str) -> bool:
        """A template of another model counts for nothing: its holder enrols again, like anybody new."""
        held = self._templates.get(pass_id)
        return held is not None and self.models.is_of_now(held)

    async def _keep(
        self, holder: Pass, template: Template, approval: Approval = NOBODYS, origin: str = ""
    ) -> None:
        self._parts.templates.put(holder.pass_id, template.to_bytes(), not_after_ms=template_end_ms(holder))
        anew = holder.pass_id in self.models.of_going(self._templates)
        if anew:
            self._parts.templates.rekey()  # the one of the model that goes is erased, not only replaced
        self._templates[holder.pass_id] = template
        self._refresh_galleries(force=True)  # a template may have changed under the same people
        gone = [Fact("sys.erased", pass_id=holder.pass_id)] if anew else []
        await self.record([*gone, enrolled_fact(holder, template.k, approval, origin)])

    async def erase(self, pass_ids: Sequence[str]) -> int:
        """Templates of these passes are gone from disk and galleries when this returns."""
        erased = self._parts.templates.erase(set(pass_ids))
        for pass_id in pass_ids:
            self._templates.pop(pass_id, None)
        self._refresh_galleries(force=True)  # a template may have changed under the same people
        if erased:
            await self.record([Fact("sys.erased", pass_id=PassId(pass_id)) for pass_id in pass_ids])
        return erased

    # --- how it is --------------------------------------------------------------------------------------------

    def health(self) -> NodeHealth:
        up_ns = self._parts.clock.read().mono_ns - self._born_ns
        word, radio = self._camera_word, self._parts.own_locks.radio
        doors = tuple(door_health(gate, word(name, up_ns), radio(name)) for name, gate in self._gates.items())
        disk = DISK_FULL if self._parts.ledger.disk_alarm else ""
        faults = [self.models.fault if self._fpir else "", disk]
        faults += [state.why for state in self._camera_state.values() if state.state != "OK"]
        clock = self._parts.clock.read().state
        return node_health(doors, faults, clock, self.knowledge(), self._parts.book.lease)

    def _camera_word(self, access_point: AccessPointId, up_ns: int) -> str:
        camera = self._cameras.get(access_point)
        return camera_word(self._camera_state.get(camera), up_ns) if camera else "none"

    def close(self) -> None:
        self._writer.shutdown(wait=True)
