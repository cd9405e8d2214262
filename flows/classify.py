"""Understand: every version of every post gets one reading. The same words are read once."""

from collections.abc import Mapping, Sequence

from prefect import flow, task
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.wiring import App
from domain.brand import Brand
from domain.reading import Reading
from flows.base import PATIENT, Outcome, all_steps, current_app
from flows.reading import read_for, read_once
from routing.crm import keyring
from routing.matching.quoted import quoted_hashes
from storage.claims import claim, release
from storage.corrections import put_all_in_force
from storage.quotes import save_quotes
from storage.readings import is_unhappy, save_reading
from storage.tables import PostRow


@flow(name="classify")
def classify() -> Outcome:
    """Read everything that was heard and not yet read."""
    total = Outcome()
    for brand in current_app().settings.all_brands():
        total += all_steps(lambda brand=brand: classify_batch(brand.id))  # type: ignore[misc]
    return total


@task(name="classify-batch", **PATIENT.options())
def classify_batch(brand_id: str) -> Outcome:
    """One batch: leased, read outside any transaction, stored together with its new stage."""
    app = current_app()
    brand, work = app.brand(brand_id), app.settings.work
    waiting = (PostRow.brand_id == brand.id) & (PostRow.stage == "heard") & PostRow.failed.is_(None)
    with app.database.begin() as session:
        posts = claim(session, PostRow, waiting, (PostRow.id,), work.batch, app.now(), work.lease_seconds)
    read, failed = read_once(app, brand, [post.text or "" for post in posts])
    with app.database.begin() as session:
        with session.no_autoflush:
            kept = _keep(session, app, brand, posts, read)
        for post in posts:
            if reason := failed.get(post.text or ""):
                session.get_one(PostRow, post.id).failed = reason
        release(session, PostRow, [post.id for post in posts])
    refused = sum((post.text or "") in failed for post in posts)
    return Outcome(took=len(posts), made={"readings": kept}, refused=refused)


def _keep(session: Session, app: App, brand: Brand, seen: Sequence[PostRow], read: Mapping[str, Reading]) -> int:
    """Store the readings; what was edited or deleted meanwhile is left for the next step."""
    texts = {post.id: post.text or "" for post in seen}
    versions = {post.id: post.version for post in seen if texts[post.id] in read}
    current = select(PostRow).where(PostRow.id.in_(versions), PostRow.stage == "heard").with_for_update()
    posts = [post for post in session.scalars(current) if post.version == versions[post.id]]
    ring, threshold, mark = keyring(session), app.settings.reading.complaint_threshold, read_for(app, brand)
    rows = []
    for post in posts:
        reading = read[texts[post.id]]
        unhappy = is_unhappy(reading.flags["complaint"], reading.intent.label, threshold)
        rows.append(save_reading(session, post, reading, unhappy, app.now(), mark))
        save_quotes(session, post, quoted_hashes(ring, reading.entities))
        post.stage = "read"
    put_all_in_force(session, rows, threshold)
    return len(posts)
