"""Keystrokes of a scanner that plays a keyboard, back into the text it read: pure, told the time.

Scanners type for a US keyboard, or hold ALT and type each character's number on the keypad, which no layout can spoil.
"""

from typing import Literal

Mode = Literal["us", "alt_numpad"]

# Kernel key codes (linux/input-event-codes.h) by rows; a space in a row stands for itself on key 57 only.
_ROWS = (
    (2, "1234567890-=", "!@#$%^&*()_+"),
    (16, "qwertyuiop[]", "QWERTYUIOP{}"),
    (30, "asdfghjkl;'`", 'ASDFGHJKL:"~'),
    (43, "\\zxcvbnm,./", "|ZXCVBNM<>?"),
    (57, " ", " "),
)
_KEYPAD = {71: "7", 72: "8", 73: "9", 75: "4", 76: "5", 77: "6", 79: "1", 80: "2", 81: "3", 82: "0"}
_KEYPAD_SIGNS = {55: "*", 74: "-", 78: "+", 83: ".", 98: "/"}
PLAIN = (
    {first + n: char for first, plain, _ in _ROWS for n, char in enumerate(plain)} | _KEYPAD | _KEYPAD_SIGNS
)
SHIFTED = {first + n: char for first, _, shifted in _ROWS for n, char in enumerate(shifted)}
ENTERS = frozenset({28, 96})
SHIFTS = frozenset({42, 54})
ALTS = frozenset({56, 100})

RELEASED, PRESSED = 0, 1

# Our longest code has 154 characters; longer ones are not ours.
TEXT_MAX = 512

# A slow scanner sends a keystroke every 16 ms, and eight of them for one character of ALT-numpad: twenty seconds for
# our longest code.  Whoever takes longer is not a scanner, or lost its Enter.
LINE_NS = 25_000_000_000


class Typist:
    """One read per Enter; a line that is too long, too slow, or broken anywhere is dropped whole."""

    def __init__(self, mode: Mode, *, gap_ns: int) -> None:
        self._mode = mode
        self._gap_ns = gap_ns  # so long without a key, and what was typed before is forgotten
        self._text: list[str] = []
        self._broken = False
        self._began_ns = self._last_ns = 0
        self._held: set[int] = set()
        self._number = ""  # of the character being typed while ALT is held

    def key(self, code: int, value: int, now: int) -> str | None:
        """Take one key event (``value`` as the kernel's: 0 up, 1 down, 2 repeated); the text, when this ends a line."""
        if value not in (RELEASED, PRESSED):
            return None
        self._expire(now)
        self._last_ns = now
        if code in SHIFTS or code in ALTS:
            return self._modifier(code, value)
        if value != PRESSED:
            return None
        if code in ENTERS:
            return self._end()
        if self._held & ALTS:
            self._dial(code)
        elif (char := (SHIFTED if self._held & SHIFTS else PLAIN).get(code)) is not None:
            self._add(char)
        return None

    def lose(self) -> None:
        """Keystrokes were lost: this line cannot be trusted."""
        self._broken = True
        self._held.clear()

    def _expire(self, now: int) -> None:
        if not self._text and not self._number and not self._broken:
            self._began_ns = now
        elif now - self._last_ns > self._gap_ns:
            self._forget()
            self._began_ns = now
        elif now - self._began_ns > LINE_NS:
            self._broken = True

    def _modifier(self, code: int, value: int) -> str | None:
        if value == PRESSED:
            self._held.add(code)
            return None
        self._held.discard(code)
        if code not in ALTS or not self._number:
            return None
        number, self._number = int(self._number), ""
        if number in (10, 13):
            return self._end()
        if 32 <= number <= 126:
            self._add(chr(number))
        else:
            self._broken = True
        return None

    def _dial(self, code: int) -> None:
        if self._mode == "alt_numpad" and code in _KEYPAD and len(self._number) < 4:
            self._number += _KEYPAD[code]
        else:
            self._broken = True

    def _add(self, char: str) -> None:
        if len(self._text) < TEXT_MAX:
            self._text.append(char)
        else:
            self._broken = True

    def _end(self) -> str | None:
        text = None if self._broken else "".join(self._text)
        self._forget()
        return text or None

    def _forget(self) -> None:
        self._text, self._number, self._broken = [], "", False


def card_of(text: str, bits: int, base: int) -> str | None:
    """``<bits>:<hex, left-aligned>`` of a card number as a reader types it; None when it is none."""
    allowed = "0123456789" if base == 10 else "0123456789abcdefABCDEF"
    if not text or any(char not in allowed for char in text):
        return None
    number = int(text, base)
    if number >> bits:
        return None
    size = -(-bits // 8)
    return f"{bits}:{(number << (size * 8 - bits)).to_bytes(size, 'big').hex()}"
