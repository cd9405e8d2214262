"""A source's table in `vigie.toml`: `[customers.sources.NAME]`."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

NEEDED = {
    "file": ("path",),
    "sql": ("url_env", "query"),
    "hubspot": ("token_env",),
    "salesforce": (),
}


class CustomerSourceSettings(BaseModel):
    """Where customers come from again and again. Which keys matter depends on `kind`; see `docs/customers.md`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["file", "sql", "hubspot", "salesforce"]
    brand: str = ""
    columns: dict[str, str] = {}
    whole_hours: float = Field(24.0, ge=0, le=24 * 366)
    path: str = ""
    url_env: str = ""
    query: str = ""
    changed_column: str = ""
    token_env: str = ""
    base_url: str = ""
    consumer_key_env: str = ""
    consumer_secret_env: str = ""
    object_name: str = "Contact"
    where: str = ""
    timeout_seconds: float = Field(60.0, gt=0, le=600)

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> Self:
        missing = [name for name in NEEDED[self.kind] if not getattr(self, name)]
        if missing:
            raise ValueError(f"a source of kind {self.kind} needs {' and '.join(missing)}")
        if self.kind == "salesforce" and not self.base_url:
            raise ValueError(
                "a source of kind salesforce needs base_url, your My Domain: https://NAME.my.salesforce.com"
            )
        return self
