"""The pages are read by a program: what they name exists, what they quote is what the program says."""

import ast
import importlib
import re
import shlex
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from pydantic import BaseModel

import cloud_sync.cli
import edge.cli
import models.cli
from cloud_sync.config import SyncConfig
from cloud_sync.store.imports import FORMS
from edge.config import NodeConfig

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "firmware_config").rglob("*.md"),
    )
)
QUOTING = [page for page in PAGES if "[[[cog" in (ROOT / page).read_text()]
PROGRAMS = {
    "gatehouse-node": edge.cli.app,
    "gatehouse-sync": cloud_sync.cli.app,
    "gatehouse-models": models.cli.app,
}


def text_of(page: str) -> str:
    return (ROOT / page).read_text()


def fences(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text_of(page), re.DOTALL)


# --- pages printed from the program ----------------------------------------------------------------------------


def test_there_are_pages_that_quote_the_program():
    assert {"docs/cli.md", "docs/configuration.md", "docs/wire.md", "docs/adr/README.md"} <= set(QUOTING)


@pytest.mark.parametrize("page", QUOTING)
def test_a_quoting_page_says_what_the_program_says(page):
    cog = Path(sys.executable).with_name("cog")
    run = subprocess.run([cog, "--check", "-P", page], cwd=ROOT, capture_output=True, text=True, timeout=180)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("page", ["docs/configuration.md", "docs/cli.md"])
def test_every_key_and_option_is_explained(page):
    # Machines print the cells; an empty last one means that nobody has said what the thing is.
    assert [line for line in text_of(page).splitlines() if line.endswith("|  |")] == []


# --- what pages name exists ------------------------------------------------------------------------------------


def links(page: str) -> list[str]:
    found = re.findall(
        r"\]\(([^)#\s]+)(?:#[^)]*)?\)", re.sub(r"```.*?```", "", text_of(page), flags=re.DOTALL)
    )
    return [link for link in found if "://" not in link]


@pytest.mark.parametrize("page", PAGES)
def test_no_link_leads_nowhere(page):
    assert [link for link in links(page) if not (ROOT / page).parent.joinpath(link).exists()] == []


def files_named(page: str) -> set[str]:
    named = re.findall(
        r"`((?:edge|cloud_sync|models|tests|docs|firmware_config|bench|requirements)/[\w./-]+)`",
        text_of(page),
    )
    return {name for name in named if "*" not in name}


@pytest.mark.parametrize("page", PAGES)
def test_every_file_a_page_names_is_there(page):
    assert {name for name in files_named(page) if not (ROOT / name).exists()} == set()


def resolve(dotted: str) -> Any:
    """The object behind ``package.module.name``."""
    parts = dotted.split(".")
    for size in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:size]))
        except ModuleNotFoundError:
            continue
        for name in parts[size:]:
            found = getattr(found, name)
        return found
    raise LookupError(dotted)


def code_words() -> list[str]:
    rows = [line.split("|") for line in text_of("docs/glossary.md").splitlines() if line.startswith("| ")]
    words = [row[4].strip() for row in rows if len(row) == 6 and row[4].strip().startswith("`")]
    return sorted({word.strip("`") for word in words})


def test_the_glossary_names_code():
    assert len(code_words()) > 40


@pytest.mark.parametrize("dotted", code_words())
def test_every_word_of_the_glossary_lives_in_the_code(dotted):
    assert resolve(dotted) is not None


def test_every_word_stands_in_both_languages():
    rows = [line.split("|") for line in text_of("docs/glossary.md").splitlines() if line.startswith("| ")]
    lame = [
        row[1] for row in rows if row[1].strip() != "English" and not re.search(r"[\u4e00-\u9fff]", row[2])
    ]
    assert lame == []


def written_in(*names: str) -> set[str]:
    trees = [ast.parse((ROOT / "tests" / "unit" / name).read_text()) for name in names]
    return {
        node.name
        for tree in trees
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_every_refusal_is_tried_by_a_test_that_exists_and_each_of_them_is_listed():
    there = written_in("test_refusals.py", "test_refusals_people.py", "test_refusals_looking.py")
    listed = set(re.findall(r"`(test_\w+)`", text_of("docs/refused.md")))
    assert listed - there == set()
    # One test only shows that the lawful way is open, and one holds the table against the design.
    assert there - listed == {
        "test_a_node_with_both_on_record_may_look_at_faces",
        "test_every_refusal_of_the_design_has_its_row_and_no_row_is_without_a_reason",
    }


def test_nothing_is_refused_without_a_test():
    rows = [line for line in text_of("docs/refused.md").splitlines() if line.startswith("| ")][1:]
    assert len(rows) == 14
    assert [row for row in rows if "`test_" not in row] == []


# --- decisions -------------------------------------------------------------------------------------------------

RECORDS = [page for page in PAGES if re.fullmatch(r"docs/adr/\d{4}-[a-z-]+\.md", page)]


def test_the_records_are_numbered_without_a_gap():
    assert [int(Path(page).stem[:4]) for page in RECORDS] == list(range(1, len(RECORDS) + 1))


@pytest.mark.parametrize("page", RECORDS)
def test_a_record_says_why_what_and_what_follows(page):
    text = text_of(page)
    assert text.startswith(f"# {int(Path(page).stem[:4])}. ")
    heads = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert heads == ["Context", "Decision", "Consequences", "What was measured"]
    assert len(text.splitlines()) < 60


# --- what a reader would type ----------------------------------------------------------------------------------


def typed() -> list[str]:
    """Every command line of ours that stands in a shell block."""
    lines = [
        line
        for page in PAGES
        for block in fences(page, "sh")
        for line in block.replace("\\\n", " ").splitlines()
    ]
    return [line.strip() for line in lines if line.strip().startswith(tuple(PROGRAMS))]


@cache
def command_of(program: str) -> Any:
    return typer.main.get_command(PROGRAMS[program])


def test_the_walks_type_our_programs():
    assert {shlex.split(line)[0] for line in typed()} == set(PROGRAMS)


@pytest.mark.parametrize("line", typed())
def test_a_command_of_a_page_can_be_typed(line):
    program, *words = shlex.split(line)
    command = command_of(program)
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    options = {name for part in command.params for name in (*part.opts, *part.secondary_opts)}
    used = {word for word in words if word.startswith("-")}
    assert used <= options
    needed = {part.opts[0] for part in command.params if part.required and part.param_type_name == "option"}
    assert needed - used - {"--config"} == set()


def keys(tree: Any, model: type[BaseModel], where: str = "") -> list[str]:
    """Keys of a TOML example that the configuration does not know."""
    wrong: list[str] = []
    for key, value in tree.items():
        field = model.model_fields.get(key)
        if field is None:
            wrong.append(f"{where}{key}")
            continue
        for inner in value if isinstance(value, list) else [value]:
            part = next(iter(_models(field.annotation)), None)
            wrong += keys(inner, part, f"{where}{key}.") if part and isinstance(inner, dict) else []
    return wrong


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [kind for part in getattr(annotation, "__args__", ()) for kind in _models(part)]


def test_the_example_of_a_node_is_a_configuration():
    first, face = fences("docs/first-gate.md", "toml")
    config = NodeConfig.model_validate(tomllib.loads(first + face))
    assert config.doors[0].face.mode == "one_to_n"


def test_the_example_of_a_community_is_a_configuration():
    (example,) = fences("docs/first-community.md", "toml")
    tree = tomllib.loads(example)
    assert keys(tree, SyncConfig) == []
    assert SyncConfig.model_validate(tree).community.code == "dongfang"


@pytest.mark.parametrize("kind", sorted(FORMS))
def test_the_columns_of_an_import_are_those_the_program_takes(kind):
    (row,) = re.findall(rf"^\| {kind} \| (.*) \|$", text_of("docs/first-community.md"), re.MULTILINE)
    form = FORMS[kind]
    assert set(re.findall(r"[a-z_]+", row)) >= set(form.columns)


# --- the hooks before a commit ---------------------------------------------------------------------------------


def test_the_hooks_are_ours_and_fetch_nothing():
    config = yaml.safe_load(text_of(".pre-commit-config.yaml"))
    assert [repo["repo"] for repo in config["repos"]] == ["local"]
    hooks = config["repos"][0]["hooks"]
    assert {hook["id"] for hook in hooks} == {"ruff-format", "ruff-check", "mypy", "cog"}
    assert all(hook["language"] == "system" and ".venv/bin/" in hook["entry"] for hook in hooks)
