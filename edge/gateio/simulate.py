"""Simulated hands in place of the named drivers: a real profile tried on a desk, without one wire.

Every door keeps its own: ``NAME-lock.jsonl`` is what its lock did, ``NAME-rig.sock`` where its inputs are pressed,
``NAME-reader-N.sock`` where a card is shown, ``NAME-light-N.jsonl`` what its lights were told.
"""

import json
from pathlib import Path
from typing import Any

from edge.gateio.drivers import resolve, settings_of
from edge.gateio.profile import DoorTable, Profile, parse_profile
from edge.ports import Point

SIMULATED = "simulated"


def simulated(profile: Profile, folder: Path) -> Profile:
    """The same doors with simulated devices; socket, latches, journal and rigs lie in ``folder``.

    A node that shall find this gate-io runs with ``folder``/io.toml as its I/O profile: the wires are others, and
    both sides compare them.

    Raises:
        ConfigError: a path of ``folder`` is too long for a socket.
    """
    table: dict[str, Any] = {
        "socket": str(folder / "io.sock"),
        "state_dir": str(folder / "state"),
        "journal": str(folder / "journal.jsonl"),
        "door": [_simulated_door(door, folder) for door in profile.door],
    }
    made = parse_profile(table, "simulated profile")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "io.toml").write_text(_toml(table), encoding="utf-8")
    return made


def _simulated_door(door: DoorTable, folder: Path) -> dict[str, Any]:
    table = door.model_dump(mode="json", exclude_defaults=True)
    if not door.hosted:
        return table  # its lock is the node's, and so is what stands for it
    name = door.access_point
    points = sorted(_points(door))
    table["lock"] = {"driver": SIMULATED, "record": str(folder / f"{name}-lock.jsonl")}
    table["inputs"] = {"driver": SIMULATED, "rig": str(folder / f"{name}-rig.sock"), "wired": points}
    for part, key, ending in (
        ("readers", "rig", "reader-{}.sock"),
        ("indicators", "record", "light-{}.jsonl"),
    ):
        if part in table:
            table[part] = [
                {"driver": SIMULATED, key: str(folder / f"{name}-{ending.format(number)}")}
                for number in range(len(table[part]))
            ]
    return table


def _points(door: DoorTable) -> frozenset[Point]:
    assert door.inputs is not None, "a hosted door has inputs"
    driver = resolve("inputs", door.inputs.driver)
    points: frozenset[Point] = settings_of(driver, door.inputs.rest, f"{door.access_point}.inputs").points
    return points


def _toml(table: dict[str, Any]) -> str:
    """Enough TOML for a profile: texts, numbers and truths of JSON are those of TOML."""
    return "".join(f"{key} = {_value(item)}\n" for key, item in table.items())


def _value(item: object) -> str:
    match item:
        case dict():
            return "{ " + ", ".join(f"{key} = {_value(one)}" for key, one in item.items()) + " }"
        case list():
            return "[" + ", ".join(_value(one) for one in item) + "]"
        case _:
            return json.dumps(item, ensure_ascii=False)
