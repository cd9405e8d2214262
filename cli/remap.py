"""`vigie remap`: stored posts drawn again from what their networks told."""

from typing import Annotated

import typer

from cli.base import BrandOption, ConfigOption, JsonOption, application, print_json, results, warn
from config.wiring import App
from domain.brand import Brand
from domain.post import Post
from listeners.base import Remapping
from listeners.values import BadRow
from storage.fresh import unpacked
from storage.redraw import listeners_with_raw, raw_posts, redraw

AT_ONCE = 500


def remap(
    network: Annotated[str | None, typer.Argument(help="Only posts of this network; all without.")] = None,
    brand: BrandOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Draw stored posts again from their raw items, after a mapper was mended; changed ones are read again."""
    app = application(config)
    who = app.brand(brand)
    listeners = {source.name: source.listener for source in app.sources(who)}
    with app.database.read() as session:
        names = listeners_with_raw(session, who.id)
    told = {}
    for name in names:
        listener = listeners.get(name)
        if listener is None:
            warn(f"{name}: is not in the settings any more; its posts stay as they are")
        elif isinstance(listener, Remapping) and network in (None, listener.network, listener.section):
            told[name] = _remap(app, who, name, listener)
    if json:
        print_json({"listeners": told})
        return
    for name, counts in told.items():
        results.print(f"{name}: {counts['posts']} posts, {counts['changed']} changed, {counts['refused']} refused")
    if not told:
        results.print("no raw items are stored" + (f" for {network}" if network else ""))


def _remap(app: App, brand: Brand, name: str, listener: Remapping) -> dict[str, int]:
    posts = changed = refused = last = 0
    while True:
        with app.database.begin() as session:
            raw = raw_posts(session, brand.id, name, last, AT_ONCE)
            if not raw:
                return {"posts": posts, "changed": changed, "refused": refused}
            drawn: dict[int, Post] = {}
            for id_, payload in raw:
                try:
                    drawn[id_] = listener.remap(unpacked(payload))
                except BadRow:
                    refused += 1
            changed += redraw(session, brand.id, drawn, app.now())
        posts, last = posts + len(raw), raw[-1][0]
