"""A technician who does what the list says, with the hands of a rig; or does one thing wrong."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class WalkingTechnician:
    """``does`` maps what is said to what is done; questions are answered yes unless named in ``no``."""

    does: dict[str, Callable[[], object]]
    no: set[str] = field(default_factory=set)
    heard: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)  # what the machine told of each item

    def say(self, key: str, **parts: object) -> None:
        self.heard.append(key)
        if "seen" in parts:
            self.seen.append(str(parts["seen"]))
        self.does.get(key, lambda: None)()

    def yes(self, key: str, **_: object) -> bool:
        self.heard.append(key)
        self.does.get(key, lambda: None)()
        return key not in self.no | {"again"}
