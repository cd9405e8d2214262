"""Zendesk Support, by its ticketing API v2.

    named by        external_id; listed by it at once (not by the search index, which is minutes late)
    opened twice    the Idempotency-Key holds two hours, so it is looked for first
    changes         incremental export with a cursor (administrators only, 10 requests a minute)
    overtaken       safe_update: 409 where somebody changed the ticket since we read it
    deliveries      webhooks, signed over time and body by HMAC-SHA256 (`delivery_secret`)
    closed          for good: Zendesk takes no change to a closed ticket, so we only ever solve
https://developer.zendesk.com/api-reference/ticketing/introduction/
"""

import base64
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar, Self

from pydantic import SecretStr

from domain.errors import Misconfigured, Uncertain
from routing.desks._api import DeskApi, fields, listed, moment, segment
from routing.desks._doors import base64_matches, ids_of, is_fresh, object_of, secret_of
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

WORDS = {
    DeskState.OPEN: "open",
    DeskState.PENDING: "pending",
    DeskState.HOLD: "open",  # `hold` exists only where an administrator activated it
    DeskState.SOLVED: "solved",
    DeskState.CLOSED: "solved",
}
MEANINGS = {
    "new": DeskState.OPEN,
    "open": DeskState.OPEN,
    "pending": DeskState.PENDING,
    "hold": DeskState.HOLD,
    "solved": DeskState.SOLVED,
    "closed": DeskState.CLOSED,
}
PAGE = 100


class ZendeskSettings(DeskSettings):
    """Tickets in Zendesk. `user` is the agent whose API token it is; without one the token is an OAuth token."""

    user: str = ""
    token: SecretStr = SecretStr("")
    delivery_secret: SecretStr = SecretStr("")


class ZendeskDesk(Desk):
    """Tickets of one Zendesk account."""

    name: ClassVar[str] = "zendesk"
    Settings: ClassVar[type[DeskSettings]] = ZendeskSettings
    delivers: ClassVar[bool] = True

    def __init__(self, settings: ZendeskSettings, now: Callable[[], datetime]) -> None:
        self._secret, self._now = settings.delivery_secret, now
        self.words, self.meanings = with_states(WORDS, MEANINGS, settings.states)
        token = settings.token.get_secret_value()
        basic = base64.b64encode(f"{settings.user}/token:{token}".encode()).decode()
        access = {"Authorization": f"Basic {basic}" if settings.user else f"Bearer {token}"}
        self._api = DeskApi("zendesk", settings.base_url, lambda: access, settings.timeout_seconds, now)

    @classmethod
    def make(cls, settings: ZendeskSettings, now: Callable[[], datetime]) -> Self:
        """Needs the account's address and a token."""
        required(settings, cls.name, "base_url", "token")
        return cls(settings, now)

    def open(self, ticket: Ticket) -> Remote:
        """The first comment is internal: the requester is the user of the token, and reads nothing."""
        told = {
            "external_id": ticket.reference,
            "subject": ticket.subject,
            "comment": {"body": ticket.body, "public": False},
            "status": self.words[ticket.state],
            "tags": ["vigie"],
            **_told(ticket),
        }
        answer = self._api.send("POST", "/api/v2/tickets", {"ticket": told}, {"Idempotency-Key": ticket.reference})
        return self._remote(answer.get("ticket"))

    def find(self, reference: str) -> Remote | None:
        """By external_id; deleted tickets are not listed."""
        found = listed(self._api.get("/api/v2/tickets", {"external_id": reference}) or {}, "tickets")
        return next((self._remote(one) for one in found if one.get("external_id") == reference), None)

    def update(self, remote_id: str, ticket: Ticket, state: DeskState | None, stamp: str = "") -> None:
        """Refused where somebody changed the ticket since we read it."""
        told: dict[str, Any] = _told(ticket)
        if state is not None:
            told["status"] = self.words[state]
        if stamp:
            told |= {"safe_update": True, "updated_stamp": stamp}
        self._api.send("PUT", f"/api/v2/tickets/{segment(remote_id)}", {"ticket": told})

    def comment(self, remote_id: str, text: str, key: str) -> str:
        """A comment is an update of its ticket; its id stands among the events of the audit."""
        told = {"ticket": {"comment": {"body": text, "public": False}}}
        answer = self._api.send("PUT", f"/api/v2/tickets/{segment(remote_id)}", told)
        events = listed(answer, "audit", "events")
        made = next((event for event in events if event.get("type") == "Comment"), None)
        if made is None:
            raise Uncertain("zendesk does not tell the number of the comment")
        return whole_id(made.get("id"), self.name)

    def read(self, remote_id: str) -> Remote | None:
        """A deleted ticket is gone."""
        answer = self._api.get(f"/api/v2/tickets/{segment(remote_id)}")
        found = None if answer is None else fields(answer, "ticket")
        return None if found is None or found.get("status") == "deleted" else self._remote(found)

    def changed(self, since: datetime) -> Iterator[Remote]:
        """Page by page until Zendesk says that the stream has ended."""
        params: dict[str, Any] = {"start_time": int(since.timestamp())}
        while True:
            page = self._api.get("/api/v2/incremental/tickets/cursor", params)
            for found in listed(page, "tickets"):
                yield self._remote(found)
            after = page.get("after_cursor")
            if page.get("end_of_stream") or not after or after == params.get("cursor"):
                return
            params = {"cursor": after}

    def comments(self, remote_id: str) -> Iterator[Comment]:
        """Oldest first, as Zendesk lists them."""
        params: dict[str, Any] = {"page[size]": PAGE}
        while True:
            page = self._api.get(f"/api/v2/tickets/{segment(remote_id)}/comments", params) or {"comments": []}
            for found in listed(page, "comments"):
                text = found.get("plain_body") or found.get("body") or ""
                yield Comment(whole_id(found.get("id"), self.name), str(text), bool(found.get("public")))
            meta = page.get("meta") or {}
            if not meta.get("has_more") or meta.get("after_cursor") == params.get("page[after]"):
                return
            params = {"page[size]": PAGE, "page[after]": meta["after_cursor"]}

    def check(self) -> str:
        """Who we are; Zendesk answers 200 to strangers too, with a user without an id."""
        user = fields(self._api.get("/api/v2/users/me"), "user")
        if not user.get("id"):
            raise Misconfigured("zendesk does not know us: user or token is wrong")
        if user.get("role") != "admin":
            return f"answers; as {user.get('role')}: changes are listed to administrators only"
        return "answers"

    def is_genuine(self, body: bytes, headers: Mapping[str, str]) -> bool:
        """base64(HMAC-SHA256(time + body)); five minutes' tolerance."""
        at = headers.get("x-zendesk-webhook-signature-timestamp", "")
        given = headers.get("x-zendesk-webhook-signature", "")
        return base64_matches(
            secret_of(self._secret, self.name), at.encode("latin-1", "replace") + body, given
        ) and is_fresh(at, self._now())

    def told(self, body: bytes) -> list[Told]:
        """An event's `detail.id`, or the `ticket_id` of a trigger's own JSON."""
        told = object_of(body)
        detail = told.get("detail")
        inner = detail.get("id") if isinstance(detail, dict) else None
        return [Told(remote_id) for remote_id in ids_of(inner, told.get("ticket_id"))]

    def close(self) -> None:
        """Close its connections."""
        self._api.close()

    def _remote(self, found: Any) -> Remote:
        ticket = fields(found)
        remote_id, stamp = whole_id(ticket.get("id"), self.name), str(ticket.get("updated_at") or "")
        url = f"{self._api.base_url}/agent/tickets/{remote_id}"
        return Remote(remote_id, self.meanings.get(str(ticket.get("status"))), moment(stamp), url, stamp)


DESK = ZendeskDesk


def _told(ticket: Ticket) -> dict[str, Any]:
    """Severities have the names of Zendesk's priorities."""
    return {"priority": ticket.severity, **({"group_id": int(ticket.team)} if ticket.team.isdigit() else {})}
