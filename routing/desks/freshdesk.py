"""Freshdesk, by its API v2.

    named by        unique_external_id of a contact of its own; tickets are listed by it at once
    opened twice    makes two tickets, so it is looked for first
    changes         tickets by `updated_since`, 100 a page, 300 pages at most
    deliveries      its automations can call but not sign: changes are asked for instead
    words           descriptions and notes are HTML: what we tell is escaped
https://developers.freshdesk.com/api/
"""

import base64
import html
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, Self

from pydantic import SecretStr

from domain.errors import Uncertain
from routing.desks._api import DeskApi, fields, listed, moment, segment
from routing.desks.base import Comment, Desk, DeskSettings, DeskState, Remote, Ticket, required, whole_id, with_states

WORDS = {
    DeskState.OPEN: "2",
    DeskState.PENDING: "3",
    DeskState.HOLD: "2",
    DeskState.SOLVED: "4",
    DeskState.CLOSED: "5",
}
MEANINGS = {
    "2": DeskState.OPEN,
    "3": DeskState.PENDING,
    "4": DeskState.SOLVED,
    "5": DeskState.CLOSED,
    "6": DeskState.PENDING,  # waiting on customer
    "7": DeskState.HOLD,  # waiting on third party
}
PRIORITIES = {"high": 3, "normal": 2, "low": 1}
PORTAL = 2
PAGE, MOST_PAGES = 100, 300
BEGINNING = "2000-01-01T00:00:00Z"


class FreshdeskSettings(DeskSettings):
    """Tickets in Freshdesk. `token` is an agent's API key."""

    token: SecretStr = SecretStr("")


class FreshdeskDesk(Desk):
    """Tickets of one Freshdesk account."""

    name: ClassVar[str] = "freshdesk"
    Settings: ClassVar[type[DeskSettings]] = FreshdeskSettings

    def __init__(self, settings: FreshdeskSettings, now: Callable[[], datetime]) -> None:
        self.words, self.meanings = with_states(WORDS, MEANINGS, settings.states)
        basic = base64.b64encode(f"{settings.token.get_secret_value()}:X".encode()).decode()
        access = {"Authorization": f"Basic {basic}"}
        self._api = DeskApi("freshdesk", settings.base_url, lambda: access, settings.timeout_seconds, now)

    @classmethod
    def make(cls, settings: FreshdeskSettings, now: Callable[[], datetime]) -> Self:
        """Needs the account's address and a key."""
        required(settings, cls.name, "base_url", "token")
        return cls(settings, now)

    def open(self, ticket: Ticket) -> Remote:
        """Its requester is a contact that names nobody."""
        told = {
            "unique_external_id": ticket.reference,
            "name": ticket.reference,
            "subject": ticket.subject,
            "description": _html(ticket.body),
            "status": int(self.words[ticket.state]),
            "source": PORTAL,
            "tags": ["vigie"],
            **_told(ticket),
        }
        return self._remote(self._api.send("POST", "/api/v2/tickets", told))

    def find(self, reference: str) -> Remote | None:
        """Without a beginning only the last 30 days would be listed."""
        params = {"unique_external_id": reference, "updated_since": BEGINNING}
        found = listed(self._api.get("/api/v2/tickets", params) or [])
        return self._remote(found[0]) if found else None

    def update(self, remote_id: str, ticket: Ticket, state: DeskState | None, stamp: str = "") -> None:
        """Freshdesk keeps the newest."""
        told = _told(ticket) | ({} if state is None else {"status": int(self.words[state])})
        self._api.send("PUT", f"/api/v2/tickets/{segment(remote_id)}", told)

    def comment(self, remote_id: str, text: str, key: str) -> str:
        """A private note."""
        told = {"body": _html(text), "private": True}
        answer = self._api.send("POST", f"/api/v2/tickets/{segment(remote_id)}/notes", told)
        if not answer.get("id"):
            raise Uncertain("freshdesk does not tell the number of the note")
        return whole_id(answer["id"], self.name)

    def read(self, remote_id: str) -> Remote | None:
        """A ticket in the bin or among the spam is gone."""
        answer = self._api.get(f"/api/v2/tickets/{segment(remote_id)}")
        gone = answer is None or fields(answer).get("deleted") or fields(answer).get("spam")
        return None if gone else self._remote(answer)

    def changed(self, since: datetime) -> Iterator[Remote]:
        """Oldest change first."""
        params = {"updated_since": f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}", "order_by": "updated_at"}
        for found in self._pages("/api/v2/tickets", {**params, "order_type": "asc"}):
            yield self._remote(found)

    def comments(self, remote_id: str) -> Iterator[Comment]:
        """Notes and replies; the description is none of them."""
        for found in self._pages(f"/api/v2/tickets/{segment(remote_id)}/conversations", {}):
            text, private = str(found.get("body_text") or ""), bool(found.get("private"))
            yield Comment(whole_id(found.get("id"), self.name), text, not private)

    def check(self) -> str:
        """Whose key it is."""
        return "answers" if fields(self._api.get("/api/v2/agents/me")).get("id") else "answers, without a name"

    def close(self) -> None:
        """Close its connections."""
        self._api.close()

    def _pages(self, path: str, params: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        for page in range(1, MOST_PAGES + 1):
            found = listed(self._api.get(path, {**params, "per_page": PAGE, "page": page}) or [])
            yield from found
            if len(found) < PAGE:
                return

    def _remote(self, found: Any) -> Remote:
        ticket = fields(found)
        remote_id = whole_id(ticket.get("id"), self.name)
        url = f"{self._api.base_url}/a/tickets/{remote_id}"
        return Remote(remote_id, self.meanings.get(str(ticket.get("status"))), moment(ticket.get("updated_at")), url)


DESK = FreshdeskDesk


def _told(ticket: Ticket) -> dict[str, Any]:
    team = {"group_id": int(ticket.team)} if ticket.team.isdigit() else {}
    return {"priority": PRIORITIES[ticket.severity], **team}


def _html(text: str) -> str:
    return html.escape(text).replace("\n", "<br>")
