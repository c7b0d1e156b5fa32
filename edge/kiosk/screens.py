"""From the words of the gate loop to what stands on the screen, and back to rest after a while."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo
from types import MappingProxyType

from edge.core.events import AccessPointId
from edge.kiosk.state import KioskState, Screen

# Long enough to read two lines in a foreign language, short enough for the next person.
SHOWN_S = 6.0
REGISTER_S = 45.0  # taking out a phone and scanning takes longer than reading
SECOND_S = 30.0  # as long as the door remembers the first of two
LONG_S: Mapping[Screen, float] = MappingProxyType(
    {
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


def until_text(until_ms: int, now_ms: int, zone: tzinfo) -> str:
    """hh:mm in this zone; with month and day before it where that is not today."""
    until, now = (datetime.fromtimestamp(ms / 1000, zone) for ms in (until_ms, now_ms))
    return f"{until:%H:%M}" if until.date() == now.date() else f"{until:%m-%d %H:%M}"


class DoorScreens:
    """The ``Screens`` of the gate loop; used on the node's event loop."""

    def __init__(self, state: KioskState, zone: tzinfo, now_ms: Callable[[], int]) -> None:
        """``zone`` is the community's: the time a guest reads is the time of the place, not of the machine."""
        self._state = state
        self._zone = zone
        self._now_ms = now_ms
        self._rest: dict[AccessPointId, Screen] = {}
        self._shown: dict[AccessPointId, asyncio.TimerHandle] = {}

    def show(self, access_point: AccessPointId, word: str, until_ms: int | None = None) -> None:
        """Show it now; a resting word waits until what was told before has been read."""
        screen = self._possible(access_point, WORDS[word])
        if screen in REST and word != "enrolling":
            self._rest[access_point] = screen
            if access_point not in self._shown:
                self._state.show(access_point, screen)
            return
        until = "" if until_ms is None else until_text(until_ms, self._now_ms(), self._zone)
        self._state.show(access_point, screen, until=until if screen is Screen.WAIT_UNTIL else "")
        if access_point in self._shown:
            self._shown[access_point].cancel()
        self._shown[access_point] = asyncio.get_running_loop().call_later(
            LONG_S.get(screen, SHOWN_S), self._to_rest, access_point
        )

    def _possible(self, access_point: AccessPointId, screen: Screen) -> Screen:
        """Without an address to register at, the staff are the way."""
        view = self._state.view(access_point)
        lost = screen is Screen.REGISTER and (view is None or not view.door.register_url)
        return Screen.ASK_STAFF if lost else screen

    def _to_rest(self, access_point: AccessPointId) -> None:
        del self._shown[access_point]
        self._state.show(access_point, self._rest.get(access_point, Screen.FACE_OFF))
