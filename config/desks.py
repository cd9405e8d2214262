"""The tables `[desks.NAME]`: one for each file of `routing/desks/`."""

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, create_model

from routing.desks.base import DeskSettings, find_desks


class _Desks(BaseModel):
    """Outside desks. Without one that is on, cases live in the console alone; see `docs/desks.md`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def tables(self) -> dict[str, DeskSettings]:
        """The table of each desk, by its name."""
        return {name: getattr(self, name) for name in type(self).model_fields}


def _with_every_desk() -> type[_Desks]:
    tables: dict[str, Any] = {name: (kind.Settings, kind.Settings()) for name, kind in find_desks().items()}
    return create_model("DesksSettings", __base__=_Desks, __doc__=_Desks.__doc__, **tables)


if TYPE_CHECKING:
    DesksSettings = _Desks
else:
    DesksSettings = _with_every_desk()
