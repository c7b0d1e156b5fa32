"""docs/api.md is played: each example in its order against the running service, and each answer compared."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

from cloud_sync.core.webhooks import secret_of, shown_secret, signed_headers
from tests.fakes.api_house import ApiHouse
from tests.fakes.web_house import LISTING

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
ANY = "..."


def fences(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)


def asked_and_answered(text: str):
    """A request, its body, the status, the headers that are named, and the body of the answer."""
    head, *parts = text.strip().split("\n\n")
    at = next(n for n, part in enumerate(parts) if re.match(r"\d{3}\b", part))
    (method, path), *headers = (line.split(" ", 1) for line in head.split("\n"))
    status, *named = parts[at].split("\n")
    body = parts[0] if at else None
    return (
        (method, path, {name.rstrip(":"): value for name, value in headers}, body),
        (int(status), dict(line.split(": ", 1) for line in named), json.loads(parts[at + 1])),
    )


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    made = ApiHouse(tmp_path_factory.mktemp("page"))
    made.fill(1)
    yield made
    made.close()


def test_the_page_is_played(house):
    words = {"TOKEN": house.token("page", "SEE_BOARD"), "KEY": house.key("page"), "LISTING": LISTING}
    examples = fences("http")
    assert len(examples) >= 6
    with house.calling() as client:
        for example in examples:
            text = re.sub(r"(?<=[ \"])(TOKEN|KEY|LISTING)(?=[\"\n])", lambda found: words[found[1]], example)
            (method, path, headers, body), (status, named, wanted) = asked_and_answered(text)
            answer = client.request(method, path, headers=headers, content=body and body.encode())
            assert answer.status_code == status, (text, answer.text)
            assert {name: answer.headers.get(name) for name in named} == named, text
            assert _like(wanted, answer.json()), (text, answer.json())


def _like(wanted, said) -> bool:
    if isinstance(wanted, dict) and isinstance(said, dict):
        return set(wanted) == set(said) and all(_like(wanted[name], said[name]) for name in wanted)
    return wanted in (ANY, said)


def test_the_pages_own_check_of_a_delivery_tells_true_from_false(tmp_path):
    (code,) = fences("python")
    file = tmp_path / "check.py"
    file.write_text(code)
    spec = importlib.util.spec_from_file_location("check", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    key, body = secret_of(bytes(32), "WH-1"), b'{"type":"test"}'
    headers = signed_headers(key, "WH-1.a1", 1_777_000_000, body)
    secret, now_s = shown_secret(key), 1_777_000_001.5
    assert module.is_genuine(secret, headers, body, now_s)
    assert not module.is_genuine(secret, headers, body + b" ", now_s)
    assert not module.is_genuine(secret, headers, body, now_s + 1_000)
    assert not module.is_genuine(shown_secret(secret_of(bytes(32), "WH-2")), headers, body, now_s)
    assert not module.is_genuine(secret, {**headers, "webhook-id": "WH-1.a2"}, body, now_s)
