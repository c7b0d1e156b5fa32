"""Which room is free on which day: no two parties in one room at once, whatever became of them."""

from collections.abc import Sequence
from random import Random

from cloud_sync.synth.homes import Room

DAY = 24 * 60
CLEANING = 60  # minutes between one party and the next
BEDS_MAX = 3


class RoomBook:
    """The rooms of open listings.  Days are begun in order; times are minutes since the first midnight."""

    def __init__(self, rooms: Sequence[Room]) -> None:
        self._beds = {room.index: room.beds for room in rooms}
        self._free: dict[int, list[int]] = {beds: [] for beds in range(1, BEDS_MAX + 1)}
        self._today: dict[int, list[tuple[int, int]]] = {beds: [] for beds in range(1, BEDS_MAX + 1)}
        self._leaving: dict[int, list[tuple[int, int]]] = {}
        for room in rooms:
            self._free[room.beds].append(room.index)

    def begin(self, day: int) -> None:
        """Rooms left before ``day`` are free for all of it; those left on it only after their guests."""
        for beds, left in self._today.items():
            self._free[beds] += [room for _, room in left]
            left.clear()
        for minute, room in self._leaving.pop(day, ()):
            self._today[self._beds[room]].append((minute, room))

    def take(self, rng: Random, people: int, arrive: int) -> int | None:
        """The smallest kind of room that holds them at that minute, or None."""
        wanted = [beds for beds in self._free if beds * 2 >= people]
        for beds in wanted:
            free = self._free[beds]
            if free:
                at = rng.randrange(len(free))
                free[at], free[-1] = free[-1], free[at]
                return free.pop()
        for beds in wanted:
            today = self._today[beds]
            for at, (left, room) in enumerate(today):
                if left + CLEANING <= arrive:
                    del today[at]
                    return room
        return None

    def take_waiting(self, people: int) -> tuple[int, int] | None:
        """(room, the minute it can be had) of the one that is left first today; None when there is none at all."""
        left = [
            (minute, room)
            for beds, rows in self._today.items()
            if beds * 2 >= people
            for minute, room in rows
        ]
        if not left:
            return None
        minute, room = min(left)
        self._today[self._beds[room]].remove((minute, room))
        return room, minute + CLEANING

    def hold(self, room: int, leave: int) -> None:
        """The room is taken until that minute."""
        self._leaving.setdefault(leave // DAY, []).append((leave, room))
