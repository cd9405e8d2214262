"""Route: who spoke, and which case it is."""

from dataclasses import asdict

from prefect import flow, task

from flows.base import PATIENT, Outcome, all_steps, current_app
from routing.intake import reopen_matches, route_batch


@flow(name="route")
def route() -> Outcome:
    """Route every post that was read, and again those whose match was open when the customer file changed."""
    total = Outcome()
    for brand in current_app().settings.all_brands():
        again = reopen(brand.id)
        total += all_steps(lambda brand=brand: route_posts(brand.id)) + again  # type: ignore[misc]
    return total


@task(name="reopen-matches", **PATIENT.options())
def reopen(brand_id: str) -> Outcome:
    """Send back what an older customer file left open."""
    app = current_app()
    with app.database.begin() as session:
        return Outcome(made={"matched again": reopen_matches(session, brand_id)})


@task(name="route-posts", **PATIENT.options())
def route_posts(brand_id: str) -> Outcome:
    """One batch, whole in one transaction."""
    app = current_app()
    with app.database.begin() as session:
        done = route_batch(session, app.brand(brand_id), app.intake_rules(), app.settings.work.batch, app.now())
    counts = asdict(done)
    names = {"opened": "cases", "joined": "joined", "linked": "linked", "reviews": "reviews"}
    return Outcome(took=counts["posts"], made={names[name]: counts[name] for name in names})
