"""Contact: decide about every open case that waits for it, then hand over what is due."""

from dataclasses import asdict

from prefect import flow, task

from flows.base import PATIENT, Outcome, all_steps, current_app
from routing.claim_asking import ask_in_place
from routing.contact import plan_batch
from routing.outbox import deliver


@flow(name="contact")
def contact() -> Outcome:
    """Plan for every brand, then deliver once for all. Switched off, it leaves everything as it is."""
    app = current_app()
    if not app.settings.contact.enabled:
        return Outcome(notes=("contact is switched off in the settings",))
    total = Outcome()
    for brand in app.settings.all_brands():
        total += all_steps(lambda brand=brand: plan(brand.id)) + ask(brand.id)  # type: ignore[misc]
    return total + hand_over()


@task(name="plan-contact", **PATIENT.options())
def plan(brand_id: str) -> Outcome:
    """One batch of decisions, with the reservations that follow from them in the same transaction."""
    app = current_app()
    brand = app.brand(brand_id)
    with app.database.begin() as session:
        done = asdict(plan_batch(session, brand, app.contact_rules(brand), app.settings.work.batch, app.now()))
    return Outcome(took=done.pop("cases"), made=done)


@task(name="ask-in-place", **PATIENT.options())
def ask(brand_id: str) -> Outcome:
    """The neutral reply with a claim link, where one in place was decided and the settings let it go by itself."""
    app = current_app()
    brand = app.brand(brand_id)
    with app.database.begin() as session:
        asked = ask_in_place(session, brand, app.claim_rules(brand), app.settings.work.batch, app.now())
    return Outcome(made={"asked": asked})


@task(name="hand-over")
def hand_over() -> Outcome:
    """Everything that is due. Never tried again as a task: what is safe to repeat, the outbox repeats itself."""
    app = current_app()
    work = app.settings.work
    done = deliver(
        app.database,
        app.carriers(),
        app.recheck,
        app.now,
        batch=work.batch,
        lease_seconds=work.lease_seconds,
        max_attempts=app.settings.contact.max_attempts,
    )
    made = {"handed over": done.handed_over, "unconfirmed": done.unconfirmed, "cancelled": done.cancelled}
    return Outcome(made=made, left=done.retried + done.held, refused=done.failed, notes=done.errors)
