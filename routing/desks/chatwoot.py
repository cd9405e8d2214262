"""Chatwoot, by its application API.

    named by        the identifier of a contact of its own, unique in an account; the conversation carries it too
    opened twice    the contact stays one; its conversations are listed by the database, so it is looked for first
    changes         conversations of the inbox, newest activity first, 25 a page
    deliveries      webhooks, signed over time and body by HMAC-SHA256 (`delivery_secret`); older versions do not sign
    the text        is told as a private note: the first message would go to the customer
    closed          is unknown: resolved is the end
https://developers.chatwoot.com/api-reference/introduction
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar, Self

from pydantic import Field, SecretStr

from domain.errors import Permanent, Uncertain
from routing.desks._api import DeskApi, fields, listed, moment, segment
from routing.desks._doors import hex_matches, ids_of, is_fresh, object_of, secret_of
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
    DeskState.HOLD: "snoozed",
    DeskState.SOLVED: "resolved",
    DeskState.CLOSED: "resolved",
}
MEANINGS = {
    "open": DeskState.OPEN,
    "pending": DeskState.PENDING,
    "snoozed": DeskState.HOLD,
    "resolved": DeskState.SOLVED,
}
PRIORITIES = {"high": "high", "normal": "medium", "low": "low"}
SPOKEN = (0, 1)  # incoming, outgoing; what Chatwoot itself notes is 2 and 3
MOST_PAGES = 200


class ChatwootSettings(DeskSettings):
    """Conversations in Chatwoot. `account` and `inbox` are the numbers of the account and of an API inbox in it."""

    token: SecretStr = SecretStr("")
    account: int = Field(0, ge=0)
    inbox: int = Field(0, ge=0)
    delivery_secret: SecretStr = SecretStr("")


class ChatwootDesk(Desk):
    """Conversations of one inbox."""

    name: ClassVar[str] = "chatwoot"
    Settings: ClassVar[type[DeskSettings]] = ChatwootSettings
    body_apart: ClassVar[bool] = True
    delivers: ClassVar[bool] = True

    def __init__(self, settings: ChatwootSettings, now: Callable[[], datetime]) -> None:
        self._settings, self._now = settings, now
        self.words, self.meanings = with_states(WORDS, MEANINGS, settings.states)
        access = {"api_access_token": settings.token.get_secret_value()}
        self._api = DeskApi("chatwoot", settings.base_url, lambda: access, settings.timeout_seconds, now)
        self._root = f"/api/v1/accounts/{settings.account}"

    @classmethod
    def make(cls, settings: ChatwootSettings, now: Callable[[], datetime]) -> Self:
        """Needs an address, a token, an account and an inbox."""
        required(settings, cls.name, "base_url", "token", "account", "inbox")
        return cls(settings, now)

    def open(self, ticket: Ticket) -> Remote:
        """A contact that names nobody, and its conversation."""
        contact = self._contact(ticket.reference) or self._new_contact(ticket)
        told = {
            "source_id": ticket.reference,
            "inbox_id": self._settings.inbox,
            "contact_id": contact,
            "status": self.words[ticket.state],
            "custom_attributes": {"vigie": ticket.reference, "vigie_link": ticket.link},
        }
        return self._remote(self._api.send("POST", f"{self._root}/conversations", told))

    def find(self, reference: str) -> Remote | None:
        """The conversation of the contact of this name."""
        contact = self._contact(reference)
        if contact is None:
            return None
        found = listed(self._api.get(f"{self._root}/contacts/{contact}/conversations") or {}, "payload")
        return next((self._remote(one) for one in found if one.get("inbox_id") == self._settings.inbox), None)

    def update(self, remote_id: str, ticket: Ticket, state: DeskState | None, stamp: str = "") -> None:
        """Each fact has an address of its own."""
        place = self._place(remote_id)
        self._api.send("POST", f"{place}/toggle_priority", {"priority": PRIORITIES[ticket.severity]})
        if ticket.team.isdigit():
            self._api.send("POST", f"{place}/assignments", {"team_id": int(ticket.team)})
        if state is not None:
            self._api.send("POST", f"{place}/toggle_status", {"status": self.words[state]})

    def comment(self, remote_id: str, text: str, key: str) -> str:
        """A private note."""
        told = {"content": text, "message_type": "outgoing", "private": True}
        return whole_id(fields(self._api.send("POST", f"{self._place(remote_id)}/messages", told)).get("id"), self.name)

    def read(self, remote_id: str) -> Remote | None:
        """By its number in the account."""
        answer = self._api.get(self._place(remote_id))
        return None if answer is None else self._remote(answer)

    def changed(self, since: datetime) -> Iterator[Remote]:
        """Until the activity lies before `since`."""
        wanted = {"inbox_id": self._settings.inbox, "status": "all", "assignee_type": "all"}
        for page in range(1, MOST_PAGES + 1):
            answer = self._api.get(f"{self._root}/conversations", {**wanted, "page": page})
            found = [self._remote(one) for one in listed(answer, "data", "payload")]
            yield from (one for one in found if one.changed_at is None or one.changed_at >= since)
            if not found or any(one.changed_at is not None and one.changed_at < since for one in found):
                return

    def comments(self, remote_id: str) -> Iterator[Comment]:
        """What people wrote; pages go back in time, so they are turned round."""
        told: list[Comment] = []
        before: str | None = None
        for _ in range(MOST_PAGES):
            params = {"before": before} if before else {}
            page = listed(self._api.get(f"{self._place(remote_id)}/messages", params) or {"payload": []}, "payload")
            if not page:
                break
            page.sort(key=lambda one: int(one.get("id") or 0), reverse=True)
            told += [self._comment(one) for one in page if one.get("message_type") in SPOKEN]
            before = whole_id(page[-1].get("id"), self.name)
        return iter(told[::-1])

    def check(self) -> str:
        """The inbox, which a token of this account may see."""
        if self._api.get(f"{self._root}/inboxes/{self._settings.inbox}") is None:
            raise Permanent("chatwoot has no such account or inbox")
        return "answers"

    def is_genuine(self, body: bytes, headers: Mapping[str, str]) -> bool:
        """sha256=HMAC-SHA256(time.body); five minutes' tolerance."""
        at, given = headers.get("x-chatwoot-timestamp", ""), headers.get("x-chatwoot-signature", "")
        key = secret_of(self._settings.delivery_secret, self.name)
        signed = at.encode("latin-1", "replace") + b"." + body
        return hex_matches(key, signed, "sha256", given) and is_fresh(at, self._now())

    def told(self, body: bytes) -> list[Told]:
        """`id` of a conversation's events, `conversation.id` of a message's."""
        told = object_of(body)
        conversation = told.get("conversation")
        inner = conversation.get("id") if isinstance(conversation, dict) else None
        own = told.get("id") if str(told.get("event", "")).startswith("conversation_") else None
        return [Told(remote_id) for remote_id in ids_of(inner, own)]

    def close(self) -> None:
        """Close its connections."""
        self._api.close()

    def _place(self, remote_id: str) -> str:
        return f"{self._root}/conversations/{segment(remote_id)}"

    def _contact(self, reference: str) -> int | None:
        found = listed(self._api.get(f"{self._root}/contacts/search", {"q": reference}) or {}, "payload")
        return next((int(one["id"]) for one in found if one.get("identifier") == reference), None)

    def _new_contact(self, ticket: Ticket) -> int:
        told = {
            "inbox_id": self._settings.inbox,
            "source_id": ticket.reference,
            "identifier": ticket.reference,
            "name": ticket.reference,
        }
        answer = fields(self._api.send("POST", f"{self._root}/contacts", told), "payload", "contact")
        if not isinstance(answer.get("id"), int):
            raise Uncertain("chatwoot does not tell the number of the contact")
        return int(answer["id"])

    def _comment(self, found: Mapping[str, Any]) -> Comment:
        return Comment(whole_id(found.get("id"), self.name), str(found.get("content") or ""), not found.get("private"))

    def _remote(self, found: Any) -> Remote:
        talk = fields(found)
        remote_id = whole_id(talk.get("id"), self.name)
        url = f"{self._api.base_url}/app/accounts/{self._settings.account}/conversations/{remote_id}"
        at = moment(talk.get("last_activity_at") or talk.get("timestamp"))
        return Remote(remote_id, self.meanings.get(str(talk.get("status"))), at, url)


DESK = ChatwootDesk
