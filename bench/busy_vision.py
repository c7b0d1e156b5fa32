"""A vision process at full load: it looks for faces in one picture after the other, without a pause, until killed."""

import sys
from pathlib import Path

from bench.reel import film
from models.plugins import open_face_engine

if __name__ == "__main__":
    pictures, _ = film(Path(sys.argv[1]))
    engine = open_face_engine("yunet-sface")
    engine.warm_up()
    print("looking", flush=True)
    while True:
        for picture in pictures:
            engine.embed([engine.align(picture, face) for face in engine.detect(picture)])
