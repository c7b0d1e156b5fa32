"""On a socket: what cannot be served is said before anything starts."""

import socket

import httpx
import pytest

from cloud_sync.errors import ConfigError
from cloud_sync.web.serve import PageServer, listen
from cloud_sync.web.tls import ensure_local_authority
from tests.fakes.web_house import WebHouse


@pytest.fixture
def house(tmp_path):
    made = WebHouse(tmp_path)
    yield made
    made.close()


def test_a_taken_port_is_one_clear_sentence(house):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"web\.port: port {port} on 127\.0\.0\.1 is taken"):
            PageServer(house.app(), "127.0.0.1", port)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "gate.example"])
def test_plain_http_is_for_this_machine_only(host):
    with pytest.raises(ConfigError, match="plain HTTP is served to this machine only"):
        listen(host, 0, None)


def test_an_address_of_another_machine_is_one_clear_sentence(tmp_path):
    files = ensure_local_authority(tmp_path, ["192.0.2.1"])
    with pytest.raises(ConfigError, match=r"web\.host: cannot listen on 192\.0\.2\.1"):
        listen("192.0.2.1", 0, files)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_pages_are_answered_when_start_returns_and_the_port_is_free_when_close_returns(house, host):
    with PageServer(house.app(), host, 0) as server:
        assert httpx.get(f"{server.url}/healthz").json() == {"status": "ok"}
        port = server.port
    PageServer(house.app(), host, port).close()


def test_static_files_are_served_with_their_kind(house):
    with PageServer(house.app(), "127.0.0.1", 0) as server:
        sheet = httpx.get(f"{server.url}/static/gatehouse.css")
        assert sheet.headers["content-type"].startswith("text/css")
        assert httpx.get(f"{server.url}/static/../app.py").status_code == 404
