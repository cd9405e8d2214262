"""From a case to a text message at the provider and back, through the settings; and the switch on the command line."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from typer.testing import CliRunner

from cli.main import vigie
from config.load import load_settings
from config.wiring import App
from console.app import create_app
from routing.contact import plan_batch
from routing.outbox import Delivered, deliver
from storage.tables import CallbackRow, CaseRow, ConsentRow, ContactPointRow, MessageRow, PreferenceRow
from tests.console import factories
from tests.fakes import vendors

PUBLIC = "https://care.example.org"
RUNNER = CliRunner()
SETTINGS = """
[brand]
id = "hirondelle"
name = "Hirondelle"
[claims]
base_url = "{public}"
[contact]
require_consent = true
[matching]
start = "acting"
start_reason = "a test"
[channels.twilio]
on = true
account_sid = "{account}"
sender = "+33700000000"
base_url = "{url}"
[channels.phone]
on = true
[channels.letter]
on = true
path = "letters"
"""


@pytest.fixture
def provider() -> Iterator[vendors.Twilio]:
    with vendors.Twilio() as server:
        yield server


@pytest.fixture
def app(tmp_path: Path, provider: vendors.Twilio) -> Iterator[App]:
    config = tmp_path / "vigie.toml"
    config.write_text(SETTINGS.format(public=PUBLIC, account=vendors.ACCOUNT, url=provider.base_url), encoding="utf-8")
    settings = load_settings(config, {"VIGIE_CHANNELS__TWILIO__AUTH_TOKEN": vendors.TOKEN})
    opened = App(settings, lambda: factories.NOW)
    yield opened
    opened.close()


def waiting(app: App, channel: str) -> None:
    """A case that waits for its decision, of a customer who wants to be reached on this channel."""
    with app.database.begin() as session:
        who = factories.customer(session, address="9 rue des Goélands")
        for row in session.scalars(select(PreferenceRow)):
            row.channel = channel
        point = session.scalars(select(ContactPointRow).filter_by(kind="phone")).one()
        point.value = "+33612345678"
        granted = {"purpose": "service", "status": "granted", "at": factories.NOW}
        session.add(ConsentRow(brand_id="hirondelle", customer_key=who.id, channel=channel, **granted))
        author = factories.author(session)
        case = factories.case(session, factories.post(session, writer=author), owner=who, grade="declared")
        case.contact_state, case.addressed_brand = "pending", True


def run(app: App) -> Delivered:
    brand = app.brand()
    with app.database.begin() as session:
        plan_batch(session, brand, app.contact_rules(brand), 10, app.now())
    return deliver(app.database, app.carriers(), app.recheck, app.now)


def only(app: App) -> MessageRow:
    with app.database.read() as session:
        return session.scalars(select(MessageRow)).one()


def command(app: App, *words: str) -> Any:
    return RUNNER.invoke(vigie, [*words, "--config", str(app.settings.path("vigie.toml"))], catch_exceptions=True)


def test_a_text_message_goes_and_its_receipt_comes_back(app: App, provider: vendors.Twilio):
    waiting(app, "sms")
    assert run(app).handed_over == 1
    assert len(provider.taken) == 1
    message = only(app)
    assert (message.via, message.state, str(message.provider_id)[:2]) == ("twilio", "handed_over", "SM")
    form = {"MessageSid": str(message.provider_id), "MessageStatus": "delivered"}
    where = f"/receipts/twilio?message={message.message_id}"
    headers = {"X-Twilio-Signature": vendors.twilio_signature(PUBLIC + where, form)}
    door = TestClient(create_app(app.database, app.settings, app.now))
    assert door.post(where, data=form, headers=headers).status_code == 200
    assert only(app).state == "delivered"


def test_a_call_is_planned_once_and_does_not_count_as_an_answer(app: App):
    waiting(app, "phone")
    assert run(app).handed_over == 1
    assert run(app).handed_over == 0
    with app.database.read() as session:
        call = session.scalars(select(CallbackRow)).one()
        assert call.starts_at > factories.NOW
        assert "Hirondelle" in str(call.script)
        message = session.scalars(select(MessageRow)).one()
        assert session.get_one(CaseRow, message.case_id).first_answer_at is None
    assert (message.state, message.via) == ("handed_over", "phone")


def test_a_letter_goes_to_the_address_of_the_record(app: App):
    waiting(app, "letter")
    assert run(app).handed_over == 1
    (file,) = app.settings.path("letters").iterdir()
    assert file.suffix == ".pdf"
    assert "9 rue des Goélands\n76000 Rouen" in str(only(app).address)


def test_a_channel_is_shut_and_opened_from_the_command_line(app: App, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("VIGIE_CHANNELS__TWILIO__AUTH_TOKEN", vendors.TOKEN)
    waiting(app, "sms")
    assert command(app, "channel", "off", "sms", "--reason", "wrong text").exit_code == 0
    assert run(app) == Delivered()
    told = {one["channel"]: one for one in json.loads(command(app, "channel", "list", "--json").stdout)["channels"]}
    assert (told["sms"]["carrier"], told["sms"]["waiting"], told["sms"]["shut"]["reason"]) == (
        "twilio",
        1,
        "wrong text",
    )
    assert told["email"]["carrier"] == "folder"
    assert "wrong" in command(app, "channel", "list").stdout
    assert command(app, "channel", "on", "sms", "--reason", "mended").exit_code == 0
    assert run(app).handed_over == 1


@pytest.mark.parametrize("words", [("off", "pigeon", "--reason", "x"), ("off", "sms", "--reason", " "), ("off", "sms")])
def test_a_wrong_word_is_refused(app: App, words: tuple[str, ...]):
    assert command(app, "channel", *words).exit_code != 0
