"""`vigie learn`: the weights of evidence, from what people said of links."""

from typing import Annotated, Any

import typer
from rich.table import Table

from cli.base import ConfigOption, JsonOption, application, print_json, results
from config.wiring import App
from routing.matching import learning
from routing.matching.weights import load_weights
from storage.brands import lock_brand
from storage.match_weights import versions

SHOWN = 10  # versions


def learn(
    show: Annotated[bool, typer.Option("--show", help="Learn nothing, tell what was learned.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Estimate the weights of evidence anew; they are promoted only if they rank held-out links no worse."""
    app = application(config)
    told = {brand.id: _told(app, brand.id, show) for brand in app.settings.all_brands()}
    if json:
        print_json({"brands": told})
        return
    for brand_id, found in told.items():
        if found["learned"]:
            results.print(f"brand {brand_id}: {found['learned']}", markup=False)
        if show or found["weights"] != found["before"]:
            results.print(_weights(brand_id, found))
        if found["versions"]:
            results.print(_versions(brand_id, found))


def _told(app: App, brand_id: str, show: bool) -> dict[str, Any]:
    with app.database.begin() as session:
        lock_brand(session, brand_id)
        before = load_weights(session, brand_id).as_dict()
        learned = None if show else learning.learn(session, brand_id, app.learning_rules(), app.now()).told
        weights = load_weights(session, brand_id).as_dict()
        kept = [
            {"version": row.weights["version"], "at": row.at.isoformat(), "promoted": row.promoted, "why": row.why}
            | {"learned_from": row.learned_from}
            for row in versions(session, brand_id, SHOWN)
        ]
    return {"learned": learned, "before": before, "weights": weights, "versions": kept}


def _weights(brand_id: str, found: dict[str, Any]) -> Table:
    weights, before = found["weights"], found["before"]
    title = f"Weights in force, brand {brand_id}: {weights['version']}"
    table = Table("weight", "before", "now", title=title, title_justify="left")
    for name, value in weights.items():
        if name not in ("version", "experience"):
            table.add_row(name, f"{before[name]:g}", f"{value:g}")
    for pattern, bits in weights["experience"].items():
        table.add_row(f"experience: {pattern or 'nothing'}", f"{before['experience'].get(pattern, 0):g}", f"{bits:g}")
    return table


def _versions(brand_id: str, found: dict[str, Any]) -> Table:
    table = Table("version", "promoted", "links", "why", title=f"Learned, brand {brand_id}", title_justify="left")
    for one in found["versions"]:
        table.add_row(
            one["version"], "yes" if one["promoted"] else "no", f"{one['learned_from']['links']:g}", one["why"]
        )
    return table
