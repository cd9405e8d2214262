"""What time does to open cases, who gets them, and who is told."""

from prefect import task

from flows.base import PATIENT, Outcome, current_app
from routing.assignment import assign_waiting
from routing.notices import deliver_notices
from routing.upkeep import keep_up


@task(name="keep-deadlines", **PATIENT.options())
def keep(brand_id: str) -> Outcome:
    """Move deadlines, warn, escalate, weigh priorities anew; a batch of open cases a transaction."""
    app, after = current_app(), 0
    rules, counts = app.upkeep_rules(), {"warned": 0, "escalated": 0, "reweighed": 0}
    while True:
        with app.database.begin() as session:
            done = keep_up(session, brand_id, rules, after, app.settings.work.batch, app.now())
        counts = {name: count + getattr(done, name) for name, count in counts.items()}
        if done.last is None:
            return Outcome(made=counts)
        after = done.last


@task(name="assign", **PATIENT.options())
def assign(brand_id: str) -> Outcome:
    """Give cases to people, take back what lies with those who are away."""
    app = current_app()
    with app.database.begin() as session:
        done = assign_waiting(session, brand_id, app.staff(), app.now())
    return Outcome(made={"assigned": done.assigned, "taken back": done.returned})


@task(name="tell-teams", **PATIENT.options())
def tell_teams() -> Outcome:
    """Send the notices that wait."""
    app = current_app()
    lease = app.settings.work.lease_seconds
    told = deliver_notices(app.database, app.notice_rules(), app.now, lease_seconds=lease)
    made = {"told": told.sent, "notices unconfirmed": told.unconfirmed}
    return Outcome(made=made, left=told.retried, refused=told.failed, notes=told.errors)
