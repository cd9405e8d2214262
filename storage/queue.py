"""What a care agent looks at: the queue of cases, one case with everything around it, reviews, messages.

Reading only; every query is by brand. A merged case is seen in the case that it was merged into.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select
from sqlalchemy.orm import Session

from domain.case import OPEN_STATES, CaseState
from domain.message import MessageState
from storage.cases import notes_of
from storage.merges import records_of
from storage.tables import (
    AuthorRow,
    CaseEventRow,
    CasePostRow,
    CaseRow,
    ConsentRow,
    ContactPointRow,
    CustomerRow,
    IdentityRow,
    InteractionRow,
    MatchRow,
    MessageRow,
    ObjectionRow,
    OrderRow,
    PostRow,
    PostVersionRow,
    PreferenceRow,
    ReadingRow,
    ReceiptRow,
    SurveyRow,
)

VIEWS = ("open", "unassigned", "mine", "team", "overdue", "person", "review", "resolved")
PAGE = 50
REVIEW_OPEN = ("waiting", "unsure")
MESSAGE_ORDER = (
    MessageState.UNCONFIRMED,
    MessageState.FAILED,
    MessageState.HANDING_OVER,
    MessageState.RESERVED,
    MessageState.REPLIED,
    MessageState.READ,
    MessageState.DELIVERED,
    MessageState.HANDED_OVER,
    MessageState.CANCELLED,
)
_LIMIT = 500

Named = TypeVar("Named", AuthorRow, CustomerRow)
OfPost = TypeVar("OfPost", PostVersionRow, ReadingRow)


@dataclass(frozen=True, slots=True)
class Filters:
    """What narrows the queue; empty means all. `text` is looked for in posts, authors and, with `people`, customers.

    `own_teams` are those of who is looking, for the view `team`.
    """

    intent: str = ""
    network: str = ""
    severity: str = ""
    language: str = ""
    grade: str = ""
    team: str = ""
    text: str = ""
    people: bool = True
    own_teams: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One line of the queue. `message_state` is that of the case's newest message."""

    case: CaseRow
    author: AuthorRow | None
    customer: CustomerRow | None
    post: PostRow | None
    posts: int
    message_state: str | None
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class CustomerRecord:
    """The one customer record: who, where to reach them, what they allowed, what happened on any channel."""

    customer: CustomerRow
    points: Sequence[ContactPointRow] = ()
    consents: Sequence[ConsentRow] = ()
    preferences: Sequence[PreferenceRow] = ()
    objections: Sequence[ObjectionRow] = ()
    identities: Sequence[IdentityRow] = ()
    orders: Sequence[OrderRow] = ()
    interactions: Sequence[InteractionRow] = ()
    other_cases: Sequence[CaseRow] = ()


@dataclass(frozen=True, slots=True)
class CasePost:
    """A post of a case with all that was made of it; `versions` are the earlier ones, oldest first."""

    post: PostRow
    role: str
    author: AuthorRow | None
    versions: Sequence[PostVersionRow] = ()
    readings: Sequence[ReadingRow] = ()
    match: MatchRow | None = None


@dataclass(frozen=True, slots=True)
class Dossier:
    """A case with its posts, messages, events, and the customer's record if one is linked."""

    case: CaseRow
    author: AuthorRow | None
    posts: Sequence[CasePost]
    messages: Sequence[MessageRow]
    receipts: Sequence[ReceiptRow]
    surveys: Sequence[SurveyRow]
    events: Sequence[CaseEventRow]
    notes: Mapping[int, str]
    record: CustomerRecord | None
    candidates: Mapping[str, CustomerRecord] = field(default_factory=dict)


def deadline() -> ColumnElement[Any]:
    """The next deadline of a case: the first answer until it is given, the resolution after."""
    return case((CaseRow.first_answer_at.is_(None), CaseRow.due_first_answer_at), else_=CaseRow.due_resolution_at)


def view_counts(session: Session, brand_id: str, filters: Filters, user: str, now: datetime) -> dict[str, int]:
    """How many cases each view holds under these filters."""
    sums = [func.coalesce(func.sum(case((_view(view, filters, user, now), 1), else_=0)), 0) for view in VIEWS]
    counts = session.execute(_narrowed(select(*sums), brand_id, filters)).one()
    return dict(zip(VIEWS, (int(count) for count in counts), strict=True))


def queue_page(
    session: Session, brand_id: str, view: str, filters: Filters, user: str, now: datetime, page: int = 1
) -> list[QueueRow]:
    """One page of a view, the most urgent first: by priority, then deadline."""
    due = deadline()
    query = _narrowed(select(CaseRow), brand_id, filters).where(_view(view, filters, user, now))
    order = (
        (CaseRow.resolved_at.desc(), CaseRow.id)
        if view == "resolved"
        else (CaseRow.priority.desc(), due.is_(None), due, CaseRow.id)
    )
    cases = session.scalars(query.order_by(*order).limit(PAGE).offset((page - 1) * PAGE)).all()
    return _rows(session, cases)


def choices(session: Session, brand_id: str) -> dict[str, list[str]]:
    """The values that each filter can take in this brand."""
    columns = {"intent": CaseRow.intent, "network": CaseRow.network, "language": CaseRow.language, "team": CaseRow.team}
    return {
        name: sorted(session.scalars(select(column).where(CaseRow.brand_id == brand_id).distinct()))
        for name, column in columns.items()
    }


def brand_of_case(session: Session, case_id: int) -> str | None:
    """The brand that a case belongs to, None if there is no such case."""
    return session.scalar(select(CaseRow.brand_id).where(CaseRow.id == case_id))


def dossier(session: Session, brand_id: str, case_id: int) -> Dossier | None:
    """Everything about one case, None if the brand has no such case."""
    found = session.scalar(select(CaseRow).where(CaseRow.brand_id == brand_id, CaseRow.id == case_id))
    if found is None:
        return None
    posts = _case_posts(session, case_id)
    messages = _of_case(session, MessageRow, case_id, MessageRow.reserved_at)
    keys = [message.id for message in messages]
    receipts = session.scalars(
        select(ReceiptRow).where(ReceiptRow.message_key.in_(keys)).order_by(ReceiptRow.at, ReceiptRow.id)
    )
    return Dossier(
        case=found,
        author=None if found.author_id is None else session.get(AuthorRow, found.author_id),
        posts=posts,
        messages=messages,
        receipts=receipts.all(),
        surveys=_of_case(session, SurveyRow, case_id, SurveyRow.asked_at),
        events=_of_case(session, CaseEventRow, case_id, CaseEventRow.at),
        notes=notes_of(session, case_id),
        record=customer_record(session, brand_id, found.customer_key, case_id),
        candidates=candidates(session, brand_id, [post.match for post in posts if post.match is not None]),
    )


def customer_record(
    session: Session, brand_id: str, customer_key: int | None, without_case: int | None = None
) -> CustomerRecord | None:
    """What is held of one customer; the newest 500 of each kind."""
    customer = None if customer_key is None else session.get(CustomerRow, customer_key)
    if customer is None or customer.brand_id != brand_id:
        return None
    key = customer.id
    own = (OrderRow.brand_id == brand_id, OrderRow.customer_id == customer.customer_id)
    said = (InteractionRow.brand_id == brand_id, InteractionRow.customer_id == customer.customer_id)
    records = records_of(session, brand_id, key)
    cases = select(CaseRow).where(CaseRow.customer_key.in_(records), CaseRow.id != (without_case or 0))
    return CustomerRecord(
        customer=customer,
        points=_of_customer(session, ContactPointRow, key, ContactPointRow.position),
        consents=_of_customer(session, ConsentRow, key, ConsentRow.at),
        preferences=_of_customer(session, PreferenceRow, key, PreferenceRow.id),
        objections=_of_customer(session, ObjectionRow, key, ObjectionRow.at),
        identities=_of_customer(session, IdentityRow, key, IdentityRow.at),
        orders=session.scalars(select(OrderRow).where(*own).order_by(OrderRow.placed_at.desc()).limit(_LIMIT)).all(),
        interactions=session.scalars(
            select(InteractionRow).where(*said).order_by(InteractionRow.at.desc()).limit(_LIMIT)
        ).all(),
        other_cases=session.scalars(
            cases.where(CaseRow.state != CaseState.MERGED).order_by(CaseRow.opened_at.desc()).limit(_LIMIT)
        ).all(),
    )


def candidates(
    session: Session, brand_id: str, matches: Iterable[MatchRow], every: bool = False
) -> dict[str, CustomerRecord]:
    """Whom undecided matches (or `every` one of these) name, by the brand's own customer id.

    Customer, contact points and last order.
    """
    names = sorted(
        {
            str(candidate.get("customer_id"))
            for match in matches
            if every or match.review in REVIEW_OPEN
            for candidate in match.candidates[:2]
        }
    )
    query = select(CustomerRow).where(CustomerRow.brand_id == brand_id, CustomerRow.customer_id.in_(names))
    customers = session.scalars(query).all()
    points: dict[int, list[ContactPointRow]] = {}
    held = select(ContactPointRow).where(ContactPointRow.customer_key.in_([row.id for row in customers]))
    for point in session.scalars(held.order_by(ContactPointRow.position, ContactPointRow.id)):
        points.setdefault(point.customer_key, []).append(point)
    bought = select(OrderRow).where(OrderRow.brand_id == brand_id, OrderRow.customer_id.in_(names))
    last = {order.customer_id: order for order in session.scalars(bought.order_by(OrderRow.placed_at, OrderRow.id))}
    return {
        row.customer_id: CustomerRecord(
            row, points=points.get(row.id, []), orders=[last[row.customer_id]] if row.customer_id in last else []
        )
        for row in customers
    }


def message_counts(session: Session, brand_id: str) -> dict[str, int]:
    """How many messages stand in each state."""
    query = select(MessageRow.state, func.count()).where(MessageRow.brand_id == brand_id).group_by(MessageRow.state)
    return dict(session.execute(query).all())


def messages(
    session: Session, brand_id: str, state: str = "", page: int = 1
) -> list[tuple[MessageRow, CaseRow, CustomerRow | None]]:
    """The outbox: the unconfirmed first, then by what needs a person most, newest first."""
    rank = case(*((MessageRow.state == name, place) for place, name in enumerate(MESSAGE_ORDER)), else_=99)
    query = (
        select(MessageRow, CaseRow, CustomerRow)
        .join(CaseRow, CaseRow.id == MessageRow.case_id)
        .join(CustomerRow, CustomerRow.id == MessageRow.customer_key, isouter=True)
        .where(MessageRow.brand_id == brand_id)
        .order_by(rank, MessageRow.reserved_at.desc(), MessageRow.id)
    )
    if state:
        query = query.where(MessageRow.state == state)
    return list(session.execute(query.limit(PAGE).offset((page - 1) * PAGE)).all())


def events_after(session: Session, case_id: int, event_id: int) -> list[CaseEventRow]:
    """What happened to a case since an event: what somebody else did while a page was open."""
    query = select(CaseEventRow).where(CaseEventRow.case_id == case_id, CaseEventRow.id > event_id)
    return list(session.scalars(query.order_by(CaseEventRow.id)))


def _view(view: str, filters: Filters, user: str, now: datetime) -> ColumnElement[bool]:
    is_open = CaseRow.state.in_(sorted(OPEN_STATES))
    conditions: dict[str, ColumnElement[bool]] = {
        "open": is_open,
        "unassigned": and_(is_open, CaseRow.assignee.is_(None)),
        "mine": and_(is_open, CaseRow.assignee == user),
        "team": and_(is_open, CaseRow.team.in_(sorted(filters.own_teams))),
        "overdue": and_(is_open, deadline() < now),
        "person": and_(is_open, CaseRow.contact_state == "person"),
        "review": and_(is_open, CaseRow.id.in_(_under_review())),
        "resolved": CaseRow.state.in_([CaseState.RESOLVED.value, CaseState.CLOSED.value]),
    }
    return conditions[view]


def _under_review() -> Select[int]:
    return (
        select(CasePostRow.case_id)
        .join(MatchRow, MatchRow.post_id == CasePostRow.post_id)
        .join(PostRow, PostRow.id == CasePostRow.post_id)
        .where(MatchRow.review.in_(REVIEW_OPEN), PostRow.stage != "gone")
    )


def _narrowed(query: Select[Any], brand_id: str, filters: Filters) -> Select[Any]:
    query = query.where(CaseRow.brand_id == brand_id, CaseRow.state != CaseState.MERGED)
    for column, value in (
        (CaseRow.intent, filters.intent),
        (CaseRow.network, filters.network),
        (CaseRow.severity, filters.severity),
        (CaseRow.language, filters.language),
        (CaseRow.grade, filters.grade),
        (CaseRow.team, filters.team),
    ):
        if value:
            query = query.where(column == value)
    return query.where(_says(filters.text, filters.people)) if filters.text else query


def _says(text: str, people: bool) -> ColumnElement[bool]:
    number = text.removeprefix("#")
    posts = (
        select(CasePostRow.case_id)
        .join(PostRow, PostRow.id == CasePostRow.post_id)
        .where(PostRow.text.icontains(text, autoescape=True))
    )
    authors = select(AuthorRow.id).where(
        or_(
            AuthorRow.handle.icontains(text.lstrip("@"), autoescape=True),
            AuthorRow.name.icontains(text, autoescape=True),
        )
    )
    customers = select(CustomerRow.id).where(
        or_(CustomerRow.name.icontains(text, autoescape=True), CustomerRow.customer_id == text)
    )
    options: list[ColumnElement[bool]] = [
        CaseRow.id.in_(posts),
        CaseRow.author_id.in_(authors),
        *([CaseRow.customer_key.in_(customers)] if people else []),
    ]
    if number.isascii() and number.isdigit() and len(number) < 16:
        options.append(CaseRow.id == int(number))
    return or_(*options)


def _rows(session: Session, cases: Sequence[CaseRow]) -> list[QueueRow]:
    ids = [row.id for row in cases]
    first, many = _first_posts(session, ids)
    states = _newest_messages(session, ids)
    authors = _by_id(session, AuthorRow, {row.author_id for row in cases} | {post.author_id for post in first.values()})
    customers = _by_id(session, CustomerRow, {row.customer_key for row in cases})
    return [
        QueueRow(
            case=row,
            author=authors.get(row.author_id or (first[row.id].author_id if row.id in first else None) or 0),
            customer=customers.get(row.customer_key or 0),
            post=first.get(row.id),
            posts=many.get(row.id, 0),
            message_state=states.get(row.id),
            due_at=row.due_first_answer_at if row.first_answer_at is None else row.due_resolution_at,
        )
        for row in cases
    ]


def _first_posts(session: Session, case_ids: list[int]) -> tuple[dict[int, PostRow], dict[int, int]]:
    place = func.row_number().over(
        partition_by=CasePostRow.case_id,
        order_by=(CasePostRow.role != "complaint", PostRow.created_at, PostRow.id),
    )
    ranked = (
        select(CasePostRow.case_id, PostRow.id.label("post_id"), place.label("place"))
        .join(PostRow, PostRow.id == CasePostRow.post_id)
        .where(CasePostRow.case_id.in_(case_ids))
        .subquery()
    )
    query = select(ranked.c.case_id, PostRow).join(PostRow, PostRow.id == ranked.c.post_id).where(ranked.c.place == 1)
    counts = select(CasePostRow.case_id, func.count()).where(CasePostRow.case_id.in_(case_ids))
    many = dict(session.execute(counts.group_by(CasePostRow.case_id)).all())
    return dict(session.execute(query).all()), many


def _newest_messages(session: Session, case_ids: list[int]) -> dict[int, str]:
    newest = select(func.max(MessageRow.id)).where(MessageRow.case_id.in_(case_ids)).group_by(MessageRow.case_id)
    query = select(MessageRow.case_id, MessageRow.state).where(MessageRow.id.in_(newest))
    return dict(session.execute(query).all())


def _by_id(session: Session, table: type[Named], keys: set[int | None]) -> dict[int, Named]:
    wanted = sorted(key for key in keys if key is not None)
    return {row.id: row for row in session.scalars(select(table).where(table.id.in_(wanted)))}


def _case_posts(session: Session, case_id: int) -> list[CasePost]:
    query = (
        select(PostRow, CasePostRow.role, AuthorRow)
        .join(CasePostRow, CasePostRow.post_id == PostRow.id)
        .join(AuthorRow, AuthorRow.id == PostRow.author_id, isouter=True)
        .where(CasePostRow.case_id == case_id)
        .order_by(PostRow.created_at, PostRow.id)
        .limit(_LIMIT)
    )
    found = session.execute(query).all()
    ids = [post.id for post, _, _ in found]
    versions = _by_post(session.scalars(select(PostVersionRow).where(PostVersionRow.post_id.in_(ids))))
    readings = _by_post(session.scalars(select(ReadingRow).where(ReadingRow.post_id.in_(ids))))
    matches = {row.post_id: row for row in session.scalars(select(MatchRow).where(MatchRow.post_id.in_(ids)))}
    return [
        CasePost(
            post=post,
            role=role,
            author=author,
            versions=sorted(versions.get(post.id, []), key=lambda row: row.version),
            readings=sorted(readings.get(post.id, []), key=lambda row: row.version),
            match=matches.get(post.id),
        )
        for post, role, author in found
    ]


def _by_post(rows: Iterable[OfPost]) -> dict[int, list[OfPost]]:
    grouped: dict[int, list[OfPost]] = {}
    for row in rows:
        grouped.setdefault(row.post_id, []).append(row)
    return grouped


def _of_case(session: Session, table: Any, case_id: int, order: Any) -> Sequence[Any]:
    query = select(table).where(table.case_id == case_id).order_by(order, table.id)
    return session.scalars(query).all()


def _of_customer(session: Session, table: Any, key: int, order: Any) -> Sequence[Any]:
    return session.scalars(select(table).where(table.customer_key == key).order_by(order, table.id)).all()
