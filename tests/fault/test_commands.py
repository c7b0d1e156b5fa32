"""The commands' harness itself: what it would find is put before it, and a short run of both parts is played."""

import json
import random
import sqlite3
from pathlib import Path

import pytest

from demo.bad_commands import KINDS, Forge, Signer
from demo.bare import GatePlan
from demo.command_target import LIVES, NOW_MS, attack
from demo.good_commands import good, judged, sound

GATE = GatePlan("n1", ("AP-1",))
EXP_MS = 10_000


def test_nothing_bad_is_carried_out_and_everything_good_is(tmp_path: Path) -> None:
    heard: list[int] = []
    verdict = attack(tmp_path, 3_000, 11, heard.append)
    told = verdict.told()
    assert verdict.sound, told
    assert told["bad"] >= sum(heard) == 3_000
    assert set(told["by_kind"]) == set(KINDS)
    assert told["good_executed"] >= 2 * LIVES
    expected = {"clock_untrusted", "duplicate", "expired", "ttl_too_long", "unknown_key", "wrong_node"}
    assert expected <= set(told["answers"]), "every reason that is answered at all was met"


def test_every_kind_of_bad_command_differs_from_the_true_one() -> None:
    forge = Forge(Signer(NOW_MS), random.Random(3))
    forge.done = [forge.signer.sign(forge.any_words()) for _ in range(20)]
    for kind, make in KINDS.items():
        made = {make(forge).frame for _ in range(10)}
        assert len(made) > 1, f"{kind} is always the same"


@pytest.mark.mosquitto
@pytest.mark.timeout(900)
def test_true_commands_through_a_dying_broker_have_one_end_each(tmp_path: Path) -> None:
    heard: list[int] = []
    told = good(tmp_path / "house", 60, 5, heard.append)
    assert sound(told), told
    assert told["given"] >= sum(heard) == 60
    assert told["bad_on_the_bus"] > 0
    assert sum(told["states"].values()) == told["doors_told"]


# --- what the count would find --------------------------------------------------------------------------------------


class Ground:
    """Files as a run leaves them: one true release, done in its time."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "sync/data").mkdir(parents=True)
        (root / "n1/data").mkdir(parents=True)
        self._do(
            "sync/data/community.db",
            "create table command (id text, access_point text, op text, exp_ms int, state text)",
            "create table zone_command (community text, id text, op text, exp_ms int)",
            "create table zone_result (community text, id text, access_point text, state text)",
        )
        self._do(
            "n1/data/events.db",
            "create table meta (epoch text)",
            "insert into meta values ('e')",
            "create table event (seq integer primary key, body blob)",
            "create table command (id text, door text, op text, at_ms int, state text)",
        )
        self.given("a1", "DONE")
        self.noted("a1")
        self.event("a1", "command.done")
        self.move(110)

    def _do(self, name: str, *statements: str, values: tuple[object, ...] = ()) -> None:
        with sqlite3.connect(self.root / name) as db:
            for statement in statements:
                db.execute(statement, values)

    def given(self, id_: str, state: str, op: str = "release") -> None:
        row = (id_, "AP-1", op, EXP_MS, state)
        self._do("sync/data/community.db", "insert into command values (?, ?, ?, ?, ?)", values=row)

    def noted(self, id_: str, *, at_ms: int = 100, state: str = "done", op: str = "release") -> None:
        row = (id_, "AP-1", op, at_ms, state)
        self._do("n1/data/events.db", "insert into command values (?, ?, ?, ?, ?)", values=row)

    def event(self, id_: str, type_: str) -> None:
        body = json.dumps({"type": type_, "access_point": "AP-1", "x": {"cmd": id_}})
        self._do("n1/data/events.db", "insert into event (body) values (?)", values=(body,))

    def move(self, wall_ms: int) -> None:
        with (self.root / "n1/lock.jsonl").open("a") as file:
            file.write(json.dumps({"wall_ms": wall_ms, "door": "AP-1", "event": "energise"}) + "\n")

    def found(self) -> dict[str, int]:
        told = judged(self.root, [GATE])
        wrong = (
            "executed_twice", "executed_after_expiry", "executed_never_given", "lock_moves_unexplained",
            "without_one_state",
        )  # fmt: skip
        return {name: told[name] for name in wrong if told[name]}


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(tmp_path)


def test_a_clean_run_has_nothing_to_find(ground: Ground) -> None:
    ground.given("a2", "EXPIRED")
    assert ground.found() == {}
    assert not sound(judged(ground.root, [GATE]) | {"broker_restarts": 0}), "no restart, no proof"


def test_a_command_done_twice_is_found(ground: Ground) -> None:
    ground.noted("a1")
    assert ground.found()["executed_twice"] == 1
    ground.event("a1", "command.done")
    assert ground.found()["executed_twice"] == 2


def test_a_command_done_after_its_time_is_found(ground: Ground) -> None:
    ground.given("a2", "DONE", op="lock")
    ground.noted("a2", at_ms=EXP_MS + 1, op="lock")
    ground.event("a2", "command.done")
    assert ground.found() == {"executed_after_expiry": 1}


def test_a_command_that_nobody_gave_is_found(ground: Ground) -> None:
    ground.noted("ff", op="lock")
    ground.event("ff", "command.done")
    assert ground.found()["executed_never_given"] == 2


def test_a_lock_that_moved_by_itself_is_found(ground: Ground) -> None:
    ground.move(90_000)
    assert ground.found() == {"lock_moves_unexplained": 1}


@pytest.mark.parametrize(
    ("state", "ends"),
    [
        ("EXPIRED", ["command.done"]),
        ("DONE", []),
        ("DONE", ["command.refused"]),
        ("SENT", []),
        ("DONE", ["command.done", "command.refused"]),
    ],
)
def test_a_command_without_exactly_one_true_end_is_found(ground: Ground, state: str, ends: list[str]) -> None:
    ground.given("a2", state, op="lock")
    for type_ in ends:
        ground.event("a2", type_)
    assert ground.found()["without_one_state"] == 1
