"""Asking networks again for what is stored, and forgetting what they let nobody keep."""

from collections.abc import Sequence
from datetime import timedelta

from config.policies import network_policy
from config.wiring import App
from domain.brand import Brand
from domain.errors import Permanent, Transient
from flows.base import Outcome
from flows.hearing import Busy, held, room_today
from listeners.base import Known, Source
from storage.listening import spend
from storage.matches import forget_candidates
from storage.sweep import due_for_a_look, forget_unshown, looked_at, stored_networks
from storage.tables import PostRow

ASKED_AT_ONCE = 100
FORGOTTEN_AT_ONCE = 500


def look_again(app: App, brand: Brand, source: Source) -> Outcome:
    """Ask a listener for the posts that its network's policy wants seen again; the gone ones go."""
    hours = network_policy(source.listener.network).verify_hours
    if hours is None or not source.verifies:
        return Outcome()
    before, total = app.now() - timedelta(hours=hours), Outcome()
    try:
        with held(app, f"verify:{brand.id}:{source.name}"):
            for _ in range(max(1, app.settings.listeners.verify_at_once // ASKED_AT_ONCE)):
                with app.database.read() as session:
                    posts = due_for_a_look(session, brand.id, source.name, before, _room(app, source))
                if not posts:
                    break
                total += _ask(app, brand, source, posts)
    except Busy as busy:
        return total + Outcome(left=1, retry_at=busy.retry_at, notes=(f"{source.name}: {busy}",))
    except (Transient, Permanent) as error:
        return total + Outcome(left=1, notes=(f"{source.name}: asked what is gone: {error}",))
    return total


def let_old_go(app: App, brand: Brand) -> Outcome:
    """Forget a batch of posts that their networks let nobody keep so long unseen, and whom posts were compared with."""
    with app.database.begin() as session:
        days = {network: network_policy(network).keep_days for network in stored_networks(session, brand.id)}
        before = {name: app.now() - timedelta(days=kept) for name, kept in days.items() if kept is not None}
        forgotten = forget_unshown(session, brand.id, before, FORGOTTEN_AT_ONCE, app.now())
        compared = app.now() - timedelta(days=app.settings.matching.candidate_days)
        freed = forget_candidates(session, brand.id, compared, FORGOTTEN_AT_ONCE)
    return Outcome(took=forgotten + freed, made={"forgotten": forgotten, "candidates forgotten": freed})


def _room(app: App, source: Source) -> int:
    """How many posts the account may ask for now. Raises `Busy`."""
    posts, cost = room_today(app, source)
    if source.verify_cost:
        posts = min(posts, cost / source.verify_cost)
    if posts < 1:
        raise Busy("has taken what it may take today")
    return int(min(ASKED_AT_ONCE, posts))


def _ask(app: App, brand: Brand, source: Source, posts: Sequence[PostRow]) -> Outcome:
    gone = list(source.listener.verify(Known(post.native_id, post.attributes) for post in posts))
    with app.database.begin() as session:
        done = looked_at(session, brand.id, [post.id for post in posts], gone, app.now())
        if source.account and source.verify_cost:
            spend(session, source.account, app.now(), len(posts), len(posts) * source.verify_cost)
    return Outcome(took=len(posts), made={"seen again": len(posts) - done.deleted, "deleted": done.deleted})
