"""Follow up: what a crash left in the air, what time does to cases, who gets them, and who is told."""

from prefect import flow, task

from flows.after import after, watch
from flows.base import PATIENT, Outcome, current_app
from flows.desks import exchange
from flows.minding import assign, keep, tell_teams
from flows.rules import play_books
from routing.channels.base import find_channels
from routing.fallback import fall_back
from routing.follow_up import end_deleted, wake_snoozed
from routing.outbox import sweep
from routing.receipts import collect, take_waiting
from routing.seen_again import note_contacts
from storage.brands import lock_brand
from storage.callbacks import cancel_moot
from storage.claims import release_dead
from storage.messages import expire


@flow(name="follow_up")
def follow_up() -> Outcome:
    """Everything once, for every brand."""
    total = recover() + answers()
    for brand in current_app().settings.all_brands():
        total += tidy(brand.id) + undelivered(brand.id) + keep(brand.id) + watch(brand.id) + after(brand.id)
        total += play_books(brand.id) + assign(brand.id)
    return (total + tell_teams()).beside(exchange())


@task(name="recover", **PATIENT.options())
def recover() -> Outcome:
    """Free what dead processes held; messages that they were handing over are shown as unconfirmed."""
    app = current_app()
    with app.database.begin() as session:
        freed = release_dead(session)
    open_ends = sweep(app.database, app.carriers(), app.now)
    with app.database.begin() as session:
        settled = take_waiting(session, app.now())
    return Outcome(made={"freed": freed, "receipts": settled}, left=len(open_ends))


@task(name="answers", **PATIENT.options())
def answers() -> Outcome:
    """What customers answered on the networks that tell nobody of it by themselves."""
    app = current_app()
    accounts = [account for name in find_channels() for account in app.accounts(name)]
    done, failed = collect(app.database, accounts, app.now)
    return Outcome(took=done.replies, made={"answers": done.replies}, refused=len(failed), notes=tuple(failed))


@task(name="tidy", **PATIENT.options())
def tidy(brand_id: str) -> Outcome:
    """Close what was withdrawn, wake what slept, note what customers told us of an open case elsewhere."""
    app = current_app()
    with app.database.begin() as session:
        closed = end_deleted(session, brand_id, app.now())
        woken = wake_snoozed(session, brand_id, app.now())
        told = note_contacts(session, brand_id, app.now())
    return Outcome(took=closed + woken + told, made={"closed": closed, "woken": woken, "told again": told})


@task(name="undelivered", **PATIENT.options())
def undelivered(brand_id: str) -> Outcome:
    """Messages that came too late are cancelled, calls that are moot too; what did not arrive goes another way."""
    app = current_app()
    brand, now, batch = app.brand(brand_id), app.now(), app.settings.work.batch
    with app.database.begin() as session:
        lock_brand(session, brand_id)
        expired = expire(session, brand_id, now)
        moot = cancel_moot(session, brand_id, now)
        other = fall_back(session, brand, app.contact_rules(brand), app.fallback_rules(brand), batch, now)
    return Outcome(took=expired + moot + other, made={"expired": expired, "calls off": moot, "other channel": other})
