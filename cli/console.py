"""`vigie console`: the web application."""

from typing import Annotated

import typer
import uvicorn

from cli.base import ConfigOption, application, tell
from config.wiring import App
from console.app import create_app


def console(
    config: ConfigOption = None,
    host: Annotated[str | None, typer.Option(help="Instead of the setting [console] host.")] = None,
    port: Annotated[int | None, typer.Option(help="Instead of the setting [console] port.")] = None,
) -> None:
    """Serve the console until it is stopped."""
    app = application(config)
    changes = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    if changes:
        settings = app.settings.model_copy(update={"console": app.settings.console.model_copy(update=changes)})
        app = App(settings)
    serve(app)


def serve(app: App) -> None:
    """Serve until SIGINT or SIGTERM. The client's address is taken from proxies on this machine only."""
    rules = app.settings.console
    web = create_app(app.database, app.settings, app.now)
    if rules.port:
        tell(f"the console is on http://{rules.host}:{rules.port} (Ctrl+C ends it)")
    uvicorn.run(
        web,
        host=rules.host,
        port=rules.port,
        log_level="warning" if rules.port else "info",
        server_header=False,
        date_header=True,
        timeout_graceful_shutdown=8,
    )
