"""What every suite shares: the first line of a bug report, and no skip that hides in CI."""

import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from xdist.scheduler import LoadFileScheduling

from cloud_sync.store import accounts
from tests.fakes import rtsp_peer, shapes, upsd_house
from tests.fakes.postgres_house import Cluster
from tests.stories.catalogue import unknown

ROOT = Path(__file__).parent.parent
CLIPS = ROOT / ".cache" / "clips"

NEEDS = {
    "mosquitto": (
        lambda: shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin") is not None,
        "apt install mosquitto",
    ),
    "mosquitto_clients": (lambda: shutil.which("mosquitto_sub") is not None, "apt install mosquitto-clients"),
    "postgres": (
        lambda: bool(list(Path("/usr/lib/postgresql").glob("*/bin/postgres"))),
        "apt install postgresql",
    ),
    "chromium": (Path("/usr/bin/chromium").exists, "apt install chromium fonts-noto-cjk"),
    "clips": ((CLIPS / "stamp").exists, "make clips"),
    "rtsp": (
        cache(rtsp_peer.is_installed),
        "apt install python3-gi gir1.2-gst-rtsp-server-1.0",
    ),
    "strace": (lambda: shutil.which("strace") is not None, "apt install strace"),
    "espeak": (
        lambda: all(Path(name).exists() for name in ("/usr/bin/espeak-ng", "/usr/bin/aplay")),
        "apt install espeak-ng alsa-utils",
    ),
    "upsd": (upsd_house.is_installed, "apt install nut-server"),
    "systemd": (lambda: shutil.which("systemd-analyze") is not None, "apt install systemd"),
}


# What a kernel may offer instead of our fakes of it.
KERNEL = {"gpio-sim": "/sys/kernel/config/gpio-sim", "uinput": "/dev/uinput"}


# Thousands of small databases are written and flushed: where the machine has room, in memory.
RAM = Path("/dev/shm")
RAM_ROOM = 4_000_000_000


def pytest_configure() -> None:
    """What tests and their programs write to a temporary folder stays in memory; whoever sets TMPDIR chooses otherwise."""
    if "TMPDIR" not in os.environ and os.access(RAM, os.W_OK) and shutil.disk_usage(RAM).free > RAM_ROOM:
        os.environ["TMPDIR"] = tempfile.tempdir = str(RAM)


def pytest_report_header() -> str:
    kernel = [name for name, path in KERNEL.items() if Path(path).exists()]
    tried = ", ".join(kernel) or "none of gpio-sim, uinput: their fakes stand for them"
    python = f"gatehouse on Python {sys.version.split()[0]}, SQLite {sqlite3.sqlite_version}"
    return f"{python}; of the kernel: {tried}; written to {tempfile.gettempdir()}"


def pytest_itemcollected(item: pytest.Item) -> None:
    """A mark that names no clause of a story ends the run before it begins."""
    for mark in item.iter_markers("story"):
        if wrong := unknown(mark.args):
            raise pytest.UsageError(f"{item.nodeid}: no clause of a story: {', '.join(map(str, wrong))}")


# Minutes each, in this order: begun first, they are over when everything else is.
LONGEST = ("test_evening.py", "test_kills.py", "test_live_demo.py", "test_every_page.py", "test_every_page_registry.py",
           "test_every_privacy_page.py", "test_node_kills.py", "test_commands.py", "test_restore_drill.py", "test_guest_walk.py")  # fmt: skip
# Of these, each plays a whole evening with some ten programs: one at a time.
EVENINGS = {"test_evening.py", "test_kills.py", "test_live_demo.py"}
PROGRAMS = {"contract", "integration", "fault", "browser"}
LONG = {"invariants", "simulation"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, then those with real programs; thousands of quick tests fill what is left."""
    items.sort(key=lambda item: _turn(item.path))


def _turn(path: Path) -> int:
    if path.name in LONGEST:
        return LONGEST.index(path.name)
    suite = path.parent.name
    return len(LONGEST) + (0 if suite in PROGRAMS else 1 if suite in LONG else 2)


class ByFiles(LoadFileScheduling):  # type: ignore[misc]
    """One worker for the tests of one file, and one for all whole evenings."""

    def _split_scope(self, nodeid: str) -> str:
        file = str(super()._split_scope(nodeid))
        return "evenings" if Path(file).name in EVENINGS else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadFileScheduling | None:
    return ByFiles(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Name what is missing and how to get it; in CI a missing part is a failure."""
    for name, (present, remedy) in NEEDS.items():
        if item.get_closest_marker(name) is not None and not present():
            sentence = f"{name} is not on this machine: {remedy}"
            if os.environ.get("CI"):
                pytest.fail(f"skipped in CI: {sentence}")
            pytest.skip(sentence)


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """Half of a suite with accounts was spent in argon2; the programs that tests start keep the real parameters."""
    kept, accounts.HASHER = accounts.HASHER, PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    yield
    accounts.HASHER = kept


@pytest.fixture(scope="session", autouse=True)
def quick_shapes() -> Iterator[None]:
    """Twenty migrations for every small database took longer than most tests; the programs that tests start do them all."""
    with shapes.copied():
        yield


@pytest.fixture
def every_migration() -> Iterator[None]:
    """For tests of the migrations: files begin empty."""
    with shapes.step_by_step():
        yield


@pytest.fixture(scope="session")
def clips() -> Path:
    """The folder of real clips; ask for it together with the marker ``clips``."""
    return CLIPS


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """PostgreSQL of one's own; ask for it together with the marker ``postgres``."""
    cluster = Cluster()
    yield cluster
    cluster.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a new service database, of either kind: whoever asks for it is run on both."""
    if request.param == "sqlite":
        yield str(tmp_path / "service.db")
        return
    cluster: Cluster = request.getfixturevalue("postgres")
    made = shapes.new_postgres(cluster)
    yield made
    cluster.drop(made)
