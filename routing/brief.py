"""What happened, in three lines, and what the customer has already told: facts only, each with where it stands.

A fact is a key of the texts, its values and its source, as `post:12`; whoever shows it puts it into words in his
language. Nothing is made up, weighed or summed up by a model: what is not stored is not said.

    matter   what it is about: intent and moment, the order in question, what was promised and whether it came
    history  what came before: contacts of these days by channel, other cases, ruptures
    stand    what was answered, what the brand does about it, and whose turn it is
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from domain.after import RESOLUTION_TEMPLATE, SURVEY_TEMPLATES
from domain.claim import CLAIM_TEMPLATES
from domain.message import SENT_STATES
from storage.queue import CasePost, Dossier
from storage.tables import (
    CaseRow,
    InteractionRow,
    MessageRow,
    OrderRow,
    PostRow,
    ReadingRow,
    ResolutionRow,
    RuptureRow,
)

LATELY = timedelta(days=90)
# What a customer tells once and should not be asked again.
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
TOLD_KINDS = ("order", "product", "amount", "date", "place", "phone", "email")
MOST_TOLD, MOST_LINES = 6, 4
MAIL = frozenset({"email", "mail"})


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact: the key of its words, the values in them, and the row that it was taken from."""

    key: str
    values: Mapping[str, Any]
    source: str


@dataclass(frozen=True, slots=True)
class Brief:
    """Three lines of facts, and what need not be asked again."""

    matter: tuple[Fact, ...] = ()
    history: tuple[Fact, ...] = ()
    stand: tuple[Fact, ...] = ()
    told: tuple[Fact, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain types for JSON; times in UTC with a `Z`."""
        return {
            name: [{**asdict(fact), "values": _plain(fact.values)} for fact in getattr(self, name)]
            for name in ("matter", "history", "stand", "told")
        }


@dataclass(frozen=True, slots=True)
class Material:
    """What a brief is drawn from: rows of one case and of its customer, in any order."""

    case: CaseRow
    posts: Sequence[tuple[PostRow, ReadingRow | None]] = ()
    messages: Sequence[MessageRow] = ()
    interactions: Sequence[InteractionRow] = ()
    orders: Sequence[OrderRow] = ()
    other_cases: Sequence[CaseRow] = ()
    resolutions: Sequence[ResolutionRow] = ()
    ruptures: Sequence[RuptureRow] = field(default=())


def material_of(
    found: Dossier, resolutions: Sequence[ResolutionRow] = (), ruptures: Sequence[RuptureRow] = ()
) -> Material:
    """What a case's page has loaded, as material."""
    record = found.record
    return Material(
        case=found.case,
        posts=[(told.post, _present(told)) for told in found.posts],
        messages=found.messages,
        interactions=record.interactions if record else (),
        orders=record.orders if record else (),
        other_cases=record.other_cases if record else (),
        resolutions=resolutions,
        ruptures=ruptures,
    )


def _present(told: CasePost) -> ReadingRow | None:
    """The reading of a post's present version."""
    return next((reading for reading in told.readings if reading.version == told.post.version), None)


def brief(material: Material, now: datetime) -> Brief:
    """The brief of a case at a time."""
    return Brief(
        matter=tuple(_matter(material)),
        history=tuple(_history(material, now)),
        stand=tuple(_stand(material)),
        told=tuple(_told(material))[:MOST_TOLD],
    )


def _matter(material: Material) -> Iterator[Fact]:
    case, posts = material.case, _by_time(material.posts)
    first = next((post for post, _ in posts if post.text is not None), posts[0][0] if posts else None)
    if first is not None:
        values = {"intent": case.intent, "moment": case.moment, "network": first.network, "at": _at(first)}
        yield Fact("about", values, f"post:{first.id}")
    quoted = {value for _, reading in posts for kind, value in _entities(reading) if kind == "order"}
    for order in _newest(material.orders, lambda row: row.placed_at):
        if order.normal_id in quoted:
            yield from _order(order)
    if len(posts) > 1:
        yield Fact("posts", {"count": len(posts), "at": _at(posts[-1][0])}, f"post:{posts[-1][0].id}")


def _order(order: OrderRow) -> Iterator[Fact]:
    source = f"order:{order.id}"
    values = {"order": order.order_id, "product": order.product or "", "at": order.placed_at}
    yield Fact("order_product" if order.product else "order", values, source)
    if order.delivered_at is not None:
        yield Fact("delivered", {"at": order.delivered_at}, source)
    elif order.promised_at is not None:
        yield Fact("promised", {"at": order.promised_at}, source)


def _history(material: Material, now: datetime) -> Iterator[Fact]:
    lately = [row for row in material.interactions if now - LATELY < row.at <= now]
    for row in _newest(lately, lambda row: row.at)[:MOST_LINES]:
        values = {"channel": row.channel, "direction": row.direction, "at": row.at}
        values |= {"outcome": row.outcome or "", "subject": row.subject or ""}
        yield Fact(_contact_key(row), values, f"interaction:{row.id}")
    for other in _newest(material.other_cases, lambda row: row.opened_at)[:2]:
        values = {"id": other.id, "intent": other.intent, "state": other.state, "at": other.opened_at}
        yield Fact("other_case", values, f"case:{other.id}")
    for rupture in _newest(material.ruptures, lambda row: row.at)[:MOST_LINES]:
        yield Fact("rupture", {"kind": rupture.kind, "at": rupture.at}, f"rupture:{rupture.id}")


def _contact_key(row: InteractionRow) -> str:
    return f"contact_{row.direction}" + ("_outcome" if row.outcome else "")


def _stand(material: Material) -> Iterator[Fact]:
    case = material.case
    sent = [row for row in material.messages if row.state in SENT_STATES and row.handed_over_at is not None]
    answers = [row for row in sent if row.template not in CLAIM_TEMPLATES | SURVEY_TEMPLATES]
    for message in _newest(answers, lambda row: row.handed_over_at)[:2]:
        values = {"channel": message.channel, "at": message.handed_over_at, "template": message.template}
        key = "resolution_told" if message.template == RESOLUTION_TEMPLATE else "answered"
        yield Fact(key, values, f"message:{message.id}")
    if not answers:
        yield Fact("not_answered", {"at": case.opened_at}, f"case:{case.id}")
    for message in material.messages:
        if message.state == "unconfirmed":
            yield Fact("unconfirmed", {"channel": message.channel, "at": message.reserved_at}, f"message:{message.id}")
    newest = max(material.resolutions, key=lambda row: row.id, default=None)
    if newest is not None:
        values = {"outcome": newest.outcome, "amount_cents": newest.amount_cents, "currency": newest.currency}
        values |= {"due_on": newest.due_on, "at": newest.at}
        yield Fact("resolution", values, f"resolution:{newest.id}")
    yield Fact("state", {"state": case.state, "at": case.state_since or case.last_post_at}, f"case:{case.id}")


def _told(material: Material) -> Iterator[Fact]:
    """What he gave, once each, where he gave it first."""
    given: dict[tuple[str, str], Fact] = {}
    for fact in sorted((*_told_in_posts(material), *_told_in_contacts(material)), key=lambda fact: fact.values["at"]):
        given.setdefault((str(fact.values["kind"]), str(fact.values["value"]).casefold()), fact)
    rank = {kind: place for place, kind in enumerate(TOLD_KINDS)}
    yield from sorted(given.values(), key=lambda fact: (rank[fact.values["kind"]], fact.values["at"]))


def _told_in_posts(material: Material) -> Iterator[Fact]:
    for post, reading in material.posts:
        if post.text is None:
            continue
        for kind, value in _entities(reading):
            if kind in TOLD_KINDS and (kind != "date" or _DAY.fullmatch(value)):  # "Friday" is no date a week later
                channel = "email" if post.network in MAIL else post.network
                values = {"kind": kind, "value": value, "channel": channel, "at": _at(post)}
                yield Fact("told", values, f"post:{post.id}")


def _told_in_contacts(material: Material) -> Iterator[Fact]:
    """Numbers of his orders that he named in a contact of his."""
    for row in material.interactions:
        said = f"{row.subject or ''} {row.text or ''}".upper().replace(" ", "").replace("-", "")
        for order in material.orders:
            if row.direction == "in" and len(order.normal_id) > 5 and order.normal_id.upper() in said:
                values = {"kind": "order", "value": order.normal_id, "channel": row.channel, "at": row.at}
                yield Fact("told", values, f"interaction:{row.id}")


def _entities(reading: ReadingRow | None) -> Iterator[tuple[str, str]]:
    for entity in (reading.details or {}).get("entities", ()) if reading is not None else ():
        yield str(entity.get("kind", "")), str(entity.get("value", ""))


def _by_time(posts: Iterable[tuple[PostRow, ReadingRow | None]]) -> list[tuple[PostRow, ReadingRow | None]]:
    return sorted(posts, key=lambda pair: (_at(pair[0]), pair[0].id))


def _newest(rows: Iterable[Any], at: Any) -> list[Any]:
    return sorted(rows, key=lambda row: (at(row), row.id), reverse=True)


def _at(post: PostRow) -> datetime:
    return post.created_at or post.heard_at


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in values.items()}
    return {name: value.replace("+00:00", "Z") if isinstance(value, str) else value for name, value in told.items()}
