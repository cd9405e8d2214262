"""Which identifiers were quoted by whom, as keyed hashes: the memory behind two gates."""

from collections import Counter
from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, bindparam, delete, select, tuple_, update
from sqlalchemy.orm import Session

from storage.direct import Direct
from storage.tables import PostRow, QuoteRow


def save_quotes(session: Session, post: PostRow, hashes: Sequence[tuple[str, str]]) -> None:
    """Remember the (kind, hash) that this version of a post quotes, instead of its older ones.

    Who only passes a post on quotes nothing himself. What others said with the same identifiers, and what
    the same account quoted elsewhere, is routed again: its gates may have changed.
    """
    if post.version > 1:
        session.execute(delete(QuoteRow).where(QuoteRow.post_id == post.id))
    quoted = [] if post.is_repost else list(dict.fromkeys(hashes))
    if not quoted:
        return
    session.add_all(
        QuoteRow(brand_id=post.brand_id, post_id=post.id, author_id=post.author_id, kind=kind, hash=value)
        for kind, value in quoted
    )
    session.flush()
    concerned: ColumnElement[bool] = tuple_(QuoteRow.kind, QuoteRow.hash).in_(quoted)
    if post.author_id is not None:
        concerned |= QuoteRow.author_id == post.author_id
    others = select(QuoteRow.post_id).where(QuoteRow.brand_id == post.brand_id, concerned)
    again = update(PostRow).where(PostRow.id.in_(others), PostRow.stage == "routed").values(stage="read")
    session.execute(again)


def forget_quotes(session: Session, post_ids: Collection[int]) -> set[int]:
    """What the brand's own accounts repeat is no identifier of theirs; returns the posts that quote it too."""
    if not post_ids:
        return set()
    mine = QuoteRow.post_id.in_(post_ids)
    same = tuple_(QuoteRow.kind, QuoteRow.hash).in_(select(QuoteRow.kind, QuoteRow.hash).where(mine))
    concerned = set(session.scalars(select(QuoteRow.post_id).where(~mine, same)))
    session.execute(delete(QuoteRow).where(mine))
    return concerned


def quoted_by_others(
    session: Session, brand_id: str, hashes: Sequence[tuple[str, str]], author_key: int | None
) -> bool:
    """Whether an account other than this one quoted one of these identifiers too."""
    connection, asked = session.connection(), {"brand": brand_id, "author": author_key}
    return any(_BY_OTHERS.all(connection, asked | {"kind": kind, "hash": value}) for kind, value in hashes)


def count_quoted(session: Session, author_key: int | None) -> int:
    """How many different identifiers of one kind this account has quoted, of the kind where they are most."""
    if author_key is None:
        return 0
    quoted = set(_BY_AUTHOR.all(session.connection(), {"author": author_key}))
    return max(Counter(kind for kind, _ in quoted).values(), default=0)


_QUOTE = QuoteRow.__table__.c
_BY_OTHERS = Direct(
    select(_QUOTE.id)
    .where(
        _QUOTE.brand_id == bindparam("brand"),
        _QUOTE.kind == bindparam("kind"),
        _QUOTE.hash == bindparam("hash"),
        _QUOTE.author_id.is_distinct_from(bindparam("author", type_=_QUOTE.author_id.type)),
    )
    .limit(1)
)
# An account belongs to one brand; with the brand beside it SQLite would read all quotes of the brand instead.
_BY_AUTHOR = Direct(select(_QUOTE.kind, _QUOTE.hash).where(_QUOTE.author_id == bindparam("author")))
