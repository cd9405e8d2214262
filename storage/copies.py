"""Complaints that say nearly the same share a `copy_group`: campaigns, copies with a word more, posts on two networks.

A MinHash signature (rensa) cut into bands finds candidates; the texts themselves decide: four fifths of their
runs of five letters in common, and the same numbers in the same order, because the same sentence about another
parcel is another complaint. Links, mentions, signs, case and accents do not count. Groups are the connected parts
of "nearly the same", so that they do not depend on the order in which posts are heard.
"""

import hashlib
import re
import unicodedata
from collections.abc import Collection, Sequence

from rensa import RMinHash
from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from storage.posts import ROUTED_AGAIN
from storage.tables import CopyBandRow, PostRow

SHORTEST = 40  # characters; two people may well write the same short sentence
ALIKE = 0.8
RUN = 5
BANDS, ROWS = 16, 5
CANDIDATES = 200
_LINK = re.compile(r"https?://\S+|www\.\S+")
_MENTION = re.compile(r"(?<!\w)@[\w.@-]+")
_NUMBER = re.compile(r"\d+")
_WORD = re.compile(r"\w+")


def plain(text: str) -> str:
    """The words of a text, without what copies differ by."""
    text = _MENTION.sub(" ", _LINK.sub(" ", text))
    folded = unicodedata.normalize("NFKD", text).casefold()
    return " ".join(_WORD.findall("".join(sign for sign in folded if not unicodedata.combining(sign))))


def alike(one: str, other: str) -> bool:
    """Whether two plain texts say nearly the same."""
    if _NUMBER.findall(one) != _NUMBER.findall(other):
        return False
    first, second = _runs(one), _runs(other)
    return len(first & second) >= ALIKE * len(first | second)


def group_copies(session: Session, brand_id: str, posts: Collection[PostRow]) -> None:
    """Give each of these complaints its group; groups that it joins become one, and theirs are routed again.

    In the caller's transaction, under the brand's lock.
    """
    for post in posts:
        words = plain(post.text or "")
        session.execute(delete(CopyBandRow).where(CopyBandRow.post_id == post.id))
        if len(words) < SHORTEST:
            post.copy_group = post.content_hash
            continue
        bands = _bands(words)
        session.flush()
        groups = {group for other, group in _candidates(session, brand_id, bands) if alike(words, plain(other))}
        post.copy_group = min(groups, default=post.content_hash)
        if len(groups) > 1:
            joined = (PostRow.brand_id == brand_id) & PostRow.copy_group.in_(groups)
            session.execute(update(PostRow).where(joined).values(copy_group=post.copy_group, stage=ROUTED_AGAIN))
        rows = [{"post_id": post.id, "number": number, "band": band} for number, band in enumerate(bands)]
        session.execute(insert(CopyBandRow), rows)


def _candidates(session: Session, brand_id: str, bands: Sequence[int]) -> list[tuple[str, str]]:
    query = (
        select(PostRow.text, PostRow.copy_group)
        .where(
            PostRow.brand_id == brand_id,
            PostRow.copy_group.is_not(None),
            PostRow.id.in_(select(CopyBandRow.post_id).where(CopyBandRow.band.in_(bands)).limit(CANDIDATES)),
        )
        .order_by(PostRow.id)
    )
    return [(str(text), str(group)) for text, group in session.execute(query)]


def _bands(words: str) -> list[int]:
    signature = RMinHash(num_perm=BANDS * ROWS, seed=1)
    signature.update(sorted(_runs(words)))
    digest = signature.digest()
    return [_band(number, digest[number * ROWS : (number + 1) * ROWS]) for number in range(BANDS)]


def _band(number: int, rows: Sequence[int]) -> int:
    """A signed 64-bit number; another version of the algorithm makes other numbers."""
    told = f"{RMinHash.ALGORITHM_VERSION}:{number}:{','.join(map(str, rows))}"
    return int.from_bytes(hashlib.blake2b(told.encode(), digest_size=8).digest(), signed=True)


def _runs(words: str) -> frozenset[str]:
    return frozenset(words[start : start + RUN] for start in range(max(1, len(words) - RUN + 1)))
