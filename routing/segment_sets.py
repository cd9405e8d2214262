"""The sets of customers that the rules of segments are made of: each a query of customers' keys.

Records that are one person count together, under the record that is kept (`_persons`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, or_, select, union

from storage.tables import (
    AuthorRow,
    CaseRow,
    ConsentRow,
    CustomerLinkRow,
    CustomerRow,
    IdentityRow,
    InteractionRow,
    ObjectionRow,
    OrderRow,
    PostRow,
    PreferenceRow,
    ReadingRow,
)

NOT_PROFILED = ("all", "profiling")
RANK = {"declared": 0, "observed": 1, "inferred": 2}
ABOUT_BRAND = 0.5
_HOLDS = CustomerLinkRow.undone_at.is_(None)
Ids = Select[int]


@dataclass(frozen=True, slots=True)
class At:
    """Of which brand, at which time."""

    brand_id: str
    now: datetime


def everybody(at: At) -> Ids:
    """All records of the brand."""
    return select(CustomerRow.id).where(CustomerRow.brand_id == at.brand_id)


def wrapped(compound: Any) -> Ids:
    """A compound query as a plain one: SQLite knows no brackets among compounds."""
    return select(compound.subquery().c[0])


def merged_away(at: At) -> Ids:
    """Records for which another speaks."""
    return select(CustomerLinkRow.merged).where(CustomerLinkRow.brand_id == at.brand_id, _HOLDS)


def not_to_be_profiled(at: At) -> Ids:
    """Who objected to having his habits learned, or to everything; one record's no is the person's."""
    objected = ObjectionRow.brand_id == at.brand_id, ObjectionRow.topic.in_(NOT_PROFILED)
    return _grouped(ObjectionRow.__table__, ObjectionRow.customer_key, at, *objected)


def buyers(least: float, since: datetime | None, at: At) -> Ids:
    """Who bought at least so often."""
    conditions = [OrderRow.brand_id == at.brand_id, *_window(OrderRow.placed_at, since, at)]
    named = (CustomerRow.brand_id == OrderRow.brand_id) & (CustomerRow.customer_id == OrderRow.customer_id)
    source = OrderRow.__table__.join(CustomerRow.__table__, named)
    return _grouped(source, CustomerRow.id, at, *conditions).having(func.count() >= least)


def callers(least: float, since: datetime | None, at: At) -> Ids:
    """Who got in touch at least so often, on any channel that the brand's systems told of."""
    table = InteractionRow
    conditions = [table.brand_id == at.brand_id, table.direction == "in", *_window(table.at, since, at)]
    named = (CustomerRow.brand_id == table.brand_id) & (CustomerRow.customer_id == table.customer_id)
    source = InteractionRow.__table__.join(CustomerRow.__table__, named)
    return _grouped(source, CustomerRow.id, at, *conditions).having(func.count() >= least)


def complainers(least: float, since: datetime | None, at: At) -> Ids:
    """Who had at least so many cases."""
    conditions = [CaseRow.brand_id == at.brand_id, CaseRow.customer_key.is_not(None), CaseRow.state != "merged"]
    conditions += _window(CaseRow.opened_at, since, at)
    return _grouped(CaseRow.__table__, CaseRow.customer_key, at, *conditions).having(func.count() >= least)


def preferring(channels: Sequence[str], sources: Sequence[str], at: At) -> Ids:
    """Whose channel this is, by the strongest word of these sources: declared, then observed, then inferred."""
    rank = case(RANK, value=PreferenceRow.source)
    order = (rank, PreferenceRow.at.is_(None), PreferenceRow.at.desc(), PreferenceRow.id.desc())
    place = func.row_number().over(partition_by=PreferenceRow.customer_key, order_by=order)
    words = select(PreferenceRow.customer_key, PreferenceRow.channel, place.label("place"))
    ranked = words.where(PreferenceRow.brand_id == at.brand_id, PreferenceRow.source.in_(sources)).subquery()
    return select(ranked.c.customer_key).where(ranked.c.place == 1, func.lower(ranked.c.channel).in_(channels))


def refusing(channels: Sequence[str], at: At) -> Ids:
    """Whose last word on one of these channels, for service, was no."""
    order = (ConsentRow.at.desc(), ConsentRow.status == "granted", ConsentRow.id.desc())
    place = func.row_number().over(partition_by=(ConsentRow.customer_key, ConsentRow.channel), order_by=order)
    words = select(ConsentRow.customer_key, ConsentRow.status, place.label("place")).where(
        ConsentRow.brand_id == at.brand_id,
        ConsentRow.purpose == "service",
        func.lower(ConsentRow.channel).in_(channels),
    )
    last = words.subquery()
    return select(last.c.customer_key).where(last.c.place == 1, last.c.status != "granted")


def of_mood(bounds: Mapping[str, float], since: datetime | None, at: At) -> Ids:
    """By what the customer's accounts said of the brand: `unhappy_at_least`, `unhappy_below` (shares of the posts) and
    `posts_at_least`.
    """
    said = _said_of_brand(since, at).subquery()
    share = func.avg(case((said.c.unhappy, 1.0), else_=0.0))
    wanted = [func.count() >= bounds.get("posts_at_least", 1)]
    if "unhappy_at_least" in bounds:
        wanted.append(share >= bounds["unhappy_at_least"])
    if "unhappy_below" in bounds:
        wanted.append(share < bounds["unhappy_below"])
    return _grouped(said, said.c.customer_key, at).having(*wanted)


def _said_of_brand(since: datetime | None, at: At) -> Any:
    """Customer, post, unhappy: each post once for each customer whose account said it."""
    accounts = _accounts(at)
    reading = (ReadingRow.post_id == PostRow.id) & (ReadingRow.version == PostRow.version)
    time = func.coalesce(PostRow.created_at, PostRow.heard_at)
    return (
        select(accounts.c.customer_key, PostRow.id, ReadingRow.unhappy)
        .join_from(accounts, PostRow, PostRow.author_id == accounts.c.author_id)
        .join(ReadingRow, reading)
        .where(PostRow.deleted_at.is_(None), PostRow.is_repost.is_(False), ReadingRow.about_brand >= ABOUT_BRAND)
        .where(*_window(time, since, at))
        .distinct()
    )


def _accounts(at: At) -> Any:
    """Accounts that are a customer's: declared or proven ones, and those whose cases are his."""
    theirs = (
        (IdentityRow.brand_id == AuthorRow.brand_id)
        & (IdentityRow.network == AuthorRow.network)
        & (IdentityRow.account_id == AuthorRow.native_id)
    )
    lasting = or_(IdentityRow.expires_at.is_(None), IdentityRow.expires_at > at.now)
    proven = select(AuthorRow.id.label("author_id"), IdentityRow.customer_key).join(IdentityRow, theirs)
    by_case = select(CaseRow.author_id, CaseRow.customer_key).where(
        CaseRow.brand_id == at.brand_id, CaseRow.author_id.is_not(None), CaseRow.customer_key.is_not(None)
    )
    own = proven.where(AuthorRow.brand_id == at.brand_id, IdentityRow.revoked_at.is_(None), lasting)
    return union(own, by_case).subquery()


def _persons(at: At) -> Any:
    """merged record → the record that speaks for the person; links of links are followed."""
    links = select(CustomerLinkRow.merged, CustomerLinkRow.kept).where(CustomerLinkRow.brand_id == at.brand_id, _HOLDS)
    chain = links.cte(recursive=True)
    further = CustomerLinkRow.merged == chain.c.kept
    chain = chain.union(select(chain.c.merged, CustomerLinkRow.kept).join(CustomerLinkRow, further & _HOLDS))
    return select(chain.c.merged, chain.c.kept).where(chain.c.kept.not_in(merged_away(at))).subquery()


def _grouped(source: Any, key: Any, at: At, *conditions: ColumnElement[bool]) -> Ids:
    """The persons of rows that name a record by `key`, each once."""
    persons = _persons(at)
    person: ColumnElement[int] = func.coalesce(persons.c.kept, key)
    query = select(person).select_from(source).outerjoin(persons, persons.c.merged == key).where(*conditions)
    return query.group_by(person)


def _window(time: Any, since: datetime | None, at: At) -> list[ColumnElement[bool]]:
    return [time <= at.now] + ([] if since is None else [time > since])


def days_before(at: At, days: float) -> datetime:
    """So many days before."""
    return at.now - timedelta(days=days)
