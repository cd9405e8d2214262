"""Whose case it is: what is known of the speaker, and when a case may follow it."""

from sqlalchemy import select

from domain.evidence import Action, Grade
from routing.batch import Batch
from storage import cases
from storage.tables import CasePostRow, CaseRow, MatchRow, PostRow


def author_subject(post: PostRow) -> str:
    """The speaker of a post as long as no customer is known: his account, or the post itself."""
    return f"author:{post.author_id}" if post.author_id is not None else f"post:{post.id}"


def subject_of(match: MatchRow, lead: PostRow) -> str:
    """The speaker as far as he is known: the customer, else the author of this post."""
    return f"customer:{match.customer_key}" if match.customer_key else author_subject(lead)


def is_his(batch: Batch, case: CaseRow, lead: PostRow, match: MatchRow) -> bool:
    """Whether this speaker in this thread may take the case along: it is his alone, or written about to him."""
    if _is_his_alone(batch, case, lead):
        return True
    return not _is_told(match) and case.customer_key is not None and cases.contact_engaged(batch.session, case.id)


def follow_alone(batch: Batch, case: CaseRow, lead: PostRow, match: MatchRow) -> None:
    """Of a case that other threads or accounts share, `routing.matters` decides who speaks for it."""
    if case.customer_key is None or _is_his_alone(batch, case, lead):
        _follow(batch, case, lead, match)


def speak_first(batch: Batch, case: CaseRow, lead: PostRow, match: MatchRow) -> None:
    """The first complaint gives a case its thread and its author."""
    _follow(batch, case, lead, match)
    if (case.network, case.thread) == (lead.network, lead.thread):
        case.author_id = lead.author_id


def speak(batch: Batch, case: CaseRow, match: MatchRow) -> None:
    """Whose case it is that a person put together: that of the first who is known among its speakers."""
    query = (
        select(MatchRow)
        .join(CasePostRow, CasePostRow.post_id == MatchRow.post_id)
        .join(PostRow, PostRow.id == MatchRow.post_id)
        .where(CasePostRow.case_id == case.id, CasePostRow.role != "copy")
        .order_by(PostRow.created_at, PostRow.network, PostRow.native_id)
    )
    told = [*batch.session.scalars(query), match]
    voice = next((one for one in told if one.action == Action.LINK and one.customer_key is not None), told[0])
    posts = [post for post, _ in cases.complaints_of(batch.session, case.id)]
    at_home = [post for post in posts if (post.network, post.thread) == (case.network, case.thread)]
    for lead in (at_home or posts)[:1]:
        speak_first(batch, case, lead, voice)
        batch.note_customer(case)


def _follow(batch: Batch, case: CaseRow, lead: PostRow, match: MatchRow) -> None:
    """Let a case say what is now known of the speaker.

    Once he has been written to on what was known before, only a person's word or the customer's own moves it, and
    a person goes on.
    """
    subject = cases.free_subject(batch.session, case, subject_of(match, lead), lead.network, lead.thread)
    told_before = (case.subject, case.network, case.thread, case.grade)
    if told_before == (subject, lead.network, lead.thread, match.grade):
        return
    engaged = cases.contact_engaged(batch.session, case.id)
    if engaged and (not _is_told(match) or case.customer_key == match.customer_key):
        return
    if case.customer_key != match.customer_key:
        kind = "linked" if match.customer_key else "unlinked"
        cases.add_event(batch.session, case, kind, batch.now, grade=match.grade)
    cases.cancel_reserved(batch.session, case.id, "the match changed")
    case.contact_state, case.contact_at = "person" if engaged else "pending", None
    case.subject, case.network, case.thread = subject, lead.network, lead.thread
    case.customer_key, case.grade = match.customer_key, match.grade
    case.revision += 1
    batch.session.flush()


def _is_told(match: MatchRow) -> bool:
    """Whether a person said so, or the customer himself."""
    return match.decided_by != cases.SYSTEM or match.grade == Grade.AUTHENTICATED


def _is_his_alone(batch: Batch, case: CaseRow, lead: PostRow) -> bool:
    """Whether no other account or thread complains in this case too; one that it shares, it leaves alone."""
    another = PostRow.author_id != lead.author_id if lead.author_id is not None else PostRow.id != lead.id
    elsewhere = (PostRow.network != lead.network) | (PostRow.thread != lead.thread)
    others = (
        select(CasePostRow.id)
        .join(PostRow, PostRow.id == CasePostRow.post_id)
        .where(CasePostRow.case_id == case.id, CasePostRow.role == "complaint", PostRow.deleted_at.is_(None))
        .where(another | elsewhere | (PostRow.author_id.is_(None) & (PostRow.id != lead.id)))
    )
    return batch.session.scalar(others.limit(1)) is None
