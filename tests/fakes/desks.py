"""Outside desks that speak their vendors' HTTP: one class a desk, all with the same handles for tests.

with ZendeskServer() as server:
    server.set_state(ticket_id, "solved")
    server.say(ticket_id, "we are on it", public=True)
Tickets live in `tickets` by id, as `FakeTicket`; `clock` gives the time of changes. A fault of `FakeServer` holds for
one answer; what was asked is done before the fault shows, as with a time-out after receipt.
"""

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from tests.fakes.server import FakeServer, Fault, Reply, Request

TOKEN = "hunter2-token"
START = datetime(2026, 11, 16, 9, 30, tzinfo=UTC)
REFUSED = (401, 403, 429)


@dataclass
class FakeComment:
    id: str
    text: str
    public: bool
    at: datetime


@dataclass
class FakeTicket:
    """`facts` is what was sent when it was made and changed since."""

    id: str
    reference: str
    state: str
    changed: datetime
    facts: dict[str, Any] = field(default_factory=dict)
    comments: list[FakeComment] = field(default_factory=list)
    gone: bool = False


class DeskServer(FakeServer):
    """What all desks share: tickets, their numbers, the time."""

    first = 100

    def __init__(self, clock: Callable[[], datetime] = lambda: START) -> None:
        super().__init__()
        self.clock = clock
        self.tickets: dict[str, FakeTicket] = {}
        self._numbers = self.first

    def number(self) -> str:
        self._numbers += 1
        return str(self._numbers)

    def add(self, reference: str, state: str, facts: dict[str, Any]) -> FakeTicket:
        ticket = FakeTicket(self.number(), reference, state, self.clock(), dict(facts))
        self.tickets[ticket.id] = ticket
        return ticket

    def set_state(self, ticket_id: str, state: str) -> None:
        """What an agent of that desk does."""
        self.tickets[ticket_id].state = state
        self.tickets[ticket_id].changed = self.clock()

    def say(self, ticket_id: str, text: str, *, public: bool = False) -> str:
        """A comment, an agent's or ours."""
        ticket = self.tickets[ticket_id]
        ticket.comments.append(FakeComment(self.number(), text, public, self.clock()))
        ticket.changed = self.clock()
        return ticket.comments[-1].id

    def living(self, ticket_id: str) -> FakeTicket | None:
        ticket = self.tickets.get(ticket_id)
        return None if ticket is None or ticket.gone else ticket

    def access(self, request: Request) -> bool:
        """Whether the request shows the right credentials."""
        raise NotImplementedError

    def answer(self, request: Request) -> Reply:
        if self.faults and self.faults[0].status in REFUSED:
            return Reply({"error": "refused before anything was done"})
        if not self.access(request):
            return Reply({"error": "Couldn't authenticate you"}, 401)
        return self.serve(request, json.loads(request.body) if request.body[:1] in (b"{", b"[") else {})

    def serve(self, request: Request, told: dict[str, Any]) -> Reply:
        """The right answer."""
        raise NotImplementedError


NOT_FOUND = Reply({"error": "RecordNotFound", "description": "Not found"}, 404)


def invalid(why: str) -> Reply:
    return Reply({"error": "RecordInvalid", "description": why}, 422)


def iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


class ZendeskServer(DeskServer):
    """https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/"""

    page = 2

    def __init__(self, clock: Callable[[], datetime] = lambda: START) -> None:
        super().__init__(clock)
        self.keys: dict[str, tuple[bytes, str]] = {}

    def access(self, request: Request) -> bool:
        return request.token == "Basic " + base64.b64encode(f"care@acme.example/token:{TOKEN}".encode()).decode()

    def serve(self, request: Request, told: dict[str, Any]) -> Reply:
        path = request.path.removeprefix("/api/v2")
        if path == "/users/me":
            return Reply({"user": {"id": 1, "role": "admin", "name": "Vigie"}})
        if path == "/tickets" and request.method == "POST":
            return self._create(request, told["ticket"])
        if path == "/tickets":
            wanted = request.query.get("external_id")
            return Reply({"tickets": [self._json(one) for one in self._all() if one.reference == wanted]})
        if path == "/incremental/tickets/cursor":
            return self._export(request)
        found = re.fullmatch(r"/tickets/(\d+)(/comments)?", path)
        ticket = self.living(found[1]) if found else None
        if ticket is None:
            return NOT_FOUND
        if request.method == "PUT":
            return self._change(ticket, told["ticket"])
        return self._comments(ticket, request) if found and found[2] else Reply({"ticket": self._json(ticket)})

    def _all(self) -> list[FakeTicket]:
        return [one for one in self.tickets.values() if not one.gone]

    def _create(self, request: Request, told: dict[str, Any]) -> Reply:
        key = request.headers.get("idempotency-key")
        if key in self.keys:
            body, ticket_id = self.keys[key]
            if body != request.body:
                return Reply({"error": "IdempotentRequestError"}, 400)
            return Reply({"ticket": self._json(self.tickets[ticket_id])}, 201)
        if not told.get("comment", {}).get("body"):
            return invalid("Description: cannot be blank")
        ticket = self.add(told["external_id"], told.get("status", "new"), told)
        self.say(ticket.id, told["comment"]["body"], public=told["comment"].get("public", True))
        if key:
            self.keys[key] = (request.body, ticket.id)
        return Reply({"ticket": self._json(ticket)}, 201)

    def _change(self, ticket: FakeTicket, told: dict[str, Any]) -> Reply:
        if ticket.state == "closed":
            return invalid("Status: closed prevents ticket update")
        if told.get("safe_update") and told.get("updated_stamp") != iso(ticket.changed):
            return Reply({"error": "UpdateConflict"}, 409)
        events = []
        if "comment" in told:
            number = self.say(ticket.id, told["comment"]["body"], public=told["comment"]["public"])
            events.append({"id": int(number), "type": "Comment"})
        if "status" in told:
            self.set_state(ticket.id, told["status"])
        ticket.facts |= told
        return Reply({"ticket": self._json(ticket), "audit": {"id": 1, "events": events}})

    def _comments(self, ticket: FakeTicket, request: Request) -> Reply:
        start = int(request.query.get("page[after]", "0"))
        shown = ticket.comments[start : start + self.page]
        told = [{"id": int(c.id), "body": c.text, "plain_body": c.text, "public": c.public} for c in shown]
        more = start + self.page < len(ticket.comments)
        return Reply({"comments": told, "meta": {"has_more": more, "after_cursor": str(start + self.page)}})

    def _export(self, request: Request) -> Reply:
        start = int((request.query.get("cursor") or "0:0").split(":")[0])
        since = int(request.query.get("start_time") or request.query["cursor"].split(":")[1])
        if since > self.clock().timestamp() - 60:
            return Reply({"error": "StartTimeTooRecent"}, 422)
        found = [one for one in self.tickets.values() if one.changed.timestamp() >= since]
        told = [{**self._json(one), "status": "deleted" if one.gone else one.state} for one in found]
        end = start + self.page
        body = {"tickets": told[start:end], "after_cursor": f"{end}:{since}", "end_of_stream": end >= len(found)}
        return Reply(body)

    def _json(self, one: FakeTicket) -> dict[str, Any]:
        return {"id": int(one.id), "external_id": one.reference, "status": one.state, "updated_at": iso(one.changed)}


class ZammadServer(DeskServer):
    """https://docs.zammad.org/en/latest/api/ticket/index.html"""

    page = 2

    def access(self, request: Request) -> bool:
        return request.token == f"Token token={TOKEN}"

    def serve(self, request: Request, told: dict[str, Any]) -> Reply:
        path, method = request.path.removeprefix("/api/v1"), request.method
        if path == "/users/me":
            return Reply({"id": 3, "login": "vigie"})
        if path == "/tickets" and method == "POST":
            return self._create(told)
        if path == "/tickets/search":
            return self._search(request)
        if path == "/ticket_articles" and method == "POST":
            return self._article(told)
        if found := re.fullmatch(r"/ticket_articles/by_ticket/(\d+)", path):
            ticket = self.living(found[1])
            return NOT_FOUND if ticket is None else Reply([self._comment(one) for one in ticket.comments])
        found = re.fullmatch(r"/tickets/(\d+)", path)
        ticket = self.living(found[1]) if found else None
        if ticket is None:
            return NOT_FOUND
        if method == "PUT":
            if told.get("state", "").startswith("pending") and not told.get("pending_time"):
                return invalid("Missing required value for field 'pending_time'!")
            ticket.facts |= told
            self.set_state(ticket.id, told.get("state", ticket.state))
        return Reply(self._json(ticket))

    def _create(self, told: dict[str, Any]) -> Reply:
        if not (told.get("group") and told.get("customer_id") and told.get("title")):
            return invalid("Missing required value")
        ticket = self.add(told["tags"], told.get("state", "new"), told)
        self.say(ticket.id, told["article"]["body"], public=not told["article"]["internal"])
        return Reply(self._json(ticket), 201)

    def _article(self, told: dict[str, Any]) -> Reply:
        if self.living(str(told["ticket_id"])) is None:
            return NOT_FOUND
        return Reply({"id": int(self.say(str(told["ticket_id"]), told["body"], public=not told["internal"]))}, 201)

    def _search(self, request: Request) -> Reply:
        query, found = request.query, [one for one in self.tickets.values() if not one.gone]
        if tag := query.get("condition[ticket.tags][value]"):
            found = [one for one in found if one.reference == tag]
        if since := query.get("condition[ticket.updated_at][value]"):
            found = [one for one in found if one.changed > datetime.fromisoformat(since)]
        found.sort(key=lambda one: one.changed)
        start = (int(query["page"]) - 1) * int(query["per_page"])
        return Reply([self._json(one) for one in found[start : start + int(query["per_page"])]])

    def _comment(self, one: FakeComment) -> dict[str, Any]:
        text = "<div>" + one.text.replace("\n", "<br>") + "</div>"
        return {"id": int(one.id), "body": text, "content_type": "text/html", "internal": not one.public}

    def _json(self, one: FakeTicket) -> dict[str, Any]:
        return {"id": int(one.id), "title": "…", "state": one.state, "updated_at": iso(one.changed)}


class ChatwootServer(DeskServer):
    """https://developers.chatwoot.com/api-reference/conversations/create-new-conversation"""

    page = 20

    def __init__(self, clock: Callable[[], datetime] = lambda: START) -> None:
        super().__init__(clock)
        self.contacts: dict[str, int] = {}

    def access(self, request: Request) -> bool:
        return request.headers.get("api_access_token") == TOKEN

    def serve(self, request: Request, told: dict[str, Any]) -> Reply:
        path, method = request.path.removeprefix("/api/v1/accounts/7"), request.method
        if path == "/inboxes/3":
            return Reply({"id": 3, "channel_type": "Channel::Api"})
        if path.startswith("/contacts"):
            return self._contacts(path, method, request, told)
        if path == "/conversations" and method == "POST":
            if told["contact_id"] not in self.contacts.values():
                return NOT_FOUND
            return Reply(self._json(self.add(told["source_id"], told.get("status", "open"), told)))
        if path == "/conversations":
            return self._list(request)
        found = re.fullmatch(r"/conversations/(\d+)(?:/(\w+))?", path)
        ticket = self.living(found[1]) if found else None
        return NOT_FOUND if found is None or ticket is None else self._one(ticket, found[2], method, request, told)

    def _contacts(self, path: str, method: str, request: Request, told: dict[str, Any]) -> Reply:
        if method == "POST":
            if told["identifier"] in self.contacts:
                return invalid("Identifier has already been taken")
            self.contacts[told["identifier"]] = int(self.number())
            contact = {"id": self.contacts[told["identifier"]], "identifier": told["identifier"]}
            return Reply({"payload": {"contact": contact, "contact_inbox": {"source_id": told["source_id"]}}})
        if path == "/contacts/search":
            found = {name: number for name, number in self.contacts.items() if request.query["q"] in name}
            return Reply({"payload": [{"id": number, "identifier": name} for name, number in found.items()]})
        contact = int(path.split("/")[2])
        mine = [one for one in self.tickets.values() if one.facts["contact_id"] == contact and not one.gone]
        return Reply({"payload": [self._json(one) for one in mine]})

    def _list(self, request: Request) -> Reply:
        found = sorted(
            (one for one in self.tickets.values() if not one.gone), key=lambda one: one.changed, reverse=True
        )
        start = (int(request.query["page"]) - 1) * 25
        return Reply({"data": {"meta": {}, "payload": [self._json(one) for one in found[start : start + 25]]}})

    def _one(self, ticket: FakeTicket, part: str, method: str, request: Request, told: dict[str, Any]) -> Reply:
        if part == "toggle_status":
            self.set_state(ticket.id, told["status"])
        elif part == "messages" and method == "POST":
            return Reply({"id": int(self.say(ticket.id, told["content"], public=not told["private"]))})
        elif part == "messages":
            before = int(request.query.get("before", "0")) or 10**9
            shown = [one for one in ticket.comments if int(one.id) < before][-self.page :]
            return Reply({"meta": {}, "payload": [self._message(one) for one in shown]})
        elif part:
            ticket.facts |= told
        return Reply(self._json(ticket))

    def _message(self, one: FakeComment) -> dict[str, Any]:
        return {"id": int(one.id), "content": one.text, "message_type": 1, "private": not one.public}

    def _json(self, one: FakeTicket) -> dict[str, Any]:
        at = int(one.changed.timestamp())
        return {"id": int(one.id), "inbox_id": 3, "status": one.state, "last_activity_at": at}


class FreshdeskServer(DeskServer):
    """https://developers.freshdesk.com/api/#tickets"""

    def access(self, request: Request) -> bool:
        return request.token == "Basic " + base64.b64encode(f"{TOKEN}:X".encode()).decode()

    def serve(self, request: Request, told: dict[str, Any]) -> Reply:
        path, method = request.path.removeprefix("/api/v2"), request.method
        if path == "/agents/me":
            return Reply({"id": 9, "contact": {"name": "Vigie"}})
        if path == "/tickets" and method == "POST":
            missing = {"subject", "description", "status", "priority", "unique_external_id"} - set(told)
            if missing:
                return Reply({"errors": [{"field": missing.pop(), "code": "missing_field"}]}, 400)
            return Reply(self._json(self.add(told["unique_external_id"], str(told["status"]), told)), 201)
        if path == "/tickets":
            return self._list(request)
        found = re.fullmatch(r"/tickets/(\d+)(?:/(notes|conversations))?", path)
        ticket = self.tickets.get(found[1]) if found else None
        if found is None or ticket is None:
            return Reply(b"", 404)
        if found[2] == "notes":
            text = re.sub("<br>", "\n", told["body"]).replace("&#x27;", "'").replace("&lt;", "<").replace("&gt;", ">")
            return Reply({"id": int(self.say(ticket.id, text, public=not told["private"]))}, 201)
        if found[2]:
            page = self._paged(ticket.comments, request)
            return Reply([{"id": int(c.id), "body_text": c.text, "private": not c.public} for c in page])
        if method == "PUT":
            ticket.facts |= told
            self.set_state(ticket.id, str(told.get("status", ticket.state)))
        return Reply(self._json(ticket))

    def _list(self, request: Request) -> Reply:
        since = datetime.fromisoformat(request.query.get("updated_since") or iso(self.clock() - timedelta(days=30)))
        found = [one for one in self.tickets.values() if one.changed >= since and not one.gone]
        if name := request.query.get("unique_external_id"):
            found = [one for one in found if one.reference == name]
        return Reply([self._json(one) for one in self._paged(sorted(found, key=lambda one: one.changed), request)])

    def _paged(self, found: list[Any], request: Request) -> list[Any]:
        size = int(request.query.get("per_page", "30"))
        start = (int(request.query.get("page", "1")) - 1) * size
        return found[start : start + size]

    def _json(self, one: FakeTicket) -> dict[str, Any]:
        gone = {"deleted": True} if one.gone else {}
        return {"id": int(one.id), "status": int(one.state), "updated_at": iso(one.changed), **gone}


class ServiceCloudServer(DeskServer):
    """https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/"""

    spared = ("/services/oauth2/token",)

    def __init__(self, clock: Callable[[], datetime] = lambda: START) -> None:
        super().__init__(clock)
        self.session = "00D-session"

    def number(self) -> str:
        return f"5000000000000{super().number()}AAA"[-18:]

    def access(self, request: Request) -> bool:
        return request.path in self.spared or request.token == f"Bearer {self.session}"

    def serve(self, request: Request, told: dict[str, Any]) -> Reply:
        if request.path in self.spared:
            form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
            if form.get("client_secret") != TOKEN or form.get("grant_type") != "client_credentials":
                return Reply({"error": "invalid_client"}, 400)
            return Reply({"access_token": self.session, "instance_url": self.base_url})
        path = request.path.removeprefix("/services/data/v60.0")
        if path == "/query":
            return self._query(request.query["q"])
        if path == "/sobjects/CaseComment":
            return Reply({"id": self.say(told["ParentId"], told["CommentBody"], public=told["IsPublished"])}, 201)
        if found := re.fullmatch(r"/sobjects/Case/Vigie_Reference__c/([\w-]+)", path):
            return self._upsert(found[1], told)
        found = re.fullmatch(r"/sobjects/Case/(\w+)", path)
        ticket = self.living(found[1]) if found else None
        if ticket is None:
            return Reply([{"errorCode": "NOT_FOUND", "message": "…"}], 404)
        ticket.facts |= told
        self.set_state(ticket.id, told.get("Status", ticket.state))
        return Reply(b"", 204)

    def _upsert(self, reference: str, told: dict[str, Any]) -> Reply:
        known = next((one for one in self.tickets.values() if one.reference == reference), None)
        if known is None:
            known = self.add(reference, told["Status"], told)
            return Reply({"id": known.id, "success": True, "created": True, "errors": []}, 201)
        known.facts |= told
        self.set_state(known.id, told.get("Status", known.state))
        return Reply({"id": known.id, "success": True, "created": False, "errors": []})

    def _query(self, soql: str) -> Reply:
        living = [one for one in self.tickets.values() if not one.gone]
        if found := re.search(r"FROM CaseComment WHERE ParentId = '(\w+)'", soql):
            said = [one for ticket in living if ticket.id == found[1] for one in ticket.comments]
            rows = [{"Id": one.id, "CommentBody": one.text, "IsPublished": one.public} for one in said]
        elif found := re.search(r"FROM CaseComment WHERE SystemModstamp >= (\S+)", soql):
            since = datetime.fromisoformat(found[1])
            rows = [{"ParentId": ticket.id} for ticket in living for one in ticket.comments if one.at >= since]
        else:
            rows = [self._json(one) for one in living if self._holds(one, soql)]
        return Reply({"totalSize": len(rows), "done": True, "records": rows})

    def _holds(self, one: FakeTicket, soql: str) -> bool:
        if found := re.search(r"Vigie_Reference__c = '([\w-]+)'", soql):
            return one.reference == found[1]
        if found := re.search(r"WHERE Id = '(\w+)'", soql):
            return one.id == found[1]
        found = re.search(r"SystemModstamp >= (\S+)", soql)
        return found is not None and one.changed >= datetime.fromisoformat(found[1])

    def _json(self, one: FakeTicket) -> dict[str, Any]:
        return {"Id": one.id, "Status": one.state, "SystemModstamp": one.changed.strftime("%Y-%m-%dT%H:%M:%S.000+0000")}


class EventServer(DeskServer):
    """Whoever takes our signed events: keeps each `webhook-id` once, as the specification asks of receivers."""

    def __init__(self, clock: Callable[[], datetime] = lambda: START) -> None:
        super().__init__(clock)
        self.genuine: Callable[[Request], bool] = lambda request: True
        self.taken: dict[str, dict[str, Any]] = {}

    def access(self, request: Request) -> bool:
        return self.genuine(request)

    def serve(self, request: Request, told: dict[str, Any]) -> Reply:
        if request.headers["webhook-id"] in self.taken:
            return Reply({})
        self.taken[request.headers["webhook-id"]] = told
        data, name = told["data"], told["subject"]
        if told["type"] == "vigie.case.opened":
            ticket = FakeTicket(name, name, data["state"], self.clock(), data)
            self.tickets[name] = ticket
            self.say(name, data["text"])
        elif told["type"] == "vigie.case.commented":
            self.tickets[name].comments.append(
                FakeComment(data["comment"]["id"], data["comment"]["text"], False, START)
            )
        else:
            self.tickets[name].facts |= data
            self.tickets[name].state = data.get("state", self.tickets[name].state)
        return Reply({})


LOST = Fault(delay_seconds=3.0)
