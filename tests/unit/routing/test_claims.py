"""Tokens, codes, where a code may go, and what the texts of a claim say."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.claim import (
    CODE_DIGITS,
    CODES_PER_HOUR,
    MAX_TRIES,
    TOKEN_LENGTH,
    Attempt,
    Stage,
    choices,
    code_fits,
    code_of,
    code_point,
    confirms,
    counts,
    digest,
    is_genuine,
    language_of,
    may_try,
    stage_of,
    token_of,
    word_of,
)
from domain.contact import ContactPoint, Recipient
from domain.customer import Consent
from routing.templates import SHORT_LENGTH, languages, render_claim
from tests.conftest import NOW

KEY, OTHER = b"k" * 32, b"o" * 32
MAIL, SMS = ContactPoint("email", "awa@example.org"), ContactPoint("sms", "+33612345678")
LINK = "https://care.example.org/c/" + "x" * TOKEN_LENGTH


def known(*points: ContactPoint, status: str = "active", objection: str = "", consent: str = "") -> Recipient:
    consents = (Consent("email", "service", consent, NOW),) if consent else ()
    objections = frozenset({objection} - {""})
    return Recipient("C1", status=status, contact_points=points, consents=consents, objections=objections)


@given(st.text(max_size=60))
def test_a_token_is_short_safe_in_addresses_and_made_here_only(salt: str) -> None:
    token = token_of(KEY, salt)
    assert len(token) == TOKEN_LENGTH
    assert is_genuine(KEY, token)
    assert not is_genuine(OTHER, token)
    for place in range(TOKEN_LENGTH):
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        assert not is_genuine(KEY, changed)


@given(st.text(max_size=200))
def test_no_text_that_is_no_token_is_one(text: str) -> None:
    assert not is_genuine(KEY, text)


def test_a_code_has_its_digits_and_spaces_do_not_count() -> None:
    code = code_of(KEY, "salt")
    kept = digest(KEY, "code", f"salt:{code}")
    assert len(code) == CODE_DIGITS
    assert code_fits(KEY, "salt", kept, f" {code[:3]} {code[3:]}")
    assert not code_fits(KEY, "salt", kept, f"{(int(code) + 1) % 10**CODE_DIGITS:0{CODE_DIGITS}d}")
    assert not code_fits(KEY, "other", kept, code)


def test_a_code_may_be_tried_five_times_within_its_time() -> None:
    until = NOW + timedelta(minutes=10)
    assert may_try(Attempt(until, MAX_TRIES - 1), NOW)
    assert not may_try(Attempt(until, MAX_TRIES), NOW)
    assert not may_try(Attempt(until), until)
    assert stage_of(None, NOW) is Stage.START
    assert stage_of(Attempt(until, MAX_TRIES), NOW) is Stage.START
    assert stage_of(Attempt(until, 1, NOW), NOW + timedelta(minutes=29)) is Stage.REVIEW
    assert stage_of(Attempt(until, 1, NOW), NOW + timedelta(minutes=31)) is Stage.START


@given(st.text(max_size=60))
def test_a_word_is_short_and_looks_like_no_other_sign(salt: str) -> None:
    word = word_of(KEY, salt)
    assert len(word) == 9
    assert set(word) <= set("BCDFGHJKMNPQRSTVWXZ2345679-")
    assert word != word_of(OTHER, salt)
    assert confirms(word, word)


@pytest.mark.parametrize(
    "text",
    ["K7QF-4MXD", "@brand@instance.example k7qf 4mxd", "Voici mon mot : K7QF–4MXD #aide", "Ｋ７ＱＦ４ＭＸＤ",
     "K7QF-4MXD https://example.org/very/long?and=more"],
)  # fmt: skip
def test_the_word_alone_confirms_however_it_is_written(text: str) -> None:
    assert confirms(text, "K7QF-4MXD")


@pytest.mark.parametrize(
    "text",
    ["", "K7QF", "4MXD-K7QF", "somebody told me to post K7QF-4MXD, is that you?", "#K7QF-4MXD", "K7QF is not 4MXD",
     "https://evil.example/K7QF-4MXD"],
)  # fmt: skip
def test_a_post_that_says_more_or_less_than_the_word_confirms_nothing(text: str) -> None:
    assert not confirms(text, "K7QF-4MXD")


def test_who_has_agreed_sees_his_word(now: datetime) -> None:
    assert stage_of(Attempt(now, 1, now, now), now + timedelta(days=2)) is Stage.WORD


def test_a_code_goes_to_the_address_that_was_typed_else_by_mail() -> None:
    assert code_point(known(SMS, MAIL), (), NOW, 72) == MAIL
    assert code_point(known(SMS, MAIL), (SMS.address,), NOW, 72) == SMS


@pytest.mark.parametrize(
    "who",
    [
        known(ContactPoint("email", "a@b.example", verified=False)),
        known(ContactPoint("email", "a@b.example", suppressed="stop")),
        known(ContactPoint("email", "a@b.example", shared_by=2)),
        known(ContactPoint("email", "a@b.example", changed_at=NOW - timedelta(hours=71))),
        known(ContactPoint("letter", "1 rue Basse")),
        known(MAIL, status="minor"),
        known(MAIL, status="deceased"),
        known(MAIL, objection="linking"),
        known(MAIL, consent="revoked"),
        known(),
    ],
)
def test_some_addresses_get_no_code(who: Recipient) -> None:
    assert code_point(who, (), NOW, 72) is None


def test_a_refused_or_closed_channel_is_neither_used_nor_offered() -> None:
    assert code_point(known(MAIL), (), NOW, 72, closed={"email"}) is None
    assert choices(known(MAIL, SMS), closed={"sms"}) == ("email",)
    assert choices(known(MAIL, SMS, consent="denied")) == ("sms",)


def test_codes_to_one_customer_are_few() -> None:
    sent = [NOW - timedelta(minutes=minute) for minute in range(CODES_PER_HOUR)]
    assert counts(sent[1:], NOW)
    assert not counts(sent, NOW)
    assert not counts([NOW - timedelta(hours=2 * hour) for hour in range(1, 7)], NOW)


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("en-GB,en;q=0.9", "en"),
        ("de, fr;q=0.7, en;q=0.3", "fr"),
        ("", "fr"),
        ("fr;q=0,en;q=0.1", "en"),
        ("x;q=y", "fr"),
    ],
)
def test_the_visitors_language(header: str, language: str) -> None:
    assert language_of(header, ("fr", "en"), "fr") == language


@pytest.mark.parametrize("language", sorted(languages()))
def test_the_public_reply_is_neutral_and_short(language: str) -> None:
    text = render_claim("reply", language, "B" * 60, {"link": LINK, "hours": "8760"})
    assert LINK in text
    assert len(text) <= 300, "the shortest limit of a network that may be answered"
    assert not any(word in text.lower() for word in ("found", "your file", "trouvé", "votre dossier", "your order"))


@pytest.mark.parametrize("language", sorted(languages()))
@pytest.mark.parametrize("part", ["letter", "short", "subject"])
def test_the_message_with_the_code_tells_no_more_than_the_code(language: str, part: str) -> None:
    text = render_claim(part, language, "Hirondelle", {"code": "12345678", "minutes": "10"})
    assert part == "subject" or "12345678" in text
    assert part != "short" or len(text) <= SHORT_LENGTH
    assert "http" not in text
