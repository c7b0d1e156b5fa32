"""What a program asked of its disk, call by call, as strace saw it; and a disk that can lose power between two calls."""

import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # the program is found from here, wherever the caller stands
TRACED = "openat,write,pwrite64,ftruncate,fsync,fdatasync,rename,unlink"
# Calls that would change a file in a way the replay does not know: seen on one of ours, they end it.
FORBIDDEN = "pwritev,pwritev2,writev,fallocate,copy_file_range,renameat,renameat2,unlinkat,truncate"
SECTOR = 512
RECORD_S = 300
VOLATILE = "-shm"  # SQLite's shared memory: never read after a power cut

_CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)\) += (-?\d+)")
_HEX = re.compile(r"\\x([0-9a-f]{2})")
_FD = re.compile(r"^(\d+)<((?:\\x[0-9a-f]{2})*)>")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


class Kind(StrEnum):
    MAKE = "make"
    WRITE = "write"
    CUT_TO = "cut to"
    FLUSH = "flush"
    REMOVE = "remove"
    RENAME = "rename"
    SAID = "said"


@dataclass(frozen=True, slots=True)
class Call:
    kind: Kind
    name: str = ""
    offset: int = 0
    data: bytes = b""
    to: str = ""  # the new name


def record(writer: str, folder: Path, events: int) -> list[Call]:
    """Run ``demo.faults.writer`` in this empty folder and return what it asked of the disk there, in order.

    Raises:
        RuntimeError: strace is missing or may not trace, or the program did something the replay does not know.
    """
    if shutil.which("strace") is None:
        raise RuntimeError("strace is not on this machine: apt install strace")
    trace = folder.with_name(f"{folder.name}.trace")
    command = [
        "strace", "-f", "-y", "-xx", "-s", "10000000", "-o", str(trace), "-e", f"trace={TRACED},{FORBIDDEN}",
        sys.executable, "-m", "demo.faults.writer", writer, str(folder), str(events),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=RECORD_S, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"the recorded program ended with {done.returncode}: {done.stderr[-1000:]}")
    with trace.open() as lines:
        return list(_calls(lines, folder.resolve()))


def _calls(lines: Iterator[str], folder: Path) -> Iterator[Call]:
    written: dict[str, int] = {}  # of files that are written from their beginning on
    for line in lines:
        found = _CALL.match(line)
        if found is None:
            if "unfinished" in line and _hexed(str(folder)) in line:
                raise RuntimeError(f"two threads wrote at once: {line[:120]}")
            continue
        name, arguments, result = found[1], found[2], int(found[3])
        if result < 0:
            continue
        call = _said(name, arguments) or _on_file(name, arguments, result, folder)
        if call is None or call.name.endswith(VOLATILE):
            continue
        if name == "openat" and "O_TRUNC" in arguments:
            yield call
            call, written[call.name] = Call(Kind.CUT_TO, call.name), 0
        elif name == "write" and call.kind is Kind.WRITE:
            at = written.get(call.name, 0)
            call, written[call.name] = replace(call, offset=at), at + len(call.data)
        yield call


def _said(name: str, arguments: str) -> Call | None:
    """A promise on stdout."""
    if name == "write" and arguments.startswith("1<"):
        return Call(Kind.SAID, offset=int(_text(arguments)))
    return None


def _on_file(name: str, arguments: str, result: int, folder: Path) -> Call | None:
    """A change of a file below the folder; None for everything else."""
    opened = _FD.match(arguments)
    path = Path(_unhex(opened[2]) if opened else _path(arguments))
    if not path.is_relative_to(folder) or path == folder:
        return None
    if name in FORBIDDEN.split(",") or (name == "write" and path.name == "reserve"):
        if path.name == "reserve":
            return None  # the ballast: its content is nothing
        raise RuntimeError(f"{name} on {path.name}: the replay does not know this call")
    match name:
        case "openat":
            return Call(Kind.MAKE, path.name) if "O_CREAT" in arguments and path.name != "reserve" else None
        case "write":  # where: behind what was written since it was opened
            return Call(Kind.WRITE, path.name, data=bytes.fromhex(_text_hex(arguments))[:result])
        case "rename":
            named = Path(bytes.fromhex(_TEXT.findall(arguments)[1].replace("\\x", "")).decode())
            return Call(Kind.RENAME, path.name, to=named.name)
        case "pwrite64":
            data = bytes.fromhex(_text_hex(arguments))
            return Call(Kind.WRITE, path.name, int(arguments.rsplit(", ", 1)[1]), data[:result])
        case "ftruncate":
            return Call(Kind.CUT_TO, path.name, int(arguments.rsplit(", ", 1)[1]))
        case "unlink":
            return Call(Kind.REMOVE, path.name)
        case _:
            return Call(Kind.FLUSH, path.name)


def _hexed(text: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in text.encode())


def _unhex(text: str) -> str:
    return bytes.fromhex(text.replace("\\x", "")).decode()


def _text_hex(arguments: str) -> str:
    found = _TEXT.search(arguments)
    return "" if found is None else found[1].replace("\\x", "")


def _text(arguments: str) -> str:
    return bytes.fromhex(_text_hex(arguments)).decode()


def _path(arguments: str) -> str:
    return _text(arguments)


class Loses(StrEnum):
    """What becomes of writes that were not flushed when the power went."""

    ALL = "all"  # nothing of them is there
    HALF = "half"  # each one is there or not
    TORN = "torn"  # each sector of each one is there or not
    NONE = "none"  # all of them are there, as after a kill
    LIED = "lied"  # a card that only says it has flushed: half of everything since it was opened


@dataclass(slots=True)
class _File:
    sure: bytearray = field(default_factory=bytearray)
    unsure: list[Call] = field(default_factory=list)
    whole: list[Call] = field(default_factory=list)  # since the file was made, for a card that lies


class Disk:
    """Files as the platter would have them.  Names are ordered metadata: made and removed in the order of the calls."""

    def __init__(self) -> None:
        self._files: dict[str, _File] = {}
        self.promised = 0

    def take(self, call: Call) -> None:
        match call.kind:
            case Kind.SAID:
                self.promised = call.offset
            case Kind.MAKE:
                self._files.setdefault(call.name, _File())
            case Kind.REMOVE:
                self._files.pop(call.name, None)
            case Kind.RENAME:
                self._files[call.to] = self._files.pop(call.name)
            case Kind.FLUSH:
                file = self._files[call.name]
                for change in file.unsure:
                    _apply(file.sure, change)
                file.unsure.clear()
            case _:
                file = self._files[call.name]
                file.unsure.append(call)
                file.whole.append(call)

    def lay(self, folder: Path, loses: Loses, dice: random.Random) -> None:
        """Write into an empty folder what is there when the power comes back."""
        for name, file in self._files.items():
            left = bytearray() if loses is Loses.LIED else bytearray(file.sure)
            for change in file.whole if loses is Loses.LIED else file.unsure:
                for part in _survives(change, loses, dice):
                    _apply(left, part)
            (folder / name).write_bytes(left)


def _survives(change: Call, loses: Loses, dice: random.Random) -> Iterator[Call]:
    if loses is Loses.ALL:
        return
    if loses is Loses.NONE:
        yield change
    elif loses is Loses.TORN and change.kind is Kind.WRITE:
        for at in range(0, len(change.data), SECTOR):
            if dice.random() < 0.5:
                yield Call(Kind.WRITE, change.name, change.offset + at, change.data[at : at + SECTOR])
    elif dice.random() < 0.5:
        yield change


def _apply(to: bytearray, change: Call) -> None:
    if change.kind is Kind.CUT_TO:
        del to[change.offset :]
        to.extend(bytes(change.offset - len(to)))
        return
    end = change.offset + len(change.data)
    if len(to) < end:
        to.extend(bytes(end - len(to)))
    to[change.offset : end] = change.data
