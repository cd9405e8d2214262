"""Google Play: the developer's answer to a review of an own app (developers.google.com/android-publisher, 2026-11-22).

One answer a review, seen by everybody; a second one takes its place, so that the same one twice is one. What a person
has answered stays: an answer goes out where there is none, or where a person of ours says that it replaces what stands.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, ClassVar, Self
from urllib.parse import quote

from pydantic import Field

from domain.errors import Misconfigured, Permanent, Transient, VigieError
from domain.message import OutgoingMessage
from listeners.api import http_client
from listeners.google_http import ServiceAccount
from listeners.googleplay.listener import BASE_URL, SCOPE, SHOWN_FOR
from listeners.values import BadRow, parse_time
from listeners.wire import Answer
from routing.channels._http import Call, HttpChannel, Provider, StagedCall, told
from routing.channels._length import utf16
from routing.channels._network import Already, Target, gone, key_text, only_replies, replaces, words
from routing.channels.base import ChannelSettings, ChannelTable, Gone, Staged, Surroundings, Unavailable

NETWORK = "googleplay"
SECTION = f"channels.{NETWORK}"
LONGEST = 350
_PACKAGE = re.compile(r"[A-Za-z]\w*(\.\w+)+", re.ASCII)
_MARGIN = timedelta(hours=1)


class GooglePlaySettings(ChannelSettings):
    """A service account with the right to reply to reviews: its key is a file, or the text of a variable."""

    key_file: str = ""
    key_env: str = ""
    base_url: str = BASE_URL
    timeout_seconds: float = Field(20.0, gt=0, le=300)


class GooglePlayChannel(HttpChannel):
    """One service account."""

    name: ClassVar[str] = NETWORK
    channel: ClassVar[str] = NETWORK
    Settings: ClassVar[type[ChannelTable]] = GooglePlaySettings
    max_length: ClassVar[int | None] = LONGEST
    to_accounts: ClassVar[bool] = False
    may_write_first: ClassVar[bool] = False
    idempotent: ClassVar[bool] = True

    def __init__(self, settings: GooglePlaySettings, key: Any, around: Surroundings) -> None:
        self._settings, self._now = settings, around.now
        self._account = ServiceAccount(key, SCOPE)
        self._provider = Provider.at(SECTION, settings.base_url, settings.timeout_seconds, around.now, idempotent=True)

    @classmethod
    def make(cls, settings: GooglePlaySettings, around: Surroundings) -> Self:
        """Needs the key of a service account."""
        text = key_text(around, SECTION, settings.key_file, settings.key_env)
        try:
            return cls(settings, json.loads(text), around)
        except ValueError:
            raise Misconfigured(f"{SECTION}: the key is not JSON, as Google gives it out") from None

    @classmethod
    def length(cls, text: str) -> int:
        return utf16(text)

    @contextmanager
    def stage(self, message: OutgoingMessage) -> Iterator[Staged]:
        """Look whether the review is there and unanswered. Raises Gone, Permanent."""
        post = only_replies(message)
        text = words(message, LONGEST, utf16)
        package = str(post.attributes.get("app_id") or "")
        if not _PACKAGE.fullmatch(package):
            raise Permanent("nothing says which app the review is of")
        where = f"/androidpublisher/v3/applications/{package}/reviews/{quote(post.id, safe='')}"
        standing = self._standing(where, post)
        if standing == text:
            yield Already("")
            return
        if standing and not replaces(message):
            raise Permanent("the review has another answer already")
        headers = self._headers()
        call = Call(f"{self._provider.base_url}{where}:reply", {"json": {"replyText": text}, "headers": headers})
        yield StagedCall(self._provider, call, lambda answer: "", _judge)

    def check(self) -> None:
        """Whether Google gives a token for the key."""
        self._headers()

    def _standing(self, where: str, post: Target) -> str:
        """What the developer has answered, "" where there is no answer, or where Google shows the review no more."""
        call = Call(f"{self._provider.base_url}{where}", {"headers": self._headers()}, "GET")
        try:
            review = told(self._provider.ask(call, _judge))
        except Gone:
            if self._shown(post):
                raise
            return ""
        comments = review.get("comments")
        for comment in comments if isinstance(comments, list) else ():
            answer = comment.get("developerComment") if isinstance(comment, Mapping) else None
            if isinstance(answer, Mapping) and isinstance(answer.get("text"), str):
                return str(answer["text"]).strip()
        return ""

    def _shown(self, post: Target) -> bool:
        """Whether the review is so young that Google would show it."""
        try:
            changed = parse_time(post.attributes.get("modified_at"), "modified_at")
        except BadRow:
            return False
        return self._now() - changed < SHOWN_FOR - _MARGIN

    def _headers(self) -> dict[str, str]:
        with http_client() as client:
            try:
                return dict(self._account.headers(client, self._settings.timeout_seconds, self._now()))
            except Permanent as error:
                raise Misconfigured(f"{error} ({SECTION})") from None
            except Transient as error:
                raise Unavailable(str(error), error.retry_after) from None


CHANNEL = GooglePlayChannel


def _judge(answer: Answer) -> VigieError | None:
    return gone(answer, "review")
