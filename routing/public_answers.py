"""Answers in public: what the author of a post says under our reply belongs to the case of that reply.

Our reply is known by the name that its network gave it (`messages.provider_id`), which the answer has in `reply_to`. A
network that tells only a server's own number of it says `server:number` (`listeners/mastodon/status.py`): then the
address of our reply leads to it. Only the account that we answered counts; what others say there is theirs alone.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from domain.message import MessageState
from routing import stop
from routing.replies import case_of, count_answer, our_turn
from storage import cases
from storage.tables import AuthorRow, CaseRow, MessageRow, PostRow, ReceiptRow

_NUMBERED = re.compile(r"(?P<host>[A-Za-z0-9.-]+(?::\d{1,5})?):(?P<number>[A-Za-z0-9_-]{1,100})")


def answered_in_public(
    session: Session,
    brand_id: str,
    network: str,
    posts: Iterable[PostRow],
    authors: Mapping[int | None, AuthorRow | None],
) -> dict[int, MessageRow]:
    """post id → our public reply to its author that it answers."""
    wanted = {post.id: post for post in posts if post.reply_to and authors.get(post.author_id) is not None}
    if not wanted:
        return {}
    sent = select(MessageRow).where(
        MessageRow.brand_id == brand_id,
        MessageRow.channel == network,
        MessageRow.provider_id.is_not(None),
        or_(*(_is_named(str(post.reply_to)) for post in wanted.values())),
    )
    ours = session.scalars(sent.order_by(MessageRow.id)).all()
    return {
        post.id: message
        for post in wanted.values()
        for message in ours
        if _names(message, str(post.reply_to)) and _wrote_to(message, authors[post.author_id])
    }


def in_its_thread(session: Session, post: PostRow, message: MessageRow) -> bool:
    """Whether the answer stands in the thread of the case, where its author's words come together by themselves."""
    case = case_of(session, message)
    return (case.network, case.thread) == (post.network, post.thread)


def bring_in(session: Session, post: PostRow, message: MessageRow, now: datetime) -> bool:
    """Put an answer that its network shows apart from its thread into the case; True the first time."""
    case, before = case_of(session, message), cases.case_of_post(session, post.id)
    if not cases.add_post(session, case, post, "follow_up", now):
        return False
    if before is not None and before[0].id != case.id and not cases.has_posts(session, before[0].id):
        cases.merge(session, before[0], case, now, "an answer to a message of another case")
    return True


def take_public_answer(session: Session, post: PostRow, message: MessageRow, now: datetime) -> bool:
    """What follows from an answer, taken once: it counts, a STOP in it holds, the case is ours again."""
    if not _first_time(session, post, message, now):
        return False
    case: CaseRow = case_of(session, message)
    cases.add_event(session, case, "customer_answered", now, post=post.id, message=message.message_id)
    count_answer(session, case, post, message, now)
    at, text = max(now, post.created_at or now), post.text or ""
    stop.take_stop(session, post.brand_id, message.channel, message.address or "", case.id, message, True, at, text)
    our_turn(session, case, now, "an answer in public")
    return True


def _first_time(session: Session, post: PostRow, message: MessageRow, now: datetime) -> bool:
    named = hashlib.sha256(post.native_id.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    event = f"{post.brand_id}:{named}"
    if session.scalar(select(ReceiptRow.id).filter_by(provider=post.network, provider_event_id=event)) is not None:
        return False
    receipt = ReceiptRow(
        brand_id=post.brand_id,
        message_key=message.id,
        provider=post.network,
        provider_event_id=event,
        state=MessageState.REPLIED,
        at=post.created_at or now,
    )
    session.add(receipt)
    return True


def _is_named(reply_to: str) -> ColumnElement[bool]:
    numbered = _NUMBERED.fullmatch(reply_to)
    exact = MessageRow.provider_id == reply_to
    if numbered is None:
        return exact
    return exact | MessageRow.provider_id.endswith(f"/{numbered['number']}", autoescape=True)


def _names(message: MessageRow, reply_to: str) -> bool:
    own, numbered = message.provider_id or "", _NUMBERED.fullmatch(reply_to)
    if own == reply_to:
        return True
    if numbered is None:
        return False
    host, _, path = own.partition("://")[2].partition("/")
    return host.lower() == numbered["host"].lower() and path.rpartition("/")[2] == numbered["number"]


def _wrote_to(message: MessageRow, author: AuthorRow | None) -> bool:
    return author is not None and message.address == author.native_id
