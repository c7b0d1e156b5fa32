"""Any folder of people's photos serves; what is wrong with it is one sentence; vectors are made once and kept close."""

import stat

import numpy as np
import pytest

from models.engines import synthetic
from models.engines.synthetic import picture_vector
from models.evaluation.dataset import DataWrong, halves, load_dataset
from models.evaluation.embedding import embed_dataset, embed_photos
from tests.fakes.photo_folder import pairs_list, photo_folder

PHOTOS = [3] * 10 + [1] * 15
ENGINE = synthetic.open_engine()


class Counting:
    """The synthetic engine, and how often it was asked for a vector."""

    def __init__(self) -> None:
        self.asked = 0

    def __getattr__(self, name):
        return getattr(ENGINE, name)

    def embed(self, chips):
        self.asked += len(chips)
        return ENGINE.embed(chips)


def test_a_folder_and_its_parent_are_the_same_data(tmp_path):
    folder = photo_folder(tmp_path, PHOTOS)
    pairs_list(folder, PHOTOS)
    data = load_dataset(folder)
    assert (len(data.people), len(data.photos), len(data.pairs)) == (25, 45, 20)
    assert load_dataset(tmp_path) == data
    assert [len(held) for held in data.photos_of()] == PHOTOS


def test_the_lists_are_optional_and_the_limits_are_not(tmp_path):
    data = load_dataset(photo_folder(tmp_path, PHOTOS), population="guests of a test")
    assert (data.pairs, data.noise, data.noise_sha256) == ((), (), None)
    assert data.population == "guests of a test"
    assert "not measured" in data.limits


def test_the_digest_follows_every_byte_and_every_name(tmp_path):
    folder = photo_folder(tmp_path, PHOTOS)
    before = load_dataset(folder).digest
    photo = folder / "p0000" / "p0000_0001.png"
    photo.write_bytes(photo.read_bytes() + b"\0")
    changed = load_dataset(folder).digest
    photo.rename(photo.with_name("p0000_0009.png"))
    assert len({before, changed, load_dataset(folder).digest}) == 3


def test_of_two_names_on_the_noise_list_one_is_left_out(tmp_path):
    folder = photo_folder(tmp_path, PHOTOS)
    listed = "# seen\np0001\tp0002\t0.9\np0002\tp0003\t0.8\np0004\tp0005\t0.7\nnobody\tp0006\t0.7\n"
    folder.with_name("people-noise.txt").write_text(listed)
    data = load_dataset(folder)
    kept = {data.people[person] for person in data.kept(noise_applied=True)}
    assert len(data.kept(noise_applied=False)) == 25
    assert {"p0001", "p0002"} - kept == {"p0002"}
    assert {"p0004", "p0005"} - kept == {"p0005"}
    assert not [pair for pair in data.noise if {data.people[person] for person in pair} <= kept]
    assert data.noise_sha256 is not None


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda path: path / "nowhere", "there is no such folder"),
        (lambda path: path, "no photos found as Identity"),
        (lambda path: photo_folder(path, [1] * 5), "only 5 people"),
        (lambda path: photo_folder(path, [1] * 30).parent, "several data sets"),
    ],
)
def test_a_wrong_folder_is_one_sentence(tmp_path, make, sentence):
    if sentence == "several data sets":
        photo_folder(tmp_path, [1] * 30, name="others")
    with pytest.raises(DataWrong, match=sentence) as caught:
        load_dataset(make(tmp_path))
    assert str(caught.value).endswith(".")
    assert "Give" in str(caught.value) or "Name" in str(caught.value)


@pytest.mark.parametrize("line", ["0\tp0000\t1\t9", "x\tp0000\t1\t2", "0\tp0000", "0\tp0000\t1\tnobody\t1"])
def test_a_pair_that_cannot_be_is_answered_with_its_line(tmp_path, line):
    folder = photo_folder(tmp_path, PHOTOS)
    folder.with_name("people-pairs.txt").write_text("# pairs\n" + line + "\n")
    with pytest.raises(DataWrong, match="line 2: not a pair"):
        load_dataset(folder)


def test_two_halves_share_nobody_and_split_the_photos_evenly(tmp_path):
    data = load_dataset(photo_folder(tmp_path, PHOTOS))
    one, other = halves(data, seed=1)
    assert not set(one) & set(other)
    assert sorted(one + other) == list(range(25))
    held = data.photos_of()
    assert [sum(len(held[who]) == 3 for who in half) for half in (one, other)] == [5, 5]
    assert halves(data, seed=2) != (one, other)


def test_a_photo_goes_through_the_engine_once_and_its_vector_stays_private(tmp_path):
    data = load_dataset(photo_folder(tmp_path, PHOTOS))
    engine, cache = Counting(), tmp_path / "out" / "cache"
    first = embed_dataset(engine, data, cache)
    again = embed_dataset(engine, data, cache)
    assert engine.asked == 45
    assert np.array_equal(first.vectors, again.vectors)
    assert np.array_equal(first.vectors[0], picture_vector("p0000", 1))
    (kept,) = cache.iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    assert not [person for person in data.people if person in kept.read_bytes().decode("latin-1")]


def test_other_photos_or_another_change_are_embedded_anew(tmp_path):
    data = load_dataset(photo_folder(tmp_path, PHOTOS))
    engine, cache = Counting(), tmp_path / "cache"
    embed_dataset(engine, data, cache)
    embed_photos(engine, data.photos[:3], cache, key="three of them", change=lambda frame, face: frame)
    assert engine.asked == 48
    assert len(list(cache.iterdir())) == 2


def test_a_photo_without_a_face_has_no_vector(tmp_path):
    data = load_dataset(photo_folder(tmp_path, PHOTOS))
    grey = embed_photos(
        ENGINE,
        data.photos[:2],
        tmp_path / "cache",
        key="grey",
        change=lambda frame, face: np.full_like(frame, 90),
    )
    assert not grey.found.any()
    assert not grey.vectors.any()


def test_progress_counts_every_photo_whether_fresh_or_kept(tmp_path):
    data = load_dataset(photo_folder(tmp_path, PHOTOS))
    for _ in range(2):
        steps: list[int] = []
        embed_dataset(ENGINE, data, tmp_path / "cache", steps.append)
        assert sum(steps) == 45
