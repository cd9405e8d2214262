"""Public replies: whom one answers and where, read when it is handed over, so that nothing of it lies in the outbox.

A message on a network's channel whose `reply_to` names a post is a reply that everybody reads; its `address` is the
account that wrote the post, or the post itself where its network tells no account.
"""

from dataclasses import replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.contact import CHANNELS
from domain.message import OutgoingMessage
from routing.channels.base import find_channels
from storage.tables import AuthorRow, IdentityRow, MessageRow, PostRow

GONE = "the post that it answers was deleted"


def where(post: PostRow, author: AuthorRow | None) -> tuple[str, str]:
    """`address` and `reply_to` of a public reply to a post."""
    return (post.native_id if author is None else author.native_id)[:500], post.native_id


def fits(network: str, text: str, handle: str = "") -> bool:
    """Whether a public reply is short enough for its network, as that one counts."""
    kind = find_channels().get(network)
    return kind is None or kind.max_length is None or kind.length(kind.reply(text, handle)) <= kind.max_length


def is_public(message: MessageRow) -> bool:
    """Whether this is a reply that everybody reads: one on a network, to a post."""
    return message.reply_to is not None and message.channel not in CHANNELS


def bars(session: Session, message: MessageRow) -> str | None:
    """Why a public reply must not go out: what it answers is gone. None for all others."""
    if not is_public(message):
        return None
    post = _post(session, message)
    return GONE if post is None or post.deleted_at is not None else None


def placed(session: Session, message: MessageRow, letter: OutgoingMessage) -> OutgoingMessage:
    """The letter with what its channel has to know of the post, or of the account, that it goes to."""
    if is_public(message):
        post = _post(session, message)
        return letter if post is None else replace(letter, extra={**letter.extra, "post": _told(session, post)})
    handle = _handle(session, message)
    return letter if handle is None else replace(letter, extra={**letter.extra, "handle": handle})


def _post(session: Session, message: MessageRow) -> PostRow | None:
    found = {"brand_id": message.brand_id, "network": message.channel, "native_id": message.reply_to}
    return session.scalars(select(PostRow).filter_by(**found)).one_or_none()


def _told(session: Session, post: PostRow) -> dict[str, Any]:
    author = None if post.author_id is None else session.get(AuthorRow, post.author_id)
    return {
        "url": post.url,
        "conversation": post.conversation,
        "account": author.native_id if author else None,
        "handle": author.handle if author else None,
        "attributes": dict(post.attributes),
    }


def _handle(session: Session, message: MessageRow) -> str | None:
    """The name of an account that is known by its id."""
    here = {"brand_id": message.brand_id, "network": message.channel}
    for query in (
        select(AuthorRow.handle).filter_by(**here, native_id=message.address),
        select(IdentityRow.handle).filter_by(**here, account_id=message.address, revoked_at=None),
    ):
        handle = session.scalars(query.limit(1)).first()
        if handle:
            return handle
    return None
