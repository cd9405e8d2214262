"""A source put together from its table in the settings."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from domain.errors import Misconfigured
from listeners.crm.base import CustomerSource
from listeners.crm.files import FileSource
from listeners.crm.hubspot import HubSpotSource
from listeners.crm.salesforce import SalesforceSource, login_of
from listeners.crm.settings import CustomerSourceSettings
from listeners.crm.sql import SqlSource

Secret = Callable[[str], str | None]


def open_source(
    name: str,
    settings: CustomerSourceSettings,
    secret: Secret,
    path: Callable[[str], Path],
    now: Callable[[], datetime],
) -> CustomerSource:
    """The source, ready to be read. `secret` gives the value of a named environment variable. Raises Misconfigured."""
    whole_every = timedelta(hours=settings.whole_hours)
    if settings.kind == "file":
        return FileSource(name, path(settings.path), settings.columns)
    if settings.kind == "sql":
        url = _needed(name, settings.url_env, secret)
        return SqlSource(name, url, settings.query, settings.columns, now, settings.changed_column, whole_every)
    if settings.kind == "hubspot":
        private = _needed(name, settings.token_env, secret)
        return HubSpotSource(
            name, private, settings.columns, now, settings.base_url, whole_every, settings.timeout_seconds
        )
    named = (settings.token_env, settings.consumer_key_env, settings.consumer_secret_env)
    token, key, password = (secret(variable) if variable else None for variable in named)
    login = login_of(settings.base_url, token, key, password)
    if not login:
        raise Misconfigured(
            f"customers.sources.{name}: set the environment variable named by token_env, "
            "or those named by consumer_key_env and consumer_secret_env"
        )
    return SalesforceSource(
        name,
        settings.base_url,
        login,
        settings.columns,
        now,
        settings.object_name,
        settings.where,
        whole_every,
        settings.timeout_seconds,
    )


def _needed(name: str, variable: str, secret: Secret) -> str:
    value = (secret(variable) or "").strip()
    if not value:
        raise Misconfigured(f"customers.sources.{name}: the environment variable {variable} is empty")
    return value
