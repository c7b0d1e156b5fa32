"""A certificate authority of the community's own, for pages on a network that no public authority knows.

Made once at set-up; the certificate of the service is renewed from it by itself.  Whoever opens the pages
installs ``ca.pem`` once.  An own certificate can be configured instead; then nothing here is called.
"""

import ipaddress
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cloud_sync.errors import ConfigError

# People install the authority by hand, so it lasts; browsers refuse server certificates beyond 398 days.
AUTHORITY_LIFE = timedelta(days=3650)
CERTIFICATE_LIFE = timedelta(days=397)
RENEW_WITHIN = timedelta(days=30)
# Machines on a site disagree about the time by minutes; a certificate from the future is refused by all of them.
BACKDATED = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Paths of PEM files; the key is readable by its owner only."""

    ca: Path
    cert: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Pair:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def ensure_local_authority(folder: Path, hosts: list[str], *, now: datetime | None = None) -> TlsFiles:
    """Files that serve ``hosts`` (names and addresses) for at least the next 30 days; safe to call at every start.

    Raises:
        ConfigError: the folder cannot be written, or holds files that are not ours to use.
    """
    assert hosts, "a certificate names at least one host"
    now = now or datetime.now(UTC)
    files = TlsFiles(folder / "ca.pem", folder / "cert.pem", folder / "key.pem")
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        authority = _authority(files.ca, folder / "ca-key.pem", now)
        if not _still_serves(files, authority, hosts, now):
            write_pair(_certificate(authority, hosts, now), files.cert, files.key)
    except OSError as error:
        raise ConfigError(
            "tls.folder", f"{folder} cannot be used: {error.strerror}", "Give another one"
        ) from error
    except ValueError as error:
        raise ConfigError(
            "tls.folder", f"{folder} holds a file that is not a certificate or key", "Move it away"
        ) from error
    return files


def _authority(cert: Path, key: Path, now: datetime) -> Pair:
    if cert.exists() and key.exists():
        pair = read_pair(cert, key)
        whole = pair.certificate.public_key() == pair.key.public_key()
        if whole and pair.certificate.not_valid_after_utc - now > CERTIFICATE_LIFE:
            return pair
    made = make_authority(now)
    write_pair(made, cert, key)
    return made


def _still_serves(files: TlsFiles, authority: Pair, hosts: list[str], now: datetime) -> bool:
    if not (files.cert.exists() and files.key.exists()):
        return False
    pair = read_pair(files.cert, files.key)
    held = pair.certificate
    if held.public_key() != pair.key.public_key():
        return False  # a crash fell between the two files
    names = held.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    fresh = held.not_valid_after_utc - now > RENEW_WITHIN and held.not_valid_before_utc <= now
    return fresh and held.issuer == authority.certificate.subject and list(names) == host_names(hosts)


def host_names(hosts: list[str]) -> list[x509.GeneralName]:
    return [_name(host) for host in sorted(set(hosts))]


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def subject_of(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def builder_of(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def make_authority(now: datetime, name: str = "Gatehouse local authority") -> Pair:
    """An authority that signs certificates and lists of revoked ones, and no further authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    # Its own serial number in the name: two authorities of two set-ups are never taken for each other.
    subject = subject_of(f"{name} {x509.random_serial_number():x}"[:60])
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        builder_of(subject, subject, key.public_key(), now, AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
    )
    return Pair(builder.sign(key, hashes.SHA256()), key)


def _certificate(authority: Pair, hosts: list[str], now: datetime) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = authority.certificate
    issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    builder = (
        builder_of(subject_of("Gatehouse"), issuer.subject, key.public_key(), now, CERTIFICATE_LIFE)
        .add_extension(x509.SubjectAlternativeName(host_names(hosts)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(issuer_key, critical=False)
    )
    return Pair(builder.sign(authority.key, hashes.SHA256()), key)


def read_pair(cert: Path, key: Path) -> Pair:
    private = serialization.load_pem_private_key(key.read_bytes(), password=None)
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise ValueError("not an elliptic-curve key")
    return Pair(x509.load_pem_x509_certificate(cert.read_bytes()), private)


def write_pair(pair: Pair, cert: Path, key: Path) -> None:
    """Two files, each whole; a pair that does not match (a crash fell between them) is made anew at the next start."""
    pem = serialization.Encoding.PEM
    secret = pair.key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write_whole(key, secret, 0o600)
    write_whole(cert, pair.certificate.public_bytes(pem), 0o644)


def write_whole(path: Path, data: bytes, mode: int) -> None:
    """Whole or not at all, and never readable by others for a moment."""
    beside = path.with_suffix(".new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
