"""Which doors may give grants: those whose commissioning list was walked, passed and signed (ADR 0034).

A door without it is gate-io's all the same: its way out and its fire release work, and it stays locked.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edge.core.commissioning import NotOne, Report, Verdict, Verify, read_signed, why_not
from edge.core.events import AccessPointId

REMEDY = "Walk the list: 'gatehouse-node commission'"

# A door is walked once in years; a folder with more is not ours.
REPORTS_MAX = 1000


@dataclass(slots=True)
class Commissioned:
    """The signed reports of this node, read again whenever there is another one."""

    folder: Path
    node: str
    wiring: Mapping[AccessPointId, str]
    own_key: bytes
    verify: Verify
    _read: tuple[str, ...] = ()
    _why: dict[AccessPointId, str] = field(default_factory=dict)

    def why_not(self, door: AccessPointId) -> str:
        """Why this door gives no grants; empty: it does."""
        self._reread()
        return self._why.get(door, f"not commissioned: no report is signed. {REMEDY}")

    def _reread(self) -> None:
        """A report is written once and never changed, so the names in the folder say whether there is news."""
        paths = sorted(self.folder.glob("*.json"))[-REPORTS_MAX:]
        names = tuple(path.name for path in paths)
        if names == self._read:
            return
        newest: dict[AccessPointId, tuple[int, str]] = {}
        for path in paths:
            match self._judge(path):
                case (door, ended_ms, why) if ended_ms >= newest.get(door, (0, ""))[0]:
                    newest[door] = (ended_ms, why)
                case _:
                    pass
        self._read, self._why = names, {door: why for door, (_, why) in newest.items()}

    def _judge(self, path: Path) -> tuple[AccessPointId, int, str] | None:
        """Of a report that was finished, its door, its end and what speaks against it."""
        found = read_report(path, self.verify)
        if isinstance(found, NotOne):
            return None
        report, key = found
        door = AccessPointId(report.access_point)
        if report.verdict is Verdict.UNFINISHED or door not in self.wiring or key != self.own_key:
            return None  # a stranger's report neither opens a door nor closes it
        why = why_not(report, key, node=self.node, door=door, wiring=self.wiring[door], own_key=self.own_key)
        return door, report.ended_ms, f"not commissioned: {why}. {REMEDY}" if why else ""


def read_report(path: Path, verify: Verify) -> tuple[Report, bytes] | NotOne:
    """The report in this file and the key that signed it."""
    try:
        return read_signed(path.read_bytes(), verify)
    except OSError as error:
        return NotOne(f"cannot be read ({error.strerror})")


Withheld = Callable[[], str]


def nothing_withheld() -> str:
    """For doors that need no list: of a simulation, and of a test."""
    return ""
