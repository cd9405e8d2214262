"""Follow up: what a crash left in the air, cases whose posts are gone, cases whose sleep is over."""

from prefect import flow, task

from flows.base import PATIENT, Outcome, current_app
from routing.follow_up import end_deleted, wake_snoozed
from routing.ledger import watch_journeys
from routing.outbox import sweep
from routing.outcomes import follow
from routing.survey import ask_due
from storage.claims import release_dead


@flow(name="follow_up")
def follow_up() -> Outcome:
    """Everything once, for every brand."""
    total = recover()
    for brand in current_app().settings.all_brands():
        total += tidy(brand.id) + watch(brand.id) + after(brand.id)
    return total


@task(name="recover", **PATIENT.options())
def recover() -> Outcome:
    """Free what dead processes held; messages that they were handing over are shown as unconfirmed."""
    app = current_app()
    with app.database.begin() as session:
        freed = release_dead(session)
    open_ends = sweep(app.database, app.carriers(), app.now)
    return Outcome(made={"freed": freed}, left=len(open_ends))


@task(name="tidy", **PATIENT.options())
def tidy(brand_id: str) -> Outcome:
    """Close what was withdrawn, wake what slept."""
    app = current_app()
    with app.database.begin() as session:
        closed = end_deleted(session, brand_id, app.now())
        woken = wake_snoozed(session, brand_id, app.now())
    return Outcome(took=closed + woken, made={"closed": closed, "woken": woken})


@task(name="watch-journeys", **PATIENT.options())
def watch(brand_id: str) -> Outcome:
    """Find where customers' ways broke, a page of customers a transaction."""
    app, found, last = current_app(), 0, 0
    while True:
        with app.database.begin() as session:
            page = watch_journeys(session, brand_id, app.journey_rules(), app.settings.work.batch, app.now(), last)
        found += page.found
        if page.last is None:
            return Outcome(made={"ruptures": found})
        last = page.last


@task(name="after", **PATIENT.options())
def after(brand_id: str) -> Outcome:
    """Ask how it went, and follow what is said in public after a case."""
    app, brand = current_app(), current_app().brand(brand_id)
    limit = app.settings.work.batch
    with app.database.begin() as session:
        asked = ask_due(session, brand, app.care_rules(brand), limit, app.now()) if app.settings.contact.enabled else None
    with app.database.begin() as session:
        followed = follow(session, brand_id, app.outcome_rules(), limit, app.now())
    return Outcome(made={"surveys": asked.asked if asked else 0, "outcomes": followed.ended})
