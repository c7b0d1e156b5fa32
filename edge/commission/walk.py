"""The walk: item after item, every try kept, interrupted and taken up again, and in the end one signed report."""

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from edge.commission.site import Left, Site
from edge.commission.steps import STEPS, power
from edge.core.commissioning import (
    SETTLED,
    Check,
    Item,
    Outcome,
    Report,
    Verdict,
    body_of,
    read_draft,
    signed_file,
)
from edge.errors import GateError, StoreError

# A technician who fails as often has to look at the wires first, and a report stays readable.
TRIES_MAX = 5

# Of one report, the newest: enough for every item to be tried ten times.
CHECKS_MAX = 90


@dataclass(frozen=True, slots=True)
class Pen:
    """Who writes: the folder, the device key, the time of day, and which wiring is walked."""

    folder: Path
    public_key: bytes
    sign: Callable[[bytes], bytes]
    now_ms: Callable[[], int]
    wiring: str
    software: str


@dataclass(frozen=True, slots=True)
class Walked:
    """What came of it; ``path`` is the signed report, None while the walk is not finished."""

    report: Report
    path: Path | None
    power_next: bool = False


def walk(site: Site, pen: Pen) -> Walked:
    """Everything of the list that is not settled yet; the draft is on disk after every try."""
    walking = _Walk(site, pen, _begin(site, pen))
    try:
        for item, step in STEPS.items():
            walking.settle(item, partial(step, site))
        if walking.waits_for_power():
            return Walked(walking.report, None, power_next=True)
    except Left:
        return Walked(walking.report, None)
    report = replace(walking.report, ended_ms=_end_ms(pen, site.name))
    if report.verdict is Verdict.UNFINISHED:
        return Walked(report, None)
    path = pen.folder / f"{report.access_point}-{report.ended_ms}.json"
    _write(path, signed_file(report, pen.public_key, pen.sign))
    if report.verdict is Verdict.PASSED:  # else the next walk goes on with what failed
        _draft(pen, site.name).unlink(missing_ok=True)
        _mark(pen, site.name).unlink(missing_ok=True)
    return Walked(report, path)


def _begin(site: Site, pen: Pen) -> Report:
    """The draft of the same door with the same wires, else a fresh list."""
    fresh = Report(
        node=site.config.node,
        access_point=site.name,
        wiring=pen.wiring,
        lock_profile=site.table.lock_profile,
        by=site.by,
        software=pen.software,
        began_ms=pen.now_ms(),
        ended_ms=0,
        checks=(),
    )
    held = _held_draft(pen, site.name)
    if held is None or (held.node, held.access_point, held.wiring) != (fresh.node, site.name, fresh.wiring):
        _mark(pen, site.name).unlink(missing_ok=True)
        return fresh
    site.technician.say("resumed", done=sum(one.outcome in SETTLED for one in held.latest.values()))
    return replace(held, by=site.by)


@dataclass(slots=True)
class _Walk:
    site: Site
    pen: Pen
    report: Report

    def settle(self, item: Item, step: Callable[[], Check]) -> None:
        """Try until it is settled, or the technician has had enough of it.

        Raises:
            Left: the technician stopped; that is written down too.
        """
        before = self.report.latest.get(item)
        if before is not None and before.outcome in SETTLED:
            return
        say = self.site.technician.say
        for _ in range(TRIES_MAX):
            say("item", item=item)
            check = self._tried(item, step)
            self._keep(check)
            if check.outcome is Outcome.LEFT:
                raise Left
            say(f"was_{check.outcome}", seen=check.seen)
            if check.outcome in SETTLED or not self.site.technician.yes("again"):
                return

    def _tried(self, item: Item, step: Callable[[], Check]) -> Check:
        try:
            return step()
        except GateError as error:
            return Check(item, Outcome.FAILED, str(error))
        except (Left, KeyboardInterrupt):
            return Check(item, Outcome.LEFT, "the technician stopped here")

    def _keep(self, check: Check | None = None) -> None:
        if check is not None:
            kept = replace(check, at_ms=self.pen.now_ms())
            self.report = replace(self.report, checks=(*self.report.checks, kept)[-CHECKS_MAX:])
        _write(_draft(self.pen, self.site.name), body_of(self.report))

    def waits_for_power(self) -> bool:
        """The last item ends this program: it goes on when the board is up again."""
        before = self.report.latest.get(Item.POWER)
        if before is not None and before.outcome in SETTLED:
            return False
        mark = _mark(self.pen, self.site.name)
        if not mark.exists():
            _write(mark, self.site.boot_id().encode())
        boot_before = mark.read_text()
        if boot_before == self.site.boot_id():
            self._keep()
            self.site.technician.say("power_begin")
            return True
        self.settle(Item.POWER, partial(power, self.site, boot_before))
        return False


# --- files -----------------------------------------------------------------------------------------------------------


def _draft(pen: Pen, door: str) -> Path:
    return pen.folder / f"{door}.draft"


def _mark(pen: Pen, door: str) -> Path:
    """Holds the boot id the board had when the technician was asked to cut the power."""
    return pen.folder / f"{door}.power"


def _end_ms(pen: Pen, door: str) -> int:
    """The time of day, or just after the last report where the clock was set back: the newest one has to rule."""
    held = [path.stem.removeprefix(f"{door}-") for path in pen.folder.glob(f"{door}-*.json")]
    return max([pen.now_ms(), *(int(end) + 1 for end in held if end.isdecimal())])


def _held_draft(pen: Pen, door: str) -> Report | None:
    try:
        return read_draft(_draft(pen, door).read_bytes())
    except OSError:
        return None


def _write(path: Path, data: bytes) -> None:
    """Whole or not there, and on the disk when this returns: the next thing that happens is a power cut."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise StoreError(f"{path}: cannot be written ({error.strerror}). Is this the node's user?") from error
