"""What is held of one person, as a whole: shown, handed out, erased."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, String, cast, delete, or_, select, tuple_, update
from sqlalchemy.orm import Session

from domain.post import AuthorGone, Delete, Event
from storage import audit, case_moves
from storage.audits import forget_audits
from storage.brands import crm_changed, lock_brand
from storage.claims_link import unlinkable, withdraw
from storage.customers import accounts_of, find_customer
from storage.desks import customer_erased
from storage.fresh import unpacked
from storage.link_events import forget_customer
from storage.merges import links_of, records_of
from storage.posts import store_events
from storage.tables import (
    AuthorRow,
    Base,
    CallbackRow,
    CaseEventRow,
    CaseMoveRow,
    CaseOutcomeRow,
    CasePostRow,
    CaseRow,
    ClaimCodeRow,
    ClaimRow,
    ConsentRow,
    ContactPointRow,
    CorrectionRow,
    CustomerHistoryRow,
    CustomerKeyRow,
    CustomerLinkRow,
    CustomerRow,
    CustomerSegmentRow,
    DeskTicketRow,
    DuplicateRow,
    IdentityRow,
    InteractionRow,
    LinkEventRow,
    MatchRow,
    MessageRow,
    NoteRow,
    ObjectionRow,
    OrderRow,
    PlaybookRunRow,
    PostRow,
    PreferenceRow,
    QuietTimeRow,
    RawPostRow,
    ReadingRow,
    ReceiptRow,
    ResolutionRow,
    ReviewVoteRow,
    RuptureRow,
    SourceMemberRow,
    SurveyRow,
)

OWNED = (
    ContactPointRow,
    ConsentRow,
    ObjectionRow,
    PreferenceRow,
    QuietTimeRow,
    IdentityRow,
    CustomerKeyRow,
    CustomerHistoryRow,
    SourceMemberRow,
    ClaimCodeRow,
    ReviewVoteRow,
    CustomerSegmentRow,
    RuptureRow,
)
PAIRS: dict[type[Any], tuple[Any, ...]] = {
    CustomerLinkRow: (CustomerLinkRow.kept, CustomerLinkRow.merged),
    DuplicateRow: (DuplicateRow.first, DuplicateRow.second),
}
HIDDEN = frozenset({"row_hash", "lease_owner", "lease_until", "brand_id"})
# What proves a claim: worth nothing to who asks what is held of him, and something to who should not have it.
SEALED = frozenset({"salt", "key_version", "token_hash", "code_hash", "account_hash", "visitor"})


def everything_of(
    session: Session, brand_id: str, customer_id: str, actor: str, action: str, now: datetime
) -> dict[str, Any] | None:
    """Every row about a customer, by kind; None if there is no such customer. The look is audited.

    Records that are said to be the same person are told under `same_person`, each as a whole.
    """
    customer = find_customer(session, brand_id, customer_id)
    if customer is None:
        return None
    told = _record(session, customer, actor, action, now)
    others = [key for key in records_of(session, brand_id, customer.id) if key != customer.id]
    if others:
        rows = [session.get_one(CustomerRow, key) for key in others]
        told["same_person"] = [_record(session, row, actor, action, now) for row in rows]
    return told


def _record(session: Session, customer: CustomerRow, actor: str, action: str, now: datetime) -> dict[str, Any]:
    brand_id, customer_id = customer.brand_id, customer.customer_id
    cases = _all(session, CaseRow, CaseRow.customer_key == customer.id)
    case_ids = case_moves.with_merged(session, [case.id for case in cases])
    in_cases = select(CasePostRow.post_id).where(CasePostRow.case_id.in_(case_ids))
    authors = _authors(session, customer)
    own = PostRow.id.in_(in_cases) | PostRow.author_id.in_([author.id for author in authors])
    posts = session.scalars(select(PostRow).where(own).order_by(PostRow.created_at, PostRow.id)).all()
    subject = f"customer:{customer.id}"
    held = {
        "contact_points": _all(session, ContactPointRow, ContactPointRow.customer_key == customer.id),
        "consents": _all(session, ConsentRow, ConsentRow.customer_key == customer.id),
        "objections": _all(session, ObjectionRow, ObjectionRow.customer_key == customer.id),
        "preferences": _all(session, PreferenceRow, PreferenceRow.customer_key == customer.id),
        "quiet_times": _all(session, QuietTimeRow, QuietTimeRow.customer_key == customer.id),
        "accounts": _all(session, IdentityRow, IdentityRow.customer_key == customer.id),
        "orders": _all(session, OrderRow, OrderRow.brand_id == brand_id, OrderRow.customer_id == customer_id),
        "interactions": _all(
            session, InteractionRow, InteractionRow.brand_id == brand_id, InteractionRow.customer_id == customer_id
        ),
        "matches": _all(session, MatchRow, MatchRow.customer_key == customer.id),
        "cases": cases,
        "notes": _all(session, NoteRow, NoteRow.case_id.in_(case_ids)),
        "case_events": _all(session, CaseEventRow, CaseEventRow.case_id.in_(case_ids)),
        "case_moves": _all(
            session, CaseMoveRow, or_(CaseMoveRow.source.in_(case_ids), CaseMoveRow.target.in_(case_ids))
        ),
        "authors": authors,
        "posts": posts,
        "readings": _all(session, ReadingRow, ReadingRow.post_id.in_([post.id for post in posts])),
        "corrections": _all(session, CorrectionRow, CorrectionRow.post_id.in_([post.id for post in posts])),
        "messages": _all(session, MessageRow, _messages_to(customer, authors)),
        "callbacks": _all(session, CallbackRow, CallbackRow.case_id.in_(case_ids)),
        "claims": _all(session, ClaimRow, ClaimRow.author_id.in_([author.id for author in authors])),
        "claim_codes": _all(session, ClaimCodeRow, ClaimCodeRow.customer_key == customer.id),
        "unlinkable": [row for author in authors if (row := unlinkable(session, author)) is not None],
        "surveys": _all(session, SurveyRow, SurveyRow.case_id.in_(case_ids)),
        "desk_tickets": _all(session, DeskTicketRow, DeskTicketRow.case_id.in_(case_ids)),
        "segments": _all(session, CustomerSegmentRow, CustomerSegmentRow.customer_key == customer.id),
        "playbook_runs": _all(session, PlaybookRunRow, PlaybookRunRow.case_id.in_(case_ids)),
        "resolutions": _all(session, ResolutionRow, ResolutionRow.case_id.in_(case_ids)),
        "ruptures": _all(session, RuptureRow, RuptureRow.customer_key == customer.id),
        "outcomes": _all(session, CaseOutcomeRow, CaseOutcomeRow.case_id.in_(case_ids)),
        "history": _all(session, CustomerHistoryRow, CustomerHistoryRow.customer_key == customer.id),
        "links": links_of(session, customer.id),
        "link_words": _all(
            session, LinkEventRow, LinkEventRow.brand_id == brand_id, LinkEventRow.customer_key == customer.id
        ),
        "audit": audit.of_subject(session, brand_id, subject),
    }
    audit.record(session, brand_id, actor, f"customer {action}", subject, now)
    told = {name: [_plain(row) for row in rows] for name, rows in held.items()}
    return {"customer": _plain(customer)} | told | {"raw_posts": _raw(session, [post.id for post in posts])}


def erase_customer(
    session: Session, brand_id: str, customer_id: str, actor: str, now: datetime
) -> dict[str, Any] | None:
    """Remove a person, with every record that is said to be the same one; None if there is no such customer.

    Cases and messages stay as counts, without a person in them. The words of his posts go too; their tombstones
    keep them from being heard again. Suppressed addresses stay suppressed: they are kept as keyed hashes only.
    """
    lock_brand(session, brand_id)
    customer = find_customer(session, brand_id, customer_id)
    if customer is None:
        return None
    records = [session.get_one(CustomerRow, key) for key in records_of(session, brand_id, customer.id)]
    removed: Counter[str] = Counter()
    for row in records:
        removed.update(_erase_record(session, row, now))
    crm_changed(session, brand_id)
    receipt = hashlib.sha256(f"{brand_id}\n{customer_id}\n{now.isoformat()}".encode()).hexdigest()[:16]
    audit.record(session, brand_id, actor, "customer erased", f"receipt:{receipt}", now, removed)
    return {"receipt": receipt, "at": now.isoformat().replace("+00:00", "Z"), "removed": dict(removed)}


def _erase_record(session: Session, customer: CustomerRow, now: datetime) -> dict[str, int]:
    brand_id, customer_id = customer.brand_id, customer.customer_id
    messages_emptied = _empty_messages(session, customer)
    posts_emptied = _forget_posts(session, customer, now)
    removed = {table.__tablename__: _delete(session, table, table.customer_key == customer.id) for table in OWNED}
    removed["posts_emptied"] = posts_emptied
    for table in (OrderRow, InteractionRow):
        mine = (table.brand_id == brand_id) & (table.customer_id == customer_id)
        removed[table.__tablename__] = _delete(session, table, mine)
    removed["messages_emptied"] = messages_emptied
    removed["matches_emptied"] = _forget_matches(session, customer)
    removed["words_undone"] = forget_customer(session, brand_id, customer.id, "vigie", now)
    removed["audits_emptied"] = forget_audits(session, brand_id, customer.id)
    his = session.scalars(select(CaseRow.id).where(CaseRow.customer_key == customer.id)).all()
    cases = case_moves.with_merged(session, his)
    removed["notes"] = _delete(session, NoteRow, NoteRow.case_id.in_(cases))
    removed["case_moves_emptied"] = case_moves.forget_customer(session, brand_id, customer.id)
    removed["desk_tickets_to_empty"] = customer_erased(session, list(cases))
    removed["cases_unlinked"] = _unlink_cases(session, customer)
    for table, columns in PAIRS.items():
        removed[table.__tablename__] = _delete(session, table, or_(*(column == customer.id for column in columns)))
    session.delete(customer)
    session.flush()
    removed["customers"] = 1
    return removed


def _authors(session: Session, customer: CustomerRow) -> Sequence[AuthorRow]:
    """The accounts known to be his: declared or proven ones, and those whose posts are linked to him."""
    declared = accounts_of([customer.id])
    matched = select(PostRow.author_id).join(MatchRow, MatchRow.post_id == PostRow.id)
    in_cases = (
        select(PostRow.author_id)
        .join(CasePostRow, CasePostRow.post_id == PostRow.id)
        .join(CaseRow, CaseRow.id == CasePostRow.case_id)
        .where(CaseRow.customer_key == customer.id, CasePostRow.role != "copy")
    )
    linked = matched.where(MatchRow.customer_key == customer.id)
    return _all(session, AuthorRow, or_(*(AuthorRow.id.in_(ids) for ids in (declared, linked, in_cases))))


def _forget_posts(session: Session, customer: CustomerRow, now: datetime) -> int:
    """Take the words out of his posts and the person out of his accounts; returns how many posts."""
    authors = _authors(session, customer)
    nameless = (
        select(PostRow)
        .join(CasePostRow, CasePostRow.post_id == PostRow.id)
        .join(CaseRow, CaseRow.id == CasePostRow.case_id)
        .where(CaseRow.customer_key == customer.id, CasePostRow.role != "copy", PostRow.author_id.is_(None))
    )
    events: list[Event] = [AuthorGone(author.network, author.native_id, now) for author in authors]
    events += [Delete(post.network, post.native_id, now) for post in session.scalars(nameless)]
    stored = store_events(session, customer.brand_id, events, now)
    withdraw(session, [author.id for author in authors])
    for author in authors:
        author.native_id = f"erased:{author.id}"
    return stored.deleted


def _messages_to(customer: CustomerRow, authors: Sequence[AuthorRow]) -> ColumnElement[bool]:
    """Messages to him, also those that asked one of his accounts who he is, or answered it in public."""
    own_cases = select(CaseRow.id).where(CaseRow.customer_key == customer.id)
    accounts = [(author.network, author.native_id) for author in authors]
    here = MessageRow.brand_id == customer.brand_id
    to_accounts = here & tuple_(MessageRow.channel, MessageRow.address).in_(accounts)
    return or_(MessageRow.customer_key == customer.id, MessageRow.case_id.in_(own_cases), to_accounts)


def _empty_messages(session: Session, customer: CustomerRow) -> int:
    """Before his accounts lose their names: by these it is known what went to them."""
    mine = _messages_to(customer, _authors(session, customer))
    surveyed = select(CaseRow.id).where(CaseRow.customer_key == customer.id)
    session.execute(update(SurveyRow).where(SurveyRow.case_id.in_(surveyed)).values(comment=None))
    session.execute(update(ResolutionRow).where(ResolutionRow.case_id.in_(surveyed)).values(detail=None))
    calls = update(CallbackRow).where(CallbackRow.message_key.in_(select(MessageRow.id).where(mine)))
    session.execute(calls.values(script=None, outcome=None))
    told = ReceiptRow.message_key.in_(select(MessageRow.id).where(mine))
    session.execute(update(ReceiptRow).where(told).values(raw={}))
    session.execute(update(MessageRow).where(mine, MessageRow.state == "reserved").values(state="cancelled"))
    nobody: dict[str, Any] = {
        "customer_key": None,
        "address": None,
        "subject": None,
        "body": None,
        "reason": None,
        "reply_to": None,
        "extra": {},
    }
    emptied = update(MessageRow).where(mine).values(**nobody)
    return int(session.execute(emptied).rowcount)  # type: ignore[attr-defined]


def _forget_matches(session: Session, customer: CustomerRow) -> int:
    """Matches to this person, and those that name him among their candidates."""
    spelled = {json.dumps(customer.customer_id, ensure_ascii=ascii_only) for ascii_only in (True, False)}
    named = (cast(MatchRow.candidates, String).contains(name, autoescape=True) for name in spelled)
    mine = MatchRow.customer_key == customer.id
    rows = session.scalars(select(MatchRow).where(MatchRow.brand_id == customer.brand_id, or_(mine, *named))).all()
    for row in rows:
        row.candidates = [found for found in row.candidates if found["customer_id"] != customer.customer_id]
        if row.customer_key == customer.id:
            row.customer_key, row.action, row.grade, row.review = None, "none", "none", None
            row.gates = ["customer_erased"]
    session.flush()
    return len(rows)


def _unlink_cases(session: Session, customer: CustomerRow) -> int:
    cases = session.scalars(select(CaseRow).where(CaseRow.customer_key == customer.id)).all()
    for case in cases:
        # A subject of its own keeps the row unique and names nobody.
        case.subject, case.customer_key, case.grade = f"erased:{case.id}", None, "none"
        if case.contact_state in ("pending", "held"):
            case.contact_state, case.contact_at = "person", None
    session.flush()
    return len(cases)


def _all(session: Session, table: type[Any], *conditions: Any) -> Sequence[Any]:
    return session.scalars(select(table).where(*conditions).order_by(table.id)).all()


def _delete(session: Session, table: type[Any], condition: Any) -> int:
    return int(session.execute(delete(table).where(condition)).rowcount)  # type: ignore[attr-defined]


def _raw(session: Session, post_ids: Sequence[int]) -> list[dict[str, Any]]:
    """What the networks told of these posts."""
    rows = session.scalars(select(RawPostRow).where(RawPostRow.post_id.in_(post_ids)).order_by(RawPostRow.post_id))
    return [{"post_id": row.post_id, "told": unpacked(row.payload)} for row in rows]


def _plain(row: Base) -> dict[str, Any]:
    return {
        column.key: getattr(row, column.key)
        for column in row.__mapper__.columns
        if column.key not in HIDDEN and column.key not in SEALED
    }
