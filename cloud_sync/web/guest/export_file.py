"""A person's copy as one file: the records for a machine, and a page in each language for a person."""

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from cloud_sync.web.board import Speaker
from cloud_sync.web.guest.shown import readable
from cloud_sync.web.language import Lang, guest_languages
from cloud_sync.web.render import environment
from cloud_sync.web.texts import texts

NAME = "my-data.zip"
RECORDS = "my-data.json"


def zip_of(held: Mapping[str, Any], zone: ZoneInfo) -> bytes:
    """``my-data.json`` as it is stored, ``my-data-zh.html``, ``my-data-en.html`` and so on for reading without a network."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(RECORDS, json.dumps(held, ensure_ascii=False, indent=1))
        for lang in guest_languages():
            file.writestr(f"my-data-{lang.value}.html", _page(held, Speaker(texts(lang), zone), lang))
    return out.getvalue()


def _page(held: Mapping[str, Any], by: Speaker, lang: Lang) -> str:
    template = environment(lang).get_template("privacy/_copy.html")
    return template.render(lang=lang, made=by.day_and_clock(int(held["made_ms"])), parts=readable(held, by))
