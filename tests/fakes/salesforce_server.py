"""A server that speaks the part of Salesforce's REST API that answers the SOQL of `listeners/crm/salesforce.py`.

with SalesforceServer() as server:
    server.record("003000000000001AAA", FirstName="Anne", Email="anne@example.org")
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.fakes.server import FakeServer, Reply, Request

START = datetime(2026, 11, 2, 10, tzinfo=UTC)
FIELDS = frozenset(
    """Id FirstName LastName Email Phone MobilePhone MailingStreet MailingCity MailingPostalCode IsDeleted
    SystemModstamp Loyalty__c""".split()
)
QUERY = re.compile(
    r"SELECT (?P<fields>.+?) FROM Contact(?: WHERE (?P<where>.+?))?(?: ORDER BY [\w, ]+?)?(?: LIMIT (?P<limit>\d+))?"
)


class SalesforceServer(FakeServer):
    """Records live in `records` by id. A page of a query holds `page` records."""

    def __init__(self, token: str = "00D!token") -> None:
        super().__init__()
        self.token = token
        self.records: dict[str, dict[str, Any]] = {}
        self.page = 2000
        self.clock = START
        self._open: dict[str, list[dict[str, Any]]] = {}

    def record(self, id_: str, **fields: Any) -> None:
        """A new record, or a changed one; a minute after the last change."""
        self.clock += timedelta(minutes=1)
        empty = dict.fromkeys(FIELDS)
        old = self.records.get(id_, empty)
        self.records[id_] = {**old, "Id": id_, "IsDeleted": False, **fields, "SystemModstamp": self.clock}

    def answer(self, request: Request) -> Reply:
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return problem(401, "INVALID_SESSION_ID", "Session expired or invalid")
        found = re.fullmatch(r"/services/data/v[\d.]+/(query|queryAll)/(.*)", request.path)
        if request.method != "GET" or found is None:
            return problem(404, "NOT_FOUND", "The requested resource does not exist")
        if found[2]:
            return self._page(found[2]) if found[2] in self._open else problem(400, "INVALID_QUERY_LOCATOR", "gone")
        return self._query(request.query["q"], found[1] == "queryAll")

    def _query(self, soql: str, deleted: bool) -> Reply:
        parts = QUERY.fullmatch(soql)
        if parts is None:
            return problem(400, "MALFORMED_QUERY", f"unexpected token in {soql}")
        living = [one for one in self.records.values() if deleted or not one["IsDeleted"]]
        found = [
            one for one in living if all(holds(one, part) for part in (parts["where"] or "").split(" AND ") if part)
        ]
        if parts["fields"] == "count()":
            return Reply({"totalSize": len(found), "done": True, "records": []})
        fields = parts["fields"].split(", ")
        unknown = [field for field in fields if field not in FIELDS]
        if unknown:
            return problem(400, "INVALID_FIELD", f"No such column '{unknown[0]}' on entity 'Contact'")
        key = "SystemModstamp" if "ORDER BY SystemModstamp" in soql else "Id"
        told = sorted(found, key=lambda one: (one[key], one["Id"]))[: int(parts["limit"] or 10**9)]
        rows = [{"attributes": {"type": "Contact"}, **{field: one[field] for field in fields}} for one in told]
        for row in rows:
            if "SystemModstamp" in row:
                row["SystemModstamp"] = row["SystemModstamp"].strftime("%Y-%m-%dT%H:%M:%S.000+0000")
        return self._answered(rows, 0, len(rows))

    def _page(self, locator: str) -> Reply:
        start = int(locator.rpartition("-")[2])
        rows = self._open[locator]
        return self._answered(rows, start, len(rows))

    def _answered(self, rows: list[dict[str, Any]], start: int, total: int) -> Reply:
        end = start + self.page
        body: dict[str, Any] = {"totalSize": total, "done": end >= total, "records": rows[start:end]}
        if end < total:
            locator = f"01gQUERY-{end}"
            self._open[locator] = rows
            body["nextRecordsUrl"] = f"/services/data/v59.0/query/{locator}"
        return Reply(body)


def holds(one: dict[str, Any], condition: str) -> bool:
    """Whether a record meets one condition of those that are asked."""
    text = condition.strip("()")
    if found := re.fullmatch(r"Id > '(\w+)'", text):
        return bool(one["Id"] > found[1])
    if found := re.fullmatch(r"SystemModstamp >= (\S+)", text):
        return bool(one["SystemModstamp"] >= datetime.fromisoformat(found[1]))
    field, _, value = text.partition(" = ")
    return bool(one[field] == value.strip("'"))


def problem(status: int, code: str, message: str) -> Reply:
    """As Salesforce words its errors."""
    return Reply([{"message": message, "errorCode": code}], status)
