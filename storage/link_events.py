"""What was said of an account and a customer: linked, confirmed, refused, proven, "not me". Append-only, and undoable.

Accounts and customers stand here as our own numbers only, so that erasing their rows takes the person out of what
cannot be erased. A word stands until another undoes it; of people's standing words about one pair the newest holds.
What the program linked by itself is a word too, but proves nothing to it: it is neither learned from nor believed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session, aliased

from storage import audit
from storage.merges import records_of
from storage.tables import AuthorRow, IdentityRow, LinkEventRow, PostRow

SYSTEM = "vigie"  # says what the program did by itself
UNDONE, LINKED = "undone", "linked"
SAYS = {LINKED: True, "confirmed": True, "authenticated": True, "refused": False, "not_me": False}
REVIEWERS = ("confirmed", "refused", "audit_right", "audit_wrong")  # what who said it in the console may take back


class AlreadyUndone(Exception):
    """The word was taken back before, or is itself one that takes back."""


@dataclass(frozen=True, slots=True)
class Pair:
    """An account, or a post without one, and a customer (our own number)."""

    brand_id: str
    customer_key: int
    author_id: int | None = None
    post_id: int | None = None


def pair_of(post: PostRow, customer_key: int) -> Pair:
    """The writer of a post, and a customer."""
    return Pair(post.brand_id, customer_key, post.author_id, post.id)


def record(
    session: Session,
    pair: Pair,
    kind: str,
    by: str,
    now: datetime,
    *,
    is_customer: bool | None = None,
    why: str = "",
    detail: Mapping[str, Any] | None = None,
) -> LinkEventRow:
    """Append one word. `is_customer` follows from the kind, except for audits; `why` is a code, no person's words."""
    says = SAYS.get(kind, is_customer)
    if says is None:
        raise ValueError(f"{kind}: does it say that this is the customer?")
    return _append(session, pair, kind=kind, is_customer=says, by=by, at=now, why=why, detail=dict(detail or {}))


def undo(session: Session, event: LinkEventRow, by: str, now: datetime, why: str = "mistake") -> LinkEventRow:
    """Take a word back. Raises `AlreadyUndone`."""
    if event.kind == UNDONE or is_undone(session, event.id):
        raise AlreadyUndone
    pair = Pair(event.brand_id, event.customer_key, event.author_id, event.post_id)
    return _append(session, pair, kind=UNDONE, is_customer=None, by=by, at=now, why=why, undoes=event.id, detail={})


def _append(session: Session, pair: Pair, **told: Any) -> LinkEventRow:
    row = LinkEventRow(**{name: getattr(pair, name) for name in Pair.__slots__}, **told)
    session.add(row)
    session.flush()
    return row


def refused(session: Session, brand_id: str, author_key: int | None) -> frozenset[int]:
    """Customers (our numbers) never to be proposed for this account again, unless a later word said it is them.

    `author_key` is our number of the account; without one nothing is remembered beyond the post itself. Of a person of
    whom one record was refused, every record is.
    """
    if author_key is None:
        return frozenset()
    said = select(LinkEventRow.customer_key, LinkEventRow.is_customer).where(
        LinkEventRow.author_id == author_key, LinkEventRow.kind != LINKED
    )
    newest = dict(session.execute(_standing(said.order_by(LinkEventRow.id), brand_id)).all())
    denied = [customer for customer, says in newest.items() if not says]
    return frozenset(record for customer in denied for record in records_of(session, brand_id, customer))


def standing_words(session: Session, brand_id: str) -> list[LinkEventRow]:
    """What people said and have not taken back, oldest first."""
    query = select(LinkEventRow).where(LinkEventRow.kind != LINKED).order_by(LinkEventRow.id)
    return list(session.scalars(_standing(query, brand_id)))


def automatic_link(session: Session, post_id: int) -> LinkEventRow | None:
    """The word that the program linked a post by itself, as long as it stands."""
    query = select(LinkEventRow).where(LinkEventRow.post_id == post_id, LinkEventRow.kind == LINKED, ~_taken_back())
    return session.scalars(query.order_by(LinkEventRow.id.desc()).limit(1)).one_or_none()


def end_automatic_link(session: Session, post_id: int, now: datetime, why: str) -> None:
    """The program takes its own link of a post back, if there is one."""
    said = automatic_link(session, post_id)
    if said is not None:
        undo(session, said, SYSTEM, now, why)


def is_undone(session: Session, event_id: int) -> bool:
    """Whether a word was taken back."""
    return session.scalar(select(LinkEventRow.id).where(LinkEventRow.undoes == event_id)) is not None


def last_words(session: Session, brand_id: str, by: str, since: datetime, limit: int) -> list[LinkEventRow]:
    """What one person said last and may still take back, newest first."""
    mine = (LinkEventRow.by == by, LinkEventRow.at >= since, LinkEventRow.kind.in_(REVIEWERS))
    query = select(LinkEventRow).where(*mine)
    return list(session.scalars(_standing(query.order_by(LinkEventRow.id.desc()).limit(limit), brand_id)))


def _standing(query: Any, brand_id: str) -> Any:
    return query.where(LinkEventRow.brand_id == brand_id, LinkEventRow.kind != UNDONE, ~_taken_back())


def _taken_back() -> ColumnElement[bool]:
    later = aliased(LinkEventRow)
    return select(later.id).where(later.undoes == LinkEventRow.id).exists()


def forget_customer(session: Session, brand_id: str, customer_key: int, by: str, now: datetime) -> int:
    """Take back all that was said of a customer who is erased: his number may be given again, his links may not."""
    query = select(LinkEventRow).where(LinkEventRow.customer_key == customer_key).order_by(LinkEventRow.id)
    words = list(session.scalars(_standing(query, brand_id)))
    for word in words:
        undo(session, word, by, now, "erased")
    return len(words)


def prove_account(
    session: Session, pair: Pair, proof: str, how: str, by: str, now: datetime, lasts: timedelta
) -> IdentityRow:
    """The customer proved that the account is his: he is known by its id until then, and longer by each new proof.

    `pair` names an account. Raises ValueError without one.
    """
    if pair.author_id is None:
        raise ValueError("without an account nothing can be proven of it")
    author = session.get_one(AuthorRow, pair.author_id)
    key = {
        "brand_id": pair.brand_id,
        "network": author.network,
        "account_id": author.native_id,
        "customer_key": pair.customer_key,
    }
    row = session.scalars(select(IdentityRow).filter_by(**key)).one_or_none()
    if row is None:
        row = IdentityRow(**key)
        session.add(row)
    row.handle, row.proof, row.how, row.at = author.handle, proof, how, now
    row.expires_at, row.revoked_at = now + lasts, None
    record(session, pair, "authenticated", by, now, why=how[:80])
    audit.record(session, pair.brand_id, by, "account proven", f"customer:{pair.customer_key}", now, {"how": how})
    return row


def date_accounts(session: Session, brand_id: str, lasts: timedelta) -> int:
    """Give every known account without an end one, counted from its proof; returns how many."""
    undated = select(IdentityRow.id, IdentityRow.at).where(
        IdentityRow.brand_id == brand_id, IdentityRow.expires_at.is_(None)
    )
    rows = session.execute(undated).all()
    if rows:
        ends = [{"id": key, "expires_at": at + lasts} for key, at in rows]
        session.execute(update(IdentityRow), ends)
    return len(rows)
