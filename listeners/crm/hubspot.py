"""Contacts of HubSpot, by its official client (CRM API v3).

    cursor = {"since": "2026-11-02T10:00:00+00:00", "whole_at": "…"}                 between readings
             + {"reading": "whole", "after": "4711", "began": "…"}                   within one

The whole comes by the list of contacts, 100 a request, in the order of their ids; changes by the search, 200 a
request and 10,000 a search, after which it is begun again at the newest change told. Archived contacts are gone.
https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/guide
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.errors import Misconfigured, Permanent, Transient
from listeners.crm.base import Columns, Cursor, Reread, SourceBatch, sorted_rows

COLUMNS = {
    "customer_id": "hs_object_id",
    "first_name": "firstname",
    "last_name": "lastname",
    "emails": "email",
    "phones": "phone;mobilephone",
    "address": "address",
    "city": "city",
    "postal_code": "zip",
    "language": "hs_language",
}
CHANGED = "lastmodifieddate"
LISTED, SEARCHED, SEARCH_END = 100, 200, 10_000
OVERLAP = timedelta(minutes=5)  # the search knows a change some seconds after it was made
TOO_MANY_SECONDS, DOWN_SECONDS = 10.0, 60.0


class HubSpotSource(Reread):
    """The contacts that a private app's token may read."""

    kind = "hubspot"

    def __init__(
        self,
        name: str,
        token: str,
        columns: Columns,
        now: Callable[[], datetime],
        base_url: str = "",
        whole_every: timedelta = timedelta(hours=24),
        timeout_seconds: float = 60.0,
    ) -> None:
        try:
            from hubspot import HubSpot
            from urllib3.util.retry import Retry
        except ImportError as error:
            raise Misconfigured(
                f"customers.sources.{name}: HubSpot's client is not installed: pip install '.[hubspot]'"
            ) from error
        options = {"host": base_url.rstrip("/")} if base_url else {}
        self._contacts = HubSpot(access_token=token, retry=Retry(0), **options).crm.contacts
        self._name, self._columns, self._now = name, {**COLUMNS, **columns}, now
        self._whole_every, self._timeout = whole_every, timeout_seconds
        named = (part.strip() for spec in self._columns.values() for part in spec.split(";"))
        self._properties = sorted({*named, CHANGED})
        self._asked_for = {part.strip() for spec in columns.values() for part in spec.split(";")}

    def check(self) -> str:
        """One contact."""
        self._ask(lambda: self._contacts.basic_api.get_page(limit=1, _request_timeout=self._timeout))
        return "answers"

    def close(self) -> None:
        """The client closes its pool itself."""

    def _whole(self, place: Cursor) -> Iterator[SourceBatch]:
        first = place.get("reading") != "whole"
        began, after = (self._now().isoformat(), None) if first else (place["began"], place["after"])
        while True:
            page = self._list(after, archived=False)
            after = _next(page)
            if after is None:
                done = {"since": began, "whole_at": began}
                yield self._batch(page.results, done, whole=True, first=first, last=True, waiting=0)
                return
            under_way = {**place, "reading": "whole", "after": after, "began": began}
            yield self._batch(page.results, under_way, whole=True, first=first)
            first = False

    def _changes(self, place: Cursor) -> Iterator[SourceBatch]:
        began, first = self._now().isoformat(), True
        since, after = datetime.fromisoformat(place["since"]) - OVERLAP, None
        while True:
            page = self._search(since, after)
            after = _next(page)
            told = int(after or 0)
            yield self._batch(page.results, place, first=first, waiting=max(0, page.total - len(page.results) - told))
            first = False
            if after is None:
                break
            if told + SEARCHED > SEARCH_END:  # the search ends here: begin it again
                newest = max(datetime.fromisoformat(row.properties[CHANGED]) for row in page.results)
                if newest <= since:
                    raise Transient(f"customers.sources.{self._name}: too many contacts changed in one instant", 3600)
                since, after = newest, None
        yield SourceBatch({**place, "since": began}, gone=tuple(self._archived(place["since"])), last=True, waiting=0)

    def _archived(self, since: str) -> Iterator[str]:
        after = None
        while True:
            page = self._list(after, archived=True)
            for row in page.results:
                if row.archived_at is None or _aware(row.archived_at) >= datetime.fromisoformat(since) - OVERLAP:
                    yield str(row.id)
            after = _next(page)
            if after is None:
                return

    def _list(self, after: str | None, archived: bool) -> Any:
        options = {"after": after} if after else {}
        return self._ask(
            lambda: self._contacts.basic_api.get_page(
                limit=LISTED, properties=self._properties, archived=archived, _request_timeout=self._timeout, **options
            )
        )

    def _search(self, since: datetime, after: str | None) -> Any:
        milliseconds = str(int(since.timestamp() * 1000))
        changed = {"propertyName": CHANGED, "operator": "GTE", "value": milliseconds}
        request = {
            "filterGroups": [{"filters": [changed]}],
            "sorts": [{"propertyName": CHANGED, "direction": "ASCENDING"}],
            "properties": self._properties,
            "limit": SEARCHED,
        } | ({"after": after} if after else {})
        return self._ask(
            lambda: self._contacts.search_api.do_search(
                public_object_search_request=request, _request_timeout=self._timeout
            )
        )

    def _batch(self, results: Sequence[Any], cursor: Cursor, **facts: Any) -> SourceBatch:
        rows = [{**row.properties, "hs_object_id": str(row.id)} for row in results]
        if rows:
            self._knows_properties(rows[0])
        customers, rejected = sorted_rows([_without_own(row, self._columns) for row in rows], self._columns, self._name)
        return SourceBatch(cursor, customers, rejected=rejected, **facts)

    def _knows_properties(self, row: Mapping[str, Any]) -> None:
        """HubSpot leaves out a property that it does not know; one that is empty it tells as null."""
        unknown = sorted(self._asked_for - row.keys())
        if unknown:
            raise Misconfigured(f"customers.sources.{self._name}: HubSpot has no property {', '.join(unknown)}")

    def _ask(self, call: Callable[[], Any]) -> Any:
        from hubspot.crm.contacts.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        who = f"customers.sources.{self._name}: HubSpot"
        try:
            page = call()
            if page.results is None:
                raise ValueError("no page")
            return page
        except HTTPError as error:
            raise Transient(f"{who} cannot be reached ({type(error).__name__})", DOWN_SECONDS) from error
        except ApiException as error:
            status = int(error.status or 0)
            why = _message(error.body)
            if status in (401, 403):
                raise Permanent(
                    f"{who} refuses the token ({status}{why}): make a new one with crm.objects.contacts.read"
                ) from error
            if status == 429 or status >= 500 or status < 300:
                wait = TOO_MANY_SECONDS if status == 429 else DOWN_SECONDS
                told = str((error.headers or {}).get("Retry-After", ""))
                raise Transient(f"{who} answered {status}{why}", float(told) if told.isdigit() else wait) from error
            raise Misconfigured(f"{who} answered {status}{why}") from error
        except (ValueError, TypeError, AttributeError) as error:
            raise Transient(f"{who} answered something that is no page of contacts", DOWN_SECONDS) from error


def _without_own(row: Mapping[str, Any], columns: Columns) -> dict[str, Any]:
    """Without HubSpot's own dates, which would make every contact look changed."""
    named = {part.strip() for spec in columns.values() for part in spec.split(";")}
    return {name: value for name, value in row.items() if name in named}


def _next(page: Any) -> str | None:
    return page.paging.next.after if page.paging and page.paging.next else None


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _message(body: Any) -> str:
    try:
        told = json.loads(body)["message"]
    except (ValueError, KeyError, TypeError):
        return ""
    return f": {str(told)[:200]}"
