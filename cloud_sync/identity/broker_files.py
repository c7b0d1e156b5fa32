"""The folder a mosquitto of the community runs from, and telling it that its lists have changed."""

import os
import signal
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

from cloud_sync.errors import ConfigError, StoreError
from cloud_sync.identity.authority import SERVICE_LIFE, Authority, at
from cloud_sync.identity.broker_conf import access_list, configuration
from cloud_sync.protocol.identity import BROKER, SERVICE
from cloud_sync.web.tls import host_names, read_pair, write_pair, write_whole

CONF, ACL, CRL, CA, PID = "mosquitto.conf", "acl", "crl.pem", "ca.pem", "mosquitto.pid"
# A certificate of the service has this much left at least when ``broker-config`` or a start of the service is through.
RENEW_WITHIN = timedelta(days=90)
assert RENEW_WITHIN < SERVICE_LIFE
SINKS_MAX = 16
PROGRAM = "mosquitto"


@dataclass(frozen=True, slots=True)
class BrokerFolder:
    """Where the files of one broker stand, and for whom."""

    folder: Path
    tenant: str

    def write(
        self, authority: Authority, hosts: Sequence[str], port: int, services: Sequence[str], now_ms: int
    ) -> None:
        """Everything but the lists; a server certificate that still serves these names stays.

        Raises:
            ConfigError: the folder cannot be used, or a path has a space, which mosquitto's file cannot say.
        """
        if any(letter.isspace() for letter in str(self.folder)):
            raise ConfigError(
                str(self.folder), "mosquitto takes no path with a space in it", "Give another folder"
            )
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_whole(self.folder / CONF, configuration(str(self.folder), port).encode(), 0o644)
            write_whole(self.folder / CA, authority.pem, 0o644)
            pair = (self.folder / f"{BROKER}.pem", self.folder / f"{BROKER}.key")
            if not _still_good(*pair, authority, now_ms, hosts):
                write_pair(authority.issue_server(BROKER, list(hosts), now_ms), *pair)
            write_whole(self.folder / "services", ("\n".join(services) + "\n").encode(), 0o644)
        except OSError as error:
            raise ConfigError(
                str(self.folder), f"cannot be used ({error.strerror})", "Give another folder"
            ) from error

    def write_lists(
        self, authority: Authority, revoked: Collection[tuple[int, int]], lost: Sequence[str], now_ms: int
    ) -> bool:
        """The revoked certificates and the access list; False when the broker has read the same already.

        Raises:
            StoreError: the folder cannot be written.
        """
        try:
            services = (self.folder / "services").read_text().split()
            wanted = access_list(self.tenant, services, lost)
            same = self._holds(wanted, {serial for serial, _ in revoked}, authority)
            if not same:
                write_whole(self.folder / CRL, authority.revoked_list(revoked, now_ms), 0o644)
                write_whole(self.folder / ACL, wanted.encode(), 0o644)
        except OSError as error:
            raise StoreError(
                f"{self.folder}: the broker's lists cannot be written ({error.strerror}); run "
                "'gatehouse-sync broker-config' or give the service's user write access there."
            ) from error
        return not same

    def _holds(self, acl: str, serials: set[int], authority: Authority) -> bool:
        try:
            crl = x509.load_pem_x509_crl((self.folder / CRL).read_bytes())
            ours = crl.is_signature_valid(authority.public_key)
            return (
                ours and (self.folder / ACL).read_text() == acl and {r.serial_number for r in crl} == serials
            )
        except (FileNotFoundError, ValueError):
            return False

    def renew(self, authority: Authority, now_ms: int) -> bool:
        """A new server certificate under the same names where the old one ends soon; True where there is one.

        Raises:
            StoreError: the folder cannot be read or written.
        """
        pair = (self.folder / f"{BROKER}.pem", self.folder / f"{BROKER}.key")
        try:
            held = x509.load_pem_x509_certificate(pair[0].read_bytes())
            names = held.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            hosts = [str(name.value) for name in names]
            if _still_good(*pair, authority, now_ms, hosts):
                return False
            write_pair(authority.issue_server(BROKER, hosts, now_ms), *pair)
        except (OSError, ValueError, x509.ExtensionNotFound) as error:
            raise StoreError(
                f"{self.folder}: the broker's certificate cannot be renewed ({error}); run 'gatehouse-sync broker-config'."
            ) from error
        return True

    def reload(self) -> bool:
        """SIGHUP to the mosquitto that runs from here; False when none does, or this account may not signal it."""
        try:
            pid = int((self.folder / PID).read_text())
            # A number left over from before a restart may be another program's by now.
            if Path(f"/proc/{pid}/comm").read_text().strip() != PROGRAM:
                return False
            os.kill(pid, signal.SIGHUP)
        except (OSError, ValueError):
            return False
        return True


def service_names(sinks: int) -> list[str]:
    """The service's names on the bus: one for each program that connects, for one name has one session."""
    if not 1 <= sinks <= SINKS_MAX:
        raise ConfigError("--sinks", f"{sinks} is not from 1 to {SINKS_MAX}", "Give another number")
    return [SERVICE, f"{SERVICE}-jobs", *(f"{SERVICE}-{n}" for n in range(2, sinks + 1))]


def write_service_certificates(folder: Path, authority: Authority, names: Sequence[str], now_ms: int) -> None:
    """``NAME.pem`` and ``NAME.key`` for each, and ``ca.pem``; one that is good for long enough stays.

    Raises:
        StoreError: the folder cannot be written.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(folder / CA, authority.pem, 0o644)
        for name in names:
            pair = (folder / f"{name}.pem", folder / f"{name}.key")
            if not _still_good(*pair, authority, now_ms):
                write_pair(authority.issue_client(name, now_ms), *pair)
    except OSError as error:
        raise StoreError(
            f"{folder}: certificates of the service cannot be written ({error.strerror})."
        ) from error


def service_files(cert: Path | None, key: Path | None, *, hears: bool) -> tuple[Path | None, Path | None]:
    """Certificate and key of this program: jobs that run apart from the sink have their own, beside the sink's.

    On the bus a name has one session; with the same certificate they would throw each other out.
    """
    if hears or cert is None or cert.name != f"{SERVICE}.pem":
        return cert, key
    own = cert.with_name(f"{SERVICE}-jobs.pem")
    return (own, own.with_suffix(".key")) if own.exists() else (cert, key)


def _still_good(
    cert: Path, key: Path, authority: Authority, now_ms: int, hosts: Sequence[str] | None = None
) -> bool:
    try:
        pair = read_pair(cert, key)
    except (OSError, ValueError):
        return False
    held, now = pair.certificate, at(now_ms)
    fresh = held.not_valid_before_utc <= now and held.not_valid_after_utc - now > RENEW_WITHIN
    if not fresh or held.public_key() != pair.key.public_key() or not authority.issued(held):
        return False
    if hosts is None:
        return held.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == cert.stem
    names = held.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return list(names) == host_names(list(hosts))
