"""`vigie claims`: the key that claim links are made with (`docs/claims.md`)."""

import typer

from cli.base import ConfigOption, application, tell
from storage.claims_link import rotate_keys

commands = typer.Typer(help="Claim links: a new key for them.", no_args_is_help=True)


@commands.callback()
def _group() -> None:
    """A group also while it has one command."""


@commands.command("new-key")
def new_key(config: ConfigOption = None) -> None:
    """Make links with a new key from now on. Links made with the one before still open, older ones no longer."""
    with application(config).database.begin() as session:
        version = rotate_keys(session)
    tell(f"claim links are made with key {version} from now on")
