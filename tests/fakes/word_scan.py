"""Where somebody's words stand, in whichever writing: plain, UTF-16, hexadecimal, base64 and percent-encoded."""

import base64
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus


def writings(word: str) -> dict[str, list[bytes]]:
    """Every writing of a word by its name; of base64 the part that does not depend on what stands before and behind."""
    plain = word.encode()
    escaped = word.encode("ascii", "backslashreplace")
    return {
        "plain": [plain, escaped, word.lower().encode(), word.upper().encode()],
        "utf-16": [word.encode("utf-16-le"), word.encode("utf-16-be")],
        "hex": [plain.hex().encode(), plain.hex().upper().encode()],
        "base64": [one for skew in range(3) for one in _base64(plain, skew)],
        "percent": [quote(word).encode(), quote_plus(word).encode(), quote(word).lower().encode()],
    }


def _base64(plain: bytes, skew: int) -> list[bytes]:
    """As it looks with so many bytes before it: the first and the last group mix with their neighbours."""
    begins, ends = (4 if skew else 0), -4 if (len(plain) + skew) % 3 else None
    return [
        make(b"\0" * skew + plain).rstrip(b"\n")[begins:ends]
        for make in (base64.b64encode, base64.urlsafe_b64encode)
    ]


def found_in(data: bytes, words: Mapping[str, str]) -> set[str]:
    """Of these named words, those that stand there: ``name: writing``."""
    return {
        f"{name}: {writing}"
        for name, word in words.items()
        for writing, some in writings(word).items()
        if any(one in data for one in some)
    }


def scan(roots: Iterable[Path], words: Mapping[str, str]) -> dict[str, set[str]]:
    """File by file below the roots, every byte of each: free pages and write-ahead logs too."""
    found = {}
    for root in roots:
        for path in sorted(path for path in root.rglob("*") if path.is_file()):
            if some := found_in(path.read_bytes(), words):
                found[str(path.relative_to(root.parent))] = some
    return found
