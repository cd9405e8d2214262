"""Any other desk, by a signed webhook: CloudEvents 1.0 in JSON, signed as Standard Webhooks says.

    named by        `subject`, the reference
    opened twice    the same `webhook-id`: the receiver takes it once
    changes         nothing can be read: the receiver tells us by deliveries, signed the same way
    deliveries      type `vigie.ticket.changed` with `data.state`, `data.comments`; what is older is passed over
https://github.com/cloudevents/spec, https://www.standardwebhooks.com
"""

import binascii
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar, Self

from pydantic import SecretStr
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from domain.errors import BadInput, Misconfigured, Permanent
from routing.desks._api import DeskApi, moment
from routing.desks._doors import SHORTEST_SECRET, object_of
from routing.desks.base import (
    Comment,
    Desk,
    DeskSettings,
    DeskState,
    Remote,
    Ticket,
    Told,
    required,
    whole_id,
    with_states,
)

SOURCE = "/vigie"
CHANGED = "vigie.ticket.changed"
MOST_COMMENTS = 100


class WebhookDeskSettings(DeskSettings):
    """A desk of one's own: `base_url` takes events, `secret` (whsec_…) signs them and what comes back."""

    secret: SecretStr = SecretStr("")


class WebhookDesk(Desk):
    """Events out, deliveries in."""

    name: ClassVar[str] = "webhook"
    Settings: ClassVar[type[DeskSettings]] = WebhookDeskSettings
    repeatable: ClassVar[bool] = True
    readable: ClassVar[bool] = False
    delivers: ClassVar[bool] = True

    def __init__(self, settings: WebhookDeskSettings, now: Callable[[], datetime]) -> None:
        self._now = now
        own = {state: state.value for state in DeskState}
        self.words, self.meanings = with_states(own, {state.value: state for state in DeskState}, settings.states)
        self._signer = Webhook(_key(settings.secret))
        self._api = DeskApi("the desk's webhook", settings.base_url, dict, settings.timeout_seconds, now)

    @classmethod
    def make(cls, settings: WebhookDeskSettings, now: Callable[[], datetime]) -> Self:
        """Needs an address and a secret."""
        required(settings, cls.name, "base_url", "secret")
        return cls(settings, now)

    def open(self, ticket: Ticket) -> Remote:
        """The answer may name the ticket: `{"id": …, "url": …}`."""
        answer = self._post(f"{ticket.reference}/opened", "vigie.case.opened", ticket.reference, self._told(ticket))
        told = answer if isinstance(answer, dict) else {}
        remote_id = whole_id(told.get("id") or ticket.reference, self.name)
        return Remote(remote_id, ticket.state, self._now(), str(told.get("url") or ""))

    def find(self, reference: str) -> Remote | None:
        """Nothing can be looked for, and need not be."""
        return None

    def update(self, remote_id: str, ticket: Ticket, state: DeskState | None, stamp: str = "") -> None:
        """What holds now: told again, it changes nothing."""
        told = {**self._told(ticket), "id": remote_id, **({"state": self.words[state]} if state else {})}
        if state is None:
            told.pop("state")
        mark = hashlib.sha256(json.dumps([told, self._now().isoformat()]).encode()).hexdigest()[:16]
        self._post(f"{ticket.reference}/{mark}", "vigie.case.changed", ticket.reference, told)

    def comment(self, remote_id: str, text: str, key: str) -> str:
        """Named by our own key."""
        self._post(
            key, "vigie.case.commented", key.rpartition("/")[0], {"id": remote_id, "comment": {"id": key, "text": text}}
        )
        return key

    def read(self, remote_id: str) -> Remote | None:
        """Nothing can be read."""
        return None

    def changed(self, since: datetime) -> Iterator[Remote]:
        """Nothing can be listed."""
        return iter(())

    def comments(self, remote_id: str) -> Iterator[Comment]:
        """Nothing can be read."""
        return iter(())

    def check(self) -> str:
        """Nobody is asked: an event would be taken for one."""
        return "signs; nothing is sent to find out whether it answers"

    def is_genuine(self, body: bytes, headers: Mapping[str, str]) -> bool:
        """Standard Webhooks: HMAC-SHA256 over id, time and body; five minutes' tolerance."""
        try:
            self._signer.verify(body, dict(headers), json_parse=False)
        except (WebhookVerificationError, ValueError):
            return False
        return True

    def told(self, body: bytes) -> list[Told]:
        """One CloudEvent."""
        event = object_of(body)
        if event.get("type") != CHANGED:
            return []
        data, at = event.get("data"), moment(event.get("time"))
        if not isinstance(data, dict) or at is None:
            raise BadInput("the event needs time and data")
        remote_id = data.get("id") or event.get("subject")
        try:
            named = whole_id(remote_id, self.name)
        except Permanent:
            raise BadInput("the event names no ticket: data.id or subject") from None
        state = self.meanings.get(str(data.get("state")))
        return [Told(named, Remote(named, state, at), _comments(data.get("comments")))]

    def close(self) -> None:
        """Close its connections."""
        self._api.close()

    def _told(self, ticket: Ticket) -> dict[str, Any]:
        return {
            "reference": ticket.reference,
            "subject": ticket.subject,
            "text": ticket.body,
            "state": self.words[ticket.state],
            "severity": ticket.severity,
            "team": ticket.team,
            "link": ticket.link,
        }

    def _post(self, event_id: str, kind: str, subject: str, data: Mapping[str, Any]) -> Any:
        at = self._now()
        event = {
            "specversion": "1.0",
            "id": event_id,
            "source": SOURCE,
            "type": kind,
            "subject": subject,
            "time": at.isoformat().replace("+00:00", "Z"),
            "datacontenttype": "application/json",
            "data": data,
        }
        body = json.dumps(event, ensure_ascii=False).encode()
        headers = {
            "content-type": "application/cloudevents+json; charset=utf-8",
            "webhook-id": event_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": self._signer.sign(event_id, at, body.decode()),
        }
        return self._api.send("POST", "", body, headers)


DESK = WebhookDesk


def _comments(told: object) -> list[Comment]:
    found = [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []
    return [
        Comment(str(one["id"])[:200], str(one.get("text") or ""), bool(one.get("public")))
        for one in found[:MOST_COMMENTS]
        if isinstance(one.get("id"), str | int) and str(one["id"])
    ]


def _key(secret: SecretStr) -> bytes:
    try:
        coded = secret.get_secret_value().removeprefix("whsec_").rstrip("=")
        key = binascii.a2b_base64(coded + "=" * (-len(coded) % 4), strict_mode=True)
    except ValueError:
        key = b""
    if len(key) < SHORTEST_SECRET:
        raise Misconfigured("desks.webhook: VIGIE_DESKS__WEBHOOK__SECRET must be base64 of a long key, as whsec_…")
    return key
