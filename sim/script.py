"""A night as it is written down before it is played: who stands at which gate, and what happens when."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from edge.core.passes import Pass
from sim.wires import Fitted

S_NS = 1_000_000_000
MS_NS = 1_000_000
HOUR_NS = 3_600 * S_NS
NIGHT_NS = 12 * HOUR_NS
BEGIN_NS = 100 * S_NS  # the machine has been up for a while when the night begins

Value = int | str | bool

# What goes wrong by itself; of these every night has one at least.
FAULTS = frozenset(
    {
        "node_falls", "box_falls", "link_down", "clock_steps", "cold_boot", "contact_breaks", "bolt_breaks", "jam",
        "rex_chatter", "mains_fail", "camera", "forced", "lost_edge", "disk_full", "slow_line", "peer_fire", "fire",
        "lock_silent", "jam_told",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing that happens; its numbers are drawn already, so that leaving out another changes nothing of it."""

    at_ns: int
    what: str
    how: Mapping[str, Value] = field(default_factory=lambda: MappingProxyType({}))

    def __str__(self) -> str:
        ms = (self.at_ns - BEGIN_NS) // MS_NS
        hours, ms = divmod(ms, 3_600_000)
        minutes, ms = divmod(ms, 60_000)
        said = " ".join(f"{name}={value}" for name, value in self.how.items())
        return f"{hours:02}:{minutes:02}:{ms / 1000:06.3f}  {self.what:<15} {said}".rstrip()


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody with a pass: the key in their phone, how wrong that phone's clock is, and a PIN where they have one."""

    name: str
    row: Pass
    key: bytes
    skew_ms: int
    pin: str = ""

    @property
    def cred_id(self) -> str:
        return self.row.creds[0].cred_id


@dataclass(frozen=True, slots=True)
class Night:
    """Everything a night is made of."""

    fitted: Fitted
    guests: tuple[Guest, ...]
    deeds: tuple[Deed, ...]

    def lines(self) -> list[str]:
        profile = self.fitted.profile
        built = [
            f"lock {profile.lock}", f"rex_unlocks {profile.rex_unlocks}", f"t_open {profile.t_open_ms} ms",
            f"t_forced_confirm {profile.t_forced_confirm_ms} ms", f"t_prealarm {profile.t_prealarm_ms} ms",
            f"bolt monitor {self.fitted.shows_bolt}", f"second door {self.fitted.peer}",
        ]  # fmt: skip
        return [f"gate: {', '.join(built)}", *(str(deed) for deed in self.deeds)]
