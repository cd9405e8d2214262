"""What a customer wrote to the brand itself in a case: mails and texts that were heard as posts, and what he answered
to a message of ours on its own channel (`routing/receipts.py`).

Only his clear words count after a STOP: not another STOP, not what may be one, not what his program wrote.
"""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from domain.contact import OWN_INBOXES, Written
from routing.stop import is_request
from storage.tables import AuthorRow, CaseEventRow, CasePostRow, CaseRow, MessageRow, PostRow


def written_in(session: Session, case: CaseRow, now: datetime) -> tuple[Written, ...]:
    """His words to the brand in this case until a time, oldest first, with the address each came from."""
    words = [*_posts(session, case), *_answers(session, case)]
    return tuple(sorted((word for word in words if word.at <= now), key=lambda word: word.at))


def _posts(session: Session, case: CaseRow) -> Iterator[Written]:
    query = (
        select(PostRow, AuthorRow.native_id)
        .join(CasePostRow, CasePostRow.post_id == PostRow.id)
        .join(AuthorRow, AuthorRow.id == PostRow.author_id)
        .where(CasePostRow.case_id == case.id, CasePostRow.role != "copy", PostRow.network.in_(OWN_INBOXES))
    )
    for post, address in session.execute(query):
        clear = not post.attributes.get("automatic") and is_request(post.text or "")
        at = min(post.created_at or post.heard_at, post.heard_at)
        yield Written(OWN_INBOXES[post.network], address, at, clear)


def _answers(session: Session, case: CaseRow) -> Iterator[Written]:
    """Texts in answer to messages of this case, or of one that went up in it: their address is the message's."""
    here = select(CaseRow.id).where(or_(CaseRow.id == case.id, CaseRow.merged_into == case.id))
    query = select(CaseEventRow.detail).where(CaseEventRow.case_id.in_(here), CaseEventRow.kind == "customer_answered")
    told = [detail for detail in session.scalars(query) if "asked_at" in detail]
    if not told:
        return
    sent = select(MessageRow.message_id, MessageRow.address).where(
        MessageRow.brand_id == case.brand_id, MessageRow.message_id.in_({detail["message"] for detail in told})
    )
    addresses = {name: address for name, address in session.execute(sent) if address}
    for detail in told:
        if detail["message"] in addresses:
            asked = datetime.fromisoformat(detail["asked_at"])
            yield Written(detail["channel"], addresses[detail["message"]], asked)
