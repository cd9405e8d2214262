"""Trustpilot: the company's answer to a service review (developers.trustpilot.com, read 2026-11-22).

One answer a review, seen by everybody. `stage` takes a token (client credentials) and looks at the review: where this
very answer stands already nothing is posted, and what a person has answered stays.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Self
from urllib.parse import quote

from pydantic import Field, SecretStr

from domain.errors import Misconfigured, Permanent, VigieError
from domain.message import OutgoingMessage
from listeners.trustpilot.listener import BASE_URL
from listeners.wire import Answer
from routing.channels._http import Call, HttpChannel, Provider, StagedCall, text_at, told
from routing.channels._network import Already, gone, only_replies, word, words
from routing.channels.base import ChannelSettings, ChannelTable, Staged, Surroundings

NETWORK = "trustpilot"
SECTION = f"channels.{NETWORK}"
TOKEN_PATH = "/v1/oauth/oauth-business-users-for-applications/accesstoken"  # noqa: S105  a path


class TrustpilotSettings(ChannelSettings):
    """The API's key and secret, by environment variables; `business_user_id` is who answers, as Trustpilot numbers."""

    api_key_env: str = ""
    api_secret_env: str = ""
    business_user_id: str = ""
    base_url: str = BASE_URL
    timeout_seconds: float = Field(20.0, gt=0, le=300)


class TrustpilotChannel(HttpChannel):
    """One access to the API."""

    name: ClassVar[str] = NETWORK
    channel: ClassVar[str] = NETWORK
    Settings: ClassVar[type[ChannelTable]] = TrustpilotSettings
    to_accounts: ClassVar[bool] = False
    may_write_first: ClassVar[bool] = False
    idempotent: ClassVar[bool] = True

    def __init__(
        self, settings: TrustpilotSettings, key: SecretStr, key_secret: SecretStr, around: Surroundings
    ) -> None:
        self._settings, self._key, self._secret = settings, key, key_secret
        self._provider = Provider.at(SECTION, settings.base_url, settings.timeout_seconds, around.now, idempotent=True)

    @classmethod
    def make(cls, settings: TrustpilotSettings, around: Surroundings) -> Self:
        """Needs key, secret, and who answers."""
        if not settings.business_user_id:
            raise Misconfigured(f"{SECTION} is on but has no business_user_id: who answers")
        key, key_secret = (
            word(around, SECTION, name, getattr(settings, name)) for name in ("api_key_env", "api_secret_env")
        )
        return cls(settings, key, key_secret, around)

    @contextmanager
    def stage(self, message: OutgoingMessage) -> Iterator[Staged]:
        """Look whether the review is there and unanswered. Raises Gone, Permanent."""
        post = only_replies(message)
        text = words(message, None, self.length)
        number = quote(post.id, safe="")
        url = f"{self._provider.base_url}/v1/reviews/{number}"
        review = told(
            self._provider.ask(Call(url, {"headers": {"apikey": self._key.get_secret_value()}}, "GET"), _judge)
        )
        standing = text_at(review, "companyReply", "text").strip()
        if standing == text:
            yield Already("")
            return
        if review.get("companyReply"):
            raise Permanent("the review has another answer already: change it at Trustpilot")
        body = {"authorBusinessUserId": self._settings.business_user_id, "message": text}
        options = {"json": body, "headers": {"Authorization": f"Bearer {self._token()}"}}
        call = Call(f"{self._provider.base_url}/v1/private/reviews/{number}/reply", options)
        yield StagedCall(self._provider, call, lambda answer: "", _judge)

    def check(self) -> None:
        """Whether Trustpilot gives a token."""
        self._token()

    def _token(self) -> str:
        options: dict[str, Any] = {
            "data": {"grant_type": "client_credentials"},
            "auth": (self._key.get_secret_value(), self._secret.get_secret_value()),
        }
        answer = self._provider.ask(Call(f"{self._provider.base_url}{TOKEN_PATH}", options), _judge_token)
        token = text_at(told(answer), "access_token")
        if not token:
            raise Misconfigured(f"{self._provider.who} gives no token: see {SECTION}")
        return token


CHANNEL = TrustpilotChannel


def _judge(answer: Answer) -> VigieError | None:
    return gone(answer, "review")


def _judge_token(answer: Answer) -> VigieError | None:
    if answer.status_code == 400:
        return Misconfigured(f"Trustpilot takes neither key nor secret: see {SECTION}")
    return None
