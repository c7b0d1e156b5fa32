"""Every no a guest can meet, with what to do next, printed from the program in both languages."""

from collections.abc import Mapping

from cloud_sync.web import words as staff_words
from cloud_sync.web.guest.words import DEFAULT, FAULTS, FIELDS, PHONE, RULES, Said
from cloud_sync.web.language import Lang
from cloud_sync.web.texts import Texts, texts
from docs.printed import table
from edge.core.events import CredentialKind
from edge.core.reasons import GUEST_TEXT, advise
from edge.kiosk.screens import WORDS
from edge.kiosk.state import Screen
from edge.kiosk.texts import BESIDE, CALM, SENTENCES
from edge.runtime.screen_words import word_of

EN, ZH = texts(Lang.EN), texts(Lang.ZH)
KINDS = {
    "after a face": CredentialKind.FACE,
    "after a code": CredentialKind.QR,
    "after a PIN": CredentialKind.PIN,
}
# A time that is known, so that the text with a time is printed and not the one without.
SOME_TIME_MS = 1


def refusing_screens() -> list[Screen]:
    """Every screen on which somebody is asked to do something else."""
    return sorted(set(Screen) - CALM)


def at_the_door() -> str:
    """Reason by reason: what the ledger says, and which screen the person sees after each credential."""
    rows = [
        (
            f"`{reason.value}`",
            staff_words.say_reason(reason.value, ZH),
            staff_words.say_reason(reason.value, EN),
            *(
                f"`{WORDS[word_of(advise(reason, kind, SOME_TIME_MS), kind, reason)].value}`"
                for kind in KINDS.values()
            ),
        )
        for reason in GUEST_TEXT
    ]
    return table(("reason", "原因", "in words", *KINDS), rows)


def on_the_screen() -> str:
    """What each of those screens says: the one thing to do, and how."""
    rows = [
        (
            f"`{screen.value}`",
            SENTENCES[screen].title.zh,
            SENTENCES[screen].hint.zh,
            SENTENCES[screen].title.en,
            SENTENCES[screen].hint.en,
        )
        for screen in refusing_screens()
    ]
    return table(("screen", "大字", "怎么办", "large", "how"), rows)


def beside_the_screen() -> str:
    return table(
        ("when", "屏幕显示", "on the screen"),
        [(f"`{when}`", both.zh, both.en) for when, both in BESIDE.items()],
    )


def around_the_page() -> str:
    return _said({str(status): said for status, said in FAULTS.items()}, "status")


def at_a_field() -> str:
    return _said({fault.value: said for fault, said in FIELDS.items()}, "fault")


def from_the_records() -> str:
    return _said({**RULES, "any other": DEFAULT}, "rule")


def on_the_pass_page() -> str:
    return _said(PHONE, "when")


def _said(said: Mapping[str, Said], head: str) -> str:
    rows = [(f"`{word}`", *_halves(one, ZH), *_halves(one, EN)) for word, one in said.items()]
    return table((head, "什么问题", "怎么办", "what is the matter", "what to do"), rows)


def _halves(said: Said, say: Texts) -> tuple[str, str]:
    return say(said.what), say(said.next)
