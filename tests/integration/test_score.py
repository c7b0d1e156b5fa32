"""``gatehouse-sync score`` as a program: three days of the small community, as it is and with rules that are broken."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

WITHIN_S = 900
WORDS = ["score", "tiny", "--days", "3", "--seed", "1"]
# A rule that finds nothing, and one that finds something about every stay: what somebody might break unseen.
BROKEN = """
import sys
from types import MappingProxyType
from cloud_sync.core import judging
from cloud_sync.core.reconcile import Key, Verdict, Word

def nothing(stay, books, profile):
    return iter(())

def everybody(stay, books, profile):
    yield Verdict(Key("D04", stay.stay, stay.planned_in_ms), Word.RAISE, "S4", (stay.stay,))

rules = {**judging.STAY_RULES, "D03": nothing, "D11": nothing, "D04": everybody}
judging.STAY_RULES = MappingProxyType(rules)
from cloud_sync.cli import main
sys.argv = ["gatehouse-sync", *sys.argv[1:]]
main()
"""


def played(*command: str) -> tuple[int, dict, str]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_S, check=False)
    assert done.stdout.strip(), done.stderr
    return done.returncode, json.loads(done.stdout.splitlines()[-1]), done.stdout


@pytest.mark.timeout(WITHIN_S + 30)
def test_three_days_reach_their_goals():
    code, said, text = played(str(Path(sys.executable).with_name("gatehouse-sync")), *WORDS)
    assert (code, said["verdict"], said["missed_goals"]) == (0, "reached", []), text
    assert said["truths"] >= 10
    assert said["recall"] >= 0.98
    assert said["precision"] >= 0.95
    assert (said["lock_outs"], said["lock_ins"], said["sweep_changed"]) == (0, 0, 0)
    assert said["passages"] > 100
    assert said["events"] > 500
    for kind in ("D15", "D18", "D21", "D26"):
        assert f"{kind}   unscored: " in text
    assert "not judged alone" in text


@pytest.mark.timeout(WITHIN_S + 30)
def test_broken_rules_are_seen():
    """The same run with two rules that find nothing and one that finds everybody."""
    code, said, text = played(sys.executable, "-c", BROKEN, *WORDS)
    assert (code, said["verdict"]) == (1, "missed"), text
    assert said["kinds"]["D03"] == {"rows": 1, "found": 0, "false": 0, "follows": 0}
    assert said["kinds"]["D11"]["found"] == 0
    assert said["kinds"]["D04"]["false"] > 10
    assert said["recall"] < 0.98
    assert said["precision"] < 0.95
    assert any(one.startswith("D04: precision") for one in said["missed_goals"])
