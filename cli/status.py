"""`vigie status`: the funnel, and what waits."""

from rich.table import Table

from cli.base import ConfigOption, JsonOption, application, print_json, results
from cli.grade import grade_table, grades
from cli.run import figures, funnel_table


def status(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Heard → about the brand → unhappy → matched → contactable → contacted → answered → solved, and what waits."""
    app = application(config)
    told, of_grades = figures(app), grades(app)
    if json:
        print_json({"now": app.now().isoformat(), "brands": told, "grades": of_grades})
        return
    for brand_id, funnel in told.items():
        results.print(funnel_table(brand_id, funnel))
        waiting = Table("stage", "waiting", "oldest", title="What waits", title_justify="left")
        for stage, line in funnel["waiting"].items():
            waiting.add_row(stage, str(line["count"]), line["oldest"] or "–")
        waiting.add_row("failed", str(funnel["failed"]), "–")
        results.print(waiting)
        results.print(grade_table(brand_id, of_grades[brand_id]))
