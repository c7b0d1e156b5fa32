"""What mosquitto runs from: written once, kept new, and said when it cannot be."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from cloud_sync.errors import ConfigError, StoreError
from cloud_sync.identity.authority import SERVICE_LIFE, Authority, open_authority
from cloud_sync.identity.broker_conf import access_list
from cloud_sync.identity.broker_files import (
    BrokerFolder,
    service_files,
    service_names,
    write_service_certificates,
)

NOW_MS = 1_800_000_000_000
DAY_MS = 86_400_000
LATE_MS = NOW_MS + SERVICE_LIFE // timedelta(milliseconds=1) - 80 * DAY_MS


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return open_authority(tmp_path, NOW_MS)


@pytest.fixture
def folder(tmp_path: Path, authority: Authority) -> BrokerFolder:
    made = BrokerFolder(tmp_path / "broker", "dongfang")
    made.write(authority, ["localhost", "10.0.0.7"], 8883, ["sync", "sync-jobs"], NOW_MS)
    return made


def serial(path: Path) -> int:
    return x509.load_pem_x509_certificate(path.read_bytes()).serial_number


def test_written_again_a_certificate_that_is_good_stays_and_one_for_other_names_does_not(
    folder: BrokerFolder, authority: Authority
) -> None:
    pem = folder.folder / "broker.pem"
    before = serial(pem)
    folder.write(authority, ["10.0.0.7", "localhost"], 8884, ["sync"], NOW_MS)
    assert serial(pem) == before
    assert "listener 8884\n" in (folder.folder / "mosquitto.conf").read_text()
    folder.write(authority, ["localhost"], 8884, ["sync"], NOW_MS)
    assert serial(pem) != before


def test_the_brokers_certificate_is_renewed_under_its_names_months_before_it_ends(
    folder: BrokerFolder, authority: Authority
) -> None:
    pem = folder.folder / "broker.pem"
    before = x509.load_pem_x509_certificate(pem.read_bytes())
    assert not folder.renew(authority, NOW_MS)
    assert folder.renew(authority, LATE_MS)
    after = x509.load_pem_x509_certificate(pem.read_bytes())
    names = x509.SubjectAlternativeName
    assert after.not_valid_after_utc > before.not_valid_after_utc
    assert (
        after.extensions.get_extension_for_class(names).value
        == before.extensions.get_extension_for_class(names).value
    )
    pem.unlink()
    with pytest.raises(StoreError, match="broker-config"):
        folder.renew(authority, LATE_MS)


def test_a_list_is_written_when_it_changes_and_names_every_revoked_serial(
    folder: BrokerFolder, authority: Authority
) -> None:
    assert folder.write_lists(authority, [], [], NOW_MS)
    assert not folder.write_lists(authority, [], [], NOW_MS + DAY_MS)
    assert folder.write_lists(authority, [(7, NOW_MS), (9, NOW_MS)], ["gate-2"], NOW_MS)
    crl = x509.load_pem_x509_crl((folder.folder / "crl.pem").read_bytes())
    assert {one.serial_number for one in crl} == {7, 9}
    assert crl.is_signature_valid(authority.public_key)
    assert (folder.folder / "acl").read_text() == access_list("dongfang", ["sync", "sync-jobs"], ["gate-2"])


def test_a_list_of_another_authority_is_never_left_standing(
    folder: BrokerFolder, authority: Authority, tmp_path: Path
) -> None:
    folder.write_lists(authority, [], [], NOW_MS)
    (tmp_path / "else").mkdir()
    (folder.folder / "crl.pem").write_bytes(
        open_authority(tmp_path / "else", NOW_MS).revoked_list([], NOW_MS)
    )
    assert folder.write_lists(authority, [], [], NOW_MS)


def test_a_folder_that_was_not_prepared_is_said(tmp_path: Path, authority: Authority) -> None:
    with pytest.raises(StoreError, match="broker-config"):
        BrokerFolder(tmp_path / "nowhere", "dongfang").write_lists(authority, [], [], NOW_MS)
    with pytest.raises(ConfigError, match="no path with a space"):
        BrokerFolder(tmp_path / "a b", "dongfang").write(authority, ["localhost"], 8883, ["sync"], NOW_MS)


@pytest.mark.parametrize("pid", ["", "nonsense", "999999999"])
def test_where_no_mosquitto_runs_nobody_is_told(folder: BrokerFolder, pid: str) -> None:
    (folder.folder / "mosquitto.pid").write_text(pid)
    assert not folder.reload()


def test_a_number_left_over_is_never_another_programs_end(folder: BrokerFolder) -> None:
    bystander = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        (folder.folder / "mosquitto.pid").write_text(str(bystander.pid))
        assert not folder.reload()
        assert bystander.poll() is None
    finally:
        bystander.communicate(b"\n", timeout=60)
    assert bystander.returncode == 0  # SIGHUP would have ended it


def test_each_program_of_the_service_has_a_name_of_its_own(tmp_path: Path, authority: Authority) -> None:
    assert service_names(1) == ["sync", "sync-jobs"]
    assert service_names(3) == ["sync", "sync-jobs", "sync-2", "sync-3"]
    with pytest.raises(ConfigError):
        service_names(17)
    write_service_certificates(tmp_path / "bus", authority, service_names(1), NOW_MS)
    cert, key = tmp_path / "bus" / "sync.pem", tmp_path / "bus" / "sync.key"
    assert service_files(cert, key, hears=True) == (cert, key)
    jobs = tmp_path / "bus" / "sync-jobs.pem"
    assert service_files(cert, key, hears=False) == (jobs, jobs.with_suffix(".key"))
    assert service_files(None, None, hears=False) == (None, None)
    own = tmp_path / "by-hand.pem"
    assert service_files(own, key, hears=False) == (own, key)


def test_the_services_certificates_stay_while_they_are_good_and_the_keys_are_the_owners(
    tmp_path: Path, authority: Authority
) -> None:
    place = tmp_path / "bus"
    write_service_certificates(place, authority, ["sync"], NOW_MS)
    before = serial(place / "sync.pem")
    write_service_certificates(place, authority, ["sync"], NOW_MS + DAY_MS)
    assert serial(place / "sync.pem") == before
    write_service_certificates(place, authority, ["sync"], LATE_MS)
    assert serial(place / "sync.pem") != before
    assert oct((place / "sync.key").stat().st_mode & 0o777) == "0o600"
