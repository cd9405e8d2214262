"""`vigie channel`: which channels are there, how they stand, and the switch that stops one or all of them."""

from datetime import timedelta
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from cli.base import BrandOption, ConfigOption, JsonOption, application, print_json, results, tell
from config.wiring import App
from domain.contact import CHANNELS
from domain.errors import BadInput
from routing.channels.base import SHADOW, find_channels
from storage import switches
from storage.switches import ALL, ChannelState

commands = typer.Typer(help="Channels: how they stand; stop one or all at once.", no_args_is_help=True)
BY = "command line"
SHOWN = timedelta(days=1)
NameArgument = Annotated[str, typer.Argument(help="A channel as `list` shows it, or `all`.", show_default=False)]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; it is kept in the audit.", show_default=False)]


@commands.command("list")
def list_channels(brand: BrandOption = None, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Each channel: who carries it, what waits, what went in the last day, the last trouble, whether it is shut."""
    app = application(config)
    told = channel_states(app, app.brand(brand).id)
    if json:
        print_json({"channels": told})
        return
    table = Table("channel", "carried by", "waits", "sent", "failed", "unconfirmed", "last trouble", "switch")
    for one in told:
        counts = [str(one[name]) for name in ("waiting", "sent_last_day", "failed_last_day", "unconfirmed")]
        told_off = one["shut"]
        shut = f"off since {told_off['at'][:16]} by {told_off['by']}: {told_off['reason']}" if told_off else "on"
        table.add_row(*map(escape, (one["channel"], one["carrier"], *counts, one["trouble"] or "", shut)))
    results.print(table)


@commands.command("off")
def off(name: NameArgument, reason: ReasonOption, brand: BrandOption = None, config: ConfigOption = None) -> None:
    """Let nothing more go out on a channel; its messages wait."""
    app = application(config)
    owner = _checked(app, name, reason, brand)
    with app.database.begin() as session:
        done = switches.shut_channel(session, owner, name, reason.strip(), BY, app.now())
    tell(f"{name} of brand {owner}: {'off' if done else 'was off already'}")


@commands.command("on")
def on(name: NameArgument, reason: ReasonOption, brand: BrandOption = None, config: ConfigOption = None) -> None:
    """Let messages go again, each asked anew whether it still may."""
    app = application(config)
    owner = _checked(app, name, reason, brand)
    with app.database.begin() as session:
        done = switches.open_channel(session, owner, name, reason.strip(), BY, app.now())
    tell(f"{name} of brand {owner}: {'on' if done else 'was not off'}")


def channel_states(app: App, brand_id: str) -> list[dict[str, Any]]:
    """Every channel of a brand as plain data."""
    carriers = app.carriers().of_brand(brand_id)
    names = {kind.channel for kind in find_channels().values()} - {SHADOW}
    with app.database.read() as session:
        found = switches.overview(session, brand_id, names, app.now() - SHOWN)
    return [_plain(state, carriers.name_of(state.channel)) for state in found]


def _plain(state: ChannelState, carrier: str) -> dict[str, Any]:
    switch = state.switch
    shut = None if switch is None else {"at": switch.at.isoformat(), "by": switch.by, "reason": switch.reason}
    return {
        "channel": state.channel,
        "carrier": carrier if state.channel != ALL else "",
        "waiting": state.waiting,
        "oldest": None if state.oldest is None else state.oldest.isoformat(),
        "sent_last_day": state.sent,
        "failed_last_day": state.failed,
        "unconfirmed": state.unconfirmed,
        "trouble": state.trouble,
        "shut": shut,
    }


def _checked(app: App, name: str, reason: str, brand: str | None) -> str:
    known = {*CHANNELS, *(kind.channel for kind in find_channels().values()), ALL} - {SHADOW}
    if name not in known:
        raise BadInput(f"{name!r} is no channel: {', '.join(sorted(known))}")
    if not reason.strip():
        raise BadInput("--reason is empty: say why")
    return app.brand(brand).id
