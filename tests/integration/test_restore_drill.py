"""The restore drill by the real programs: everything back, nothing lost, nothing twice."""

from dataclasses import asdict

from sim.drill import GATES, drill


def test_a_destroyed_service_comes_back_whole_from_its_backup(tmp_path):
    result = drill(tmp_path, events=25)
    assert result.good, asdict(result)
    assert result.recorded == result.stored == 4 * 25 * len(GATES)
