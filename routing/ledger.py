"""A customer's ledger, from everything that passed on any channel, and the ruptures kept of it.

Ruptures follow what is stored: where a post is unlinked, a case split or a contact told of late, what holds no longer
is taken back, and what holds now is found. Running it again changes nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

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
from storage.merges import persons_of
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
Persons = Mapping[int, Sequence[int]]  # the key of a person's kept record → all his records
Row = TypeVar("Row")
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
    keys = [int(key) for key in session.scalars(query.distinct().order_by(CaseRow.customer_key).limit(limit)) if key]
    persons = persons_of(session, brand_id, keys)
    ledgers = ledgers_of(session, brand_id, persons, rules, now)
    stored = _stored(session, persons, now - rules.history)
    barred = _barred(session, persons)
    found = withdrawn = 0
    for key in persons:
        hold = [] if key in barred else ruptures(ledgers[key], rules, now)
        new, gone = _keep(session, brand_id, key, hold, stored.get(key, []), now)
        found, withdrawn = found + new, withdrawn + gone
    return Watched(len(keys), found, withdrawn, keys[-1] if len(keys) == limit else None)


def _stored(session: Session, persons: Persons, since: datetime) -> dict[int, list[RuptureRow]]:
    owner = _owner(persons)
    query = select(RuptureRow).where(RuptureRow.customer_key.in_(owner), RuptureRow.at >= since)
    return _by(session.scalars(query), lambda row: owner[row.customer_key])


def _barred(session: Session, persons: Persons) -> set[int]:
    """Who does not want his habits looked into."""
    owner = _owner(persons)
    query = select(ObjectionRow.customer_key).where(ObjectionRow.customer_key.in_(owner))
    return {owner[key] for key in session.scalars(query.where(ObjectionRow.topic.in_(NO_PROFILE)))}


def _keep(
    session: Session, brand_id: str, key: int, hold: Sequence[Rupture], stored: Sequence[RuptureRow], now: datetime
) -> tuple[int, int]:
    """Bring the stored ruptures of a person in line with what holds; how many are new and how many are gone."""
    known = {(row.kind, row.at): row for row in stored}
    wanted = {(rupture.kind, rupture.at): rupture for rupture in hold}
    gone = [row for place, row in known.items() if place not in wanted]
    for row in gone:
        session.delete(row)
        _note(session, row, "rupture_withdrawn", now)
    new = [rupture for place, rupture in wanted.items() if place not in known]
    for rupture in new:
        _note(session, _add(session, brand_id, key, rupture, now), "rupture_found", now)
    if new or gone:
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


def ledgers_of(
    session: Session, brand_id: str, persons: Persons, rules: JourneyRules, now: datetime
) -> dict[int, list[LedgerEntry]]:
    """The ledger of each person, with one query a table for all of them."""
    owner, since = _owner(persons), now - rules.history
    told = select(CustomerRow.customer_id, CustomerRow.id).where(CustomerRow.id.in_(owner))
    person_of = {str(customer_id): owner[key] for customer_id, key in session.execute(told)}
    owned = select(CaseRow.id, CaseRow.customer_key).where(CaseRow.customer_key.in_(owner))
    person_of_case = {
        number: owner[key] for number, key in session.execute(owned.where(CaseRow.state != CaseState.MERGED)) if key
    }
    rows = _Rows(session, brand_id, since, person_of, person_of_case)
    return {key: _Ledger(rows, key, since, rules.promise).entries() for key in persons}


def _owner(persons: Persons) -> dict[int, int]:
    return {record: key for key, records in persons.items() for record in records}


def _by(rows: Iterable[Row], key: Callable[[Row], int]) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = {}
    for row in rows:
        found.setdefault(key(row), []).append(row)
    return found


class _Rows:
    """What the tables tell of many persons, by person."""

    def __init__(
        self,
        session: Session,
        brand_id: str,
        since: datetime,
        person_of: Mapping[str, int],
        person_of_case: Mapping[int, int],
    ) -> None:
        numbers, ids = list(person_of_case), list(person_of)
        self.cases = _by(numbers, lambda number: person_of_case[number])
        orders = select(OrderRow).where(OrderRow.brand_id == brand_id, OrderRow.customer_id.in_(ids))
        self.orders = _by(session.scalars(orders), lambda row: person_of[row.customer_id])
        contacts = select(InteractionRow).where(
            InteractionRow.brand_id == brand_id,
            InteractionRow.customer_id.in_(ids),
            InteractionRow.at >= since,
            InteractionRow.interaction_id.not_like(f"{OWN_INTERACTION}%"),
        )
        self.interactions = _by(session.scalars(contacts), lambda row: person_of[row.customer_id])
        self.posts = _by(_posts(session, numbers, since), lambda post: person_of_case[post.case_id])
        messages = select(MessageRow).where(
            MessageRow.case_id.in_(numbers),
            MessageRow.state.in_(SENT_STATES),
            MessageRow.template.not_in(CLAIM_TEMPLATES | SURVEY_TEMPLATES),
            MessageRow.handed_over_at >= since,
        )
        self.messages = _by(session.scalars(messages), lambda row: person_of_case[row.case_id])
        events = select(CaseEventRow).where(
            CaseEventRow.case_id.in_(numbers), CaseEventRow.kind.in_((*HANDED, "state")), CaseEventRow.at >= since
        )
        self.events = _by(session.scalars(events), lambda row: person_of_case[row.case_id])
        resolutions = select(ResolutionRow).where(ResolutionRow.case_id.in_(numbers))
        self.resolutions = {row.id: row for row in session.scalars(resolutions)}


def _posts(session: Session, numbers: Sequence[int], since: datetime) -> Iterator["_Post"]:
    query = (
        select(PostRow, CasePostRow.case_id, ReadingRow.details)
        .join(CasePostRow, CasePostRow.post_id == PostRow.id)
        .outerjoin(ReadingRow, (ReadingRow.post_id == PostRow.id) & (ReadingRow.version == PostRow.version))
        .where(CasePostRow.case_id.in_(numbers), CasePostRow.role != "copy", PostRow.is_repost.is_(False))
    )
    for post, case_id, details in session.execute(query):
        at = post.created_at or post.heard_at
        if at >= since:
            entities = tuple((details or {}).get("entities", ()))
            yield _Post(post.id, post.network, post.text, at, case_id, entities)


class _Ledger:
    """The ledger of one person, source by source."""

    def __init__(self, rows: _Rows, person: int, since: datetime, promise: timedelta) -> None:
        self.rows, self.person, self.since, self.promise = rows, person, since, promise
        self.orders = rows.orders.get(person, [])
        self.matter_of_case = {number: f"case:{number}" for number in rows.cases.get(person, [])}
        for post in rows.posts.get(person, []):
            matter = self._matter(post.text or "", post.entities)
            if matter is not None:
                self.matter_of_case[post.case_id] = matter

    def entries(self) -> list[LedgerEntry]:
        """All of them, in no order."""
        told = (self.posts(), self.messages(), self.steps(), self.interactions(), self.deliveries())
        return [entry for source in told for entry in source]

    def posts(self) -> Iterator[LedgerEntry]:
        """What he wrote in public, and mails that came into a case."""
        for post in self.rows.posts.get(self.person, []):
            channel = "email" if post.network in MAIL else post.network
            yield LedgerEntry(
                f"post:{post.id}", post.at, "in", channel, matter=self._of_case(post.case_id), case=post.case_id
            )

    def messages(self) -> Iterator[LedgerEntry]:
        """What we wrote and what surely went out; a survey is no answer."""
        for row in self.rows.messages.get(self.person, []):
            held = (
                self.rows.resolutions.get(row.extra.get("resolution", 0))
                if row.template == RESOLUTION_TEMPLATE
                else None
            )
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
        for event in self.rows.events.get(self.person, []):
            place: dict[str, Any] = {"matter": self._of_case(event.case_id), "case": event.case_id}
            to = event.detail.get("to")
            if event.kind == "state" and event.detail.get("new") == CaseState.RESOLVED:
                yield LedgerEntry(f"event:{event.id}", event.at, "out", kind="settled", **place)
            elif event.kind in HANDED and isinstance(to, str) and to:
                yield LedgerEntry(f"event:{event.id}", event.at, "out", kind="handed", hand=to, **place)

    def interactions(self) -> Iterator[LedgerEntry]:
        """What other systems tell of contacts; the lines that we write there ourselves are told by their posts."""
        for row in self.rows.interactions.get(self.person, []):
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


@dataclass(frozen=True, slots=True)
class _Post:
    id: int
    network: str
    text: str | None
    at: datetime
    case_id: int
    entities: tuple[Any, ...] = ()


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
