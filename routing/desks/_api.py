"""Asking a desk: what an answer that is none means, apart for what reads and for what writes."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx

from domain.errors import Misconfigured, Permanent, Transient, Uncertain
from listeners.api import http_client
from listeners.waits import DEFAULT_WAIT_SECONDS, wait_seconds
from listeners.wire import Answer, NoAnswer, fetch
from routing.desks.base import Busy

GONE = (404, 410)
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_. ]{0,60}")


class DeskApi:
    """One desk's HTTP. `who` names it in messages; `headers` gives what every request carries."""

    def __init__(
        self,
        who: str,
        base_url: str,
        headers: Callable[[], Mapping[str, str]],
        timeout_seconds: float,
        now: Callable[[], datetime],
    ) -> None:
        self.who, self.base_url = who, base_url
        self._headers, self._seconds, self._now = headers, timeout_seconds, now
        self._client: httpx.Client | None = None

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """The JSON of a good answer, None where there is no such thing."""
        answer = self._ask("GET", path, params=dict(params or {}))
        if isinstance(answer, NoAnswer):
            raise Transient(f"{self.who} {answer}")
        if answer.status_code in GONE:
            return None
        if answer.status_code >= 500:
            raise Transient(f"{self.who} is in trouble ({answer.status_code})", self._wait(answer))
        self._refuse(answer)
        return self._json(answer, Transient)

    def send(self, method: str, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Any:
        """The JSON of what was written, {} for an empty answer; Uncertain where nobody knows whether it was."""
        kind = "content" if isinstance(body, bytes) else "json"
        return self._written(self._ask(method, path, headers=dict(headers or {}), **{kind: body}))

    def form(self, path: str, values: Mapping[str, str]) -> Any:
        """The JSON of the answer to a form."""
        return self._written(self._ask("POST", path, data=dict(values)))

    def _written(self, answer: Answer | NoAnswer) -> Any:
        if isinstance(answer, NoAnswer):
            raise Uncertain(f"{self.who} {answer}")
        if answer.status_code >= 500:
            raise Uncertain(f"{self.who} is in trouble ({answer.status_code})")
        self._refuse(answer)
        return self._json(answer, Uncertain) if answer.content.strip() else {}

    def close(self) -> None:
        """Close its connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _ask(self, method: str, path: str, **options: Any) -> Answer | NoAnswer:
        self._client = self._client or http_client()
        given = {**self._headers(), **options.pop("headers", {})}
        url = path if path.startswith("http") else self.base_url + path
        try:
            return fetch(self._client, url, self._seconds, method, headers=given, **options)
        except NoAnswer as error:
            return error

    def _refuse(self, answer: Answer) -> None:
        status, code = answer.status_code, _code(answer)
        if answer.ok:
            return
        if status == 429 or code == "REQUEST_LIMIT_EXCEEDED":
            wait = self._wait(answer)
            raise Busy(f"{self.who} asks to wait ({status})", DEFAULT_WAIT_SECONDS if wait is None else wait)
        if status in (401, 403):
            raise Misconfigured(f"{self.who} refuses us ({status}): its credentials are missing, wrong or too narrow")
        if 300 <= status < 400:
            raise Misconfigured(f"{self.who} has moved ({status}): set base_url to its new address")
        if status == 409:
            raise Transient(f"{self.who}: it was changed meanwhile ({status})")
        raise Permanent(f"{self.who} does not take this ({status}{', ' + code if code else ''})")

    def _json(self, answer: Answer, kind: type[Transient] | type[Uncertain]) -> Any:
        try:
            return answer.json()
        except ValueError:
            raise kind(f"{self.who} answered something that is not JSON, or only a part of it") from None

    def _wait(self, answer: Answer) -> float | None:
        return wait_seconds(answer.headers, self._now())


def _code(answer: Answer) -> str:
    """The desk's own name of an error. Only what looks like a name: messages repeat what they were given."""
    try:
        told = answer.json()
    except ValueError:
        return ""
    told = told[0] if isinstance(told, list) and told else told
    found = (told.get(key) for key in ("errorCode", "code", "error")) if isinstance(told, dict) else ()
    return next((value for value in found if isinstance(value, str) and _CODE.fullmatch(value)), "")


def listed(told: Any, *keys: str) -> list[dict[str, Any]]:
    """The objects of a list at `keys` of an answer. Raises Transient for an answer of another shape."""
    for key in keys:
        told = told.get(key) if isinstance(told, dict) else None
    if not isinstance(told, list):
        raise Transient("the desk answered in another shape than it promises")
    return [item for item in told if isinstance(item, dict)]


def fields(told: Any, *keys: str) -> dict[str, Any]:
    """The object at `keys` of an answer. Raises Transient for an answer of another shape."""
    for key in keys:
        told = told.get(key) if isinstance(told, dict) else None
    if not isinstance(told, dict):
        raise Transient("the desk answered in another shape than it promises")
    return told


def moment(value: object) -> datetime | None:
    """A time as desks write it: ISO 8601, or seconds since 1970. None for anything else."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        told = datetime.fromisoformat(str(value))
    except (ValueError, OverflowError, OSError):
        return None
    return told if told.tzinfo else told.replace(tzinfo=UTC)


def segment(remote_id: str) -> str:
    """An id as a part of a path."""
    return quote(remote_id, safe="")
