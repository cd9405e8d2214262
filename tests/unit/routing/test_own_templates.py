"""An operator's own words hold in place of the shipped ones, text by text and channel by channel."""

from pathlib import Path

import pytest

from cli.template import findings
from config.settings import Settings
from config.wiring import App
from domain.after import Resolution
from domain.errors import Misconfigured
from routing.resolution import words_for
from routing.templates import Facts, render, template_names

FACTS = Facts("Hirondelle", "V42", "Élodie", "HR4829174637")


def own(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_a_text_of_his_own_holds_and_the_others_stay(tmp_path: Path) -> None:
    folder = own(tmp_path, "delivery.fr.toml", 'short = "Dites-nous tout du colis."')
    assert "Dites-nous tout du colis." in render("delivery", "fr", FACTS, "sms", folder=folder)[1]
    assert render("delivery", "fr", FACTS, "email", folder=folder) == render("delivery", "fr", FACTS, "email")
    assert render("delivery", "en", FACTS, "sms", folder=folder) == render("delivery", "en", FACTS, "sms")


def test_a_channel_may_have_words_of_its_own(tmp_path: Path) -> None:
    folder = own(tmp_path, "delivery.fr.toml", '[on.whatsapp]\nshort = "Et le colis ?"')
    assert "Et le colis ?" in render("delivery", "fr", FACTS, "whatsapp", folder=folder)[1]
    assert "Et le colis ?" not in render("delivery", "fr", FACTS, "sms", folder=folder)[1]


def test_a_template_of_his_own_is_a_template(tmp_path: Path) -> None:
    parts = "".join(f'{part} = "{part} {{{{ reference }}}}"\n' for part in ("subject", "concern", "ask", "short"))
    folder = own(tmp_path, "loyalty.fr.toml", parts)
    assert "loyalty" in template_names(folder)
    assert render("loyalty", "fr", FACTS, folder=folder)[0] == "subject V42"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('short = "x"\nlong = "y"', "must have the texts"),
        ("short = 3", "must have the texts"),
        ('[on.sms]\nlong = "y"', r"\[on.sms\] may have"),
        ('on = "sms"', r"\[on\] has a table"),
        ("short = ", "delivery.fr.toml"),
        ("short = \"{{ ''.__class__.__mro__ }}\"", "routing/templates"),
        ('short = "{{ nobody }}"', "routing/templates"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_line_that_names_it(tmp_path: Path, text: str, message: str) -> None:
    folder = own(tmp_path, "delivery.fr.toml", text)
    with pytest.raises(Misconfigured, match=message):
        render("delivery", "fr", FACTS, "sms", folder=folder)


def test_his_words_for_the_resolution_carry_the_same_facts(tmp_path: Path) -> None:
    folder = own(tmp_path, "_resolution.fr.toml", 'refunded = "Remboursement : {{ amount }}."')
    for channel in ("email", "sms", "letter"):
        body = words_for(Resolution("refunded", 1290, "EUR"), "fr", FACTS, channel, folder)[1]
        assert "Remboursement : 12,90 €." in body


def app_of(folder: str) -> App:
    brand = {"id": "hirondelle", "name": "Hirondelle"}
    return App(Settings.model_validate({"brand": brand, "templates": {"folder": folder}}))


def test_what_is_shipped_keeps_every_rule(tmp_path: Path) -> None:
    app = app_of("")
    assert list(findings(app, app.brand())) == []


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("Nous avons vu votre tweet.", "surveillance"),
        ("Nous vous remboursons 20 €.", "promise"),
        ("Voir https://evil.example", "link"),
        ("x" * 330, "broken"),
        ("écrit à lea@example.org", "personal"),
    ],
)
def test_his_words_are_checked(tmp_path: Path, words: str, problem: str) -> None:
    own(tmp_path, "delivery.fr.toml", f'short = "{words}"')
    app = app_of(str(tmp_path))
    found = [one for one in findings(app, app.brand()) if one.template == "delivery"]
    assert {one.problem for one in found} == {problem}
    assert {one.language for one in found} == {"fr"}
