"""The service as separate programs on PostgreSQL and mosquitto: two sinks, the jobs and the pages, each ended alone."""

from pathlib import Path

import psycopg
import pytest

from tests.fakes.brokers import Mosquitto
from tests.fakes.paho_gate import PahoGate
from tests.fakes.postgres_house import Cluster
from tests.fakes.waiting import eventually
from tests.integration.test_service_process import Owner, Running

pytestmark = [pytest.mark.postgres, pytest.mark.mosquitto]

CONFIG = """\
data_dir = "data"
database_url = "{url}"
[community]
code = "dongfang"
name_zh = "东方新城"
name_en = "Dongfang"
synthetic = true
[web]
tls = false
port = {web}
[broker]
embedded = false
port = {broker}
"""
SINK = """\
[sink]
name = "{name}"
"""


class District(Owner):
    """One folder, one configuration for everybody and one for each sink."""

    def __init__(self, folder: Path, url: str, broker: Mosquitto) -> None:
        super().__init__(folder)
        self.url = url
        shared = CONFIG.format(url=url, web=self.web, broker=broker.port)
        self.config.write_text(shared)
        for name in ("a", "b"):
            (folder / f"{name}.toml").write_text(shared + SINK.format(name=name))

    def stored(self) -> int:
        with psycopg.connect(self.url) as db:
            return db.execute("select count(*) from event").fetchone()[0]


@pytest.fixture
def broker(tmp_path: Path):
    broker = Mosquitto(tmp_path)
    broker.start()
    yield broker
    broker.stop()


@pytest.mark.timeout(900)  # seven programs started one after the other, on a machine that may be busy
def test_four_programs_are_one_service(tmp_path: Path, postgres: Cluster, broker: Mosquitto) -> None:
    owner = District(tmp_path, postgres.new_database(), broker)
    owner.sets_up()
    running: dict[str, Running] = {}
    ended: list[int] = []
    gate = PahoGate("dongfang", "gate-1", broker.port).start()
    try:
        for name in ("a", "b"):
            running[name] = Running(owner, "ingest", "--config", f"{name}.toml")
        for command in ("jobs", "api"):
            running[command] = Running(owner, command)
        eventually(lambda: gate.auth_ver > 0, within_s=200, what="no snapshot came")
        gate.record(100)
        eventually(lambda: gate.done, within_s=200)
        ended += [running.pop("a").ends()]
        gate.record(100)
        eventually(lambda: gate.done, within_s=200)
    finally:
        gate.stop()
        ended += [program.ends() for program in running.values()]
    assert ended == [0, 0, 0, 0]
    assert owner.stored() == 200
    checked = owner.types("db", "check")
    assert (checked.returncode, checked.stdout) == (0, "no findings\n")
    proven = owner.types("db", "proof")
    assert (proven.returncode, "1-200, 200 events, 0 declared lost" in proven.stdout) == (0, True), proven
    refused = owner.types("db", "tables")
    assert (refused.returncode, "psql does the rest" in refused.stderr) == (2, True)


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        (
            'database_url = "',
            'database_url = "mysql:',
            "database_url: the address does not begin with postgresql://",
        ),
        ("embedded = false", "embedded = true", "it needs database_url and broker.embedded = false"),
        ('name = "a"', 'name = "A b"', "sink.name: "),
    ],
)
def test_what_cannot_be_one_of_several_is_one_sentence(
    tmp_path: Path, broker: Mosquitto, before: str, after: str, sentence: str
) -> None:
    owner = District(tmp_path, "postgresql://postgres@127.0.0.1:1/nowhere", broker)
    config = tmp_path / "a.toml"
    config.write_text(config.read_text().replace(before, after))
    done = owner.types("ingest", "--config", "a.toml")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert sentence in done.stderr


def test_a_database_that_is_away_is_one_sentence_without_the_password(
    tmp_path: Path, broker: Mosquitto
) -> None:
    owner = District(tmp_path, "postgresql://gatehouse:secret@127.0.0.1:1/nowhere", broker)
    done = owner.types("setup")
    assert done.returncode == 2
    assert "it cannot be reached" in done.stderr
    assert "secret" not in done.stderr
