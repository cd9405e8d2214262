"""`vigie template`: the words of messages, listed, shown with real data, checked."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table
from sqlalchemy.orm import Session

from cli.base import BrandOption, ConfigOption, JsonOption, application, print_json, results
from config.wiring import App
from domain.after import RESOLUTION_TEMPLATE, Resolution
from domain.brand import Brand
from domain.errors import BadInput, Misconfigured
from routing import resolution as resolving
from routing import survey as asking
from routing.care import CareRules, newest_resolution
from routing.channels.base import find_channels
from routing.templates import LONG_FORM, Facts, languages, render, template_names
from routing.wording import Allowed, Problem, problems, segments
from storage import audit, cases
from storage.tables import CaseRow

commands = typer.Typer(help="The words of messages: list, preview, check.", no_args_is_help=True)
WIDEST = Facts("Brand of a long name, thirty signs", "V-1000000042", "Maximilienne", "CF7297394413", "A product " * 4)
SHARED = Facts(WIDEST.brand, WIDEST.reference, WIDEST.first_name, WIDEST.order, WIDEST.product, discreet=True)
SAMPLE = Resolution("refunded", 1290, "EUR")
SURVEYS = ("csat", "nps", "effort")


@dataclass(frozen=True, slots=True)
class Found:
    """What stands against one text."""

    template: str
    language: str
    channel: str
    problem: str
    detail: str


@commands.command(name="list")
def list_templates(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Every template, in which languages, and whether your own folder has it."""
    app = application(config)
    folder = app.templates()
    rows = []
    for name in (*sorted(template_names(folder)), RESOLUTION_TEMPLATE, "survey"):
        stem = name if name in template_names(folder) else f"_{name}"
        own = [] if folder is None else sorted(path.name for path in folder.glob(f"{stem}.*.toml"))
        rows.append({"name": name, "languages": sorted(languages(folder)), "own": own})
    if json:
        print_json({"templates": rows})
        return
    table = Table("template", "languages", "your own files")
    for row in rows:
        table.add_row(str(row["name"]), ", ".join(row["languages"]), ", ".join(row["own"]) or "–")
    results.print(table)


@commands.command()
def preview(
    name: Annotated[str, typer.Argument(help="A template of `vigie template list`.", show_default=False)],
    case: Annotated[int | None, typer.Option("--case", help="With the facts of this case.")] = None,
    channel: Annotated[str, typer.Option("--channel", help="As this channel carries it.")] = "email",
    language: Annotated[str | None, typer.Option("--language", help="fr or en; else the customer's.")] = None,
    brand: BrandOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """The text as a customer would read it, and everything that stands against it. Sends nothing."""
    app = application(config)
    owner = app.brand(brand)
    with app.database.begin() as session:
        facts, spoken, held = _facts(app, session, owner, case)
    subject, body, allowed = _words(app.care_rules(owner), name, language or spoken, facts, channel, held)
    found = problems(channel, subject, body, allowed, _longest(channel))
    if json:
        told = {"template": name, "channel": channel, "language": language or spoken, "subject": subject, "body": body}
        print_json({**told, "problems": [asdict(problem) for problem in found]})
        return
    if subject:
        results.print(f"{subject}\n", markup=False)
    results.print(body, markup=False, soft_wrap=True)
    if channel == "sms":
        results.print(f"\n{len(body)} signs, {segments(body)} parts", style="dim")
    for problem in found:
        results.print(f"{problem.kind}: {problem.detail}", style="yellow", markup=False, soft_wrap=True)


@commands.command()
def check(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Every template in every language on every channel; exit code 1 if anything stands against one."""
    app = application(config)
    found = [one for brand in app.settings.all_brands() for one in findings(app, brand)]
    if json:
        print_json({"problems": [asdict(one) for one in found]})
    elif not found:
        results.print("every template keeps the rules")
    else:
        table = Table("template", "language", "channel", "problem", "detail")
        for one in found:
            table.add_row(*(escape(str(value)) for value in asdict(one).values()))
        results.print(table)
    if found:
        raise typer.Exit(1)


def findings(app: App, brand: Brand) -> Iterator[Found]:
    """What stands against any text, with the longest values that may stand in it."""
    rules = app.care_rules(brand)
    names = (*sorted(template_names(rules.templates)), RESOLUTION_TEMPLATE, *(f"survey_{kind}" for kind in SURVEYS))
    for name in names:
        for language in sorted(languages(rules.templates)):
            for channel in (*sorted(LONG_FORM), "sms", "whatsapp"):
                for problem in _against(rules, name, language, channel):
                    yield Found(name, language, channel, problem.kind, problem.detail)


def _against(rules: CareRules, name: str, language: str, channel: str) -> list[Problem]:
    found: list[Problem] = []
    for facts in (WIDEST,) if name == RESOLUTION_TEMPLATE else (WIDEST, SHARED):
        try:
            subject, body, allowed = _words(rules, name, language, facts, channel, SAMPLE)
        except Misconfigured as error:
            return [Problem("broken", str(error))]
        found += problems(channel, subject, body, allowed, _longest(channel))
    return list(dict.fromkeys(found))


def _words(
    rules: CareRules, name: str, language: str, facts: Facts, channel: str, held: Resolution | None
) -> tuple[str, str, Allowed]:
    """The text of any template, and what it may say."""
    private = tuple(value for value in (facts.order, facts.product) if value)
    if name == RESOLUTION_TEMPLATE:
        if held is None:
            raise BadInput("this case has no resolution yet: record one on its page")
        allowed = Allowed(rules.hosts, private, facts.discreet, held)
        return *resolving.words_for(held, language, facts, channel, rules.templates), allowed
    if name.startswith("survey"):
        kind = name.removeprefix("survey").removeprefix("_") or rules.survey.kind
        if kind not in SURVEYS:
            raise BadInput(f"{name}: there is survey_csat, survey_nps and survey_effort")
        base = rules.base_url or "https://care.example.org"
        texts = asking.words_for(kind, language, facts, channel, rules, "TOKEN", base)
        hosts = rules.hosts | {"care.example.org"}
        return *texts, Allowed(hosts, private, facts.discreet, promises=False)
    if name not in template_names(rules.templates):
        raise BadInput(f"{name}: no such template; see vigie template list")
    return *render(name, language, facts, channel, folder=rules.templates), Allowed(
        rules.hosts, private, facts.discreet
    )


def _facts(app: App, session: Session, owner: Brand, case_id: int | None) -> tuple[Facts, str, Resolution | None]:
    """The facts of a case, or made-up ones without; looking at a case is audited."""
    if case_id is None:
        return Facts(owner.name or "", "V0", "Camille", "AB12345678"), owner.language, SAMPLE
    case = session.get(CaseRow, case_id)
    if case is None or case.brand_id != owner.id:
        raise BadInput(f"{case_id}: no such case of brand {owner.id}")
    case = cases.living(session, case)
    facts, language = resolving.facts_in(session, owner, case)
    row = newest_resolution(session, case.id)
    audit.record(session, owner.id, "command line", "template previewed", f"case:{case.id}", app.now())
    return facts, language, None if row is None else resolving.resolution_of(row)


def _longest(channel: str) -> int | None:
    """What the channel carries at most, by its own file."""
    kinds: Mapping[str, Any] = {kind.channel: kind for kind in find_channels().values()}
    return kinds[channel].max_length if channel in kinds else None
