"""Reposts and near copies of a complaint: they join the case of the first, and open none of their own.

A copy that came before its original had a case comes home when it is routed again (`call_copies`).
"""

from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import select

from routing.batch import Batch, Routed
from storage import cases
from storage.copies import SHORTEST
from storage.readings import Read
from storage.tables import AuthorRow, CasePostRow, CaseRow, PostRow, ReadingRow


def original_of_repost(batch: Batch, post: PostRow) -> PostRow | None:
    """What a repost repeats: the post that it names, else the oldest one with a case in the same words."""
    here = select(PostRow).where(PostRow.brand_id == post.brand_id, PostRow.deleted_at.is_(None))
    if post.repost_of:
        query = here.where(PostRow.network == post.network, PostRow.native_id == post.repost_of)
        return batch.session.scalars(query).one_or_none()
    in_case = here.join(CasePostRow, CasePostRow.post_id == PostRow.id)
    same = in_case.where(PostRow.content_hash == post.content_hash, PostRow.is_repost.is_(False))
    first = same.order_by(PostRow.created_at, PostRow.network, PostRow.native_id).limit(1)
    return batch.session.scalars(first).one_or_none()


def earlier_twin(batch: Batch, post: PostRow, group: Collection[int]) -> PostRow | None:
    """The first complaint of another thread or author that said nearly the same, and has a case.

    `group` are the ids of the posts that are routed together with this one.
    """
    if len(post.text or "") < SHORTEST:
        return None
    for twin in _twins(batch, post):
        if twin.id in group:
            return None
        if cases.case_of_post(batch.session, twin.id) is not None:
            return twin
    return None


def join_original(batch: Batch, post: PostRow, original: PostRow | None, brought: Collection[int]) -> Routed:
    """A copy joins the case of its original, where that has one; on its own it opens none.

    `brought` are the posts that come along with it: a case that holds no others goes up in that of the original.
    """
    found = None if original is None else cases.case_of_post(batch.session, original.id)
    if found is None:
        return Routed()
    own = cases.case_of_post(batch.session, post.id)
    batch.forget_match(post)
    is_there = own is not None and own[0].id == found[0].id
    if own is not None and not is_there:
        batch.note_customer(own[0])
        if _holds_only(batch, own[0], brought):
            batch.merge(own[0], found[0], "a copy of an earlier post")
    cases.add_post(batch.session, found[0], post, "copy", batch.now)
    if not is_there:
        _call_reposts(batch, found[0], [post])
    return Routed(joined=int(not is_there))


def call_copies(batch: Batch, case: CaseRow, own: Sequence[Read], complaints: Sequence[Read]) -> None:
    """Reposts and copies that were routed before this case was there come home with their next routing."""
    ids = {post.id for post, _ in own}
    for post, _ in complaints:
        if len(post.text or "") >= SHORTEST:
            twins = [twin.id for twin in _twins(batch, post)]
            _call(batch, case, set(twins[twins.index(post.id) :] if post.id in twins else ()) - ids)
    _call_reposts(batch, case, [post for post, _ in own])


def _twins(batch: Batch, post: PostRow) -> Iterable[PostRow]:
    """Everybody's complaints in nearly the words of this post, itself included, oldest first."""
    reading = (ReadingRow.post_id == PostRow.id) & (ReadingRow.version == PostRow.version)
    query = (
        select(PostRow, AuthorRow.handle)
        .join(ReadingRow, reading)
        .outerjoin(AuthorRow, AuthorRow.id == PostRow.author_id)
        .where(
            PostRow.brand_id == post.brand_id,
            PostRow.copy_group == post.copy_group,
            PostRow.is_repost.is_(False),
            PostRow.stage.in_(("read", "routed")),
            ReadingRow.unhappy,
        )
        .order_by(PostRow.created_at, PostRow.network, PostRow.native_id)
    )
    for twin, handle in batch.session.execute(query):
        if not batch.brand.owns(twin.network, handle):
            yield twin


def _holds_only(batch: Batch, case: CaseRow, post_ids: Collection[int]) -> bool:
    """Whether nothing but these posts lies in a case, and no person put any there."""
    places = list(batch.session.scalars(select(CasePostRow).where(CasePostRow.case_id == case.id)))
    return all(place.post_id in post_ids and not place.pinned for place in places)


def _call_reposts(batch: Batch, case: CaseRow, posts: Sequence[PostRow]) -> None:
    by_id = (PostRow.network == case.network) & PostRow.repost_of.in_([post.native_id for post in posts])
    by_words = PostRow.repost_of.is_(None) & PostRow.content_hash.in_([post.content_hash for post in posts])
    reposts = select(PostRow.id).where(
        PostRow.brand_id == case.brand_id, PostRow.is_repost, by_id | by_words, PostRow.deleted_at.is_(None)
    )
    _call(batch, case, set(batch.session.scalars(reposts)))


def _call(batch: Batch, case: CaseRow, ids: Collection[int]) -> None:
    at_home = select(CasePostRow.post_id).where(CasePostRow.case_id == case.id, CasePostRow.post_id.in_(ids))
    batch.again |= set(ids) - set(batch.session.scalars(at_home)) if ids else set()
