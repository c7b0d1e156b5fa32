"""Every no a guest can meet says what to do next, in both languages; none is missing."""

import ast
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from cloud_sync.core.self_registration import FAILED_CHECKS, FormFault
from cloud_sync.web.faults import TITLES
from cloud_sync.web.guest import pages, shown, steps, words
from cloud_sync.web.guest.words import DEFAULT, FAULTS, FIELDS, PHONE, RULES, Said
from cloud_sync.web.language import Lang
from cloud_sync.web.texts import texts
from docs.printed_refusals import refusing_screens
from edge.core.events import CredentialKind
from edge.core.reasons import GUEST_TEXT, Reason, advise
from edge.kiosk import texts as kiosk_texts
from edge.kiosk.screens import WORDS
from edge.kiosk.signs import STANDING
from edge.kiosk.state import Screen
from edge.kiosk.texts import BESIDE, CALM, SENTENCES, Both
from edge.runtime.screen_words import word_of

STORE = Path(__file__).parents[2] / "cloud_sync" / "store"
# What runs when a guest's link is used; whatever these refuse reaches the guest.
GUEST_MODULES = (
    "bundles.py",
    "capacity.py",
    "departures.py",
    "guardians.py",
    "guest_books.py",
    "guest_data.py",
    "guest_view.py",
    "guests.py",
    "pins.py",
    "registering.py",
    "self_registering.py",
    "subject_rights.py",
)
# What only staff can meet of the modules a guest's calls import; the last two are put together where they are raised:
# a field of a form that joins a node, and the life-cycles, of which a guest meets stay.checkout alone.
STAFF_RULES = {
    "access point",
    "booking",
    "booking.extend",
    "evidence.word",
    "face",
    "node",
    "notice",
    "pia",
    "reason",
    "subject",
    "vault",
}
STAFF_RULES |= {"what", "f'{table.name}.{event}'"}
STAFF_RULES |= {"duty", "f'bulletin.{fault}'", "f'emergency.{fault}'", "f'trace.{fault}'"}
TABLES = {"field": FIELDS, "rule": RULES, "phone": PHONE, "status": FAULTS, "any other": {"": DEFAULT}}
SAID = {f"{table} {word}": said for table, rows in TABLES.items() for word, said in rows.items()}
# A next step is something to do: one of its clauses begins with one of these.
DEEDS = frozenset(
    [
        "ask",
        "call",
        "cancel",
        "check",
        "choose",
        "come",
        "compare",
        "copy",
        "find",
        "go",
        "hold",
        "look",
        "open",
        "press",
        "read",
        "register",
        "scan",
        "show",
        "shut",
        "take",
        "tick",
        "try",
        "touch",
        "type",
        "use",
        "wait",
        "write",
        "let",
    ]
)
BEFORE_A_DEED = frozenset({"please", "then", "or", "and", "others"})


def constants(tree: ast.AST) -> dict[str, str]:
    """Module-level names that stand for one text each."""
    named: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target, value = node.targets[0], node.value
            pairs = (
                zip(target.elts, value.elts, strict=True)
                if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)
                else [(target, value)]
            )
            named |= {
                one.id: word.value
                for one, word in pairs
                if isinstance(one, ast.Name)
                and isinstance(word, ast.Constant)
                and isinstance(word.value, str)
            }
    return named


def refused_in(module: str) -> set[str]:
    tree = ast.parse((STORE / module).read_text())
    named = constants(tree)
    rules = [
        node.args[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Refused"
    ]
    return {_rule(rule, named) for rule in rules}


def _rule(node: ast.expr, named: dict[str, str]) -> str:
    """A rule as it is named; one that is put together stands as its source."""
    if isinstance(node, ast.Name):
        return named.get(node.id, node.id)
    return str(node.value) if isinstance(node, ast.Constant) else ast.unparse(node)


def test_every_rule_a_guests_call_can_meet_has_its_words():
    rules = set().union(*(refused_in(module) for module in GUEST_MODULES))
    assert {"guest.checks", "credential.over", "registration.full", "consent.age"} <= rules
    assert rules - set(RULES) == set()


def test_no_rule_has_words_that_nobody_says():
    said = set().union(*(refused_in(module) for module in GUEST_MODULES))
    # "link" and "guest.member" are NotFound; the table of stays itself refuses a checkout.
    assert set(RULES) - said == {"link", "guest.member", "stay.checkout"}


def test_every_fault_of_a_field_has_its_words():
    assert set(FIELDS) == set(FormFault)
    assert set(FormFault) > FAILED_CHECKS


def test_everything_that_keeps_a_pass_from_opening_has_its_words():
    source = Path(steps.__file__).read_text()
    tree = ast.parse(source)
    (standing,) = [
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "standing"
    ]
    told = {
        node.value
        for found in ast.walk(standing)
        if isinstance(found, ast.Return)
        for node in ast.walk(found)
        if isinstance(node, ast.Constant) and node.value
    } - {"lead"}
    assert {"guest.checks", "waiting", "alone_minor"} <= told
    assert (told | set(steps.CLOSED.values())) - set(PHONE) - set(RULES) == set()


def test_what_the_script_says_is_in_the_page():
    script = (Path(pages.__file__).parent.parent / "static" / "guest" / "pass.js").read_text()
    said = {line.split('say("')[1].split('"')[0] for line in script.splitlines() if 'say("' in line} - {""}
    assert {"offline", "other_phone", "no_script"} <= said
    assert said <= set(shown.phone_words(texts(Lang.EN)))


def instructs(text: str) -> bool:
    """Whether an English text says to do something, and does not only describe."""
    for clause in re.split(r"[;:,.]\s*", text.lower()):
        words = [word for word in clause.split() if word not in BEFORE_A_DEED]
        if words and words[0] in DEEDS:
            return True
    return False


def asks(text: str) -> bool:
    """The same of a Chinese one: whoever asks somebody to do something says please."""
    return "请" in text


@pytest.mark.parametrize(
    "text", ["They will help you", "the gate staff correct it with you", "This pass has ended"]
)
def test_a_text_that_only_describes_is_no_next_step(text):
    assert not instructs(text)


@pytest.mark.parametrize("word", sorted(SAID))
def test_each_sentence_says_what_to_do_next_and_has_one_end(word):
    said = SAID[word]
    assert instructs(texts(Lang.EN)(said.next)), said.next
    assert asks(texts(Lang.ZH)(said.next)), texts(Lang.ZH)(said.next)
    for lang in Lang:
        sentence = said.sentence(texts(lang))
        assert texts(lang)(said.what)
        end = "。" if lang is Lang.ZH else "."
        assert sentence.endswith(end), sentence
        assert sentence.count(end) == 1, f"one sentence: {sentence}"


def test_no_other_text_of_the_guests_pages_is_a_refusal():
    """A table that is not printed and not tried here would be a no without its next step."""
    tables = [value for value in vars(words).values() if isinstance(value, Mapping) and value]
    held = [table for table in tables if isinstance(next(iter(table.values())), Said)]
    assert sorted(map(id, held)) == sorted(map(id, (FIELDS, RULES, PHONE, FAULTS)))
    assert [name for name, value in vars(words).items() if isinstance(value, Said)] == ["DEFAULT"]


def test_every_status_the_pages_know_has_a_guests_words():
    # A guest never logs in, and whoever may not is told by the rule that says so.
    assert set(TITLES) - {401, 403} <= set(FAULTS)


def reached_from(module: str) -> set[str]:
    """The store's modules that run when this one does, by their imports."""
    found, waiting = {module}, [module]
    while waiting:
        tree = ast.parse((STORE / f"{waiting.pop()}.py").read_text())
        names = {
            alias.name if node.module == "cloud_sync.store" else node.module.rpartition(".")[2]
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cloud_sync.store")
            for alias in node.names
        }
        new = {name for name in names if (STORE / f"{name}.py").exists()} - found
        found |= new
        waiting += new
    return found


def test_a_rule_near_a_guests_call_is_a_guests_or_known_to_be_the_staffs():
    """What a guest's call can import it can meet: a new rule there is worded, or named here as one of the staff's."""
    near = set().union(*(refused_in(f"{module}.py") for module in reached_from("guest_books")))
    assert near - set(RULES) == STAFF_RULES


@pytest.mark.parametrize("screen", refusing_screens())
def test_each_screen_that_is_a_no_says_what_to_do_next(screen):
    sentence = SENTENCES[screen]
    assert sentence.title.zh
    assert sentence.title.en
    assert instructs(sentence.hint.en), sentence.hint.en
    assert asks(sentence.hint.zh), sentence.hint.zh


def test_a_screen_is_calm_or_says_what_to_do_next():
    assert set(refusing_screens()) | CALM == set(Screen) == set(SENTENCES)
    assert set(WORDS.values()) >= set(refusing_screens()) - STANDING


@pytest.mark.parametrize("when", sorted(BESIDE))
def test_what_stands_beside_a_screen_says_what_to_do_next(when):
    assert instructs(BESIDE[when].en), BESIDE[when].en
    assert asks(BESIDE[when].zh), BESIDE[when].zh


def test_every_other_text_of_the_screens_page_is_a_label_or_a_banner():
    held = {
        name
        for name, value in vars(kiosk_texts).items()
        if isinstance(value, Both) and value not in BESIDE.values()
    }
    labels = {"CHOOSE_DOOR", "PIN_OPEN", "PIN_TITLE", "PIN_CLEAR", "PIN_CLOSE", "PIN_ENTER", "SCAN"}
    labels |= {"TOOLS", "LARGER", "TONGUE_ZH", "TONGUE_EN", "HELP_OPEN", "HELP_AGAIN"}
    good_news = {"HELP_CALLING", "HELP_TOLD", "HELP_TOLD_UNTIMED"}
    assert held == labels | good_news | {"LIVENESS_OFF", "DRY_RUN", "ENGINE_SIMULATED"}


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason is not Reason.GRANTED])
@pytest.mark.parametrize("kind", list(CredentialKind))
@pytest.mark.parametrize("until_ms", [None, 1])
def test_whoever_is_turned_away_at_a_door_reads_a_screen_with_a_next_step(reason, kind, until_ms):
    assert reason in GUEST_TEXT
    screen = WORDS[word_of(advise(reason, kind, until_ms), kind, reason)]
    assert screen not in CALM


def test_an_old_code_is_answered_with_the_next_one_and_not_with_come_closer():
    for reason in (Reason.CODE_REPLAYED, Reason.CODE_OUT_OF_TIME):
        word = word_of(advise(reason, CredentialKind.QR), CredentialKind.QR, reason)
        assert "30" in SENTENCES[WORDS[word]].hint.en


def test_where_another_door_is_open_nobody_is_told_to_come_closer():
    word = word_of(advise(Reason.INTERLOCK, CredentialKind.QR), CredentialKind.QR, Reason.INTERLOCK)
    assert WORDS[word] is Screen.OTHER_DOOR
