"""Every story is told in one of these communities."""

from tests.stories.story import at_home, community

__all__ = ["at_home", "community"]
