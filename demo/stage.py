"""What the cameras see: parts of real clips, and a phone held into the picture that shows a code.

Every camera plays a folder (the replay driver); a person who walks up is a file put into it.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import zxingcpp
from numpy.typing import NDArray

MODULE_PX = 5  # a code needs about 4.5 px a module to be found at once
CODE_S = 2.5
CODE_FPS = 12
FROZEN_FPS = 2
SIZE = (640, 360)  # of what is made here
BEHIND = 0.4  # how large somebody behind the guest is beside the guest


@dataclass(frozen=True, slots=True)
class Cue:
    """A person in front of a camera: a part of one clip."""

    clip: Path
    start_s: float
    end_s: float


@dataclass(slots=True)
class Stage:
    """The folder one camera plays."""

    folder: Path
    idle: Cue
    n: int = field(default=0)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        self._write("idle.cue", self.idle)

    def enter(self, cue: Cue, who: str) -> str:
        """Somebody comes into view; the name of the clip as the camera's journal will have it."""
        self.n += 1
        name = f"{self.n:03d}-{who}.cue"
        self._write(name, cue)
        return name

    def show_code(self, text: str, who: str) -> str:
        """Somebody holds a phone with this code into the picture."""
        self.n += 1
        name = f"{self.n:03d}-{who}.y4m"
        write_y4m(self.folder / name, phone(text, _background(self.idle)))
        return name

    def leave(self, clip: str) -> None:
        """Whoever stood there has gone through the door, and out of the picture."""
        (self.folder / clip).unlink(missing_ok=True)

    def freeze(self, seconds: float) -> None:
        """The camera goes on sending the very same picture of the empty lane."""
        self.n += 1
        _write_still(self.folder / f"{self.n:03d}-frozen.y4m", _background(self.idle), seconds)

    def _write(self, name: str, cue: Cue) -> None:
        hidden = self.folder / f".{name}"
        hidden.write_text(f'clip = "{cue.clip}"\nstart_s = {cue.start_s}\nend_s = {cue.end_s}\n')
        hidden.rename(self.folder / name)


def _background(idle: Cue) -> NDArray[np.uint8]:
    source = cv2.VideoCapture(str(idle.clip))
    ok, image = source.read()
    source.release()
    assert ok, f"{idle.clip} cannot be read"
    return np.asarray(cv2.resize(image, (640, 360)), np.uint8)


def phone(text: str, background: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """One picture: a bright screen with the code, in front of the lane."""
    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level="M")
    screen = np.array(code.to_image(scale=MODULE_PX))
    picture = background.copy()
    height, width = screen.shape
    top, left = (picture.shape[0] - height) // 2, 200
    cv2.rectangle(picture, (left - 14, top - 14), (left + width + 14, top + height + 14), (30, 30, 30), -1)
    picture[top : top + height, left : left + width] = np.clip(screen, 25, 235)[:, :, None]
    return np.asarray(cv2.GaussianBlur(picture, (3, 3), 0), np.uint8)


def two_people(near: Cue, far: Cue, path: Path) -> None:
    """A film of one person at the door, and another well behind, small, at the left edge of the picture."""
    shown = zip(_pictures(near), _pictures(far), strict=False)
    write_film(path, (_beside(front, back) for front, back in shown), CODE_FPS)


def _beside(front: NDArray[np.uint8], back: NDArray[np.uint8]) -> NDArray[np.uint8]:
    picture = cv2.resize(front, SIZE)
    small = cv2.resize(back, None, fx=BEHIND * SIZE[1] / back.shape[0], fy=BEHIND * SIZE[1] / back.shape[0])
    middle, height = small.shape[1] // 2, small.shape[0]
    person = small[:, middle - height // 3 : middle + height // 3]
    picture[60 : 60 + height, 30 : 30 + person.shape[1]] = person
    return np.asarray(picture, np.uint8)


def _pictures(cue: Cue) -> Iterator[NDArray[np.uint8]]:
    """The cue's pictures, so many a second as a film of ours has."""
    source = cv2.VideoCapture(str(cue.clip))
    step = source.get(cv2.CAP_PROP_FPS) / CODE_FPS
    due = cue.start_s * source.get(cv2.CAP_PROP_FPS)
    ends = cue.end_s * source.get(cv2.CAP_PROP_FPS)
    at = 0
    while at < ends and source.grab():
        if at >= due:
            due += step
            yield np.asarray(source.retrieve()[1], np.uint8)
        at += 1
    source.release()


def write_film(path: Path, pictures: Iterable[NDArray[np.uint8]], fps: int) -> None:
    """Uncompressed, SIZE large; it appears under its name when it is whole."""
    hidden = path.with_name(f".{path.name}")
    with hidden.open("wb") as file:
        file.write(f"YUV4MPEG2 W{SIZE[0]} H{SIZE[1]} F{fps}:1 Ip A1:1 C420jpeg\n".encode())
        for picture in pictures:
            file.write(b"FRAME\n" + cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420).tobytes())
    hidden.rename(path)


def write_y4m(path: Path, picture: NDArray[np.uint8]) -> None:
    """A hand that is never quite still: the same phone, moved by a few pixels from frame to frame."""
    height, width, _ = picture.shape
    hidden = path.with_name(f".{path.name}")
    with hidden.open("wb") as file:
        file.write(f"YUV4MPEG2 W{width} H{height} F{CODE_FPS}:1 Ip A1:1 C420jpeg\n".encode())
        for i in range(int(CODE_S * CODE_FPS)):
            shift = np.float32([[1, 0, 3 * np.sin(i)], [0, 1, 2 * np.cos(1.7 * i)]])
            moved = cv2.warpAffine(picture, shift, (width, height), borderMode=cv2.BORDER_REPLICATE)
            file.write(b"FRAME\n" + cv2.cvtColor(moved, cv2.COLOR_BGR2YUV_I420).tobytes())
    hidden.rename(path)


def _write_still(path: Path, picture: NDArray[np.uint8], seconds: float) -> None:
    """Not one bit changes from frame to frame, as no living sensor has it."""
    height, width, _ = picture.shape
    frame = b"FRAME\n" + cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420).tobytes()
    hidden = path.with_name(f".{path.name}")
    head = f"YUV4MPEG2 W{width} H{height} F{FROZEN_FPS}:1 Ip A1:1 C420jpeg\n".encode()
    hidden.write_bytes(head + frame * int(seconds * FROZEN_FPS))
    hidden.rename(path)


def wait_until(condition, *, within_s: float, what: str, every_s: float = 0.02):  # type: ignore[no-untyped-def]
    """The first true answer of ``condition``; a plain sentence when it does not come in time."""
    ends = time.monotonic() + within_s
    while not (answer := condition()):
        if time.monotonic() > ends:
            raise TimeoutError(f"waited {within_s:g} s in vain: {what}")
        time.sleep(every_s)
    return answer
