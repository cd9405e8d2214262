"""The doors for receipts: forged, repeated and foreign deliveries change nothing; good ones change it once."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from config.settings import Settings
from console.app import create_app
from storage.database import Database
from storage.tables import InteractionRow, MessageRow, ReceiptRow
from tests.console import factories
from tests.console.harness import SETTINGS, Clock, Console, Fill
from tests.console.test_pages import whole_case
from tests.fakes import vendors

PUBLIC = "https://care.example.org"
CHANNELS = {
    "twilio": {"on": True, "account_sid": vendors.ACCOUNT, "auth_token": vendors.TOKEN, "sender": "Acme"},
    "whatsapp": {
        "on": True,
        "phone_number_id": vendors.PHONE_ID,
        "access_token": vendors.TOKEN,
        "app_secret": vendors.TOKEN,
        "verify_token": "vt",
    },
}


@pytest.fixture
def door(console: Console) -> TestClient:
    settings = Settings.model_validate({**SETTINGS, "claims": {"base_url": PUBLIC}, "channels": CHANNELS})
    return TestClient(create_app(console.database, settings, Clock()), raise_server_exceptions=False)


@pytest.fixture
def message(console: Console, fill: Fill) -> MessageRow:
    def text(session: Any) -> MessageRow:
        told = {"channel": "sms", "via": "twilio", "address": "+33639987278", "provider_id": "SM1"}
        return factories.message(session, whole_case(session), **told)

    return fill(text)


def say(door: TestClient, name: str = "twilio", query: str = "", signature: str | None = None, **form: str) -> Any:
    signed = vendors.twilio_signature(f"{PUBLIC}/receipts/twilio{query}", form)
    headers = {"X-Twilio-Signature": signed if signature is None else signature}
    headers |= {"Content-Type": "application/x-www-form-urlencoded"}
    return door.post(f"/receipts/{name}{query}", content=urlencode(form), headers=headers)


def state(database: Database, message: MessageRow) -> str:
    with database.read() as session:
        return session.get_one(MessageRow, message.id).state


def test_a_signed_receipt_moves_the_message_once(door: TestClient, database: Database, message: MessageRow):
    for _ in range(3):
        answer = say(door, MessageSid="SM1", MessageStatus="delivered")
        assert (answer.status_code, answer.text) == (200, "<Response/>")
    assert state(database, message) == "delivered"
    assert say(door, MessageSid="SM1", MessageStatus="sent").status_code == 200
    assert state(database, message) == "delivered"
    with database.read() as session:
        assert len(session.scalars(select(ReceiptRow).where(ReceiptRow.provider == "twilio")).all()) == 2


@pytest.mark.parametrize("name", ["twilio", "vonage", "nobody", "email", "folder", "phone"])
def test_a_forged_one_or_one_for_no_door_gets_the_same_answer(
    door: TestClient, database: Database, message: MessageRow, name: str
):
    answer = say(door, name, signature="forged", MessageSid="SM1", MessageStatus="failed")
    assert answer.status_code == 401
    assert state(database, message) == "handed_over"


def test_who_does_not_stop_is_slowed_down_and_the_provider_still_gets_in(
    door: TestClient, database: Database, message: MessageRow
):
    codes = {say(door, signature="x", MessageSid="SM1", MessageStatus="failed").status_code for _ in range(40)}
    assert codes == {401, 429}
    assert say(door, MessageSid="SM1", MessageStatus="delivered").status_code == 200


def test_the_answer_of_a_customer_is_kept(door: TestClient, database: Database, message: MessageRow):
    told = {"MessageSid": "SM2", "From": "+33639987278", "Body": "Toujours rien", "SmsStatus": "received"}
    assert say(door, **told).status_code == 200
    assert say(door, **told).status_code == 200
    with database.read() as session:
        texts = session.scalars(select(InteractionRow.text).where(InteractionRow.channel == "sms")).all()
    assert (state(database, message), list(texts)) == ("replied", ["Toujours rien"])


def test_the_handshake_and_the_words_of_whatsapp(door: TestClient, database: Database, fill: Fill):
    query = {"hub.mode": "subscribe", "hub.verify_token": "vt", "hub.challenge": "42"}
    assert door.get("/receipts/whatsapp", params=query).text == "42"
    assert door.get("/receipts/whatsapp", params={**query, "hub.verify_token": "no"}).status_code == 401
    told = {"channel": "whatsapp", "via": "whatsapp", "address": "+33639987278"}
    row = fill(lambda session: factories.message(session, whole_case(session), **told))
    status = {"id": "wamid.9", "status": "read", "timestamp": "1794821400"}
    body = vendors.whatsapp_body(statuses=[{**status, "biz_opaque_callback_data": row.message_id}])
    headers = {"X-Hub-Signature-256": vendors.meta_signature(body)}
    assert door.post("/receipts/whatsapp", content=body, headers=headers).status_code == 200
    assert state(database, row) == "read"


def test_a_signed_delivery_that_is_no_json_is_a_bad_request(door: TestClient):
    headers = {"X-Hub-Signature-256": vendors.meta_signature(b"{")}
    assert door.post("/receipts/whatsapp", content=b"{", headers=headers).status_code == 400


def test_a_body_beyond_all_measure_is_turned_away(door: TestClient):
    body = json.dumps({"x": "y" * 3_000_000}).encode()
    headers = {"X-Hub-Signature-256": vendors.meta_signature(body)}
    assert door.post("/receipts/whatsapp", content=body, headers=headers).status_code == 413
