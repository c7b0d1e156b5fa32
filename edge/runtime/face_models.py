"""The face models of a node: the one it runs and, while a model is changed, the one that goes.

A template belongs to the model that made it, and there is one for each pass, so that nobody stands in both galleries.
New ones are made with the new model only; a guest of the old one is recognised by it until they enrol anew.  The old
model is gone when nobody is left in its gallery, or on its day: then what is left of its templates is erased.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, tzinfo

from edge.config import NodeConfig
from edge.core.events import AccessPointId, ClockState, Fact
from edge.core.passes import Pass
from edge.ports import ClockReading
from edge.runtime.engine_info import Enrolled, engine_info, gallery_rows, same_model
from edge.runtime.gate import Gate
from edge.runtime.sightings import EngineState, Wanted
from edge.runtime.two_step import open_desk
from models.engine import CalibrationMissing, EngineInfo
from models.template import Template


def no_eyes(_wanted: Wanted) -> None:
    """For a node whose worker runs one model."""


@dataclass(frozen=True, slots=True)
class Going:
    """The model that goes, by its engine's name, and until when it stays at the latest."""

    engine_id: str
    until_ms: int


def going_model(config: NodeConfig, zone: tzinfo) -> Going | None:
    """The model that goes, and when; None while none does."""
    before = config.face.before
    if before is None or before.engine == config.face.engine:
        return None
    ends = datetime.combine(before.until, time(), tzinfo=zone)
    return Going(before.engine, int(ends.timestamp() * 1000))


@dataclass(slots=True)
class FaceModels:
    """Used on the node's event loop."""

    fpir: Mapping[AccessPointId, float]
    going: Going | None = None
    want_before: Callable[[Wanted], None] = no_eyes
    now: EngineInfo | None = None
    before: EngineInfo | None = None
    fault: str = ""
    _version: int = 0
    left: int = 0  # how many are still enrolled with the model that goes
    _to_tell: bool = (
        False  # somebody was enrolled with it in this life, and nobody was told yet that it is gone
    )

    @property
    def running(self) -> list[EngineInfo]:
        """Of which models a template can be compared here."""
        return [engine for engine in (self.now, self.before) if engine is not None]

    def take(self, told: EngineState, gates: Mapping[AccessPointId, Gate]) -> None:
        """What the worker told: a desk for every door, or why there is none; codes go on either way."""
        self.fault = "" if told.ok else told.why
        if not told.ok:
            return
        now = engine_info(told)
        before = self._before(told.before)
        try:
            for access_point, fpir in self.fpir.items():
                gate = gates[access_point]
                gate.desk = open_desk(gate.face_mode, now, fpir_wanted=fpir, live=gate.live, before=before)
            self.now, self.before = now, before
        except CalibrationMissing as error:
            self.fault = str(error)

    def _before(self, told: EngineState | None) -> EngineInfo | None:
        """The engine that goes; without it, or without its table, its guests show their code, and people are told why."""
        if told is None:
            return None
        info = engine_info(told) if told.ok else None
        if info is None or info.calibration is None:
            self.fault = f"the face model that goes does not run: {told.why or 'it has no calibration table'}"
            return None
        return info

    def is_of_now(self, template: Template) -> bool:
        return self.now is None or same_model(template, self.now)

    def of_going(self, templates: Mapping[str, Template]) -> set[str]:
        """The passes whose template was made by the model that goes."""
        going, now = self.going, self.now
        if going is None:
            return set()
        return {
            pass_id
            for pass_id, template in templates.items()
            if template.engine_id == going.engine_id and (now is None or not same_model(template, now))
        }

    def put(
        self, gate: Gate, holders: Iterable[Pass], templates: Mapping[str, Template], *, force: bool
    ) -> None:
        """The gallery of this door, anew where somebody came or went; ``force`` where a face may be another one."""
        desk, now = gate.desk, self.now
        if desk is None or now is None:
            return
        held = list(holders)
        rows, k = gallery_rows(held, templates, now)
        before = Enrolled()
        if self.before is not None:
            old, old_k = gallery_rows(held, templates, self.before)
            before = Enrolled(tuple(old), old_k)
        here = {pass_id for pass_id, _ in rows} | {pass_id for pass_id, _ in before.rows}
        if force or here != desk.pass_ids:
            self._version += 1
            desk.put_gallery(rows, version=self._version, k=k, before=before)

    def tell_eyes(
        self,
        gates: Iterable[Gate],
        cameras: Mapping[AccessPointId, str],
        templates: Mapping[str, Template],
    ) -> None:
        """Where the engine that goes is needed now; once nobody of the node is enrolled with it, it is closed."""
        self.left = len(self.of_going(templates))
        self._to_tell = self._to_tell or self.left > 0
        if self.before is None:
            return
        wanted = {
            cameras[gate.access_point]
            for gate in gates
            if gate.desk is not None and gate.desk.gallery_before and gate.access_point in cameras
        }
        self.want_before(frozenset(wanted) if self.left else None)

    def over(self, templates: Mapping[str, Template], reading: ClockReading) -> set[str]:
        """Whose templates end with the model that goes, now that its day has come; only a trusted clock says so."""
        if self.going is None or reading.state is not ClockState.TRUSTED:
            return set()
        return self.of_going(templates) if reading.wall_ms >= self.going.until_ms else set()

    def retired(self, erased: int) -> Fact | None:
        """That the model that goes is gone: told once, when the last one enrolled with it has left it."""
        if self.going is None or self.left or not self._to_tell:
            return None
        self._to_tell = False
        return Fact("sys.model_retired", x={"engine": self.going.engine_id, "erased": erased})

    def status(self) -> dict[str, object]:
        """For the technician: which models run, and how many guests still have to enrol anew."""
        return {
            "now": None if self.now is None else self.now.engine_id,
            "before": None if self.going is None else self.going.engine_id,
            "left": self.left,
        }
