"""What the vision worker tells the node: numbers and texts, and a picture only while staff hold the button for it.

msgspec on a pipe: the worker handles pictures from the street and is not trusted with more than this.
"""

import msgspec

START_NS = 60_000_000_000  # an engine is loaded before the first look, for many seconds on a small board


class LiveNumbers(msgspec.Struct, frozen=True):
    """Signs of liveness of one face up to this frame; told only where a door asks for them."""

    yaw: float
    pitch: float
    pairs: int  # pairs of frames the planarity rests on
    residual: float | None  # their median, % of the face's width
    frozen: bool
    judge: float | None  # the passive judge's, 0..1; None without one
    turned: (
        bytes | None
    )  # as ``FaceSeen.vector``, of a face the gate refused as turned; to follow it, not to name it


class FaceSeen(msgspec.Struct, frozen=True, tag="face"):
    """The nearest face of one picture; ``vector`` (float32 bytes, unit norm) only when it passed the gate and was
    worth one (``edge.core.looking``): neither gate nor vector means a good picture that says nothing about who it is."""

    camera: str
    t_ns: int
    faces: int
    box: tuple[float, float, float, float]
    gate: str | None  # why the picture was not good enough, or None
    enrolment_gate: str | None
    quality: tuple[float, float, float, float, float, float]  # fields of models.engine.Quality but the last
    vector: bytes | None
    live: LiveNumbers | None = None
    before: bytes | None = (
        None  # as ``vector``, of the model that goes; only where somebody is enrolled with it
    )


class CodeSeen(msgspec.Struct, frozen=True, tag="code"):
    camera: str
    t_ns: int
    text: str


class NobodySeen(msgspec.Struct, frozen=True, tag="nobody"):
    """A picture without a face; told once when a face has gone, and then every second."""

    camera: str
    t_ns: int


class PictureSeen(msgspec.Struct, frozen=True, tag="picture"):
    """Now and then, of the newest picture only when it was and how large; for the technician."""

    camera: str
    t_ns: int
    width: int
    height: int


class PreviewPicture(msgspec.Struct, frozen=True, tag="preview"):
    """A small JPEG for whoever holds the button now (docs/live-look.md); on its way to them, and nowhere else."""

    camera: str
    t_ns: int
    jpeg: bytes


class CameraState(msgspec.Struct, frozen=True, tag="camera"):
    camera: str
    state: str  # OK | DEGRADED | LOST
    why: str = ""


def camera_word(told: CameraState | None, up_ns: int) -> str:
    """What the node says of a camera: as told; STARTING before the first word, and LOST when none came for long."""
    if told is not None:
        return told.state
    return "STARTING" if up_ns < START_NS else "LOST"


class EngineState(msgspec.Struct, frozen=True, tag="engine"):
    """Told once at start: the engine that runs, or why none does."""

    ok: bool
    why: str = ""
    load_ms: int = 0
    engine_id: str = ""
    model_sha256: str = ""
    detector_sha256: str = ""
    dim: int = 0
    score: str = ""  # cosine | one_minus_chord
    simulated: bool = False
    licence: str = ""
    before: "EngineState | None" = None  # the engine that goes, while a model is changed


Told = FaceSeen | CodeSeen | NobodySeen | CameraState | EngineState
# A picture's size is kept for whoever asks, and a look by staff goes past the doors: neither is news to one.
Said = Told | PictureSeen | PreviewPicture

# While a model is changed: the cameras at whose doors somebody is enrolled with the engine that goes; None when nobody
# is left anywhere, and it is closed.
Wanted = frozenset[str] | None


class BeforeWanted(msgspec.Struct, frozen=True, tag=True):
    """Where the engine that goes is to look too."""

    cameras: Wanted


class PreviewAsk(msgspec.Struct, frozen=True, tag=True):
    """Staff look through a camera for so long; ``for_ns`` 0 ends it."""

    camera: str
    for_ns: int
    every_ns: int


Asked = BeforeWanted | PreviewAsk  # what the node asks of its worker

_decoder = msgspec.msgpack.Decoder(Said)
_asked = msgspec.msgpack.Decoder(Asked)


def pack(told: Said) -> bytes:
    return msgspec.msgpack.encode(told)


def unpack(data: bytes) -> Said:
    """Raises msgspec.ValidationError for anything that is not one of ours."""
    told: Said = _decoder.decode(data)
    return told


def pack_asked(asked: Asked) -> bytes:
    return msgspec.msgpack.encode(asked)


def unpack_asked(data: bytes) -> Asked:
    """Raises msgspec.ValidationError for anything that is not one of ours."""
    asked: Asked = _asked.decode(data)
    return asked
