"""By webhook: the community's own program is told, and writes however it likes."""

import hmac
import json
from hashlib import sha256
from pathlib import Path

from pydantic import Field

from cloud_sync.connectors.notify.http import post
from cloud_sync.connectors.notify.ways import Way, WaySettings, read_secret, refuse_synthetic
from cloud_sync.ports_guest import Notice

SIGNATURE = "x-gatehouse-signature"


class WebhookSettings(WaySettings):
    """``[notify.webhook]``: where messages are posted as JSON."""

    url: str = Field(
        pattern=r"^https?://[^/\s]+", description="Gets id, to, subject, text, link and language."
    )
    secret_file: Path | None = Field(
        None, description=f"Keys the HMAC-SHA256 of the body in the header `{SIGNATURE}`."
    )
    within_s: float = Field(20.0, gt=0, le=30, description="How long the whole call may take.")


class WebhookNotifier:
    def __init__(self, settings: WebhookSettings) -> None:
        self._settings = settings
        self._secret = read_secret(settings.secret_file).encode()

    def send(self, notice: Notice) -> str:
        """The status and the first line of the answer."""
        refuse_synthetic(notice)
        told = {
            "id": notice.id,
            "to": notice.to,
            "subject": notice.subject,
            "text": notice.text,
            "link": notice.link,
            "language": notice.language,
        }
        body = json.dumps(told, ensure_ascii=False).encode()
        headers = {"content-type": "application/json", "idempotency-key": notice.id}
        if self._secret:
            headers[SIGNATURE] = f"sha256={hmac.digest(self._secret, body, sha256).hex()}"
        return post(self._settings.url, body, headers, within_s=self._settings.within_s).receipt


WEBHOOK = Way(WebhookSettings, WebhookNotifier)
