"""Desks: every case in the outside desks that are switched on, states and comments both ways."""

from contextlib import closing
from dataclasses import asdict

from prefect import task

from domain.errors import Misconfigured
from flows.base import Outcome, current_app
from routing.desks.sync import Synced, sync_desk


def exchange() -> Outcome:
    """Each desk of each brand; one that cannot be used holds up no other."""
    total, app = Outcome(), current_app()
    for brand in app.settings.all_brands():
        for name in app.desk_names(brand):
            total = total.beside(sync(brand.id, name))
    return total


@task(name="sync-desk")
def sync(brand_id: str, name: str) -> Outcome:
    """One exchange. Never tried again as a task: what is safe to repeat, the next run repeats."""
    app = current_app()
    try:
        desk = app.desk(name)
    except Misconfigured as error:
        return Outcome(left=1, notes=(str(error),))
    with closing(desk):
        rules, work = app.desk_rules(name), app.settings.work
        done = sync_desk(
            app.database, brand_id, desk, rules, app.now, batch=work.batch, lease_seconds=work.lease_seconds
        )
        return outcome_of(done)


def outcome_of(done: Synced) -> Outcome:
    """Counts for the operator."""
    counts = {name: count for name, count in asdict(done).items() if isinstance(count, int)}
    left, refused = counts.pop("left"), counts.pop("problems")
    made = {f"desk {name.replace('_', ' ')}": count for name, count in counts.items()}
    return Outcome(made=made, left=left, refused=refused, retry_at=done.retry_at, notes=done.errors)
