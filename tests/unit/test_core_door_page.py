"""docs/door.md is printed from the program."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_about_the_door_is_what_the_program_prints() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cogapp", "--check", "-P", "docs/door.md"],
        cwd=ROOT, capture_output=True, text=True, timeout=180,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_page_about_the_door_names_every_reason() -> None:
    from edge.core.reasons import Reason

    page = (ROOT / "docs" / "door.md").read_text()
    assert [reason for reason in Reason if f"`{reason}`" not in page] == [Reason.GRANTED]
