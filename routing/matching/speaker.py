"""Who posted, as the network shows him: what matching is given."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from storage.tables import AuthorRow, PostRow

Identifier = tuple[str, str]  # kind (order, email, phone) and normal form


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who posted, as the network shows him, and what he quoted in this thread.

    `identifiers` are (kind, normal form) of kinds order, email, phone; `texts` all his posts in the thread;
    `moment` is that of the customer journey he complains about, None where nobody has read it.
    """

    network: str
    account_id: str | None
    author_key: int | None
    handle: str | None
    name: str | None
    bio: str | None
    location: str | None
    created_at: datetime | None
    texts: tuple[str, ...]
    identifiers: frozenset[Identifier]
    posted_at: datetime
    moment: str | None = None
    language: str | None = None


def speaker_of(
    posts: Sequence[PostRow],
    lead: PostRow,
    author: AuthorRow | None,
    quoted: frozenset[Identifier],
    moment: str | None = None,
) -> Speaker:
    """The speaker of a thread's posts; `lead` is the one that complains first, `quoted` what all of them quote."""
    return Speaker(
        network=lead.network,
        account_id=author.native_id if author else None,
        author_key=lead.author_id,
        handle=author.handle if author else None,
        name=author.name if author else None,
        bio=author.bio if author else None,
        location=author.location if author else None,
        created_at=author.created_at if author else None,
        texts=tuple(post.text or "" for post in posts),
        identifiers=quoted,
        posted_at=lead.created_at or lead.heard_at,
        moment=moment,
        language=(lead.lang or "")[:2].lower() or None,
    )
