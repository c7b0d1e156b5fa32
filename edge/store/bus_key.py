"""The node's key and certificate for the bus: P-256, made here; a renewal makes another key and swaps both at once.

In one folder: ``node.key`` and ``node.pem`` in use, ``ca.pem`` of the community, and ``next.key`` while a certificate is
asked for.  Keys have mode 0600.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from edge.errors import StoreError
from edge.store.device_key import write_private

_PEM = serialization.Encoding.PEM


@dataclass(frozen=True, slots=True)
class BusFiles:
    """What TLS is opened with."""

    ca: Path
    cert: Path
    key: Path


class BusKey:
    def __init__(self, folder: Path, node: str) -> None:
        self._folder = folder
        self._node = node
        self.files = BusFiles(folder / "ca.pem", folder / "node.pem", folder / "node.key")
        self._next = folder / "next.key"

    @property
    def ready(self) -> bool:
        """True when there is everything TLS needs."""
        return all(path.exists() for path in (self.files.ca, self.files.cert, self.files.key))

    def request(self) -> str:
        """A certificate request (PEM) for the key that waits for a certificate; made where none waits.

        Raises:
            StoreError: the folder cannot be written, or holds what is no key.
        """
        try:
            if not self._next.exists():
                key = ec.generate_private_key(ec.SECP256R1())
                write_private(self._next, _private_pem(key))
            key = _read_key(self._next)
        except (OSError, ValueError, TypeError) as error:
            raise StoreError(f"{self._next}: cannot be used as a key for the bus ({error}).") from error
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self._node)])
        csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
        return csr.public_bytes(_PEM).decode()

    def take(self, cert: str, ca: str = "") -> bool:
        """Put a certificate in use; False when it is not for a key of ours, or the one in use already.

        ``ca`` comes with the join file, by hand; without it the authority in use must have signed the certificate.

        Raises:
            StoreError: the disk did not keep it.
        """
        try:
            made = x509.load_pem_x509_certificate(cert.encode())
            authority = x509.load_pem_x509_certificate((ca or self.files.ca.read_text()).encode())
            made.verify_directly_issued_by(authority)
        except (OSError, ValueError, TypeError, InvalidSignature):
            return False
        if not self._is_ours(made):
            return False
        try:
            if ca:
                _write_whole(self.files.ca, ca.encode(), 0o644)
            if self._belongs(made, self._next):
                # A power cut between the two: ``repair`` finishes the swap at the next start.
                _write_whole(self.files.cert, cert.encode(), 0o644)
                self._next.replace(self.files.key)
            else:
                _write_whole(self.files.cert, cert.encode(), 0o644)
        except OSError as error:
            raise StoreError(
                f"{self._folder}: the certificate for the bus was not kept ({error})."
            ) from error
        return True

    def repair(self) -> None:
        """After a power cut within ``take``: certificate swapped, key not yet; the swap is finished."""
        if self.ready and self._next.exists():
            held = self._held()
            if held is not None and self._belongs(held, self._next):
                self._next.replace(self.files.key)

    def life(self) -> tuple[int, int] | None:
        """From when until when the certificate in use is valid (ms since 1970); None without one."""
        held = self._held()
        if held is None:
            return None
        return _ms(held.not_valid_before_utc.timestamp()), _ms(held.not_valid_after_utc.timestamp())

    def _held(self) -> x509.Certificate | None:
        try:
            return x509.load_pem_x509_certificate(self.files.cert.read_bytes())
        except (OSError, ValueError):
            return None

    def _is_ours(self, made: x509.Certificate) -> bool:
        """For a key of ours, under our name, and later than the one in use."""
        names = made.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        if [name.value for name in names] != [self._node]:
            return False
        if self._belongs(made, self._next):
            return True
        held = self._held()
        newer = held is None or made.not_valid_after_utc > held.not_valid_after_utc
        return newer and self._belongs(made, self.files.key)

    def _belongs(self, made: x509.Certificate, path: Path) -> bool:
        try:
            return made.public_key() == _read_key(path).public_key()
        except (OSError, ValueError, TypeError):
            return False


def _read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("not an elliptic-curve key")
    return key


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _write_whole(path: Path, data: bytes, mode: int) -> None:
    beside = path.with_name(f"{path.name}.new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
