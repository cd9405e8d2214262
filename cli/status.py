"""`vigie status`: the funnel, and what waits."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from cli.base import ConfigOption, JsonOption, application, print_json, results
from cli.grade import grade_table, grades
from cli.run import figures, funnel_table
from config.wiring import App
from insights.after import after


def status(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Heard → about the brand → unhappy → matched → contactable → contacted → answered → solved, and what waits."""
    app = application(config)
    told, of_grades, afterwards = figures(app), grades(app), _after(app)
    if json:
        print_json({"now": app.now().isoformat(), "brands": told, "grades": of_grades, "after": afterwards})
        return
    for brand_id, funnel in told.items():
        results.print(funnel_table(brand_id, funnel))
        waiting = Table("stage", "waiting", "oldest", title="What waits", title_justify="left")
        for stage, line in funnel["waiting"].items():
            waiting.add_row(stage, str(line["count"]), line["oldest"] or "–")
        waiting.add_row("failed", str(funnel["failed"]), "–")
        results.print(waiting)
        results.print(grade_table(brand_id, of_grades[brand_id]))
        results.print(_after_table(afterwards[brand_id]))


def _after(app: App) -> dict[str, dict[str, Any]]:
    """Surveys, ruptures and dissatisfaction corrected, of every brand."""
    with app.database.read() as session:
        return {brand.id: after(session, brand.id) for brand in app.settings.all_brands()}


def _after_table(told: Mapping[str, Any]) -> Table:
    """What came after: `insights/after.py` defines each figure."""
    table = Table("after", "figure", title="After", title_justify="left")
    verdicts = dict(told["dissatisfaction"])
    rate = verdicts.pop("rate")
    table.add_row("dissatisfaction corrected", "–" if rate is None else f"{rate:.0%}")
    table.add_row("last words", ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items()))
    for kind, survey in told["surveys"].items():
        score = "–" if survey["score"] is None else f"{survey['score']:g}"
        answered = f"{survey['answered']} of {survey['asked']} answered, {survey['bad']} bad"
        table.add_row(f"survey {kind}", f"{score} ({answered})")
    table.add_row("ruptures", ", ".join(f"{count} {kind}" for kind, count in told["ruptures"].items() if count) or "–")
    return table
