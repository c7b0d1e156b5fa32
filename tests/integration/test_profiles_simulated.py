"""Every profile of firmware_config starts gate-io for real, with simulated hands, and its doors do what doors do."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from edge.commission.watch import GateWatch
from edge.drivers.inputs.simulated import set_point
from edge.errors import LockSilent
from edge.gateio.mistakes import points_of
from edge.gateio.profile import load_profile, profile_hash
from edge.ports import Point

ROOT = Path(__file__).parents[2]
FIRMWARE = ROOT / "firmware_config"
PROFILES = sorted((FIRMWARE / "profiles").glob("*.toml"))
WITHIN_S = 60.0


def until(true, what):
    end = time.monotonic() + WITHIN_S
    while not true():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.02)


@contextlib.contextmanager
def gate_io(path: Path, folder: Path):
    with (folder / "log").open("wb") as log:
        program = subprocess.Popen(
            [sys.executable, "-m", "edge.gateio", str(path), "--simulate", str(folder)],
            cwd=ROOT, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        until(lambda: "serving" in (folder / "log").read_text() or program.poll() is not None, "gate-io")
        assert program.poll() is None, (folder / "log").read_text()
        yield
    finally:
        program.send_signal(signal.SIGTERM)
        assert program.wait(WITHIN_S) == 0


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_a_profile_starts_with_simulated_hands_and_serves_its_doors(path, tmp_path_factory):
    profile, folder = load_profile(path), tmp_path_factory.mktemp("p")
    with gate_io(path, folder), GateWatch(folder / "io.sock") as watch:
        shot = watch.snapshot()
        assert set(shot.outputs) == {door.access_point for door in profile.hosted}
        for door in profile.hosted:
            name, rig = door.access_point, folder / f"{door.access_point}-rig.sock"
            points = points_of(door)
            assert {Point(point) for point in shot.points[name]} == points
            assert "simulated" in watch.selftest(name)
            released = door.lock_profile.release_energises
            assert shot.outputs[name] is not released
            if door.rex_unlocks:
                set_point(rig, name, Point.REX, True)
                assert watch.until(lambda now, n=name, up=released: now.outputs[n] is up, WITHIN_S)
                set_point(rig, name, Point.REX, False)
            if Point.FIRE in points:
                set_point(rig, name, Point.FIRE, True)
                assert watch.until(lambda now, n=name: "fire" in now.latches.get(n, ()), WITHIN_S)
        hosted = load_profile(folder / "io.toml")
        assert [door.access_point for door in hosted.door] == [door.access_point for door in profile.door]
    for door in profile.hosted:
        moves = [
            json.loads(line)["event"]
            for line in (folder / f"{door.access_point}-lock.jsonl").read_text().splitlines()
        ]
        assert moves if door.lock_profile.release_energises is False or door.rex_unlocks else True


def test_a_node_that_uses_the_written_profile_compares_the_same_wires(tmp_path_factory):
    folder = tmp_path_factory.mktemp("p")
    path = FIRMWARE / "profiles" / "osdp_reader_door.toml"
    with gate_io(path, folder):
        written = tomllib.loads((folder / "io.toml").read_text())
        (door,) = written["door"]
        assert {door["lock"]["driver"], door["inputs"]["driver"], door["readers"][0]["driver"]} == {
            "simulated"
        }
        assert profile_hash(load_profile(folder / "io.toml")) != profile_hash(load_profile(path))


# --- the two programs of a boot ------------------------------------------------------------------------------------


def run(program: str, *asked: str):
    script = FIRMWARE / "provisioning" / program
    done = subprocess.run(
        [sys.executable, str(script), *asked], capture_output=True, text=True, timeout=180, cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.stderr == ""
    return done.returncode, done.stdout


NODE = """
node = "n1"
data_dir = "{folder}/data"
join_file = "{folder}/join.json"
io_profile = "{folder}/io.toml"
[[doors]]
access_point = "unit-3"
kind = "unit"
"""


def test_the_first_boot_makes_the_key_shows_the_claim_code_and_asks_every_lock(tmp_path_factory):
    folder = tmp_path_factory.mktemp("f")
    node = folder / "node.toml"
    node.write_text(NODE.format(folder=folder))
    path = FIRMWARE / "profiles" / "osdp_reader_door.toml"
    with gate_io(path, folder):
        status, said = run("firstboot.py", str(node))
        assert status == 0, said
        first, *_ = said.splitlines()
        assert first.startswith("FIRSTBOOT node n1: claim code ")
        assert "unit-3: a simulated lock" in said
        asked = json.loads((folder / "data" / "join-request.json").read_text())
        assert (asked["node"], asked["access_points"][0]["access_point"]) == ("n1", "unit-3")
        assert run("firstboot.py", str(node))[1] == said
        status, said = run("health.py", str(node), "--within", "0")
        assert (status, said[:12]) == (1, "HEALTH-FAIL ")
        assert "no node answers there" in said
    (folder / "data" / "firstboot.done").unlink()
    status, said = run("firstboot.py", str(node))
    assert (status, said.startswith("FIRSTBOOT-FAIL gate-io at")) == (1, True)
    assert not (folder / "data" / "firstboot.done").exists()


def test_whoever_may_not_watch_is_told_so(tmp_path):
    with pytest.raises(LockSilent, match="cannot be watched"), GateWatch(tmp_path / "none.sock"):
        pass
