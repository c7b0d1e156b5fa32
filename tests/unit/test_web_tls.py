"""The local authority: made once, kept, renewed in time, and believed by a real client."""

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from cryptography import x509

from cloud_sync.errors import ConfigError
from cloud_sync.web.serve import PageServer
from cloud_sync.web.tls import ensure_local_authority
from tests.fakes.web_house import WebHouse

HOSTS = ["gate.local", "127.0.0.1", "::1"]
NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)


def read(path):
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_the_certificate_names_every_host_and_address(tmp_path):
    names = read(ensure_local_authority(tmp_path, HOSTS, now=NOW).cert).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert names.value.get_values_for_type(x509.DNSName) == ["gate.local"]
    addresses = names.value.get_values_for_type(x509.IPAddress)
    assert set(addresses) == {ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1")}


def test_keys_are_readable_by_their_owner_only(tmp_path):
    ensure_local_authority(tmp_path / "tls", HOSTS, now=NOW)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "tls").iterdir()}
    assert modes == {"ca.pem": 0o644, "ca-key.pem": 0o600, "cert.pem": 0o644, "key.pem": 0o600}


def test_a_second_start_changes_nothing(tmp_path):
    first = {path: path.read_bytes() for path in _files(tmp_path, NOW)}
    second = {path: path.read_bytes() for path in _files(tmp_path, NOW + timedelta(days=300))}
    assert first == second


def _files(folder, now):
    files = ensure_local_authority(folder, HOSTS, now=now)
    return [files.ca, files.cert, files.key]


@pytest.mark.parametrize("days", [370, 500, 3000])
def test_a_certificate_near_its_end_is_renewed_by_the_same_authority(tmp_path, days):
    files = ensure_local_authority(tmp_path, HOSTS, now=NOW)
    authority, old = read(files.ca), read(files.cert)
    later = NOW + timedelta(days=days)
    renewed = read(ensure_local_authority(tmp_path, HOSTS, now=later).cert)
    assert read(files.ca) == authority
    assert renewed.serial_number != old.serial_number
    assert renewed.not_valid_after_utc > later + timedelta(days=300)
    renewed.verify_directly_issued_by(authority)


def test_another_host_gets_another_certificate(tmp_path):
    old = read(ensure_local_authority(tmp_path, HOSTS, now=NOW).cert)
    assert read(ensure_local_authority(tmp_path, [*HOSTS, "10.0.0.7"], now=NOW).cert) != old


def test_a_crash_between_key_and_certificate_is_healed_at_the_next_start(tmp_path):
    files = ensure_local_authority(tmp_path, HOSTS, now=NOW)
    other = ensure_local_authority(tmp_path / "other", HOSTS, now=NOW)
    files.key.write_bytes(other.key.read_bytes())
    healed = ensure_local_authority(tmp_path, HOSTS, now=NOW)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(healed.cert, healed.key)
    read(healed.cert).verify_directly_issued_by(read(healed.ca))


def test_a_file_that_is_no_key_is_one_clear_sentence(tmp_path):
    files = ensure_local_authority(tmp_path, HOSTS, now=NOW)
    files.key.write_text("not a key")
    with pytest.raises(ConfigError, match=r"tls\.folder: .* not a certificate or key"):
        ensure_local_authority(tmp_path, HOSTS, now=NOW)


def test_a_folder_that_cannot_be_is_one_clear_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"tls\.folder: .* cannot be used"):
        ensure_local_authority(tmp_path / "file" / "tls", HOSTS, now=NOW)


def test_a_real_client_that_knows_the_authority_believes_the_pages_and_one_that_does_not_does_not(tmp_path):
    house = WebHouse(tmp_path)
    files = ensure_local_authority(tmp_path / "tls", ["127.0.0.1"])
    try:
        with PageServer(house.app(), "127.0.0.1", 0, files) as server:
            assert server.url.startswith("https://")
            trust = ssl.create_default_context(cafile=files.ca)
            assert httpx.get(f"{server.url}/healthz", verify=trust).status_code == 200
            with pytest.raises(httpx.ConnectError):
                httpx.get(f"{server.url}/healthz")
    finally:
        house.close()
