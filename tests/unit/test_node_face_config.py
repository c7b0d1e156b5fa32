"""How a door may use faces, and what of it is refused before the node starts."""

import pytest

from edge.config import load
from edge.core.claimant import WHOLE
from edge.core.face_mode import FaceMode
from edge.errors import ConfigError

NODE = """
node = "n1"
data_dir = "data"
join_file = "join.json"
io_profile = "io.toml"
[[cameras]]
name = "lane"
driver = "replay"
{camera}
[[doors]]
access_point = "AP-1"
kind = "gate"
camera = "lane"
{door}
[doors.face]
mode = "{mode}"
pia_record = "PIA-1"
signage_attested_by = "chen"
"""


@pytest.fixture
def read(tmp_path):
    def call(*, camera="", door="", mode="one_to_n"):
        (tmp_path / "node.toml").write_text(NODE.format(camera=camera, door=door, mode=mode))
        return load(tmp_path / "node.toml")

    return call


@pytest.mark.parametrize("mode", list(FaceMode))
def test_a_door_has_one_of_four_modes(read, mode):
    assert read(mode=mode.value).doors[0].face.mode is mode


def test_there_is_no_mode_in_which_a_face_is_the_only_way(read):
    for mode in ("face_only", "one_to_one_always", "required"):
        with pytest.raises(ConfigError, match="mode"):
            read(mode=mode)


def test_a_door_on_trial_cannot_ask_for_two_things_and_hold_people_up(read):
    with pytest.raises(ConfigError, match="on trial and one_to_one"):
        read(mode="one_to_one", door="dry_run = true")
    assert read(mode="one_to_n", door="dry_run = true").doors[0].dry_run


def test_the_marked_area_is_the_whole_picture_unless_somebody_marks_it(read):
    assert read().cameras[0].region == WHOLE
    assert read(camera="region = [[0.2, 0.1], [0.8, 1.0]]").cameras[0].region == ((0.2, 0.1), (0.8, 1.0))


@pytest.mark.parametrize(
    "region", ["[]", "[[0.5, 0.5]]", "[[0.1, 0.1], [0.1, 0.9]]", "[[0, 0], [0.05, 0.05]]"]
)
def test_an_area_nobody_could_stand_in_is_refused(read, region):
    with pytest.raises(ConfigError, match="region needs two to 16 corners"):
        read(camera=f"region = {region}")


@pytest.mark.parametrize("region", ["[[0, 0], [1.2, 1]]", "[[0, 0, 0], [1, 1, 1]]"])
def test_corners_are_shares_of_the_picture(read, region):
    with pytest.raises(ConfigError, match="region"):
        read(camera=f"region = {region}")
