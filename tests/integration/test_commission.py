"""A door without a signed list gives no grants; a technician walks it against a real node and a real gate-io."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the rig is not a test and not a package

from node_rig import NodeRig, Phone, pass_row

from demo.stage import wait_until
from edge.commission.cli import pen_of, site_of
from edge.commission.site import Left
from edge.commission.walk import walk
from edge.config import load
from edge.core.commissioning import Item, Outcome, Verdict
from edge.drivers.inputs.simulated import set_point
from edge.errors import GateError
from edge.gateio.profile import load_profile
from edge.ports import Point
from tests.fakes.walking_technician import WalkingTechnician

DOOR = "AP-t-001"
PATIENCE_S = 60.0

pytestmark = pytest.mark.clips


class Walk:
    """A node whose door nobody commissioned, and a technician with the rig's hands."""

    def __init__(self, folder: Path, clips: Path) -> None:
        self.rig = NodeRig(folder, clips, face=False)
        self.config = self.rig.config
        text = self.config.read_text()
        text = text.replace("simulation = true\n", "").replace('mode = "one_to_n"', 'mode = "off"')
        self.config.write_text(text)
        io = folder / "io.toml"
        wired = io.read_text().replace('"contact", "rex"', '"contact", "rex", "fire"')
        io.write_text(wired.replace("rex_unlocks = true", 'rex_unlocks = true\nfire_group = "house"'))
        self.boot = "boot-1"
        self.phone = Phone()
        self.technician = WalkingTechnician(
            {
                "contact_open": lambda: self.set(Point.CONTACT, True),
                "contact_close": lambda: self.set(Point.CONTACT, False),
                "rex_press": lambda: self.set(Point.REX, True),
                "rex_let_go": lambda: self.set(Point.REX, False),
                "fire_begin": lambda: self.set(Point.FIRE, True),
                "fire_quiet": lambda: self.set(Point.FIRE, False),
                "dead_begin_locked": self.kill_gate_io,
                "other_way": lambda: self.rig.stage.show_code(self.phone.code(), "technician"),
            }
        )

    def set(self, point: Point, level: bool) -> None:
        set_point(self.rig.folder / "rig.sock", DOOR, point, level)

    def kill_gate_io(self) -> None:
        program = self.rig._programs[0]
        program.send_signal(signal.SIGKILL)
        program.wait(60)
        self.rig._programs[0] = self.rig.start("-m", "edge.gateio", "io.toml", log="gateio.log")
        self.rig._programs.pop()

    def walk(self):
        settings = load(self.config)
        profile = load_profile(settings.io_profile)
        site = site_of(settings, profile, DOOR, "T-7", self.technician)
        site.patience_s = PATIENCE_S
        site.boot_id = lambda: self.boot
        return walk(site, pen_of(settings, site.table))

    @property
    def folder(self) -> Path:
        return self.rig.folder / "data" / "commissioning"

    def verify(self, path: Path, *more: str) -> tuple[int, str]:
        command = [
            sys.executable,
            "-c",
            "from edge.cli import main; main()",
            "commission",
            "--verify",
            str(path),
        ]
        done = subprocess.run(
            [*command, *more], capture_output=True, text=True, timeout=180, cwd=self.rig.folder,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def site(tmp_path_factory, clips):
    return Walk(tmp_path_factory.mktemp("c"), clips)


def outcomes(report):
    return {item: check.outcome for item, check in report.latest.items()}


def test_a_door_is_walked_signed_for_and_opens_only_then(site):
    rig = site.rig
    other = Phone()
    rig.put_passes(pass_row("p-guest", site.phone), pass_row("p-other", other))
    with rig:
        assert "not commissioned: no report is signed" in rig.door()["lock"]
        assert any("not commissioned" in fault for fault in rig.ask({"do": "status"})["faults"])
        first = site.walk()
        assert first.power_next, site.technician.seen
        assert (first.path, first.report.verdict) == (None, Verdict.UNFINISHED), site.technician.seen
        # The technician's code was a guest's own good one, and it opened nothing.
        denied = rig.wait_event("access.denied")
        assert (denied["reason"], denied["pass_id"]) == ("pt:Blocked", "p-guest")
        assert all(event.body.get("pass_id") is None for event in rig.events("access.granted"))
        site.boot = "boot-2"
        done = site.walk()
        assert done.report.verdict is Verdict.PASSED, site.technician.seen
        assert outcomes(done.report) == dict.fromkeys(Item, Outcome.PASSED)
        assert rig.door()["lock"] == "OK"
        rig.lane_is_empty()
        rig.stage.show_code(other.code(), "guest")
        wait_until(
            lambda: any(event.body.get("pass_id") == "p-other" for event in rig.events("access.granted")),
            within_s=60,
            what="the guest's own code opens",
        )
    names = sorted(path.name for path in site.folder.iterdir())
    assert names == [done.path.name]
    assert site.verify(done.path, "--config", str(site.config))[0] == 0
    status, said = site.verify(done.path)
    assert status == 0
    assert "AP-t-001 of node n1: passed, by T-7" in said
    forged = json.loads(done.path.read_bytes())
    forged["report"]["by"] = "T-8"
    done.path.with_suffix(".forged").write_text(json.dumps(forged))
    status, said = site.verify(done.path.with_suffix(".forged"))
    assert (status, "was changed after it was signed" in said) == (2, True)


def test_what_does_not_work_is_written_down_and_the_door_stays_shut(site):
    technician = site.technician
    del technician.does["contact_open"]  # the contact's wire is cut: it never says open
    technician.no = {"lock_seen"}
    rig = site.rig
    with rig:
        site_patience = 1.0
        settings = load(site.config)
        profile = load_profile(settings.io_profile)
        place = site_of(settings, profile, DOOR, "T-7", technician)
        place.patience_s, place.boot_id = site_patience, lambda: site.boot
        technician.does["other_way"] = technician.does["dead_begin_locked"] = lambda: None
        pen = pen_of(settings, place.table)
        assert walk(place, pen).power_next
        site.boot = "boot-2"
        failed = walk(place, pen)
        assert failed.report.verdict is Verdict.FAILED
        latest = failed.report.latest
        assert latest[Item.LOCK].attested == "not lock_seen"
        assert latest[Item.CONTACT].seen == "the contact never said open"
        assert latest[Item.DEAD_LEVEL].seen == "gate-io was never seen to die"
        assert latest[Item.OTHER_WAY].seen == "no code, PIN or card of this door reached the ledger"
        assert {item for item, check in latest.items() if check.outcome is Outcome.PASSED} == {
            Item.REX, Item.FIRE, Item.CAMERA, Item.SIGN, Item.POWER,
        }  # fmt: skip
        assert "the last walk ended failed at" in rig.door()["lock"]
    assert failed.path is not None
    status, said = site.verify(failed.path)
    assert (status, "failed" in said) == (1, True)


def test_a_walk_that_was_left_goes_on_where_it_stopped_and_keeps_that_it_was_left(site):
    technician = site.technician

    def leave():
        raise Left

    press = technician.does["rex_press"]
    technician.does["rex_press"] = leave
    with site.rig:
        left = site.walk()
        assert (left.path, left.power_next) == (None, False)
        assert left.report.latest[Item.REX].outcome is Outcome.LEFT
        technician.does["rex_press"] = press
        technician.heard.clear()
        again = site.walk()
    assert technician.heard[0] == "resumed"
    assert "lock_begin" not in technician.heard
    assert [check.outcome for check in again.report.checks if check.item is Item.REX] == [
        Outcome.LEFT,
        Outcome.PASSED,
    ]


def test_the_command_speaks_the_technicians_language_and_ends_with_what_to_do_next(site):
    (site.rig.folder / "data").mkdir()
    asked = ["commission", str(site.config), "--door", DOOR, "--by", "T-7"]

    def typed(*more, answers):
        done = subprocess.run(
            [sys.executable, "-c", "from edge.cli import main; main()", *asked, *more],
            input=answers, capture_output=True, text=True, timeout=180, cwd=site.rig.folder,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONUTF8": "1"},
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    status, said = typed(answers="n\n" * 20)
    assert status == 1
    assert f"验收：{DOOR}" in said
    assert "最后一项：切断节点和锁的电源" in said
    status, said = typed("--lang", "en", answers="")
    assert status == 1
    assert "Going on with the last walk" in said
    assert "Stopped; what was found is kept." in said
    status, said = typed("--lang", "fr", answers="")
    assert (status, "Say zh or en" in said) == (2, True)


def test_without_node_or_gate_io_every_item_fails_in_a_sentence(site):
    (site.rig.folder / "data").mkdir()
    walked = site.walk()
    assert walked.power_next
    told = walked.report.latest[Item.LOCK].seen
    assert "cannot be watched" in told
    with contextlib.suppress(GateError):
        site.rig.ask({"do": "status"})
