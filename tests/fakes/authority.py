"""A certificate authority for tests: P-256, one hour, everything in one folder."""

import datetime as dt
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOUR = dt.timedelta(hours=1)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._now = dt.datetime.now(dt.UTC)
        self._serials: dict[str, int] = {}
        self._write("ca", self._sign("test authority", self._key, ca=True), self._key)

    def issue(self, name: str, *, host: str | None = None) -> None:
        """``name.pem`` and ``name.key``."""
        key = ec.generate_private_key(ec.SECP256R1())
        self._write(name, self._sign(name, key, host=host), key)

    def revoke(self, names: Iterable[str]) -> None:
        """``crl.pem`` with these and no others."""
        builder = x509.CertificateRevocationListBuilder(
            issuer_name=_name("test authority"), last_update=self._now - HOUR, next_update=self._now + HOUR
        )
        for name in names:
            gone = x509.RevokedCertificateBuilder(self._serials[name], self._now - HOUR).build()
            builder = builder.add_revoked_certificate(gone)
        crl = builder.sign(self._key, hashes.SHA256())
        (self.folder / "crl.pem").write_bytes(crl.public_bytes(serialization.Encoding.PEM))

    def _sign(
        self, name: str, key: ec.EllipticCurvePrivateKey, *, host: str | None = None, ca: bool = False
    ) -> x509.Certificate:
        self._serials[name] = x509.random_serial_number()
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(_name("test authority"))
            .public_key(key.public_key())
            .serial_number(self._serials[name])
            .not_valid_before(self._now - HOUR)
            .not_valid_after(self._now + HOUR)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if host:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def _write(self, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        (self.folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        (self.folder / f"{name}.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
