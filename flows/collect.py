"""Hear: every source of every listener, each batch stored together with its cursor."""

from prefect import flow, task

from flows.base import PATIENT, Outcome, current_app
from flows.hearing import pull


@flow(name="collect")
def collect() -> Outcome:
    """Ask every source once; a network that cannot be reached says so and holds up no other."""
    total, app = Outcome(), current_app()
    for brand in app.settings.all_brands():
        for section, problem in app.listener_problems(brand).items():
            total = total.beside(Outcome(left=1, notes=(f"{section}: {problem}",)))
        for number, source in enumerate(app.sources(brand)):
            if not source.live:
                total = total.beside(collect_source(brand.id, number))
    return total


@task(name="collect-source", **PATIENT.options())
def collect_source(brand_id: str, number: int) -> Outcome:
    """One source, named by its place in the settings."""
    app = current_app()
    brand = app.brand(brand_id)
    return pull(app, brand, app.sources(brand)[number])
