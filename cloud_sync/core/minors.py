"""The five musts about somebody under age who takes lodging (五必须, domain.md R45): each by a named person."""

from enum import StrEnum


class Must(StrEnum):
    """In the order in which they stand on the page."""

    PROVED = "proved"  # document looked at, registered, reported
    CONTACT = "contact"  # how a guardian is reached: asked and written down
    RELATION = "relation"  # who those are who stay with them
    WATCHED = "watched"  # rounds and visitors
    ANSWERED = "answered"  # anything suspicious is reported at once, the guardian called, the minor protected
