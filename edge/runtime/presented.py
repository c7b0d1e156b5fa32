"""From what was shown to an attempt: whose it is on this node, and whether a code of it holds.  Nothing is judged here."""

import hmac
from dataclasses import dataclass

from edge.core.bundle import Bundle, introduce
from edge.core.credentials import SignedCode
from edge.core.decision_types import Attempt, Moment
from edge.core.events import AccessPointId, CredentialKind
from edge.core.passes import Pass, PassSet
from edge.runtime.hands import Hands, Knowledge
from edge.runtime.second import First, stands, with_pin
from edge.runtime.shown_code import STEP_MS, ShownCode


@dataclass(frozen=True, slots=True)
class Read:
    """``code`` is to be used up when it opens; ``bundle`` is there where a pass was shown."""

    attempt: Attempt
    code: ShownCode | None = None
    bundle: Bundle | None = None


NOBODYS = Read(Attempt(kind=CredentialKind.QR, holder=None))


def of_code(
    code: SignedCode, door: AccessPointId, hands: Hands, knowledge: Knowledge, moment: Moment
) -> Read:
    """A rotating code of a credential that is aboard."""
    found = knowledge.passes.find_credential(code.credential.hex())
    if found is None or found[1].kind is not CredentialKind.QR:
        return NOBODYS
    holder, credential = found
    shown = ShownCode(code, credential, moment.now_ms // STEP_MS, door)
    return Read(Attempt(kind=CredentialKind.QR, holder=holder, code=shown.judged(hands)), shown)


def of_bundle(
    bundle: Bundle, door: AccessPointId, hands: Hands, knowledge: Knowledge, moment: Moment
) -> Read:
    """A pass that is shown, aboard or not."""
    told = introduce(bundle, knowledge.passes, moment.span, hands.verify_pass)
    if told.holder is None:
        return NOBODYS
    shown = None
    if told.use is not None and told.credential is not None:
        shown = ShownCode(told.use, told.credential, moment.now_ms // STEP_MS, door)
    attempt = Attempt(
        kind=CredentialKind.QR,
        holder=told.holder,
        code=told.outcome if shown is None else shown.judged(hands),
        needs_pin=bool(bundle.pin_proof),
        signed_age_ms=max(0, moment.span.latest_ms - bundle.issued_ms),
        aboard=knowledge.passes.get(told.holder.pass_id) is told.holder,
    )
    return Read(attempt, shown, bundle)


def of_pin(digits: str, hands: Hands, passes: PassSet) -> Attempt:
    """Whose PIN this is; an exact one always counts before one under duress."""
    for read, duress in ((hands.read_pin, False), (hands.read_duress, True)):
        shown = read(digits)
        holder = None if shown is None else _holder(passes, CredentialKind.PIN, *shown)
        if holder is not None:
            return Attempt(kind=CredentialKind.PIN, holder=holder, duress=duress)
    return Attempt(kind=CredentialKind.PIN, holder=None)


def of_day_code(
    first: First | None, digits: str, hands: Hands, passes: PassSet, now_ns: int
) -> Attempt | None:
    """The day code that waits for its PIN, when this is it."""
    if first is None or first.day_code is None or now_ns > first.until_ns or not stands(first, passes):
        return None
    proofs = hands.day_proofs(first.day_code.pin_salt, digits)
    for proof, duress in zip(proofs or (), (False, True), strict=False):
        if hmac.compare_digest(proof, first.day_code.pin_proof):
            return with_pin(first, duress=duress)
    return None


def of_card(data: str, hands: Hands, passes: PassSet) -> tuple[Attempt, str]:
    """Whose card this is, and its credential id; empty for what is no card."""
    shown = hands.read_card(data)
    holder = None if shown is None else _holder(passes, CredentialKind.CARD, *shown)
    return Attempt(kind=CredentialKind.CARD, holder=holder), "" if shown is None else shown[0]


def _holder(passes: PassSet, kind: CredentialKind, cred_id: str, verifier: bytes) -> Pass | None:
    """Whose PIN or card this is; both halves have to agree."""
    found = passes.find_credential(cred_id)
    if found is None or found[1].kind is not kind:
        return None
    return found[0] if hmac.compare_digest(found[1].verifier, verifier) else None
