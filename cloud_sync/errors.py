"""What can go wrong in the service, from the reader's side.

SyncError
 ├─ ConfigError   the owner wrote something we cannot run with
 ├─ StoreError    the database did not do as it was asked
 ├─ ConnectorError  the far side did not take it; tried again later
 ├─ Refused       a rule of the house says no; the sentence says which
 ├─ Conflict      it is being done, or was asked differently before
 ├─ KeyMisused    an Idempotency-Key came back with something else
 ├─ TooMany       too often; ``wait_s`` says when again
 └─ NotFound      there is no such record in this community
"""


class SyncError(Exception):
    """One sentence: what, where, and what to do about it; ``status`` is what HTTP says for it."""

    status = 500


class ConfigError(SyncError):
    def __init__(self, key: str, problem: str, remedy: str) -> None:
        super().__init__(f"{key}: {problem}. {remedy}")
        self.key = key


class StoreError(SyncError):
    status = 503


class ConnectorError(SyncError):
    status = 502


class Refused(SyncError):
    status = 403

    def __init__(self, rule: str, sentence: str) -> None:
        super().__init__(sentence)
        self.rule = rule


class NotFound(SyncError):
    status = 404

    def __init__(self, sentence: str, *, rule: str = "") -> None:
        """``rule`` where there is more to say than that nothing is there."""
        super().__init__(sentence)
        self.rule = rule


class Conflict(SyncError):
    status = 409

    def __init__(self, rule: str, sentence: str) -> None:
        super().__init__(sentence)
        self.rule = rule


class KeyMisused(SyncError):
    status = 422


class TooMany(SyncError):
    status = 429

    def __init__(self, sentence: str, *, wait_s: int) -> None:
        super().__init__(sentence)
        self.wait_s = wait_s
