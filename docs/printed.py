"""What the pages quote, printed from the program itself; cog puts it into them and `make check` compares."""

import dataclasses
import re
import types
import typing
from collections.abc import Iterator, Sequence
from datetime import date
from enum import Enum, StrEnum
from importlib.metadata import EntryPoint, entry_points
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any, Literal

import msgspec
import typer
from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from docs.words import ARGUMENTS, KEYS

HERE = Path(__file__).parent
NONE = "–"


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A markdown table; a bar inside a cell is escaped."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


# --- configuration ---------------------------------------------------------------------------------------------


def settings(model: type[BaseModel], name: str = "") -> str:
    """Every key of a configuration tree: its own table, then one for each table inside it."""
    parts = [_heading(model, name), table(("key", "value", "default", "what it is"), list(_keys(model)))]
    parts += [settings(inner, path) for path, inner in _inside(model, name)]
    return "\n\n".join(part for part in parts if part)


def _heading(model: type[BaseModel], name: str) -> str:
    text = (model.__doc__ or "").strip().splitlines()
    about = text[0] if text and model.__doc__ != BaseModel.__doc__ else ""
    about = re.sub(r"^``\[?[\w.]+\]?``: ", "", about).replace("``", "`")
    about = " ".join((about[:1].upper() + about[1:]).split())
    return "\n\n".join(part for part in (f"#### `{name}`" if name else "", about) if part)


def _keys(model: type[BaseModel]) -> Iterator[tuple[str, ...]]:
    for key, field in model.model_fields.items():
        said = field.description or KEYS.get(f"{model.__name__}.{key}", "")
        yield f"`{key}`", value(field), default(field), said


def _inside(model: type[BaseModel], name: str) -> Iterator[tuple[str, type[BaseModel]]]:
    for key, field in model.model_fields.items():
        for kind, many in _models(field.annotation):
            path = f"{name.strip('[]')}.{key}".strip(".")
            yield (f"[[{path}]]" if many else f"[{path}]"), kind


def _models(annotation: Any) -> Iterator[tuple[type[BaseModel], bool]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, False
    many = typing.get_origin(annotation) in {list, tuple}
    for part in typing.get_args(annotation):
        for kind, _ in _models(part):
            yield kind, many


def value(field: FieldInfo) -> str:
    """The kind of value and its bounds, in words."""
    bounds = [text for rule in _rules(field) if (text := _bound(rule))]
    kind = "" if any(text.startswith("like") for text in bounds) else kind_of(field.annotation)
    return ", ".join(part for part in (kind, *bounds) if part)


def _rules(field: FieldInfo) -> list[Any]:
    rules = list(field.metadata)
    for part in (field.annotation, *typing.get_args(field.annotation)):
        for inner in getattr(part, "__metadata__", ()):
            rules += inner.metadata if isinstance(inner, FieldInfo) else [inner]
    return rules


def _bound(rule: Any) -> str:
    match rule:
        case Ge(ge=low):
            return f"≥ {low}"
        case Gt(gt=low):
            return f"> {low}"
        case Le(le=high):
            return f"≤ {high}"
        case Lt(lt=high):
            return f"< {high}"
        case MinLen(min_length=least):
            return f"at least {least} long"
        case MaxLen(max_length=most):
            return f"at most {most} long"
        case _:
            pattern = getattr(rule, "pattern", None)
            return f"like `{pattern}`" if pattern else ""


def kind_of(annotation: Any) -> str:
    """A type in words a person who writes TOML uses."""
    origin, inside = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return kind_of(inside[0])
    if origin is Literal:
        return " / ".join(f"`{word}`" for word in inside)
    if origin in {types.UnionType, typing.Union}:
        return " or ".join(kind_of(part) for part in inside if part is not type(None))
    if origin in {list, tuple}:
        return f"{kind_of(inside[0])}, repeatable"
    return _plain(annotation)


def _plain(kind: Any) -> str:
    if isinstance(kind, type) and issubclass(kind, Enum):
        return " / ".join(f"`{member.value}`" for member in kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return "table"
    words = {
        str: "text",
        int: "whole number",
        float: "number",
        bool: "true / false",
        Path: "path",
        date: "date",
        IPv4Network: "network like `192.168.7.0/24`",
        IPv6Network: "network like `fd00:7::/64`",
    }
    return words.get(kind, "table")


def default(field: FieldInfo) -> str:
    if field.is_required():
        return "**needed**"
    given = field.get_default(call_default_factory=True)
    if given is None or given in ({}, (), [], ""):
        return NONE
    if isinstance(given, BaseModel):
        return "see below"
    if isinstance(given, tuple):
        given = tuple(str(one) if isinstance(one, StrEnum) else one for one in given)
    return f"`{str(given).lower() if isinstance(given, bool) else given}`"


def drivers() -> str:
    """What may be written in the table of each installed driver."""
    from edge.drivers.cameras.picamera2 import Picamera2Settings
    from edge.drivers.cameras.replay import ReplaySettings
    from edge.drivers.cameras.rtsp import RtspSettings
    from edge.drivers.cameras.v4l2 import V4l2Settings
    from edge.gateio.drivers import Kind, resolve

    kinds: tuple[Kind, ...] = ("locks", "node_locks", "inputs", "readers", "indicators", "supplies", "voices")
    found = [
        (f"{kind}: {point.name}", resolve(kind, point.name).settings)
        for kind in kinds
        for point in _points(kind)
    ]
    cameras = {
        "picamera2": Picamera2Settings,
        "replay": ReplaySettings,
        "rtsp": RtspSettings,
        "v4l2": V4l2Settings,
    }
    found += [(f"cameras: {name}", kind) for name, kind in cameras.items()]
    return "\n\n".join(f"#### {name}\n\n{driver_keys(kind)}" for name, kind in found)


def rungs() -> str:
    """Every installed driver of a device, and how far it has come."""
    from edge.drivers.rungs import rung_of

    kinds = ("locks", "node_locks", "inputs", "readers", "indicators", "cameras", "supplies", "voices")
    rows = [(kind, f"`{point.name}`", rung_of(kind, point.name)) for kind in kinds for point in _points(kind)]
    return table(("port", "driver", "rung"), rows)


def _points(kind: str) -> list[EntryPoint]:
    return sorted(entry_points(group=f"gatehouse.{kind}"), key=lambda point: point.name)


def driver_keys(kind: type[Any]) -> str:
    hints = typing.get_type_hints(kind)
    rows = [
        (f"`{one.name}`", kind_of(hints[one.name]), _given(one), _words(kind, one.name))
        for one in dataclasses.fields(kind)
    ]
    return table(("key", "value", "default", "what it is"), rows)


def _words(kind: type[Any], key: str) -> str:
    """What was written of this key of this dataclass, or of the one it comes from."""
    written = (KEYS.get(f"{base.__name__}.{key}", "") for base in kind.__mro__)
    return next(filter(None, written), "")


def _given(one: dataclasses.Field[Any]) -> str:
    if one.default is dataclasses.MISSING:
        return "**needed**"
    if one.default is None:
        return NONE
    if isinstance(one.default, tuple):
        return ", ".join(f"`{part}`" for part in one.default)
    return f"`{str(one.default).lower()}`"


def ways() -> str:
    """What may be written in the table of each installed way to reach a guest."""
    from cloud_sync.connectors.notify.ways import installed

    return "\n\n".join(settings(way.settings, f"[notify.{name}]") for name, way in installed().items())


def recipients() -> str:
    """What may be written in the table of each installed recipient of reports."""
    from cloud_sync.connectors.upstream.ways import installed

    return "\n\n".join(settings(way.settings, f"[upstream.{name}]") for name, way in installed().items())


def fields_at_most() -> str:
    """Which fields may leave for each installed recipient, by operation."""
    from cloud_sync.connectors.upstream.ways import installed

    rows = [
        (
            f"`{name}`",
            f"`{op}`",
            ", ".join(_field(one) for one in fields) or "none: the recipient's own number only",
        )
        for name, way in installed().items()
        for op, fields in way.shape.fields.items()
    ]
    return table(("recipient", "operation", "fields at most"), rows)


def _field(one: Any) -> str:
    whom = "" if one.when == "always" else f" (of a {one.when})"
    return f"{one.name}{whom}" if one.needed else f"*{one.name}*{whom}"


# --- commands --------------------------------------------------------------------------------------------------


def commands(app: typer.Typer, name: str) -> str:
    """Every command of a program: what it does, its arguments and options."""
    return "\n\n".join(_command(command, path) for path, command in walk(typer.main.get_command(app), name))


def walk(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """``(full name, command)`` of everything that can be typed."""
    inside = getattr(command, "commands", None)
    if inside is None:
        yield name, command
        return
    for word in sorted(inside):
        yield from walk(inside[word], f"{name} {word}")


def _command(command: Any, name: str) -> str:
    rows = [_parameter(part) for part in command.params if part.name != "help"]
    spoken = " ".join(
        [name, *(_placed(part) for part in command.params if part.param_type_name == "argument")]
    )
    about = " ".join((command.help or "").split())
    parts = [
        f"### `{spoken}`",
        about,
        table(("option", "value", "default", "what it is"), rows) if rows else "",
    ]
    return "\n\n".join(part for part in parts if part)


def _placed(part: Any) -> str:
    word = part.name.upper()
    return word if part.required else f"[{word}]"


def _parameter(part: Any) -> tuple[str, ...]:
    is_argument = part.param_type_name == "argument"
    spelled = part.name.upper() if is_argument else ", ".join((*part.opts, *part.secondary_opts))
    given = "**needed**" if part.required else NONE
    if not part.required and part.default not in (None, (), False, ""):
        given = f"`{part.default}`"
    kind = "flag" if getattr(part, "is_bool_flag", False) else kind_of(part.type_descriptor.annotation)
    return f"`{spelled}`", kind, given, _help(part)


def _help(part: Any) -> str:
    word = part.name.upper() if part.param_type_name == "argument" else part.opts[0]
    said = " ".join((getattr(part, "help", "") or ARGUMENTS.get(word, "")).split())
    variable = getattr(part, "envvar", None)
    return f"{said} Or the variable `{variable}`." if variable else said


# --- the wire --------------------------------------------------------------------------------------------------


def topics() -> str:
    """Where everything travels; the words come from ``cloud_sync.protocol.topics``."""
    from cloud_sync.protocol.topics import UP, NodeTopics, sink_state, up_filter, zone_cmd

    one = NodeTopics("{community}", "{node}")
    down = {"ack": one.ack, "auth": one.auth, "auth/head": one.auth_head, "erase": one.erase}
    down |= {"auth/deny": one.auth_deny, "auth/delta": one.auth_delta, "auth/pull": one.auth_pull}
    down |= {"cmd": one.cmd, "cfg": one.cfg}
    down |= {"faces": one.faces, "sealed": one.sealed, "sealed/ack": one.sealed_ack}
    down |= {"cert": one.cert, "keys": one.keys}
    rows = [(f"`{one.up(kind)}`", "up", _about("up", kind)) for kind in UP]
    rows += [(f"`{topic}`", "down", _about("down", kind)) for kind, topic in down.items()]
    rows.append((f"`{zone_cmd('{community}', '{zone}')}`", "down", ZONE_SAID))
    rows.append(
        (
            f"`{sink_state('{community}')}`",
            "down",
            "`SinkState`, retained: the sink is there, and its generation",
        )
    )
    heard = (
        f"A node subscribes to `{one.down_all}`, to the commands of its own zones and to nothing else, a sink to "
        f"`{up_filter('{community}')}`."
    )
    return table(("topic", "way", "what travels"), rows) + "\n\n" + heard


ZONE_SAID = "`Command` with two signatures, never retained: every door of the zone is to do something now"
RESERVED = "reserved for a later release; nobody speaks there yet"
_ABOUT = {
    ("up", "ev"): "`Batch`: events in order, at most 100",
    ("up", "hello"): "`Hello`: at every connection and each 30 s",
    ("up", "st"): "`State`, retained; the will says offline",
    ("up", "cmdack"): "`CmdAck`: what became of a command so far",
    ("up", "authack"): "`AuthAck`: the receipt for a pass set",
    ("up", "repair"): "`Repair`: what a node has that does not get further by deltas (version 2)",
    ("up", "eraseack"): "`EraseAck`: the receipt for an erasure",
    ("up", "sealed"): "`Sealed`: a template for another node, which only that one opens; never retained",
    ("up", "sealedack"): "`SealedAck`: kept, or refused and why",
    ("up", "renew"): "`Renew`: a wish for another certificate, signed by the device key",
    ("down", "cert"): "`Issued`: the certificate; never retained, whoever lacks it asks again",
    ("down", "keys"): "`KeyChain`, retained: every link from an old key to the one after it",
    ("down", "faces"): "`Roster`, retained and signed: which nodes take part in faces",
    ("down", "sealed"): "`Sealed`, as its sender signed it; never retained",
    ("down", "sealed/ack"): "`SealedAck`: what became of an envelope of this node's",
    ("down", "ack"): "`Ack`: what is committed; never retained",
    ("down", "cmd"): "`Command`, signed, never retained: one door is to do something now",
    ("down", "auth"): "`Part`: a slice of a whole set, or of some of its buckets",
    ("down", "auth/deny"): "`Deny`, signed: what is taken away, ahead of everything else (version 2)",
    ("down", "auth/delta"): "`Delta`, signed: from one version of the set to the next (version 2)",
    ("down", "auth/head"): "`Head`, retained and signed: which pass set the node has to hold",
    ("down", "auth/pull"): "`Pull`: the whole set waits at the pages, to be fetched (version 2)",
    ("down", "erase"): "`Erase`, signed: whose templates go",
}


def _about(way: str, kind: str) -> str:
    return _ABOUT.get((way, kind), RESERVED)


def messages() -> str:
    """Every message with its fields as they travel."""
    from cloud_sync.protocol import commands, delta, pull
    from cloud_sync.protocol import messages as wire

    ours = [
        kind
        for module in (wire, delta, pull, commands)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct)
        if kind.__module__ == module.__name__ and msgspec.structs.fields(kind)
    ]
    return "\n\n".join(_message(kind) for kind in ours)


def _message(kind: type[msgspec.Struct]) -> str:
    shape = ", as an array in this order" if kind.__struct_config__.array_like else ""
    about = " ".join((kind.__doc__ or "").replace("``", "`").split())
    rows = [
        (f"`{field.encode_name}`", _wire_kind(field.type), _wire_default(field)) for field in _fields(kind)
    ]
    head = f"### {kind.__name__}{shape}"
    return "\n\n".join(
        part for part in (head, about, table(("field", "type", "left out when"), rows)) if part
    )


def _fields(kind: type[msgspec.Struct]) -> tuple[Any, ...]:
    return msgspec.structs.fields(kind)


def _wire_kind(kind: Any) -> str:
    if typing.get_origin(kind) is typing.Annotated:
        return _wire_kind(typing.get_args(kind)[0])
    words = str(getattr(kind, "__name__", kind)) if isinstance(kind, type) else str(kind)
    words = re.sub(r"Annotated\[(\w+), [^\]]*\]", r"\1", words)
    return "`" + re.sub(r"\b(typing|msgspec|cloud_sync\.protocol\.messages)\.", "", words) + "`"


def _wire_default(field: Any) -> str:
    if field.required:
        return NONE
    if field.default_factory is not msgspec.NODEFAULT:
        return "empty"
    return f"`{str(field.default).lower()}`" if isinstance(field.default, bool) else f"`{field.default!r}`"


# --- decisions -------------------------------------------------------------------------------------------------


def adr_index() -> str:
    """The records by number, each with its title."""
    pages = sorted((HERE / "adr").glob("[0-9]*.md"))
    rows = [
        (f"[{page.stem[:4]}]({page.name})", page.read_text().splitlines()[0].removeprefix("# "))
        for page in pages
    ]
    return table(("record", "decision"), [(number, title.partition(". ")[2]) for number, title in rows])
