"""Which fields a registration still lacks by the law of the place; what was given before counts."""

from collections.abc import Mapping, Sequence

from cloud_sync.store.house import Act


def missing(act: Act, person: str, given: Mapping[str, str], asked: Sequence[str]) -> tuple[str, ...]:
    """The fields that are neither given now nor sealed already; nothing is opened to find out."""
    return tuple(name for name in asked if not given.get(name) and not act.house.vault.holds(person, name))


def sentence(names: Sequence[str]) -> str:
    return f"recorded, not verified: {', '.join(names)} {'is' if len(names) == 1 else 'are'} still asked for"
