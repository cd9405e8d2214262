"""Whether two complaints of one customer are one matter: pure rules over what he said, and what they are drawn from.

What one speaker says in one thread is a strand. The strands of one customer are looked at in the order in which he
began them; each joins the matter that it fits, or begins one of its own. So the outcome is a function of all that is
stored, not of the order in which it came. What people decided goes first (docs/decisions/0019).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, cast

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from domain.case import OPEN_STATES, CaseState
from domain.evidence import Action
from storage import cases
from storage.tables import CasePostRow, CaseRow, MatchRow, PostRow, ReadingRow

SeenAgain = Literal["continue", "reopen", "new"]


@dataclass(frozen=True, slots=True)
class JoinRules:
    """What becomes of a complaint whose case is settled, and how long two complaints count as the same one."""

    seen_again: SeenAgain = "reopen"
    within: timedelta = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Strand:
    """All that one account of a customer said in one thread; `post` leads it, `posts` are all of it.

    `case` is where it lies and `home` whether that case is named after this thread; `settled_at` is set where the case
    is settled. `fixed`: a person put posts where they are in that case. `bound`: it has been written about.
    """

    post: int
    at: datetime
    until: datetime
    network: str
    thread: str
    id: str
    intent: str
    orders: frozenset[str] = frozenset()
    posts: frozenset[int] = frozenset()
    case: int | None = None
    home: bool = False
    settled_at: datetime | None = None
    fixed: bool = False
    bound: bool = False


@dataclass(frozen=True, slots=True)
class Matter:
    """Strands that are one complaint, the first one leading. `case` is theirs, `others` are to go up in it."""

    strands: tuple[Strand, ...]
    case: int | None = None
    others: tuple[int, ...] = ()


def plan(strands: Iterable[Strand], rules: JoinRules) -> list[Matter]:
    """Put strands together, and say which case each matter keeps."""
    matters: list[list[Strand]] = []
    for strand in sorted(strands, key=_age):
        fitting = [matter for matter in matters if _fits(matter, strand, rules)]
        if fitting:
            max(fitting, key=lambda matter: _closeness(matter, strand)).append(strand)
        else:
            matters.append([strand])
    owners = _owners(matters)
    return [
        _with_case(matter, [case for case, owner in owners.items() if owner == i]) for i, matter in enumerate(matters)
    ]


def matter_of(strands: Iterable[Strand], post: int, rules: JoinRules) -> Matter | None:
    """The matter that the strand led by this post belongs to."""
    found = (matter for matter in plan(strands, rules) if any(strand.post == post for strand in matter.strands))
    return next(found, None)


def _age(strand: Strand) -> tuple[datetime, str, str]:
    return strand.at, strand.network, strand.id


def _fits(matter: Sequence[Strand], strand: Strand, rules: JoinRules) -> bool:
    """A person's word, then what has been written about, then what is said."""
    here = [one for one in matter if one.case is not None and one.case == strand.case]
    if any(one.fixed or one.bound for one in here):
        return True
    if strand.fixed and any(one.fixed for one in matter):
        return False
    if any((one.network, one.thread) == (strand.network, strand.thread) for one in matter):
        return True
    if not _is_same_matter(matter, strand, rules):
        return False
    return all(one in here or _may_join(one, strand, rules) for one in matter)


def _is_same_matter(matter: Sequence[Strand], strand: Strand, rules: JoinRules) -> bool:
    """The same order; or the same intent soon after, with nothing that speaks of two orders."""
    orders = frozenset[str]().union(*(one.orders for one in matter))
    if orders & strand.orders:
        return True
    speaks_of_two = bool(orders and strand.orders)
    is_soon = strand.at - max(one.until for one in matter) <= rules.within
    return not speaks_of_two and is_soon and any(one.intent == strand.intent for one in matter)


def _may_join(one: Strand, other: Strand, rules: JoinRules) -> bool:
    return _allows(one, other, rules) and _allows(other, one, rules)


def _allows(settled: Strand, other: Strand, rules: JoinRules) -> bool:
    """Whether a settled case takes another strand in: by the rule, and only for a while."""
    if settled.settled_at is None or settled.case == other.case:
        return True
    if rules.seen_again == "new" or (rules.seen_again == "continue" and other.case is not None):
        return False
    return other.at <= settled.settled_at + rules.within


def _closeness(matter: Sequence[Strand], strand: Strand) -> tuple[bool, bool, bool, datetime]:
    return (
        any(one.case == strand.case and (one.fixed or one.bound) for one in matter if one.case is not None),
        any((one.network, one.thread) == (strand.network, strand.thread) for one in matter),
        any(one.orders & strand.orders for one in matter),
        max(one.until for one in matter),
    )


def _owners(matters: Sequence[Sequence[Strand]]) -> dict[int, int]:
    """Case → the matter that keeps it: the one of the thread that it is named after, else its oldest one."""
    claims: dict[int, list[tuple[bool, tuple[datetime, str, str], int]]] = {}
    for index, matter in enumerate(matters):
        for strand in matter:
            if strand.case is not None:
                claims.setdefault(strand.case, []).append((not strand.home, _age(strand), index))
    return {case: min(found)[2] for case, found in claims.items()}


def _with_case(matter: Sequence[Strand], owned: Sequence[int]) -> Matter:
    """Of several cases the one stays that a person touched, or that was written about; else the first."""
    ranks = {one.case: (not one.fixed, not one.bound, one.case) for one in matter if one.case is not None}
    ordered = sorted((case for case in owned if case in ranks), key=lambda case: ranks[case])
    return Matter(tuple(matter), ordered[0] if ordered else None, tuple(ordered[1:]))


# --- what they are drawn from -------------------------------------------------------------------


def strands_of(session: Session, brand_id: str, customer_key: int) -> list[Strand]:
    """All that is known to have been said by a customer, but for what lies in another customer's case."""
    session.flush()
    query = (
        select(PostRow, ReadingRow, CaseRow)
        .join(MatchRow, MatchRow.post_id == PostRow.id)
        .join(ReadingRow, (ReadingRow.post_id == PostRow.id) & (ReadingRow.version == PostRow.version))
        .outerjoin(CasePostRow, (CasePostRow.post_id == PostRow.id) & (CasePostRow.role != "copy"))
        .outerjoin(CaseRow, CaseRow.id == CasePostRow.case_id)
        .where(MatchRow.brand_id == brand_id, MatchRow.customer_key == customer_key, MatchRow.action == Action.LINK)
        .where(PostRow.stage.in_(("read", "routed")), ReadingRow.unhappy)
    )
    rows = cast(Iterable[tuple[PostRow, ReadingRow, CaseRow | None]], session.execute(query))
    found = [told for told in rows if told[2] is None or told[2].customer_key == customer_key]
    said = _said_with(session, brand_id, [post for post, _, _ in found])
    known: dict[int, tuple[bool, bool]] = {}
    return [_strand(session, post, reading, case, said, known) for post, reading, case in found]


Key = tuple[str, str, int | None]
Said = Mapping[Key, Sequence[tuple[PostRow, ReadingRow]]]


def _strand(
    session: Session,
    post: PostRow,
    reading: ReadingRow,
    case: CaseRow | None,
    said: Said,
    known: dict[int, tuple[bool, bool]],
) -> Strand:
    words = said.get((post.network, post.thread, post.author_id), [(post, reading)])
    at = post.created_at or post.heard_at
    strand = Strand(
        post=post.id,
        at=at,
        until=max([at, *(one.created_at or one.heard_at for one, _ in words)]),
        network=post.network,
        thread=post.thread,
        id=post.native_id,
        intent=reading.intent,
        orders=quoted_orders(told for _, told in words),
        posts=frozenset(one.id for one, _ in words),
    )
    if case is None:
        return strand
    if case.id not in known:
        known[case.id] = cases.is_pinned(session, case.id), cases.contact_engaged(session, case.id)
    fixed, bound = known[case.id]
    is_home = (case.network, case.thread) == (post.network, post.thread)
    return replace(strand, case=case.id, home=is_home, settled_at=settled_at(case), fixed=fixed, bound=bound)


def settled_at(case: CaseRow) -> datetime | None:
    """Since when a case is settled, None while it is open."""
    if CaseState(case.state) in OPEN_STATES:
        return None
    return case.resolved_at or case.state_since or case.opened_at


def quoted_orders(readings: Iterable[ReadingRow]) -> frozenset[str]:
    """The order numbers in some posts, in normal form."""
    entities = (entity for reading in readings for entity in reading.details.get("entities", ()))
    return frozenset(entity["value"] for entity in entities if entity["kind"] == "order")


def _said_with(
    session: Session, brand_id: str, leads: Sequence[PostRow]
) -> dict[Key, list[tuple[PostRow, ReadingRow]]]:
    """All that the authors of these posts said in the same threads."""
    keys = sorted({(post.network, post.thread, post.author_id) for post in leads if post.author_id is not None})
    if not keys:
        return {}
    query = (
        select(PostRow, ReadingRow)
        .join(ReadingRow, (ReadingRow.post_id == PostRow.id) & (ReadingRow.version == PostRow.version))
        .where(PostRow.brand_id == brand_id, tuple_(PostRow.network, PostRow.thread, PostRow.author_id).in_(keys))
        .where(PostRow.stage.in_(("read", "routed")), PostRow.is_repost.is_(False))
        .order_by(PostRow.created_at, PostRow.native_id)
    )
    found: dict[Key, list[tuple[PostRow, ReadingRow]]] = {}
    for post, reading in session.execute(query):
        found.setdefault((post.network, post.thread, post.author_id), []).append((post, reading))
    return found
