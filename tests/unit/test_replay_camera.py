"""The camera that plays recordings: loops, folders that somebody fills, and what is no film."""

import json

import cv2
import numpy as np
import pytest

from demo.stage import Cue, Stage, wait_until
from edge.drivers.cameras import replay
from edge.errors import CameraLost


def write_clip(path, grey, frames=6):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25, (64, 48))
    for i in range(frames):
        writer.write(np.full((48, 64, 3), grey + i % 8, np.uint8))
    writer.release()


def next_frame(camera, newer_than=0):
    frame = camera.newest(newer_than=newer_than, within_s=30)
    assert frame is not None
    return frame


def test_a_file_is_played_in_a_loop_and_time_only_goes_on(tmp_path):
    write_clip(tmp_path / "a.avi", 40)
    camera = replay.open_camera(path=tmp_path / "a.avi")
    seq, t_ns = 0, 0
    for _ in range(10):
        frame = next_frame(camera, seq)
        assert frame.seq > seq
        assert frame.t_ns > t_ns
        assert frame.image.shape == (48, 64, 3)
        seq, t_ns = frame.seq, frame.t_ns
    camera.close()


def test_nothing_newer_in_time_is_an_answer_and_not_an_error(tmp_path):
    write_clip(tmp_path / "a.avi", 40)
    camera = replay.open_camera(path=tmp_path / "a.avi")
    assert camera.newest(newer_than=10**9, within_s=0.05) is None
    camera.close()


def test_somebody_new_in_the_folder_is_shown_once_and_then_the_empty_lane_again(tmp_path):
    write_clip(tmp_path / "idle.avi", 20)
    write_clip(tmp_path / "guest.avi", 200)
    stage = Stage(tmp_path / "lane", Cue(tmp_path / "idle.avi", 0, 0.2))
    camera = replay.open_camera(path=tmp_path / "lane", journal=tmp_path / "shown.jsonl")

    def shown():
        lines = (
            (tmp_path / "shown.jsonl").read_text().splitlines() if (tmp_path / "shown.jsonl").exists() else []
        )
        return [json.loads(line)["clip"] for line in lines]

    name = stage.enter(Cue(tmp_path / "guest.avi", 0, 0.2), "guest")
    wait_until(
        lambda: name in shown() and shown()[-1].startswith("idle"), within_s=40, what="guest came and went"
    )
    assert shown().count(name) == 1
    camera.close()


def test_somebody_who_walks_on_is_out_of_the_picture_before_the_clip_ends(tmp_path):
    write_clip(tmp_path / "idle.avi", 20)
    write_clip(tmp_path / "guest.avi", 200, frames=25 * 600)
    stage = Stage(tmp_path / "lane", Cue(tmp_path / "idle.avi", 0, 0.2))
    camera = replay.open_camera(path=tmp_path / "lane")
    name = stage.enter(Cue(tmp_path / "guest.avi", 0, 600), "guest")
    wait_until(lambda: next_frame(camera).image.mean() > 100, within_s=90, what="the guest in the picture")
    stage.leave(name)
    wait_until(lambda: next_frame(camera).image.mean() < 100, within_s=90, what="the empty lane")
    camera.close()


def test_a_clip_that_waits_takes_the_place_of_one_that_is_taken_away_without_an_empty_lane_between(tmp_path):
    write_clip(tmp_path / "idle.avi", 20)
    write_clip(tmp_path / "guest.avi", 200, frames=25 * 600)
    stage = Stage(tmp_path / "lane", Cue(tmp_path / "idle.avi", 0, 0.2))
    camera = replay.open_camera(path=tmp_path / "lane", journal=tmp_path / "shown.jsonl")

    def shown():
        written = tmp_path / "shown.jsonl"
        return [
            json.loads(line)["clip"]
            for line in (written.read_text() if written.exists() else "").splitlines()
        ]

    first = stage.enter(Cue(tmp_path / "guest.avi", 0, 600), "guest")
    wait_until(lambda: first in shown(), within_s=90, what="the guest in the picture")
    second = stage.enter(Cue(tmp_path / "guest.avi", 0, 600), "guest-turned")
    stage.leave(first)
    wait_until(lambda: second in shown(), within_s=90, what="the guest, turned")
    assert shown()[-2:] == [first, second]
    camera.close()


@pytest.mark.parametrize(
    ("open_it", "sentence"),
    [
        (lambda folder: replay.open_camera(path=folder / "nothing.mp4"), "no such file or folder"),
        (lambda folder: replay.open_camera(path=folder), "holds no clip named idle"),
    ],
)
def test_no_camera_is_one_clear_sentence(open_it, sentence, tmp_path):
    with pytest.raises(CameraLost, match=sentence):
        open_it(tmp_path)


def test_a_file_that_is_no_film_is_one_clear_sentence(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"no film")
    camera = replay.open_camera(path=tmp_path / "a.mp4")
    with pytest.raises(CameraLost, match="cannot be opened as a video"):
        wait_until(lambda: camera.newest(newer_than=0, within_s=0.1), within_s=30, what="a refusal")
    camera.close()
