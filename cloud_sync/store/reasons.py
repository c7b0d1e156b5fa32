"""Why somebody did something by hand: asked for always, and never longer than a line."""

from cloud_sync.errors import Refused

REASON_MAX = 200


def checked_reason(text: str) -> str:
    """The reason as it goes on record.

    Raises:
        Refused: there is none, or it cannot stand in one line.
    """
    reason = text.strip()
    if not reason or len(reason) > REASON_MAX or not reason.isprintable():
        raise Refused("reason", f"say why in one line of at most {REASON_MAX} characters, without names.")
    return reason
