"""App Store: the developer's answer to a review of an own app (developer.apple.com/documentation/appstoreconnectapi).

One answer a review, seen by everybody; creating it again changes it, so that the same one twice is one. What a person
has answered stays: an answer goes out where there is none, or where a person of ours says that it replaces what stands.
Apple may take a day to show it. Read 2026-11-22.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Self
from urllib.parse import quote

from pydantic import Field

from domain.errors import Misconfigured, Permanent, VigieError
from domain.message import OutgoingMessage
from listeners.appstore.listener import BASE_URL, AppStoreKey
from listeners.wire import Answer
from routing.channels._http import Call, HttpChannel, Provider, StagedCall, text_at, told
from routing.channels._network import Already, key_text, only_replies, replaces, words
from routing.channels.base import ChannelSettings, ChannelTable, Gone, Staged, Surroundings

NETWORK = "appstore"
SECTION = f"channels.{NETWORK}"
LONGEST = 5970
ANSWERS = "customerReviewResponses"


class AppStoreSettings(ChannelSettings):
    """A key of App Store Connect with the role Customer Support: a file (.p8), or the text of a variable.

    An individual key has no issuer: leave `issuer_id` empty.
    """

    key_id: str = ""
    issuer_id: str = ""
    key_file: str = ""
    key_env: str = ""
    base_url: str = BASE_URL
    timeout_seconds: float = Field(20.0, gt=0, le=300)


class AppStoreChannel(HttpChannel):
    """One key."""

    name: ClassVar[str] = NETWORK
    channel: ClassVar[str] = NETWORK
    Settings: ClassVar[type[ChannelTable]] = AppStoreSettings
    max_length: ClassVar[int | None] = LONGEST
    to_accounts: ClassVar[bool] = False
    may_write_first: ClassVar[bool] = False
    idempotent: ClassVar[bool] = True

    def __init__(self, settings: AppStoreSettings, key: AppStoreKey, around: Surroundings) -> None:
        self._key = key
        self._provider = Provider.at(SECTION, settings.base_url, settings.timeout_seconds, around.now, idempotent=True)

    @classmethod
    def make(cls, settings: AppStoreSettings, around: Surroundings) -> Self:
        """Needs a key and its id."""
        if not settings.key_id:
            raise Misconfigured(f"{SECTION} is on but has no key_id")
        text = key_text(around, SECTION, settings.key_file, settings.key_env).replace("\\n", "\n")
        try:
            return cls(settings, AppStoreKey(text, settings.key_id, settings.issuer_id), around)
        except ValueError:
            raise Misconfigured(f"{SECTION}: the key is no private key (.p8) of App Store Connect") from None

    @contextmanager
    def stage(self, message: OutgoingMessage) -> Iterator[Staged]:
        """Look whether the review is there and unanswered. Raises Gone, Permanent."""
        post = only_replies(message)
        text = words(message, LONGEST, self.length)
        number, standing = self._standing(post.id)
        if standing == text:
            yield Already(number)
            return
        if standing and not replaces(message):
            raise Permanent("the review has another answer already")
        options = {"json": _answer(post.id, text), "headers": self._key.headers()}
        call = Call(f"{self._provider.base_url}/v1/{ANSWERS}", options)
        yield StagedCall(self._provider, call, lambda answer: text_at(told(answer), "data", "id"), _judge)

    def check(self) -> None:
        """Whether the key opens anything."""
        url = f"{self._provider.base_url}/v1/apps"
        self._provider.ask(Call(url, {"headers": self._key.headers(), "params": {"limit": "1"}}, "GET"))

    def _standing(self, review: str) -> tuple[str, str]:
        """Id and text of the answer that stands, both "" where there is none."""
        url = f"{self._provider.base_url}/v1/customerReviews/{quote(review, safe='')}"
        options = {"headers": self._key.headers(), "params": {"include": "response"}}
        included = told(self._provider.ask(Call(url, options, "GET"), _judge)).get("included")
        for item in included if isinstance(included, list) else ():
            if isinstance(item, Mapping) and item.get("type") == ANSWERS:
                return text_at(item, "id"), text_at(item, "attributes", "responseBody").strip()
        return "", ""


CHANNEL = AppStoreChannel


def _answer(review: str, text: str) -> dict[str, Any]:
    related = {"review": {"data": {"type": "customerReviews", "id": review}}}
    return {"data": {"type": ANSWERS, "attributes": {"responseBody": text}, "relationships": related}}


def _judge(answer: Answer) -> VigieError | None:
    """Gone only where Apple itself says so: anything else that answers 404 is a wrong address."""
    errors = told(answer).get("errors")
    if answer.status_code == 404 and isinstance(errors, list) and errors and text_at(errors, 0, "code"):
        return Gone("the review was deleted")
    if text_at(errors, 0, "code").startswith("FORBIDDEN.REQUIRED_AGREEMENTS"):
        return Misconfigured("App Store Connect waits until the account holder accepts its new agreement")
    return None
