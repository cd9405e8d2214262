"""Salesforce Service Cloud, by its REST API.

    named by        an external id field of Case, `reference_field` (text, unique), which an administrator makes
    opened twice    an upsert by that field: one case, however often
    changes         cases and comments by SystemModstamp, in SOQL
    deliveries      none that are signed: changes are asked for instead
    access          a connected app by its client credentials; the token is renewed when it ends
https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/dome_upsert.htm
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, Self

from pydantic import Field, SecretStr

from domain.errors import Misconfigured, Permanent, Uncertain
from routing.desks._api import DeskApi, fields, listed, moment, segment
from routing.desks.base import Comment, Desk, DeskSettings, DeskState, Remote, Ticket, required, whole_id, with_states

WORDS = {
    DeskState.OPEN: "New",
    DeskState.PENDING: "On Hold",
    DeskState.HOLD: "On Hold",
    DeskState.SOLVED: "Closed",
    DeskState.CLOSED: "Closed",
}
MEANINGS = {
    "New": DeskState.OPEN,
    "Working": DeskState.OPEN,
    "Escalated": DeskState.OPEN,
    "On Hold": DeskState.PENDING,
    "Closed": DeskState.SOLVED,
}
PRIORITIES = {"high": "High", "normal": "Medium", "low": "Low"}
TOKEN_PATH = "/services/oauth2/token"  # noqa: S105 - an address
_ID = re.compile(r"[A-Za-z0-9]{15,18}")


class SalesforceSettings(DeskSettings):
    """Cases in Salesforce. `base_url` is My Domain; `client_id` and its secret are those of a connected app."""

    client_id: SecretStr = SecretStr("")
    client_secret: SecretStr = SecretStr("")
    reference_field: str = Field("Vigie_Reference__c", pattern=r"^[A-Za-z][A-Za-z0-9_]{0,79}$")
    version: str = Field("60.0", pattern=r"^\d{2,3}\.0$")


class SalesforceDesk(Desk):
    """Cases of one organisation."""

    name: ClassVar[str] = "salesforce"
    Settings: ClassVar[type[DeskSettings]] = SalesforceSettings
    repeatable: ClassVar[bool] = True

    def __init__(self, settings: SalesforceSettings, now: Callable[[], datetime]) -> None:
        self._settings, self._token = settings, ""
        self.words, self.meanings = with_states(WORDS, MEANINGS, settings.states)
        self._api = DeskApi("salesforce", settings.base_url, self._access, settings.timeout_seconds, now)
        self._door = DeskApi("salesforce", settings.base_url, dict, settings.timeout_seconds, now)
        self._root = f"/services/data/v{settings.version}"

    @classmethod
    def make(cls, settings: SalesforceSettings, now: Callable[[], datetime]) -> Self:
        """Needs My Domain and a connected app."""
        required(settings, cls.name, "base_url", "client_id", "client_secret")
        return cls(settings, now)

    def open(self, ticket: Ticket) -> Remote:
        """An upsert; what it makes is read back, for the answer holds no state."""
        told = {
            "Subject": ticket.subject[:255],
            "Description": ticket.body[:32_000],
            "Origin": "Vigie",
            "Status": self.words[ticket.state],
            **_told(ticket),
        }
        place = f"{self._root}/sobjects/Case/{self._settings.reference_field}/{segment(ticket.reference)}"
        self._send("PATCH", place, told)
        made = self.find(ticket.reference)
        if made is None:
            raise Uncertain("salesforce does not show the case that it took")
        return made

    def find(self, reference: str) -> Remote | None:
        """By the external id field."""
        if not re.fullmatch(r"[a-z0-9_-]{1,200}", reference):
            raise Permanent("the reference is none")
        found = self._query(f"{self._settings.reference_field} = '{reference}'")
        return next(found, None)

    def update(self, remote_id: str, ticket: Ticket, state: DeskState | None, stamp: str = "") -> None:
        """Salesforce keeps the newest."""
        told = _told(ticket) | ({} if state is None else {"Status": self.words[state]})
        self._send("PATCH", f"{self._root}/sobjects/Case/{_checked(remote_id)}", told)

    def comment(self, remote_id: str, text: str, key: str) -> str:
        """An unpublished case comment; Salesforce takes 4000 bytes."""
        told = {"ParentId": _checked(remote_id), "CommentBody": _cut(text), "IsPublished": False}
        return whole_id(fields(self._send("POST", f"{self._root}/sobjects/CaseComment", told)).get("id"), self.name)

    def read(self, remote_id: str) -> Remote | None:
        """By its id."""
        return next(self._query(f"Id = '{_checked(remote_id)}'"), None)

    def changed(self, since: datetime) -> Iterator[Remote]:
        """Cases that changed, and cases that were commented on: a comment does not touch its case."""
        at = f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        yield from self._query(f"{self._settings.reference_field} != null AND SystemModstamp >= {at}")
        # Names and times that were looked at stand in these queries, never a foreign word.
        for found in self._soql(f"SELECT ParentId FROM CaseComment WHERE SystemModstamp >= {at}"):  # noqa: S608
            yield Remote(whole_id(found.get("ParentId"), self.name), None)

    def comments(self, remote_id: str) -> Iterator[Comment]:
        """Oldest first."""
        query = f"SELECT Id, CommentBody, IsPublished FROM CaseComment WHERE ParentId = '{_checked(remote_id)}'"  # noqa: S608
        for found in self._soql(f"{query} ORDER BY CreatedDate"):
            text, public = str(found.get("CommentBody") or ""), bool(found.get("IsPublished"))
            yield Comment(whole_id(found.get("Id"), self.name), text, public)

    def check(self) -> str:
        """Whether the field exists and may be read."""
        try:
            self.find("vigie-check")
        except Permanent as error:
            field = self._settings.reference_field
            raise Misconfigured(f"{error}: Case needs the external id field {field}, which our user can see") from None
        return "answers"

    def close(self) -> None:
        """Close its connections."""
        self._api.close()
        self._door.close()

    def _query(self, where: str) -> Iterator[Remote]:
        query = f"SELECT Id, Status, SystemModstamp FROM Case WHERE {where} ORDER BY SystemModstamp"  # noqa: S608
        found = self._soql(query)
        return (self._remote(one) for one in found)

    def _soql(self, query: str) -> Iterator[dict[str, Any]]:
        page = self._get(f"{self._root}/query", {"q": query})
        while True:
            yield from listed(page, "records")
            if page.get("done", True):
                return
            page = self._get(str(page["nextRecordsUrl"]), None)

    def _get(self, path: str, params: Mapping[str, Any] | None) -> Any:
        return self._renewing(lambda: self._api.get(path, params)) or {}

    def _send(self, method: str, path: str, told: Mapping[str, Any]) -> Any:
        return self._renewing(lambda: self._api.send(method, path, told))

    def _renewing(self, ask: Callable[[], Any]) -> Any:
        """Once more with a new token where the old one has ended: a refusal changed nothing."""
        known = bool(self._token)
        try:
            return ask()
        except Misconfigured:
            self._token = ""
            if not known:
                raise
            return ask()

    def _access(self) -> dict[str, str]:
        if not self._token:
            self._token = self._sign_in()
        return {"Authorization": f"Bearer {self._token}"}

    def _sign_in(self) -> str:
        settings = self._settings
        form = {
            "grant_type": "client_credentials",
            "client_id": settings.client_id.get_secret_value(),
            "client_secret": settings.client_secret.get_secret_value(),
        }
        try:
            answer = fields(self._door.form(TOKEN_PATH, form))
        except Permanent as error:
            raise Misconfigured(f"{error}: client_id or client_secret is wrong") from None
        return whole_id(str(answer.get("access_token", ""))[:200], self.name)

    def _remote(self, found: Mapping[str, Any]) -> Remote:
        remote_id, status = whole_id(found.get("Id"), self.name), str(found.get("Status"))
        url = f"{self._api.base_url}/lightning/r/Case/{remote_id}/view"
        return Remote(remote_id, self.meanings.get(status), moment(found.get("SystemModstamp")), url)


DESK = SalesforceDesk


def _told(ticket: Ticket) -> dict[str, Any]:
    owner = {"OwnerId": ticket.team} if _ID.fullmatch(ticket.team) else {}
    return {"Priority": PRIORITIES[ticket.severity], **owner}


def _checked(remote_id: str) -> str:
    if not _ID.fullmatch(remote_id):
        raise Permanent("this is no id of Salesforce")
    return remote_id


def _cut(text: str) -> str:
    """The whole, or its beginning and its last line, which names it."""
    if len(text.encode()) <= 4000:
        return text
    head, _, mark = text.rpartition("\n")
    return f"{head.encode()[:3900].decode('utf-8', 'ignore')}…\n{mark}"
