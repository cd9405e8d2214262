"""Hear: every query of every listener, each batch stored together with its cursor."""

from datetime import timedelta

from prefect import flow, task

from config.wiring import App, Source
from domain.brand import Brand
from domain.errors import Permanent, Transient
from flows.base import PATIENT, Outcome, current_app
from storage.claims import hold, let_go
from storage.posts import Stored, load_cursor, pause_cursor, store_batch


@flow(name="collect")
def collect() -> Outcome:
    """Run every query once; a network that cannot be reached says so and holds up no other."""
    total = Outcome()
    for brand in current_app().settings.all_brands():
        for number, _ in enumerate(current_app().sources()):
            total += collect_source(brand.id, number)
    return total


@task(name="collect-source", **PATIENT.options())
def collect_source(brand_id: str, number: int) -> Outcome:
    """One query, named by its place in the settings."""
    app = current_app()
    return pull(app, app.brand(brand_id), list(app.sources())[number])


def pull(app: App, brand: Brand, source: Source) -> Outcome:
    """Pull a query from its cursor on, unless another process does or it has to wait."""
    lease = f"listen:{brand.id}:{source.name}:{source.query}"[:200]
    with app.database.begin() as session:
        row = load_cursor(session, brand.id, source.name, source.query)
        if row is not None and row.paused and row.retry_at is not None and row.retry_at > app.now():
            return Outcome(left=1, retry_at=row.retry_at, notes=(f"{source.name}: {row.paused}",))
        if not hold(session, lease, app.now(), app.settings.work.lease_seconds):
            return Outcome(left=1, notes=(f"{source.name}: another process is at it",))
        cursor = row.cursor if row is not None and row.cursor else None
    try:
        return _store(app, brand, source, cursor)
    except (Transient, Permanent) as error:
        return _pause(app, brand, source, error)
    finally:
        with app.database.begin() as session:
            let_go(session, lease)


def _store(app: App, brand: Brand, source: Source, cursor: object) -> Outcome:
    total = Stored()
    for batch in source.listener.pull(source.query, cursor, source.budget):  # type: ignore[arg-type]
        with app.database.begin() as session:
            total += store_batch(session, brand.id, batch, app.now(), source.name, source.query)
    made = {"new": total.new, "edited": total.edited, "deleted": total.deleted}
    took = total.new + total.edited + total.deleted + total.same + total.late + total.rejected
    return Outcome(took=took, made=made, refused=total.rejected)


def _pause(app: App, brand: Brand, source: Source, error: Transient | Permanent) -> Outcome:
    # What a person must mend is tried once an hour, so that it goes on by itself once it is mended.
    seconds = (error.retry_after or 60.0) if isinstance(error, Transient) else 3600.0
    retry_at = app.now() + timedelta(seconds=min(seconds, 86400.0))
    with app.database.begin() as session:
        pause_cursor(session, brand.id, source.name, source.query, str(error), retry_at, app.now())
    return Outcome(left=1, retry_at=retry_at, notes=(f"{source.name}: {error}",))
