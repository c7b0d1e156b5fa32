"""What people wait for at the pages: an event until it is seen, and the dashboard over ninety days, two hundred pages open.

``python -m bench.bench_pages [--days 90] [--on sqlite postgresql] [--minutes 5]`` writes a history of the size of dongfang
that ends today, starts the service as a program, opens 200 event streams and three pages in Chromium, and plays the
busiest hour (7,700 events an hour, every fifth half minute four times as dense) through the broker.  Meanwhile it asks for
the dashboard and the figures again and again.  A row for each figure beside its goal; the last line is one JSON object.
"""

import argparse
import asyncio
import json
import os
import random
import re
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from subprocess import Popen
from typing import Any

import httpx
import msgspec
from playwright.sync_api import Page, sync_playwright
from rich.console import Console

from bench.reconcile_history import BUILDINGS, DAY_MS, NAMES, History
from bench.spread import Busy, Goal, goals_table
from cloud_sync import config as configs
from cloud_sync.compose import open_books, set_up
from cloud_sync.ingest.inbox import BrokerAddress, PahoInbox
from cloud_sync.protocol import chain
from cloud_sync.protocol.messages import Batch, EventBody, SinkState, encode
from cloud_sync.protocol.topics import NodeTopics, sink_state
from cloud_sync.score.town import free_port
from tests.fakes.postgres_house import Cluster

COMMUNITY = "dongfang"
STREAMS = 200
EVENTS_AN_HOUR = 7_700  # the busiest of dongfang's day
DENSE, DENSE_S, ROUND_S = 4, 30, 150
ALARMS = 9  # one door each; from eleven in ten minutes on it is a flood, and one case stands for all
SEEN_MOST_MS, PAGE_MOST_MS = 1_500.0, 300.0
ASK_EVERY_S = 1.0
WITHIN_S = 60.0
CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
LOGIN = {"name": "officer", "password": "a-long-enough-password"}
CONFIG = """
data_dir = "data"
{database}
[community]
code = "{community}"
name_zh = "量"
name_en = "Measured"
synthetic = true
[web]
port = {web}
tls = false
[broker]
port = {broker}
embedded = true
"""
# What the page holds is looked at whenever it changes; the clock is this machine's, as is the publisher's.
WATCH = """(choice) => {
  window.seen = {};
  const look = () => { for (const one of document.querySelectorAll(choice)) {
    const key = one.dataset.key || one.querySelector(".place").textContent.trim() + "/" + one.id;
    window.seen[key] ??= Date.now();
  } };
  look();
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
}"""


@dataclass(slots=True)
class Seen:
    """Milliseconds from the publish until it was there."""

    stream_ms: list[float] = field(default_factory=list)
    board_ms: list[float] = field(default_factory=list)
    staff_ms: list[float] = field(default_factory=list)
    dashboard_ms: list[float] = field(default_factory=list)
    figures_ms: list[float] = field(default_factory=list)
    sent: int = 0
    streams_alive: int = 0
    streams_whole: int = 0  # got every event


class Gates:
    """Every node of the community says what happens at its doors."""

    def __init__(self, port: int) -> None:
        self._inbox = PahoInbox(BrokerAddress("127.0.0.1", port, "nodes"), ())
        _until(lambda: self._inbox.connected, "the broker")
        self._inbox.send(sink_state(COMMUNITY), encode(SinkState(on=True)))
        self._epoch = f"{random.SystemRandom().randrange(16**24):024x}"
        self._heads = {name: (0, chain.start(name, self._epoch)) for name in NAMES}
        self.sent_ms: dict[str, float] = {}  # by the key that the pages give it
        self.alarms_ms: dict[str, float] = {}  # by door

    def close(self) -> None:
        self._inbox.close()

    def tell(self, name: str, kind: str, who: str | None) -> None:
        seq, h = self._heads[name]
        made = EventBody(
            type=kind,
            boot_id="b" * 8,
            mono_ms=time.monotonic_ns() // 1_000_000,
            wall=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            clock_state="TRUSTED",
            clock_bound_ms=20,
            access_point=name,
            direction="in" if who else None,
            pass_id=who,
            class_="guest" if who else None,
            grant_id=f"g{seq}" if who else None,
            credential_kind="qr" if who else None,
        )
        raw = msgspec.json.encode(made)
        h = chain.link(h, chain.digest(raw))
        self._heads[name] = (seq + 1, h)
        frame = Batch(v=1, n=name, e=self._epoch, lv=True, ev=[(seq + 1, msgspec.Raw(raw), chain.short(h))])
        now_ms = time.time() * 1000
        self.sent_ms[f"{name}/{self._epoch}/{seq + 1}"] = now_ms
        if who is None:
            self.alarms_ms[name] = now_ms
        self._inbox.send(NodeTopics(COMMUNITY, name).up("e"), encode(frame))


class Streams:
    """Two hundred programs that listen; in a loop of their own, in a thread."""

    def __init__(self, port: int, cookie: str) -> None:
        self._port, self._cookie = port, cookie
        self.at_ms: list[dict[str, float]] = [{} for _ in range(STREAMS)]
        self.alive = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        _until(lambda: self.alive == STREAMS, f"{STREAMS} open streams")

    def close(self) -> None:
        self._loop.call_soon_threadsafe(lambda: [task.cancel() for task in asyncio.all_tasks(self._loop)])
        self._thread.join(10)

    def _run(self) -> None:
        async def everybody() -> None:
            await asyncio.gather(*(self._listen(one) for one in self.at_ms), return_exceptions=True)

        with suppress(asyncio.CancelledError):  # as ``close`` ends it
            self._loop.run_until_complete(everybody())

    async def _listen(self, at_ms: dict[str, float]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        asked = f"GET /live.json HTTP/1.1\r\nhost: 127.0.0.1\r\ncookie: {self._cookie}\r\n\r\n"
        writer.write(asked.encode())
        status = await reader.readline()
        if b" 200 " not in status:
            raise RuntimeError(f"the service answered {status!r}")
        self.alive += 1
        try:
            while line := await reader.readline():
                if line.startswith(b"id: "):
                    at_ms.setdefault(line[4:].decode().strip().partition("/")[2], time.time() * 1000)
        finally:
            self.alive -= 1
            writer.close()


class Asker:
    """One officer who loads the dashboard and the figures again and again."""

    def __init__(self, base: str, cookies: httpx.Cookies, seen: Seen) -> None:
        self._http = httpx.Client(base_url=base, cookies=cookies, timeout=WITHIN_S)
        self._seen, self._ended = seen, threading.Event()
        self.fault: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        self._thread.join(WITHIN_S)
        self._http.close()
        if self.fault is not None:
            raise self.fault

    def _run(self) -> None:
        try:
            while not self._ended.wait(ASK_EVERY_S):
                for path, held in (
                    ("/", self._seen.dashboard_ms),
                    ("/figures", self._seen.figures_ms),
                ):
                    began = time.perf_counter()
                    self._http.get(path).raise_for_status()
                    held.append((time.perf_counter() - began) * 1000)
        except httpx.HTTPError as error:
            self.fault = error


def measure(on: str, days: int, minutes: float, console: Console) -> Seen:
    """One history, one service, one busy time."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="gh-pages-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        web, broker = free_port(), free_port()
        database = stack.enter_context(_database(on))
        config = folder / "sync.toml"
        config.write_text(CONFIG.format(community=COMMUNITY, web=web, broker=broker, database=database))
        with console.status(f"{on}: writing {days} days"):
            token = _written(config, days)
        stack.enter_context(_serving(config, folder))
        base = f"http://127.0.0.1:{web}"
        http = stack.enter_context(httpx.Client(base_url=base, timeout=WITHIN_S))
        _until(lambda: _answers(http), "the service's pages")
        _log_in(http, token)
        cookie = "; ".join(f"{name}={value}" for name, value in http.cookies.items())
        browser = stack.enter_context(sync_playwright()).chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        stack.callback(browser.close)
        context = browser.new_context(locale="en-GB")
        context.set_default_timeout(WITHIN_S * 1000)
        context.add_cookies([{"name": n, "value": v, "url": base} for n, v in http.cookies.items()])
        pages = [context.new_page() for _ in range(3)]
        for page, path in zip(pages, ("/", "/staff", "/fleet"), strict=True):
            page.goto(base + path)
        pages[0].evaluate(WATCH, "#entry-rows [data-key]")
        pages[1].evaluate(WATCH, ".case-card")
        streams = Streams(web, cookie)
        stack.callback(streams.close)
        gates = Gates(broker)
        stack.callback(gates.close)
        seen = Seen()
        asker = Asker(base, http.cookies, seen)
        with console.status(f"{on}: the busiest hour, {minutes:g} minutes of it"):
            _play(gates, minutes * 60, pages)
        asker.close()
        _count(seen, gates, streams, pages)
        return seen


def _written(config: Path, days: int) -> str:
    """The history; the first-run token."""
    loaded = configs.load(config)
    made = set_up(loaded)
    books = open_books(loaded)
    today_ms = books.house.midnight_ms(int(time.time() * 1000))
    history = History(books.engine, COMMUNITY, began_ms=today_ms - days * DAY_MS)
    history.places()
    for number in range(days):
        history.day(number)
    history.end(days)
    books.close()
    assert made.setup_token is not None
    return made.setup_token


@contextmanager
def _database(on: str) -> Iterator[str]:
    if on == "sqlite":
        yield ""
        return
    cluster = Cluster(durable=True, settings=("shared_buffers=512MB", "max_wal_size=4GB"))
    try:
        yield f'database_url = "{cluster.new_database()}"'
    finally:
        cluster.close()


@contextmanager
def _serving(config: Path, folder: Path) -> Iterator[None]:
    command = [str(Path(sys.executable).parent / "gatehouse-sync"), "run", "--config", config.name]
    with (folder / "service.log").open("w") as log, Popen(command, cwd=folder, stdout=log, stderr=log) as run:
        try:
            yield
        finally:
            run.terminate()
            try:
                run.wait(WITHIN_S)
            finally:
                run.kill()


def _answers(http: httpx.Client) -> bool:
    try:
        return http.get("/healthz").status_code == 200
    except httpx.HTTPError:
        return False


def _log_in(http: httpx.Client, token: str) -> None:
    found = re.search(r'name="csrf" value="([^"]+)"', http.get("/first-run").text)
    assert found is not None, "the first page has no form"
    wish = {**LOGIN, "again": LOGIN["password"], "csrf": found[1], "setup_token": token}
    answer = http.post("/first-run", data=wish)
    assert answer.status_code == 303, f"the first administrator was refused: {answer.text[:400]}"


def _play(gates: Gates, seconds: float, pages: Sequence[Page]) -> None:
    """Passages at the pace of the hour, alarms at even distances; the browser gets its turns in between."""
    dice, began = random.Random(5), time.monotonic()
    alarms = iter(NAMES[BUILDINGS - ALARMS : BUILDINGS])
    alarm_at = began + 5
    next_at = began
    while (now := time.monotonic()) < began + seconds:
        if now >= alarm_at and (door := next(alarms, None)) is not None:
            gates.tell(door, "door.forced", None)
            alarm_at += (seconds - 15) / ALARMS
        if now >= next_at:
            gates.tell(dice.choice(NAMES), "access.taken", f"PS-R{dice.randrange(6_000)}")
            dense = DENSE if (now - began) % ROUND_S > ROUND_S - DENSE_S else 1
            next_at = max(now, next_at) + dice.expovariate(dense * EVENTS_AN_HOUR / 3600)
        pages[0].wait_for_timeout(max(1.0, min(next_at - time.monotonic(), 0.05) * 1000))
    pages[0].wait_for_timeout(3_000)


def _count(seen: Seen, gates: Gates, streams: Streams, pages: Sequence[Page]) -> None:
    seen.sent, seen.streams_alive = len(gates.sent_ms), streams.alive
    seen.streams_whole = sum(gates.sent_ms.keys() <= one.keys() for one in streams.at_ms)
    for one in streams.at_ms:
        seen.stream_ms += [at_ms - gates.sent_ms[key] for key, at_ms in one.items() if key in gates.sent_ms]
    for key, at_ms in pages[0].evaluate("window.seen").items():
        if (sent_ms := gates.sent_ms.get(key.partition("/")[2])) is not None:
            seen.board_ms.append(at_ms - sent_ms)
    cards: dict[str, float] = {}
    for key, at_ms in pages[1].evaluate("window.seen").items():
        door = key.partition("/")[0]
        cards[door] = min(at_ms, cards.get(door, at_ms))
    seen.staff_ms = [cards[door] - sent_ms for door, sent_ms in gates.alarms_ms.items() if door in cards]
    missing = sorted(gates.alarms_ms.keys() - cards.keys())
    assert not missing, f"the staff page never showed {missing}, only {sorted(cards)}"


def _until(good: Any, what: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not good():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what}: not there within {WITHIN_S:g} s")
        time.sleep(0.05)


def goals(on: str, seen: Seen) -> list[Goal]:
    return [
        Goal(f"{on}: published → each of {STREAMS} streams", seen.stream_ms, "p95", SEEN_MOST_MS),
        Goal(f"{on}: published → line on the dashboard in Chromium", seen.board_ms, "p95", SEEN_MOST_MS),
        Goal(f"{on}: door forced → card on the staff page in Chromium", seen.staff_ms, "p95", SEEN_MOST_MS),
        Goal(f"{on}: the dashboard, asked for", seen.dashboard_ms, "p95", PAGE_MOST_MS),
        Goal(f"{on}: the figures, asked for", seen.figures_ms),
    ]


def main() -> int:
    """Exit code 1 when a goal is missed, a stream has ended or one has missed an event."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    words.add_argument("--days", type=int, default=90)
    words.add_argument("--minutes", type=float, default=5)
    words.add_argument("--on", nargs="+", choices=("sqlite", "postgresql"), default=["sqlite", "postgresql"])
    asked = words.parse_args()
    told: dict[str, Any] = {}
    good = True
    for on in asked.on:
        busy = Busy()
        seen = measure(on, asked.days, asked.minutes, Console(stderr=True))
        found = goals(on, seen)
        Console(width=120).print(goals_table(found))
        alive = f"{seen.streams_alive} of {STREAMS} streams open at the end, {seen.streams_whole} with every event of {seen.sent}"
        print(f"{on}: {alive}; load {os.getloadavg()[0]:.1f}")
        figures = {goal.what: goal.told() for goal in found}
        good = (
            good
            and seen.streams_alive == seen.streams_whole == STREAMS
            and all(one.get("goal", {}).get("met", True) for one in figures.values())
        )
        told[on] = {
            "figures": figures,
            "alive": seen.streams_alive,
            "whole": seen.streams_whole,
            "load": busy.told(),
        }
    print(json.dumps({"bench": "pages", "days": asked.days, "met": good, **told}, ensure_ascii=False))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
