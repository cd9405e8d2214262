"""A customer's ledger, from everything that passed on any channel, and the ruptures kept of it.

Ruptures follow what is stored: where a post is unlinked, a case split or a contact told of late, what holds no longer
is taken back, and what holds now is found. Running it again changes nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from domain.after import RESOLUTION_TEMPLATE, SURVEY_TEMPLATES, Resolution
from domain.case import OPEN_STATES, CaseState
from domain.claim import CLAIM_TEMPLATES
from domain.message import SENT_STATES
from routing.journey import AMOUNT, JourneyRules, LedgerEntry, Rupture, ruptures
from routing.resolution import resolution_of
from routing.stances import promised_until, stances
from storage import cases
from storage.brands import lock_brand
from storage.merges import kept_key, records_of
from storage.tables import (
    CaseEventRow,
    CasePostRow,
    CaseRow,
    CustomerRow,
    InteractionRow,
    MessageRow,
    ObjectionRow,
    OrderRow,
    PostRow,
    ReadingRow,
    ResolutionRow,
    RuptureRow,
)

RECENT = timedelta(days=45)
# Who calls or comes in is answered there and then.
AT_ONCE = frozenset({"phone", "store", "chat", "shop", "visit"})
MISSED = ("missed", "abandon", "manqué", "sans réponse", "no answer")
SETTLED = ("resolved", "résolu", "solved", "settled", "closed", "clos", "réglé")
MAIL = frozenset({"email", "mail"})
OWN_INTERACTION = "vigie:"
HANDED = ("assigned", "reassigned", "escalated", "team_changed", "passed_on")
GRANTS = frozenset({"refunded", "replaced", "repaired", "corrected"})
NO_PROFILE = frozenset({"all", "profiling"})


@dataclass(frozen=True, slots=True)
class Watched:
    """What one page of customers gave; `last` is the key after which the next page begins, None at the end."""

    customers: int = 0
    found: int = 0
    withdrawn: int = 0
    last: int | None = None


def watch_journeys(
    session: Session, brand_id: str, rules: JourneyRules, limit: int, now: datetime, after: int = 0
) -> Watched:
    """Look at up to `limit` customers whose cases are open or were lately, in the order of their keys."""
    lock_brand(session, brand_id)
    fresh = or_(CaseRow.state.in_(OPEN_STATES), CaseRow.resolved_at >= now - RECENT, CaseRow.opened_at >= now - RECENT)
    query = select(CaseRow.customer_key).where(CaseRow.brand_id == brand_id, CaseRow.customer_key > after, fresh)
    keys = list(session.scalars(query.distinct().order_by(CaseRow.customer_key).limit(limit)))
    found = withdrawn = 0
    for key in dict.fromkeys(kept_key(session, brand_id, int(key)) for key in keys if key is not None):
        new, gone = _keep(session, brand_id, key, rules, now)
        found, withdrawn = found + new, withdrawn + gone
    return Watched(len(keys), found, withdrawn, int(keys[-1] or 0) if len(keys) == limit else None)


def _keep(session: Session, brand_id: str, key: int, rules: JourneyRules, now: datetime) -> tuple[int, int]:
    """Bring the stored ruptures of a person in line with his ledger; how many are new and how many are gone."""
    records = records_of(session, brand_id, key)
    since = now - rules.history
    objected = select(ObjectionRow.id).where(ObjectionRow.customer_key.in_(records), ObjectionRow.topic.in_(NO_PROFILE))
    barred = session.scalar(objected.limit(1)) is not None
    hold = [] if barred else ruptures(ledger_of(session, brand_id, records, rules, now), rules, now)
    stored = session.scalars(
        select(RuptureRow).where(RuptureRow.customer_key.in_(records), RuptureRow.at >= since)
    ).all()
    known = {(row.kind, row.at): row for row in stored}
    wanted = {(rupture.kind, rupture.at): rupture for rupture in hold}
    gone = [row for place, row in known.items() if place not in wanted]
    for row in gone:
        session.delete(row)
        _note(session, row, "rupture_withdrawn", now)
    new = [rupture for place, rupture in wanted.items() if place not in known]
    for rupture in new:
        _note(session, _add(session, brand_id, key, rupture, now), "rupture_found", now)
    session.flush()
    return len(new), len(gone)


def _add(session: Session, brand_id: str, key: int, rupture: Rupture, now: datetime) -> RuptureRow:
    row = RuptureRow(
        brand_id=brand_id,
        customer_key=key,
        case_id=rupture.case,
        kind=rupture.kind,
        at=rupture.at,
        found_at=now,
        detail={"shown_by": list(rupture.shown_by)},
    )
    session.add(row)
    return row


def _note(session: Session, row: RuptureRow, kind: str, now: datetime) -> None:
    if row.case_id is not None:
        case = cases.living(session, session.get_one(CaseRow, row.case_id))
        cases.add_event(session, case, kind, now, rupture=row.kind, since=row.at.isoformat())


def ledger_of(
    session: Session, brand_id: str, records: Sequence[int], rules: JourneyRules, now: datetime
) -> list[LedgerEntry]:
    """Everything that passed between a person (all his records) and the brand as far back as the rules go, in no
    order.
    """
    ids = list(session.scalars(select(CustomerRow.customer_id).where(CustomerRow.id.in_(records))))
    orders = session.scalars(select(OrderRow).where(OrderRow.brand_id == brand_id, OrderRow.customer_id.in_(ids))).all()
    owned = select(CaseRow).where(CaseRow.customer_key.in_(records), CaseRow.state != CaseState.MERGED)
    ledger = _Ledger(session, now - rules.history, rules.promise, orders, list(session.scalars(owned)))
    return [
        *ledger.posts(),
        *ledger.messages(),
        *ledger.steps(),
        *ledger.interactions(brand_id, ids),
        *ledger.deliveries(),
    ]


class _Ledger:
    """The ledger of one person, source by source."""

    def __init__(
        self,
        session: Session,
        since: datetime,
        promise: timedelta,
        orders: Sequence[OrderRow],
        owned: Sequence[CaseRow],
    ) -> None:
        self.session, self.since, self.promise, self.orders = session, since, promise, orders
        self.numbers = [case.id for case in owned]
        self.matter_of_case = {case.id: f"case:{case.id}" for case in owned}
        for post, reading in self._posts():
            matter = self._matter(post.text or "", reading)
            if matter is not None and post.case_id in self.matter_of_case:
                self.matter_of_case[post.case_id] = matter

    def posts(self) -> Iterator[LedgerEntry]:
        """What he wrote in public, and mails that came into a case."""
        for post, _ in self._posts():
            channel = "email" if post.network in MAIL else post.network
            yield LedgerEntry(
                f"post:{post.id}", post.at, "in", channel, matter=self._of_case(post.case_id), case=post.case_id
            )

    def messages(self) -> Iterator[LedgerEntry]:
        """What we wrote and what surely went out; a survey is no answer."""
        told = {
            row.id: row
            for row in self.session.scalars(select(ResolutionRow).where(ResolutionRow.case_id.in_(self.numbers)))
        }
        query = select(MessageRow).where(
            MessageRow.case_id.in_(self.numbers),
            MessageRow.state.in_(SENT_STATES),
            MessageRow.template.not_in(CLAIM_TEMPLATES | SURVEY_TEMPLATES),
            MessageRow.handed_over_at >= self.since,
        )
        for row in self.session.scalars(query):
            held = told.get(row.extra.get("resolution", 0)) if row.template == RESOLUTION_TEMPLATE else None
            resolution = resolution_of(held) if held is not None else None
            yield LedgerEntry(
                f"message:{row.id}",
                row.handed_over_at or row.reserved_at,
                "out",
                row.channel,
                matter=self._of_case(row.case_id),
                case=row.case_id,
                stances=_stances(resolution),
                promised=None if resolution is None else _due(resolution, row.handed_over_at or row.reserved_at),
            )

    def steps(self) -> Iterator[LedgerEntry]:
        """From hand to hand, and what was said to be settled."""
        query = select(CaseEventRow).where(
            CaseEventRow.case_id.in_(self.numbers),
            CaseEventRow.kind.in_((*HANDED, "state")),
            CaseEventRow.at >= self.since,
        )
        for event in self.session.scalars(query):
            place: dict[str, Any] = {"matter": self._of_case(event.case_id), "case": event.case_id}
            to = event.detail.get("to")
            if event.kind == "state" and event.detail.get("new") == CaseState.RESOLVED:
                yield LedgerEntry(f"event:{event.id}", event.at, "out", kind="settled", **place)
            elif event.kind in HANDED and isinstance(to, str) and to:
                yield LedgerEntry(f"event:{event.id}", event.at, "out", kind="handed", hand=to, **place)

    def interactions(self, brand_id: str, ids: Sequence[str]) -> Iterator[LedgerEntry]:
        """What other systems tell of contacts; the lines that we write there ourselves are told by their posts."""
        query = select(InteractionRow).where(
            InteractionRow.brand_id == brand_id,
            InteractionRow.customer_id.in_(ids),
            InteractionRow.at >= self.since,
            InteractionRow.interaction_id.not_like(f"{OWN_INTERACTION}%"),
        )
        for row in self.session.scalars(query):
            yield from self._interaction(row)

    def deliveries(self) -> Iterator[LedgerEntry]:
        """A parcel that came keeps a word."""
        for order in self.orders:
            if order.delivered_at is not None and order.delivered_at >= self.since:
                matter = f"order:{order.normal_id}"
                yield LedgerEntry(f"order:{order.id}", order.delivered_at, "out", "delivery", matter=matter)

    def _interaction(self, row: InteractionRow) -> Iterator[LedgerEntry]:
        said, outcome = f"{row.subject or ''}\n{row.text or ''}", (row.outcome or "").casefold()
        number = _our_case(row.case_ref, self.matter_of_case)
        matter = self._of_case(number) if number else self._matter(said) or _foreign(row)
        key = f"interaction:{row.id}"
        place: dict[str, Any] = {"matter": matter, "case": number}
        if row.direction == "in":
            yield LedgerEntry(key, row.at, "in", row.channel, **place)
        answered = row.direction == "out" or (row.channel in AT_ONCE and not any(word in outcome for word in MISSED))
        if answered:
            words = f"{said}\n{row.outcome or ''}" if row.direction == "out" else row.outcome or ""
            yield LedgerEntry(
                key if row.direction == "out" else f"{key}:answer",
                row.at,
                "out",
                row.channel,
                hand=row.agent,
                stances=stances(words),
                promised=promised_until(words, row.at, self.promise),
                **place,
            )
        if any(word in outcome for word in SETTLED) and not outcome.startswith(("non ", "not ", "un")):
            yield LedgerEntry(f"{key}:settled", row.at, "out", row.channel, kind="settled", **place)

    def _of_case(self, number: int | None) -> str | None:
        return None if number is None else self.matter_of_case.get(number)

    def _matter(self, text: str, entities: Sequence[Any] = ()) -> str | None:
        """The order of his that a text names, if it is one only."""
        plain = text.upper().replace(" ", "").replace("-", "")
        quoted = {str(entity.get("value")) for entity in entities if entity.get("kind") == "order"}
        named = {
            order.normal_id
            for order in self.orders
            if order.normal_id in quoted or (len(order.normal_id) >= 6 and order.normal_id.upper() in plain)
        }
        return f"order:{named.pop()}" if len(named) == 1 else None

    def _posts(self) -> Iterator[tuple["_Post", Sequence[Any]]]:
        query = (
            select(PostRow, CasePostRow.case_id, ReadingRow.details)
            .join(CasePostRow, CasePostRow.post_id == PostRow.id)
            .outerjoin(ReadingRow, (ReadingRow.post_id == PostRow.id) & (ReadingRow.version == PostRow.version))
            .where(
                CasePostRow.case_id.in_(self.numbers),
                CasePostRow.role != "copy",
                PostRow.is_repost.is_(False),
            )
        )
        for post, case_id, details in self.session.execute(query):
            at = post.created_at or post.heard_at
            if at >= self.since:
                yield _Post(post.id, post.network, post.text, at, case_id), (details or {}).get("entities", ())


@dataclass(frozen=True, slots=True)
class _Post:
    id: int
    network: str
    text: str | None
    at: datetime
    case_id: int


def _stances(resolution: Resolution | None) -> frozenset[str]:
    if resolution is None:
        return frozenset()
    found = {"granted"} if resolution.outcome in GRANTS else set()
    found |= {"declined"} if resolution.outcome == "declined" else set()
    found |= {"delivered"} if resolution.outcome == "delivered" and resolution.due_on is None else set()
    if resolution.amount_cents is not None:
        found.add(f"{AMOUNT}{resolution.amount_cents}")
    return frozenset(found)


def _due(resolution: Resolution, at: datetime) -> datetime | None:
    if resolution.due_on is None:
        return None
    return at.replace(
        year=resolution.due_on.year,
        month=resolution.due_on.month,
        day=resolution.due_on.day,
        hour=23,
        minute=59,
        second=0,
        microsecond=0,
    )


def _our_case(reference: str | None, known: dict[int, str]) -> int | None:
    """Our case that another system names, as `12` or `V12`."""
    digits = (reference or "").removeprefix("V")
    return int(digits) if digits.isascii() and digits.isdigit() and int(digits) in known else None


def _foreign(row: InteractionRow) -> str | None:
    """A ticket of another system is a matter of its own."""
    return f"ticket:{row.case_ref}" if row.case_ref else None
