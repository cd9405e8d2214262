"""What every table of `vigie.toml` is."""

from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A table of `vigie.toml`: no unknown keys, no change after loading."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def known_zone(name: str) -> str:
    """The name, if it is that of a time zone. Raises ValueError."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no time zone; write it as Europe/Paris") from error
    return name
