"""Asking a Bluesky server as somebody: the official client builds the calls and keeps the session, the answers are
judged here.

Servers allow 30 logins in 5 minutes and 300 a day for an account, so the session is kept in a file from run to
run, written anew whenever its tokens change, and a lost one is replaced by one login an hour at most.
"""

import os
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from domain.errors import Misconfigured, Permanent, Transient, VigieError
from listeners.api import SHORTEST_SECONDS, host_of, parsed, refusal
from listeners.wire import Answer, NoAnswer, fetch

if TYPE_CHECKING:
    from atproto_client import Client

LOGIN_SECONDS = 3600.0

_LOGIN, _REFRESH = "com.atproto.server.createSession", "com.atproto.server.refreshSession"
_WRONG = frozenset({400, 401, 403})
_STALE = frozenset({"ExpiredToken", "InvalidToken"})
_LOGINS: dict[Path, float] = {}  # when this process last logged in, by the file that keeps the session


@dataclass(frozen=True, slots=True)
class Account:
    """Who asks: a handle, an app password, and the file that keeps the session."""

    handle: str
    password: str = field(repr=False)
    kept_in: Path

    @classmethod
    def of(cls, handle: str, password: str, base_url: str, folder: Path) -> "Account":
        """`folder` holds the sessions of all accounts."""
        name = re.sub(r"[^a-z0-9.-]", "_", f"{host_of(base_url)}-{handle}".lower())
        return cls(handle, password, folder / f"bluesky-{name}.session")

    def load(self) -> str | None:
        """The kept session, None where there is none."""
        try:
            return self.kept_in.read_text(encoding="ascii").strip() or None
        except (OSError, ValueError):
            return None

    def save(self, session: str) -> None:
        """Keep it, for the file's owner alone. Raises `Misconfigured`."""
        beside = self.kept_in.with_suffix(f".{os.getpid()}")
        try:
            self.kept_in.parent.mkdir(parents=True, exist_ok=True)
            with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:  # noqa: PTH123
                file.write(session)
            beside.replace(self.kept_in)
        except OSError as error:
            raise Misconfigured(f"the session of Bluesky cannot be kept in {self.kept_in}: {error.strerror}") from None

    def forget(self) -> None:
        """Drop what is kept; it is worth nothing any more."""
        with suppress(OSError):
            self.kept_in.unlink()


class _Refused(Exception):
    """A bad status; whoever asked says what it means."""

    def __init__(self, url: str, answer: Answer) -> None:
        super().__init__(f"{url} {answer.status_code}")
        self.method, self.answer = url.rpartition("/")[2], answer

    @property
    def error(self) -> str:
        """The name that the protocol gives it, such as ExpiredToken."""
        try:
            body = self.answer.json()
        except ValueError:
            return ""
        name = body.get("error") if isinstance(body, dict) else None
        return name if isinstance(name, str) else ""


class _Wire:
    """Every exchange of the client, bounded by the deadline of the question that it belongs to."""

    def __init__(self, client: httpx.Client, who: str) -> None:
        self._client, self._who = client, who
        self.end = 0.0

    def send(self, method: str, url: str, options: Mapping[str, Any]) -> Answer:
        wanted = {name: value for name, value in options.items() if name in ("params", "headers", "content")}
        left = max(self.end - time.monotonic(), SHORTEST_SECONDS)
        try:
            answer = fetch(self._client, url, left, method, **wanted)
        except NoAnswer as error:
            raise Transient(f"{self._who} {error}") from None
        if not answer.ok:
            raise _Refused(url, answer)
        return answer


def _client(base_url: str, wire: _Wire) -> "Client":
    """The official client over our own exchanges. Its models are left out: one odd record would lose a page."""
    from atproto_client import Client
    from atproto_client.request import Request, RequestBase, Response

    class Exchanges(Request):  # type: ignore[misc]
        def __init__(self) -> None:
            RequestBase.__init__(self)  # without an HTTP client of its own

        def get(self, *_: Any, url: str = "", **options: Any) -> Response:
            return self._answered("GET", url, options)

        def post(self, *_: Any, url: str = "", **options: Any) -> Response:
            return self._answered("POST", url, options)

        def _answered(self, method: str, url: str, options: dict[str, Any]) -> Response:
            headers = self.get_headers(options.pop("headers", None))
            answer = wire.send(method, url, {**options, "headers": headers})
            return Response(True, answer.status_code, parsed(answer, host_of(url)), dict(answer.headers))

    return Client(base_url, request=Exchanges())


class Access:
    """One server, asked signed in (`account`) or signed out."""

    def __init__(
        self,
        base_url: str,
        account: Account | None,
        client: httpx.Client,
        timeout_seconds: float,
        now: Callable[[], datetime],
    ) -> None:
        self.host = host_of(base_url)
        self.account = account
        self._base_url, self._timeout_seconds, self._now = base_url, timeout_seconds, now
        self._wire = _Wire(client, self.host)
        self._made: Client | None = None
        self._session: str | None = None

    def ask(self, method: str, parameters: dict[str, Any], what: str, seconds_left: float | None = None) -> Any:
        """The JSON that a query of the protocol answers; `what` says in messages what was asked for.

        Raises `Transient`, `Permanent`, `Misconfigured`.
        """
        seconds = self._timeout_seconds if seconds_left is None else min(self._timeout_seconds, seconds_left)
        self._wire.end = time.monotonic() + seconds
        try:
            return self._ask(method, parameters)
        except _Refused as refused:
            raise self._refusal(refused, what) from None

    def _ask(self, method: str, parameters: dict[str, Any]) -> Any:
        if self.account is None:
            return self._call(method, parameters)
        if self._session is None and not self._resume():
            self._login()
        renewals = iter((self._resume, self._refresh, self._login))
        while True:
            try:
                return self._call(method, parameters)
            except _Refused as refused:
                if refused.error not in _STALE and refused.method != _REFRESH:
                    raise
                if not any(renew() for renew in renewals):
                    raise

    def _call(self, method: str, parameters: dict[str, Any]) -> Any:
        from atproto_client.models.dot_dict import DotDict
        from atproto_core.exceptions import AtProtocolError

        try:
            answer = self._client.invoke_query(method, params=DotDict(parameters))
        except AtProtocolError:
            raise _no_session(self.host) from None
        return answer.content

    @property
    def _client(self) -> "Client":
        if self._made is None:
            self._made = _client(self._base_url, self._wire)
            self._made.on_session_change(lambda _, session: self._changed(session.export()))
        return self._made

    @property
    def did(self) -> str | None:
        """The signed-in account's id; None before the first question, and signed out."""
        from atproto_client.client.session import Session

        return None if self._session is None else Session.decode(self._session).did

    def headers(self) -> dict[str, str]:
        """What opens the server for the signed-in account, once a question has shown that the session holds."""
        from atproto_client.client.session import Session

        return {} if self._session is None else {"Authorization": f"Bearer {Session.decode(self._session).access_jwt}"}

    # --- the session -----------------------------------------------------------------------------

    def _changed(self, session: str) -> None:
        if self.account is not None and session != self._session:
            self._session = session
            if session != self.account.load():
                self.account.save(session)

    def _resume(self) -> bool:
        """Go on with the kept session; False where there is none, or only the one in use."""
        from atproto_client.client.session import Session
        from atproto_core.exceptions import AtProtocolError

        kept = self.account.load() if self.account else None
        if kept is None or kept == self._session:
            return False
        try:
            if not (Session.decode(kept).access_jwt_payload.exp and Session.decode(kept).refresh_jwt):
                return False
            self._client.login(session_string=kept, fetch_bsky_profile=False)
        except (AtProtocolError, TypeError, ValueError):
            return False
        return True

    def _refresh(self) -> bool:
        """New tokens for a session that the server no longer takes; False where it gives none."""
        from atproto_client.client.session import Session
        from atproto_core.exceptions import AtProtocolError

        old = Session.decode(self._session or "")
        bearer = {"Authorization": f"Bearer {old.refresh_jwt}"}
        try:
            new = self._client.com.atproto.server.refresh_session(headers=bearer, ignore_session_check=True)
        except _Refused as refused:
            if refused.answer.status_code not in _WRONG:
                raise
            return False
        except AtProtocolError:
            raise _no_session(self.host) from None
        session = Session(new.handle, new.did, new.access_jwt, new.refresh_jwt, old.pds_endpoint)
        self._client.login(session_string=session.export(), fetch_bsky_profile=False)
        return True

    def _login(self) -> bool:
        from atproto_core.exceptions import AtProtocolError

        account = self.account
        if account is None:
            return False
        left = _LOGINS.get(account.kept_in, -LOGIN_SECONDS) + LOGIN_SECONDS - time.monotonic()
        if left > 0:
            raise Transient(f"{self.host} ended the session of {account.handle}; the next login waits", left)
        account.forget()
        self._session, self._made = None, None
        counts = True
        try:
            self._client.login(account.handle, account.password, fetch_bsky_profile=False)
        except _Refused as refused:
            counts = refused.answer.status_code in _WRONG
            raise
        except AtProtocolError:
            raise _no_session(self.host) from None
        finally:
            if counts:
                _LOGINS[account.kept_in] = time.monotonic()
        return True

    def _refusal(self, refused: _Refused, what: str) -> VigieError:
        if refused.method == _LOGIN and refused.answer.status_code in _WRONG:
            handle = self.account.handle if self.account else ""
            why = refused.error or str(refused.answer.status_code)
            return Permanent(f"{self.host} does not let {handle} in ({why[:80]}): set a new app password")
        return refusal(refused.answer, self.host, what, self._now())


def _no_session(host: str) -> Transient:
    return Transient(f"{host} answered something that is no session")
