"""The look-alikes of this node: found when a template or an agreement comes, gone when either goes.

Wherever a template came from (this camera, photos, another node), the next ``recheck`` compares it once with the
others of the same engine; a pair that is known stays known over a restart and is not reported anew.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from edge.core.events import AccessPointId, PassId
from edge.core.lookalikes import Pair, agrees, locked_at, pair_of
from edge.core.passes import PassSet
from edge.runtime.engine_info import same_model
from models.engine import EngineInfo
from models.lookalikes import pairs_among, twin_threshold
from models.template import Template
from models.vectors import SCORES


class PairStore(Protocol):
    """Where pairs outlive a restart: pass ids only."""

    def pairs(self) -> Sequence[tuple[str, str]]: ...

    def keep_pairs(self, pairs: Iterable[tuple[str, str]]) -> None: ...


class LookAlikes:
    def __init__(self, store: PairStore) -> None:
        self._store = store
        self._pairs: frozenset[Pair] = frozenset(pair_of(a, b) for a, b in store.pairs())
        self._checked: dict[str, Template] = {}

    def recheck(self, templates: Mapping[str, Template], passes: PassSet, *engines: EngineInfo) -> int:
        """Compare what is new since the last call, each with those of its own model; how many pairs that found.

        A pair of which one has enrolled anew with another model cannot be looked at again: it stays.

        Raises:
            StoreError: the pairs could not be kept; they are in force all the same.
        """
        agreed = {
            pass_id: template
            for pass_id, template in templates.items()
            if any(same_model(template, engine) for engine in engines) and agrees(passes, pass_id)
        }
        kept = {who: seen for who, seen in self._checked.items() if agreed.get(who) is seen}
        replaced = set(self._checked) - set(kept)
        before = frozenset(
            pair
            for pair in self._pairs
            if agreed.keys() >= set(pair)
            and not (replaced & set(pair) and _comparable(*(agreed[one] for one in pair)))
        )
        found = frozenset[Pair]().union(*(self._compare(kept, agreed, engine) for engine in engines))
        self._checked = dict(agreed)
        after = before | found
        if after != self._pairs:
            self._pairs = after
            self._store.keep_pairs(sorted(after))
        return len(found - before)

    def twins_of(self, pass_id: str) -> frozenset[PassId]:
        """Whom this one is taken for too easily."""
        return frozenset(one for pair in self._pairs if pass_id in pair for one in pair if one != pass_id)

    def locked_at(self, access_point: AccessPointId, passes: PassSet) -> frozenset[PassId]:
        return locked_at(access_point, self._pairs, passes)

    def _compare(
        self, known: Mapping[str, Template], agreed: Mapping[str, Template], engine: EngineInfo
    ) -> frozenset[Pair]:
        t = None if engine.calibration is None else twin_threshold(engine.calibration)
        if t is None:
            return frozenset()
        mine = {who: template for who, template in agreed.items() if same_model(template, engine)}
        people = [(who, template.mean) for who, template in known.items() if who in mine]
        seen = len(people)
        people += [(who, mine[who].mean) for who in sorted(mine.keys() - known.keys())]
        found = pairs_among(people, known=seen, t=t, similarity=SCORES[engine.score])
        return frozenset(pair_of(one, other) for one, other in found)


def _comparable(one: Template, other: Template) -> bool:
    return (one.engine_id, one.embedder_sha256) == (other.engine_id, other.embedder_sha256)
