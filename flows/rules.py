"""The tasks of rules: playbooks tried on cases, segments kept up. Called by `route`, `follow_up` and `learn`."""

from prefect import task

from flows.base import PATIENT, Outcome, current_app
from routing.playing import play
from routing.segments import forget_others, keep_up
from storage.brands import lock_brand


@task(name="play", **PATIENT.options())
def play_books(brand_id: str, *, fresh: bool = False) -> Outcome:
    """Every playbook on every case it may mean, a batch a transaction; with `fresh` only on cases of the last day."""
    app, done, after = current_app(), Outcome(), 0
    brand = app.brand(brand_id)
    rules = app.play_rules(brand)
    while rules.playbooks:
        with app.database.begin() as session:
            played = play(session, brand, rules, after, app.settings.work.batch, app.now(), fresh=fresh)
        done += Outcome(made={"playbook runs": played.acted, "dry runs": played.would_act})
        if played.last is None:
            break
        after = played.last
    return done


@task(name="keep-segments", **PATIENT.options())
def keep_segments(brand_id: str) -> Outcome:
    """Who is in which segment now, a segment a transaction."""
    app, joined, left = current_app(), 0, 0
    segments = app.segments()
    for segment in segments:
        with app.database.begin() as session:
            lock_brand(session, brand_id)
            kept = keep_up(session, brand_id, segment, app.now())
        joined, left = joined + kept.joined, left + kept.left
    with app.database.begin() as session:
        lock_brand(session, brand_id)
        left += forget_others(session, brand_id, [segment.name for segment in segments])
    made = {"joined segments": joined, "left segments": left}
    return Outcome(made=made if segments or left else {})
