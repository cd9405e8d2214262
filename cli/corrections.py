"""`vigie corrections`: what people said of readings, as rows to train and to measure with."""

import json
from datetime import datetime, timedelta
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from cli.base import BrandOption, ConfigOption, OutOption, application, moment_of, output, tell
from config.policies import network_policy
from storage import audit
from storage.corrections import training_rows
from storage.sweep import stored_networks


def corrections(
    out: OutOption = None,
    since: Annotated[
        str | None, typer.Option("--since", help="Only those from this day or time on (ISO 8601).")
    ] = None,
    brand: BrandOption = None,
    config: ConfigOption = None,
) -> None:
    """One labelled text a line (JSON), of posts whose words may still be kept: for `train --rows` and `evaluate`."""
    moment = moment_of(since)
    app = application(config)
    brands = [app.brand(brand)] if brand else app.settings.all_brands()
    count = 0
    with output(out) as stream:
        for owner in brands:
            with app.database.begin() as session:
                audit.record(session, owner.id, "command line", "corrections exported", "corrections", app.now())
                for row in training_rows(session, owner.id, moment, _keep_after(session, owner.id, app.now())):
                    stream.write(json.dumps(row, ensure_ascii=False) + "\n")
                    count += 1
    if out is not None:
        tell(f"{out}: {count} rows")


def _keep_after(session: Session, brand_id: str, now: datetime) -> dict[str, datetime]:
    """By network, when a post must have been shown for its words to be kept; networks without a limit are left out."""
    days = {network: network_policy(network).keep_days for network in stored_networks(session, brand_id)}
    return {network: now - timedelta(days=kept) for network, kept in days.items() if kept is not None}
