"""What doors write down: one line of a ledger each, without its number, in the words of the wire (access.md §10).

A line names a guest by booking and place in the party (``who``); whoever plays it to a service puts the pass of that
guest there.  ``host`` is the member somebody without a pass says they belong to.
"""

from random import Random

DENIED_SHARE = 0.04  # of passages by face, a quarter of it by card and code: near 2 % of all
HELD_SHARE = 0.003
UNREADABLE_SHARE = 0.15  # of codes and cards at a reader that has a bad day
FACE_TROUBLE = ("face_low_quality", "CredentialNotFound")  # a mask, glare
CODE_TROUBLE = ("CredentialExpired", "Unauthorized")
# A line still without place and number: (ms since the first midnight, point, the rest as JSON members).
Line = tuple[int, int, str]


def taken(direction: str, who: str, cls: str, credential: str, grant: str = "") -> str:
    named = f',"grant_id":"{grant}"' if grant else ""
    return (
        f'"type":"access.taken","direction":"{direction}","door_result":"opened","who":"{who}","class":"{cls}",'
        f'"credential_kind":"{credential}"{named}'
    )


def denied(who: str, cls: str, credential: str, reason: str) -> str:
    return (
        f'"type":"access.denied","direction":"in","decision":"deny","reason":"{reason}","who":"{who}","class":"{cls}",'
        f'"credential_kind":"{credential}"'
    )


def guarded(kind: str, direction: str, named: str, actor: str) -> str:
    """A person at the gate let somebody through: ``named`` is a ``who`` or ``host`` member."""
    decision = (
        '"decision":"override","reason":"Granted",' if kind == "access.granted" else '"door_result":"opened",'
    )
    return f'"type":"{kind}","direction":"{direction}",{decision}{named},"credential_kind":"guard","actor":"{actor}"'


def counted(grant: str, people: int) -> str:
    """A door counted more people than it let in; like a node's, the line names a grant and nobody."""
    return f'"type":"access.tailgate","grant_id":"{grant}","x":{{"people":{people},"grants":1}}'


HELD = '"type":"door.held","door_result":"held","contact":"open"'
FORCED = '"type":"door.forced","door_result":"forced","contact":"open"'
FOLLOWED = '"type":"access.tailgate","x":{"people":2,"grants":1}'
SPOOFED = (
    '"type":"access.denied","direction":"in","decision":"deny","reason":"x:PresentationAttack",'
    '"credential_kind":"face","pad":{"result":"fail"}'
)
FIRE = '"type":"fire.release","decision":"release"'
FIRE_OVER = '"type":"fire.reset"'
POWER_LOW = '"type":"door.power_low"'
POWER_BACK = '"type":"door.power_back"'
BOOTED = '"type":"door.boot"'


class Trouble:
    """The small troubles of every door: denials, doors held open."""

    def __init__(self, rng: Random) -> None:
        self._random = rng.random
        self.unreadable: set[int] = set()  # points where codes are hard to read today

    def passage(self, out: list[Line], ms: int, point: int, body: str, who: tuple[str, str, str]) -> None:
        """Somebody goes through; now and then only the second time, and now and then the door stays open."""
        out.append((ms, point, body))
        at = self._random()
        if at < HELD_SHARE:
            out.append((ms + 60_000, point, HELD))
        elif at < HELD_SHARE + DENIED_SHARE:
            reasons = FACE_TROUBLE if who[2] == "face" else CODE_TROUBLE
            if who[2] == "face" or at < HELD_SHARE + DENIED_SHARE / 4:
                out.append((ms - 6_000, point, denied(*who, reasons[int(at * 1e6) % 2])))
        elif point in self.unreadable and who[2] != "face" and at < UNREADABLE_SHARE:
            out.append((ms - 9_000, point, denied(*who, "CredentialNotFound")))
