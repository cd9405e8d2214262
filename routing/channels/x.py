"""X: a reply where its author called the brand, or a message to an account that takes them (docs.x.com, 2026-11-22).

Since 2026-02-24 X lets programs reply only to who named or quoted the account that replies; a message reaches only
accounts that take messages from it. X has no idempotency key. Reading a post costs money, so that nothing is asked
before the step of no return: whether a post still stands, X says when the reply is handed over.
Both are signed as the account's own (OAuth 1.0a, RFC 5849).
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from pydantic import Field

from domain.errors import Misconfigured, Permanent, Uncertain, VigieError
from domain.message import OutgoingMessage
from listeners.wire import Answer
from routing.channels._http import Call, HttpChannel, Provider, StagedCall, text_at, told
from routing.channels._length import weighted
from routing.channels._network import Target, target, word, words
from routing.channels.base import (
    AddressRefused,
    ChannelSettings,
    ChannelTable,
    Gone,
    Staged,
    Surroundings,
)

NETWORK = "x"
SECTION = f"channels.{NETWORK}"
LONGEST_MESSAGE = 10_000
_ID = re.compile(r"[0-9]{1,19}", re.ASCII)
_OUR_FAULT = ("oauth1-permissions", "client-forbidden", "client-not-enrolled", "unsupported-authentication")
_NO_CREDITS = ("CreditsDepleted", "UsageCapExceeded")


class XSettings(ChannelSettings):
    """The brand's own account: key and secret of the app, token and secret of the account, by environment variables."""

    api_key_env: str = ""
    api_secret_env: str = ""
    token_env: str = ""
    token_secret_env: str = ""
    base_url: str = "https://api.x.com"
    max_characters: int = Field(280, ge=100, le=25_000)
    timeout_seconds: float = Field(20.0, gt=0, le=300)


@dataclass(frozen=True, slots=True, repr=False)
class _Keys:
    api_key: str
    api_secret: str
    token: str
    token_secret: str

    def signed(self, method: str, url: str, body: bytes | None = None) -> dict[str, str]:
        """Headers for one request; a JSON body is not part of what is signed."""
        from oauthlib.oauth1 import Client

        client = Client(self.api_key, self.api_secret, self.token, self.token_secret)
        _, headers, _ = client.sign(url, method)
        kind = {} if body is None else {"Content-Type": "application/json"}
        return {**{str(name): str(value) for name, value in headers.items()}, **kind}


class XChannel(HttpChannel):
    """One account."""

    name: ClassVar[str] = NETWORK
    channel: ClassVar[str] = NETWORK
    Settings: ClassVar[type[ChannelTable]] = XSettings
    max_length: ClassVar[int | None] = 280
    may_write_first: ClassVar[bool] = False

    def __init__(self, settings: XSettings, keys: _Keys, around: Surroundings) -> None:
        self._settings, self._keys = settings, keys
        self._provider = Provider.at(SECTION, settings.base_url, settings.timeout_seconds, around.now)

    @classmethod
    def make(cls, settings: XSettings, around: Surroundings) -> Self:
        """Needs all four secrets."""
        names = ("api_key_env", "api_secret_env", "token_env", "token_secret_env")
        told_keys = (word(around, SECTION, name, getattr(settings, name)) for name in names)
        keys = _Keys(*(key.get_secret_value() for key in told_keys))
        return cls(settings, keys, around)

    @classmethod
    def length(cls, text: str) -> int:
        return weighted(text)

    @contextmanager
    def stage(self, message: OutgoingMessage) -> Iterator[Staged]:
        """Make the request ready. Raises Permanent where X's rules forbid it."""
        post = target(message)
        if post is None:
            yield self._message(message)
        else:
            yield self._reply(message, post)

    def check(self) -> None:
        """Whose keys these are."""
        url = f"{self._provider.base_url}/2/users/me"
        self._provider.ask(Call(url, {"headers": self._keys.signed("GET", url)}, "GET"), _judge)

    def _reply(self, message: OutgoingMessage, post: Target) -> StagedCall:
        if post.attributes.get("reply_allowed") is False:
            raise Permanent("X lets programs reply only to who named or quoted the account")
        newest = str(post.attributes.get("version_id") or post.id)
        if not _ID.fullmatch(newest):
            raise Permanent("the post has no id of X's")
        body = {
            "text": words(message, self._settings.max_characters, weighted),
            "reply": {"in_reply_to_tweet_id": newest},
        }
        return self._call("/2/tweets", body, "id")

    def _message(self, message: OutgoingMessage) -> StagedCall:
        if not _ID.fullmatch(message.address):
            raise AddressRefused("the address is no account id of X's")
        path = f"/2/dm_conversations/with/{message.address}/messages"
        return self._call(path, {"text": words(message, LONGEST_MESSAGE, len)}, "dm_event_id")

    def _call(self, path: str, body: dict[str, Any], id_name: str) -> StagedCall:
        url, content = f"{self._provider.base_url}{path}", json.dumps(body, ensure_ascii=True).encode()
        call = Call(url, {"content": content, "headers": self._keys.signed("POST", url, content)})
        return StagedCall(self._provider, call, lambda answer: text_at(told(answer), "data", id_name), _judge)


CHANNEL = XChannel


def _judge(answer: Answer) -> VigieError | None:
    """X says in words what it does not let happen; nothing of its words is passed on."""
    problem = told(answer)
    kind, title = text_at(problem, "type").rpartition("/")[2], text_at(problem, "title")
    said = text_at(problem, "detail").casefold()
    if answer.status_code == 402 or title in _NO_CREDITS or kind == "usage-capped":
        return Misconfigured("X: no credits are left, or the cap is used up: see X's developer console")
    if answer.status_code != 403 or kind in _OUR_FAULT:
        return None
    if "deleted or not visible" in said:
        return Gone("the post was deleted, or is not visible to us")
    if "duplicate content" in said:
        return Uncertain("X has a post of ours with this very text: it may be this one")
    return Permanent("X does not let this account write there (403)")
