"""The act of the spreadsheet: the officer imports a workbook with its bad rows, and decides about the one that contradicts.

Everything goes through the real programs: the command line of the service and the officer's page.
"""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import openpyxl

from cloud_sync.synth.household_words import resident_id
from demo.world import World, form_field, program

ESTATE = "东方新城二期"
# Who the registry knows; invented people of region 00.
ROLL = (
    ("3", "2", "1801", "张三丰", resident_id(31)),
    ("3", "2", "1802", "李四光", ""),
    ("5", "1", "301", "阿依古丽·买买提", resident_id(32)),
)
HEADS = ("楼栋", "单元", "房号", "户主姓名", "身份证号码")
# One row for each thing that happens to spreadsheets; the building's cells are merged as people merge them.
ROWS = (
    ("3棟", "2單元", "1801", "張三豐", resident_id(31)),
    (None, None, "１８０２", "LI SIGUANG", None),
    (None, None, 1802, "王五一", None),
    (None, None, "待核实", "赵小六", None),
    (None, None, 1801, "张 三丰", resident_id(31)),
    ("五号楼", "一单元", "3楼1号", "阿依古丽・买买提", None),
    (None, None, 302, "钱七七", "00003119900131000"),
    (None, None, "=301+2", "孙八八", None),
    ("9栋", "1单元", 101, "周久久", None),
)
WANTED = {"exact": 2, "fuzzy": 1, "conflict": 1, "unmatched": 1, "rejected": 4}
SUMS = re.compile(r"(\d+) (exact|fuzzy|conflict|unmatched|rejected)\b")
MERGED = ("B3:B7", "C3:C7", "B8:B10", "C8:C10")
CONTRADICTS = "王五一"
TYPED_S = 120
Rows = tuple[tuple[object, ...], ...]
CHANGED = re.compile(r"; (\d+) changed")


def _workbook(name: str, title: str, rows: Rows, merges: tuple[str, ...] = ()) -> Path:
    path = Path("tmp", name)
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append([title])
    sheet.append(["小区", *HEADS])
    for row in rows:
        sheet.append([ESTATE, *row])
    for cells in merges:
        sheet.merge_cells(cells)
    book.save(path)
    return path


class Spreadsheet:
    """One evening's import; ``play`` gives what the report counts of it."""

    def __init__(self, world: World) -> None:
        self._world = world

    def play(self, tell: Callable[[str], None]) -> dict[str, int]:
        tell("(ad) a registry spreadsheet is imported with its bad rows")
        passes = self._typed("passes")
        self._bring("roll.xlsx", "住户底册", ROLL, adopt=True)
        file = _workbook("households.xlsx", "住户信息登记表", ROWS, MERGED)
        first = self._typed("registry", "import", f"../{file}")
        sums = {name: int(n) for n, name in SUMS.findall(first)}
        assert sums == WANTED, first
        tell(f"  {sum(sums.values())} rows: " + ", ".join(f"{n} {name}" for name, n in sums.items()))
        row = self._look()
        tell("  the officer says why, and opens the row that contradicts: somebody else is recorded there")
        self._send(f"/registry/rows/{row}", decision="keep", reason="a visitor, not a tenant")
        changed = int(CHANGED.findall(self._typed("registry", "import", f"../{file}"))[0])
        file.unlink()  # it holds names, and the vault is the only place that keeps them
        waiting = self._typed("registry", "worklist", "--bucket", "conflict")
        assert "waiting: 0 conflict" in waiting, waiting
        assert self._typed("passes") == passes, "an import has touched access"
        tell(f"  decided by name; the same workbook again changes {changed} rows, and nobody's pass")
        return {
            "imported_rows": sum(sums.values()),
            "imported_bad_rows": sums["rejected"],
            "imported_again": changed,
        }

    def _bring(self, name: str, title: str, rows: Rows, *, adopt: bool) -> None:
        file = _workbook(name, title, rows)
        self._typed("registry", "import", f"../{file}", *(["--adopt"] if adopt else []))
        file.unlink()

    def _typed(self, *words: str) -> str:
        """What the command printed; exit code 1 says that rows wait for a person, which is what this act is about."""
        done = subprocess.run(
            (program("gatehouse-sync"), *words, "--config", "sync.toml"),
            cwd="sync",
            capture_output=True,
            text=True,
            timeout=TYPED_S,
            env=self._world.environment(),
            check=False,
        )
        assert done.returncode in (0, 1), done.stderr
        return done.stdout

    def _look(self) -> str:
        """The officer's page: the row is sealed until somebody says why they look."""
        page = self._world.http.get("/registry").raise_for_status().text
        row = re.findall(r'href="/registry/rows/(IR-[0-9a-f]{24})"', page)[0]
        assert CONTRADICTS not in self._world.http.get(f"/registry/rows/{row}").raise_for_status().text
        opened = self._send(f"/registry/rows/{row}/open", purpose="who lives in 1802").text
        assert CONTRADICTS in opened
        assert ROLL[1][3] in opened
        return row

    def _send(self, path: str, **form: str) -> httpx.Response:
        """The page's own form, sent back."""
        page = self._world.http.get(path.removesuffix("/open")).raise_for_status().text
        sent = {"csrf": form_field(page, "csrf"), **form}
        return self._world.http.post(path, data=sent, follow_redirects=True).raise_for_status()
