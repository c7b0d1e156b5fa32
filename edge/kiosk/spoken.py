"""What a voice at the door says: the fixed sentences of the screen, by a key; never a name, a number or a time."""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from edge.kiosk.state import HelpState, Screen
from edge.kiosk.texts import (
    HELP_CALLING,
    HELP_NO_PHONE,
    HELP_TOLD_UNTIMED,
    SENTENCES,
    SHUT_NOW,
    SHUT_SOON,
    Both,
)
from edge.ports import Words
from edge.ports_io import Show

_STEP = re.compile(r" [123]/3$")  # the eye counts along, the ear does not


def _whole(screen: Screen) -> Both:
    """What to do and how, as one; a part with a place for a time is left to the eye."""
    parts = [
        part for part in (SENTENCES[screen].title, SENTENCES[screen].hint) if "{" not in part.zh + part.en
    ]
    return Both(
        "。".join(_STEP.sub("", part.zh) for part in parts),
        ". ".join(_STEP.sub("", part.en) for part in parts),
    )


SPOKEN: Mapping[str, Both] = MappingProxyType(
    {
        **{screen.value: _whole(screen) for screen in Screen},
        f"help_{HelpState.CALLING}": HELP_CALLING,
        f"help_{HelpState.TOLD}": HELP_TOLD_UNTIMED,
        f"help_{HelpState.NOT_TOLD}": HELP_NO_PHONE,
        f"alarm_{Show.PREALARM}": SHUT_SOON,
        f"alarm_{Show.ALARM}": SHUT_NOW,
    }
)


def words_of(key: str, languages: tuple[str, ...]) -> Iterator[Words]:
    """The sentence, once in each of these languages."""
    both = SPOKEN[key]
    for language in languages:
        yield Words(both.zh if language == "zh" else both.en, language)
