"""Waking a browser (RFC 8030): sealed for it alone (RFC 8291), signed with the service's own VAPID key (RFC 8292)."""

import re
from typing import Literal

from cloud_sync.connectors.notify.http import post
from cloud_sync.errors import ConnectorError, Refused
from cloud_sync.ports_cases import Subscription

# An alarm that reaches nobody within five minutes is on everybody's page by then, or on the phone.
TTL_S = 300
WITHIN_S = 5.0  # a push service answers in a fraction of it; the others on the list wait meanwhile
_GONE = re.compile(r"answered HTTP (404|410)\b")  # the browser unsubscribed, or its profile is no more


class VapidSender:
    """``PushSender`` of ports_cases.py.  The payload is read by the browser only, its length by everybody."""

    def __init__(self, private_pem: bytes, public_pem: bytes, contact: str) -> None:
        from webpush import WebPush

        self._push = WebPush(private_pem, public_pem, subscriber=contact, ttl=TTL_S)

    def send(self, subscription: Subscription, payload: bytes) -> Literal["sent", "gone", "failed"]:
        from webpush.types import WebPushKeys, WebPushSubscription

        keys = WebPushKeys(auth=subscription.auth, p256dh=subscription.p256dh)
        message = self._push.get(
            payload, WebPushSubscription.model_validate({"endpoint": subscription.endpoint, "keys": keys})
        )
        headers = {"urgency": "high", **{name: str(value) for name, value in message.headers.items()}}
        try:
            post(subscription.endpoint, message.encrypted, headers, within_s=WITHIN_S)
        except Refused as refused:
            return "gone" if _GONE.search(str(refused)) else "failed"
        except ConnectorError:
            return "failed"
        return "sent"
