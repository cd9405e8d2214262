"""`vigie quality`: how good the customer file is, and what its defects cost in reach."""

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.table import Table

from cli.base import BrandOption, ConfigOption, JsonOption, OutOption, application, output, print_json, results, tell
from config.wiring import App
from domain.brand import Brand
from insights.quality import quality as figures
from insights.quality import save_report
from routing.duplicates import find_duplicates
from routing.reach import Reach, reach
from storage.duplicates import Duplicates, propose

SampleOption = Annotated[int, typer.Option("--sample", min=1, help="For how many customers the channel is decided.")]


def quality(
    out: OutOption = None,
    sample: SampleOption = 2000,
    propose_pairs: Annotated[
        bool, typer.Option("--propose", help="Show the duplicates found to people, in the console.")
    ] = False,
    splink: Annotated[
        bool, typer.Option("--splink", help="Look for duplicates with Splink too, and propose them (extra [splink]).")
    ] = False,
    brand: BrandOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Duplicates, missing and old contact points and consents, shared addresses, and whom they keep out of reach."""
    app = application(config)
    owner = app.brand(brand)
    with app.database.read() as session:
        tell("comparing records …")
        found = find_duplicates(session, owner.id)
        report = figures(session, owner.id, found, app.now())
        tell(f"asking the channel decision for up to {sample} customers …")
        told = reach(session, owner, app.contact_rules(owner), sample, app.now())
        report["reach"] = asdict(told)
    _keep(app, owner, report, found if propose_pairs else None, splink)
    if out is not None:
        with output(out) as stream:
            print_json(report, stream)
    if json:
        print_json(report)
    elif out is None:
        results.print(_table(report))
        results.print(_costs(told))


def _keep(app: App, owner: Brand, report: dict[str, Any], found: Duplicates | None, splink: bool) -> None:
    linked = _by_splink(app, owner) if splink else ()
    with app.database.begin() as session:
        if found is not None:
            report["proposed"] = propose(session, owner.id, found.pairs, "vigie", app.now())
        if splink:
            report["proposed_by_splink"] = propose(session, owner.id, linked, "splink", app.now())
        save_report(session, owner.id, report, app.now())


def _by_splink(app: App, owner: Brand) -> Any:
    from routing.duplicates_splink import splink_pairs  # an extra

    tell("comparing by Splink …")
    with app.database.read() as session:
        return splink_pairs(session, owner.id)


def _table(report: dict[str, Any]) -> Table:
    table = Table("what", "customers", title=f"The customer file: {report['customers']} records", title_justify="left")
    reach_told, doubles = report["reach"], report["duplicates"]
    rows = [
        *((f"no {kind}", count) for kind, count in report["missing"].items()),
        ("no contact point at all", report["unreachable"]),
        ("had one, has none now", report["lost"]),
        ("e-mail addresses that are none", report["unusable"]["unusable_emails"]),
        ("phone numbers that nobody can dial", report["unusable"]["unusable_phones"]),
        *((f"share their {kind}", told["customers"]) for kind, told in report["shared"].items()),
        ("no word on consent to service", report["consents"]["none"]),
        ("last word on it older than 3 years", report["consents"]["old"]),
        ("gone from every source", report["gone_from_source"]),
        ("orders without a customer", report["orders_without_customer"]),
        ("pairs that may be one person", doubles["pairs"]),
        (f"could be written to, of {reach_told['asked']} asked", reach_told["reached"]),
    ]
    lost = reach_told["lost"].items()
    rows += [(f"{channel} lost: {why}", count) for channel, told in lost for why, count in sorted(told.items())]
    for what, count in rows:
        table.add_row(str(what), str(count))
    return table


def _costs(told: Reach) -> Table:
    table = Table("without this defect", "more of those asked", "about, of the file", title="What it costs in reach")
    table.title_justify = "left"
    for defect, count in sorted(told.costs.items(), key=lambda cost: -cost[1]):
        table.add_row(defect.replace("_", " "), str(count), str(told.about(count)))
    return table
