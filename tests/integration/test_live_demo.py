"""``make demo CAMERA=…`` with a film where the camera would be: register, consent, enrol, enter, erase."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.clips, pytest.mark.timeout(1800)]


def film(clips: Path, path: Path) -> Path:
    """Somebody stands there, leaves, comes back, leaves; played over and over."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 24, (640, 360))
    for name, start_s, end_s in (
        ("WolfgangLanger_Pexels.mp4", 3.5, 9.0),
        ("no_face.mp4", 0.2, 2.5),
        ("WolfgangLanger_Pexels.mp4", 15.7, 18.7),
        ("no_face.mp4", 0.2, 2.5),
    ):
        source = cv2.VideoCapture(str(clips / name))
        fps = source.get(cv2.CAP_PROP_FPS)
        source.set(cv2.CAP_PROP_POS_FRAMES, int(start_s * fps))
        for _ in range(int((end_s - start_s) * fps)):
            writer.write(cv2.resize(source.read()[1], (640, 360)))
        source.release()
    writer.release()
    return path


def play(clips: Path, folder: Path, answers: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "CAMERA": str(film(clips, folder / "film.avi")),
        "COLUMNS": "200",
        "RUN": "run/test-live",
    }
    return subprocess.run(
        [sys.executable, "-m", "demo"],
        cwd=ROOT,
        env=environment,
        input=answers,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_person_before_the_camera_enrols_enters_and_is_erased(clips, tmp_path):
    played = play(clips, tmp_path, "\nyes\n\n\n")
    assert played.returncode == 0, played.stdout + played.stderr
    assert "access.granted (face, Granted) after" in played.stdout
    assert "Erased and receipted" in played.stdout
    assert json.loads(played.stdout.splitlines()[-1]) == {"templates": 0, "photos_on_disk": 0}


def test_who_refuses_is_not_looked_at_and_gets_a_code(clips, tmp_path):
    played = play(clips, tmp_path, "\nno\n")
    assert "Nothing was looked at; the code remains." in played.stdout
    assert "Photograph this code" in played.stdout
    assert json.loads(played.stdout.splitlines()[-1]) == {"templates": 0, "photos_on_disk": 0}
