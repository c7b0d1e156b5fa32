"""From a refusal to the word the door's screen has a sentence for."""

from edge.core.events import CredentialKind
from edge.core.reasons import Advice, GuestText, Reason


def word_of(advice: Advice, kind: CredentialKind, reason: Reason) -> str:
    """One of the four texts, or what only a screen can add to it: a keypad's answer, where to register, which code or door."""
    if kind is CredentialKind.PIN and advice.text is GuestText.TRY_AGAIN:
        return "pin_refused"
    if reason is Reason.NOT_REGISTERED and kind is not CredentialKind.PIN:
        return "register"
    if reason in {Reason.CODE_REPLAYED, Reason.CODE_OUT_OF_TIME, Reason.SUPERSEDED}:
        return "next_code"
    if reason is Reason.INTERLOCK:
        return "other_door"
    return advice.text.value
