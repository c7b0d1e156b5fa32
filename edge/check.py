"""``gatehouse-node check``: every mistake of a node's files in a sentence each; starts and opens nothing.

Mistakes are what cannot run or would not do what was meant; warnings are what somebody has to have decided.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from pydantic import ValidationError, model_validator

from edge.compose_devices import check_devices
from edge.config import DoorConfig, NodeConfig, contradictions, sentence_of
from edge.core.door_profile import RANGES_MS, WATCHDOG_MARGIN_MS
from edge.core.face_mode import FaceMode
from edge.core.tailgating import Tailgate
from edge.errors import ConfigError, GateError
from edge.gateio.mistakes import points_of, profile_mistakes, without_echoes
from edge.gateio.profile import DoorTable, LockProfile, Profile
from edge.ports import Point
from edge.store.device_key import read_join

SIMULATED = "simulated"


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence about one file."""

    file: Path
    sentence: str
    warning: bool = False

    def __str__(self) -> str:
        return f"{'warning: ' if self.warning else ''}{self.file}: {self.sentence}"


class _Tree(NodeConfig):
    """The node's file without its cross-checks, which stop at the first mistake."""

    @model_validator(mode="after")
    def _consistent(self) -> "_Tree":
        return self


def findings(config: Path | None, io_profile: Path | None) -> list[Finding]:
    """About the node's file, its I/O profile (the one it names, or this one), and what they say together."""
    tree, found = (None, []) if config is None else node_findings(config)
    wires = io_profile or (tree.io_profile if tree is not None else None)
    if wires is None:
        return found
    profile, mistakes = profile_mistakes(wires)
    found += [Finding(wires, str(mistake)) for mistake in mistakes]
    if profile is not None:
        found += [Finding(wires, text, warning=True) for text in profile_warnings(profile)]
    if config is not None and tree is not None and profile is not None:
        found += cross_findings(config, tree, wires, profile)
    return found


# --- the node's file ---------------------------------------------------------------------------------------------


def node_findings(path: Path) -> tuple[NodeConfig | None, list[Finding]]:
    """The configuration where its shape is right, and a sentence for every mistake in it."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        return None, [Finding(path, f"cannot be read ({error}). Name an existing file.")]
    except tomllib.TOMLDecodeError as error:
        return None, [Finding(path, f"is not TOML: {error}. Correct that line.")]
    try:
        tree = _Tree.model_validate(raw)
    except ValidationError as error:
        return None, [Finding(path, sentence_of(one)) for one in without_echoes(error.errors())]
    texts = [f"{sentence}." for sentence in contradictions(tree)]
    texts += [*_about_cameras(tree), *_about_devices(tree), *_about_join(tree)]
    return tree, [Finding(path, text) for text in texts]


def _about_cameras(tree: NodeConfig) -> Iterator[str]:
    installed = sorted(point.name for point in entry_points(group="gatehouse.cameras"))
    names = [camera.name for camera in tree.cameras]
    for camera in tree.cameras:
        if camera.driver not in installed:
            yield f"camera {camera.name}: no driver named {camera.driver!r}. Installed: {', '.join(installed)}."
        if names.count(camera.name) > 1:
            yield f"camera {camera.name} is written twice. Give each a name of its own."


def _about_devices(tree: NodeConfig) -> Iterator[str]:
    try:
        check_devices(tree)
    except GateError as error:
        yield str(error)


def _about_join(tree: NodeConfig) -> Iterator[str]:
    """What the community answered, where it is here already."""
    if not tree.join_file.exists():
        return
    try:
        join = read_join(tree.join_file)
    except GateError as error:
        yield str(error)
        return
    if join.node != tree.node:
        yield f"join_file {tree.join_file} is for node {join.node}, not {tree.node}. Use this node's own."
    for door in tree.doors:
        wanted = tree.face.enabled and door.face.mode is not FaceMode.OFF
        if wanted and door.access_point not in join.face_doors:
            yield (
                f"door {door.access_point}: face is on here and not at the community. Switch it on there "
                "('gatehouse-sync face enable'), fetch the join file again, or switch it off here."
            )


# --- the wires ------------------------------------------------------------------------------------------------------


def profile_warnings(profile: Profile) -> Iterator[str]:
    """Nothing here is wrong; somebody has to have decided it."""
    for door in profile.door:
        name = f"door {door.access_point}"
        if door.lock_profile is LockProfile.MAGLOCK_FAIL_SAFE and not door.egress_path_signed_by:
            yield (
                f"{name}: the magnet has no signed egress path, so it lets go whenever gate-io dies. Try the hardware "
                "path, commission the door, and write egress_path_signed_by; or leave it so."
            )
        if door.hosted and door.fire_group is None:
            yield f"{name}: stands in no fire group, so no fire input opens it. Its way out has to be mechanical."


# --- both together --------------------------------------------------------------------------------------------------


def cross_findings(config: Path, tree: NodeConfig, wires: Path, profile: Profile) -> list[Finding]:
    """What the node's file and the I/O profile say against each other."""
    tables = {door.access_point: door for door in profile.door}
    served = {door.access_point for door in tree.doors}
    found = [
        Finding(
            wires,
            f"door {name}: is wired, and {config} has no such door: nobody's pass opens it. Add it there.",
        )
        for name in tables
        if name not in served
    ]
    for door in tree.doors:
        table = tables.get(door.access_point)
        if table is None:
            wired = ", ".join(sorted(tables))
            found.append(
                Finding(config, f"door {door.access_point}: is not wired in {wires}. Wired there: {wired}.")
            )
        else:
            found += [Finding(config, text) for text in _door_mistakes(tree, door, table)]
            found += [Finding(config, text, warning=True) for text in _door_warnings(door, table)]
    found += [Finding(config, text) for text in _rehearsal(tree, profile)]
    found += [Finding(config, text, warning=True) for text in _simulation(tree, profile)]
    return found


def _door_mistakes(tree: NodeConfig, door: DoorConfig, table: DoorTable) -> Iterator[str]:
    name = f"door {door.access_point}"
    yield from _timer_mistakes(name, door, table)
    points = points_of(table)
    if door.face.mode is not FaceMode.OFF and table.hosted and Point.CONTACT not in points:
        yield (
            f"{name}: face is on and no contact is wired, so nobody would know whether a grant was used. Wire a "
            "contact, or switch face off."
        )
    sees = tree.face.enabled and door.face.mode is not FaceMode.OFF and door.camera is not None
    if door.tailgate is not Tailgate.OFF and not (sees or Point.BEAM in points):
        yield f"{name}: tailgate has neither faces nor a beam to count people with. Wire a beam, or take tailgate away."
    if door.camera is None and not table.readers and not (tree.kiosk.port and tree.kiosk.pin_pad):
        yield f"{name}: has no camera, no reader and no keypad, so nothing can be shown to it. Give it one of them."


def _timer_mistakes(name: str, door: DoorConfig, table: DoorTable) -> Iterator[str]:
    longest = door.t_release_ms + door.t_extension_ms
    most = RANGES_MS["t_max_energise_ms"][1] - WATCHDOG_MARGIN_MS
    if longest > most:
        yield (
            f"{name}: t_release_ms {door.t_release_ms} with the {longest - door.t_release_ms} ms of extended times is "
            f"longer than {most} ms, where the watchdog of the lock begins. Shorten it."
        )
    elif longest > table.max_pulse_ms:
        yield (
            f"{name}: t_release_ms {door.t_release_ms} with the {longest - door.t_release_ms} ms of extended times is "
            f"longer than max_pulse_ms {table.max_pulse_ms} of its lock, which would refuse it. Change one of them."
        )


def _door_warnings(door: DoorConfig, table: DoorTable) -> Iterator[str]:
    name = f"door {door.access_point}"
    if door.kind != "room" and table.hosted and Point.CONTACT not in points_of(table):
        yield f"{name}: has no contact, so it cannot be commissioned. Wire one."
    if door.kind != "room" and not table.hosted:
        yield (
            f"{name}: its lock ({table.lock.driver}) is driven by the node over a radio; that is for rooms, not for the "
            "way into a house."
        )


def _rehearsal(tree: NodeConfig, profile: Profile) -> Iterator[str]:
    if tree.clock.rehearsal is not None and (real := _real_locks(profile)):
        yield f"clock.rehearsal moves the time of day, and door {real[0]} has a real lock. Take it out."


def _simulation(tree: NodeConfig, profile: Profile) -> Iterator[str]:
    real = _real_locks(profile)
    if tree.simulation and real:
        yield (
            f"simulation is true, and door {real[0]} has a real lock: it opens without a commissioning list, and for "
            "invented faces where their engine runs. Take it out at a real door."
        )
    if not tree.simulation and tree.face.enabled and tree.face.engine == "synthetic":
        yield "face.engine is synthetic without simulation = true: its faces open nothing. Name a real engine."


def _real_locks(profile: Profile) -> list[str]:
    return [door.access_point for door in profile.door if door.lock.driver != SIMULATED]


def verdict(config: Path | None, io_profile: Path | None) -> list[Finding]:
    """As ``findings``.

    Raises:
        ConfigError: neither file was named.
    """
    if config is None and io_profile is None:
        raise ConfigError("check", "needs a file", "Name the node's file, an I/O profile with --io, or both")
    return findings(config, io_profile)
