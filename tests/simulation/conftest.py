"""A night silences the logs of its process; the tests after it want to hear theirs."""

import logging
from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    level = logging.getLogger("edge").level
    yield
    logging.getLogger("edge").setLevel(level)
    structlog.reset_defaults()
