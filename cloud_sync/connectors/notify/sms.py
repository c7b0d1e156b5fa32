"""By SMS, through whatever gateway takes an HTTP form or JSON: its field names are the owner's to write."""

import json
import re
from pathlib import Path
from typing import Literal
from urllib.parse import urlencode

from pydantic import Field

from cloud_sync.connectors.notify.http import post
from cloud_sync.connectors.notify.ways import Way, WaySettings, read_secret, refuse_synthetic
from cloud_sync.errors import ConnectorError, Refused
from cloud_sync.ports_guest import Notice

NUMBER = re.compile(r"\+?[0-9]{5,15}")


class SmsSettings(WaySettings):
    """``[notify.sms]``: a gateway that sends short messages."""

    url: str = Field(pattern=r"^https?://[^/\s]+", description="Where the gateway takes messages.")
    fields: dict[str, str] = Field(
        {"to": "{to}", "text": "{text}"},
        description="The gateway's own field names; `{to}`, `{text}` and `{token}` are filled in.",
    )
    format: Literal["form", "json"] = Field("form", description="How the fields travel.")
    token_file: Path | None = Field(None, description="Sent as a bearer token, and as `{token}` in fields.")
    success: str = Field(
        "", description="Words the answer has to contain; many gateways say 200 to everything."
    )
    within_s: float = Field(20.0, gt=0, le=30, description="How long the whole call may take.")


class SmsNotifier:
    def __init__(self, settings: SmsSettings) -> None:
        self._settings = settings
        self._token = read_secret(settings.token_file)

    def send(self, notice: Notice) -> str:
        """The status and the first line of the gateway's answer."""
        refuse_synthetic(notice)
        number = re.sub(r"[\s()-]", "", notice.to)
        if not NUMBER.fullmatch(number):
            raise Refused("notify.address", "this is not a phone number; correct it and invite again.")
        # The subject and the link: a whole letter would be six messages.
        body, kind = self._body(number, f"{notice.subject} {notice.link}".strip())
        headers = {"content-type": kind}
        if self._token:
            headers["authorization"] = f"Bearer {self._token}"
        answer = post(self._settings.url, body, headers, within_s=self._settings.within_s)
        if self._settings.success not in answer.text:
            raise ConnectorError(
                "the SMS gateway's answer does not say that it took the message; tried again."
            )
        return answer.receipt

    def _body(self, number: str, text: str) -> tuple[bytes, str]:
        places = {"{to}": number, "{text}": text, "{token}": self._token}
        filled = {name: _filled(value, places) for name, value in self._settings.fields.items()}
        if self._settings.format == "json":
            return json.dumps(filled, ensure_ascii=False).encode(), "application/json"
        return urlencode(filled).encode(), "application/x-www-form-urlencoded"


def _filled(value: str, places: dict[str, str]) -> str:
    """In one pass: a text that happens to say ``{token}`` does not get it."""
    return re.sub(r"\{(?:to|text|token)\}", lambda found: places[found[0]], value)


SMS = Way(SmsSettings, SmsNotifier)
