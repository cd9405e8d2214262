"""Answers to messages of ours: a mail that names our Message-ID comes into the case of that message.

An e-mail of ours has the Message-ID `<MESSAGE@domain of the sender>` (`routing/channels/_mime.py`), where MESSAGE is
`messages.message_id`; an answer names it in In-Reply-To or References, and so does every later mail of that
conversation. A Message-ID is no secret and `From` can be forged, so what an answer does depends on who sent it:

    sent by            comes into the case   counts as answered   STOP            the case is our turn
    its recipient      yes                   yes                  is a No         yes
    another address    yes                   no                   a person looks  yes
    a program of his   yes                   no                   -               no
    another program    no                    no                   -               no

A report of non-delivery (5.x.x) of that very address ends the message; where the status blames the address,
nothing is written to it any more.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.case import CaseState
from domain.claim import CODE_TEMPLATE
from domain.customer import Interaction
from domain.message import MESSAGE_STEPS, MessageState
from routing import stop
from storage import cases, messages
from storage.customer_file import save_interactions
from storage.tables import AuthorRow, CaseRow, CustomerRow, MessageRow, PostRow, ReceiptRow

CHANNEL = "email"
PROVIDER = "mailbox"
# RFC 3463: the address is wrong or closed. A full mailbox, the text, a policy or the way there are another's fault.
_BLAMES_ADDRESS = re.compile(r"5\.(?:[01]\.\d+|2\.[01])")
_ID = re.compile(r"([A-Za-z0-9._-]{1,64})@\S+")


def answered_messages(session: Session, brand_id: str, posts: Iterable[PostRow]) -> dict[int, MessageRow]:
    """post id → the message of ours that it answers, or that its conversation began with; the nearest one counts."""
    named = {post.id: list(_named(post)) for post in posts}
    wanted = {id_ for ids in named.values() for id_ in ids}
    if not wanted:
        return {}
    sent = select(MessageRow).where(
        MessageRow.brand_id == brand_id,
        MessageRow.channel == CHANNEL,
        MessageRow.message_id.in_(sorted(wanted)),
        MessageRow.handing_over_at.is_not(None),
        MessageRow.template != CODE_TEMPLATE,  # who asked for a code has not yet said that the case is his
    )
    known = {message.message_id: message for message in session.scalars(sent)}
    first = {post_id: next((known[id_] for id_ in ids if id_ in known), None) for post_id, ids in named.items()}
    return {post_id: message for post_id, message in first.items() if message is not None}


def is_recipient(author: AuthorRow | None, message: MessageRow) -> bool:
    """Whether the address that wrote is the one that the message went to."""
    return author is not None and _is_same(author.native_id, message.address)


def join_reply(session: Session, post: PostRow, author: AuthorRow | None, message: MessageRow, now: datetime) -> bool:
    """Bring an answer into the case of its message, with what follows from it; True the first time.

    Runs in the caller's transaction under the brand's lock.
    """
    _take_bounce(session, post, message, now)
    automatic, by_recipient = bool(post.attributes.get("automatic")), is_recipient(author, message)
    if automatic and not by_recipient:
        return False
    case, before = case_of(session, message), cases.case_of_post(session, post.id)
    if not cases.add_post(session, case, post, "follow_up", now):
        return False
    if before is not None and before[0].id != case.id and not cases.has_posts(session, before[0].id):
        cases.merge(session, before[0], case, now, "an answer to a message of another case", moved=[post.id])
    told: dict[str, Any] = {"post": post.id, "message": message.message_id}
    if automatic:
        cases.add_event(session, case, "automatic_answer", now, **told)
        return True
    told["authenticated"] = post.attributes.get("authenticated") is True
    kind = "customer_answered" if by_recipient else "answered_from_elsewhere"
    cases.add_event(session, case, kind, now, **told)
    if by_recipient:
        count_answer(session, case, post, message, now)
    stop.take_stop(
        session, post.brand_id, CHANNEL, message.address or "", case.id, message, by_recipient,
        max(now, post.created_at or now), post.text or "",
    )  # fmt: skip
    our_turn(session, case, now, "an answer by e-mail")
    return True


def _named(post: PostRow) -> Iterator[str]:
    """The ids before the @ of all mails that this one names, the nearest first."""
    references, bounce = post.attributes.get("references"), post.attributes.get("bounce")
    back: Sequence[Any] = references[::-1] if isinstance(references, list) else ()
    returned = bounce.get("message_id") if isinstance(bounce, dict) else None
    for reference in (post.reply_to, returned, *back, post.conversation, post.thread):
        found = _ID.fullmatch(reference) if isinstance(reference, str) else None
        if found is not None:
            yield found[1]


def case_of(session: Session, message: MessageRow) -> CaseRow:
    """The case of a message, merges followed."""
    return cases.living(session, session.get_one(CaseRow, message.case_id))


def count_answer(session: Session, case: CaseRow, post: PostRow, message: MessageRow, now: datetime) -> None:
    """The message is answered, and the customer's history has a contact on its channel more."""
    row = session.get_one(MessageRow, message.id, with_for_update=True, populate_existing=True)
    if row.state == MessageState.UNCONFIRMED:  # who answers has received it
        messages.resolve_unconfirmed(session, row.message_id, True, cases.SYSTEM, now)
    if MessageState.REPLIED in MESSAGE_STEPS[MessageState(row.state)]:
        messages.mark(session, row, MessageState.REPLIED, now)
    if case.customer_key is None:
        return
    contact = Interaction(
        interaction_id=f"vigie:post:{post.id}",
        customer_id=session.get_one(CustomerRow, case.customer_key).customer_id,
        channel=message.channel,
        direction="in",
        at=post.created_at or post.heard_at,
        subject=str(post.attributes.get("title") or "") or None,
        case=str(case.id),
    )
    save_interactions(session, case.brand_id, [contact])


def our_turn(session: Session, case: CaseRow, now: datetime, why: str) -> None:
    """What was settled is open again, what waited or slept is ours."""
    if case.state in (CaseState.RESOLVED, CaseState.CLOSED):
        cases.step(session, case, CaseState.REOPENED, now, why=why)
    elif case.state in (CaseState.WAITING_CUSTOMER, CaseState.SNOOZED):
        cases.step(session, case, CaseState.WAITING_US, now, why=why)
        case.snoozed_until = None


def _take_bounce(session: Session, post: PostRow, message: MessageRow, now: datetime) -> None:
    """A report that the message never arrived, taken once."""
    bounce = post.attributes.get("bounce")
    told = bounce if isinstance(bounce, dict) else {}
    status = str(told.get("status", ""))
    if not status.startswith("5.") or not _is_same(str(told.get("recipient", "")), message.address):
        return
    named = hashlib.sha256(post.native_id.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    event = f"{post.brand_id}:{named}"
    if session.scalar(select(ReceiptRow.id).filter_by(provider=PROVIDER, provider_event_id=event)) is not None:
        return
    receipt = ReceiptRow(
        brand_id=post.brand_id,
        message_key=message.id,
        provider=PROVIDER,
        provider_event_id=event,
        state=MessageState.FAILED,
        at=post.created_at or now,
        raw={"status": status},
    )
    session.add(receipt)
    row = session.get_one(MessageRow, message.id, with_for_update=True, populate_existing=True)
    if row.address and _BLAMES_ADDRESS.fullmatch(status):
        messages.suppress(session, post.brand_id, CHANNEL, row.address, "hard_bounce", now)
    if MessageState.FAILED in MESSAGE_STEPS[MessageState(row.state)]:
        messages.mark(session, row, MessageState.FAILED, now, reason=f"came back: {status}")
        our_turn(session, case_of(session, row), now, "the message came back")


def _is_same(one: str, other: str | None) -> bool:
    """Whether two spellings are one mailbox; servers that tell upper from lower case are no more."""
    return bool(other) and one.strip().casefold() == str(other).strip().casefold()
