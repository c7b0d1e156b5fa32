"""What is kept of an enrolled face: the mean of up to three images, the images' vectors, and no picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import msgspec
import numpy as np

from models.engine import Embeddings, EngineInfo, Quality, TemplateForeign, Vector
from models.vectors import mean_vector, unit_rows

# The calibration tables end at three images; a mean of more has a higher FMR at the same threshold.
PARTS_MAX = 3


class _Sealed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The bytes of a template; vectors are little-endian float32."""

    v: int
    engine_id: str
    embedder_sha256: str
    dim: int
    mean: bytes
    parts: bytes
    qualities: tuple[Quality, ...]
    made_ms: int
    not_after_ms: int


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """One person's face for one embedder; compared with no other embedder's vectors."""

    engine_id: str
    embedder_sha256: str
    mean: Vector
    parts: Embeddings  # (k, dim)
    qualities: tuple[Quality, ...]
    made_ms: int
    not_after_ms: int

    @property
    def k(self) -> int:
        """How many images are in the mean; the threshold's table is chosen by it."""
        return len(self.parts)

    @classmethod
    def of_parts(
        cls,
        info: EngineInfo,
        vectors: Sequence[Vector],
        qualities: Sequence[Quality],
        *,
        made_ms: int,
        not_after_ms: int,
    ) -> Self:
        """The template of one to three accepted images."""
        assert 1 <= len(vectors) <= PARTS_MAX, "the tables end at three images"
        assert len(vectors) == len(qualities)
        return cls(
            engine_id=info.engine_id,
            embedder_sha256=info.model_sha256,
            mean=mean_vector(vectors),
            parts=np.stack(list(vectors)),
            qualities=tuple(qualities),
            made_ms=made_ms,
            not_after_ms=not_after_ms,
        )

    def check(self, info: EngineInfo) -> None:
        """Nothing, or TemplateForeign when it was made by another embedder than this engine's."""
        if (self.engine_id, self.embedder_sha256) != (info.engine_id, info.model_sha256):
            raise TemplateForeign(
                f"a template of {self.engine_id} {self.embedder_sha256[:8]}… is not compared with "
                f"{info.engine_id} {info.model_sha256[:8]}…; the guest enrols again with this engine."
            )

    def to_bytes(self) -> bytes:
        """Everything, to be sealed before it touches a disk."""
        return msgspec.msgpack.encode(
            _Sealed(
                v=1,
                engine_id=self.engine_id,
                embedder_sha256=self.embedder_sha256,
                dim=int(self.mean.shape[0]),
                mean=self.mean.astype("<f4").tobytes(),
                parts=self.parts.astype("<f4").tobytes(),
                qualities=self.qualities,
                made_ms=self.made_ms,
                not_after_ms=self.not_after_ms,
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """What ``to_bytes`` wrote, vectors bit for bit.

        Raises:
            TemplateForeign: these are not the bytes of a template this version reads.
            EmbeddingInvalid: a vector in it is not finite or has no length.
        """
        try:
            sealed = msgspec.msgpack.decode(data, type=_Sealed)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise TemplateForeign(f"a template cannot be read ({error}); the guest enrols again.") from error
        _check_shape(sealed)
        parts = _rows(sealed.parts, sealed.dim)
        return cls(
            engine_id=sealed.engine_id,
            embedder_sha256=sealed.embedder_sha256,
            mean=_rows(sealed.mean, sealed.dim)[0],
            parts=parts,
            qualities=sealed.qualities,
            made_ms=sealed.made_ms,
            not_after_ms=sealed.not_after_ms,
        )


def _check_shape(sealed: _Sealed) -> None:
    count = len(sealed.qualities)
    sound = (
        sealed.v == 1
        and sealed.dim > 0
        and 1 <= count <= PARTS_MAX
        and len(sealed.mean) == 4 * sealed.dim
        and len(sealed.parts) == 4 * sealed.dim * count
    )
    if not sound:
        raise TemplateForeign("a template has another version or shape than this program's; enrol again.")


def _rows(data: bytes, dim: int) -> Embeddings:
    rows = np.frombuffer(data, dtype="<f4").reshape(-1, dim).astype(np.float32)
    unit_rows(rows)  # refuses what is not a vector; the stored bits stay as they are
    return rows
