"""Rows of customers, orders and interactions."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.customer import Account, Consent, Customer
from listeners.customers import customer, interaction, order
from listeners.values import BadRow


def row(**changes: Any) -> dict[str, Any]:
    return {"customer_id": "C1", "name": "Ana Roy", **changes}


def refusal(**changes: Any) -> str:
    with pytest.raises(BadRow) as caught:
        customer(row(**changes))
    return str(caught.value)


def test_a_name_may_come_whole_or_in_parts() -> None:
    parts = {"customer_id": 7, "first_name": "Ana", "last_name": "Roy"}
    assert customer(parts).name == "Ana Roy"
    assert customer(parts).customer_id == "7"
    assert customer({**parts, "name": "Mme Roy"}).name == "Mme Roy"
    with pytest.raises(BadRow, match="name is missing"):
        customer({"customer_id": "1", "name": " "})


@pytest.mark.parametrize(
    "written", ["Ana@Example.com ; b@example.org;ana@example.com", ["ANA@example.com", "b@example.org"]]
)
def test_emails_are_split_trimmed_and_lower_case(written: Any) -> None:
    assert customer(row(emails=written)).emails == ("ana@example.com", "b@example.org")


def test_phones_stay_as_given() -> None:
    assert customer(row(phones="06 39 98 11 22; +33 1 99 00 12 34")).phones == ("06 39 98 11 22", "+33 1 99 00 12 34")
    assert customer(row(phones=[33639981122])).phones == ("33639981122",)


def test_handles_whose_account_id_holds_colons() -> None:
    written = "twitter:123:ana;bluesky:did:plc:abc:ana.bsky.social;mastodon:9:ana@localhost:8001;x:55:"
    assert customer(row(handles=written)).accounts == (
        Account("x", "123", "ana"),
        Account("bluesky", "did:plc:abc", "ana.bsky.social"),
        Account("mastodon", "9", "ana@localhost:8001"),
        Account("x", "55", None),
    )
    told = [{"network": "bluesky", "account_id": "did:plc:abc", "handle": "ana"}]
    assert customer(row(handles=told)).accounts == (Account("bluesky", "did:plc:abc", "ana"),)


def test_consents_whose_date_holds_colons_or_is_plain() -> None:
    written = "email:service:granted:2026-03-27;SMS:marketing:denied:2026-03-27T10:30:00+01:00"
    assert customer(row(consents=written)).consents == (
        Consent("email", "service", "granted", datetime(2026, 3, 27, tzinfo=UTC)),
        Consent("sms", "marketing", "denied", datetime(2026, 3, 27, 9, 30, tzinfo=UTC)),
    )
    told = [{"channel": "email", "purpose": "service", "status": "revoked", "at": "2026-03-27"}]
    assert customer(row(consents=told)).consents[0].status == "revoked"


@pytest.mark.parametrize(
    ("written", "number"),
    [("12", 12.0), ("12,5", 12.5), ("12.5", 12.5), ("1 234,50", 1234.5), ("1.234,50", 1234.5), ("1,234.50", 1234.5),
     ("1\u202f234,5", 1234.5), (42, 42.0), (1.5, 1.5), ("-3", -3.0), ("", None)],
)  # fmt: skip
def test_a_value_with_comma_or_point(written: Any, number: float | None) -> None:
    assert customer(row(value=written)).value == number


def test_country_status_and_language_are_normalised() -> None:
    told = customer(row(country="fr", status="Active", language="FR", preferred_channel="E-mail", loyalty="gold"))
    assert (told.country, told.status, told.language, told.preferred_channel) == ("FR", "active", "fr", "email")
    assert told.attributes == {"loyalty": "gold"}
    assert customer(row()).status == "active"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"customer_id": ""}, "customer_id is missing"),
        ({"customer_id": 1.5}, "not a fraction"),
        ({"emails": "ana"}, "emails: 'ana' is no e-mail address"),
        ({"emails": "a@b.c\r\nBcc: x@y.z"}, "is no e-mail address"),
        ({"emails": {"a": 1}}, "emails must be a list"),
        ({"phones": "none"}, "phones: 'none' is no phone number"),
        ({"country": "France"}, "country must be two letters such as FR (ISO 3166), not 'France'"),
        ({"timezone": "Paris"}, "timezone 'Paris' is not known; write it as Europe/Paris"),
        ({"timezone": "../../etc/passwd"}, "is not known"),
        ({"status": "gone"}, "status must be active or deceased or minor or legal_hold, not 'gone'"),
        ({"value": "a lot"}, "value must be a number"),
        ({"birth_year": 1066}, "birth_year cannot be 1066"),
        ({"birth_year": "young"}, "birth_year must be a whole number"),
        ({"handles": "x:ana"}, "handles: 'x:ana' is not network:account_id:handle"),
        ({"handles": "x::ana"}, "has no account id"),
        ({"handles": "blusky:1:ana"}, "handles: the network 'blusky' is not known; nearest known: 'bluesky'"),
        ({"consents": "email:service:granted"}, "is not channel:purpose:status:date"),
        ({"consents": "email:spam:granted:2026-01-01"}, "the purpose must be service or marketing, not 'spam'"),
        ({"consents": "email:service:maybe:2026-01-01"}, "the status must be granted or denied or revoked"),
        ({"consents": "email:service:granted:2026-01-01T10:00:00"}, "the date has no time zone"),
        ({"consents": "e_mail:service:granted:2026-01-01"}, "'e_mail' is not known; nearest known: 'email'"),
        ({"preferred_channel": "pigeon"}, "preferred_channel: the channel 'pigeon' is not known"),
    ],
)
def test_a_bad_value_is_refused_with_a_reason(changes: dict[str, Any], reason: str) -> None:
    assert reason in refusal(**changes)


def test_an_order() -> None:
    told = order(
        {"order_id": "O1", "customer_id": 5, "placed_at": "2026-10-01", "promised_at": "2026-10-05T12:00:00+02:00"}
    )
    assert told.customer_id == "5"
    assert told.placed_at == datetime(2026, 10, 1, tzinfo=UTC)
    assert told.promised_at == datetime(2026, 10, 5, 10, tzinfo=UTC)
    with pytest.raises(BadRow, match="placed_at has no time zone"):
        order({"order_id": "O1", "customer_id": "5", "placed_at": "2026-10-01T10:00:00"})


def test_an_interaction() -> None:
    base = {
        "interaction_id": "I1",
        "customer_id": "C1",
        "channel": "Phone",
        "direction": "IN",
        "at": "2026-10-01T10:00:00Z",
    }
    told = interaction({**base, "text": "called\ntwice", "case": 12})
    assert (told.channel, told.direction, told.text, told.case) == ("phone", "in", "called\ntwice", "12")
    with pytest.raises(BadRow, match="direction must be in or out, not 'up'"):
        interaction({**base, "direction": "up"})


COLUMNS = ["name", "emails", "phones", "handles", "consents", "value", "country", "timezone", "birth_year", "status"]
VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text() | st.integers())


@settings(deadline=None, max_examples=60, database=None)
@given(st.dictionaries(st.sampled_from(COLUMNS), VALUES))
def test_any_row_is_taken_or_refused_never_anything_else(changes: dict[str, Any]) -> None:
    with suppress(BadRow):
        assert isinstance(customer(row(**changes)), Customer)
