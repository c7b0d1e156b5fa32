"""Schemathesis, short and with a fixed seed: no 5xx, no answer that is not as described, every no as problem details."""

from collections.abc import Iterator

import pytest

from cloud_sync.store import api_tokens
from tests.contract import api_fuzz
from tests.fakes.api_house import ApiHouse

SEED = 1
PHASES = "examples,coverage"
WITHIN_S = 850  # a busy machine is slow, and that is not what is looked for


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> Iterator[ApiHouse]:
    made = ApiHouse(tmp_path_factory.mktemp("fuzz"))
    made.fill(3)
    yield made
    made.close()


@pytest.mark.timeout(900)
def test_whatever_is_sent_is_answered_as_described(house, tmp_path, monkeypatch):
    monkeypatch.setattr(api_tokens, "WRONG_MAX", 10**9)  # each wrong token is judged by itself
    words = ["--phases", PHASES, "--no-shrink"]
    code, said = api_fuzz.run(house, "token", tmp_path, SEED, words, WITHIN_S)
    assert code == 0, said[-20_000:]
    assert "Operations" in said or "Tested" in said, said[-2_000:]
