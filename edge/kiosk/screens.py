"""From the words of the gate loop to what stands on the screen, and back to rest after a while."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo
from types import MappingProxyType

from edge.core.door_types import DoorState
from edge.core.events import AccessPointId
from edge.kiosk.signs import ONCE, SAID, alarm_of, lamp_of, screen_of
from edge.kiosk.state import HelpState, KioskState, Screen
from edge.ports_io import Show

# Long enough to read two lines in a foreign language, short enough for the next person.
SHOWN_S = 6.0
ANEW_S = 10.0  # more to read than a welcome
REGISTER_S = 45.0  # taking out a phone and scanning takes longer than reading
SECOND_S = 30.0  # as long as the door remembers the first of two
LONG_S: Mapping[Screen, float] = MappingProxyType(
    {
        Screen.ENROL_ANEW: ANEW_S,
        Screen.REGISTER: REGISTER_S,
        Screen.NOW_PIN: SECOND_S,
        Screen.NOW_SECOND: SECOND_S,
        Screen.SECOND_PERSON: SECOND_S,
    }
)

WORDS: Mapping[str, Screen] = MappingProxyType(
    {
        "look_here": Screen.LOOK_HERE,
        "face_off": Screen.FACE_OFF,
        "welcome": Screen.WELCOME,
        "enrol_anew": Screen.ENROL_ANEW,
        "show_code": Screen.SHOW_CODE,
        "use_code": Screen.SHOW_CODE,
        "see_guard": Screen.ASK_STAFF,
        "wait_until": Screen.WAIT_UNTIL,
        "one_at_a_time": Screen.ONE_AT_A_TIME,
        "try_again": Screen.TRY_AGAIN,
        "face_too_small": Screen.TRY_AGAIN,
        "too_dark": Screen.TRY_AGAIN,
        "too_bright": Screen.TRY_AGAIN,
        "look_at_camera": Screen.TRY_AGAIN,
        "enrolling": Screen.ENROLLING,
        "enrol_ahead": Screen.ENROL_AHEAD,
        "enrol_left": Screen.ENROL_LEFT,
        "enrol_right": Screen.ENROL_RIGHT,
        "enrolled": Screen.ENROLLED,
        "register": Screen.REGISTER,
        "pin_refused": Screen.PIN_REFUSED,
        "next_code": Screen.NEXT_CODE,
        "other_door": Screen.OTHER_DOOR,
        "code_first": Screen.CODE_FIRST,
        "code_only": Screen.CODE_ONLY,
        "look_after_code": Screen.LOOK_AFTER_CODE,
        "two_refused": Screen.TWO_REFUSED,
        "turn_left": Screen.TURN_LEFT,
        "turn_right": Screen.TURN_RIGHT,
        "nod": Screen.NOD,
        "look_straight": Screen.LOOK_STRAIGHT,
        "now_pin": Screen.NOW_PIN,
        "now_second": Screen.NOW_SECOND,
        "second_person": Screen.SECOND_PERSON,
    }
)
REST = frozenset({Screen.LOOK_HERE, Screen.FACE_OFF, Screen.CODE_FIRST, Screen.CODE_ONLY})
# What somebody is asked to do so that the door opens: at a door that opens for nobody, or for everybody, it is not said.
ASKING = frozenset(
    {
        Screen.TURN_LEFT,
        Screen.TURN_RIGHT,
        Screen.NOD,
        Screen.LOOK_STRAIGHT,
        Screen.TRY_AGAIN,
        Screen.SHOW_CODE,
        Screen.ONE_AT_A_TIME,
        Screen.LOOK_AFTER_CODE,
    }
)
_NOTHING_HELPS = frozenset({Screen.LOCKED_DOWN, Screen.BLOCKED, Screen.OPEN_DOOR})

Light = Callable[[AccessPointId, str], None]
Say = Callable[[AccessPointId, str], None]  # by a key of ``spoken``


def until_text(until_ms: int, now_ms: int, zone: tzinfo) -> str:
    """hh:mm in this zone; with month and day before it where that is not today."""
    until, now = (datetime.fromtimestamp(ms / 1000, zone) for ms in (until_ms, now_ms))
    return f"{until:%H:%M}" if until.date() == now.date() else f"{until:%m-%d %H:%M}"


def in_the_dark(_door: AccessPointId, _what: str) -> None:
    """For a node whose doors have no lights."""


class DoorScreens:
    """The ``Screens`` of the gate loop, and the door's lights; used on the node's event loop.

    What a door says to one person stands for a few seconds, on the screen and in its lights; what the door is in
    (``stands``) shows before and after.  Fire and evacuation are over everything.
    """

    def __init__(
        self,
        state: KioskState,
        zone: tzinfo,
        now_ms: Callable[[], int],
        light: Light = in_the_dark,
        say: Say = in_the_dark,
    ) -> None:
        """``zone`` is the community's: the time a guest reads is the time of the place, not of the machine."""
        self._state = state
        self._zone = zone
        self._now_ms = now_ms
        self._light = light
        self._say = say
        self._rest: dict[AccessPointId, Screen] = {}
        self._standing: dict[AccessPointId, Screen | None] = {}
        self._lamp: dict[AccessPointId, Show] = {}  # what the door is in
        self._lit: dict[AccessPointId, Show] = {}  # what its lights were told last
        self._alarm: dict[AccessPointId, Show] = {}
        self._shown: dict[AccessPointId, asyncio.TimerHandle] = {}

    def show(self, access_point: AccessPointId, word: str, until_ms: int | None = None) -> None:
        """Show it now; a resting word waits until what was told before has been read."""
        screen = self._possible(access_point, WORDS[word])
        if screen in REST:
            self._rest[access_point] = screen
            if access_point not in self._shown:
                self._state.show(access_point, self._resting(access_point))
            return
        standing = self._standing.get(access_point)
        if standing is Screen.LEAVE or (standing in _NOTHING_HELPS and screen in ASKING):
            return
        until = "" if until_ms is None else until_text(until_ms, self._now_ms(), self._zone)
        self._state.show(
            access_point,
            screen,
            until=until if screen is Screen.WAIT_UNTIL else "",
            aloud=self._aloud(access_point, word, screen),
        )
        self._light_up(access_point, SAID.get(word))
        self._say(access_point, screen.value)
        self._forget(access_point)
        self._shown[access_point] = asyncio.get_running_loop().call_later(
            LONG_S.get(screen, SHOWN_S), self._to_rest, access_point
        )

    def stands(self, access_point: AccessPointId, state: DoorState, *, in_service: bool = True) -> None:
        """The door is now in ``state``: its alarm is heard and seen, and its mode shows whenever nobody is spoken to."""
        before = self._standing.get(access_point), self._alarm.get(access_point, Show.IDLE)
        self._standing[access_point] = standing = screen_of(state, in_service=in_service)
        self._alarm[access_point] = alarm_of(state)
        self._lamp[access_point] = lamp_of(state)
        self._call_out(access_point, *before)
        self._state.sound_alarm(access_point, alarm_of(state))
        if standing is Screen.LEAVE:
            self._forget(access_point)
        if access_point not in self._shown:
            self._state.show(access_point, self._resting(access_point))
            self._light_up(access_point)
        elif Show.ALARM in {self._lamp[access_point], self._lit.get(access_point)}:
            # An alarm waits for no sentence to be read, neither to begin nor to end.
            self._light_up(access_point)

    def _call_out(self, access_point: AccessPointId, stood: Screen | None, alarmed: Show) -> None:
        """Aloud, once, when it begins: that people are to leave, and that the door is to be shut."""
        if self._standing[access_point] is Screen.LEAVE is not stood:
            self._say(access_point, Screen.LEAVE.value)
        elif self._alarm[access_point] not in {alarmed, Show.IDLE}:
            self._say(access_point, f"alarm_{self._alarm[access_point]}")

    def light(self, access_point: AccessPointId, what: Show) -> None:
        """Something is waited for that has no word of its own (WAIT), or no longer (IDLE)."""
        self._light_up(access_point, None if what is Show.IDLE else what)

    def relight(self) -> None:
        """The lights were away: tell them anew what they are to show."""
        for door, what in self._lit.items():
            self._light(door, what)

    def answer_help(self, access_point: AccessPointId, word: str, at_ms: int | None = None) -> None:
        """What became of a call for help: ``calling``, ``told``, ``not_told``, or empty when it is over."""
        at = "" if at_ms is None else until_text(at_ms, self._now_ms(), self._zone)
        self._state.answer_help(access_point, HelpState(word), at)
        if word:
            self._say(access_point, f"help_{word}")

    def _possible(self, access_point: AccessPointId, screen: Screen) -> Screen:
        """Without an address to register at, the staff are the way."""
        view = self._state.view(access_point)
        lost = screen is Screen.REGISTER and (view is None or not view.door.register_url)
        return Screen.ASK_STAFF if lost else screen

    def _resting(self, access_point: AccessPointId) -> Screen:
        return self._standing.get(access_point) or self._rest.get(access_point, Screen.FACE_OFF)

    def _aloud(self, access_point: AccessPointId, word: str, screen: Screen) -> Show | None:
        view = self._state.view(access_point)
        stands_already = view is not None and view.screen is screen
        return None if word in ONCE and stands_already else SAID.get(word)

    def _light_up(self, access_point: AccessPointId, said: Show | None = None) -> None:
        """What was said to somebody, over what the door is in; never over an alarm or a release."""
        lamp = self._lamp.get(access_point, Show.IDLE)
        what = lamp if said is None or lamp in {Show.ALARM, Show.FREE} else said
        if self._lit.get(access_point) is not what:
            self._lit[access_point] = what
            self._light(access_point, what)

    def _forget(self, access_point: AccessPointId) -> None:
        if (timer := self._shown.pop(access_point, None)) is not None:
            timer.cancel()

    def _to_rest(self, access_point: AccessPointId) -> None:
        del self._shown[access_point]
        self._state.show(access_point, self._resting(access_point))
        self._light_up(access_point)
