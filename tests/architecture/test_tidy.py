"""Our own small tidy: what a reader should never have to point out twice."""

import ast
import json
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRODUCT = ("edge/", "cloud_sync/", "models/")
OURS = (*PRODUCT, "demo/", "bench/", "sim/", "tools/", "tests/")

FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 70

# Only these may ask what time it is; everybody else is told (house rule 6).
CLOCKS = {
    "edge/drivers/clock.py",  # the node's clock port
    "edge/gateio/journal.py",  # its own process; a line says when it was written
    "edge/drivers/locks/simulated.py",  # a device that keeps its own record, as a real one would
    "edge/cli.py",  # a command a person types; it ends before time matters
    "edge/update/cli.py",  # likewise
    "cloud_sync/cli.py",  # likewise
    "cloud_sync/jobs.py",  # the service's clock port
    "cloud_sync/web/tls.py",  # a certificate is young or old by the day it is looked at
}
# A wait without an event to wait for: only where hardware sets the pace.
SLEEPERS = ("edge/drivers/", "edge/gateio/")

PICTURE_NAMES = {
    ".png",
    ".jpg",
    ".jpeg",
    ".gif",
    ".webp",
    ".bmp",
    ".tif",
    ".tiff",
    ".mp4",
    ".mov",
    ".avi",
    ".npy",
}
PICTURE_BYTES = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF8", b"RIFF", b"BM6", b"II*\0", b"MM\0*")

# Written in two halves, so that this file may stand among those it looks at.
REGISTRIES = (
    "pypi" + ".org",
    "python" + "hosted.org",
    "npm" + "js.org",
    "npm" + "js.com",
    "yarn" + "pkg.com",
)
INDEX_OPTION = re.compile("--(extra-)?" + r"index-url|--find" + r"-links")
MACHINE_PATH = re.compile(r"(?<![\w.])/(" + "work|ro" + r"ot|home/\w+|Users/\w+)/")


@cache
def tracked() -> tuple[str, ...]:
    """Every file that is, or would be, committed."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    names = tuple(name for name in run.stdout.split("\0") if name and (ROOT / name).is_file())
    assert names
    return names


def python(*roots: str) -> list[str]:
    return [name for name in tracked() if name.endswith(".py") and name.startswith(roots)]


@cache
def texts() -> list[str]:
    """What people wrote: everything but pictures."""
    return [name for name in tracked() if not is_picture(name)]


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8", errors="replace")


def hits(pattern: re.Pattern[str], names: list[str]) -> list[str]:
    """``file:line`` of every place the pattern stands."""
    return [
        f"{name}:{number}"
        for name in names
        for number, line in enumerate(text_of(name).splitlines(), start=1)
        if pattern.search(line)
    ]


def functions(name: str) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(text_of(name))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield f"{name}:{node.lineno} {node.name}", node.end_lineno - node.lineno + 1


def calls(name: str) -> Iterator[tuple[str, int]]:
    """Every call of this file as dotted text, with its line."""
    for node in ast.walk(ast.parse(text_of(name))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node.lineno


def test_no_file_is_longer_than_can_be_read_in_one_go():
    long = {name: len(text_of(name).splitlines()) for name in python(*OURS)}
    assert {name: n for name, n in long.items() if n > FILE_LINES_MAX} == {}


def test_no_function_leaves_the_screen():
    long = [(where, n) for name in python(*OURS) for where, n in functions(name) if n > FUNCTION_LINES_MAX]
    assert long == []


def test_nobody_sleeps_but_who_waits_for_a_device():
    asleep = [
        f"{name}:{line}"
        for name in python(*PRODUCT, "tools/")
        if not name.startswith(SLEEPERS)
        for call, line in calls(name)
        if call == "time.sleep"
    ]
    assert asleep == []


def test_only_the_clocks_ask_what_time_it_is():
    asking = {
        "time.time",
        "time.time_ns",
        "datetime.now",
        "datetime.datetime.now",
        "datetime.utcnow",
        "date.today",
    }
    nosy = [
        f"{name}:{line}"
        for name in python(*PRODUCT)
        if name not in CLOCKS
        for call, line in calls(name)
        if call in asking
    ]
    assert nosy == []


def test_nothing_is_left_for_later():
    later = re.compile(r"\b(" + "TO" + "DO|FIX" + "ME|XX" + r"X)\b")
    assert hits(later, texts()) == []


def test_no_address_of_a_package_registry_is_written_down():
    address = re.compile("|".join(re.escape(registry) for registry in REGISTRIES))
    assert hits(address, texts()) == []
    assert hits(INDEX_OPTION, texts()) == []


def test_no_path_of_somebodys_machine_is_written_down():
    assert hits(MACHINE_PATH, texts()) == []


def locks() -> list[str]:
    return [
        name for name in tracked() if re.fullmatch(r"requirements/\w+\.txt", name) and "overrides" not in name
    ]


@pytest.mark.parametrize("name", locks())
def test_a_python_lock_names_hashes_and_no_address(name):
    text = text_of(name)
    entries = re.split(r"\n(?=[A-Za-z0-9])", re.sub(r"(?m)^#.*\n", "", text).strip())
    assert entries
    for entry in entries:
        assert re.match(r"[A-Za-z0-9._\[\]-]+==\S+", entry), entry
        assert "--hash=sha256:" in entry, entry
    assert "://" not in text


def test_the_browser_lock_names_hashes_and_no_address():
    text = text_of("package-lock.json")
    brought = {name: entry for name, entry in json.loads(text)["packages"].items() if name}
    assert brought
    assert all(entry["integrity"].startswith("sha512-") for entry in brought.values())
    assert '"resolved"' not in text
    assert "://" not in text


def is_picture(name: str) -> bool:
    with (ROOT / name).open("rb") as file:
        head = file.read(8)
    return Path(name).suffix.lower() in PICTURE_NAMES or head.startswith(PICTURE_BYTES)


def test_the_only_pictures_are_those_of_our_own_pages():
    elsewhere = [
        name
        for name in tracked()
        if is_picture(name) and not re.fullmatch(r"docs/pictures/[\w-]+\.png", name)
    ]
    assert elsewhere == []
