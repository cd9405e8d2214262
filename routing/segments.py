"""Segments: customers of whom a rule is true, kept up by the flow `learn`. A rule becomes sets of customers in SQL.

Each condition is a query of customers' keys (`segment_sets`): what must hold is looked up in sets (IN), what must not
is taken away (EXCEPT). So a million customers cost a few scans, whatever the rule says. Who objected to having his
habits learned, or to everything, is in no segment.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, except_, func, insert, literal, or_, select, union
from sqlalchemy.orm import Session

from domain.customer import STATUSES
from routing.conditions import Key, Term, When
from routing.segment_sets import (
    RANK,
    At,
    Ids,
    buyers,
    callers,
    complainers,
    days_before,
    everybody,
    merged_away,
    not_to_be_profiled,
    of_mood,
    preferring,
    refusing,
    wrapped,
)
from storage.tables import CustomerRow, CustomerSegmentRow

CUSTOMER_KEYS: dict[str, Key] = {
    "brand": Key("brand_id", "one_of"),
    "stated_segment": Key("segment", "one_of"),
    "country": Key("country", "one_of"),
    "language": Key("language", "one_of"),
    "status": Key("status", "one_of", STATUSES),
    "postal_code": Key("postal_code", "starts_with"),
    "value_at_least": Key("value", "at_least"),
    "value_below": Key("value", "below"),
    "channel": Key("channel", "one_of"),
    "stated_channel": Key("channel", "one_of"),
    "learned_channel": Key("channel", "one_of"),
    "refused_channel": Key("channel", "has_one_of"),
    "purchases_at_least": Key("purchases", "at_least"),
    "purchases_below": Key("purchases", "below"),
    "purchases_within_days": Key("purchases", "at_least"),
    "contacts_at_least": Key("contacts", "at_least"),
    "contacts_below": Key("contacts", "below"),
    "contacts_within_days": Key("contacts", "at_least"),
    "cases_at_least": Key("cases", "at_least"),
    "cases_below": Key("cases", "below"),
    "cases_within_days": Key("cases", "at_least"),
    "unhappy_at_least": Key("unhappy", "at_least"),
    "unhappy_below": Key("unhappy", "below"),
    "posts_at_least": Key("posts", "at_least"),
    "posts_within_days": Key("posts", "at_least"),
}
COLUMNS = ("brand", "stated_segment", "country", "language", "status", "postal_code", "value_at_least", "value_below")
COUNTED: dict[str, Callable[[float, datetime | None, At], Ids]] = {
    "purchases": buyers,
    "contacts": callers,
    "cases": complainers,
}
MOOD = ("unhappy_at_least", "unhappy_below", "posts_at_least", "posts_within_days")
CHANNEL_SOURCES: dict[str, tuple[str, ...]] = {
    "channel": tuple(RANK),
    "stated_channel": ("declared",),
    "learned_channel": ("observed", "inferred"),
}


@dataclass(frozen=True, slots=True)
class Segment:
    """Customers of whom `when` is true, under a name."""

    name: str
    when: When


@dataclass(frozen=True, slots=True)
class Kept:
    """What keeping a segment up changed."""

    joined: int = 0
    left: int = 0


def keep_up(session: Session, brand_id: str, segment: Segment, now: datetime) -> Kept:
    """Let in who fits now and out who does not; who stays keeps his date. In the caller's transaction."""
    rows = (CustomerSegmentRow.brand_id == brand_id) & (CustomerSegmentRow.segment == segment.name)
    inside = select(CustomerSegmentRow.customer_key).where(rows)
    fits = members(brand_id, segment.when, now)
    before = _size(session, inside)
    gone = delete(CustomerSegmentRow).where(rows, CustomerSegmentRow.customer_key.in_(wrapped(except_(inside, fits))))
    session.execute(gone.execution_options(synchronize_session=False))
    stayed = _size(session, inside)
    fresh = except_(fits, inside).subquery()
    since = literal(now, CustomerSegmentRow.since.type)
    wanted = select(literal(brand_id), fresh.c[0], literal(segment.name), since)
    columns = ["brand_id", "customer_key", "segment", "since"]
    session.execute(insert(CustomerSegmentRow).from_select(columns, wanted))
    return Kept(_size(session, inside) - stayed, before - stayed)


def _size(session: Session, inside: Ids) -> int:
    """Counted, because SQLite's driver does not tell how many rows a statement with a WITH changed."""
    return session.scalar(select(func.count()).select_from(inside.subquery())) or 0


def forget_others(session: Session, brand_id: str, names: Iterable[str]) -> int:
    """Drop the segments that the settings have no more; returns how many memberships ended."""
    others = CustomerSegmentRow.segment.not_in(sorted(names))
    gone = delete(CustomerSegmentRow).where(CustomerSegmentRow.brand_id == brand_id, others)
    return int(session.execute(gone).rowcount)  # type: ignore[attr-defined]


def members(brand_id: str, when: When, now: datetime) -> Ids:
    """A query of the keys of all customers of whom a rule is true."""
    at = At(brand_id, now)
    return wrapped(except_(_fits(when, at), merged_away(at), not_to_be_profiled(at)))


def _fits(when: When, at: At) -> Ids:
    """Records of whom the rule is true; of several of one person only the kept one is meant."""
    found = select(CustomerRow.id).where(CustomerRow.brand_id == at.brand_id)
    found = found.where(*(_column(term) for term in when.terms if term.key in COLUMNS))
    numbers = {term.key: term.wanted for term in when.terms if isinstance(term.wanted, float)}
    least, most = _counts(numbers, at)
    for inside in (*_channels(when.terms, at), *_mood(numbers, at), *least):
        found = found.where(CustomerRow.id.in_(inside))
    if when.any_of:
        found = found.where(CustomerRow.id.in_(wrapped(union(*(_fits(one, at) for one in when.any_of)))))
    outside = [*most, *(_fits(one, at) for one in when.none_of)]
    return wrapped(except_(found, *outside)) if outside else found


def _column(term: Term) -> ColumnElement[bool]:
    key = CUSTOMER_KEYS[term.key]
    column: Any = getattr(CustomerRow, key.fact)
    if not isinstance(term.wanted, frozenset):
        return column < term.wanted if key.how == "below" else column >= term.wanted  # type: ignore[no-any-return]
    names, lower = sorted(term.wanted), func.lower(column)
    if key.how == "starts_with":
        return or_(*(lower.startswith(name, autoescape=True) for name in names))
    return lower.in_(names)


def _counts(numbers: Mapping[str, float], at: At) -> tuple[list[Ids], list[Ids]]:
    """Sets to be in, and sets not to be in. A window alone means at least one."""
    inside: list[Ids] = []
    outside: list[Ids] = []
    for name, counted in COUNTED.items():
        days = numbers.get(f"{name}_within_days")
        since = None if days is None else days_before(at, days)
        below = numbers.get(f"{name}_below")
        least = numbers.get(f"{name}_at_least", 0 if days is None or below is not None else 1)
        if least > 0:
            inside.append(counted(least, since, at))
        if below is not None:
            outside.append(everybody(at) if below <= 0 else counted(below, since, at))
    return inside, outside


def _channels(terms: Iterable[Term], at: At) -> list[Ids]:
    found: list[Ids] = []
    for term in terms:
        names = sorted(term.wanted) if isinstance(term.wanted, frozenset) else []
        if term.key in CHANNEL_SOURCES:
            found.append(preferring(names, CHANNEL_SOURCES[term.key], at))
        elif term.key == "refused_channel":
            found.append(refusing(names, at))
    return found


def _mood(numbers: Mapping[str, float], at: At) -> list[Ids]:
    bounds = {name: numbers[name] for name in MOOD if name in numbers}
    days = bounds.pop("posts_within_days", None)
    if not bounds and days is None:
        return []
    return [of_mood(bounds, None if days is None else days_before(at, days), at)]
