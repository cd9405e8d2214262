"""Follow up: what a crash left in the air, what time does to cases, who gets them, and who is told."""

from prefect import flow, task

from flows.after import after, watch
from flows.base import PATIENT, Outcome, current_app
from flows.desks import exchange
from flows.minding import assign, keep, tell_teams
from flows.rules import play_books
from routing.follow_up import end_deleted, wake_snoozed
from routing.outbox import sweep
from routing.seen_again import note_contacts
from storage.claims import release_dead


@flow(name="follow_up")
def follow_up() -> Outcome:
    """Everything once, for every brand."""
    total = recover()
    for brand in current_app().settings.all_brands():
        total += tidy(brand.id) + keep(brand.id) + watch(brand.id) + after(brand.id)
        total += play_books(brand.id) + assign(brand.id)
    return (total + tell_teams()).beside(exchange())


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
    """Close what was withdrawn, wake what slept, note what customers told us of an open case elsewhere."""
    app = current_app()
    with app.database.begin() as session:
        closed = end_deleted(session, brand_id, app.now())
        woken = wake_snoozed(session, brand_id, app.now())
        told = note_contacts(session, brand_id, app.now())
    return Outcome(took=closed + woken + told, made={"closed": closed, "woken": woken, "told again": told})
