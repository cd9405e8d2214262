"""`vigie listen NETWORK`: its streams, until stopped."""

import threading
from typing import Annotated

import typer

from cli.base import BrandOption, ConfigOption, application, tell
from config.wiring import App
from domain.brand import Brand
from domain.errors import BadInput, Misconfigured
from listeners.base import Source, find_listeners

TOLD_EVERY_SECONDS = 60.0


def listen(
    network: Annotated[str, typer.Argument(help="A network with a stream, such as bluesky.")],
    brand: BrandOption = None,
    config: ConfigOption = None,
) -> None:
    """One network's streams until stopped: what happens there is stored as it happens."""
    app = application(config)
    who = app.brand(brand)
    sources = _streams(app, who, network)
    from flows.streaming import Ear  # shares code with the flows, which import Prefect

    ears = [Ear(app, who, source, tell) for source in sources]
    threads = [threading.Thread(target=ear.listen, daemon=True, name=ear.source.name) for ear in ears]
    for ear, thread in zip(ears, threads, strict=True):
        tell(f"listening: {ear.source.name} {ear.source.query}")
        thread.start()
    while all(thread.is_alive() for thread in threads):
        threads[0].join(TOLD_EVERY_SECONDS)
        for ear in ears:
            tell(f"{ear.source.name} {ear.source.query}: {ear.said()}")
    raise typer.Exit(1)  # an ear never ends by itself: its thread has told why


def _streams(app: App, brand: Brand, network: str) -> list[Source]:
    known = find_listeners()
    sections = {kind.section for kind in known.values()}
    if network not in sections | set(known):
        raise BadInput(f"{network!r} has no listener: {', '.join(sorted(sections))}")
    section = next(kind.section for name, kind in known.items() if network in (name, kind.section))
    if section in app.listener_problems(brand):
        raise app.listener_problems(brand)[section]
    found = [source for source in app.sources(brand) if source.live and source.listener.section == section]
    if not found:
        raise Misconfigured(f"{network} has no stream in the settings: see docs/listeners.md, [listeners.{section}]")
    return found
