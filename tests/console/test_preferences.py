"""The customer's own page: opened by a signed link alone, without a script, in his language, and nothing of him but masked."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from httpx import Response
from sqlalchemy import select

from routing.preferences import token_of
from routing.recipient import recipient_of
from storage import messages
from storage.customers import preference
from storage.tables import ConsentRow, CustomerRow, ObjectionRow, PreferenceRow
from tests.console import factories
from tests.console.harness import Browser, Console, Fill

CSRF = re.compile(r'name="csrf" value="([0-9a-f]{64})"')


class Guest:
    """A visitor with a browser that keeps cookies and sends back what the page's forms hold."""

    def __init__(self, browser: Browser, token: str, language: str = "en") -> None:
        self.browser, self.token = browser, token
        browser.headers["accept-language"] = language

    def look(self) -> Response:
        page = self.browser.get(f"/p/{self.token}")
        found = CSRF.search(page.text)
        self.browser.csrf = found[1] if found else ""
        return page

    def send(self, action: str = "save", **values: Any) -> Response:
        self.look()
        return self.browser.send_form(f"/p/{self.token}/{action}", **values)

    def save(self, **values: Any) -> Response:
        return self.send(**{"shown": ["email", "sms", "whatsapp", "phone"], "allow": ["email"], **values})


@pytest.fixture
def customer(console: Console, fill: Fill) -> CustomerRow:
    found: CustomerRow = fill(lambda session: factories.customer(session))
    return found


@pytest.fixture
def guest(console: Console, fill: Fill, customer: CustomerRow) -> Callable[..., Guest]:
    def open_(language: str = "en") -> Guest:
        token = fill(lambda session: token_of(session, session.get(CustomerRow, customer.id), console.clock()))
        return Guest(console.browser(), token, language)

    return open_


def test_the_page_shows_channels_and_nothing_of_the_customer_but_masked(guest, customer):
    page = guest().look()
    assert page.status_code == 200
    assert "c****@example.org" in page.text
    for secret in (customer.name, customer.customer_id, "+33639987278", "camille."):
        assert secret not in page.text
    assert page.headers["cache-control"] == "no-store"
    assert "<script" not in page.text
    assert "style=" not in page.text


@pytest.mark.parametrize(("language", "words"), [("fr", "Plus aucun message"), ("en", "No messages at all")])
def test_it_speaks_both_languages(guest, language, words):
    assert words in guest(language).look().text


def test_every_field_has_a_label(guest):
    text = guest().look().text
    fields = re.findall(r"<input (?![^>]*type=\"hidden\")[^>]*>", text)
    labelled = re.findall(r"<label>(?:(?!</label>).)*<input [^>]*>", text, re.DOTALL)
    assert fields
    assert len(fields) == len(labelled)


def test_what_he_says_is_kept_as_declared_and_audited(console, guest, customer):
    answer = guest().save(
        channel="sms", allow=["email", "sms"], no_learning="yes", day=["5"], quiet_from="12:00", quiet_until="14:00"
    )
    assert (answer.status_code, answer.headers["location"][-9:]) == (303, "saved=yes")
    with console.database.read() as session:
        known = recipient_of(session, "hirondelle", customer.id)
        assert known.preferred_channel is not None
        assert (known.preferred_channel.channel, known.preferred_channel.source) == ("sms", "declared")
        assert known.preferred_channel.at == console.clock()
        assert {(word.channel, word.status) for word in known.consents if word.purpose == "service"} == {
            ("email", "granted"), ("sms", "granted"),
        }  # fmt: skip
        assert known.objections == {"profiling"}
        assert known.quiet is not None
        assert (f"{known.quiet.start:%H:%M}", set(known.quiet.weekdays)) == ("12:00", {5})
    assert console.audits("preferences declared") == 1


def test_said_twice_it_is_said_once(console, guest):
    for _ in range(2):
        guest().save(channel="sms", allow=["email", "sms"])
    assert console.audits("preferences declared") == 1
    with console.database.read() as session:
        words = session.scalars(select(ConsentRow).filter_by(purpose="service")).all()
        assert len({(word.channel, word.status) for word in words}) == len(words)


def test_a_channel_that_he_unticks_is_revoked(console, guest, customer):
    guest().save(allow=[])
    with console.database.read() as session:
        word = session.scalars(select(ConsentRow).filter_by(channel="email", purpose="service", status="revoked")).one()
        assert word.customer_key == customer.id


def test_a_channel_that_was_not_on_his_page_keeps_its_word(console, guest):
    guest().save(shown=["sms"], allow=[])
    with console.database.read() as session:
        assert session.scalars(select(ConsentRow.status).filter_by(channel="email", purpose="service")).all() == [
            "granted"
        ]


def test_who_allows_a_channel_again_takes_his_stop_back(console, fill, guest, customer):
    address = f"camille.{customer.customer_id.lower()}@example.org"
    fill(lambda session: messages.suppress(session, "hirondelle", "email", address, "stop", console.clock()))
    assert "you told us STOP" in guest().look().text
    guest().save(allow=[])
    with console.database.read() as session:
        assert messages.suppression(session, "hirondelle", "email", address) == "stop"
    guest().save(allow=["email"])
    with console.database.read() as session:
        assert messages.suppression(session, "hirondelle", "email", address) is None


def test_no_preference_takes_back_what_was_declared(console, guest, customer):
    guest().save(channel="sms", allow=["sms"])
    guest().save(channel="", allow=["sms"])
    with console.database.read() as session:
        assert preference(session, customer.id) is None
        assert session.scalars(select(PreferenceRow)).all() == []


def test_stop_everything_and_again(console, guest, customer):
    visitor = guest()
    assert visitor.send("stop", what="stop").status_code == 303
    with console.database.read() as session:
        assert session.scalars(select(ObjectionRow.topic)).all() == ["all"]
    assert "about nothing any more, as you asked" in visitor.look().text
    visitor.send("stop", what="again")
    with console.database.read() as session:
        assert session.scalars(select(ObjectionRow.topic)).all() == []


@pytest.mark.parametrize(
    "times",
    [
        {"quiet_from": "12:00"},
        {"quiet_from": "noon", "quiet_until": "14:00"},
        {"day": [str(day) for day in range(7)]},
        {"day": ["7"]},
    ],
)
def test_times_that_make_no_sense_change_nothing(console, guest, times):
    answer = guest().save(channel="sms", **times)
    assert answer.status_code == 422
    assert "Nothing was saved" in answer.text
    assert console.audits("preferences declared") == 0


def test_opening_changes_nothing(console, guest):
    guest().look()
    guest().browser.head(f"/p/{guest().token}")
    assert console.audits("preferences declared") == 0


def test_a_form_from_elsewhere_is_turned_away(console, guest):
    visitor = guest()
    visitor.look()
    visitor.browser.csrf = "0" * 64
    assert visitor.browser.send_form(f"/p/{visitor.token}/stop", what="stop").status_code == 403
    other = console.browser()
    assert other.send_form(f"/p/{visitor.token}/stop", what="stop").status_code == 403
    with console.database.read() as session:
        assert session.scalars(select(ObjectionRow)).all() == []


def test_forms_are_counted(guest):
    visitor = guest()
    answers = [visitor.send("stop", what="stop").status_code for _ in range(41)]
    assert (answers[39], answers[40]) == (303, 429)


def test_a_forged_or_old_link_opens_nothing(console, guest):
    visitor = guest()
    assert Guest(console.browser(), visitor.token[:-3] + "abc").look().status_code == 404
    assert Guest(console.browser(), "nonsense").look().status_code == 404
    console.clock.forward(days=366)
    page = visitor.look()
    assert (page.status_code, "leads nowhere" in page.text) == (404, True)


def test_the_link_of_one_customer_does_not_change_another(console, fill, guest, customer):
    other = fill(lambda session: factories.customer(session, name="Paul Riou"))
    guest().save(allow=[], channel="sms")
    with console.database.read() as session:
        assert {row.customer_key for row in session.scalars(select(ConsentRow).filter_by(status="revoked"))} == {
            customer.id
        }
        assert preference(session, other.id).channel == "email"


def test_a_token_is_no_older_than_its_message(console, customer):
    with console.database.begin() as session:
        row = session.get_one(CustomerRow, customer.id)
        one, two = (token_of(session, row, console.clock() + timedelta(seconds=step)) for step in (0, 1))
        assert one != two
        assert one == token_of(session, row, console.clock())
