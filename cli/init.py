"""`vigie init`: a commented `vigie.toml`, from a few questions or from flags."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from cli.base import tell
from config.load import load_settings
from domain.errors import BadInput

TEMPLATE = """\
# Settings of Vigie. Every key, its meaning and its default: docs/settings.md.
# Any value can be overridden by VIGIE_SECTION__KEY; secrets stand in the environment only.

[brand]
id = {id}
name = {name}
aliases = {aliases}          # other spellings and nicknames that people use
products = {products}         # product names that stand for the brand
accounts = {accounts}         # your own accounts, as "network:handle"; they never open cases
language = {language}
country = {country}
timezone = {timezone}

[listeners]
# Heard wherever a network can be searched. `brand` stands for the names above; the language: docs/listeners.md
queries = []                  # for instance ['brand (colis OR livraison)', '"{tag} service"']

[listeners.files]
paths = []                    # files or folders of posts, read again when they change

# Networks are off until their table is here; every one of them: docs/listeners.md
# [[listeners.mastodon.instances]]
# base_url = "https://mastodon.social"
# token_env = "MASTODON_TOKEN"  # the environment variable that holds the token
# queries = ["#{tag}"]

# [listeners.bluesky]
# search = true
# handle = "you.bsky.social"
# password_env = "BLUESKY_APP_PASSWORD"

[matching]
# A new installation watches first: what would be linked is shown to a person, and nothing is linked by itself until
# enough answers have been right (docs/matching.md). "acting" lets links act at once, and needs a start_reason.
start = "shadow"

[contact]
# Nothing leaves the house until a channel is switched on: messages lie in the folder below.
quiet_from = "20:00:00"
quiet_until = "08:00:00"

[channels.folder]
path = ".vigie/outbox"

[channels.email]
on = false                    # true: real mail by SMTP
host = ""
port = 587
sender = ""                   # the password: VIGIE_CHANNELS__EMAIL__PASSWORD

[console]
host = "127.0.0.1"
port = 8000
"""


def init(
    name: Annotated[str | None, typer.Option("--name", help="The brand's name.")] = None,
    alias: Annotated[list[str] | None, typer.Option("--alias", help="Another name; may be repeated.")] = None,
    product: Annotated[list[str] | None, typer.Option("--product", help="A product; may be repeated.")] = None,
    account: Annotated[list[str] | None, typer.Option("--account", help="An own account, network:handle.")] = None,
    language: Annotated[str, typer.Option("--language", help="The brand's first language.")] = "fr",
    country: Annotated[str, typer.Option("--country", help="Two letters.")] = "FR",
    timezone: Annotated[str, typer.Option("--timezone", help="As in the tz database.")] = "Europe/Paris",
    out: Annotated[Path, typer.Option("--out", help="The file to write.")] = Path("vigie.toml"),
    force: Annotated[bool, typer.Option("--force", help="Overwrite it.")] = False,
) -> None:
    """Write a commented vigie.toml; asks for what no flag says, where there is a terminal to ask on."""
    if out.exists() and not force:
        raise BadInput(f"{out} is there already: --force overwrites it")
    if name is None and sys.stdin.isatty():
        name = typer.prompt("Name of the brand", err=True)
        alias = alias or _list("Other names, separated by commas")
        product = product or _list("Products, separated by commas")
        account = account or _list("Own accounts as network:handle, separated by commas")
    if not name:
        raise BadInput("which brand? vigie init --name NAME")
    out.write_text(_text(name, alias, product, account, language, country, timezone), encoding="utf-8")
    try:
        load_settings(out)
    except Exception:
        out.unlink()
        raise
    tell(f"{out} written. Next: vigie import posts FILE, vigie import customers FILE, vigie run, vigie console")


def _list(question: str) -> list[str]:
    answer: str = typer.prompt(question, default="", show_default=False, err=True)
    return [part.strip() for part in answer.split(",") if part.strip()]


def _text(
    name: str,
    aliases: list[str] | None,
    products: list[str] | None,
    accounts: list[str] | None,
    language: str,
    country: str,
    timezone: str,
) -> str:
    tag = "".join(sign for sign in name.lower() if sign.isalnum()) or "brand"
    return TEMPLATE.format(
        id=_quoted("default"),
        name=_quoted(name),
        aliases=_quoted_list(aliases),
        products=_quoted_list(products),
        accounts=_quoted_list(accounts),
        language=_quoted(language),
        country=_quoted(country.upper()),
        timezone=_quoted(timezone),
        tag=tag,
    )


def _quoted(text: str) -> str:
    """A TOML basic string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(sign if sign.isprintable() else f"\\u{ord(sign):04x}" for sign in escaped) + '"'


def _quoted_list(items: list[str] | None) -> str:
    return "[" + ", ".join(_quoted(item) for item in items or ()) + "]"
