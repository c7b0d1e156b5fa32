"""Who takes part in a protocol: people, and the photos of each in which a face was found."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from models.engine import EngineInfo, Vector
from models.evaluation.dataset import Dataset
from models.evaluation.embedding import Embedded
from models.template import Template
from models.vectors import SCORES, Similarity, mean_vector


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """The people of a protocol; person numbers and photo places are those of the data set."""

    info: EngineInfo
    embedded: Embedded
    photos: dict[int, tuple[int, ...]]  # person -> places with a face
    # A mean does not depend on the order of its photos; draws ask for the same ones again and again.
    _templates: dict[tuple[int, ...], Vector] = field(default_factory=dict, init=False, repr=False)
    _probes: dict[tuple[int, ...], Vector] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of(cls, info: EngineInfo, data: Dataset, embedded: Embedded, chosen: Sequence[int]) -> "People":
        """Those of ``chosen`` with at least one face found."""
        held = data.photos_of()
        seen = {who: tuple(place for place in held[who] if embedded.found[place]) for who in chosen}
        return cls(info, embedded, {who: places for who, places in seen.items() if places})

    def __len__(self) -> int:
        return len(self.photos)

    @property
    def similarity(self) -> Similarity:
        return SCORES[self.info.score]

    def with_photos(self, least: int) -> list[int]:
        """The people with at least so many photos, ascending."""
        return [who for who, places in self.photos.items() if len(places) >= least]

    def template(self, places: Sequence[int]) -> Vector:
        """The mean that an enrolment with these photos keeps."""
        key = tuple(sorted(places))
        if key not in self._templates:
            made = Template.of_parts(
                self.info,
                [self.embedded.vectors[place] for place in key],
                [self.embedded.quality(place) for place in key],
                made_ms=0,
                not_after_ms=0,
            )
            self._templates[key] = made.mean
        return self._templates[key]

    def probe(self, places: Sequence[int]) -> Vector:
        """The fused vector of these frames."""
        key = tuple(sorted(places))
        if key not in self._probes:
            self._probes[key] = mean_vector(self.embedded.vectors[place] for place in key)
        return self._probes[key]


def shuffled(places: Sequence[int], dice: np.random.Generator) -> list[int]:
    """The same photos in a drawn order."""
    return [places[spot] for spot in dice.permutation(len(places)).tolist()]
