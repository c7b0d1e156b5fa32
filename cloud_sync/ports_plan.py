"""Where doors are, as far as the community's dossiers say."""

from collections.abc import Mapping
from typing import Protocol


class PlanReader(Protocol):
    def buildings(self, community: str) -> Mapping[str, str]:
        """Access point → the one building all rooms behind it are in; a door that leads to several is not there."""
        ...
