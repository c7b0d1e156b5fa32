"""The evening in which service and nodes are updated: what it needs, and what its verdict would find.

``make upgrade`` plays it with real programs of an earlier commit.
"""

import copy
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.protocol.versions import WIRE_VERSION
from demo.upgrade import ROOMS, NoHistory, lay_out, main, sound, wire_version

PART = {"presses": 10, "pins_opened": 2, "pins_refused": 2, "commands": 4, "commands_done": 4, "zone": ""}
TOLD = {
    "recorded": 90,
    "stored": 90,
    "lost": 0,
    "double": 0,
    "broken_chains": 0,
    "parts": {"all_older": PART, "all_newest": PART | {"zone": "2 of 2 doors did it"}},
}


def test_programs_of_a_commit_are_laid_beside_and_say_what_they_speak(tmp_path: Path) -> None:
    older = lay_out("HEAD", tmp_path)
    assert {path.name for path in older.iterdir()} == set(ROOMS)
    assert wire_version(older) <= WIRE_VERSION


def test_a_clone_without_the_commit_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NoHistory, match="git fetch --unshallow"):
        lay_out("f" * 40, tmp_path)
    monkeypatch.setattr("sys.argv", ["upgrade", "--from", "f" * 40])
    assert main() == 2
    assert "shallow clone" in capsys.readouterr().err


def test_an_evening_without_a_loss_is_sound() -> None:
    assert sound(TOLD, doors=2)


@pytest.mark.parametrize(
    ("where", "name", "value"),
    [
        ("", "lost", 1),
        ("", "double", 1),
        ("", "broken_chains", 1),
        ("", "stored", 89),
        ("all_older", "pins_opened", 1),
        ("all_older", "pins_refused", 0),
        ("all_older", "commands_done", 3),
        ("all_newest", "commands", 0),
        ("all_newest", "zone", "1 of 2 doors did it; 1 silent"),
    ],
)
def test_whatever_went_wrong_is_not_sound(where: str, name: str, value: object) -> None:
    told: dict[str, Any] = copy.deepcopy(TOLD)
    (told["parts"][where] if where else told)[name] = value
    assert not sound(told, doors=2)
