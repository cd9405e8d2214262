"""The providers of messages, as far as we speak with them: their HTTP on a real socket, with the refusals they have.

Each keeps what it took in `taken` (the bodies, as bytes). Faults are those of `FakeServer`.
"""

import base64
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import parse_qsl

import jwt
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tests.fakes.server import FakeServer, Reply, Request
from tests.openapi import problems

ACCOUNT, TOKEN = "AC0123456789abcdef0123456789abcdef", "hunter2-secret"
SIGNING = TOKEN + "-of-32-signs-and-more"
WEBHOOK_SECRET = "whsec_" + base64.b64encode(b"hunter2-secret-hunter2-secret-32").decode()
PHONE_ID = "106540352242922"


class Vendor(FakeServer):
    """A provider that checks every request against its published description."""

    document = ""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[bytes] = []

    def take(self, request: Request, reply: Reply) -> Reply:
        """Keep a good request; one that the description does not allow is a mistake of ours."""
        found = problems(self.document, request)
        if found:
            raise AssertionError(found)
        self.taken.append(request.body)
        return reply


class Twilio(Vendor):
    """api.twilio.com: 201 with a `sid`, 400 with a code, 401."""

    document = "twilio"

    def answer(self, request: Request) -> Reply:
        right = "Basic " + base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        if request.token != right:
            return Reply({"code": 20003, "message": "Authenticate", "status": 401}, 401)
        if request.method == "GET":
            return Reply({"sid": ACCOUNT, "status": "active"})
        form = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        if form["To"].startswith("+999"):
            return Reply({"code": 21211, "message": "Invalid 'To' Phone Number", "status": 400}, 400)
        if form["To"].startswith("+888"):
            return Reply({"code": 21610, "message": "Attempt to send to unsubscribed recipient", "status": 400}, 400)
        sid = "SM" + hashlib.md5(request.body, usedforsecurity=False).hexdigest()
        return self.take(request, Reply({"sid": sid, "status": "queued", "error_code": None}, 201))


class Vonage(Vendor):
    """api.nexmo.com/v1/messages: 202 with a `message_uuid`, 401, 422."""

    document = "vonage"

    def answer(self, request: Request) -> Reply:
        right = "Basic " + base64.b64encode(f"abcd1234:{TOKEN}".encode()).decode()
        if request.token != right and not str(request.token).startswith("Bearer "):
            return Reply({"title": "Unauthorized", "type": "https://developer.vonage.com/api-errors#unauthorized"}, 401)
        body = json.loads(request.body)
        if not body.get("to"):
            return Reply({"title": "Invalid params", "invalid_parameters": [{"name": "to", "reason": "missing"}]}, 422)
        if body["to"].startswith("999"):
            return Reply({"title": "1050", "type": "https://developer.vonage.com/api-errors/messages#1050"}, 422)
        return self.take(request, Reply({"message_uuid": f"uuid-{body['client_ref']}"}, 202))


class WhatsApp(Vendor):
    """graph.facebook.com: 200 with a `wamid`, Graph errors with a code."""

    document = "whatsapp"

    def answer(self, request: Request) -> Reply:
        if request.token != f"Bearer {TOKEN}":
            return Reply({"error": {"code": 190, "type": "OAuthException", "message": "Invalid token"}}, 401)
        if request.method == "GET":
            return Reply({"id": PHONE_ID})
        body = json.loads(request.body)
        if body["to"].startswith("999"):
            return Reply({"error": {"code": 131056, "message": "pair rate limit"}}, 400)
        wamid = f"wamid.{hashlib.sha256(request.body).hexdigest()[:32]}"
        contact = {"input": body["to"], "wa_id": body["to"]}
        told = {"messaging_product": "whatsapp", "contacts": [contact], "messages": [{"id": wamid}]}
        return self.take(request, Reply(told))


class Application(Vendor):
    """The brand's own application: takes each `webhook-id` once, if the signature is right."""

    document = "in_app"

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def answer(self, request: Request) -> Reply:
        try:
            Webhook(WEBHOOK_SECRET).verify(request.body, request.headers, json_parse=False)
        except WebhookVerificationError:
            return Reply({"title": "Unauthorized"}, 401)
        event = json.loads(request.body)
        if event["type"] == "vigie.check" or request.headers["webhook-id"] in self.seen:
            return Reply({}, 200)
        if event["data"]["recipient"] == "nobody":
            return Reply({"code": "unknown_recipient"}, 422)
        self.seen.add(request.headers["webhook-id"])
        return self.take(request, Reply({}, 202))


class Gotify(Vendor):
    """A service that apprise speaks with (gotify.net): takes a JSON message for a token."""

    document = "gotify"

    def answer(self, request: Request) -> Reply:
        return self.take(request, Reply({"id": len(self.taken) + 1}))


def twilio_signature(url: str, form: dict[str, str], token: str = TOKEN) -> str:
    """What Twilio puts into `X-Twilio-Signature`."""
    said = url + "".join(f"{name}{form[name]}" for name in sorted(form))
    return base64.b64encode(hmac.new(token.encode(), said.encode(), hashlib.sha1).digest()).decode()


def vonage_token(body: bytes, secret: str = SIGNING) -> str:
    """What Vonage puts into `Authorization`."""
    claims = {"iss": "Vonage", "iat": 1794821400, "jti": "j1", "payload_hash": hashlib.sha256(body).hexdigest()}
    return f"Bearer {jwt.encode(claims, secret, 'HS256')}"


def meta_signature(body: bytes, secret: str = TOKEN) -> str:
    """What Meta puts into `X-Hub-Signature-256`."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def whatsapp_body(
    *, statuses: list[dict[str, Any]] | None = None, messages: list[dict[str, Any]] | None = None
) -> bytes:
    """A delivery of Meta's webhook."""
    value: dict[str, Any] = {"messaging_product": "whatsapp", "metadata": {"phone_number_id": PHONE_ID}}
    value |= {"statuses": statuses} if statuses else {}
    value |= {"messages": messages} if messages else {}
    change = {"field": "messages", "value": value}
    return json.dumps({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [change]}]}).encode()
