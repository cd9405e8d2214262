"""`vigie grade`: what each grade of proof may do by itself, and the operator's word on it."""

from typing import Annotated, Any

import typer
from rich.table import Table

from cli.base import BrandOption, ConfigOption, JsonOption, application, print_json, results, tell
from config.wiring import App
from domain.errors import BadInput
from domain.evidence import Grade
from routing.matching.certificate import ACTING, Permission, decide_grade, permissions
from storage import audits

commands = typer.Typer(help="What each grade of proof may do by itself: show, set.", no_args_is_help=True)
STATES = ("acting", "shadow", "suspended")


@commands.command()
def show(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Each grade: whether its links act, and what second looks found."""
    app = application(config)
    told = grades(app)
    if json:
        print_json({"brands": told})
        return
    for brand_id, found in told.items():
        results.print(grade_table(brand_id, found))


@commands.command("set")
def set_state(
    grade: Annotated[str, typer.Argument(help=f"Of {', '.join(ACTING)}.", show_default=False)],
    state: Annotated[str, typer.Argument(help=f"Of {', '.join(STATES)}.", show_default=False)],
    why: Annotated[str, typer.Option("--why", help="The reason; it is kept in the audit.", show_default=False)],
    brand: BrandOption = None,
    config: ConfigOption = None,
) -> None:
    """Let a grade act, put it back into shadow, or suspend it. The count of audits begins anew."""
    if grade not in ACTING:
        raise BadInput(f"{grade!r} is no grade that could act: {', '.join(ACTING)}")
    if state not in STATES:
        raise BadInput(f"{state!r} is no state: {', '.join(STATES)}")
    if not why.strip():
        raise BadInput("--why is empty: say why")
    app = application(config)
    owner = app.brand(brand)
    with app.database.begin() as session:
        decide_grade(session, owner.id, Grade(grade), state, why.strip(), "command line", app.now())
    tell(f"{grade} of brand {owner.id}: {state}")


def grades(app: App) -> dict[str, dict[str, Any]]:
    """brand → grade → what it may do, as plain data."""
    rules, now, told = app.certificate_rules(), app.now(), {}
    with app.database.read() as session:
        for brand in app.settings.all_brands():
            found = permissions(session, brand.id, rules, now)
            told[brand.id] = {grade.value: _plain(one) for grade, one in found.items()}
            missed = {
                grade: audits.counts(session, brand.id, audits.REFUSAL, grade, now - rules.window) for grade in Grade
            }
            told[brand.id]["refusals"] = {
                "judged": sum(one.judged for one in missed.values()),
                "missed": sum(one.wrong for one in missed.values()),
            }
    return told


def _plain(one: Permission) -> dict[str, Any]:
    found = one.found
    counted = {"judged": found.judged, "wrong": found.wrong, "unsure": found.unsure, "waiting": found.open}
    return {"acts": one.acts, "state": one.state, "why": one.why, **counted, "lower_bound": round(one.bound, 4)}


def grade_table(brand_id: str, told: dict[str, Any]) -> Table:
    """What `vigie grade show` and `vigie status` print."""
    table = Table(
        "grade",
        "acts",
        "state",
        "audited",
        "wrong",
        "unsure",
        "why",
        title=f"Grades, brand {brand_id}",
        title_justify="left",
    )
    for grade in ACTING:
        one = told[grade.value]
        table.add_row(
            grade.value,
            "yes" if one["acts"] else "no",
            one["state"],
            *(str(one[name]) for name in ("judged", "wrong", "unsure")),
            one["why"],
        )
    refusals = told["refusals"]
    table.caption = (
        f"refusals looked at again: {refusals['judged']}, of which customers after all: {refusals['missed']}"
    )
    return table
