"""What is kept of a face survives writing and reading, and never meets another model."""

from dataclasses import replace
from itertools import permutations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.engine import EmbeddingInvalid, Quality, TemplateForeign
from models.engines import synthetic
from models.engines.synthetic import picture_vector
from models.template import Template

INFO = synthetic.open_engine().info
GOOD = Quality(0.95, 60.0, 120.0, 150.0, 0.1, -2.5, 1)


def template(*seeds: int, person: str = "ada") -> Template:
    vectors = [picture_vector(person, seed) for seed in seeds]
    return Template.of_parts(INFO, vectors, [GOOD] * len(seeds), made_ms=1_000, not_after_ms=2_000)


@settings(deadline=None)
@given(seeds=st.lists(st.integers(0, 1000), min_size=1, max_size=3), person=st.text(max_size=20))
def test_a_template_is_read_as_it_was_written(seeds, person):
    made = template(*seeds, person=person)
    read = Template.from_bytes(made.to_bytes())
    assert np.array_equal(read.mean, made.mean)
    assert np.array_equal(read.parts, made.parts)
    assert replace(read, mean=0, parts=0).qualities == made.qualities
    assert (read.k, read.made_ms, read.not_after_ms) == (len(seeds), 1_000, 2_000)
    read.check(INFO)


def test_the_mean_of_identical_images_is_the_image():
    assert np.allclose(template(5, 5, 5).mean, picture_vector("ada", 5), atol=1e-6)


def test_the_order_of_the_images_does_not_matter():
    means = [template(*seeds).mean for seeds in permutations((1, 2, 3))]
    assert all(np.allclose(mean, means[0], atol=1e-7) for mean in means)


@pytest.mark.story("36a")
@pytest.mark.parametrize("change", [{"model_sha256": "0" * 64}, {"engine_id": "yunet-sface"}])
def test_a_template_of_another_model_is_never_compared(change):
    with pytest.raises(TemplateForeign, match="enrols again"):
        template(1).check(replace(INFO, **change))


def test_bytes_that_are_no_template_are_refused_in_one_sentence():
    whole = template(1, 2).to_bytes()
    for data in (b"", b"\x80", b"\xff" * 40, whole[:-9], whole + b"\x00"):
        with pytest.raises(TemplateForeign):
            Template.from_bytes(data)


@pytest.mark.parametrize("change", [{"v": 2}, {"dim": 64}, {"mean": b""}, {"qualities": []}, {"dim": 0}])
def test_a_template_of_another_shape_is_refused(change):
    fields = msgspec.msgpack.decode(template(1, 2).to_bytes())
    with pytest.raises(TemplateForeign, match="another version or shape"):
        Template.from_bytes(msgspec.msgpack.encode(fields | change))


def test_a_template_with_a_broken_vector_is_refused():
    fields = msgspec.msgpack.decode(template(1).to_bytes())
    broken = fields | {"mean": np.full(128, np.nan, "<f4").tobytes()}
    with pytest.raises(EmbeddingInvalid):
        Template.from_bytes(msgspec.msgpack.encode(broken))
