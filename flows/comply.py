"""Comply: follow what networks deleted without telling, and let go of what may no longer be kept."""

from prefect import flow, task

from flows.base import PATIENT, Outcome, all_steps, current_app
from flows.verifying import let_old_go, look_again


@flow(name="comply")
def comply() -> Outcome:
    """Each listener once, then the networks' limits of storage."""
    total, app = Outcome(), current_app()
    for brand in app.settings.all_brands():
        places = {source.name: number for number, source in enumerate(app.sources(brand))}
        for number in places.values():
            total = total.beside(verify_source(brand.id, number))
        total = total.beside(all_steps(lambda brand=brand: forget_old(brand.id)))  # type: ignore[misc]
    return total


@task(name="verify-source", **PATIENT.options())
def verify_source(brand_id: str, number: int) -> Outcome:
    """Posts of one listener that nobody has seen for as long as its network's terms allow."""
    app = current_app()
    brand = app.brand(brand_id)
    return look_again(app, brand, app.sources(brand)[number])


@task(name="forget-old", **PATIENT.options())
def forget_old(brand_id: str) -> Outcome:
    """One batch of posts that may no longer be kept."""
    app = current_app()
    return let_old_go(app, app.brand(brand_id))
