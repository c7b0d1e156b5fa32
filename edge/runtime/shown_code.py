"""One showing of a rotating code: judged when it is shown, and once more in the moment in which it opens a door.

Between the two a look at a face may lie, and another door of this node may use the same credential meanwhile.
"""

import asyncio
import json
from dataclasses import dataclass

from edge.core.credentials import CodeMemory, CodeOutcome, CodeRefused, SignedCode, judge_code
from edge.core.events import AccessPointId
from edge.core.passes import Credential
from edge.runtime.hands import Hands

STEP_MS = 30_000  # one step of a rotating code


@dataclass(frozen=True, slots=True)
class ShownCode:
    """``step`` is the node's when the code was shown: a look makes no code older than its holder showed it."""

    code: SignedCode
    credential: Credential
    step: int
    door: AccessPointId

    def judged(self, hands: Hands) -> CodeOutcome:
        """By what is remembered of this credential now."""
        memory = _memory(hands.codes.code_memory(self.credential.cred_id))
        return judge_code(self.code, self.credential, memory, self.door, self.step, hands.verify)

    async def use(self, hands: Hands) -> CodeRefused | None:
        """The code's use is on the disk when this returns None; else it was overtaken by a use at another door.

        Raises:
            StoreError: nothing was written; the door has to stay shut.
        """
        async with hands.code_turn:
            outcome = self.judged(hands)
            if isinstance(outcome, CodeRefused):
                return outcome
            text = _text(outcome.new_memory)
            await asyncio.to_thread(hands.codes.remember_code, self.credential.cred_id, text)
        return None


def _text(memory: CodeMemory) -> str:
    return json.dumps([memory.offset_steps, memory.last_step, sorted(memory.used_at)])


def _memory(text: str | None) -> CodeMemory | None:
    if text is None:
        return None
    offset, last, used = json.loads(text)
    return CodeMemory(offset, last, frozenset(AccessPointId(door) for door in used))
