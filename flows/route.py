"""Route: who spoke, and which case it is."""

from dataclasses import asdict

from prefect import flow, task

from flows.base import PATIENT, Outcome, all_steps, current_app
from flows.rules import play_books
from routing.claim_accounts import take_word, words_heard
from routing.intake import reopen_matches, route_batch
from routing.matching import certificate, shift
from storage.brands import lock_brand
from storage.link_events import date_accounts


@flow(name="route")
def route() -> Outcome:
    """Route every post that was read, and again those whose match was open when the customer file changed."""
    total = Outcome()
    for brand in current_app().settings.all_brands():
        again = take_words(brand.id) + reopen(brand.id)
        total += all_steps(lambda brand=brand: route_posts(brand.id)) + again  # type: ignore[misc]
        total += play_books(brand.id, fresh=True)
    return total


@task(name="take-words", **PATIENT.options())
def take_words(brand_id: str) -> Outcome:
    """Accounts that posted the word of a claim link are linked before anybody's match is decided."""
    app = current_app()
    rules, done = app.claim_rules(app.brand(brand_id)), 0
    with app.database.read() as session:
        heard = words_heard(session, brand_id, app.now())
    for claim_id, attempt_id in heard:
        with app.database.begin() as session:
            done += take_word(session, claim_id, attempt_id, rules, app.now())
    return Outcome(made={"accounts proven": done})


@task(name="reopen-matches", **PATIENT.options())
def reopen(brand_id: str) -> Outcome:
    """Look which grades may act, and send back what an older customer file or a grade left open."""
    app, rules, now = current_app(), current_app().certificate_rules(), current_app().now()
    with app.database.begin() as session:
        lock_brand(session, brand_id)
        date_accounts(session, brand_id, app.account_lasts())
        drifting = shift.watch(session, brand_id, rules, now)
        again = certificate.release(session, brand_id, rules, now) + reopen_matches(session, brand_id, now)
    notes = tuple(f"links of grade {grade.value} are suspended: {shift.WHY}" for grade in drifting)
    return Outcome(made={"matched again": again}, notes=notes)


@task(name="route-posts", **PATIENT.options())
def route_posts(brand_id: str) -> Outcome:
    """One batch, whole in one transaction."""
    app = current_app()
    with app.database.begin() as session:
        done = route_batch(session, app.brand(brand_id), app.intake_rules(), app.settings.work.batch, app.now())
    counts = asdict(done)
    names = {"opened": "cases", "joined": "joined", "linked": "linked", "reviews": "reviews"}
    return Outcome(took=counts["posts"], made={names[name]: counts[name] for name in names})
