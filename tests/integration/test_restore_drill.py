"""The restore drill by the real programs: everything back, nothing lost, nothing twice."""

from dataclasses import asdict

import pytest

from sim.drill import GATES, drill

# Eight programs start one after the other, and a busy machine makes each longer.
pytestmark = pytest.mark.timeout(900)


def test_a_destroyed_service_comes_back_whole_from_its_backup(tmp_path):
    result = drill(tmp_path, events=25)
    assert result.good, asdict(result)
    assert result.recorded == result.stored == 4 * 25 * len(GATES)
