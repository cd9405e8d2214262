"""What `follow_up` does after the answers: broken ways found, surveys asked, the customer's next words counted."""

from prefect import task

from flows.base import PATIENT, Outcome, current_app
from routing.ledger import watch_journeys
from routing.outcomes import follow
from routing.survey import Asked, ask_due


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
    """Ask how it went, unless contact is switched off, and count what is said in public after a case."""
    app, brand = current_app(), current_app().brand(brand_id)
    limit, asked = app.settings.work.batch, Asked()
    if app.settings.contact.enabled:
        with app.database.begin() as session:
            asked = ask_due(session, brand, app.care_rules(brand), limit, app.now())
    with app.database.begin() as session:
        followed = follow(session, brand_id, app.outcome_rules(), limit, app.now())
    return Outcome(made={"surveys": asked.asked, "outcomes": followed.ended})
