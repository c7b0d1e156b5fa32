"""A node's configuration: one frozen tree that complains in the owner's words.

Unknown keys are refused, every number has a unit and bounds, secrets are paths, and nothing is probed or started
while reading.
"""

import tomllib
from collections.abc import Iterator
from datetime import date
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from edge.config_devices import SupplyConfig, VoiceConfig, odd_voices
from edge.config_face import BeforeConfig, FaceConfig, JudgeConfig, LivenessName
from edge.config_release import with_release
from edge.config_side import ClockConfig, MqttLocksConfig, PreviewConfig, Strict
from edge.core.anti_passback import T_APB_SOFT_MS, T_APB_SOFT_RANGE_MS, Strictness, has_way_back
from edge.core.claimant import WHOLE, area_of
from edge.core.door_hours import MAY_BE_FIRST
from edge.core.face_mode import FaceMode
from edge.core.occupancy import DWELLINGS
from edge.core.passes import SubjectClass
from edge.core.requirement import Require
from edge.core.schedule import Schedule, read_hours
from edge.core.tailgating import Tailgate
from edge.core.ways import Way
from edge.errors import ConfigError

Share = Annotated[float, Field(ge=0.0, le=1.0)]
REGION_CORNERS_MAX = 16
REGION_LEAST = 0.01  # of the picture: smaller, and no face would ever have its middle in it

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]


class CameraConfig(Strict):
    name: Name
    driver: str = Field(description="An installed camera driver, for example v4l2 or replay.")
    settings: dict[str, Any] = Field(default_factory=dict)
    region: tuple[tuple[Share, Share], ...] = Field(
        WHOLE,
        description="Where a guest stands, in shares of the picture: two opposite corners, or a polygon's corners.",
    )

    @model_validator(mode="after")
    def _has_an_area(self) -> "CameraConfig":
        if not 2 <= len(self.region) <= REGION_CORNERS_MAX or area_of(self.region) < REGION_LEAST:
            raise ValueError(
                f"camera {self.name}: region needs two to {REGION_CORNERS_MAX} corners [x, y] around an area"
            )
        return self


class DoorFaceConfig(Strict):
    """Face at one door.  Off unless an impact assessment and a sign are on record (domain.md R6, R9, R16)."""

    mode: FaceMode = Field(
        FaceMode.OFF,
        description="one_to_n: a face opens; one_to_one: code, then face; one_to_n_else_code: asks for the code if unsure.",
    )
    fpir_wanted: float = Field(
        0.001, gt=0, le=0.1, description="Wanted false positive identification rate per attempt."
    )
    pia_record: str | None = Field(
        None, description="Id of the impact-assessment record that covers this camera."
    )
    signage_attested_by: str | None = Field(
        None, description="Who attests that the sign stands at this camera."
    )

    liveness: LivenessName | None = Field(
        None, description="What this door asks of faces; absent, what face.liveness says for all."
    )

    @model_validator(mode="after")
    def _lawful(self) -> "DoorFaceConfig":
        if self.mode is not FaceMode.OFF and not (self.pia_record and self.signage_attested_by):
            raise ValueError(
                "face cannot be switched on without pia_record (impact assessment) and signage_attested_by"
            )
        return self


class DoorKioskConfig(Strict):
    """The screen of one door, where it differs from the node's others."""

    sound: bool | None = Field(None, description="Absent, what kiosk.sound says.")
    volume: Share | None = Field(None, description="Absent, what kiosk.volume says.")


class DoorConfig(Strict):
    access_point: Name
    kind: Literal["gate", "unit", "room", "garage"]
    direction: Literal["in", "out", "unknown"] = "in"
    name_zh: str = Field("", description="What is written over the door; the access point where it is empty.")
    name_en: str = ""
    near_zh: str = Field("", description="The entrance next to this one: said while this door is no way in.")
    near_en: str = Field("", description="The same in English.")
    camera: Name | None = Field(None, description="The camera before this door; a room's faces the corridor.")
    t_release_ms: int = Field(5_000, ge=1_000, le=60_000, description="How long a grant releases the lock.")
    t_extension_ms: int = Field(
        10_000, ge=0, le=30_000, description="Added to t_release_ms for who needs more time."
    )
    t_open_ms: int = Field(15_000, ge=10_000, le=600_000, description="Open longer than this is held open.")
    t_prealarm_ms: int = Field(5_000, ge=0, le=60_000, description="Local beep this long before held open.")
    t_relock_delay_ms: int = Field(
        500, ge=0, le=5_000, description="Strike relocks this long after the door opens."
    )
    t_relock_closed_ms: int = Field(
        300, ge=0, le=5_000, description="A magnet, bolt or barrier locks this long after it closed."
    )
    t_forced_confirm_ms: int = Field(
        0,
        ge=0,
        le=1_000,
        description="Only for a gate that rattles: how long it must stay open to be forced.",
    )
    t_bolt_confirm_ms: int = Field(
        3_000, ge=500, le=10_000, description="A bolt that has not followed by then is jammed."
    )
    t_max_energise_ms: int = Field(
        65_000, ge=10_000, le=65_000, description="The watchdog: no grant keeps a lock released for longer."
    )
    lockdown_release_by_two: bool = Field(
        False, description="True: a lockdown ends only when two people ask for it within a minute."
    )
    dry_run: bool = Field(
        False,
        description="Writes down what it would have said, and holds nobody back; for a week beside the old system.",
    )
    require: Require = Field(
        Require.ANY,
        description="any: one credential opens; code_and_pin, card_and_pin: both, of one pass; two_persons: two passes.",
    )
    face: DoorFaceConfig = DoorFaceConfig()
    kiosk: DoorKioskConfig = DoorKioskConfig()
    zone_from: Name | None = Field(
        None, description="The zone one comes from who enters here by a credential."
    )
    zone_to: Name | None = Field(None, description="The zone one comes into; zones are named by their doors.")
    anti_passback: Strictness = Field(
        Strictness.OFF, description="What happens to a pass that is recorded on the other side already."
    )
    interlock_group: Name | None = Field(
        None, description="Of the doors of one group, one opens only while the others are shut."
    )
    schedule: Name | None = Field(
        None, description="The hours at which this door stands unlocked; on holidays it does not."
    )
    first_person: tuple[SubjectClass, ...] = Field(
        (), description="At its hours the door stays locked until one of these classes has gone through."
    )
    tailgate: Tailgate = Field(
        Tailgate.OFF, description="People counted against grants: flag writes it down, case calls for eyes."
    )
    occupancy_max: int | None = Field(
        None, ge=1, le=10_000, description="As many may be in zone_to; a space, never a dwelling."
    )

    @property
    def way(self) -> Way | None:
        """From where to where it leads; None where that is not said."""
        if self.zone_from is None or self.zone_to is None:
            return None
        return Way(self.zone_from, self.zone_to, self.direction)

    @model_validator(mode="after")
    def _rules_agree(self) -> "DoorConfig":
        for broken, why in self._contradictions():
            if broken:
                raise ValueError(f"door {self.access_point} {why}")
        return self

    def _contradictions(self) -> list[tuple[bool, str]]:
        counted = self.occupancy_max is not None
        judged = self.anti_passback is not Strictness.OFF
        ruled = self.tailgate is not Tailgate.OFF or counted or judged
        paired = self.require is Require.TWO_PERSONS and ruled
        never = ", ".join(sorted(set(self.first_person) - MAY_BE_FIRST))
        return [
            (
                (self.zone_from is None) != (self.zone_to is None),
                "needs both zone_from and zone_to, or neither",
            ),
            (self.way is not None and self.zone_from == self.zone_to, "leads from a zone into the same zone"),
            (judged and self.way is None, "has anti_passback and no zone_from and zone_to"),
            (judged and self.direction == "out", "leads out and is never judged; take anti_passback away"),
            (
                counted and self.kind in DWELLINGS,
                "leads to dwellings, where nobody is counted; no occupancy_max",
            ),
            (counted and self.way is None, "has occupancy_max and no zone_from and zone_to"),
            (counted and self.direction == "out", "leads out and holds nobody back; take occupancy_max away"),
            (bool(self.first_person) and self.schedule is None, "has first_person and no schedule"),
            (bool(never), f"cannot have {never} as first_person: choose residents or staff"),
            (bool(self.schedule) and self.kind == "room", "is somebody's room and stands open at no hours"),
            (
                self.schedule is not None and self.interlock_group is not None,
                "cannot stand open by schedule and be in an interlock; choose one",
            ),
            (
                self.tailgate is not Tailgate.OFF and self.direction == "out",
                "leads out, where nobody is counted; take tailgate away",
            ),
            (paired, "opens for two by one grant: tailgate, occupancy_max and anti_passback would count one"),
        ]


class ScheduleConfig(Strict):
    """Weekly hours under a name; passes and doors use them by it."""

    name: Name
    hours: tuple[str, ...] = Field(
        min_length=1,
        max_length=64,
        description="Like `mon-fri 08:00-18:00`, `sun 10:00-24:00` or, for every day, `06:30-22:00`.",
    )
    through_holidays: bool = Field(False, description="True: a holiday is a day like any other for it.")

    @property
    def schedule(self) -> Schedule:
        return Schedule(self.name, tuple(map(read_hours, self.hours)), self.through_holidays)

    @model_validator(mode="after")
    def _readable(self) -> "ScheduleConfig":
        if self.name == "always":
            raise ValueError("schedule 'always' is known everywhere and cannot be another one")
        assert self.schedule.hours
        return self


class BrokerConfig(Strict):
    host: str = "127.0.0.1"
    port: int = Field(8883, ge=1, le=65_535)
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None


class KioskConfig(Strict):
    host: str = Field("127.0.0.1", description="Address of the site's own network the screen reads from.")
    port: int = Field(0, ge=0, le=65_535, description="0 = no kiosk page.")
    pin_pad: bool = Field(True, description="A keypad on the screen, for who has a PIN and no phone.")
    sound: bool = Field(True, description="Short tones for yes, no, wait and an open door; all shown too.")
    volume: Share = Field(0.6, description="Of those tones, 0 to 1.")
    languages: tuple[Literal["zh", "en"], Literal["zh", "en"]] = Field(
        ("zh", "en"), description="Both are shown; the first one first, and large."
    )
    help_call: bool = Field(True, description="A button that tells the gate staff; it never opens a door.")
    help_phone: str = Field(
        "", pattern=r"^[0-9+() -]{0,24}$", description="Shown where the staff cannot be told from the screen."
    )
    roll_code: str = Field("", pattern=r"^([0-9]{6,12})?$", description="Opens /roll-call; empty = no list.")

    @model_validator(mode="after")
    def _speaks_both(self) -> "KioskConfig":
        if len(set(self.languages)) != len(self.languages):
            raise ValueError('languages needs both, in the order they are to be read: ["zh", "en"]')
        return self


class NodeConfig(Strict):
    node: Name
    data_dir: Path
    join_file: Path = Field(
        description="What the service answered when this node joined; keys of both sides."
    )
    io_profile: Path = Field(description="The I/O profile gate-io runs; locks, inputs and REX come from it.")
    broker: BrokerConfig = BrokerConfig()
    kiosk: KioskConfig = KioskConfig()
    face: FaceConfig = FaceConfig()
    clock: ClockConfig = ClockConfig()
    preview: PreviewConfig = PreviewConfig()
    mqtt_locks: MqttLocksConfig | None = Field(
        None, description="Where the locks are that this node drives itself; without it there may be none."
    )
    supply: SupplyConfig | None = None
    voices: tuple[VoiceConfig, ...] = Field((), max_length=16)
    t_cmd_age_ms: int = Field(
        10_000,
        ge=1_000,
        le=30_000,
        description="A signed command may live this long; one that comes later is never carried out.",
    )
    duress_pin: bool = Field(
        True,
        description="A PIN whose last digit is one higher opens as well and silently calls for help.",
    )
    simulation: bool = Field(
        False,
        description="True: no commissioning list is asked for, and the synthetic face engine may grant. Never at a door.",
    )
    holidays: tuple[date, ...] = Field(
        (), max_length=400, description="Days on which schedules are closed, like `2027-02-06`."
    )
    t_apb_soft_ms: int = Field(
        T_APB_SOFT_MS,
        ge=T_APB_SOFT_RANGE_MS[0],
        le=T_APB_SOFT_RANGE_MS[1],
        description="How long timed anti-passback refuses the same pass again.",
    )
    schedules: tuple[ScheduleConfig, ...] = Field((), max_length=64)
    cameras: tuple[CameraConfig, ...] = ()
    doors: tuple[DoorConfig, ...] = Field(min_length=1)

    def liveness_of(self, door: DoorConfig) -> LivenessName:
        """What this door asks of faces."""
        return door.face.liveness or self.face.liveness

    @model_validator(mode="after")
    def _consistent(self) -> "NodeConfig":
        for sentence in contradictions(self):
            raise ValueError(sentence)
        return self


def contradictions(config: NodeConfig) -> Iterator[str]:
    """What parts of the file say against each other, a sentence each; all of it, for who explains a file."""
    cameras = {camera.name for camera in config.cameras}
    points = [door.access_point for door in config.doors]
    if len(set(points)) != len(points):
        yield "two doors have the same access_point"
    for door in config.doors:
        if door.camera is not None and door.camera not in cameras:
            yield f"door {door.access_point} names camera {door.camera!r}, which is not configured"
        if door.face.mode is not FaceMode.OFF and door.camera is None:
            yield f"door {door.access_point} has face on and no camera"
        if door.face.mode is FaceMode.ONE_TO_ONE and door.dry_run:
            yield f"door {door.access_point} is on trial and one_to_one: it would hold people up. Choose one"
        if door.face.mode is FaceMode.ONE_TO_ONE and door.require is not Require.ANY:
            yield f"door {door.access_point} is one_to_one, which asks for code and face; leave require at any"
        if door.t_prealarm_ms > door.t_open_ms:
            yield f"door {door.access_point}: t_prealarm_ms is longer than t_open_ms"
    if config.preview.networks and not config.kiosk.port:
        yield "preview has networks and there is no kiosk page to look at; set kiosk.port, or take them away"
    yield from _of_hours(config)
    yield from odd_voices(config.voices, points)
    yield from _of_ways(config)


def _of_ways(config: NodeConfig) -> Iterator[str]:
    ways = [door.way for door in config.doors if door.way is not None]
    groups = [door.interlock_group for door in config.doors]
    for door in config.doors:
        way_back = door.way is not None and has_way_back(door.way, ways)
        if door.anti_passback is Strictness.HARD and not way_back:
            yield (
                f"door {door.access_point} has hard anti_passback and no reader sees people leave; add the door "
                f"of direction 'out' from {door.zone_to} to {door.zone_from}, or choose soft"
            )
        if door.interlock_group is not None and groups.count(door.interlock_group) == 1:
            yield f"door {door.access_point} is alone in interlock_group {door.interlock_group!r}"
    for one, other in combinations([door for door in config.doors if door.occupancy_max], 2):
        if one.zone_to == other.zone_to and one.occupancy_max != other.occupancy_max:
            yield f"doors {one.access_point} and {other.access_point} give {one.zone_to} two occupancy_max"


def _of_hours(config: NodeConfig) -> Iterator[str]:
    known = {schedule.name: schedule for schedule in config.schedules}
    if len(known) != len(config.schedules):
        yield "two schedules have the same name"
    for door in config.doors:
        if door.schedule is not None and door.schedule not in known:
            yield f"door {door.access_point} names schedule {door.schedule!r}, which is not there"
        elif door.schedule is not None and known[door.schedule].through_holidays:
            yield (
                f"door {door.access_point} would stand open on holidays; schedule {door.schedule!r} goes "
                "through them and is for passes only"
            )


def load(path: Path) -> NodeConfig:
    """Read and check a node's TOML file.

    Raises:
        ConfigError: one sentence naming the file, the key and what is wrong with it.
    """
    try:
        tree = tomllib.loads(path.read_text())
    except OSError as error:
        raise ConfigError(
            str(path), f"cannot be read ({error.strerror})", "Name an existing file with --config"
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(str(path), f"is not TOML: {error}", "Correct that line") from error
    try:
        config = NodeConfig.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(str(path), *_problem_and_remedy(error.errors()[0])) from error
    return config.model_copy(update={"face": with_release(config.face)})


def sentence_of(error: ErrorDetails) -> str:
    """One of pydantic's findings in the owner's words."""
    problem, remedy = _problem_and_remedy(error)
    return f"{problem}. {remedy}."


def _problem_and_remedy(error: ErrorDetails) -> tuple[str, str]:
    key = ".".join(str(part) for part in error["loc"]) or "the file"
    if error["type"] == "extra_forbidden":
        return f"{key}: is not a known key", f"Known here: {_known(error['loc'])}"
    return f"{key}: {error['msg'].removeprefix('Value error, ')}", "See docs/configuration.md"


def _known(where: tuple[int | str, ...]) -> str:
    """The keys that would have been understood at this place."""
    model: type[BaseModel] = NodeConfig
    for part in where[:-1]:
        if part == "face":
            model = DoorFaceConfig if model is DoorConfig else FaceConfig
        elif part == "kiosk":
            model = DoorKioskConfig if model is DoorConfig else KioskConfig
        elif isinstance(part, str):
            model = _NESTED.get(part, model)
    return ", ".join(model.model_fields)


_NESTED: dict[str, type[BaseModel]] = {
    "broker": BrokerConfig,
    "clock": ClockConfig,
    "preview": PreviewConfig,
    "mqtt_locks": MqttLocksConfig,
    "judges": JudgeConfig,
    "before": BeforeConfig,
    "cameras": CameraConfig,
    "doors": DoorConfig,
    "schedules": ScheduleConfig,
}
