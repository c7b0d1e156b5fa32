"""Every sentence of the pages in each language, read once from the gettext catalogues beside this file."""

from dataclasses import dataclass
from functools import cache

from babel.messages.pofile import read_po

from cloud_sync.errors import ConfigError
from cloud_sync.web.language import LOCALES, Lang

__all__ = ["LOCALES", "Texts", "mark", "texts"]


def mark(msgid: str) -> str:
    """Name a text for the catalogues where it is declared; it is translated where it is shown."""
    return msgid


@dataclass(frozen=True, slots=True)
class Texts:
    """One language: call it with the English text (the msgid) and the values of its places."""

    lang: Lang
    sentences: dict[str, str]

    def __call__(self, msgid: str, **values: object) -> str:
        sentence = self.sentences.get(msgid) or msgid
        return sentence % values if values else sentence


@cache
def texts(lang: Lang) -> Texts:
    path = LOCALES / f"{lang.value}.po"
    try:
        with path.open("rb") as file:
            catalogue = read_po(file, locale=lang.value, abort_invalid=True)
    except OSError as error:
        raise ConfigError(
            "locales", f"{path.name} cannot be read", "Install the distribution again"
        ) from error
    return Texts(lang, {str(m.id): str(m.string) for m in catalogue if m.id and m.string})
