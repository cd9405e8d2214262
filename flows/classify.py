"""Understand: every version of every post gets one reading."""

from collections.abc import Mapping, Sequence

from prefect import flow, task
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.wiring import App
from domain.brand import Brand
from domain.reading import Reading
from flows.base import PATIENT, Outcome, all_steps, current_app
from routing.crm import keyring
from routing.matching.quoted import quoted_hashes
from storage.claims import claim, release
from storage.quotes import save_quotes
from storage.readings import save_reading
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
    read, failed = _read(app, brand, posts)
    with app.database.begin() as session:
        with session.no_autoflush:
            kept = _keep(session, app, posts, read)
        for post_id, reason in failed.items():
            session.get_one(PostRow, post_id).failed = reason
        release(session, PostRow, [post.id for post in posts])
    return Outcome(took=len(posts), made={"readings": kept}, refused=len(failed))


def _read(app: App, brand: Brand, posts: Sequence[PostRow]) -> tuple[dict[int, Reading], dict[int, str]]:
    """Readings by post; a post on which the model fails is set apart and holds up no other."""
    texts = [post.text or "" for post in posts]
    try:
        return dict(zip((post.id for post in posts), app.reader.read(texts, brand), strict=True)), {}
    except (ValueError, RuntimeError, IndexError, KeyError) as error:
        if len(posts) == 1:
            return {}, {posts[0].id: f"cannot be read: {type(error).__name__}"}
    halves = [_read(app, brand, part) for part in (posts[: len(posts) // 2], posts[len(posts) // 2 :])]
    return halves[0][0] | halves[1][0], halves[0][1] | halves[1][1]


def _keep(session: Session, app: App, seen: Sequence[PostRow], read: Mapping[int, Reading]) -> int:
    """Store the readings; what was edited or deleted meanwhile is left for the next step."""
    versions = {post.id: post.version for post in seen if post.id in read}
    current = select(PostRow).where(PostRow.id.in_(versions), PostRow.stage == "heard").with_for_update()
    posts = [post for post in session.scalars(current) if post.version == versions[post.id]]
    ring, threshold = keyring(session), app.settings.reading.complaint_threshold
    for post in posts:
        reading = read[post.id]
        unhappy = reading.flags["complaint"] >= threshold and reading.intent.label != "spam"
        save_reading(session, post, reading, unhappy, app.now())
        save_quotes(session, post, quoted_hashes(ring, reading.entities))
        post.stage = "read"
    return len(posts)
