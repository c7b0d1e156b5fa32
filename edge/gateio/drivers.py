"""Lock and input drivers are found by name through entry points, ours exactly like a stranger's.

The type of the ``settings`` parameter of a driver's open function says what may be written in its table.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Any, Literal, get_type_hints

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from edge.errors import ConfigError

Kind = Literal["locks", "node_locks", "inputs", "readers", "indicators", "supplies", "voices"]


@dataclass(frozen=True, slots=True)
class Driver:
    name: str
    open: Callable[
        ..., Any
    ]  # open_lock or open_inputs of edge.ports; a foreign one answers for its own types
    settings: type[Any]


def installed(kind: Kind) -> frozenset[str]:
    """The names of the drivers of this kind."""
    return frozenset(point.name for point in entry_points(group=f"gatehouse.{kind}"))


@cache
def resolve(kind: Kind, name: str) -> Driver:
    """The installed driver of this name.

    Raises:
        ConfigError: there is none, or it does not say what its settings are.
    """
    known = {point.name: point for point in entry_points(group=f"gatehouse.{kind}")}
    if name not in known:
        installed = ", ".join(sorted(known)) or "none"
        raise ConfigError(f"{kind}.driver", f"no driver named {name!r}", f"Installed: {installed}.")
    opener = known[name].load()
    settings = get_type_hints(opener).get("settings")
    if not (isinstance(settings, type) and is_dataclass(settings)):
        raise ConfigError(
            f"{kind}.driver", f"{name} does not type its settings", "Ask its author for a settings dataclass."
        )
    return Driver(name, opener, settings)


def settings_of(driver: Driver, table: dict[str, object], where: str) -> Any:
    """The driver's own settings from the table the owner wrote.

    Raises:
        ConfigError: an unknown key, a missing one or a value out of bounds.
    """
    try:
        # Through JSON, so that strict mode still turns text into paths.
        return TypeAdapter(driver.settings).validate_json(json.dumps(table, default=str), strict=True)
    except ValidationError as error:
        known = ", ".join(field.name for field in fields(driver.settings))
        raise complaint(first_of(error), where, f"{driver.name} knows: {known}.") from error


UNKNOWN_KEY = ("extra_forbidden", "unexpected_keyword_argument")


def first_of(error: ValidationError) -> ErrorDetails:
    """The mistake to tell first: a mistyped key explains the missing one beside it."""
    found = error.errors()
    return next((one for one in found if one["type"] in UNKNOWN_KEY), found[0])


def complaint(error: ErrorDetails, where: str, known: str) -> ConfigError:
    """The owner's sentence for what pydantic found."""
    key = ".".join([where, *(str(part) for part in error["loc"])]).strip(".")
    match error["type"]:
        case "extra_forbidden" | "unexpected_keyword_argument":
            return ConfigError(key, "unknown key", known)
        case "missing" | "missing_argument":
            return ConfigError(key, "is missing", known)
        case _:
            problem = error["msg"].removeprefix("Value error, ").rstrip(".")
            return ConfigError(key, f"{problem} (found {error['input']!r})"[:300], "Correct the profile.")
