"""Text messages: their parts; numbers; and what WhatsApp gets inside and outside its window."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Misconfigured, Permanent, Transient, Uncertain
from domain.message import MessageState, OutgoingMessage
from routing.channels._http import text_at
from routing.channels._sms import segments, sms_text
from routing.channels.base import AddressRefused, Delivery, Forged, OptedOut, Surroundings, Unanswered, Unavailable
from routing.channels.in_app import InAppChannel, InAppSettings
from routing.channels.twilio import TwilioChannel, TwilioSettings
from routing.channels.vonage import VonageChannel, VonageSettings
from routing.channels.whatsapp import WhatsAppChannel, WhatsAppSettings
from tests.fakes import vendors
from tests.fakes.server import Fault

NOW = datetime(2026, 11, 16, 9, 30, tzinfo=UTC)
PUBLIC = "https://care.example.org"
AROUND = Surroundings(lambda: NOW, Path, PUBLIC)
MESSAGE = OutgoingMessage("m-1", "acme", "1", "sms", "+33612345678", "fr", "", "Bonjour l’ami… à 10 €", "Acmé")


def twilio(base_url: str = "http://127.0.0.1:9") -> TwilioChannel:
    own = {"account_sid": vendors.ACCOUNT, "auth_token": vendors.TOKEN, "sender": "+33700000000"}
    return TwilioChannel.make(TwilioSettings(**own, base_url=base_url, timeout_seconds=5), AROUND)


def vonage(base_url: str = "http://127.0.0.1:9") -> VonageChannel:
    own = {"api_key": "abcd1234", "api_secret": vendors.TOKEN, "sender": "Acme", "signature_secret": vendors.SIGNING}
    return VonageChannel.make(VonageSettings(**own, base_url=base_url, timeout_seconds=5), AROUND)


def whatsapp(base_url: str = "http://127.0.0.1:9", **more: object) -> WhatsAppChannel:
    own = {"phone_number_id": vendors.PHONE_ID, "access_token": vendors.TOKEN, "app_secret": vendors.TOKEN}
    table = WhatsAppSettings.model_validate({**own, "verify_token": "vt", "base_url": base_url, **more})
    return WhatsAppChannel.make(table, AROUND)


def in_app(url: str) -> InAppChannel:
    around = replace(AROUND, now=lambda: datetime.now(UTC))
    table = InAppSettings(url=url, secret=vendors.WEBHOOK_SECRET, timeout_seconds=0.5)
    return InAppChannel.make(table, around)


def hand_over(channel: object, message: OutgoingMessage = MESSAGE) -> str:
    with channel.stage(message) as staged:  # type: ignore[attr-defined]
        return staged.hand_over().provider_id


class TestParts:
    @pytest.mark.parametrize(
        ("text", "alphabet", "units", "parts"),
        [
            ("a" * 160, "gsm7", 160, 1),
            ("a" * 161, "gsm7", 161, 2),
            ("€" * 80, "gsm7", 160, 1),
            ("€" * 81, "gsm7", 162, 2),
            ("a" * 306, "gsm7", 306, 2),
            ("a" * 307, "gsm7", 307, 3),
            ("ê" * 70, "ucs2", 70, 1),
            ("ê" * 71, "ucs2", 71, 2),
            ("😀" * 35, "ucs2", 70, 1),
            ("😀" * 36, "ucs2", 72, 2),
            ("", "gsm7", 0, 1),
        ],
    )
    def test_as_the_standard_counts(self, text: str, alphabet: str, units: int, parts: int):
        found = segments(text)
        assert (found.alphabet, found.units, found.parts) == (alphabet, units, parts)

    @given(st.text(max_size=400), st.text(max_size=50))
    def test_more_text_never_takes_fewer_parts(self, text: str, more: str):
        assert segments(text + more).parts >= segments(text).parts

    def test_typographic_signs_do_not_double_the_price(self):
        assert segments(sms_text(MESSAGE, 1600, 1)).alphabet == "gsm7"

    def test_what_is_too_long_is_refused_before_it_costs_anything(self):
        with pytest.raises(Permanent, match="parts"):
            sms_text(replace(MESSAGE, body="x" * 700), 1600, 4)


# What the provider does, then what it means for one that is not idempotent and for one that is.
OUTCOMES = [
    (Fault(status=500), Uncertain, Unanswered),
    (Fault(status=503, headers={"Retry-After": "7"}), Uncertain, Unanswered),
    (Fault(status=429, headers={"Retry-After": "7"}), Unavailable, Unavailable),
    (Fault(status=408), Unavailable, Unavailable),
    (Fault(status=403, body=b"{}"), Misconfigured, Misconfigured),
    (Fault(status=302, headers={"Location": "http://127.0.0.1:1/"}), Misconfigured, Misconfigured),
    (Fault(status=404, body=b"{}"), Misconfigured, Misconfigured),
    (Fault(status=400, body=b"<html>"), Permanent, Permanent),
]


class TestOutcomes:
    @pytest.mark.parametrize(("fault", "once", "again"), OUTCOMES, ids=lambda value: str(getattr(value, "status", "")))
    def test_each_answer_has_its_meaning(self, fault: Fault, once: type[Exception], again: type[Exception]):
        for fake, make, wanted in ((vendors.Twilio(), twilio, once), (vendors.Application(), in_app, again)):
            with fake as server:
                server.faults.append(fault)
                address = MESSAGE.address if wanted is once and make is twilio else "C1"
                with pytest.raises(wanted) as caught:
                    hand_over(make(server.base_url), replace(MESSAGE, address=address))
            assert type(caught.value) is wanted
            assert "612345678" not in str(caught.value)
            assert vendors.TOKEN not in str(caught.value)
            if "Retry-After" in fault.headers and isinstance(caught.value, Transient):
                assert caught.value.retry_after == 7

    def test_silence_after_the_request_is_nobodys_knowledge(self):
        with vendors.Application() as server:
            server.faults.append(Fault(delay_seconds=30))
            with pytest.raises(Unanswered):
                hand_over(in_app(server.base_url), replace(MESSAGE, address="C1"))
            assert len(server.taken) == 1

    def test_a_good_status_is_enough_whatever_the_body(self):
        with vendors.Twilio() as server:
            server.faults.append(Fault(status=201, body=b"not json"))
            assert hand_over(twilio(server.base_url)) == ""

    @pytest.mark.parametrize(("number", "error"), [("+99912345678", AddressRefused), ("+88812345678", OptedOut)])
    def test_twilios_own_codes(self, number: str, error: type[Exception]):
        with vendors.Twilio() as server, pytest.raises(error) as caught:
            hand_over(twilio(server.base_url), replace(MESSAGE, address=number))
        assert type(caught.value) is error

    def test_too_many_to_one_number_is_no_fault_of_the_channel(self):
        with vendors.WhatsApp() as server:
            channel = whatsapp(server.base_url, templates={"any": "news"})
            with pytest.raises(Transient) as caught:
                hand_over(channel, replace(MESSAGE, address="+99912345678"))
        assert type(caught.value) is Transient


class TestTwilio:
    def test_the_receipt_brings_our_id_back(self):
        with vendors.Twilio() as server:
            assert hand_over(twilio(server.base_url)).startswith("SM")
            form = dict(parse_qsl(server.taken[0].decode()))
        assert form["StatusCallback"] == f"{PUBLIC}/receipts/twilio?message=m-1"
        heard = twilio().hear(delivery(form["StatusCallback"], MessageSid="SM1", MessageStatus="delivered"))
        (receipt,) = heard.receipts
        assert (receipt.message_id, receipt.provider_id, receipt.state) == ("m-1", "SM1", MessageState.DELIVERED)

    @pytest.mark.parametrize("changed", ["url", "body", "signature"])
    def test_a_forged_delivery_is_refused(self, changed: str):
        good = delivery(f"{PUBLIC}/receipts/twilio", MessageSid="SM1", MessageStatus="delivered")
        bad = {
            "url": replace(good, url=good.url + "?message=other"),
            "body": replace(good, body=good.body + b"&x=1"),
            "signature": replace(good, headers={}),
        }[changed]
        with pytest.raises(Forged):
            twilio().hear(bad)

    def test_an_opted_out_number_is_told(self):
        told = delivery(f"{PUBLIC}/receipts/twilio", MessageSid="SM1", MessageStatus="undelivered", ErrorCode="21610")
        assert twilio().hear(told).receipts[0].suppress == "stop"

    def test_what_is_only_queued_is_no_news(self):
        assert twilio().hear(delivery(PUBLIC, MessageSid="SM1", MessageStatus="queued")).receipts == ()

    def test_a_message_of_a_customer(self):
        told = delivery(
            PUBLIC, MessageSid="SM2", From="+33612345678", Body="STOP", OptOutType="STOP", SmsStatus="received"
        )
        (reply,) = twilio().hear(told).replies
        assert (reply.address, reply.text, reply.stop) == ("+33612345678", "STOP", True)


def delivery(url: str, **form: str) -> Delivery:
    from urllib.parse import parse_qs, urlencode, urlsplit

    query = {name: values[-1] for name, values in parse_qs(urlsplit(url).query).items()}
    headers = {"x-twilio-signature": vendors.twilio_signature(url, form)}
    return Delivery("POST", url, headers, query, urlencode(form).encode())


class TestVonage:
    def told(self, **body: object) -> Delivery:
        content = json.dumps(body).encode()
        return Delivery("POST", PUBLIC, {"authorization": vendors.vonage_token(content)}, {}, content)

    def test_a_status(self):
        heard = vonage().hear(
            self.told(message_uuid="u1", status="delivered", client_ref="m-1", timestamp="2026-11-16T09:31:00Z")
        )
        (receipt,) = heard.receipts
        assert (receipt.state, receipt.message_id, receipt.at.minute) == (MessageState.DELIVERED, "m-1", 31)

    def test_accepted_then_opted_out(self):
        error = {"title": "1040", "detail": "The number has opted out of messages"}
        told = self.told(message_uuid="u1", status="rejected", error=error)
        assert vonage().hear(told).receipts[0].suppress == "stop"

    def test_a_message_of_a_customer(self):
        told = self.told(message_uuid="u2", **{"from": "33612345678"}, text="bonjour", channel="sms")
        (reply,) = vonage().hear(told).replies
        assert (reply.address, reply.text) == ("+33612345678", "bonjour")

    def test_a_signature_of_another_body_or_key_is_refused(self):
        good = self.told(message_uuid="u1", status="delivered")
        for bad in (
            replace(good, body=good.body.replace(b"delivered", b"rejected")),
            replace(good, headers={}),
            replace(
                good,
                headers={"authorization": vendors.vonage_token(good.body, "another secret, as long as it has to be")},
            ),
        ):
            with pytest.raises(Forged):
                vonage().hear(bad)

    def test_a_key_that_is_none_is_told_before_anything_goes(self):
        table = VonageSettings(application_id="a", private_key="no key", sender="Acme")
        with pytest.raises(Misconfigured, match="private_key"):
            hand_over(VonageChannel.make(table, AROUND))


class TestWhatsApp:
    def sent(self, message: OutgoingMessage, **more: object) -> dict:
        with vendors.WhatsApp() as server:
            assert hand_over(whatsapp(server.base_url, **more), message).startswith("wamid.")
            return json.loads(server.taken[0])

    def test_inside_the_window_free_text(self):
        body = self.sent(replace(MESSAGE, extra={"window_open": True}))
        assert body["text"] == {"preview_url": False, "body": MESSAGE.body}
        assert body["biz_opaque_callback_data"] == "m-1"

    def test_outside_it_an_approved_template_with_its_values(self):
        extra = {"template": "delivery", "window_open": False, "values": {"first_name": "Ana\nBcc: eve", "order": ""}}
        body = self.sent(
            replace(MESSAGE, extra=extra, language="fr-CA"),
            templates={"delivery": "order_news", "any": "news"},
            parameters=("first_name", "order", "text"),
        )
        template = body["template"]
        assert (template["name"], template["language"]) == ("order_news", {"code": "fr"})
        told = [one["text"] for one in template["components"][0]["parameters"]]
        assert told == ["Ana Bcc: eve", "-", MESSAGE.body]

    def test_without_a_template_it_does_not_go(self):
        with vendors.WhatsApp() as server, pytest.raises(Permanent, match="templates"):
            hand_over(whatsapp(server.base_url), replace(MESSAGE, extra={"template": "billing"}))

    def test_the_handshake(self):
        query = {"hub.mode": "subscribe", "hub.verify_token": "vt", "hub.challenge": "1158201444"}
        assert whatsapp().hear(Delivery("GET", PUBLIC, {}, query, b"")).answer == "1158201444"
        for bad in ({**query, "hub.verify_token": "x"}, {**query, "hub.challenge": "<script>"}, {}):
            with pytest.raises(Forged):
                whatsapp().hear(Delivery("GET", PUBLIC, {}, bad, b""))

    def test_statuses_and_messages(self):
        status = {"id": "wamid.1", "status": "read", "timestamp": "1794821400", "biz_opaque_callback_data": "m-1"}
        message = {"id": "wamid.2", "from": "33612345678", "timestamp": "1794821460", "type": "text"}
        message |= {"text": {"body": "merci"}, "context": {"id": "wamid.1"}}
        body = vendors.whatsapp_body(statuses=[status], messages=[message])
        heard = whatsapp().hear(
            Delivery("POST", PUBLIC, {"x-hub-signature-256": vendors.meta_signature(body)}, {}, body)
        )
        assert [(one.state, one.message_id) for one in heard.receipts] == [(MessageState.READ, "m-1")]
        assert [(one.address, one.answers, one.text) for one in heard.replies] == [("+33612345678", "wamid.1", "merci")]

    def test_a_forged_delivery_is_refused(self):
        body = vendors.whatsapp_body(statuses=[{"id": "wamid.1", "status": "read", "timestamp": "1"}])
        for signature in ("", "sha256=", vendors.meta_signature(body, "another"), vendors.meta_signature(body + b" ")):
            with pytest.raises(Forged):
                whatsapp().hear(Delivery("POST", PUBLIC, {"x-hub-signature-256": signature}, {}, body))

    @given(st.recursive(st.none() | st.text(max_size=5) | st.integers(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["entry", "changes", "value", "statuses", "messages", "id", "metadata"]), inner, max_size=4), max_leaves=12))  # fmt: skip
    def test_a_signed_body_of_any_shape_does_no_harm(self, told: object):
        body = json.dumps(told).encode()
        heard = whatsapp().hear(
            Delivery("POST", PUBLIC, {"x-hub-signature-256": vendors.meta_signature(body)}, {}, body)
        )
        assert heard.receipts == heard.replies == ()


@given(st.lists(st.sampled_from(["a", 0, 1]), max_size=4))
def test_looking_into_json_never_breaks(path: list[str | int]):
    body = {"a": [{"a": "x"}, {"a": {"a": 3}}]}
    assert isinstance(text_at(body, *path), str)
