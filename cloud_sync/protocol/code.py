"""The text inside a guest's rotating QR: base45 of a signed, counted step (hardware.md §8, access.md §6.2).

Layout of ``AC2:`` codes, 86 bytes, final: version 1 B (=1) · credential id 16 B · step 4 B big-endian ·
kind 1 B (=2 rotating) · signature 64 B (Ed25519 by the guest's own key over ``"ac-code-v1\\0" ‖ the 22 bytes``).
A step is 30 s of the phone's clock.  The phone alone can mint: the node holds only the public half.
"""

from dataclasses import dataclass

PREFIX = "AC2:"
STEP_S = 30
_BODY = 22
_SIGNATURE = 64
_DOMAIN = b"ac-code-v1\0"
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_VALUE = {character: value for value, character in enumerate(_ALPHABET)}


class BadCode(ValueError):
    """The text is not one of our codes; the sentence says why."""


def b45encode(data: bytes) -> str:
    """RFC 9285."""
    out: list[str] = []
    for i in range(0, len(data) - 1, 2):
        rest, low = divmod(data[i] << 8 | data[i + 1], 45)
        high, middle = divmod(rest, 45)
        out += (_ALPHABET[low], _ALPHABET[middle], _ALPHABET[high])
    if len(data) % 2:
        high, low = divmod(data[-1], 45)
        out += (_ALPHABET[low], _ALPHABET[high])
    return "".join(out)


def b45decode(text: str) -> bytes:
    """RFC 9285.

    Raises:
        BadCode: a character outside the alphabet, a length that cannot be, or a value out of range.
    """
    try:
        values = [_VALUE[character] for character in text]
    except KeyError as error:
        raise BadCode(f"{error.args[0]!r} is not a base45 character") from None
    if len(values) % 3 == 1:
        raise BadCode("a base45 text cannot have this length")
    out = bytearray()
    for i in range(0, len(values), 3):
        group = values[i : i + 3]
        number = sum(value * 45**power for power, value in enumerate(group))
        size = len(group) - 1
        if number >= 256**size:
            raise BadCode("a base45 group is out of range")
        out += number.to_bytes(size, "big")
    return bytes(out)


@dataclass(frozen=True, slots=True)
class RotatingCode:
    """A parsed, not yet verified code."""

    credential: bytes  # 16 bytes
    step: int
    signature: bytes

    @property
    def signed(self) -> bytes:
        """The bytes the signature covers."""
        return _DOMAIN + _body(self.credential, self.step)


def _body(credential: bytes, step: int) -> bytes:
    assert len(credential) == 16
    return b"\x01" + credential + step.to_bytes(4, "big") + b"\x02"


def step_at(unix_s: float) -> int:
    return int(unix_s // STEP_S)


def unsigned(credential: bytes, step: int) -> bytes:
    """What the phone signs."""
    return _DOMAIN + _body(credential, step)


def compose(credential: bytes, step: int, signature: bytes) -> str:
    assert len(signature) == _SIGNATURE
    return PREFIX + b45encode(_body(credential, step) + signature)


def parse(text: str) -> RotatingCode:
    """Take a code apart.

    Raises:
        BadCode: not our prefix, not base45, wrong length, version or kind.
    """
    if not text.startswith(PREFIX):
        raise BadCode("not a Gatehouse code")
    data = b45decode(text.removeprefix(PREFIX))
    if len(data) != _BODY + _SIGNATURE:
        raise BadCode(f"a code has {_BODY + _SIGNATURE} bytes, this one {len(data)}")
    if data[0] != 1 or data[21] != 2:
        raise BadCode(f"version {data[0]}, kind {data[21]} is not known here")
    return RotatingCode(data[1:17], int.from_bytes(data[17:21], "big"), data[_BODY:])
