"""Bluesky: a public reply, or a chat message to an account that takes them (docs.bsky.app, read 2026-11-22).

A reply is a record of ours. Its key is drawn from the message id, and it is put (`com.atproto.repo.putRecord`), so
that handing it over again writes the same record; and asking for that key proves whether it is there. A chat message
(`chat.bsky.convo.sendMessage`) has no such key: `idempotent` therefore promises nothing. Chat reaches only accounts
that take messages from the brand's, by default those that follow it; the app password must allow direct messages.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar, Self

from pydantic import Field

from domain.errors import Misconfigured, Permanent, Transient, VigieError
from domain.message import OutgoingMessage
from listeners.api import http_client
from listeners.bluesky.listener import SIGNED_IN
from listeners.bluesky.session import Access, Account
from listeners.wire import Answer
from routing.channels._http import Call, HttpChannel, Provider, StagedCall, text_at, told
from routing.channels._length import graphemes, links
from routing.channels._mime import safe_id
from routing.channels._network import Target, language, secret, target, words
from routing.channels.base import (
    AddressRefused,
    ChannelSettings,
    ChannelTable,
    Gone,
    Staged,
    Surroundings,
    Unavailable,
)

NETWORK = "bluesky"
SECTION = f"channels.{NETWORK}"
COLLECTION = "app.bsky.feed.post"
CHAT = "did:web:api.bsky.chat#bsky_chat"
LONGEST_REPLY, LONGEST_REPLY_BYTES = 300, 3000
LONGEST_CHAT = 1000
_URI = re.compile(r"at://did:[a-z]+:[\w.:%-]{1,200}/app\.bsky\.feed\.post/[\w.~:-]{1,512}", re.ASCII)
_DID = re.compile(r"did:[a-z]+:[\w.:%-]{1,200}", re.ASCII)
_HANDLE = re.compile(
    r"@?((?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,20}[a-z][a-z0-9-]{0,62})", re.ASCII | re.IGNORECASE
)
_SIGNS = "234567abcdefghijklmnopqrstuvwxyz"  # base32-sortable (atproto.com/specs/tid)
_YEAR_2024, _TWO_YEARS = 1_704_067_200_000_000, 2 * 365 * 86_400_000_000  # microseconds
_TAKES_NONE = frozenset(
    {"MessagesDisabled", "NotFollowedBySender", "BlockedActor", "BlockedSubject", "AccountSuspended"}
)
_STALE = frozenset({"ExpiredToken", "InvalidToken"})


class BlueskySettings(ChannelSettings):
    """The brand's own account; its app password comes from the environment variable named here."""

    handle: str = ""
    password_env: str = ""
    base_url: str = SIGNED_IN
    timeout_seconds: float = Field(20.0, gt=0, le=300)


class BlueskyChannel(HttpChannel):
    """One account. It shares its session with the listener of the same account."""

    name: ClassVar[str] = NETWORK
    channel: ClassVar[str] = NETWORK
    Settings: ClassVar[type[ChannelTable]] = BlueskySettings
    max_length: ClassVar[int | None] = LONGEST_REPLY
    may_write_first: ClassVar[bool] = False

    def __init__(self, settings: BlueskySettings, account: Account, around: Surroundings) -> None:
        self._now = around.now
        seconds = settings.timeout_seconds
        self._provider = Provider.at(SECTION, settings.base_url, seconds, around.now, idempotent=True)
        self._chat = Provider.at(SECTION, settings.base_url, seconds, around.now)
        self._account = account
        self._access = Access(self._provider.base_url, account, http_client(kept=0), seconds, around.now)

    @classmethod
    def make(cls, settings: BlueskySettings, around: Surroundings) -> Self:
        """Needs a handle and an app password."""
        if not settings.handle:
            raise Misconfigured(f"{SECTION} is on but has no handle: the name of the brand's account")
        password = secret(around, SECTION, "password_env", settings.password_env).get_secret_value()
        return cls(
            settings,
            Account.of(settings.handle.removeprefix("@"), password, settings.base_url, around.path(".vigie")),
            around,
        )

    @classmethod
    def length(cls, text: str) -> int:
        return graphemes(text)

    @contextmanager
    def stage(self, message: OutgoingMessage) -> Iterator[Staged]:
        """Find whom it is for. Raises Gone, AddressRefused …"""
        post = target(message)
        yield self._message(message) if post is None else self._reply(message, post)

    def lookup(self, message_id: str) -> bool | None:
        """Whether a reply of this message is there; a chat message cannot be looked up."""
        place = {"repo": self._did(), "collection": COLLECTION, "rkey": record_key(message_id)}
        url = f"{self._provider.base_url}/xrpc/com.atproto.repo.getRecord"
        try:
            self._provider.ask(Call(url, {"params": place}, "GET"))
        except Permanent:
            return None
        return True

    def check(self) -> None:
        """Log in, or go on with the session that is kept."""
        self._did()

    # --- replies ---------------------------------------------------------------------------------

    def _reply(self, message: OutgoingMessage, post: Target) -> StagedCall:
        if not _URI.fullmatch(post.id):
            raise Permanent("the post has no address of Bluesky's")
        text = words(message, LONGEST_REPLY, graphemes)
        if len(text.encode()) > LONGEST_REPLY_BYTES:
            raise Permanent(f"the text has more than {LONGEST_REPLY_BYTES} bytes")
        key = record_key(message.id)
        did = self._did()
        record = {
            "$type": COLLECTION,
            **_rich(text),
            "createdAt": _written(message, self._now),
            "reply": self._thread(post),
        }
        spoken = language(message)
        record |= {"langs": [spoken]} if spoken else {}
        body = {"repo": did, "collection": COLLECTION, "rkey": key, "record": record}
        call = self._post("com.atproto.repo.putRecord", body)
        return StagedCall(self._provider, call, lambda answer: text_at(told(answer), "uri"), _judge)

    def _thread(self, post: Target) -> dict[str, Any]:
        """What is answered and where its thread begins, as strong references."""
        answer = self._asked("app.bsky.feed.getPosts", {"uris": [post.id]})
        found = answer.get("posts") if isinstance(answer, Mapping) else None
        view = next((view for view in found or () if text_at(view, "uri") == post.id), None)
        if view is None:
            raise Gone("the post was deleted, or is not shown to us")
        viewer = view.get("viewer")
        if isinstance(viewer, Mapping) and viewer.get("replyDisabled") is True:
            raise Permanent("its author lets this account not reply")
        parent = {"uri": post.id, "cid": text_at(view, "cid")}
        root = {name: text_at(view, "record", "reply", "root", name) for name in ("uri", "cid")}
        return {"root": root if all(root.values()) else parent, "parent": parent}

    # --- chat ------------------------------------------------------------------------------------

    def _message(self, message: OutgoingMessage) -> StagedCall:
        address = message.address.strip()
        if not (_DID.fullmatch(address) or _HANDLE.fullmatch(address)):
            raise AddressRefused("the address is no account of Bluesky's")
        text = words(message, LONGEST_CHAT, graphemes)
        self._did()
        body = {"convoId": self._conversation(self._resolved(address)), "message": _rich(text)}
        call = self._post("chat.bsky.convo.sendMessage", body, chat=True)
        return StagedCall(self._chat, call, lambda answer: text_at(told(answer), "id"), _judge)

    def _resolved(self, address: str) -> str:
        if _DID.fullmatch(address):
            return address
        url = f"{self._chat.base_url}/xrpc/com.atproto.identity.resolveHandle"
        params = {"handle": address.removeprefix("@").lower()}
        did = text_at(told(self._chat.ask(Call(url, {"params": params}, "GET"))), "did")
        if not _DID.fullmatch(did):
            raise Permanent("nobody has this handle")
        return did

    def _conversation(self, did: str) -> str:
        url = f"{self._chat.base_url}/xrpc/chat.bsky.convo.getConvoForMembers"
        headers = {**self._access.headers(), "atproto-proxy": CHAT}
        answer = self._chat.ask(Call(url, {"params": {"members": did}, "headers": headers}, "GET"), _judge)
        number = text_at(told(answer), "convo", "id")
        if not number:
            raise Unavailable(f"{self._chat.who} answered something that is no conversation")
        return number

    # --- the session -----------------------------------------------------------------------------

    def _did(self) -> str:
        """Whose session it is, renewed where it was over."""
        try:
            self._asked("com.atproto.server.getSession", {})
        except Permanent as error:
            raise Misconfigured(f"{error} ({SECTION})") from None
        return self._access.did or ""

    def _asked(self, method: str, parameters: dict[str, Any]) -> Any:
        try:
            return self._access.ask(method, parameters, method.rpartition(".")[2])
        except Transient as error:
            raise Unavailable(str(error), error.retry_after) from None

    def _post(self, method: str, body: dict[str, Any], *, chat: bool = False) -> Call:
        headers = {**self._access.headers(), "Content-Type": "application/json"}
        headers |= {"atproto-proxy": CHAT} if chat else {}
        content = json.dumps(body, ensure_ascii=False).encode()
        return Call(f"{self._provider.base_url}/xrpc/{method}", {"content": content, "headers": headers})


CHANNEL = BlueskyChannel


def record_key(message_id: str) -> str:
    """The key of a reply's record: a TID (13 signs) in place of whose time stands what the message id hashes to."""
    number = int.from_bytes(hashlib.sha256(safe_id(message_id).encode()).digest()[:16], "big")
    time, clock = _YEAR_2024 + number % _TWO_YEARS, number // _TWO_YEARS % 1024
    tid = time << 10 | clock
    return "".join(_SIGNS[tid >> 5 * place & 31] for place in range(12, -1, -1))


def _rich(text: str) -> dict[str, Any]:
    """The text, with its addresses as links: their places are counted in bytes of UTF-8."""
    facets = [
        {
            "index": {"byteStart": len(text[:first].encode()), "byteEnd": len(text[:last].encode())},
            "features": [{"$type": "app.bsky.richtext.facet#link", "uri": link}],
        }
        for first, last, link in links(text)
    ]
    return {"text": text, "facets": facets} if facets else {"text": text}


def _written(message: OutgoingMessage, now: Any) -> str:
    """When the message was due, so that the same message makes the same record."""
    date = dict(message.headers).get("Date")
    at: datetime = parsedate_to_datetime(date) if date else now()
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _judge(answer: Answer) -> VigieError | None:
    error = text_at(told(answer), "error")
    if error in _STALE:
        return Unavailable("the session ended just now", 1.0)
    if error in _TAKES_NONE:
        return Permanent(f"the account takes no messages from this one ({error})")
    if error == "RecipientNotFound":
        return AddressRefused("there is no such account")
    return None
