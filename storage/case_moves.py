"""Cases that people put together or take apart, and taking either back.

A post that a person put where it is stays there (`case_posts.pinned`), and two cases that both hold such posts are
never joined by the program: so nothing is merged again that somebody undid. All of it runs in the caller's
transaction, under the brand's lock. Nothing that was sent is sent again: a case whose posts were written about
meanwhile waits for a person.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from domain.case import CaseState
from domain.evidence import Action
from domain.message import MessageState
from storage import cases
from storage.tables import CaseMoveRow, CasePostRow, CaseRow, MatchRow, MessageRow, PostRow

TIMES = frozenset({"state_since", "resolved_at", "snoozed_until", "contact_at", "last_post_at"})
UNSENT = (MessageState.CANCELLED, MessageState.FAILED)
NOT_YET = ("pending", "held", "planned")


class CannotMove(Exception):
    """Posts cannot be put together, taken apart, or back. `why` names the reason, `case` the case in the way."""

    def __init__(self, why: str, case: int | None = None) -> None:
        super().__init__(why if case is None else f"{why} (case {case})")
        self.why, self.case = why, case


def put_together(
    session: Session, source: CaseRow, target: CaseRow, actor: str, now: datetime, words: str = ""
) -> CaseMoveRow:
    """A person says that two cases are one; `words` are the reason. Raises CannotMove."""
    if source.brand_id != target.brand_id or source.id == target.id:
        raise CannotMove("not_two_cases")
    for case in (source, target):
        if case.state == CaseState.MERGED:
            raise CannotMove("merged", case.merged_into)
    move = cases.merge(session, source, target, now, "a person put them together", actor, words)
    if move is None:
        raise CannotMove("not_two_cases")
    _pin(session, target.id)
    cases.route_again(session, target.id)
    return move


def split_off(
    session: Session, case: CaseRow, post_ids: Collection[int], actor: str, now: datetime, words: str = ""
) -> CaseRow:
    """A person takes posts out of a case into a new one, with the copies of them; `words` are the reason.

    Raises CannotMove where nothing would go or nothing stay.
    """
    if case.state == CaseState.MERGED:
        raise CannotMove("merged", case.merged_into)
    places = {place.post_id: place for place in session.scalars(select(CasePostRow).filter_by(case_id=case.id))}
    own = {post_id for post_id, place in places.items() if place.role != "copy"}
    chosen = own & set(post_ids)
    if not chosen:
        raise CannotMove("nothing_chosen")
    if chosen == own:
        raise CannotMove("nothing_left")
    posts = {post.id: post for post in session.scalars(select(PostRow).where(PostRow.id.in_(places)))}
    going = chosen | _copies_of([posts[id_] for id_ in chosen], [posts[id_] for id_ in places.keys() - own])
    pinned = sorted(place.post_id for place in places.values() if place.pinned)
    before = {"source": cases.snapshot(case), "pinned": pinned, "places": sorted(places)}
    apart = _new_case(session, case, sorted((posts[id_] for id_ in chosen), key=_age), now)
    move = CaseMoveRow(brand_id=case.brand_id, kind="split", source=case.id, target=apart.id, posts=sorted(going))
    move.before, move.why, move.by, move.at = before, "a person took them apart", actor, now
    session.add(move)
    session.execute(update(CasePostRow).where(CasePostRow.post_id.in_(going)).values(case_id=apart.id))
    case.revision += 1
    session.flush()
    told = {"move": move.id, "posts": len(going)}
    cases.say(session, cases.add_event(session, case, "split", now, actor, into=apart.id, **told), words)
    cases.add_event(session, apart, "opened", now, actor, split=case.id, **told)
    for one in (case, apart):
        _pin(session, one.id)
        cases.route_again(session, one.id)
    session.expire_all()
    return apart


def undo(session: Session, move: CaseMoveRow, actor: str, now: datetime, words: str = "") -> None:
    """Take a merge or a split back: everything as it was, but for what others have done since. Raises CannotMove."""
    if move.undone_at is not None:
        raise CannotMove("undone_before")
    source, target = session.get_one(CaseRow, move.source), session.get_one(CaseRow, move.target)
    if move.kind == "merge":
        _undo_merge(session, move, source, target, actor, now, words)
    else:
        _undo_split(session, move, source, target, actor, now, words)
    move.undone_by, move.undone_at = actor, now
    session.flush()
    for case in (source, target):
        if case.state != CaseState.MERGED:
            cases.route_again(session, case.id)
    session.expire_all()


def moves_of(session: Session, case_id: int) -> list[CaseMoveRow]:
    """What was merged into this case, or split off it or from where it came; the newest first."""
    here = or_(CaseMoveRow.source == case_id, CaseMoveRow.target == case_id)
    return list(session.scalars(select(CaseMoveRow).where(here).order_by(CaseMoveRow.id.desc())))


def with_merged(session: Session, case_ids: Iterable[int]) -> list[int]:
    """These cases with all that went up in them, on whatever way: their notes and events lie where they were."""
    found = found_now = set(case_ids)
    while found_now:
        below = select(CaseRow.id).where(CaseRow.merged_into.in_(found_now))
        found_now = set(session.scalars(below)) - found
        found = found | found_now
    return sorted(found)


def kept_apart(session: Session, case_id: int) -> set[int]:
    """The cases that a person said are not this one: not to be proposed again."""
    undone_merge = (CaseMoveRow.kind == "merge") & CaseMoveRow.undone_at.is_not(None)
    split = (CaseMoveRow.kind == "split") & CaseMoveRow.undone_at.is_(None)
    here = (CaseMoveRow.source == case_id) | (CaseMoveRow.target == case_id)
    found = session.execute(select(CaseMoveRow.source, CaseMoveRow.target).where(here, undone_merge | split))
    return {id_ for pair in found for id_ in pair} - {case_id}


def forget_customer(session: Session, brand_id: str, customer_key: int) -> int:
    """Take an erased customer out of what undoing would restore; returns out of how many moves."""
    named = (
        CaseMoveRow.before[side]["customer_key"].as_integer() == customer_key for side in ("source", "target", "after")
    )
    rows = session.scalars(select(CaseMoveRow).where(CaseMoveRow.brand_id == brand_id, or_(*named))).all()
    for row in rows:
        row.before = {side: _without(told, customer_key, row) for side, told in row.before.items()}
    session.flush()
    return len(rows)


def _without(told: Any, customer_key: int, row: CaseMoveRow) -> Any:
    if not isinstance(told, dict) or told.get("customer_key") != customer_key:
        return told
    return told | {"customer_key": None, "subject": f"erased:{row.id}", "grade": "none"}


def _undo_merge(
    session: Session, move: CaseMoveRow, source: CaseRow, target: CaseRow, actor: str, now: datetime, words: str
) -> None:
    if source.merged_into != target.id:
        raise CannotMove("undone_before")
    if target.state == CaseState.MERGED:
        raise CannotMove("merged_since", target.merged_into)
    elsewhere = _elsewhere(session, move.posts, target.id)
    if elsewhere is not None:
        raise CannotMove("moved_since", elsewhere)
    back = set(move.posts) | _joined_since(session, move)
    later = select(CaseMoveRow.id).where(
        CaseMoveRow.target == target.id, CaseMoveRow.id > move.id, CaseMoveRow.undone_at.is_(None)
    )
    alone = session.scalar(later.limit(1)) is None
    if alone:
        _restore(target, move.before["target"], unless_changed=move.before["after"])
    _give_up_thread(session, target, move.before)
    was = move.before["source"]
    subject = cases.free_subject(session, source, was["subject"], was["network"], was["thread"])
    _restore(source, {**was, "subject": subject})
    source.merged_into = None
    session.flush()
    session.execute(update(CasePostRow).where(CasePostRow.post_id.in_(back)).values(case_id=source.id))
    session.flush()
    if alone and target.contact_state in NOT_YET and cases.contact_engaged(session, target.id):
        target.contact_state, target.contact_at = "planned", None
    _contact_again(session, source, target, move.at)
    source.revision, target.revision = source.revision + 1, target.revision + 1
    session.flush()
    told = {"move": move.id}
    cases.add_event(session, source, "unmerged", now, actor, into=target.id, **told)
    cases.say(session, cases.add_event(session, target, "parted", now, actor, merged=source.id, **told), words)
    for case in (source, target):
        _pin(session, case.id)


def _undo_split(
    session: Session, move: CaseMoveRow, source: CaseRow, apart: CaseRow, actor: str, now: datetime, words: str
) -> None:
    for case in (source, apart):
        if case.state == CaseState.MERGED:
            raise CannotMove("merged_since", case.merged_into)
    inside = select(CaseRow.id).where(CaseRow.merged_into == apart.id)
    held = session.scalar(inside.limit(1))
    if held is not None:
        raise CannotMove("absorbed_since", held)
    elsewhere = _elsewhere(session, move.posts, apart.id)
    if elsewhere is not None:
        raise CannotMove("moved_since", elsewhere)
    cases.absorb(session, apart, source, now, actor, "a split was undone")
    before = set(move.before["pinned"])
    for place in session.scalars(select(CasePostRow).where(CasePostRow.post_id.in_(move.before["places"]))):
        if place.case_id == source.id:
            place.pinned = place.post_id in before
    told = {"move": move.id, "why": "a split was undone"}
    cases.add_event(session, apart, "merged", now, actor, into=source.id, **told)
    cases.say(session, cases.add_event(session, source, "absorbed", now, actor, merged=apart.id, **told), words)


def _give_up_thread(session: Session, target: CaseRow, before: Mapping[str, Any]) -> None:
    """A case that took over the thread of the one that went up in it stands in its own again."""
    was, source = before["target"], before["source"]
    if (target.network, target.thread) == (source["network"], source["thread"]) != (was["network"], was["thread"]):
        target.network, target.thread, target.author_id = was["network"], was["thread"], was["author_id"]
        subject = was["subject"] if target.customer_key is None else f"customer:{target.customer_key}"
        if target.customer_key is None and was["customer_key"] is not None:
            subject = target.subject
        target.subject = cases.free_subject(session, target, subject, target.network, target.thread)
    session.flush()


def _restore(case: CaseRow, was: Mapping[str, Any], unless_changed: Mapping[str, Any] | None = None) -> None:
    """Put back what was; with `unless_changed` only what is still as the merge left it."""
    now_told = cases.snapshot(case)
    for name, value in was.items():
        if unless_changed is None or now_told[name] == unless_changed[name]:
            is_time = name in TIMES and value is not None
            setattr(case, name, datetime.fromisoformat(value) if is_time else value)
    if (case.contact_state == "held") != (case.contact_at is not None):
        case.contact_state, case.contact_at = "pending", None


def _contact_again(session: Session, source: CaseRow, target: CaseRow, merged_at: datetime) -> None:
    """What was taken back from the outbox is decided anew, unless the customer was written to from the other case."""
    if source.contact_state not in NOT_YET or cases.contact_engaged(session, source.id):
        return
    since = select(MessageRow.id).where(
        MessageRow.case_id == target.id, MessageRow.state.not_in(UNSENT), MessageRow.reserved_at >= merged_at
    )
    if session.scalar(since.limit(1)) is not None:
        source.contact_state, source.contact_at = "person", None
    elif source.contact_state == "planned":
        source.contact_state = "pending"


def _elsewhere(session: Session, post_ids: Iterable[int], case_id: int) -> int | None:
    """A case other than this one in which one of these posts lies now."""
    query = select(CasePostRow.case_id).where(CasePostRow.post_id.in_(list(post_ids)), CasePostRow.case_id != case_id)
    return session.scalar(query.order_by(CasePostRow.case_id).limit(1))


def _joined_since(session: Session, move: CaseMoveRow) -> set[int]:
    """What the speakers of the moved posts said in the same threads since: it goes back with them."""
    place = CasePostRow.post_id == PostRow.id
    spoken = {_strand(post) for post in session.scalars(select(PostRow).where(PostRow.id.in_(move.posts)))}
    here = select(PostRow).join(CasePostRow, place).where(CasePostRow.case_id == move.target)
    since = here.where(CasePostRow.id > (move.before.get("place") or 0), CasePostRow.pinned.is_(False))
    return {post.id for post in session.scalars(since) if post.author_id is not None and _strand(post) in spoken}


def _strand(post: PostRow) -> tuple[str, str, int | None]:
    return post.network, post.thread, post.author_id


def _new_case(session: Session, case: CaseRow, posts: list[PostRow], now: datetime) -> CaseRow:
    """A case for posts that leave another: about the same until it is routed, the same customer's if they are his."""
    lead = posts[0]
    customer_key = _owner(session, case, posts)
    speaker = f"author:{lead.author_id}" if lead.author_id is not None else f"post:{lead.id}"
    subject = f"customer:{customer_key}" if customer_key else speaker
    apart = CaseRow(
        brand_id=case.brand_id,
        subject=f"{subject}:{case.id}:{case.revision}",  # until its own number is known
        network=lead.network,
        thread=lead.thread,
        customer_key=customer_key,
        author_id=lead.author_id,
        grade=case.grade if customer_key else "none",
        state_since=now,
        opened_at=now,
        last_post_at=max((post.created_at for post in posts if post.created_at), default=now),
        contact_state="person" if cases.contact_engaged(session, case.id) else "pending",
        **{name: getattr(case, name) for name in _COPIED},
    )
    session.add(apart)
    session.flush()
    apart.subject = cases.free_subject(session, apart, subject, apart.network, apart.thread)
    session.flush()
    return apart


_COPIED = (
    *("intent", "severity", "moment", "language", "priority", "priority_reasons", "team", "requested_channel"),
    *("addressed_brand", "due_first_answer_at", "due_resolution_at"),
)


def _owner(session: Session, case: CaseRow, posts: list[PostRow]) -> int | None:
    """The case's customer, where the posts are known to be his: by their own match, or by one of the same account's."""
    if case.customer_key is None:
        return None
    authors = {post.author_id for post in posts if post.author_id is not None}
    ids = [post.id for post in posts]
    linked = (
        select(MatchRow.id)
        .join(CasePostRow, CasePostRow.post_id == MatchRow.post_id)
        .join(PostRow, PostRow.id == MatchRow.post_id)
        .where(CasePostRow.case_id == case.id, MatchRow.customer_key == case.customer_key)
        .where(MatchRow.action == Action.LINK, PostRow.author_id.in_(authors) | PostRow.id.in_(ids))
    )
    return case.customer_key if session.scalar(linked.limit(1)) is not None else None


def _copies_of(chosen: Iterable[PostRow], copies: Iterable[PostRow]) -> set[int]:
    chosen = list(chosen)
    originals = {(post.network, post.native_id) for post in chosen}
    words = {post.copy_group for post in chosen} | {post.content_hash for post in chosen}
    words.discard(None)
    return {
        post.id
        for post in copies
        if (post.network, post.repost_of) in originals or {post.copy_group, post.content_hash} & words
    }


def _pin(session: Session, case_id: int) -> None:
    here = update(CasePostRow).where(CasePostRow.case_id == case_id, CasePostRow.role != "copy")
    session.execute(here.values(pinned=True))
    session.expire_all()


def _age(post: PostRow) -> tuple[datetime, str, str]:
    return post.created_at or post.heard_at, post.network, post.native_id
