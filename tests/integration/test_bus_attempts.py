"""mTLS and access list on a real mosquitto: every attempt of the table comes out as the table says."""

import pytest

from tests.fakes.bus_bench import Bench
from tests.integration.bus_attempts import ATTEMPTS, Attempt

pytestmark = pytest.mark.mosquitto


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory):
    with Bench(tmp_path_factory.mktemp("bus")) as made:
        yield made


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda attempt: attempt.slug)
def test_an_attempt_comes_out_as_the_table_says(bench: Bench, attempt: Attempt) -> None:
    assert attempt.run(bench).startswith(attempt.expected)


def test_the_table_tries_every_door_it_names() -> None:
    groups = {attempt.group for attempt in ATTEMPTS}
    assert groups == {"connect", "write", "read", "revoke"}
    assert len({attempt.slug for attempt in ATTEMPTS}) == len(ATTEMPTS)
    # Each kind has one attempt that succeeds: a bench where nothing works at all refuses everything too.
    assert {
        attempt.group for attempt in ATTEMPTS if attempt.expected in ("let in", "delivered", "20 of 20")
    } == groups
