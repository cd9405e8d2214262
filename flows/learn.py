"""Learn: weights from confirmed links, promoted if they rank the links held out no worse; who is in which segment;
which channels are answered.
"""

from prefect import flow, task

from flows.base import PATIENT, Outcome, current_app
from flows.rules import keep_segments
from routing.habits import learn_habits
from routing.matching.learning import learn as learn_weights
from storage.brands import lock_brand


@flow(name="learn")
def learn() -> Outcome:
    """Each brand once."""
    total = Outcome()
    for brand in current_app().settings.all_brands():
        total = total.beside(weigh(brand.id)).beside(keep_segments(brand.id)).beside(habits(brand.id))
    return total


@task(name="weigh", **PATIENT.options())
def weigh(brand_id: str) -> Outcome:
    """New weights of one brand, kept with why they are in force or not."""
    app = current_app()
    with app.database.begin() as session:
        lock_brand(session, brand_id)
        learned = learn_weights(session, brand_id, app.learning_rules(), app.now())
    made = {"weights promoted": int(learned.promoted)}
    return Outcome(took=learned.links, made=made, notes=(f"brand {brand_id}: {learned.told}",))


@task(name="habits", **PATIENT.options())
def habits(brand_id: str) -> Outcome:
    """Which channels the customers of one brand answer on."""
    app = current_app()
    if not app.settings.contact.learn_habits:
        return Outcome()
    with app.database.begin() as session:
        lock_brand(session, brand_id)
        looked_at, _ = learn_habits(session, brand_id, app.now())
    return Outcome(made={"messages learned from": looked_at})
