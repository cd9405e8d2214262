"""What every table of `vigie.toml` is."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A table of `vigie.toml`: no unknown keys, no change after loading."""

    model_config = ConfigDict(frozen=True, extra="forbid")
