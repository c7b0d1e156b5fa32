"""A bus of the service that is always there and only keeps what is sent."""


class Post:
    """A bus that is there and keeps what is sent."""

    session = 1

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes, bool]] = []

    def send(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self.sent.append((topic, payload, retain))

    def on(self, topic: str) -> list[bytes]:
        return [payload for told, payload, _ in self.sent if told == topic]
