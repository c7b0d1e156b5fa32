"""Every refusal has one reason, one of four texts, and words in both languages for the person and for the staff."""

import pytest

from cloud_sync.web import words
from cloud_sync.web.language import Lang
from cloud_sync.web.texts import texts
from edge.core.decision_types import EntryKind
from edge.core.events import CredentialKind
from edge.core.reasons import GUEST_TEXT, GuestText, Reason, advise
from edge.kiosk.screens import WORDS
from edge.kiosk.texts import SENTENCES
from edge.runtime.screen_words import word_of

KINDS = list(EntryKind.__args__)
REFUSALS = [reason for reason in Reason if reason is not Reason.GRANTED]


def test_there_are_four_texts_and_every_refusal_has_one():
    assert len(GuestText) == 4
    assert set(GUEST_TEXT) == set(REFUSALS)


@pytest.mark.parametrize("reason", REFUSALS)
def test_every_refusal_is_said_on_the_screen_after_every_kind_of_credential(reason):
    for kind in KINDS:
        for until_ms in (None, 1_800_000_000_000):
            advice = advise(reason, CredentialKind(kind), until_ms)
            assert advice.text in GuestText
            sentence = SENTENCES[WORDS[word_of(advice, CredentialKind(kind), reason)]]
            assert all((sentence.title.zh, sentence.title.en, sentence.hint.zh, sentence.hint.en))


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_said_to_staff_in_words_and_not_by_its_code(reason):
    code = reason.value.rsplit(":", 1)[-1]
    assert code in words.REASONS
    zh, en = (words.say_reason(reason.value, texts(lang)) for lang in (Lang.ZH, Lang.EN))
    assert zh != en
    assert code not in (zh, en)


@pytest.mark.parametrize("reason", [reason for reason in REFUSALS if reason is not Reason.RETRY_LATER])
def test_a_pin_is_refused_in_one_text_whatever_the_reason(reason):
    advice = advise(reason, CredentialKind.PIN)
    assert (advice.text, word_of(advice, CredentialKind.PIN, reason)) == (GuestText.TRY_AGAIN, "pin_refused")
