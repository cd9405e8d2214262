"""Mastodon and the servers that speak its API: a public reply, or a message that only one account sees.

`stage` finds the post or the account on our server; `hand_over` is one `POST /api/v1/statuses` with the message id as
`Idempotency-Key` (docs.joinmastodon.org/methods/statuses/#create, read 2026-11-22). Mastodon knows a key for an hour
and other servers know none, so that a message is not handed over again by itself: see `idempotent`.

A message to one account is a status with the visibility `direct`: whoever is named in its text sees it. So the text
itself calls nobody (`_network.words`), and only the recipient is named in front of it. Servers' admins can read it.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, ClassVar, Literal, Self
from urllib.parse import quote

from pydantic import Field, SecretStr

from domain.errors import Misconfigured, Permanent, VigieError
from domain.message import OutgoingMessage
from listeners.wire import Answer
from routing.channels._http import Call, HttpChannel, Provider, StagedCall, text_at, told
from routing.channels._length import mastodon as mastodon_length
from routing.channels._mentions import direct_replies, notifications_of, time_of
from routing.channels._network import Target, gone, language, target, word, words
from routing.channels.base import (
    AddressRefused,
    ChannelSettings,
    ChannelTable,
    Gone,
    Heard,
    Reply,
    Staged,
    Surroundings,
)

NETWORK = "mastodon"
SECTION = f"channels.{NETWORK}"
PAGES, LATE = 5, timedelta(days=7)  # of notifications, each time: as far back as an answer may have been missed
_ID = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_HANDLE = re.compile(
    r"@?(?P<name>\w[\w.-]{0,99})(?:@(?P<host>[a-z0-9](?:[a-z0-9.-]{0,200}[a-z0-9])?(?::\d{1,5})?))?",
    re.ASCII | re.IGNORECASE,
)
_ACCOUNT = re.compile(r"https?://[^\s\"<>\x00-\x20]{3,490}")


class MastodonSettings(ChannelSettings):
    """The brand's own account on its server; the token comes from the environment variable named here.

    It needs the rights `read:accounts read:notifications read:search read:statuses write:statuses`.
    """

    base_url: str = ""
    token_env: str = ""
    visibility: Literal["public", "unlisted"] = "unlisted"
    max_characters: int = Field(500, ge=100, le=100_000)
    timeout_seconds: float = Field(20.0, gt=0, le=300)


class MastodonChannel(HttpChannel):
    """One account."""

    name: ClassVar[str] = NETWORK
    channel: ClassVar[str] = NETWORK
    Settings: ClassVar[type[ChannelTable]] = MastodonSettings
    max_length: ClassVar[int | None] = 500

    def __init__(self, settings: MastodonSettings, token: SecretStr, around: Surroundings) -> None:
        self._settings = settings
        self._provider = Provider.at(SECTION, settings.base_url, settings.timeout_seconds, around.now)
        self._token = token

    @classmethod
    def make(cls, settings: MastodonSettings, around: Surroundings) -> Self:
        """Needs a server and a token."""
        if not settings.base_url:
            raise Misconfigured(f"{SECTION} is on but has no base_url: the server of the brand's account")
        return cls(settings, word(around, SECTION, "token_env", settings.token_env), around)

    @classmethod
    def length(cls, text: str) -> int:
        return mastodon_length(text)

    @classmethod
    def reply(cls, text: str, handle: str) -> str:
        return f"@{handle.removeprefix('@')} {text}" if handle else text

    @contextmanager
    def stage(self, message: OutgoingMessage) -> Iterator[Staged]:
        """Find whom it is for. Raises Gone, AddressRefused …"""
        post = target(message)
        status = self._direct(message) if post is None else self._reply(message, post)
        key = {**self._headers(), "Idempotency-Key": message.id}
        call = Call(f"{self._provider.base_url}/api/v1/statuses", {"json": status, "headers": key})
        yield StagedCall(self._provider, call, lambda answer: text_at(told(answer), "uri"), _judge)

    def collect(self) -> Heard:
        """The direct messages of the last days that name our account, the newest first."""
        since, below, found = self._provider.now() - LATE, "", list[Reply]()
        for _ in range(PAGES):
            asked = {"types[]": "mention", "limit": "80"} | ({"max_id": below} if below else {})
            page = notifications_of(self._get("/api/v1/notifications", asked))
            found += direct_replies(page)
            below = text_at(page, -1, "id")
            oldest = time_of(page[-1]) if page else None
            if not below or oldest is None or oldest < since:
                break
        return Heard(replies=tuple(found))

    def check(self) -> None:
        """Whether the token is an account's."""
        account = told(self._get("/api/v1/accounts/verify_credentials", {}))
        if not text_at(account, "id"):
            raise Misconfigured(f"{self._provider.who} is no server of the Mastodon kind: see {SECTION}.base_url")

    def _reply(self, message: OutgoingMessage, post: Target) -> dict[str, Any]:
        parent = self._post(post)
        seen = {"visibility": self._settings.visibility, "in_reply_to_id": text_at(parent, "id")}
        return self._status(message, text_at(parent, "account", "acct"), seen)

    def _direct(self, message: OutgoingMessage) -> dict[str, Any]:
        known_as = str(message.extra.get("handle") or "")
        return self._status(message, self._account(message.address.strip(), known_as), {"visibility": "direct"})

    def _status(self, message: OutgoingMessage, acct: str, seen: dict[str, Any]) -> dict[str, Any]:
        if _HANDLE.fullmatch(acct) is None:
            raise Permanent("the server does not say whose account this is")
        called = f"@{self._short(acct)} "
        room = self._settings.max_characters - mastodon_length(called)
        status = {"status": called + words(message, room, mastodon_length), **seen}
        spoken = language(message)
        return {**status, "language": spoken} if spoken else status

    def _post(self, post: Target) -> Mapping[str, Any]:
        """The post as our server knows it: by its own id where it was heard there, otherwise by its address."""
        own, here = str(post.attributes.get("instance_id") or ""), post.attributes.get("instance")
        if here == self._provider.who and _ID.fullmatch(own):
            return told(self._get(f"/api/v1/statuses/{own}", {}, self._is_gone))
        found = self._search(post.id, "statuses")
        known: Mapping[str, Any] | None = next((one for one in found if text_at(one, "uri") == post.id), None)
        if known is None:
            raise Permanent("our server does not find the post")
        return known

    def _account(self, address: str, known_as: str) -> str:
        """`name@host` of an account, which is named by that or by its address.

        A handle that is known beside the address helps to find the account; the address decides.
        """
        by_handle = _HANDLE.fullmatch(address) is not None
        if not by_handle and _ACCOUNT.fullmatch(address) is None:
            raise AddressRefused("the address is no account of Mastodon's")
        for asked in [address] if by_handle or not _HANDLE.fullmatch(known_as) else [address, known_as]:
            known = f"@{self._full(asked.removeprefix('@'))}" if _HANDLE.fullmatch(asked) else asked
            for account in self._search(known, "accounts"):
                acct = text_at(account, "acct")
                if address in (text_at(account, "uri"), text_at(account, "url")):
                    return acct
                if by_handle and self._full(acct) == self._full(address.removeprefix("@")):
                    return acct
        raise Permanent("our server does not find the account")

    def _is_gone(self, answer: Answer) -> VigieError | None:
        """A 404 of a server that knows our account is a deleted post; some say so without a word of JSON."""
        if answer.status_code in (404, 410) and not told(answer):
            self.check()
            return Gone("the post was deleted, or is not shown to us")
        return gone(answer, "post")

    def _short(self, acct: str) -> str:
        """An account of our own server is named without it: with a port in it some servers find nobody."""
        name, _, host = acct.partition("@")
        return name if host.casefold() == self._provider.who else acct

    def _full(self, acct: str) -> str:
        return (acct if "@" in acct else f"{acct}@{self._provider.who}").casefold()

    def _search(self, words_: str, kind: str) -> list[Any]:
        answer = self._get("/api/v2/search", {"q": words_, "type": kind, "resolve": "true", "limit": "5"})
        found = told(answer).get(kind)
        return found if isinstance(found, list) else []

    def _get(self, path: str, params: dict[str, str], judge: Any = None) -> Answer:
        url = f"{self._provider.base_url}{quote(path)}"
        return self._provider.ask(Call(url, {"headers": self._headers(), "params": params}, "GET"), judge)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token.get_secret_value()}", "Accept": "application/json"}


CHANNEL = MastodonChannel


def _judge(answer: Answer) -> VigieError | None:
    return gone(answer, "post")
