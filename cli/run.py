"""`vigie run` and `vigie work`: the flows once, or on their schedules."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.table import Table

from cli.base import ConfigOption, JsonOption, application, print_json, results, tell, warn
from config.wiring import App
from domain.errors import BadInput
from insights.figures import funnel

STAGES = ("collect", "classify", "route", "contact", "follow_up")
BESIDE = ("comply", "sync", "learn")
STAGES_HELP = f"Of {', '.join(STAGES)}, all without; or {', '.join(BESIDE)}."


def run(
    stages: Annotated[
        list[str] | None, typer.Argument(help=f"Of {', '.join(STAGES)}, all without; or {', '.join(BESIDE)}.")
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """The flows once, in order; prints what each took, made, left and refused."""
    wanted = tuple(stages or STAGES)
    for stage in wanted:
        if stage not in (*STAGES, *BESIDE):
            raise BadInput(f"{stage!r} is no stage: {', '.join((*STAGES, *BESIDE))}")
    app = application(config)
    from flows.runner import run_once  # Prefect is imported only where it runs

    done = {name: outcome.as_dict() for name, outcome in run_once(app, wanted, tell).items()}
    for name, outcome in done.items():
        for note in outcome["notes"]:
            warn(f"{name}: {note}")
    totals = figures(app)
    if json:
        print_json({"stages": done, "brands": totals})
        return
    results.print(stage_table(done))
    for brand_id, told in totals.items():
        results.print(funnel_table(brand_id, told))


def work(config: ConfigOption = None) -> None:
    """All flows on their schedules, in one process, until stopped."""
    app = application(config)
    from flows.runner import serve_all

    serve_all(app, tell)


def figures(app: App) -> dict[str, dict[str, Any]]:
    """The funnel of every brand, as plain data."""
    threshold = app.settings.reading.about_brand_threshold
    with app.database.read() as session:
        return {brand.id: funnel(session, brand.id, threshold).as_dict() for brand in app.settings.all_brands()}


def stage_table(done: Mapping[str, Mapping[str, Any]]) -> Table:
    """What each stage did."""
    table = Table("stage", "took", "made", "left", "refused", title="This run", title_justify="left")
    for name, outcome in done.items():
        made = ", ".join(f"{count} {what}" for what, count in outcome["made"].items() if count)
        table.add_row(name, str(outcome["took"]), made or "–", str(outcome["left"]), str(outcome["refused"]))
    return table


def funnel_table(brand_id: str, told: Mapping[str, Any]) -> Table:
    """heard → … → solved, with what waits for a person."""
    table = Table("figure", "count", title=f"In all, brand {brand_id}", title_justify="left")
    grades = ", ".join(f"{count} {grade}" for grade, count in told["matched"].items() if count)
    table.add_row("posts heard", str(told["heard"]))
    table.add_row("about the brand", str(told["about_brand"]))
    table.add_row("unhappy", str(told["unhappy"]))
    table.add_row("matched by grade", grades or "–")
    table.add_row("linked to a customer", str(told["linked"]))
    cases = {state: count for state, count in told["cases"].items() if count and state != "merged"}
    states = ", ".join(f"{count} {state}" for state, count in cases.items())
    table.add_row("cases opened", f"{sum(cases.values())} ({states})" if cases else "0")
    for channel, states_of in told["messages"].items():
        counted = ", ".join(f"{count} {state}" for state, count in states_of.items() if count)
        table.add_row(f"messages by {channel}", counted)
    for name in ("contactable", "contacted", "answered", "solved", "unconfirmed"):
        table.add_row(name, str(told[name]))
    table.add_row("reviews waiting", str(told["reviews_waiting"]))
    return table
