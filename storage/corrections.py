"""Corrections: where the model doubts, people are asked; what they say stands in place of its label.

A correction belongs to the words that a person read: the version of a post. It holds labels, no words, and is never
changed; the newest one of a head is in force. The reading beside it keeps what the model said.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, not_, or_, select, update
from sqlalchemy.orm import Session

from domain.reading import FLAGS
from storage.brands import lock_brand
from storage.readings import ASKED, is_unhappy
from storage.tables import AuthorRow, CasePostRow, CorrectionRow, PostRow, PostVersionRow, ReadingRow

YES, NO = "yes", "no"
PAGE = 20
COUNTED = 1000  # beyond that nobody needs to know how many exactly, on every page
Labels = Mapping[str, str]
Version = tuple[int, int]  # of a post: its id and the number of the version


class Outdated(Exception):
    """The post was edited, deleted or never read: what was answered is not what stands there."""


def correct(
    session: Session, post_id: int, version: int, labels: Labels, actor: str, now: datetime, threshold: float
) -> Labels:
    """Take a person's labels (for flags `yes` or `no`): those that say something new. The post is routed again.

    Under the brand's lock, so that routing never works on half of it. Raises `Outdated`.
    """
    brand_id = session.scalar(select(PostRow.brand_id).where(PostRow.id == post_id))
    if brand_id is None:
        raise Outdated
    lock_brand(session, brand_id)
    post = session.get_one(PostRow, post_id, with_for_update=True, populate_existing=True)
    row = session.scalars(select(ReadingRow).filter_by(post_id=post_id, version=version)).one_or_none()
    if row is None or post.version != version or post.stage not in ("read", "routed"):
        raise Outdated
    open_heads, present = doubtful(row), labels_in_force(row)
    said = {head: label for head, label in labels.items() if head in open_heads or label != present[head]}
    for head, label in said.items():
        told = {"post_id": post_id, "version": version, "head": head, "label": label}
        session.add(CorrectionRow(brand_id=brand_id, **told, by=actor, at=now, model=row.model))
    if said:
        put_in_force(row, said, threshold)
        session.execute(update(PostRow).where(PostRow.id == post_id).values(stage="read"))
    return said


def put_in_force(row: ReadingRow, labels: Labels, threshold: float) -> None:
    """Let a person's labels stand in the columns; `details` keeps the model's, and which heads are a person's."""
    flags = row.details.get("flags") or _flags_by_model(row)
    corrected = {**row.details.get("corrected", {}), **labels}
    row.details = {**row.details, "flags": flags, "corrected": corrected}
    for head, label in labels.items():
        setattr(row, head, float(label == YES) if head in FLAGS else label)
    if row.second_intent == row.intent:
        row.second_intent = None
    row.unhappy = is_unhappy(row.complaint, row.intent, threshold)
    row.doubts = ",".join(head for head in ASKED if head in doubtful(row))


def doubtful(row: ReadingRow) -> list[str]:
    """The heads on which the model would rather ask a person, and nobody has answered."""
    corrected = row.details.get("corrected", {})
    return [head for head in row.details.get("abstain", ()) if head not in corrected]


def labels_in_force(row: ReadingRow) -> dict[str, str]:
    """Every head's label; of flags `yes` or `no`."""
    labels = {head: str(getattr(row, head)) for head in ("language", "sentiment", "intent", "urgency")}
    return labels | {flag: YES if getattr(row, flag) >= 0.5 else NO for flag in FLAGS}


def in_force(session: Session, post_ids: Collection[int]) -> dict[Version, dict[str, CorrectionRow]]:
    """The newest correction of each head, by version of a post."""
    query = select(CorrectionRow).where(CorrectionRow.post_id.in_(post_ids)).order_by(CorrectionRow.id)
    found: dict[Version, dict[str, CorrectionRow]] = {}
    for row in session.scalars(query) if post_ids else ():
        found.setdefault((row.post_id, row.version), {})[row.head] = row
    return found


def put_all_in_force(session: Session, rows: Sequence[ReadingRow], threshold: float) -> None:
    """After posts were read again: what people had said of these very versions still holds."""
    known = in_force(session, [row.post_id for row in rows])
    for row in rows:
        if told := known.get((row.post_id, row.version)):
            put_in_force(row, {head: found.label for head, found in told.items()}, threshold)


@dataclass(frozen=True, slots=True)
class Doubt:
    """A post on which a person is asked."""

    post: PostRow
    reading: ReadingRow
    author: AuthorRow | None
    case_id: int | None


def doubts(
    session: Session, brand_id: str, threshold: float, own_accounts: Collection[str], page: int = 1
) -> list[Doubt]:
    """Posts that concern the brand and of which the model is unsure, the newest first; a page of them."""
    waiting = _doubted(select(ReadingRow.id), brand_id, threshold, own_accounts)
    newest = waiting.order_by(PostRow.heard_at.desc(), PostRow.id.desc()).limit(PAGE).offset((page - 1) * PAGE)
    query = (
        select(PostRow, ReadingRow, AuthorRow, CasePostRow.case_id)
        .join(ReadingRow, ReadingRow.post_id == PostRow.id)
        .outerjoin(AuthorRow, AuthorRow.id == PostRow.author_id)
        .outerjoin(CasePostRow, CasePostRow.post_id == PostRow.id)
        .where(ReadingRow.id.in_(session.scalars(newest).all()))
        .order_by(PostRow.heard_at.desc(), PostRow.id.desc())
    )
    return [Doubt(post, reading, author, case_id) for post, reading, author, case_id in session.execute(query)]


def doubts_waiting(session: Session, brand_id: str, threshold: float, own_accounts: Collection[str]) -> int:
    """How many posts wait for a person's word, counted up to COUNTED."""
    some = _doubted(select(ReadingRow.id), brand_id, threshold, own_accounts).limit(COUNTED).subquery()
    return int(session.execute(select(func.count()).select_from(some)).scalar_one())


def _doubted(columns: Any, brand_id: str, threshold: float, own_accounts: Collection[str]) -> Any:
    """Of reposts the original is asked about, and of the brand's own words nothing."""
    present = (ReadingRow.post_id == PostRow.id) & (ReadingRow.version == PostRow.version)
    account = func.lower(AuthorRow.network + ":" + func.coalesce(AuthorRow.handle, ""))
    ours = [name.replace(":@", ":").lower() for name in own_accounts]
    return (
        columns.select_from(ReadingRow)
        .join(PostRow, present)
        .outerjoin(AuthorRow, AuthorRow.id == PostRow.author_id)
        .where(ReadingRow.brand_id == brand_id, ReadingRow.doubts > "", _concerns(threshold))
        .where(PostRow.stage.in_(("read", "routed")), PostRow.is_repost.is_(False), func.trim(PostRow.text) != "")
        .where(or_(AuthorRow.id.is_(None), account.not_in(ours)))
    )


def _concerns(threshold: float) -> ColumnElement[bool]:
    """Likely about the brand, or just that is in doubt; where the place of a post settles it, it is not."""
    likely = ReadingRow.about_brand >= threshold
    settled = and_(ReadingRow.doubts == "about_brand", ReadingRow.about_brand >= 1.0)
    return and_(or_(likely, ReadingRow.doubts.startswith("about_brand")), not_(settled))


def training_rows(
    session: Session, brand_id: str, since: datetime | None, keep_after: Mapping[str, datetime]
) -> Iterator[dict[str, Any]]:
    """What people said, as labelled texts: `text`, `lang`, the corrected heads (flags as 1 or 0) and `brand`.

    `brand` is the name by which the text calls it, None where it does not. Left out is what has no words any more, and
    what its network last showed before the moment from which posts may be kept (`keep_after`, by network).
    """
    shown = func.coalesce(PostRow.verified_at, PostRow.heard_at)
    said = (PostVersionRow.post_id == PostRow.id) & (PostVersionRow.text.is_not(None))
    read = (ReadingRow.post_id == PostRow.id) & (ReadingRow.version == PostVersionRow.version)
    ids = select(CorrectionRow.post_id).where(CorrectionRow.brand_id == brand_id)
    ids = ids if since is None else ids.where(CorrectionRow.at >= since)
    query = (
        select(PostRow.id, PostRow.network, shown, PostVersionRow.version, PostVersionRow.text, ReadingRow)
        .join(PostVersionRow, said)
        .outerjoin(ReadingRow, read)
        .where(PostRow.id.in_(ids), PostRow.deleted_at.is_(None))
        .order_by(PostRow.id, PostVersionRow.version)
    )
    found = session.execute(query).all()
    known = in_force(session, {row[0] for row in found})
    for post_id, network, seen, version, text, reading in found:
        told = known.get((post_id, version), {})
        labels = {head: row.label for head, row in told.items() if since is None or row.at >= since}
        if labels and not (network in keep_after and seen < keep_after[network]):
            yield _training_row(str(text), labels, reading)


def _training_row(text: str, labels: Labels, reading: ReadingRow | None) -> dict[str, Any]:
    row: dict[str, Any] = {"text": text, "lang": labels.get("language") or (reading.language if reading else "")}
    row |= {head: int(label == YES) if head in FLAGS else label for head, label in labels.items() if head != "language"}
    entities = reading.details.get("entities", ()) if reading else ()
    return row | {"brand": next((one["text"] for one in entities if one["kind"] in ("brand", "product")), None)}


def _flags_by_model(row: ReadingRow) -> dict[str, float]:
    """Of a reading from before the model's own flags were kept: what its place said of the brand is put aside."""
    about = row.details.get("about_brand") or {}
    return {flag: getattr(row, flag) for flag in FLAGS} | ({"about_brand": about["model"]} if "model" in about else {})
