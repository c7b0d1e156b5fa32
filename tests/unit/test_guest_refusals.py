"""Every no a guest can meet says what to do next, in both languages; none is missing."""

import ast
from pathlib import Path

import pytest

from cloud_sync.core.self_registration import FAILED_CHECKS, FormFault
from cloud_sync.web.guest import pages, shown, steps
from cloud_sync.web.guest.words import DEFAULT, FIELDS, PHONE, RULES
from cloud_sync.web.language import Lang
from cloud_sync.web.texts import texts
from docs.printed_refusals import refusing_screens
from edge.core.events import CredentialKind
from edge.core.reasons import GUEST_TEXT, Reason, advise
from edge.kiosk.screens import WORDS
from edge.kiosk.texts import SENTENCES
from edge.runtime.gate import word_of

STORE = Path(__file__).parents[2] / "cloud_sync" / "store"
# What runs when a guest's link is used; whatever these refuse reaches the guest.
GUEST_MODULES = (
    "guest_books.py",
    "guest_data.py",
    "guest_view.py",
    "guests.py",
    "registering.py",
    "self_registering.py",
)
SAID = [*FIELDS.values(), *RULES.values(), *PHONE.values(), DEFAULT]


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
    return {rule.value if isinstance(rule, ast.Constant) else named[rule.id] for rule in rules}


def test_every_rule_a_guests_call_can_meet_has_its_words():
    rules = set().union(*(refused_in(module) for module in GUEST_MODULES))
    assert {"guest.checks", "credential.over", "registration.full", "consent.age"} <= rules
    assert rules - set(RULES) == set()


def test_no_rule_has_words_that_nobody_says():
    said = set().union(*(refused_in(module) for module in GUEST_MODULES))
    # "link" is NotFound; the table of stays itself refuses a checkout.
    assert set(RULES) - said == {"link", "stay.checkout"}


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


@pytest.mark.parametrize("lang", list(Lang))
def test_each_sentence_has_both_halves_and_one_end(lang):
    say = texts(lang)
    for said in SAID:
        assert said.what
        assert said.next
        sentence = said.sentence(say)
        end = "。" if lang is Lang.ZH else "."
        assert sentence.endswith(end), sentence
        assert sentence.count(end) == 1, f"one sentence: {sentence}"


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason is not Reason.GRANTED])
@pytest.mark.parametrize("kind", list(CredentialKind))
@pytest.mark.parametrize("until_ms", [None, 1])
def test_whoever_is_turned_away_at_a_door_reads_a_screen_with_a_next_step(reason, kind, until_ms):
    assert reason in GUEST_TEXT
    screen = WORDS[word_of(advise(reason, kind, until_ms), kind, reason)]
    sentence = SENTENCES[screen]
    assert all((sentence.title.zh, sentence.title.en, sentence.hint.zh, sentence.hint.en))
    assert screen in refusing_screens() or kind not in (
        CredentialKind.FACE,
        CredentialKind.QR,
        CredentialKind.PIN,
    )


def test_an_old_code_is_answered_with_the_next_one_and_not_with_come_closer():
    for reason in (Reason.CODE_REPLAYED, Reason.CODE_OUT_OF_TIME):
        word = word_of(advise(reason, CredentialKind.QR), CredentialKind.QR, reason)
        assert "30" in SENTENCES[WORDS[word]].hint.en
