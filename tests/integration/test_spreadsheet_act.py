"""The evening's act of the spreadsheet, through the real service and its page, in a house without gates."""

from pathlib import Path

import pytest

from demo.people import cast
from demo.spreadsheet import ROWS, WANTED, Spreadsheet
from demo.world import Wish, World


@pytest.mark.timeout(600)
def test_a_registry_spreadsheet_is_imported_with_its_bad_rows(tmp_path):
    told: list[str] = []
    stood = Path.cwd()
    with World(tmp_path / "run", tmp_path, Wish(face=False), cast()) as world:
        world.open_service()
        result = Spreadsheet(world).play(told.append)
        left = list(Path("tmp").rglob("*.xlsx"))
        world.stop()
    assert result == {
        "imported_rows": len(ROWS),
        "imported_bad_rows": WANTED["rejected"],
        "imported_again": 0,
    }
    assert left == []
    assert Path.cwd() == stood  # the next test starts its programs from where it stands
    assert len(told) == 4
