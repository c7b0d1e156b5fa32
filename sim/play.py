"""One night from beginning to end: the stage is set, the script is played, and every step is watched."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from edge.core.commands import Received
from edge.core.passes import Pass
from edge.ports import Level, Point
from sim.box import Box
from sim.house import ERRORS, House
from sim.invariants import Broken, Watch
from sim.loop import Hours, Stuck
from sim.mishaps import Doer
from sim.people import People
from sim.rows import TAKEN
from sim.script import BEGIN_NS, FAULTS, NIGHT_NS, S_NS, Night
from sim.wires import Wires

AFTERMATH_NS = 1_200 * S_NS  # after the last deed everything comes to its end


@dataclass
class Outcome:
    """What became of a night."""

    passages: int = 0
    inputs: int = 0
    steps: int = 0
    faults: int = 0
    facts: int = 0
    rows: Counter[int] = field(default_factory=Counter)
    deeds: Counter[str] = field(default_factory=Counter)
    broken: str = ""
    rule: str = ""
    at_ns: int = 0


class Stage:
    """Everything of one night, wired up."""

    def __init__(self, night: Night) -> None:
        self.hours = Hours()
        self.hours.now_ns = BEGIN_NS
        self.wires = Wires(self.hours, night.fitted)
        self.box = Box(self.hours, self.wires)
        self.house = House(self.hours, night.fitted, self.box)
        self.people = People(
            self.hours, self.wires, self.house, {guest.name: guest for guest in night.guests}
        )
        self.watch = Watch(self.hours, self.wires, self.box, self.house, self.people)
        self.rights = self.watch.rights
        self._listen()

    def _listen(self) -> None:
        watch, house, box, wires = self.watch, self.house, self.box, self.wires
        house.before_step, house.after_step = watch.before_step, watch.after_step
        house.on_written, house.answer, house.ended = watch.written, watch.answered, watch.node_ended
        house.on_code = watch.read_code
        box.sensed, box.obeyed = watch.sensed, watch.obeyed
        connect, lose = box.came, box.went
        box.came = lambda: (watch.box_came(), connect())  # type: ignore[func-returns-value,assignment,return-value]
        box.went = lambda: (watch.box_went(), lose())  # type: ignore[func-returns-value,assignment,return-value]
        self.people.showed, self.people.cannot_leave = watch.showed, watch.cannot_leave
        self.people.on_screen = lambda held: setattr(watch.rights, "held_by_phone", held)
        self.hours.after_each = watch.rest
        feel = wires.tell

        def tell(point: Point, level: Level) -> None:
            watch.inputs += 1
            feel(point, level)
            if point is Point.FIRE and level:
                watch.burns()

        wires.tell = tell

    def brought(self, rows: Sequence[Pass]) -> None:
        self.watch.brought(rows)

    def commanded(self, got: Received, kind: str) -> None:
        self.watch.commanded(got, kind)

    def box_back(self) -> None:
        if not self.box.alive:
            self.box.start()


def play(night: Night) -> Outcome:
    """Play it; what does not hold is said in ``broken``."""
    stage, outcome = Stage(night), Outcome()
    before = Counter(TAKEN)
    ERRORS.clear()
    try:
        _run(stage, night)
        stage.watch.finish()
    except (Broken, Stuck) as broken:
        outcome.broken, outcome.rule = str(broken), getattr(broken, "rule", "stuck")
    except Exception as error:  # noqa: BLE001  # whatever the product raises is what this is for
        outcome.broken, outcome.rule = f"raised: {error!r}", "raised"
    finally:
        asyncio._set_running_loop(None)
    outcome.at_ns = stage.hours.now_ns
    outcome.passages, outcome.inputs = stage.people.counted.passages, stage.watch.inputs
    outcome.steps, outcome.facts = stage.watch.steps, stage.watch.facts
    outcome.deeds = Counter(deed.what for deed in night.deeds)
    outcome.faults = sum(outcome.deeds[what] for what in FAULTS)
    outcome.rows = Counter(TAKEN) - before
    return outcome


def _run(stage: Stage, night: Night) -> None:
    doer, hours = Doer(stage), stage.hours
    rows = [guest.row for guest in night.guests]
    stage.house.link(up=True)
    stage.house.bring(rows)
    stage.brought(rows)
    stage.box.start()
    stage.house.start()
    for deed in night.deeds:
        hours.at(deed.at_ns, doer.do, deed)
    hours.play(BEGIN_NS + NIGHT_NS + AFTERMATH_NS)
