"""Words of the brand's own files and of evidence, in the language of the page."""

import pytest

from console.words import Words

FR, EN = Words("fr"), Words("en")


@pytest.mark.parametrize(
    ("group", "value", "french", "english"),
    [
        ("contact_outcome", "promised", "promesse faite", "a promise was made"),
        ("contact_outcome", "No_Answer ", "sans réponse", "no answer"),
        ("order_status", "in transit", "en route", "on its way"),
        ("contact_outcome", "Rappel à 18 h", "Rappel à 18 h", "Rappel à 18 h"),
    ],
)
def test_usual_words_of_a_file_are_told_and_others_stand_as_they_are(
    group: str, value: str, french: str, english: str
) -> None:
    assert (FR.told(group, value), EN.told(group, value)) == (french, english)


@pytest.mark.parametrize(
    ("group", "value", "shown"),
    [
        ("channel", "email", "e-mail"),
        ("channel", "phone", "téléphone"),
        ("channel", "sms", "SMS"),
        ("channel", "whatsapp", "WhatsApp"),
        ("channel", "mastodon", "Mastodon"),
        ("network", "x", "X"),
        ("state", "waiting_customer", "attend le client"),
    ],
)
def test_inside_a_sentence_only_names_are_large(group: str, value: str, shown: str) -> None:
    assert FR.inside(group, value) == shown


@pytest.mark.parametrize(
    ("fact", "detail", "shown"),
    [
        ("recent_order", "after_sales", "après-vente"),
        ("account", "declared: customer file", "déclaré au fichier (fichier client)"),
        ("contact", "within 30 days", "depuis moins de 30 jours"),
        ("other_language", "en", "anglais"),
        ("order", "HR4829174632", "HR4829174632"),
        ("city", "Use", "Use"),
    ],
)
def test_evidence_holds_no_codes(fact: str, detail: str, shown: str) -> None:
    assert FR.evidence(fact, detail) == shown
