"""What can go wrong on a gate node, from the reader's side.

GateError
 ├─ ConfigError     the owner wrote something we cannot run with
 ├─ HardwareError   a device did not do as it was asked
 │   ├─ CameraLost    no picture
 │   └─ LockSilent    the lock, or the process that drives it, did not answer in time
 ├─ StoreError      the node's own disk did not keep what it was given
 │   ├─ DiskFull
 │   ├─ Damaged     a page of a database cannot be read
 │   └─ NoDatabase  the file does not even begin like one
 ├─ EnrolRefused    this face may not be enrolled, and the sentence says why
 ├─ RuleRefused     a person asked for something a rule between doors does not give
 └─ LinkError       the broker is away; recording goes on
"""


class GateError(Exception):
    """One sentence: what, where, and what to do about it."""


class ConfigError(GateError):
    def __init__(self, key: str, problem: str, remedy: str) -> None:
        super().__init__(f"{key}: {problem}. {remedy}")
        self.key = key


class HardwareError(GateError):
    pass


class CameraLost(HardwareError):
    pass


class LockSilent(HardwareError):
    pass


class StoreError(GateError):
    pass


class DiskFull(StoreError):
    pass


class Damaged(StoreError):
    pass


class NoDatabase(StoreError):
    pass


class TrustRefused(GateError):
    """Another node is not trusted with templates; the sentence says why."""


class EnrolRefused(GateError):
    pass


class RuleRefused(GateError):
    pass


class LinkError(GateError):
    pass


class CarryRefused(GateError):
    """What somebody brought to this node is not taken; the sentence says why."""
