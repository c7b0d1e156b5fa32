"""The embedded broker: on loopback only, one sentence when it cannot be, gone when told."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cloud_sync.broker import SEGMENT_BYTES, SEGMENTS, EmbeddedBroker
from cloud_sync.errors import ConfigError
from tests.fakes.brokers import free_port, listening
from tests.fakes.waiting import eventually


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.10", "localhost.example", ""])
def test_it_refuses_to_listen_where_others_can_reach_it(host: str) -> None:
    with pytest.raises(ConfigError, match="has no access control and does not listen on"):
        EmbeddedBroker(free_port(), host)


def test_it_listens_for_the_length_of_a_with_block() -> None:
    port = free_port()
    with EmbeddedBroker(port) as broker:
        assert broker.running
        assert listening(port)
    assert not listening(port)
    assert not broker.running


def test_a_taken_port_is_one_sentence() -> None:
    port = free_port()
    with EmbeddedBroker(port):
        with pytest.raises(ConfigError) as caught:
            EmbeddedBroker(port).start()
        assert str(caught.value) == (
            f"broker.port: 127.0.0.1:{port} is taken by another program. Stop that program or choose another port"
        )
        assert listening(port)


def test_its_memory_is_capped() -> None:
    broker = EmbeddedBroker(free_port())
    assert f"max_segment_size = {SEGMENT_BYTES}" in broker._config()
    assert SEGMENT_BYTES * SEGMENTS == 32 * 1024 * 1024


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_as_a_program_of_its_own_it_ends_when_told(number: signal.Signals) -> None:
    port = free_port()
    program = f"from cloud_sync.broker import run_broker; run_broker({port})"
    process = subprocess.Popen(
        [sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": str(Path.cwd())}
    )
    try:
        eventually(lambda: listening(port), what="the broker did not come up")
        process.send_signal(number)
        assert process.wait(60) == 0
    finally:
        process.kill()
    eventually(lambda: not listening(port))
