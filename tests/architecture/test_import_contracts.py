"""The arrows between the rooms hold, and each rule is seen to catch the trespass it is there for."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("edge", "cloud_sync", "models")
LINT = Path(sys.executable).with_name("lint-imports")

# One file (or two) for each rule: what somebody in a hurry would write.
TRESPASS: dict[str, dict[str, str]] = {
    "edge: rooms in layers": {"edge/core/trespass.py": "import edge.runtime"},
    "cloud_sync: rooms in layers": {"cloud_sync/core/trespass.py": "import cloud_sync.store.tables"},
    "the pure rooms touch nothing": {"edge/core/trespass.py": "def now():\n    import time\n"},
    "who writes the truth knows no rule": {
        "cloud_sync/synth/trespass.py": "import cloud_sync.core.rules_stay"
    },
    "who scores knows no rule": {"cloud_sync/score/truth.py": "import cloud_sync.core.policy"},
    "who scores and what is scored share no rule": {
        "cloud_sync/score/trespass.py": "import cloud_sync.core.rules_stay"
    },
    "the decisions do not know the wire": {"edge/core/trespass.py": "import msgspec"},
    "edge knows the cloud only by the protocol": {"edge/link/trespass.py": "import cloud_sync.store.tables"},
    "the cloud and the models never reach into a gate": {"models/trespass.py": "import edge.core.events"},
    "no gate can draw an attack": {"edge/runtime/trespass.py": "import models.attacks.scene"},
    "the cloud never sees a face": {"cloud_sync/web/trespass.py": "import numpy"},
    "only the composition root names the hands": {"edge/runtime/trespass.py": "import edge.drivers.clock"},
    "the runtime knows ports, not databases or brokers": {"edge/runtime/trespass.py": "import sqlite3"},
    "door I/O stays small": {"edge/gateio/trespass.py": "import numpy"},
    "locks do not know each other": {"edge/drivers/locks/trespass.py": "import edge.drivers.locks.simulated"},
    "supplies do not know each other": {
        "edge/drivers/supplies/trespass.py": "import edge.drivers.supplies.simulated"
    },
    "voices do not know each other": {
        "edge/drivers/voices/trespass.py": "import edge.drivers.voices.simulated"
    },
    "inputs do not know each other": {
        "edge/drivers/inputs/trespass.py": "import edge.drivers.inputs.simulated"
    },
    "readers do not know each other": {
        "edge/drivers/readers/trespass.py": "import edge.drivers.readers.simulated"
    },
    "indicators do not know each other": {
        "edge/drivers/indicators/trespass.py": "import edge.drivers.indicators.simulated"
    },
    "cameras do not know each other": {
        "edge/drivers/cameras/trespass.py": "import edge.drivers.cameras.replay"
    },
    "engines do not know each other": {"models/engines/trespass.py": "import models.engines.synthetic"},
    "points and sanctions are no input of access": {
        "cloud_sync/protocol/trespass.py": "import cloud_sync.store.points"
    },
    "no circles": {"models/here.py": "import models.there", "models/there.py": "import models.here"},
}


def contracts() -> list[str]:
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    return [contract["name"] for contract in rules["contracts"]]


def verdicts(root: Path) -> dict[str, str]:
    """KEPT or BROKEN by contract, as import-linter prints it."""
    command = [LINT, "--no-logo", "--no-cache"]
    run = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=180)
    # A rule with exceptions is followed by their number.
    found = dict(re.findall(r"^(.+?) (KEPT|BROKEN)(?: \(.*\))?$", run.stdout, re.MULTILINE))
    assert found, f"import-linter gave no verdict:\n{run.stdout}{run.stderr}"
    assert (run.returncode == 0) == ("BROKEN" not in found.values())
    return found


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages and their rules in a place of their own."""
    root = tmp_path_factory.mktemp("rooms")
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package,
            root / package,
            ignore=lambda folder, names: {n for n in names if _is_data(folder, n)},
        )
    shutil.copy(ROOT / "pyproject.toml", root)
    return root


def _is_data(folder: str, name: str) -> bool:
    return name == "__pycache__" or (not (Path(folder) / name).is_dir() and not name.endswith(".py"))


@pytest.fixture
def rooms(untouched: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(untouched, tmp_path / "rooms"))


def build(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.mark.invariant(19, 20)
def test_every_arrow_is_kept():
    assert verdicts(ROOT) == dict.fromkeys(contracts(), "KEPT")


def test_every_contract_has_its_trespass():
    assert sorted(TRESPASS) == sorted(contracts())


@pytest.mark.parametrize("contract", TRESPASS)
@pytest.mark.invariant(19, 20)
def test_a_deliberate_break_is_caught(contract, rooms):
    build(rooms, TRESPASS[contract])
    assert verdicts(rooms)[contract] == "BROKEN"


@pytest.mark.parametrize("package", ["edge", "cloud_sync"])
def test_a_folder_that_is_not_on_the_map_is_caught(package, rooms):
    build(rooms, {f"{package}/annex/__init__.py": ""})
    assert verdicts(rooms)[f"{package}: rooms in layers"] == "BROKEN"
