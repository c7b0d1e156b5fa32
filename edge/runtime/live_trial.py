"""One door's liveness on trial: the worker, the desk and the decision of a node, shown pictures at a time of their own.

It brings them to ``gatehouse-models attacks``, which may not reach into a gate: the entry point group
``gatehouse.door_rules`` names it.
"""

import secrets
from collections.abc import Sequence

from edge.core.decision import decide
from edge.core.decision_types import Allow, Attempt, DoorView, Liveness, Moment, Policy
from edge.core.door_types import Mode
from edge.core.events import AccessPointId, ClockState, CredentialKind, PassId, SubjectRef
from edge.core.passes import ENTRY_PREREQS, LocationClass, Pass, PassState, Prereq, SubjectClass
from edge.ports import CameraFrame, ClockReading
from edge.runtime.face_challenge import WORDS, LiveRule
from edge.runtime.face_desk import Concluded, FaceDesk, Prompt
from edge.runtime.live_look import LiveLooks
from edge.runtime.sightings import FaceSeen, NobodySeen, unpack
from edge.runtime.watch import Watch
from models.engine import FaceEngine, Frame, Vector
from models.liveness.trial import LiveOutcome

DOOR = AccessPointId("trial")
AWAY_NS = 120_000_000_000  # between two people; longer than failed tries are remembered
TASKS = frozenset(WORDS.values())


class _Lane:
    """The camera and the clock of a door whose time is told."""

    def __init__(self) -> None:
        self.frame: CameraFrame | None = None
        self.now_ns = AWAY_NS

    def newest(self, *, newer_than: int, within_s: float) -> CameraFrame | None:  # noqa: ARG002 - a camera's promise
        return self.frame

    def read(self) -> ClockReading:
        return ClockReading(self.now_ns // 1_000_000, self.now_ns, ClockState.TRUSTED, 0)

    def close(self) -> None:
        self.frame = None


class LiveTrial:
    """A door that holds whom it is told to hold, before which one attempt after another is made."""

    def __init__(self, engine: FaceEngine, policy: Liveness, *, fpir: float) -> None:
        self._engine, self._policy, self._fpir = engine, policy, fpir
        self._rows: list[tuple[str, Vector]] = []
        self._k, self._seq = 1, 0
        self._lane = _Lane()
        self.begin()

    def hold(self, rows: Sequence[tuple[str, Vector]], *, k: int) -> None:
        self._rows, self._k = list(rows), k
        self._desk.put_gallery(self._rows, version=1, k=k)

    def begin(self) -> None:
        """A door that remembers nobody: each attempt is the first one here."""
        lane = self._lane
        lane.now_ns += AWAY_NS
        self._told: list[bytes] = []
        self._watch = Watch(
            {DOOR: lane}, self._engine, lambda _: [], self._told.append, lane.read,
            detect_every_ns=0, live=LiveLooks({DOOR}),
        )  # fmt: skip
        rule = LiveRule(self._policy, secrets.SystemRandom().choice)
        self._desk = FaceDesk(self._engine.info, fpir_wanted=self._fpir, live=rule)
        self._desk.put_gallery(self._rows, version=1, k=self._k)
        self._word: str | None = None
        self._asked_ns = 0
        self._concluded: Concluded | None = None
        self._ended_ns = 0

    def show(self, frame: Frame, after_ns: int) -> str | None:
        lane = self._lane
        lane.now_ns += after_ns
        self._seq += 1
        lane.frame = CameraFrame(frame, lane.now_ns, self._seq)
        self._watch.look()
        for data in self._told:
            self._take(unpack(data))
        self._told.clear()
        return self._word

    def _take(self, told: object) -> None:
        if isinstance(told, NobodySeen):
            self._desk.nobody(told.t_ns)
        if not isinstance(told, FaceSeen) or self._concluded is not None:
            return
        match self._desk.look(told):
            case Prompt(word):
                self._word = word
                if word in TASKS and not self._asked_ns:
                    self._asked_ns = told.t_ns
            case Concluded() as concluded:
                self._concluded, self._ended_ns = concluded, told.t_ns
            case None:
                pass

    @property
    def outcome(self) -> LiveOutcome:
        asked = bool(self._asked_ns)
        if self._concluded is None:
            return LiveOutcome("UNDECIDED", asked, None, asked, None, 0)
        evidence = self._concluded.evidence
        named = evidence.verdict.pass_id
        if named is None:
            return LiveOutcome("NOT_RECOGNISED", False, None, asked, None, 0)
        attempt = Attempt(kind=CredentialKind.FACE, holder=_holder(named, self._lane.now_ns), face=evidence)
        opened = isinstance(decide(attempt, self._view, self._moment, Policy(1, 1)), Allow)
        why = None if evidence.pad_why is None else evidence.pad_why.value
        took_ns = self._ended_ns - self._asked_ns if asked else 0
        return LiveOutcome("ACCEPTED" if opened else "REFUSED", True, why, asked, named, took_ns)

    @property
    def _view(self) -> DoorView:
        return DoorView(
            access_point=DOOR, location_class=LocationClass.GATE, mode=Mode.LOCKED, liveness=self._policy
        )

    @property
    def _moment(self) -> Moment:
        now_ms = self._lane.now_ns // 1_000_000
        return Moment(now_ms=now_ms, clock=ClockState.TRUSTED, floor_ms=0, contact_age_ms=0, online=True)


def _holder(pass_id: PassId, now_ns: int) -> Pass:
    """A guest who may enter now, by face too: only liveness can say no."""
    now_ms, day_ms = now_ns // 1_000_000, 86_400_000
    return Pass(
        pass_id=pass_id,
        pass_version=1,
        subject_ref=SubjectRef(f"SJ-{pass_id}"),
        cls=SubjectClass.GUEST,
        state=PassState.ARMED,
        scope=frozenset({DOOR}),
        schedule="",
        not_before_ms=now_ms - day_ms,
        not_after_ms=now_ms + day_ms,
        prereq=ENTRY_PREREQS | Prereq.FACE_CONSENT,
        policy=1,
        creds=(),
    )


def open_live(engine: FaceEngine, *, policy: str, fpir: float) -> LiveTrial:
    """A door with this engine and this policy.

    Raises:
        CalibrationMissing: the engine has no table; its door is refused 1:N.
    """
    return LiveTrial(engine, Liveness(policy), fpir=fpir)
