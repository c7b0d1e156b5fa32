"""The latest screen of each door.  The node tells, pages look; nothing is queued and nobody is named."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from threading import Lock

from edge.core.events import AccessPointId
from edge.ports_io import Show


class Screen(StrEnum):
    LOOK_HERE = "look_here"
    WELCOME = "welcome"
    ENROL_ANEW = "enrol_anew"  # welcome, and the model their face was enrolled with is going
    SHOW_CODE = "show_code"
    ASK_STAFF = "ask_staff"
    WAIT_UNTIL = "wait_until"
    ONE_AT_A_TIME = "one_at_a_time"
    TRY_AGAIN = "try_again"
    FACE_OFF = "face_off"
    ENROLLING = "enrolling"
    ENROL_AHEAD = "enrol_ahead"
    ENROL_LEFT = "enrol_left"
    ENROL_RIGHT = "enrol_right"
    ENROLLED = "enrolled"
    REGISTER = "register"
    PIN_REFUSED = "pin_refused"
    NEXT_CODE = "next_code"
    OTHER_DOOR = "other_door"
    CODE_FIRST = "code_first"
    CODE_ONLY = "code_only"
    LOOK_AFTER_CODE = "look_after_code"
    TWO_REFUSED = "two_refused"
    TURN_LEFT = "turn_left"
    TURN_RIGHT = "turn_right"
    NOD = "nod"
    LOOK_STRAIGHT = "look_straight"
    NOW_PIN = "now_pin"
    NOW_SECOND = "now_second"
    SECOND_PERSON = "second_person"
    LEAVE = "leave"  # fire or evacuation: over everything else
    LOCKED_DOWN = "locked_down"
    BLOCKED = "blocked"
    OUT_OF_ORDER = "out_of_order"
    NOT_IN_SERVICE = "not_in_service"
    OPEN_DOOR = "open_door"


class HelpState(StrEnum):
    """What became of a call for help; only a receipt of the service makes it TOLD."""

    NONE = ""
    CALLING = "calling"
    TOLD = "told"
    NOT_TOLD = "not_told"


class Tongue(StrEnum):
    ZH = "zh"
    EN = "en"


@dataclass(frozen=True, slots=True)
class Fittings:
    """How the screen of one door is set up; it stays so while the node runs."""

    sound: bool = True
    volume: float = 0.6  # 0 to 1
    tongues: tuple[Tongue, ...] = (Tongue.ZH, Tongue.EN)  # the first one is read first, and large
    help_call: bool = False
    help_phone: str = ""  # whom to ring when the staff cannot be told from here


@dataclass(frozen=True, slots=True)
class Door:
    """What is written over the door, in both languages."""

    access_point: AccessPointId
    name_zh: str
    name_en: str
    register_url: str = ""  # where somebody who is not registered goes; empty: to the staff
    near_zh: str = ""  # the entrance next to it; empty: nobody wrote down which
    near_en: str = ""


@dataclass(frozen=True, slots=True)
class DoorView:
    """Everything one page shows; ``until`` is a local time (screens.until_text) and set exactly for WAIT_UNTIL.

    ``said`` was last said to somebody, as a sound, and ``times`` counts how often anything was; ``alarm`` is IDLE,
    PREALARM or ALARM for as long as the door is in it.
    """

    door: Door
    screen: Screen = Screen.LOOK_HERE
    until: str = ""
    liveness_off: bool = False
    engine_simulated: bool = False
    dry_run: bool = False
    pin_pad: bool = False
    fittings: Fittings = Fittings()
    alarm: Show = Show.IDLE
    said: Show = Show.IDLE
    times: int = 0
    help_state: HelpState = HelpState.NONE
    help_at: str = ""  # local time; empty where the node is not sure of it

    def __post_init__(self) -> None:
        assert bool(self.until) == (self.screen is Screen.WAIT_UNTIL), "only a wait has a time"


Listener = Callable[[], None]


class KioskState:
    """Safe from any thread; a listener is called after each change and must only hand over."""

    def __init__(self, doors: Iterable[Door], *, rest: Screen = Screen.LOOK_HERE) -> None:
        """All doors begin at ``rest``: LOOK_HERE, or FACE_OFF where there is no face recognition."""
        self._views = {door.access_point: DoorView(door, rest) for door in doors}
        self._listeners: dict[object, tuple[AccessPointId, Listener]] = {}
        self._lock = Lock()

    @property
    def doors(self) -> tuple[Door, ...]:
        return tuple(view.door for view in self._views.values())

    def show(
        self, door: AccessPointId, screen: Screen, *, until: str = "", aloud: Show | None = None
    ) -> None:
        """Replace what this door shows; ``until`` for WAIT_UNTIL only; ``aloud`` is heard once, now."""

        def change(view: DoorView) -> DoorView:
            shown = replace(view, screen=screen, until=until)
            return shown if aloud is None else replace(shown, said=aloud, times=view.times + 1)

        self._change(door, change)

    def sound_alarm(self, door: AccessPointId, alarm: Show) -> None:
        """Seen and heard until the next word: PREALARM, ALARM, or IDLE for neither."""
        self._change(door, lambda view: replace(view, alarm=alarm))

    def answer_help(self, door: AccessPointId, state: HelpState, at: str = "") -> None:
        """What became of the call for help at this door, and when."""
        self._change(door, lambda view: replace(view, help_state=state, help_at=at))

    def fit_out(self, door: AccessPointId, fittings: Fittings) -> None:
        self._change(door, lambda view: replace(view, fittings=fittings))

    def declare(self, door: AccessPointId, *, liveness_off: bool, engine_simulated: bool) -> None:
        """Set the banners: what this door does not check must be readable at the door."""
        self._change(
            door, lambda view: replace(view, liveness_off=liveness_off, engine_simulated=engine_simulated)
        )

    def equip(self, door: AccessPointId, *, dry_run: bool, pin_pad: bool) -> None:
        """Whether the door is only on trial, and whether digits may be typed at it."""
        self._change(door, lambda view: replace(view, dry_run=dry_run, pin_pad=pin_pad))

    def view(self, door: AccessPointId) -> DoorView | None:
        """The latest, or None for a door this node does not have."""
        with self._lock:
            return self._views.get(door)

    def listen(self, door: AccessPointId, listener: Listener) -> Callable[[], None]:
        """Be told that something changed (look with ``view``); the result ends it, and ending twice is fine."""
        key = object()
        with self._lock:
            self._listeners[key] = (door, listener)

        def end() -> None:
            with self._lock:
                self._listeners.pop(key, None)

        return end

    def _change(self, door: AccessPointId, change: Callable[[DoorView], DoorView]) -> None:
        with self._lock:
            before = self._views[door]
            after = self._views[door] = change(before)
            told = [] if after == before else [tell for at, tell in self._listeners.values() if at == door]
        for tell in told:
            tell()
