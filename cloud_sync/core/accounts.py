"""Rules of logins: how long one lasts, who needs a second factor, and what a browser is called."""

from dataclasses import dataclass
from enum import StrEnum

from cloud_sync.core.roles import Role, role_of

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS


class Way(StrEnum):
    """By what somebody got in."""

    PASSWORD = "password"  # noqa: S105 - the name of a way
    CODE = "code"  # password and the code of an app
    RECOVERY = "recovery"  # password and a recovery code
    PASSKEY = "passkey"


class SecondFactor(StrEnum):
    OFF = "off"
    ASK = "ask"  # whoever has none is asked to set one up
    REQUIRE = "require"  # and comes no further than there


@dataclass(frozen=True, slots=True)
class AccountRules:
    idle_ms: int = 2 * HOUR_MS
    session_ms: int = 12 * HOUR_MS  # one shift; a forgotten screen at the gate closes by itself
    second_factor: SecondFactor = SecondFactor.ASK
    roles: frozenset[Role] = frozenset({Role.OFFICER, Role.ADMIN})

    def asks(self, role: str) -> bool:
        return self.second_factor is not SecondFactor.OFF and role_of(role) in self.roles

    def requires(self, role: str) -> bool:
        return self.second_factor is SecondFactor.REQUIRE and role_of(role) in self.roles


@dataclass(frozen=True, slots=True)
class PasskeySite:
    """Where passkeys are good: the name they are bound to, and the one address whose pages may ask for them."""

    rp_id: str
    origin: str


# The first word that fits names it: many a browser says of itself that it is also others.
_BROWSERS = (
    ("MicroMessenger", "WeChat"),
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("Chrom", "Chrome"),
    ("CriOS", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iOS"),
    ("iPad", "iOS"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def device_of(user_agent: str) -> str:
    """``Firefox/Windows``: two words of what a browser says of itself, either empty where it is none of these."""
    browser, system = (
        next((name for sign, name in known if sign in user_agent), "") for known in (_BROWSERS, _SYSTEMS)
    )
    return f"{browser}/{system}"
