"""Every mistake of an I/O profile at once, each as one sentence; gate-io itself stops at the first.

What this page knows of less than gate-io does is asked of gate-io's own reading at the end, so that nothing is called
right here that is refused there.
"""

import difflib
import json
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from edge.errors import ConfigError
from edge.gateio.drivers import UNKNOWN_KEY, Driver, Kind, installed, resolve
from edge.gateio.profile import DoorTable, DriverTable, LockProfile, Profile, parse_profile
from edge.ports import Point

MISSING = ("missing", "missing_argument")

# How alike a mistyped key and a missing one have to be to be one mistake and not two.
ALIKE = 0.6


def profile_mistakes(path: Path) -> tuple[Profile | None, list[ConfigError]]:
    """The profile where it is right, else a sentence for every mistake in it; opens no device."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        return None, [ConfigError("the file", f"cannot be read ({error})", "Name a readable profile.")]
    except tomllib.TOMLDecodeError as error:
        return None, [ConfigError("the file", f"is not TOML ({error})", "Correct that line.")]
    if found := [*_of_the_table(table)]:
        return None, found
    try:
        return parse_profile(table, "profile"), []
    except ConfigError as error:
        return None, [error]


def _of_the_table(table: dict[str, Any]) -> Iterator[ConfigError]:
    text = json.dumps(table, default=str)
    try:
        Profile.model_validate_json(text, strict=True)
    except ValidationError as error:
        yield from _sentences(error, table)
    doors = table.get("door")
    if isinstance(doors, list):
        for number, raw in enumerate(doors):
            yield from _of_a_door(raw, _door_name(doors, number))
        yield from _lines_used_twice(doors)


def _of_a_door(raw: object, where: str) -> Iterator[ConfigError]:
    """What the drivers and the door as a whole say; a door that has the wrong shape was told before."""
    try:
        door = DoorTable.model_validate_json(json.dumps(raw, default=str), strict=True)
    except (ValidationError, TypeError):
        return
    found = [*_of_the_drivers(door, where)]
    yield from found
    if not found:
        yield from _of_the_whole(door, where)


def _of_the_drivers(door: DoorTable, where: str) -> Iterator[ConfigError]:
    lock: Kind = "locks" if door.hosted else "node_locks"
    parts: list[tuple[Kind, DriverTable, str]] = [(lock, door.lock, "lock")]
    if door.inputs is not None:
        parts.append(("inputs", door.inputs, "inputs"))
    parts += [("readers", reader, f"readers.{n}") for n, reader in enumerate(door.readers)]
    parts += [("indicators", light, f"indicators.{n}") for n, light in enumerate(door.indicators)]
    for kind, table, part in parts:
        try:
            driver = resolve(kind, table.driver)
        except ConfigError as error:
            yield _driver_mistake(error, kind, table.driver, f"{where}.{part}.driver")
        else:
            yield from _of_settings(driver, table, f"{where}.{part}")


def _of_settings(driver: Driver, table: DriverTable, where: str) -> Iterator[ConfigError]:
    try:
        # Through JSON, as gate-io reads it: strict mode still turns text into paths.
        TypeAdapter(driver.settings).validate_json(json.dumps(table.rest, default=str), strict=True)
    except ValidationError as error:
        known = [field.name for field in fields(driver.settings)]
        for one in _distinct(error.errors()):
            yield _sentence(one, where, one["loc"], known, driver.name)


def _of_the_whole(door: DoorTable, where: str) -> Iterator[ConfigError]:
    """What only shows when lock, inputs and door are seen together."""
    points = _points(door)
    if not door.hosted and door.fire_group is not None:
        yield ConfigError(
            f"{where}.fire_group",
            f"stands at a door whose lock ({door.lock.driver}) the node drives: fire could not open it without the node",
            "Use a lock that gate-io drives, or take the door out of the fire group.",
        )
    if door.hosted and door.inputs is None:
        yield ConfigError(f"{where}.inputs", "is missing", "Wire at least a contact, and write it here.")
    if Point.FIRE in points and door.fire_group is None:
        yield ConfigError(
            f"{where}.fire_group", "is missing beside a fire input", "Name the doors' fire group."
        )
    if door.rex_unlocks and door.inputs is not None and Point.REX not in points:
        yield ConfigError(f"{where}.rex_unlocks", "is true without a rex input", "Wire one or write false.")
    if not door.rex_unlocks and door.lock_profile is LockProfile.MAGLOCK_FAIL_SAFE:
        yield ConfigError(
            f"{where}.rex_unlocks",
            "is false at a magnet, which holds from inside too: nobody could leave while it has current",
            "Wire an exit button and write true.",
        )
    if door.lock_profile is LockProfile.BARRIER and Point.BEAM not in points:
        yield ConfigError(
            f"{where}.inputs",
            "a barrier has no beam input",
            "Wire one: a barrier closes only over a clear beam.",
        )


def _points(door: DoorTable) -> frozenset[Point]:
    if door.inputs is None:
        return frozenset()
    driver = resolve("inputs", door.inputs.driver)
    settings = TypeAdapter(driver.settings).validate_json(
        json.dumps(door.inputs.rest, default=str), strict=True
    )
    points: frozenset[Point] = settings.points
    return points


def points_of(door: DoorTable) -> frozenset[Point]:
    """The input points this door has wired; the profile has been found right."""
    return _points(door)


def _lines_used_twice(doors: list[object]) -> Iterator[ConfigError]:
    """One wire does one thing: a relay that is somebody's input too, or two doors on one relay."""
    seen: dict[str, str] = {}
    for number, door in enumerate(doors):
        lines = [*_lines(door)]
        # Two inputs of one door are the input driver's own complaint.
        for line, part in {(line, part) for line, part in lines}:
            where = f"{_door_name(doors, number)}.{part}"
            before = seen.setdefault(line, where)
            if before != where:
                first, second = sorted((before, where))
                yield ConfigError(
                    second,
                    f"names line {line}, which {first} has already",
                    "One line does one thing; correct one.",
                )


def _lines(door: object) -> Iterator[tuple[str, str]]:
    if not isinstance(door, dict):
        return
    for part in ("lock", "inputs"):
        table = door.get(part)
        if isinstance(table, dict):
            for value in (table, *table.values()):
                if isinstance(value, dict) and isinstance(value.get("line"), str):
                    yield value["line"], part


# --- pydantic's findings in the owner's words ------------------------------------------------------------------------


def _sentences(error: ValidationError, table: dict[str, Any]) -> Iterator[ConfigError]:
    for one in _distinct(error.errors()):
        loc = one["loc"]
        if loc[:1] == ("door",) and len(loc) > 1 and isinstance(loc[1], int):
            where = _door_name(table["door"], loc[1])
            yield _sentence(one, where, loc[2:], [*DoorTable.model_fields], "a door")
        else:
            yield _sentence(one, "profile", loc, [*Profile.model_fields], "a profile")


def _sentence(
    one: ErrorDetails, where: str, loc: tuple[int | str, ...], known: list[str], knower: str
) -> ConfigError:
    key = ".".join([where, *map(str, loc)])
    if one["type"] in UNKNOWN_KEY:
        return ConfigError(key, "unknown key", _meant(str(loc[-1]), known, f"{knower} knows"))
    if one["type"] in MISSING:
        return ConfigError(key, "is missing", "Write it.")
    if one["type"] == "string_pattern_mismatch":
        problem = f"{one['input']!r} may have letters, digits, '.', '_', ':' and '-' only, and begins with one of the first two"
        return ConfigError(key, problem, "Choose another name.")
    problem = one["msg"].removeprefix("Value error, ").rstrip(".")
    problem = problem.replace("Input should", "should").replace("List should", "should")
    shown = "" if isinstance(one["input"], dict | list) else f" (found {one['input']!r})"
    return ConfigError(key, (problem + shown)[:300], "Correct it.")


def _meant(written: str, known: list[str], otherwise: str) -> str:
    """What was probably meant, else everything that is understood."""
    near = difflib.get_close_matches(written, known, 1, ALIKE)
    return f"Did you mean {near[0]}?" if near else f"{otherwise}: {', '.join(known)}."


def _driver_mistake(error: ConfigError, kind: Kind, name: str, where: str) -> ConfigError:
    here = sorted(installed(kind) | (installed("node_locks") if kind == "locks" else frozenset()))
    if name in here:  # it is there and cannot be used: its own sentence says why
        return ConfigError(where, str(error).rstrip("."), "Ask its author.")
    return ConfigError(where, f"no driver named {name!r}", _meant(name, here, "Installed"))


def _distinct(found: list[ErrorDetails]) -> list[ErrorDetails]:
    """Without the missing key that a mistyped one beside it explains, and without echoes."""
    found = without_echoes(found)
    mistyped = {one["loc"] for one in found if one["type"] in UNKNOWN_KEY}
    return [
        one
        for one in found
        if one["type"] not in MISSING or not any(_explains(loc, one["loc"]) for loc in mistyped)
    ]


def without_echoes(found: list[ErrorDetails]) -> list[ErrorDetails]:
    """A list whose members were all wrong is also told to be too short; that is no mistake of its own."""
    return [
        one
        for one in found
        if one["type"] != "too_short"
        or not any(other is not one and other["loc"][: len(one["loc"])] == one["loc"] for other in found)
    ]


def _explains(mistyped: tuple[int | str, ...], missing: tuple[int | str, ...]) -> bool:
    if mistyped[:-1] != missing[:-1]:
        return False
    return difflib.SequenceMatcher(None, str(mistyped[-1]), str(missing[-1])).ratio() >= ALIKE


def _door_name(doors: list[Any], number: int) -> str:
    """``door 2 (gate-south)``: counted as a person counts."""
    named = doors[number].get("access_point") if isinstance(doors[number], dict) else None
    return f"door {number + 1} ({named})" if isinstance(named, str) and named else f"door {number + 1}"
