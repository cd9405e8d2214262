"""Every message, in every language and form, is safe to send: whatever the values say."""

import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from domain.contact import CHANNELS
from domain.errors import Misconfigured
from models.intents import load_intents
from routing.templates import FOLDER, LONG_FORM, SHORT_LENGTH, Facts, languages, render, template_names

NAMES = sorted(template_names())
LANGUAGES = sorted(languages())
EVERY = [(language, channel) for language in LANGUAGES for channel in (*CHANNELS, "mastodon")]


def every(test: Callable[[str, str, str], None]) -> Callable[[str, str], None]:
    """Run a test for each language and channel, in it for each template."""

    def run(language: str, channel: str) -> None:
        for name in NAMES:
            test(name, language, channel)

    run.__name__ = test.__name__
    return pytest.mark.parametrize(("language", "channel"), EVERY)(run)


# Whatever tells that we read along: networks, posts, having seen or heard.
SURVEILLANCE = re.compile(
    r"\b(tweets?|posts?|publications?|publi\w*|vu|vue|vus|lu|lue|saw|seen|read|noticed|remarqué\w*|repéré\w*|mastodon"
    r"|bluesky|twitter|reddit|facebook|forum|réseaux?|social\w*|en ligne|online|web|commentaires?"
    r"|comments?|mention\w*)\b",
    re.IGNORECASE,
)
PROMISES = re.compile(
    r"\b(remboursé\w*|rembourserons|refunded|dédommag\w*|compensat\w*|geste|gift|offert\w*|garanti\w*|guarantee\w*"
    r"|sous \d+|within \d+|\d+ ?(h|heures|hours|jours|days)|demain|tomorrow|aujourd'hui|today)\b",
    re.IGNORECASE,
)
COMMERCE = re.compile(r"\b(promo\w*|offres?|offers?|discount\w*|réduction\w*|soldes?|remise\w*|% )\b", re.IGNORECASE)
GSM = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà{}[]~|\\^€"
)
PLAIN = Facts("Orvane", "V-1042", "Élodie", "CF7297394413", "Box 6")
HOSTILE = ("{{7*7}}", "{{ config }}", "{{''.__class__}}", "%s %(x)s", "${7*7}", "{% raw %}", "<b>x</b>")


def words(name: str, language: str, channel: str, facts: Facts = PLAIN) -> str:
    return "\n".join(render(name, language, facts, channel))


def test_every_intent_has_its_words_in_every_language():
    needed = {intent.template for intent in load_intents().values()}
    assert needed == set(NAMES)
    assert {"en", "fr"} <= set(LANGUAGES)
    for language in LANGUAGES:
        assert {path.name.partition(".")[0] for path in FOLDER.glob(f"*.{language}.toml")} == needed | {
            "_beside",
            "_frame",
            "_claim",
            "_resolution",
            "_survey",
        }


# How to answer and how to say stop, where neither is a word written back.
HOW_TO = {
    ("fr", "letter"): ("pour nous répondre", "plus recevoir de courrier"),
    ("en", "letter"): ("to answer", "rather not receive letters"),
    ("fr", "phone"): ("votre dossier porte la référence", "plus d'appel de notre part"),
    ("en", "phone"): ("your case has the reference", "rather not be called"),
}


@every
def test_a_message_says_who_writes_about_what_how_to_answer_and_how_to_stop(name, language, channel):
    text = words(name, language, channel)
    for needed in ("Orvane", "Élodie", "CF7297394413", "V-1042"):
        assert needed in text
    for needed in HOW_TO.get((language, channel), {"fr": ("répond", "STOP"), "en": ("reply", "STOP")}[language]):
        assert needed.lower() in text.lower()


@every
def test_first_words_never_betray_surveillance_nor_promise_nor_sell(name, language, channel):
    for facts in (PLAIN, Facts("", "V-1"), Facts("Orvane", "V-1", discreet=True)):
        text = words(name, language, channel, facts)
        for forbidden in (SURVEILLANCE, PROMISES, COMMERCE):
            assert not forbidden.search(text), forbidden.search(text)


def test_the_words_that_betray_are_found():
    assert SURVEILLANCE.search("Nous avons vu votre tweet")
    assert SURVEILLANCE.search("we saw what you wrote")
    assert PROMISES.search("vous serez remboursé sous 3 jours")
    assert not SURVEILLANCE.search("comme prévu")


@every
def test_hostile_values_stay_literal(name, language, channel):
    for value in HOSTILE:
        assert value in words(name, language, channel, Facts("Orvane", "V-1", None, order=value))
        assert value in words(name, language, channel, Facts("Orvane", value))


@every
def test_values_never_break_a_line_turn_the_text_round_or_run_away(name, language, channel):
    evil = "a\r\nBcc: eve@example.org\x00\u202e\ud800\u2028b" + "x" * 5000
    subject, body = render(name, language, Facts(evil, evil, evil, evil, evil), channel)
    assert not re.search(r"[\r\x00\u202e\ud800\u2028]", subject + body)
    assert "\n" not in subject
    assert "\nBcc" not in body
    assert len(subject) < 200
    assert len(body) < 2000
    (subject + body).encode("utf-8")


@every
def test_short_channels_get_no_subject_and_320_characters_at_most(name, language, channel):
    longest = Facts("B" * 99, "R" * 99, "F" * 30, "O" * 99, "P" * 99)
    subject, body = render(name, language, longest, channel)
    assert (subject == "") == (channel not in LONG_FORM)
    assert channel in LONG_FORM or len(body) <= SHORT_LENGTH
    assert channel in LONG_FORM or set(words(name, language, channel)) <= GSM


@every
def test_nothing_tells_what_it_is_about_where_others_read_along(name, language, channel):
    texts = {
        words(other, language, channel, Facts("Orvane", "V-1", "Ana", "CF1", "Box", discreet=True)) for other in NAMES
    }
    assert len(texts) == 1
    assert not re.search("CF1|Box", texts.pop())


def test_a_name_that_is_a_link_or_an_address_is_not_spoken():
    for name in ("https://evil.example/win", "www.evil.example", "eve@example.org", "x" * 41):
        assert "evil" not in words("delivery", "fr", "email", Facts("Orvane", "V-1", name))
        assert words("delivery", "fr", "email", Facts("Orvane", "V-1", name)).startswith("Votre livraison")
    assert "Bonjour,\n" in words("delivery", "fr", "email", Facts("Orvane", "V-1", "eve@example.org"))


def test_a_brand_without_a_name_still_says_who_writes():
    assert "Votre service client vous écrit" in words("outage", "fr", "email", Facts("", "V-1"))
    assert "This is your customer care team" in words("outage", "en", "email", Facts("", "V-1"))
    assert words("outage", "fr", "sms", Facts("", "V-1")).strip().startswith("Service client : Bonjour, ")


@pytest.mark.parametrize(
    ("language", "otherwise", "greeting"), [("fr-CA", "en", "Bonjour"), ("de", "fr", "Bonjour"), ("", "en", "Hello")]
)
def test_a_language_without_words_falls_back(language, otherwise, greeting):
    assert greeting in render("billing", language, PLAIN, "email", otherwise)[1]


def test_an_unknown_template_or_language_is_named():
    with pytest.raises(Misconfigured, match=r"routing/templates/nowhere\.fr\.toml: there is no such template"):
        render("nowhere", "fr", Facts("Orvane", "V-1", discreet=True))
    with pytest.raises(Misconfigured, match="'de'"):
        render("billing", "de", PLAIN, otherwise="nl")


def test_a_damaged_template_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for path in FOLDER.glob("*.toml"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr("routing.templates.FOLDER", tmp_path)
    (tmp_path / "odd.fr.toml").write_text('subject = "x"\n')
    with pytest.raises(Misconfigured, match=r"odd\.fr\.toml: must have the texts"):
        render("odd", "fr", PLAIN)
    (tmp_path / "odd2.fr.toml").write_text("subject = ")
    with pytest.raises(Misconfigured, match=r"odd2\.fr\.toml"):
        render("odd2", "fr", PLAIN)


def test_the_sandbox_holds_and_a_missing_value_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for path in FOLDER.glob("_frame.*.toml"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr("routing.templates.FOLDER", tmp_path)
    for number, evil in enumerate(("{{ ''.__class__.__mro__ }}", "{{ nobody }}", "{{ brand.__init__.__globals__ }}")):
        parts = "".join(f'{part} = "{evil}"\n' for part in ("subject", "concern", "ask", "short"))
        (tmp_path / f"evil{number}.fr.toml").write_text(parts)
        with pytest.raises(Misconfigured):
            render(f"evil{number}", "fr", PLAIN)


def test_every_file_is_read_with_no_key_too_many():
    for path in FOLDER.glob("*.toml"):
        assert tomllib.loads(path.read_text(encoding="utf-8")), path
