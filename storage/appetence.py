"""What is known of channels: the trials in the outbox, and the counts that the flow `learn` keeps of them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.appetence import LOOKED_BACK, Counts, Evidence, Trial, tally
from domain.claim import CLAIM_TEMPLATES
from domain.message import SENT_STATES
from storage.customers import segments_of
from storage.tables import (
    AppetenceRow,
    CaseEventRow,
    CaseRow,
    CustomerRow,
    CustomerSegmentRow,
    MessageRow,
    ObjectionRow,
)

EVERYBODY = "all"
NO_LEARNING = ("profiling", "all")


def trials(
    session: Session, brand_id: str, now: datetime, customers: Collection[int] | None = None
) -> Iterator[tuple[int, Trial]]:
    """Customer and trial for the messages that reached somebody, of these customers or of all, the oldest first."""
    since = now - LOOKED_BACK
    query = (
        select(
            MessageRow.customer_key, MessageRow.message_id, MessageRow.channel, MessageRow.handed_over_at,
            CaseRow.resolved_at,
        )
        .join(CaseRow, CaseRow.id == MessageRow.case_id)
        .where(
            MessageRow.brand_id == brand_id,
            MessageRow.customer_key.is_not(None),
            MessageRow.state.in_(SENT_STATES),
            MessageRow.handed_over_at > since,
            MessageRow.paired_with.is_(None),
            MessageRow.template.not_in(CLAIM_TEMPLATES),
        )
        .order_by(MessageRow.handed_over_at, MessageRow.id)
    )  # fmt: skip
    if customers is not None:
        query = query.where(MessageRow.customer_key.in_(sorted(customers)))
    answered = _answered(session, brand_id, since, customers)
    for key, message_id, channel, at, resolved_at in session.execute(query).yield_per(1000):
        assert key is not None and at is not None  # noqa: S101, PT018 - the query says so
        yield key, Trial(channel, at, answered.get(message_id), resolved_at)


def counts_for(session: Session, customer: CustomerRow, records: Sequence[int], now: datetime) -> Evidence:
    """What is known of one customer's channels: his own, those of the segment of which most is known, all."""
    own = tally((trial for _, trial in trials(session, customer.brand_id, now, records)), now)
    names = sorted(segments_of(session, customer, records))
    kept = _kept(session, customer.brand_id, [*map(subject_of, names), EVERYBODY], now)
    best = max(names, key=lambda name: _weight(kept.get(subject_of(name), {})), default="")
    segment = kept.get(subject_of(best), {}) if best else {}
    return Evidence(own, segment, kept.get(EVERYBODY, {}), best if segment else "")


def subject_of(segment: str) -> str:
    """What the counts of a segment are kept under."""
    return f"segment:{segment}"[:120]


def unlearned(session: Session, brand_id: str) -> set[int]:
    """The customers of whom nothing is learned, because they said so."""
    query = select(ObjectionRow.customer_key).where(
        ObjectionRow.brand_id == brand_id, ObjectionRow.topic.in_(NO_LEARNING)
    )
    return set(session.scalars(query))


def segment_members(session: Session, brand_id: str) -> dict[int, set[str]]:
    """Customer → the segments that he is in."""
    found: dict[int, set[str]] = {}
    by_rule = select(CustomerSegmentRow.customer_key, CustomerSegmentRow.segment).filter_by(brand_id=brand_id)
    told = select(CustomerRow.id, CustomerRow.segment).where(
        CustomerRow.brand_id == brand_id, CustomerRow.segment.is_not(None)
    )
    for query in (by_rule, told):
        for key, segment in session.execute(query):
            found.setdefault(key, set()).add(str(segment))
    return found


def keep(session: Session, brand_id: str, counts: Mapping[str, Mapping[str, Counts]], now: datetime) -> int:
    """Put these counts (subject → channel → counts) in the place of those before; returns how many rows there are."""
    rows = {
        (row.subject, row.channel): row for row in session.scalars(select(AppetenceRow).filter_by(brand_id=brand_id))
    }
    wanted = {(subject, channel): one for subject, by in counts.items() for channel, one in by.items()}
    for place, row in rows.items():
        if place not in wanted:
            session.delete(row)
    for (subject, channel), one in wanted.items():
        known = rows.get((subject, channel))
        if known is None:
            known = AppetenceRow(brand_id=brand_id, subject=subject, channel=channel)
            session.add(known)
        known.tried, known.answered, known.solved, known.at = one.tried, one.answered, one.solved, now
    session.flush()
    return len(wanted)


def _answered(
    session: Session, brand_id: str, since: datetime, customers: Collection[int] | None
) -> dict[str, datetime]:
    """message id → when the customer first answered it."""
    query = select(CaseEventRow.detail, CaseEventRow.at).where(
        CaseEventRow.brand_id == brand_id, CaseEventRow.kind == "message_replied", CaseEventRow.at > since
    )
    if customers is not None:
        of_them = select(MessageRow.case_id).where(MessageRow.customer_key.in_(sorted(customers)))
        query = query.where(CaseEventRow.case_id.in_(of_them))
    found: dict[str, datetime] = {}
    for detail, at in session.execute(query):
        message = str(detail.get("message", ""))
        found[message] = min(at, found.get(message, at))
    return found


def _kept(session: Session, brand_id: str, subjects: Collection[str], now: datetime) -> dict[str, dict[str, Counts]]:
    query = select(AppetenceRow).where(AppetenceRow.brand_id == brand_id, AppetenceRow.subject.in_(subjects))
    found: dict[str, dict[str, Counts]] = {}
    for row in session.scalars(query):
        counts = Counts(row.tried, row.answered, row.solved).faded(now - row.at)
        found.setdefault(row.subject, {})[row.channel] = counts
    return found


def _weight(counts: Mapping[str, Counts]) -> float:
    return sum(one.tried for one in counts.values())
