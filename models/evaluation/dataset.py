"""A folder of photos of known people: ``Identity/*.jpg``, as a community can bring its own.

Beside the folder ``people/`` may lie ``people-pairs.txt`` (fold, then an LFW pair line) and ``people-noise.txt``
(two names that are one person, or twins).  Names stay inside the evaluation; no report holds one.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.engine import EngineError

PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".png"})
IDENTITIES_MIN = 20  # fewer people say nothing about strangers
POPULATION_UNKNOWN = "not stated by whoever brought the data"
LFW_POPULATION = "Labeled Faces in the Wild: public figures, skewed male and western"
LFW_LIMITS = (
    "LFW resolves FMR down to about 1e-6 and says little about guests in Chengdu. Its photos of a person are "
    "years apart and differ more than frames at a door; people with several photos are the more famous, better "
    "photographed ones. No East Asian split, no age split, no night or infrared camera was measured."
)
OTHER_LIMITS = (
    "The figures hold for the people and the camera of this folder only; accuracy by age, sex, origin, mask or "
    "night was not measured."
)


class DataWrong(EngineError):
    """The folder or a list beside it cannot be used; one sentence says what to do."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One verification pair: two photos, by their place in ``Dataset.photos``."""

    fold: int
    first: int
    second: int
    same: bool


@dataclass(frozen=True, slots=True)
class Dataset:
    """People and their photos; a person is a number, a photo is a place in ``photos``."""

    name: str
    people: tuple[str, ...]
    photos: tuple[Path, ...]
    owner: tuple[int, ...]  # of every photo, its person; ascending
    digest: str  # sha256 over every name and every file's bytes
    pairs: tuple[Pair, ...]
    noise: tuple[tuple[int, int], ...]
    noise_sha256: str | None
    population: str
    limits: str

    def photos_of(self) -> list[list[int]]:
        """The places of each person's photos."""
        held: list[list[int]] = [[] for _ in self.people]
        for place, person in enumerate(self.owner):
            held[person].append(place)
        return held

    def kept(self, *, noise_applied: bool) -> list[int]:
        """The people that take part: all, or without one of each two that the noise list names."""
        dropped: set[int] = set()
        for first, second in self.noise if noise_applied else ():
            if not {first, second} & dropped:
                dropped.add(second)
        return [person for person in range(len(self.people)) if person not in dropped]


def load_dataset(folder: Path, *, population: str | None = None) -> Dataset:
    """The data set in this folder, or in its only subfolder that holds one.

    Raises:
        DataWrong: what is missing, and where it was looked for.
    """
    root = _root(folder)
    people = {path.name: sorted(_photos(path)) for path in sorted(root.iterdir()) if path.is_dir()}
    people = {name: photos for name, photos in people.items() if photos}
    if len(people) < IDENTITIES_MIN:
        raise DataWrong(
            f"data {root}: only {len(people)} people with photos; at least {IDENTITIES_MIN} are needed to say "
            "anything about strangers. Give a folder with one subfolder of photos per person."
        )
    photos = tuple(photo for held in people.values() for photo in held)
    owner = tuple(person for person, held in enumerate(people.values()) for _ in held)
    noise, noise_sha256 = _noise(_beside(root, "noise"), list(people))
    lfw = root.name.startswith("lfw")
    return Dataset(
        name=root.name,
        people=tuple(people),
        photos=photos,
        owner=owner,
        digest=_digest(root, photos),
        pairs=_pairs(_beside(root, "pairs"), photos),
        noise=noise,
        noise_sha256=noise_sha256,
        population=population or (LFW_POPULATION if lfw else POPULATION_UNKNOWN),
        limits=LFW_LIMITS if lfw else OTHER_LIMITS,
    )


def halves(data: Dataset, *, seed: int) -> tuple[list[int], list[int]]:
    """The people in two halves, drawn so that each photo count is split evenly."""
    order = np.random.default_rng(seed).permutation(len(data.people))
    counts = np.bincount(data.owner, minlength=len(data.people))
    ranked = sorted(order.tolist(), key=lambda person: -int(counts[person]))
    return sorted(ranked[0::2]), sorted(ranked[1::2])


def _root(folder: Path) -> Path:
    if not folder.is_dir():
        raise DataWrong(
            f"data {folder}: there is no such folder. Give a folder with one subfolder per person."
        )
    deeper = [path for path in sorted(folder.iterdir()) if path.is_dir() and _holds_people(path)]
    if len(deeper) == 1:
        return deeper[0]
    if len(deeper) > 1:
        names = ", ".join(path.name for path in deeper)
        raise DataWrong(f"data {folder}: several data sets ({names}). Name one of them.")
    if _holds_people(folder):
        return folder
    raise DataWrong(
        f"data {folder}: no photos found as Identity/*.jpg. Give a folder with one subfolder of photos per person."
    )


def _holds_people(folder: Path) -> bool:
    return any(path.is_dir() and any(_photos(path)) for path in folder.iterdir())


def _photos(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if path.suffix.lower() in PHOTO_SUFFIXES and path.is_file())


def _beside(root: Path, what: str) -> Path | None:
    path = root.with_name(f"{root.name}-{what}.txt")
    return path if path.is_file() else None


def _digest(root: Path, photos: Sequence[Path]) -> str:
    whole = hashlib.sha256()
    for photo in photos:
        whole.update(str(photo.relative_to(root)).encode() + b"\0")
        whole.update(hashlib.sha256(photo.read_bytes()).digest())
    return whole.hexdigest()


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise DataWrong(f"{path}: not UTF-8 text. Save it as UTF-8.") from error
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.startswith("#"):
            yield number, line.split("\t")


def _noise(path: Path | None, people: Sequence[str]) -> tuple[tuple[tuple[int, int], ...], str | None]:
    if path is None:
        return (), None
    place = {name: person for person, name in enumerate(people)}
    found: list[tuple[int, int]] = []
    for number, fields in _lines(path):
        if len(fields) < 2:
            raise DataWrong(f"{path}, line {number}: two names with a tab between them are needed.")
        if fields[0] in place and fields[1] in place:
            found.append((place[fields[0]], place[fields[1]]))
    return tuple(found), hashlib.sha256(path.read_bytes()).hexdigest()


def _pairs(path: Path | None, photos: Sequence[Path]) -> tuple[Pair, ...]:
    if path is None:
        return ()
    place = {photo.parent.name + "/" + photo.stem: spot for spot, photo in enumerate(photos)}
    found: list[Pair] = []
    for number, fields in _lines(path):
        try:
            found.append(_pair(fields, place))
        except (KeyError, ValueError) as error:
            raise DataWrong(
                f"{path}, line {number}: not a pair of this data set ({error}). Write the fold, then a name with "
                "two photo numbers, or two names with a number each, with tabs between them."
            ) from error
    return tuple(found)


def _pair(fields: list[str], place: dict[str, int]) -> Pair:
    def photo(name: str, number: str) -> int:
        return place[f"{name}/{name}_{int(number):04d}"]

    if len(fields) == 4:
        fold, name, one, two = fields
        return Pair(int(fold), photo(name, one), photo(name, two), same=True)
    fold, first, one, second, two = fields
    return Pair(int(fold), photo(first, one), photo(second, two), same=False)
