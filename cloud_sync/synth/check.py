"""The checks of domain.md §18.10, on the files as written: totals, arrivals, hours, identities, truth rows, ledgers."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from cloud_sync.synth.check_identities import identities
from cloud_sync.synth.check_ledgers import ledgers
from cloud_sync.synth.check_truth import truth
from cloud_sync.synth.measure import hour_shares, surprise, window_mean
from cloud_sync.synth.reading import manifest_of, rows, sha256_of
from cloud_sync.synth.verdict import Verdict, agrees, holds

SURPRISE_MIN = 0.01
WITHIN = 0.01
HOURS = tuple(range(6, 28))
NIGHTS_MEAN = 1.67


@dataclass(frozen=True, slots=True)
class Report:
    verdicts: tuple[Verdict, ...]
    figures: dict[str, float]

    @property
    def good(self) -> bool:
        return all(verdict.good for verdict in self.verdicts)


def check(out: Path) -> Report:
    """Every check of one community's folder.

    Raises:
        NotASynth: the folder is not that of a finished run.
    """
    told = manifest_of(out)
    found = _counted(out)
    arrived = _Arrivals(out, told)
    verdicts = [
        holds("files are those of the manifest", _files(out, told), ""),
        *(agrees(name.replace("_", " "), found[name], told["totals"][name]) for name in found),
        *_shares(out, told),
        *arrived.verdicts(),
        *identities(out),
        *truth(out, told),
        *ledgers(out, told),
    ]
    figures: dict[str, float] = {
        name: found[name] for name in ("listings", "rooms", "beds", "operators", "access_points")
    }
    figures["arrivals_per_day"] = round(arrived.mean, 3)
    figures["expected_per_day"] = round(arrived.expected, 3)
    return Report(tuple(verdicts), figures)


def _files(out: Path, told: dict[str, Any]) -> str:
    for name, file in told["files"].items():
        path = out / name
        if not path.exists() or sha256_of(path) != file["sha256"]:
            return f"{name} is not as it was written"
    return ""


def _counted(out: Path) -> dict[str, int]:
    listings = list(rows(out, "listings.csv"))
    rooms = list(rows(out, "rooms.csv"))
    return {
        "operators": len({row["operator"] for row in listings}),
        "listings": len({row["listing"] for row in listings}),
        "rooms": len({row["room"] for row in listings} & {row["room"] for row in rooms}),
        "beds": sum(int(row["beds"]) for row in rooms),
        "access_points": sum(1 for _ in rows(out, "access_points.csv")),
        "dwellings": sum(1 for _ in rows(out, "units.csv")),
    }


def _shares(out: Path, told: dict[str, Any]) -> Iterator[Verdict]:
    """Rooms in a listing, beds in a room, listing states, the census."""
    per_listing = Counter(row["listing"] for row in rows(out, "rooms.csv"))
    sizes = set(per_listing.values())
    yield holds(
        "rooms of a listing are 1 to 7",
        f"{min(sizes)} to {max(sizes)}" if sizes - set(range(1, 8)) else "",
        "",
    )
    states = {row["listing"]: row["state"] for row in rows(out, "listings.csv")}
    active = sum(state == "ACTIVE" for state in states.values())
    census = list(rows(out, "census.csv"))
    if not census:
        share = active / len(states)
        yield Verdict(
            "listings that are ACTIVE",
            f"{share:.1%}",
            "92 % ± 3",
            len(states) < 200 or abs(share - 0.92) < 0.03,
        )
        return
    coded = active + sum(
        1 for name in told["files"] if name.startswith("listing_states/") for _ in rows(out, name)
    )
    yield agrees("coded on the first day", active, int(census[0]["registered"]))
    yield agrees("coded at the end", coded, int(census[-1]["registered"]))
    registered, operating = int(census[0]["registered"]), int(census[0]["operating"])
    households = int(census[0]["households"])
    gap = f"{registered}/{operating} = {registered / operating:.2%}, {registered}/{households} = {registered / households:.2%}"
    yield Verdict(
        "registered of operating, of households", gap, "", good=registered <= operating <= households
    )


class _Arrivals:
    """Who came, by day and by hour, from the stays as they really happened."""

    def __init__(self, out: Path, told: dict[str, Any]) -> None:
        self._start, self._days, self._mean = (
            date.fromisoformat(told["start"]),
            told["days"],
            told["mean_arrivals"],
        )
        self._people: dict[date, int] = defaultdict(int)
        self._hours: Counter[int] = Counter()
        self._nights = self._parties = 0
        for row in rows(out, "truth/stays.csv"):
            if int(row["people"]):
                self._people[date.fromisoformat(row["day"])] += int(row["people"])
                self._parties += 1
                if row["waited"] == "no":
                    self._hours[min(max(int(row["minute"]) // 60, HOURS[0]), HOURS[-1])] += 1
                if row["label"] not in ("D04", "D18", "room_move", "cancelled_with_luggage"):
                    self._nights += int(row["nights"])
                else:
                    self._parties -= 1
        self.total = sum(self._people.values())
        self.mean = self.total / self._days
        self.expected = window_mean(self._start, self._days, self._mean)

    def verdicts(self) -> Iterator[Verdict]:
        # Fewer than a hundred people cannot be within a hundredth: one person is allowed.
        allowed = max(WITHIN * self.expected, 1 / self._days)
        yield Verdict(
            "arrivals a day",
            f"{self.mean:.2f}",
            f"{self.expected:.2f} ± 1 %",
            abs(self.mean - self.expected) <= allowed,
        )
        if self._days == 365:
            yield Verdict(
                "arrivals a day over 365 days",
                f"{self.mean:.2f}",
                f"{self._mean:g} ± 1 %",
                abs(self.mean - self._mean) <= WITHIN * self._mean,
            )
        yield self._weekdays()
        hours = sum(self._hours.values())
        wanted = [share * hours for share in hour_shares(HOURS)]
        p = surprise([self._hours[hour] for hour in HOURS], wanted)
        yield Verdict("arrival hours, chi-square", f"p = {p:.3f}", f"> {SURPRISE_MIN}", p > SURPRISE_MIN)
        mean = self._nights / max(1, self._parties)
        yield Verdict(
            "nights of a stay",
            f"{mean:.3f}",
            "1.67 ± 0.05",
            abs(mean - NIGHTS_MEAN) < 0.05 or self._parties < 2_000,
        )

    def _weekdays(self) -> Verdict:
        found, wanted = [0.0] * 7, [0.0] * 7
        for k in range(self._days):
            day = self._start + timedelta(days=k)
            found[day.weekday()] += self._people[day]
            wanted[day.weekday()] += window_mean(day, 1, self._mean)
        p = surprise(found, wanted)
        return Verdict(
            "arrivals by weekday, chi-square", f"p = {p:.3f}", f"> {SURPRISE_MIN}", p > SURPRISE_MIN
        )
