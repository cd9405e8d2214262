"""Sync: the customer file brought up to date from its sources."""

from prefect import flow, task

from domain.errors import VigieError
from flows.base import PATIENT, Outcome, current_app
from routing.syncing import sync_source


@flow(name="sync")
def sync() -> Outcome:
    """Each source of each brand; one that cannot be read holds up no other."""
    total, app = Outcome(), current_app()
    for brand in app.settings.all_brands():
        for name in app.customer_sources(brand):
            total = total.beside(_noted(brand.id, name))
    return total


def _noted(brand_id: str, name: str) -> Outcome:
    try:
        return read_source(brand_id, name)
    except VigieError as error:
        return Outcome(left=1, notes=(f"{name}: {error}",))


@task(name="read-source", **PATIENT.options())
def read_source(brand_id: str, name: str) -> Outcome:
    """One source to its end."""
    app = current_app()
    with app.customer_source(name) as source:
        done = sync_source(app.database, app.brand(brand_id), name, source, app.now)
    made = {"new": done.new, "changed": done.changed, "gone": done.gone, "back": done.back}
    return Outcome(took=done.rows, made=made, refused=done.rejected)
