"""The I/O profile: which wires the doors of this node have.  One TOML file, line names and never line numbers.

Paths that are not absolute are taken from the directory gate-io is started in.
"""

import hashlib
import json
import os
import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from edge.core.events import AccessPointId
from edge.errors import ConfigError
from edge.gateio.board import DoorRules
from edge.gateio.drivers import Kind, complaint, first_of, installed, resolve, settings_of
from edge.gateio.outputs import MS, T_MAX_ENERGISE_NS
from edge.ports import FailMode, Point

# A relay and a strike need some 30 ms to move; a shorter pulse is noise that still wears the contact.
PULSE_MIN_MS = 50

# sun_path holds 108 bytes with its closing zero.
SOCKET_PATH_MAX = 107

# So that a snapshot of every door, with every point and latch, stays within one packet.
DOORS_MAX = 16

# A card reader, a keypad and a scanner beside one door, and one to spare.
READERS_MAX = 4

# A building of rooms whose battery locks the node serves itself; more is another node's work.
NODE_DOORS_MAX = 250

DoorName = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*$")]


class Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DriverTable(BaseModel):
    """``driver`` and, beside it, the keys that driver knows."""

    model_config = ConfigDict(frozen=True, extra="allow")

    driver: str

    @property
    def rest(self) -> dict[str, object]:
        return dict(self.model_extra or {})


class LockProfile(StrEnum):
    STRIKE_FAIL_SECURE = "strike_fail_secure"  # energise = unlock
    MAGLOCK_FAIL_SAFE = "maglock_fail_safe"  # energise = lock
    MOTOR_BOLT = "motor_bolt"  # energise = withdraw the bolt; without power it stays where it is
    TURNSTILE = "turnstile"  # energise = one passage in this direction
    BARRIER = "barrier"  # energise = open; closes only over a clear beam

    @property
    def release_energises(self) -> bool:
        return self is not LockProfile.MAGLOCK_FAIL_SAFE

    @property
    def fail_mode(self) -> FailMode:
        return FailMode.SAFE if self is LockProfile.MAGLOCK_FAIL_SAFE else FailMode.SECURE


class DoorTable(Strict):
    """One door."""

    access_point: DoorName
    lock_profile: LockProfile
    rex_unlocks: bool
    t_rex_ms: int = Field(3000, ge=1000, le=30_000)
    max_pulse_ms: int = Field(65_000, ge=1000, le=T_MAX_ENERGISE_NS // MS)
    fire_group: Annotated[str, Field(min_length=1, max_length=40)] | None = None
    egress_path_signed_by: str = Field("", max_length=80)
    lock: DriverTable
    inputs: DriverTable | None = None  # only where the lock itself says what a contact would
    readers: list[DriverTable] = Field(default_factory=list, max_length=READERS_MAX)
    indicators: list[DriverTable] = Field(default_factory=list, max_length=READERS_MAX)

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        if self.t_rex_ms > self.max_pulse_ms:
            raise ValueError(f"t_rex_ms {self.t_rex_ms} is longer than max_pulse_ms {self.max_pulse_ms}")
        if self.egress_path_signed_by and self.lock_profile is not LockProfile.MAGLOCK_FAIL_SAFE:
            raise ValueError("egress_path_signed_by belongs to a maglock; a strike is dead without current")
        return self

    @property
    def hosted(self) -> bool:
        """True where gate-io drives the lock; False where the node does, over its own MQTT broker."""
        return self.lock.driver not in installed("node_locks")

    @property
    def dead(self) -> bool:
        """The level left behind when nobody drives; a maglock stays on only when its egress path was signed."""
        return bool(self.egress_path_signed_by)

    def rules(self) -> DoorRules:
        return DoorRules(
            release_energises=self.lock_profile.release_energises,
            min_pulse_ms=PULSE_MIN_MS,
            max_pulse_ms=self.max_pulse_ms,
            rex_unlocks=self.rex_unlocks,
            t_rex_ms=self.t_rex_ms,
            fire_group=self.fire_group,
            barrier=self.lock_profile is LockProfile.BARRIER,
        )


class Profile(Strict):
    """The whole file."""

    socket: Path = Path("/run/gate-io/io.sock")
    socket_users: list[str] = []
    state_dir: Path = Path("/var/lib/gate-io")
    journal: Path = Path("/var/lib/gate-io/journal.jsonl")
    door: list[DoorTable] = Field(min_length=1, max_length=DOORS_MAX + NODE_DOORS_MAX)

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        names = [door.access_point for door in self.door]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"access_point {twice[0]} is written twice")
        if (hosted := sum(door.hosted for door in self.door)) > DOORS_MAX:
            raise ValueError(f"{hosted} doors for one gate-io; it serves at most {DOORS_MAX}")
        if len(os.fsencode(self.socket)) > SOCKET_PATH_MAX:
            raise ValueError(f"the socket path is longer than {SOCKET_PATH_MAX} bytes; choose a shorter one")
        return self

    @property
    def hosted(self) -> list[DoorTable]:
        """The doors gate-io drives."""
        return [door for door in self.door if door.hosted]

    def rules(self) -> dict[AccessPointId, DoorRules]:
        return {AccessPointId(door.access_point): door.rules() for door in self.hosted}


def load_profile(path: Path) -> Profile:
    """Read, check, and let every driver check its own table; opens no device.

    Raises:
        ConfigError: one sentence about the first mistake.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), f"cannot be read ({error})", "Name a readable profile.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(str(path), f"is not TOML ({error})", "Correct the profile.") from error
    return parse_profile(table, str(path))


def parse_profile(table: dict[str, Any], where: str = "profile") -> Profile:
    """The same for a table that is already in memory."""
    try:
        profile = Profile.model_validate_json(json.dumps(table, default=str), strict=True)
    except ValidationError as error:
        first = first_of(error)
        raise complaint(first, where, f"Known here: {_known(first['loc'])}.") from error
    for number, door in enumerate(profile.door):
        _check_drivers(door, f"{where}.door.{number}")
    return profile


def _check_drivers(door: DoorTable, where: str) -> None:
    kind: Kind = "locks" if door.hosted else "node_locks"
    settings_of(resolve(kind, door.lock.driver), door.lock.rest, f"{where}.lock")
    points = _points(door, where)
    for number, reader in enumerate(door.readers):
        settings_of(resolve("readers", reader.driver), reader.rest, f"{where}.readers.{number}")
    for number, light in enumerate(door.indicators):
        settings_of(resolve("indicators", light.driver), light.rest, f"{where}.indicators.{number}")
    if not door.hosted:
        _check_node_lock(door, where)
    elif door.inputs is None:
        raise ConfigError(f"{where}.inputs", "is missing", "Wire at least a contact, and write it here.")
    if door.hosted and door.lock_profile is LockProfile.BARRIER and Point.BEAM not in points:
        raise ConfigError(
            f"{where}.inputs.beam", "is missing at a barrier", "Wire its light beam, and write it here."
        )
    if Point.FIRE in points and door.fire_group is None:
        raise ConfigError(
            f"{where}.fire_group", "is missing beside a fire input", "Name the doors' fire group."
        )
    if Point.REX not in points and door.rex_unlocks:
        raise ConfigError(f"{where}.rex_unlocks", "is true without a rex input", "Wire one or write false.")


def _points(door: DoorTable, where: str) -> frozenset[Point]:
    if door.inputs is None:
        return frozenset()
    inputs = settings_of(resolve("inputs", door.inputs.driver), door.inputs.rest, f"{where}.inputs")
    points: frozenset[Point] = inputs.points
    return points


def _check_node_lock(door: DoorTable, where: str) -> None:
    """Fire release and the way out must work with the node dead, so a lock of the node has neither (hardware.md §2.5)."""
    if door.fire_group is not None:
        raise ConfigError(
            f"{where}.fire_group",
            f"stands at a door whose lock ({door.lock.driver}) the node drives: fire could not open it without the node",
            "Use a lock that gate-io drives, or take the door out of the fire group.",
        )
    if door.inputs is not None or door.readers or door.indicators:
        raise ConfigError(
            f"{where}.inputs",
            f"stands at a door whose lock ({door.lock.driver}) the node drives; gate-io does not know that door",
            "Wire the lock to gate-io too, or leave the inputs, readers and indicators out.",
        )


def _known(loc: tuple[int | str, ...]) -> str:
    model: type[BaseModel] = DoorTable if loc[:1] == ("door",) and len(loc) > 2 else Profile
    return ", ".join(model.model_fields)


def profile_hash(profile: Profile) -> str:
    """32 hex digits; node and gate-io compare them, so that neither believes in other wires than the other."""
    text = json.dumps(profile.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
