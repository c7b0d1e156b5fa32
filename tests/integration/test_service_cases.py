"""The whole service over its own broker: an alarm at a gate is told to an open staff page, and added people work it."""

import json
import re
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from queue import Empty, Queue

import httpx
import pytest

from tests.fakes.community_house import GATE, public_key
from tests.fakes.paho_gate import PahoGate
from tests.fakes.waiting import eventually

PROGRAM = Path(sys.executable).with_name("gatehouse-sync")
PASSWORD = "a quiet evening at the gate"
CONFIG = """
data_dir = "data"
[community]
code = "dongfang"
name_zh = "东方新城"
name_en = "Dongfang"
synthetic = true
[web]
port = {web}
[broker]
port = {broker}
[staff]
intercom = {{ "{gate}" = "tel:+8628000" }}
push = true
push_contact = "duty@gate.example"
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Gatehouse:
    """Set up, running, with one gate and two guards."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.web, self.broker = free_port(), free_port()
        text = CONFIG.format(web=self.web, broker=self.broker, gate=GATE)
        (folder / "gatehouse-sync.toml").write_text(text)

    def types(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PROGRAM, *words],
            cwd=self.folder,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    def set_up(self) -> None:
        assert self.types("setup").returncode == 0
        door = f"{GATE}:gate:南门:South gate"
        key = ("--public-key", public_key(), "--join-out", "join.json", "--access-point", door)
        assert self.types("node", "add", "gate-1", *key).returncode == 0
        for name in ("li", "wang"):
            added = self.types("user", "add", name, "--role", "guard", stdin=f"{PASSWORD}\n")
            assert (added.returncode, added.stdout) == (0, f"{name}: guard\n"), added.stderr

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.web}"

    def browser(self) -> httpx.Client:
        trusted = ssl.create_default_context(cafile=self.folder / "data" / "tls" / "ca.pem")
        return httpx.Client(base_url=self.url, verify=trusted, timeout=30, headers={"accept-language": "en"})

    def answers(self) -> bool:
        try:
            with self.browser() as client:
                return client.get("/healthz").status_code == 200
        except (OSError, httpx.HTTPError):
            return False


@pytest.fixture
def service(tmp_path) -> Iterator[Gatehouse]:
    made = Gatehouse(tmp_path)
    made.set_up()
    with (tmp_path / "log").open("w") as log:
        running = subprocess.Popen([PROGRAM, "run"], cwd=tmp_path, stderr=log, stdout=log)
        try:
            eventually(made.answers)
            yield made
        finally:
            running.terminate()
            assert running.wait(60) == 0, (tmp_path / "log").read_text()


def log_in(client: httpx.Client, name: str) -> None:
    client.get("/login")
    form = {"csrf": client.cookies["gatehouse_form"], "name": name, "password": PASSWORD}
    assert client.post("/login", data=form).headers["location"] == "/"


def listen(client: httpx.Client, heard: "Queue[dict[str, object]]") -> threading.Thread:
    """Every change of a case an open page is told, until the service ends the stream."""

    def follow() -> None:
        # The page is shut while the stream is open: that ends it from this side, as a closed tab does.
        with (
            suppress(httpx.HTTPError, httpx.StreamError, OSError),
            client.stream("GET", "/live/staff") as stream,
        ):
            event = ""
            for line in stream.iter_lines():
                event = line.removeprefix("event: ") if line.startswith("event: ") else event
                if line.startswith("data: ") and event == "case":
                    heard.put(json.loads(line.removeprefix("data: ")))

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    return thread


def press(client: httpx.Client, case: str, event: str, **more: str) -> int:
    csrf = re.search(r'name="csrf" value="([^"]+)"', client.get("/staff").text)
    assert csrf is not None
    form = {"csrf": csrf[1], "event": event, **more}
    return client.post(f"/staff/cases/{case}", data=form).status_code


def changes(heard: "Queue[dict[str, object]]", state: str) -> dict[str, object]:
    """The first change to ``state``; a page that just opened is told to look anew and nothing else."""
    while True:
        try:
            told = heard.get(timeout=30)
        except Empty:
            raise AssertionError(f"no page was told of {state}") from None
        if told.get("state") == state:
            return told


def test_an_alarm_over_the_bus_reaches_the_open_page_and_is_worked_to_its_end(service):
    gate = PahoGate("dongfang", "gate-1", service.broker).start()
    heard: Queue[dict[str, object]] = Queue()
    try:
        with service.browser() as guard, service.browser() as page, service.browser() as other:
            log_in(guard, "li")
            log_in(page, "li")
            log_in(other, "wang")
            listen(page, heard)
            assert heard.get(timeout=30) == {}
            gate.record(type_="door.forced", access_point=GATE)
            told = changes(heard, "NEW")
            assert (told["severity"], told["kind"], told["sounds"]) == ("S1", "forced", True)
            case = str(told["id"])
            assert 'href="tel:+8628000"' in guard.get(f"/staff/cases/{case}").text
            assert press(guard, case, "acknowledge", reason="on my way") == 409
            gate.record(type_="door.secured", access_point=GATE)
            changes(heard, "RTN_UNACK")
            assert press(guard, case, "acknowledge", reason="the wind") == 303
            changes(heard, "RESOLVED")
            assert press(guard, case, "verify") == 409
            assert press(other, case, "verify") == 303
            changes(heard, "CLOSED")
            assert "data-key=" in guard.get("/staff").text
    finally:
        gate.stop()
    audited = service.types("db", "rows", "audit", "--limit", "500").stdout
    assert "case.acknowledge" in audited
    assert "case.verify" in audited


def test_a_person_who_cannot_be_added_is_refused_in_one_sentence(tmp_path):
    house = Gatehouse(tmp_path)
    house.set_up()
    for words, password, sentence in (
        (("li", "--role", "guard"), PASSWORD, "'li' exists already"),
        (("zhao", "--role", "guard"), "short", "a password has at least 10 characters"),
        (("zhao", "--role", "king"), PASSWORD, "king"),
        ((" ", "--role", "guard"), PASSWORD, "a user name has 1 to 64 characters"),
    ):
        done = house.types("user", "add", *words, stdin=f"{password}\n")
        assert (done.returncode, done.stdout) == (2, "")
        assert sentence in done.stderr
    assert house.types("user", "list").stdout == "li guard\nwang guard\n"


def test_who_leaves_forgets_or_moves_up_is_three_commands(tmp_path):
    house = Gatehouse(tmp_path)
    house.set_up()
    assert house.types("user", "role", "wang", "admin").stdout == "wang: admin\n"
    assert house.types("user", "password", "li", stdin=f"{PASSWORD}-anew\n").returncode == 0
    assert house.types("user", "remove", "li").returncode == 0
    assert house.types("user", "list").stdout == "wang admin\n"
    for words, sentence in (
        (("password", "li"), "there is nobody named 'li'"),
        (("remove", "wang"), "this is the last administrator; make another one first"),
        (("role", "wang", "guard"), "this is the last administrator"),
        (("add", "li", "--role", "guard"), "'li' was somebody who left; choose another name"),
    ):
        done = house.types("user", *words, stdin=f"{PASSWORD}\n")
        assert (done.returncode, done.stdout) == (2, "")
        assert sentence in done.stderr


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("push = true", "push needs push_contact"),
        ('intercom = { "AP-1" = "javascript:alert(1)" }', "staff.intercom.AP-1: "),
    ],
)
def test_a_staff_setting_that_cannot_be_is_refused(tmp_path, line, sentence):
    house = Gatehouse(tmp_path)
    text = (tmp_path / "gatehouse-sync.toml").read_text().partition("[staff]")[0]
    (tmp_path / "gatehouse-sync.toml").write_text(f"{text}[staff]\n{line}\n")
    done = house.types("setup")
    assert done.returncode == 2
    assert sentence in done.stderr
