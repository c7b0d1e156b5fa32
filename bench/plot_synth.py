"""``python -m bench.plot_synth FOLDER PICTURE.svg``: arrivals by day of a synthetic community against what was expected.

Reads the stays as they really happened and, for the second line, the sum over the calendar; nothing of the generator.
"""

import sys
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

from bench.svg import Curve, draw
from cloud_sync.synth.measure import window_mean
from cloud_sync.synth.reading import manifest_of, rows


def picture(folder: Path) -> str:
    told = manifest_of(folder)
    start, days = date.fromisoformat(told["start"]), told["days"]
    people: Counter[str] = Counter()
    for row in rows(folder, "truth/stays.csv"):
        people[row["day"]] += int(row["people"])
    each = [start + timedelta(days=k) for k in range(days)]
    found = Curve("arrived", [(k, people[day.isoformat()]) for k, day in enumerate(each)])
    wanted = Curve(
        "expected", [(k, window_mean(day, 1, told["mean_arrivals"])) for k, day in enumerate(each)]
    )
    title = f"{told['dataset']}, seed {told['seed']}: people who arrive on each day"
    return draw(title, f"days since {told['start']}", "people", [found, wanted])


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(picture(Path(sys.argv[1])), encoding="utf-8")
