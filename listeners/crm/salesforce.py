"""Contacts (or another object) of Salesforce, by simple-salesforce (REST API, SOQL).

    cursor = {"since": "2026-11-02T10:00:00+00:00", "whole_at": "…"}                 between readings
             + {"reading": "whole", "after": "003…", "began": "…"}                   within one

The whole comes in the order of ids, so that it goes on where it was cut off; changes by SystemModstamp, with what
was deleted (queryAll). https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from domain.errors import Misconfigured, Permanent, Transient
from listeners.crm.base import Columns, Cursor, Reread, SourceBatch, sorted_rows

COLUMNS = {
    "customer_id": "Id",
    "first_name": "FirstName",
    "last_name": "LastName",
    "emails": "Email",
    "phones": "Phone;MobilePhone",
    "address": "MailingStreet",
    "city": "MailingCity",
    "postal_code": "MailingPostalCode",
}
OVERLAP = timedelta(minutes=5)
PAGE = 2000
DOWN_SECONDS, LIMIT_SECONDS = 60.0, 3600.0
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)*")
_ID = re.compile(r"[A-Za-z0-9]{15,18}")


class SalesforceSource(Reread):
    """One object of an organisation. `login` is what simple-salesforce takes to sign in."""

    kind = "salesforce"

    def __init__(
        self,
        name: str,
        base_url: str,
        login: Mapping[str, str],
        columns: Columns,
        now: Callable[[], datetime],
        object_name: str = "Contact",
        where: str = "",
        whole_every: timedelta = timedelta(hours=24),
        timeout_seconds: float = 60.0,
    ) -> None:
        self._name, self._columns, self._now = name, {**COLUMNS, **columns}, now
        self._object, self._where, self._whole_every = object_name, where, whole_every
        self._base_url, self._login, self._timeout = base_url.rstrip("/"), dict(login), timeout_seconds
        fields = {part.strip() for spec in self._columns.values() for part in spec.split(";")} | {"Id"}
        wrong = sorted(field for field in {*fields, object_name} if not _NAME.fullmatch(field))
        if wrong:
            raise Misconfigured(f"customers.sources.{name}: {wrong[0]!r} is no name of a field of Salesforce")
        self._fields = sorted(fields)
        self._client: Any = None
        _library(name)

    def check(self) -> str:
        """How many there are."""
        query = f"SELECT count() FROM {self._object}{self._condition()}"  # noqa: S608 - names that were looked at
        total = self._ask(query)["totalSize"]
        return f"{total} of {self._object}"

    def close(self) -> None:
        """Close its connections."""
        if self._client is not None:
            self._client.session.close()

    def _whole(self, place: Cursor) -> Iterator[SourceBatch]:
        first = place.get("reading") != "whole"
        began, after = (self._now().isoformat(), "") if first else (place["began"], str(place["after"]))
        while True:
            later = f"Id > '{after}'" if after else ""
            query = f"{self._select()}{self._condition(later)} ORDER BY Id LIMIT {PAGE}"
            page = self._ask(query)
            records = page["records"]
            if len(records) < PAGE:
                done = {"since": began, "whole_at": began}
                yield self._batch(records, done, whole=True, first=first, last=True, waiting=0)
                return
            after = _id(records[-1]["Id"])
            under_way = {**place, "reading": "whole", "after": after, "began": began}
            yield self._batch(records, under_way, whole=True, first=first)
            first = False

    def _changes(self, place: Cursor) -> Iterator[SourceBatch]:
        began, first = self._now().isoformat(), True
        since = datetime.fromisoformat(place["since"]).astimezone(UTC) - OVERLAP
        changed = f"SystemModstamp >= {since:%Y-%m-%dT%H:%M:%SZ}"
        query = f"{self._select('IsDeleted')}{self._condition(changed)} ORDER BY SystemModstamp, Id"
        page = self._ask(query, deleted=True)
        taken = 0
        while True:
            records, taken = page["records"], taken + len(page["records"])
            living = [record for record in records if not record.get("IsDeleted")]
            gone = [_id(record["Id"]) for record in records if record.get("IsDeleted")]
            last = bool(page["done"])
            yield self._batch(
                living,
                {**place, "since": began} if last else place,
                gone=gone,
                first=first,
                last=last,
                waiting=0 if last else max(0, int(page["totalSize"]) - taken),
            )
            if last:
                return
            first = False
            page = self._more(str(page["nextRecordsUrl"]).rpartition("/")[2])

    def _select(self, *more: str) -> str:
        return f"SELECT {', '.join([*self._fields, *more])} FROM {self._object}"  # noqa: S608 - names that were looked at

    def _condition(self, *more: str) -> str:
        conditions = [f"({self._where})"] if self._where else []
        conditions += [condition for condition in more if condition]
        return f" WHERE {' AND '.join(conditions)}" if conditions else ""

    def _batch(self, records: list[dict[str, Any]], cursor: Cursor, **facts: Any) -> SourceBatch:
        rows = [{field: _inside(record, field) for field in self._fields} for record in records]
        customers, rejected = sorted_rows(rows, self._columns, self._name)
        return SourceBatch(cursor, customers, rejected=rejected, **facts)

    def _ask(self, query: str, deleted: bool = False) -> dict[str, Any]:
        return self._judged(lambda client: client.query(query, include_deleted=deleted, timeout=self._timeout))

    def _more(self, locator: str) -> dict[str, Any]:
        return self._judged(lambda client: client.query_more(locator, include_deleted=True, timeout=self._timeout))

    def _judged(self, call: Callable[[Any], Any]) -> dict[str, Any]:
        """The answer, or what its failure means."""
        import requests
        from simple_salesforce.exceptions import SalesforceAuthenticationFailed, SalesforceError

        who = f"customers.sources.{self._name}: Salesforce"
        try:
            page = call(self._connected())
            if not isinstance(page.get("records"), list) or "done" not in page:
                raise ValueError("no page")
            return dict(page)
        except SalesforceAuthenticationFailed as error:
            raise Permanent(f"{who} refuses to sign in ({error.code})") from error
        except SalesforceError as error:
            raise _meaning(who, int(error.status or 0), error.content) from error
        except requests.RequestException as error:
            raise Transient(f"{who} cannot be reached ({type(error).__name__})", DOWN_SECONDS) from error
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise Transient(f"{who} answered something that is no page of records", DOWN_SECONDS) from error

    def _connected(self) -> Any:
        if self._client is None:
            self._client = _library(self._name)(**self._login, object_pairs_hook=None)
            if "session_id" in self._login:  # the library writes https:// before every host
                self._client.base_url = f"{self._base_url}/services/data/v{self._client.sf_version}/"
        return self._client


def _library(name: str) -> Any:
    try:
        from simple_salesforce import Salesforce
    except ImportError as error:
        raise Misconfigured(
            f"customers.sources.{name}: its client is not installed: pip install '.[salesforce]'"
        ) from error
    return Salesforce


def login_of(base_url: str, token: str | None, key: str | None, secret: str | None) -> dict[str, str]:
    """What signs in: a token, or a connected app's key and secret (client credentials); empty without either."""
    if token:
        return {"session_id": token, "instance_url": base_url}
    if key and secret:
        host = urlsplit(base_url).hostname or ""
        return {"consumer_key": key, "consumer_secret": secret, "domain": host.removesuffix(".salesforce.com")}
    return {}


def _meaning(who: str, status: int, content: Any) -> Exception:
    first = content[0] if isinstance(content, list) and content and isinstance(content[0], dict) else {}
    code, why = str(first.get("errorCode", "")), str(first.get("message", ""))[:300].replace("\n", " ")
    told = f"{who} answered {status} {code}: {why}".rstrip(": ")
    if status == 401:
        return Permanent(f"{told}; the token no longer holds")
    if code in ("REQUEST_LIMIT_EXCEEDED", "SERVER_UNAVAILABLE") or status in (420, 429):
        return Transient(told, LIMIT_SECONDS)
    if status >= 500 or status < 300:
        return Transient(told, DOWN_SECONDS)
    return Permanent(told) if status == 403 else Misconfigured(told)


def _id(value: Any) -> str:
    """An id goes into the next query: nothing else may."""
    if not _ID.fullmatch(str(value)):
        raise ValueError(f"{value!r} is no id")
    return str(value)


def _inside(record: Mapping[str, Any], field: str) -> Any:
    """A field, or one of a related record: `Account.Name`."""
    value: Any = record
    for part in field.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return json.dumps(value) if isinstance(value, (dict, list)) else value
