"""The community's authority for the bus: certificates for nodes, service and broker, and the list of revoked ones.

It stands in the key folder and signs nothing a browser is asked to believe; that authority is ``web.tls``'s.
"""

import stat
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from cloud_sync.errors import Refused, StoreError
from cloud_sync.protocol.identity import is_reserved
from cloud_sync.web.tls import (
    Pair,
    builder_of,
    host_names,
    make_authority,
    read_pair,
    subject_of,
    write_pair,
)

KEY, CERTIFICATE = "node-ca.key", "node-ca.pem"
# A node that is away for longer than this needs a person; a stolen one whose loss nobody told is out by itself then.
NODE_LIFE = timedelta(days=30)
# Broker and service stand in the office and are renewed by ``broker-config`` and by the service's own beat.
SERVICE_LIFE = timedelta(days=397)
# Long enough for one TLS handshake and one MQTT CONNECT, see kick.py.
KICK_LIFE = timedelta(minutes=5)
# OpenSSL lets nobody in at all under a list that is past its next update.  The list is written into the broker's own
# folder, so its age proves nothing, and a service that was off for a month must not shut out every gate.
CRL_LIFE = timedelta(days=3650)
CRL_BACKDATED = timedelta(hours=1)


@dataclass(frozen=True, slots=True, repr=False)
class Authority:
    """Certificate and key; the key does not leave this object."""

    _pair: Pair

    @property
    def pem(self) -> bytes:
        return self._pair.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        return self._pair.key.public_key()

    def issued(self, certificate: x509.Certificate) -> bool:
        """True when this authority has signed it."""
        try:
            certificate.verify_directly_issued_by(self._pair.certificate)
        except (InvalidSignature, ValueError, TypeError):
            return False
        return True

    def issue_node(self, node: str, csr: x509.CertificateSigningRequest, now_ms: int) -> x509.Certificate:
        """A client certificate whose name is the node's id, whatever name the request asks for.

        Raises:
            Refused: the id is one of the service's own names.
        """
        check_name(node)
        return self._client(node, request_key(csr), now_ms, NODE_LIFE)

    def issue_client(self, name: str, now_ms: int, life: timedelta = SERVICE_LIFE) -> Pair:
        """A client certificate and its new key, for the service itself."""
        key = ec.generate_private_key(ec.SECP256R1())
        return Pair(self._client(name, key.public_key(), now_ms, life), key)

    def issue_server(self, name: str, hosts: list[str], now_ms: int) -> Pair:
        """A server certificate for these names and addresses, and its new key."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(name, key.public_key(), now_ms, SERVICE_LIFE, ExtendedKeyUsageOID.SERVER_AUTH)
        names = x509.SubjectAlternativeName(host_names(hosts))
        return Pair(self._signed(builder.add_extension(names, critical=False)), key)

    def revoked_list(self, revoked: Iterable[tuple[int, int]], now_ms: int) -> bytes:
        """The list (PEM) of ``(serial, revoked_ms)``; an empty one is one too, and mosquitto wants it."""
        now = at(now_ms)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._pair.certificate.subject)
            .last_update(now - CRL_BACKDATED)
            .next_update(now + CRL_LIFE)
        )
        for serial, since_ms in revoked:
            one = x509.RevokedCertificateBuilder(serial, at(since_ms)).build()
            builder = builder.add_revoked_certificate(one)
        return builder.sign(self._pair.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def _client(
        self, name: str, key: ec.EllipticCurvePublicKey, now_ms: int, life: timedelta
    ) -> x509.Certificate:
        return self._signed(self._builder(name, key, now_ms, life, ExtendedKeyUsageOID.CLIENT_AUTH))

    def _builder(
        self,
        name: str,
        key: ec.EllipticCurvePublicKey,
        now_ms: int,
        life: timedelta,
        usage: x509.ObjectIdentifier,
    ) -> x509.CertificateBuilder:
        issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._pair.key.public_key())
        subject, issuer = subject_of(name), self._pair.certificate.subject
        return (
            builder_of(subject, issuer, key, at(now_ms), life)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(issuer_key, critical=False)
        )

    def _signed(self, builder: x509.CertificateBuilder) -> x509.Certificate:
        return builder.sign(self._pair.key, hashes.SHA256())


def open_authority(folder: Path, now_ms: int) -> Authority:
    """The authority of this key folder; made on the first call.

    Raises:
        StoreError: one half of it is missing or damaged, or others may read the key.
    """
    key, certificate = folder / KEY, folder / CERTIFICATE
    try:
        if not key.exists() and not certificate.exists():
            write_pair(make_authority(at(now_ms), "Gatehouse bus authority"), certificate, key)
        pair, mode = read_pair(certificate, key), stat.S_IMODE(key.stat().st_mode)
    except OSError as error:
        # Never made anew beside a half: every node that holds a certificate of the old one would be shut out.
        raise StoreError(
            f"{folder}: the authority of the bus cannot be read or made ({error}); restore {KEY} and {CERTIFICATE} "
            "from a backup."
        ) from error
    except ValueError as error:
        raise StoreError(
            f"{folder}: {KEY} or {CERTIFICATE} is damaged ({error}); restore both from a backup."
        ) from error
    if mode & 0o077:
        raise StoreError(f"{key}: others may read this key (mode {mode:o}); run 'chmod 600' on it.")
    if pair.certificate.public_key() != pair.key.public_key():
        raise StoreError(f"{folder}: {KEY} and {CERTIFICATE} do not belong together; restore both.")
    return Authority(pair)


def check_name(node: str) -> None:
    """
    Raises:
        Refused: the id is one of the service's own names.
    """
    if is_reserved(node):
        raise Refused("node", f"a node cannot be called {node!r}: the broker knows the service by it.")


def read_csr(pem: str, whose: str) -> x509.CertificateSigningRequest:
    """A request that its own key has signed, for a P-256 key.

    Raises:
        Refused: it is none.
    """
    try:
        csr = x509.load_pem_x509_csr(pem.encode())
        request_key(csr)
        whole = csr.is_signature_valid
    except (ValueError, TypeError, InvalidSignature) as error:
        raise Refused("node", f"{whose}: the certificate request cannot be read ({error}).") from error
    if not whole:
        raise Refused("node", f"{whose}: the certificate request is not signed by the key it names.")
    return csr


def request_key(csr: x509.CertificateSigningRequest) -> ec.EllipticCurvePublicKey:
    key = csr.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise TypeError("its key is not on the curve P-256")
    return key


def at(ms: int) -> datetime:
    """Milliseconds since 1970 as X.509 wants them, in whole seconds."""
    return datetime.fromtimestamp(ms // 1000, UTC)


def pem_of(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
