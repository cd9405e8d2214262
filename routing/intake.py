"""From readings to cases: one complaint of one person in one thread is one case.

The outcome is a function of all that is stored, not of the order in which it came: a whole thread is
looked at each time one of its posts is read, edited or answered, and cases are joined where a later
post shows that two are one; what a customer said in several threads is put together at the end of each
batch (`routing/matters.py`). What people put together or apart stays. All of it happens in the caller's
transaction, under the brand's lock.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from domain.brand import Brand
from domain.case import OPEN_STATES
from routing.about import settle_about
from routing.attribution import author_subject
from routing.batch import Batch, IntakeRules, Routed
from routing.copies import earlier_twin, join_original, original_of_repost
from routing.matters import put_together
from routing.opening import bring_in_complaint, join_posts, seen_again
from routing.public_answers import answered_in_public, bring_in, in_its_thread, take_public_answer
from routing.replies import answered_messages, is_recipient, join_reply
from storage import cases
from storage.brands import lock_brand
from storage.copies import group_copies
from storage.quotes import forget_quotes
from storage.readings import Read, posts_by_thread
from storage.tables import AuthorRow, CasePostRow, CaseRow, MatchRow, MessageRow, PostRow, QuoteRow

MATCHED_ANEW = timedelta(days=90)


def route_batch(session: Session, brand: Brand, rules: IntakeRules, limit: int, now: datetime) -> Routed:
    """Route up to `limit` posts that were read, with everything that belongs to their threads."""
    crm_version = lock_brand(session, brand.id).crm_version
    waiting = (
        select(PostRow)
        .where(PostRow.brand_id == brand.id, PostRow.stage == "read")
        .order_by(PostRow.created_at, PostRow.id)
        .limit(limit)
    )
    posts = list(session.scalars(waiting))
    threads = posts_by_thread(session, brand.id, {(post.network, post.thread) for post in posts})
    group_copies(session, brand.id, _ungrouped(threads.values()))
    batch = Batch(session, brand, rules, now)
    batch.load_authors(read for thread in threads.values() for read in thread)
    done = Routed()
    for (network, _), read in sorted(threads.items(), key=_age):
        done += _thread(batch, network, read)
    put_together(batch)
    ids = [post.id for post in posts if post.id not in batch.again]
    routed = update(PostRow).where(PostRow.id.in_(ids), PostRow.stage == "read")
    session.execute(routed.values(stage="routed", crm_version=crm_version))
    batch.leave()
    return done + Routed(posts=len(posts))


def reopen_matches(session: Session, brand_id: str, now: datetime) -> int:
    """Send complaints back to routing whose match was decided on an older customer file, and posts that quote an order.

    Decisions of people stay, and so does a match on which a message has already been planned; what was settled lies
    where it lies, once it is 90 days old.
    """
    version = lock_brand(session, brand_id).crm_version
    open_match = (MatchRow.decided_by == cases.SYSTEM) & (MatchRow.review.is_(None) | (MatchRow.review == "waiting"))
    quotes_order = exists().where(QuoteRow.post_id == PostRow.id, QuoteRow.kind == "order")
    in_work = exists().where(
        CasePostRow.post_id == PostRow.id, CaseRow.id == CasePostRow.case_id, CaseRow.state.in_(OPEN_STATES)
    )
    stale = (
        select(PostRow.id)
        .outerjoin(MatchRow, MatchRow.post_id == PostRow.id)
        .where(
            PostRow.brand_id == brand_id,
            PostRow.stage == "routed",
            PostRow.crm_version < version,
            open_match | (MatchRow.id.is_(None) & quotes_order),
            (PostRow.heard_at > now - MATCHED_ANEW) | in_work,
        )
    )
    again = update(PostRow).where(PostRow.id.in_(stale)).values(stage="read")
    done = session.execute(again.execution_options(synchronize_session=False))
    return int(done.rowcount)  # type: ignore[attr-defined]


def _ungrouped(threads: Iterable[Sequence[Read]]) -> list[PostRow]:
    found = (post for thread in threads for post, reading in thread if reading.unhappy and not post.is_repost)
    return [post for post in found if post.copy_group is None]


def _age(thread: tuple[object, Sequence[Read]]) -> datetime:
    """Originals come before their copies."""
    return min((post.created_at or post.heard_at for post, _ in thread[1]), default=datetime.max.replace(tzinfo=UTC))


def _thread(batch: Batch, network: str, read: Sequence[Read]) -> Routed:
    """Route a whole conversation, one author after the other."""
    session, brand = batch.session, batch.brand
    authors = {post.author_id: batch.author(post) for post, _ in read}
    ours = {id_ for id_, author in authors.items() if author and brand.owns(network, author.handle)}
    batch.again |= forget_quotes(session, [post.id for post, _ in read if post.author_id in ours])
    page = batch.rules.networks(network).addressed
    settle_about(session, brand.id, read, batch.rules.about_brand, ours=page, spoken_to=bool(ours))
    others = [found for found in read if found[0].author_id not in ours]
    answers = answered_messages(session, brand.id, [post for post, _ in others]) if page else {}
    pinned = _pinned(session, [post.id for post, _ in others])
    public = answered_in_public(session, brand.id, network, [post for post, _ in others], authors)
    groups: dict[str, list[Read]] = {}
    done = Routed()
    for post, reading in others:
        if post.id in answers and post.id not in pinned:
            done += _answer(batch, post, authors[post.author_id], answers[post.id])
        elif post.id in public and not in_its_thread(session, post, public[post.id]):
            batch.forget_match(post)
            done += Routed(joined=int(bring_in(session, post, public[post.id], batch.now)))
        else:
            groups.setdefault(author_subject(post), []).append((post, reading))
    for group in groups.values():
        done += _speaker(batch, group, authors[group[0][0].author_id], pinned)
    for post, _ in others:
        if post.id in public:
            take_public_answer(session, post, public[post.id], batch.now)
    return done


def _answer(batch: Batch, post: PostRow, author: AuthorRow | None, message: MessageRow) -> Routed:
    """What answers a message of ours belongs to its case; what its recipient repeats casts no doubt on him."""
    if is_recipient(author, message):
        batch.again |= forget_quotes(batch.session, [post.id])
    batch.forget_match(post)
    return Routed(joined=int(join_reply(batch.session, post, author, message, batch.now)))


def _speaker(batch: Batch, group: Sequence[Read], author: AuthorRow | None, pinned: Mapping[int, int]) -> Routed:
    """All that one author said in one thread. What a person put somewhere stays, and draws new words along."""
    said = [found for found in group if not found[0].is_repost]
    rest = [found for found in group if found[0].id not in pinned]
    kept: dict[int, list[Read]] = {}
    for found in said:
        if found[0].id in pinned:
            kept.setdefault(pinned[found[0].id], []).append(found)
    done = Routed()
    if kept and not _has_home(batch, rest, kept):
        newest = pinned[[post.id for post, _ in said if post.id in pinned][-1]]
        kept[newest] = [found for found in said if found in kept[newest] or found in rest]
        rest = [found for found in rest if found[0].is_repost]
    if rest:
        done += _group(batch, rest, said, author)
    for case_id, own in kept.items():
        done += _kept(batch, batch.session.get_one(CaseRow, case_id), own, said, author)
    return done


def _has_home(batch: Batch, rest: Sequence[Read], kept: Collection[int]) -> bool:
    """Whether any of these posts complains in a case other than those into which a person put what was said before."""
    elsewhere = select(CasePostRow.id).where(
        CasePostRow.post_id.in_([post.id for post, _ in rest]),
        CasePostRow.role == "complaint",
        CasePostRow.case_id.not_in(kept),
    )
    return batch.session.scalar(elsewhere.limit(1)) is not None


def _kept(batch: Batch, case: CaseRow, own: Sequence[Read], said: Sequence[Read], author: AuthorRow | None) -> Routed:
    """What a person put into this case, and what its speaker said since."""
    complaints = [found for found in own if batch.is_complaint(*found)]
    if complaints:
        return bring_in_complaint(batch, own, said, complaints, author, case)
    joined = join_posts(batch, case, own, ())
    if joined:
        seen_again(batch, case, own[-1][0])
    return Routed(joined=joined)


def _group(batch: Batch, group: Sequence[Read], said: Sequence[Read], author: AuthorRow | None) -> Routed:
    """What the program may put where it belongs; `said` is all that proves who speaks."""
    done = Routed()
    for post, _ in group:
        if post.is_repost:
            done += join_original(batch, post, original_of_repost(batch, post), {post.id})
    own = [(post, reading) for post, reading in group if not post.is_repost]
    complaints = [found for found in own if batch.is_complaint(*found)]
    if not complaints:
        return done
    ids = {post.id for post, _ in group}
    twins = {post.id: twin for post, _ in complaints if (twin := earlier_twin(batch, post, ids)) is not None}
    fresh = [found for found in complaints if found[0].id not in twins]
    if fresh:
        done += bring_in_complaint(batch, [found for found in own if found[0].id not in twins], said, fresh, author)
        own = [found for found in own if found[0].id in twins]
    # Who only copied brings what else he said along.
    first = next(iter(twins.values()), None)
    for post, _ in own:
        done += join_original(batch, post, twins.get(post.id, first), {brought.id for brought, _ in own})
    return done


def _pinned(session: Session, post_ids: Sequence[int]) -> dict[int, int]:
    """post id → the case that a person put it into."""
    query = select(CasePostRow.post_id, CasePostRow.case_id).where(
        CasePostRow.post_id.in_(post_ids), CasePostRow.pinned
    )
    return {place.post_id: place.case_id for place in session.execute(query)}
