"""One writing for text that came from many hands: full-width forms narrowed, traditional characters simplified."""

import unicodedata
from functools import cache, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opencc import OpenCC

CHARACTERS_MAX = 20_000  # remembered; a community's names and addresses use some three thousand


@cache
def _to_simplified() -> "OpenCC":
    """Its tables are read when the first character asks for them: most commands of the service never do."""
    from opencc import OpenCC

    return OpenCC("t2s")


@lru_cache(maxsize=CHARACTERS_MAX)
def _simple(character: str) -> str:
    """Character by character: whole words would make a name depend on its neighbours."""
    return str(_to_simplified().convert(character))


def simplified(text: str) -> str:
    """NFKC, and each traditional character as its simplified one; a character without a variant stays, however rare."""
    plain = unicodedata.normalize("NFKC", text)
    return plain if plain.isascii() else "".join(_simple(one) for one in plain)


def is_han(character: str) -> bool:
    return "\u3400" <= character <= "\u9fff" or "\U00020000" <= character <= "\U0003ffff" or character == "〇"
