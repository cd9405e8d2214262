"""What the settings ask servers of the Mastodon kind for."""

from collections.abc import Iterator

from pydantic import Field

from domain.errors import Misconfigured
from listeners.base import Around, ListenerSettings
from listeners.mastodon.query import PUBLIC, is_timeline, questions
from listeners.mastodon.stream import Channel
from listeners.query import Query


class MastodonInstance(ListenerSettings):
    """One server of the Mastodon kind. The token comes from the environment variable named here."""

    base_url: str
    token_env: str = ""
    queries: tuple[str, ...] = ()
    streams: tuple[str, ...] = ()
    streaming_url: str = ""

    def token(self, around: Around) -> str | None:
        """Raises `Misconfigured` when the variable is not there."""
        token = around.secret(self.token_env) if self.token_env else None
        if self.token_env and not token:
            raise Misconfigured(f"the token for {self.base_url}: there is no environment variable {self.token_env}")
        return token

    def searched(self, around: Around) -> tuple[Query, ...]:
        """Its own queries beside timelines; where it has none at all, those that are heard everywhere."""
        own = tuple(around.parse(text) for text in self.queries if not is_timeline(text))
        return own if self.queries else around.queries

    def asked(self, around: Around) -> Iterator[tuple[str, Query | None]]:
        """Every question to it, with what is wanted of the answers."""
        timelines = tuple(text.strip() for text in self.queries if is_timeline(text))
        if not (self.queries or around.queries or self.streams):
            timelines = (PUBLIC,)
        yield from ((words, None) for words in dict.fromkeys(timelines))
        for words, wanted in questions(self.searched(around)).items():
            if words not in timelines:
                yield words, wanted

    def streamed(self, around: Around) -> Iterator[tuple[str, Query | None]]:
        """Every stream of it; one of everything is held against the queries, where there are any."""
        searched = self.searched(around)
        for name in self.streams:
            Channel.read(name)
            yield name, Query.any_of(searched) if searched and not name.startswith("hashtag:") else None


class MastodonSettings(ListenerSettings):
    """Mastodon and compatible servers.

    A query is `#hashtag`, `public`, `public:local`, or of the query language; a stream is `public`,
    `public:local` or `hashtag:name`.
    """

    instances: tuple[MastodonInstance, ...] = ()
    timeout_seconds: float = Field(20.0, gt=0, le=300)
    max_requests: int = Field(40, ge=1, le=10000)
