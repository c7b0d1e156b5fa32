"""Every story is told in one of these communities, and without a face engine: the codes have to carry it (invariant 20)."""

import pytest

from models.engine import EngineError
from tests.stories.story import at_home, community

__all__ = ["at_home", "community", "no_face_engine"]


@pytest.fixture(autouse=True)
def no_face_engine(monkeypatch):
    """None can be opened here, whatever is installed."""

    def none(name, **_more):
        raise EngineError(f"the stories are told without {name}")

    monkeypatch.setattr("models.plugins.open_face_engine", none)
