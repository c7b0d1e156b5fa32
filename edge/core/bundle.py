"""May a pass that was shown as a signed text be believed at this node?  (access.md §§6.2, 7)

The text is the community's word of one moment.  What the node has aboard outranks it wherever that is newer, and what
was taken away there stays taken away, whatever is shown.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from edge.core.clock import TimeSpan
from edge.core.credentials import CodeAccepted, CodeMemory, CodeOutcome, CodeRefused
from edge.core.events import CredentialKind
from edge.core.passes import DENYING, Credential, Pass, PassSet
from edge.core.reasons import Reason

AHEAD_MAX_MS = 300_000  # a bundle from further in the future says that one of two clocks is wrong

VerifyPass = Callable[[str, bytes, bytes], bool]  # (start of the key's id, message, signature)


@dataclass(frozen=True, slots=True)
class PhoneUse:
    """The phone's own signature over a bundle and a step; a ``SignedCode``."""

    credential: bytes
    step: int
    signed: bytes
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A parsed, not yet verified bundle.  ``told`` has this node's doors in its scope and no credentials."""

    told: Pass
    kid: str
    issued_ms: int
    expires_ms: int
    signed: bytes
    signature: bytes
    use: PhoneUse | None = None
    key: bytes = b""  # whose public half this is
    pin_salt: bytes = b""
    pin_proof: bytes = field(default=b"", repr=False)  # a day code: the keyed proof of its PIN

    @property
    def credential(self) -> bytes:
        """What tells this bundle from others while it is shown: its key's, or nobody's."""
        return self.use.credential if self.use is not None else self.signature[:16]


@dataclass(frozen=True, slots=True)
class Introduced:
    """Whom the bundle speaks of as this node sees it; ``use`` of ``credential`` has to be judged next, where there is one."""

    holder: Pass | None
    credential: Credential | None = None
    use: PhoneUse | None = None
    refused: CodeRefused | None = None

    @property
    def outcome(self) -> CodeOutcome:
        """For a bundle without a key there is no step to remember."""
        return self.refused or CodeAccepted(CodeMemory(0, 0, frozenset()))


def introduce(bundle: Bundle, passes: PassSet, when: TimeSpan, verify: VerifyPass) -> Introduced:
    """Judge what a bundle says against what is aboard; nothing is believed before the community's signature holds."""
    if not verify(bundle.kid, bundle.signed, bundle.signature):
        return Introduced(None)
    known = passes.get(bundle.told.pass_id)
    if known is not None and known.state in DENYING:
        return Introduced(known)  # its state is the reason, and step 5 says it
    denial = passes.denied.get(bundle.told.pass_id)
    if known is None and denial is not None:
        if denial.state is not None:
            return Introduced(replace(bundle.told, state=denial.state))
        if bundle.told.pass_version <= denial.pass_version:  # it led here once, and does not any more
            return Introduced(bundle.told, refused=CodeRefused(Reason.SUPERSEDED))
    holder = known if known is not None and known.pass_version >= bundle.told.pass_version else bundle.told
    if when.earliest_ms > bundle.expires_ms or when.latest_ms < bundle.issued_ms - AHEAD_MAX_MS:
        return Introduced(holder, refused=CodeRefused(Reason.CODE_OUT_OF_TIME))
    if known is not None and known.pass_version > bundle.told.pass_version:
        return Introduced(holder, refused=CodeRefused(Reason.SUPERSEDED))
    if bundle.use is None:
        return Introduced(holder)
    aboard = None if known is None else _of_key(known, bundle.key)
    if known is holder and aboard is None:
        return Introduced(holder, refused=CodeRefused(Reason.NOT_FOUND))  # the phone was replaced since
    credential = aboard or Credential(CredentialKind.QR, bundle.credential.hex(), bundle.key)
    # Known by its own id where the key is aboard: a code shown without the bundle and one with it are the same code.
    return Introduced(holder, credential, replace(bundle.use, credential=bytes.fromhex(credential.cred_id)))


def _of_key(holder: Pass, key: bytes) -> Credential | None:
    return next((one for one in holder.creds if one.kind is CredentialKind.QR and one.verifier == key), None)
