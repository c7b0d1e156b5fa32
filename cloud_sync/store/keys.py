"""The community's keys on disk: one file each, mode 0600, made once at set-up and never overwritten."""

import hashlib
import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_sync.errors import ConfigError, StoreError

SIGNING = "community.ed25519"  # signs pass heads and erasures; the nodes hold the public half
COMMANDS = "command.ed25519"  # signs commands to doors and nothing else
CONFIRM = "confirm.ed25519"  # signs for the second person of a zone's command and nothing else
HASHING = "k_community"  # keys doc_hash: another community's hashes never match ours
VAULT = "vault.key"
PIN = "pin.key"  # keys PIN and card verifiers; the nodes hold it too
SETUP_TOKEN = "setup-token.sha256"  # noqa: S105 - the name of a file
WHOSE = "community"  # the code of the community these are the keys of
KEY_BYTES = 32


class CommunitySigner:
    """``Signer`` of ports.py over the key file; the private half is not readable from outside."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public_key = key.public_key().public_bytes_raw()
        # Long enough that two keys of one community never share it, short enough to read aloud.
        self.kid = hashlib.sha256(self.public_key).hexdigest()[:16]

    def sign(self, message: bytes) -> bytes:
        """The 64-byte Ed25519 signature."""
        return self._key.sign(message)


@dataclass(frozen=True, slots=True, repr=False)
class Keys:
    signer: CommunitySigner
    k_community: bytes
    vault: bytes
    pin: bytes
    commands: CommunitySigner
    confirm: CommunitySigner


def write_private(path: Path, data: bytes) -> None:
    """Make a file only its owner can read, on disk when this returns.

    Raises:
        StoreError: it exists already, or cannot be written.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise StoreError(
            f"{path}: it exists already and is not overwritten; set-up has been done."
        ) from error
    except OSError as error:
        raise StoreError(f"{path}: cannot be made ({error.strerror}); check the folder.") from error
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def create_keys(folder: Path) -> None:
    """Make what is missing of the community's keys; what is there stays as it is."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in (SIGNING, COMMANDS, CONFIRM, HASHING, VAULT, PIN):
        if not (folder / name).exists():
            write_private(folder / name, secrets.token_bytes(KEY_BYTES))


def _read(path: Path) -> bytes:
    try:
        data = path.read_bytes()
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        raise ConfigError(
            "data_dir",
            f"key file {path} cannot be read ({error.strerror})",
            "Run 'gatehouse-sync setup' first",
        ) from error
    if mode & 0o077:
        raise StoreError(f"{path}: others may read this key (mode {mode:o}); run 'chmod 600' on it.")
    if len(data) != KEY_BYTES:
        raise StoreError(
            f"{path}: a key has {KEY_BYTES} bytes, this file {len(data)}; restore it from a backup."
        )
    return data


def claim_folder(folder: Path, community: str) -> None:
    """Keys and vault are one community's: two in one folder would know each other's documents and erase each other's people.

    Raises:
        ConfigError: they are another community's.
        StoreError: the file that says whose they are cannot be read or made.
    """
    path = folder / WHOSE
    if not path.exists():
        _say_whose(path, community)
    try:
        whose = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{path}: cannot be read; restore it from a backup.") from error
    if whose != community:
        raise ConfigError(
            "community.code",
            f"the keys in {folder} are those of community {whose!r}",
            "Put the code back, or set up another data_dir",
        )


def _say_whose(path: Path, community: str) -> None:
    """Whole or not at all, for several parts of a service may start at once."""
    made = path.with_name(f".{WHOSE}-{secrets.token_hex(8)}")
    write_private(made, community.encode())
    try:
        os.link(made, path)
    except FileExistsError:
        pass  # another part was first
    finally:
        made.unlink()


def load_keys(folder: Path) -> Keys:
    """The keys that ``create_keys`` made.

    Raises:
        ConfigError: set-up was not done.
        StoreError: a file is damaged, or readable by others.
    """
    return Keys(
        _signer(folder / SIGNING),
        _read(folder / HASHING),
        _read(folder / VAULT),
        pin=_read(folder / PIN),
        commands=_signer(folder / COMMANDS),
        confirm=_confirm(folder),
    )


def _confirm(folder: Path) -> CommunitySigner:
    """A community that was set up before there were zones has no such key yet; the update makes it."""
    path = folder / CONFIRM
    if not path.exists():
        write_private(path, secrets.token_bytes(KEY_BYTES))
    return _signer(path)


def _signer(path: Path) -> CommunitySigner:
    return CommunitySigner(Ed25519PrivateKey.from_private_bytes(_read(path)))


def new_setup_token(folder: Path) -> str:
    """The word that lets somebody make the first administrator; only its hash stays here."""
    token = secrets.token_urlsafe(16)
    (folder / SETUP_TOKEN).unlink(missing_ok=True)
    write_private(folder / SETUP_TOKEN, hashlib.sha256(token.encode()).hexdigest().encode())
    return token
