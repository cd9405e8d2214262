"""Zammad, by its REST API.

    named by        a tag; found by a condition, which asks the database and not the search index
    opened twice    makes two tickets, so it is looked for first
    changes         tickets by `updated_at`, 100 a page
    deliveries      webhooks, signed over the body by HMAC-SHA1 (`delivery_secret`); a repeated one only makes us look
    pending         needs a time in Zammad: we say 30 days
https://docs.zammad.org/en/latest/api/intro.html
"""

import html
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Self

from pydantic import SecretStr

from routing.desks._api import DeskApi, fields, listed, moment, segment
from routing.desks._doors import hex_matches, ids_of, object_of, secret_of
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
    DeskState.PENDING: "pending reminder",
    DeskState.HOLD: "open",
    DeskState.SOLVED: "closed",
    DeskState.CLOSED: "closed",
}
MEANINGS = {
    "new": DeskState.OPEN,
    "open": DeskState.OPEN,
    "pending reminder": DeskState.PENDING,
    "pending close": DeskState.PENDING,
    "closed": DeskState.SOLVED,
    "merged": DeskState.SOLVED,
}
PRIORITIES = {"high": "3 high", "normal": "2 normal", "low": "1 low"}
PENDING_DAYS = 30
PAGE = 100
_BREAKS = re.compile(r"<(?:br|/p|/div|/li)\b[^>]*>", re.IGNORECASE)
_TAGS = re.compile(r"<[^>]*>")


class ZammadSettings(DeskSettings):
    """Tickets in Zammad. `group` takes them; `customer` is the e-mail address of the user in whose name they stand."""

    token: SecretStr = SecretStr("")
    group: str = "Users"
    customer: str = ""
    delivery_secret: SecretStr = SecretStr("")


class ZammadDesk(Desk):
    """Tickets of one Zammad."""

    name: ClassVar[str] = "zammad"
    Settings: ClassVar[type[DeskSettings]] = ZammadSettings
    delivers: ClassVar[bool] = True

    def __init__(self, settings: ZammadSettings, now: Callable[[], datetime]) -> None:
        self._settings, self._now = settings, now
        self.words, self.meanings = with_states(WORDS, MEANINGS, settings.states)
        access = {"Authorization": f"Token token={settings.token.get_secret_value()}"}
        self._api = DeskApi("zammad", settings.base_url, lambda: access, settings.timeout_seconds, now)

    @classmethod
    def make(cls, settings: ZammadSettings, now: Callable[[], datetime]) -> Self:
        """Needs an address, a token, and a user for the tickets."""
        required(settings, cls.name, "base_url", "token", "group", "customer")
        return cls(settings, now)

    def open(self, ticket: Ticket) -> Remote:
        """One request: the tag is set in the transaction that makes the ticket."""
        told = {
            "title": ticket.subject,
            "customer_id": f"guess:{self._settings.customer}",
            "tags": ticket.reference,
            "article": _article(ticket.body),
            **self._told(ticket, ticket.state),
        }
        told.setdefault("group", self._settings.group)
        return self._remote(self._api.send("POST", "/api/v1/tickets?expand=true", told))

    def find(self, reference: str) -> Remote | None:
        """By the tag."""
        found = self._search({"ticket.tags": ("contains all", reference)}, 1)
        return None if not found else self._remote(found[0])

    def update(self, remote_id: str, ticket: Ticket, state: DeskState | None, stamp: str = "") -> None:
        """Zammad keeps the newest."""
        self._api.send("PUT", f"/api/v1/tickets/{segment(remote_id)}", self._told(ticket, state))

    def comment(self, remote_id: str, text: str, key: str) -> str:
        """An internal article."""
        told = {"ticket_id": remote_id, **_article(text)}
        return whole_id(fields(self._api.send("POST", "/api/v1/ticket_articles", told)).get("id"), self.name)

    def read(self, remote_id: str) -> Remote | None:
        """With the names of states, not their numbers."""
        answer = self._api.get(f"/api/v1/tickets/{segment(remote_id)}", {"expand": "true"})
        return None if answer is None else self._remote(answer)

    def changed(self, since: datetime) -> Iterator[Remote]:
        """Oldest change first."""
        page, wanted = 1, {"ticket.updated_at": ("after (absolute)", since.astimezone(UTC).isoformat())}
        while found := self._search(wanted, page):
            yield from (self._remote(one) for one in found)
            if len(found) < PAGE:
                return
            page += 1

    def comments(self, remote_id: str) -> Iterator[Comment]:
        """Every article, HTML made plain."""
        for found in listed(self._api.get(f"/api/v1/ticket_articles/by_ticket/{segment(remote_id)}") or []):
            text = str(found.get("body") or "")
            plain = _plain(text) if found.get("content_type") == "text/html" else text
            yield Comment(whole_id(found.get("id"), self.name), plain, found.get("internal") is False)

    def check(self) -> str:
        """Who we are."""
        return "answers" if fields(self._api.get("/api/v1/users/me")).get("id") else "answers, without a name"

    def is_genuine(self, body: bytes, headers: Mapping[str, str]) -> bool:
        """sha1=HMAC-SHA1(body)."""
        return hex_matches(
            secret_of(self._settings.delivery_secret, self.name), body, "sha1", headers.get("x-hub-signature", "")
        )

    def told(self, body: bytes) -> list[Told]:
        """The ticket of the default payload."""
        ticket = object_of(body).get("ticket")
        return [Told(remote_id) for remote_id in ids_of(ticket.get("id") if isinstance(ticket, dict) else None)]

    def close(self) -> None:
        """Close its connections."""
        self._api.close()

    def _search(self, wanted: Mapping[str, tuple[str, str]], page: int) -> list[dict[str, Any]]:
        params = {"expand": "true", "page": page, "per_page": PAGE, "sort_by": "updated_at", "order_by": "asc"}
        for field, (operator, value) in wanted.items():
            params |= {f"condition[{field}][operator]": operator, f"condition[{field}][value]": value}
        return listed(self._api.get("/api/v1/tickets/search", params) or [])

    def _told(self, ticket: Ticket, state: DeskState | None) -> dict[str, Any]:
        told: dict[str, Any] = {"priority": PRIORITIES[ticket.severity]}
        if ticket.team:
            told["group"] = ticket.team
        if state is not None:
            told["state"] = self.words[state]
            if told["state"].startswith("pending"):
                told["pending_time"] = (self._now() + timedelta(days=PENDING_DAYS)).isoformat()
        return told

    def _remote(self, found: Any) -> Remote:
        ticket = fields(found)
        remote_id = whole_id(ticket.get("id"), self.name)
        url = f"{self._api.base_url}/#ticket/zoom/{remote_id}"
        return Remote(remote_id, self.meanings.get(str(ticket.get("state"))), moment(ticket.get("updated_at")), url)


DESK = ZammadDesk


def _article(text: str) -> dict[str, Any]:
    return {"body": text, "type": "note", "internal": True, "content_type": "text/plain", "subject": "Vigie"}


def _plain(text: str) -> str:
    return html.unescape(_TAGS.sub("", _BREAKS.sub("\n", text))).strip()
