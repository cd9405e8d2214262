"""`vigie check`: what works, what does not, and how to mend it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import typer
from rich.markup import escape
from rich.table import Table

from cli.base import ConfigOption, JsonOption, application, print_json, results
from cli.template import findings as wrong
from config.wiring import App
from domain.brand import Brand
from domain.errors import VigieError
from listeners.base import Source, find_listeners
from listeners.query import Query
from models.hub.heads import open_head, open_topics
from routing.channels.base import Carriers, find_channels
from routing.matching.certificate import permissions
from routing.notices import known_address
from storage.database import head_revision
from storage.desks import problems
from storage.listening import Sample, gaps_since, load_cursor, recent_posts, spent_today
from storage.sources import source_states
from storage.staff import may_act
from storage.tables import CustomerSourceRow

GAPS_TOLD = timedelta(days=7)
SOURCE_LATE = timedelta(hours=26)
SAMPLE_TIME, SAMPLE_POSTS = timedelta(days=14), 5000
NEARLY_ALL, ENOUGH = 0.9, 100
_SEE_MODELS = "see docs/models.md"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the check: `state` is ok, off, warning or broken; `mend` says what to do."""

    what: str
    state: str
    detail: str
    mend: str = ""


def check(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Settings, database, models, listeners and channels; exit code 1 if anything is broken."""
    app = application(config)
    found = list(findings(app))
    if json:
        print_json({"checks": [asdict(finding) for finding in found]})
    else:
        table = Table("what", "state", "detail", "how to mend it")
        for finding in found:
            table.add_row(*map(escape, (finding.what, finding.state, finding.detail, finding.mend)))
        results.print(table)
    if any(finding.state == "broken" for finding in found):
        raise typer.Exit(1)


def findings(app: App) -> Iterator[Finding]:
    """Everything that can be looked at without changing anything outside."""
    brands = ", ".join(
        f"{brand.id} ({brand.name or 'no name: hears everything'})" for brand in app.settings.all_brands()
    )
    yield Finding("settings", "ok", brands)
    yield _try(
        "database", lambda: f"{app.database.engine.dialect.name}, schema {app.database.revision()} of {head_revision()}"
    )
    yield from _models(app)
    yield _try("listener files", lambda: ", ".join(sorted(find_listeners())))
    yield _try("channel files", lambda: ", ".join(sorted(find_channels())))
    for brand in app.settings.all_brands():
        yield from _listeners(app, brand)
        yield from _grades(app, brand)
    for brand in app.settings.all_brands():
        yield from _customer_sources(app, brand)
    yield from _staff(app)
    yield from _channels(app)
    yield from _words(app)
    for brand in app.settings.all_brands():
        yield from _desks(app, brand)


def _staff(app: App) -> Iterator[Finding]:
    """Whether the people of the settings may sign in, and whether teams and people can be told."""
    staff, rules = app.staff(), app.notice_rules()
    with app.database.read() as session:
        acting = frozenset().union(*(may_act(session, brand.id) for brand in app.settings.all_brands()))
    for email in sorted(set(staff.people) - acting):
        yield Finding(f"person {email}", "warning", "no user who may work cases", f"vigie user add {email}")
    for name in (*staff.teams, *staff.people):
        variable = staff.notify_env(name)
        addresses = rules.addresses(variable) if variable else ()
        if variable and not addresses:
            yield Finding(f"notices to {name}", "warning", f"{variable} is not set", "set it to apprise's address")
        elif not all(map(known_address, addresses)):
            yield Finding(f"notices to {name}", "broken", f"{variable} is no address of apprise", "see docs/teams.md")
        elif addresses:
            yield Finding(f"notices to {name}", "ok", f"{len(addresses)} addresses in {variable}")


def _words(app: App) -> Iterator[Finding]:
    """Whether every template keeps the rules of words, and whether surveys have an address."""
    for brand in app.settings.all_brands():
        found = [
            f"{one.template}.{one.language} on {one.channel}: {one.problem} {one.detail}" for one in wrong(app, brand)
        ]
        told = "every template keeps the rules" if not found else f"{len(found)}: {found[0]}"
        mend = "vigie template check tells all; see docs/words.md" if found else ""
        yield Finding(f"words ({brand.id})", "warning" if found else "ok", told, mend)
    if app.settings.survey.kind == "none" or not app.settings.claims.base_url:
        yield Finding("surveys", "off", "nobody is asked", "claims.base_url and survey.kind, see docs/after.md")
    else:
        yield Finding("surveys", "ok", f"{app.settings.survey.kind}, {app.settings.survey.delay_hours:g} h later")


def _grades(app: App, brand: Brand) -> Iterator[Finding]:
    """Which grades of proof act by themselves, and why the others do not."""
    with app.database.read() as session:
        found = permissions(session, brand.id, app.certificate_rules(), app.now())
    states = {"shadow": "off", "suspended": "warning"}
    for grade, one in found.items():
        mend = "" if one.acts else "answer the reviews, or vigie grade set; see docs/matching.md"
        told = f"{one.state}: {one.why}" if one.state != "proven" else one.why
        yield Finding(f"grade {grade.value} ({brand.id})", states.get(one.state, "ok"), told, mend)


def _models(app: App) -> Iterator[Finding]:
    """Each model of the reading, loaded as it will be at work, and the name that stands on readings."""
    yield _try("reading model", lambda: app.plain_reader.name)
    for head, model in app.head_models().items():
        yield _try(f"reading head {head}", lambda h=head, m=model: open_head(h, m).summary, _SEE_MODELS)  # type: ignore[misc]
    topics = app.topic_model()
    if topics is not None:
        yield _try("reading topics", lambda: open_topics(topics).summary, _SEE_MODELS)
    if topics is not None or app.head_models():
        yield _try("name on readings", lambda: app.reader.name)


def _try(what: str, look: Callable[[], Any], mend: str = "") -> Finding:
    try:
        return Finding(what, "ok", str(look()))
    except VigieError as error:
        return Finding(what, "broken", _line(error), mend)


def _line(error: VigieError) -> str:
    return " ".join(str(error).split())


def _listeners(app: App, brand: Brand) -> Iterator[Finding]:
    """Each listener's access, each of its questions, and what it missed."""
    try:
        sources = app.sources(brand)
    except VigieError as error:
        yield Finding("queries", "broken", _line(error), "mend [listeners] queries, see docs/listeners.md")
        return
    for section, problem in app.listener_problems(brand).items():
        yield Finding(f"listener {section}", "broken", _line(problem), f"mend [listeners.{section}]")
    if not sources and not app.listener_problems(brand):
        yield Finding(
            "listeners", "off", "none in the settings", "vigie import posts FILE, or [listeners] in vigie.toml"
        )
    for name, listener in {source.name: source.listener for source in sources}.items():
        yield _try(f"listener {name}", listener.check, f"mend [listeners.{listener.section}]")
    for source in sources:
        yield _source(app, brand, source)
    yield from _queries(app, brand, sources)
    with app.database.read() as session:
        for gap in gaps_since(session, brand.id, app.now() - GAPS_TOLD):
            detail = f"{gap.since:%Y-%m-%d %H:%M} to {gap.until:%Y-%m-%d %H:%M} UTC was missed: {gap.reason}"
            yield Finding(f"listener {gap.listener} {gap.query}", "warning", detail, "import that time from elsewhere")


def _source(app: App, brand: Brand, source: Source) -> Finding:
    what = f"question {source.name} {source.query}"
    with app.database.read() as session:
        row = load_cursor(session, brand.id, source.name, source.query)
        spent = spent_today(session, source.account, app.now()) if source.account else None
    if row is not None and row.paused:
        again = f", again at {row.retry_at:%H:%M} UTC" if row.retry_at else ""
        return Finding(what, "warning", f"paused: {row.paused}{again}", "mend its access; it is tried again by itself")
    heard = "has not run yet" if row is None else f"last heard {row.moved_at:%Y-%m-%d %H:%M} UTC"
    return Finding(what, "ok", heard + (_taken(source, *spent) if spent else ""))


def _taken(source: Source, posts: int, cost: float) -> str:
    parts = []
    if source.posts_a_day is not None:
        parts.append(f"{posts} of {source.posts_a_day} posts")
    if source.cost_a_day is not None:
        parts.append(f"{cost:g} of {source.cost_a_day:g}")
    return f"; today {' and '.join(parts)} by {source.account}" if parts else ""


def _queries(app: App, brand: Brand, sources: Sequence[Source]) -> Iterator[Finding]:
    """What each query would bring, held against what is stored."""
    wanted = {source.wanted.text: source.wanted for source in sources if source.wanted is not None}
    queries = {query.text: query for query in app.around(brand).queries} | wanted
    if not queries:
        return
    with app.database.read() as session:
        sample = recent_posts(session, brand.id, app.now() - SAMPLE_TIME, SAMPLE_POSTS)
    for text, query in queries.items():
        yield _query(text, query, sample)


def _query(text: str, query: Query, sample: Sample) -> Finding:
    what, verdict = f"query {text}", query.verdict()
    if verdict is not None:
        return Finding(what, "warning", verdict, "see docs/listeners.md, Queries")
    if not sample.posts:
        return Finding(what, "ok", "nothing is stored yet that it could be held against")
    found = sum(query.matches(post) for post in sample.posts)
    share = found / len(sample.posts)
    detail = (
        f"about {found / sample.days:.1f} posts a day ({found} of {len(sample.posts)} stored in {sample.days:.0f} days)"
    )
    if found == 0:
        return Finding(what, "warning", f"{detail}: it matches nothing", "look for a misspelling, or wait for posts")
    if share > NEARLY_ALL and len(sample.posts) >= ENOUGH:
        return Finding(what, "warning", f"{detail}: it matches nearly everything", "ask for more than one common word")
    return Finding(what, "ok", detail)


def _customer_sources(app: App, brand: Brand) -> Iterator[Finding]:
    """Each source of the customer file: its access, when it was last whole, what waits."""
    try:
        names = list(app.customer_sources(brand))
    except VigieError as error:
        yield Finding("customer sources", "broken", _line(error), "mend [customers.sources]")
        return
    with app.database.read() as session:
        known = {row.name: row for row in source_states(session, brand.id)}
    for name in names:
        what = f"customer source {name}"
        found = _try(what, partial(_access, app, name), f"mend [customers.sources.{name}]")
        yield found if found.state == "broken" else _place(what, found.detail, known.get(name), app.now())


def _access(app: App, name: str) -> str:
    with app.customer_source(name) as source:
        return source.check()


def _place(what: str, access: str, row: CustomerSourceRow | None, now: datetime) -> Finding:
    if row is not None and row.paused:
        return Finding(what, "warning", f"paused: {row.paused}", "mend its access; it is tried again by itself")
    if row is None or row.whole_at is None:
        return Finding(what, "warning", f"{access}; never read to its end", "vigie sync")
    waits = "" if row.waiting is None else f", {row.waiting} rows wait"
    refused = f", {row.rejected} rows could not be used" if row.rejected else ""
    told = f"{access}; up to date at {row.whole_at:%Y-%m-%d %H:%M} UTC{waits}{refused}"
    if now - row.whole_at > SOURCE_LATE:
        return Finding(what, "warning", told, "vigie sync, or vigie work, which does so every hour")
    return Finding(what, "ok", told)


def _channels(app: App) -> Iterator[Finding]:
    try:
        carriers = app.carriers()
    except VigieError as error:
        yield Finding("channels", "broken", str(error), "mend [channels] in the settings")
        return
    brands = [brand.id for brand in app.settings.all_brands()]
    for brand_id in brands:
        yield from _accounts(carriers.of_brand(brand_id), f" ({brand_id})" if len(brands) > 1 else "")
    detail = f"messages are written to {app.outbox_folder()}"
    on = any(carriers.of_brand(brand_id).switched_on for brand_id in brands)
    yield Finding("shadow mode", "ok" if on else "off", detail, "channels.email.on = true sends real mail")


def _accounts(carriers: Carriers, of_brand: str) -> Iterator[Finding]:
    """Each channel of a brand: whether its provider answers, and whether something says who writes."""
    for name, channel in carriers.switched_on.items():
        yield _try(f"channel {name}{of_brand}", lambda channel=channel: channel.check() or "answers")  # type: ignore[misc]
    for name, section in carriers.unstated.items():
        if name not in carriers.switched_on:
            what = f"channel {name}{of_brand}"
            detail = "its messages wait: nothing says by which account this brand writes"
            yield Finding(what, "broken", detail, f"say it in [{section}], see docs/channels.md, Several brands")


def _desks(app: App, brand: Brand) -> Iterator[Finding]:
    """Each outside desk: its access, why it waits, and which tickets wait for a person."""
    try:
        names = app.desk_names(brand)
    except VigieError as error:
        yield Finding("desks", "broken", _line(error), "mend [desks] in the settings")
        return
    for name in names:
        what = f"desk {name} ({brand.id})"
        found = _try(what, partial(_desk_access, app, name), f"mend [desks.{name}], see docs/desks.md")
        yield found if found.state == "broken" else _desk(app, brand, name, found)


def _desk_access(app: App, name: str) -> str:
    with closing(app.desk(name)) as desk:
        return desk.check()


def _desk(app: App, brand: Brand, name: str, found: Finding) -> Finding:
    with app.database.read() as session:
        row = load_cursor(session, brand.id, f"desk {name}", "")
        stuck = [ticket for ticket in problems(session, brand.id) if ticket.desk == name]
    if row is not None and row.paused:
        return Finding(found.what, "warning", f"paused: {row.paused}", "it is tried again by itself; vigie desk sync")
    if stuck:
        return Finding(
            found.what, "warning", f"{found.detail}; {len(stuck)} tickets wait for a person", "vigie desk list"
        )
    return found
