"""How customers are reached: a table a channel, and in it one a brand where an installation has several.

`[channels.NAME.brands.ID]` says that brand ID writes by this channel; its keys stand over those of `[channels.NAME]`.
Empty, it says that the brand writes by the account above. Where there are several brands, one that no table names has
no account: its messages wait (`docs/decisions/0027-accounts-of-brands.md`).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import Field, create_model

from config.section import Section
from routing.channels.base import Channel, ChannelSettings, ChannelTable, find_channels


@dataclass(frozen=True, slots=True)
class BrandChannels:
    """The tables of one brand, by carrier. `unstated` are carriers that are on, but not said to write for it."""

    tables: Mapping[str, ChannelTable]
    unstated: frozenset[str] = frozenset()

    def on(self) -> list[str]:
        """The carriers by which its messages go out."""
        return [name for name, table in self.tables.items() if is_on(table) and name not in self.unstated]


class _Channels(Section):
    """How customers are reached. Every channel is off, and its messages go into a folder, until it is switched on."""

    def tables(self) -> dict[str, ChannelTable]:
        """The table of each carrier as it is written, by its name."""
        return {name: getattr(self, name) for name in type(self).model_fields}

    def of_brand(self, brand_id: str, *, is_only_one: bool) -> BrandChannels:
        """What holds for a brand. An only brand needs no table of its own."""
        written, kinds = self.tables(), find_channels()
        tables = {name: _laid_over(kinds[name], table, brand_id) for name, table in written.items()}
        silent = {name for name in tables if kinds[name].has_sender and brand_id not in _brands(written[name])}
        unstated = () if is_only_one else (name for name in silent if is_on(tables[name]))
        return BrandChannels(tables, frozenset(unstated))

    def refuse_strangers(self, brand_ids: Collection[str]) -> None:
        """Raises ValueError where a table is of no brand."""
        for name, table in self.tables().items():
            for stranger in sorted(_brands(table).keys() - set(brand_ids)):
                raise ValueError(f"channels.{name}.brands: {stranger!r} is no brand; there is {', '.join(brand_ids)}")


def is_on(table: ChannelTable) -> bool:
    """Whether messages go out by it, rather than into the folder."""
    return isinstance(table, ChannelSettings) and table.on


def _brands(table: ChannelTable) -> Mapping[str, ChannelTable]:
    return getattr(table, "brands", {})


def _laid_over(kind: type[Channel], table: ChannelTable, brand_id: str) -> ChannelTable:
    own = _brands(table).get(brand_id)
    said = own.model_fields_set if own is not None else frozenset()
    values = {name: getattr(own if name in said else table, name) for name in kind.Settings.model_fields}
    return kind.Settings.model_construct(**values)


def _table(kind: type[Channel]) -> Any:
    """The settings of a carrier, with a table for each brand where it writes in somebody's name."""
    if not kind.has_sender:
        return (kind.Settings, kind.Settings())
    brands: Any = (dict[str, kind.Settings], Field(default_factory=dict))  # type: ignore[name-defined]
    table = create_model(kind.Settings.__name__, __base__=kind.Settings, __doc__=kind.Settings.__doc__, brands=brands)
    return (table, table())


def _with_every_channel() -> type[_Channels]:
    tables: dict[str, Any] = {name: _table(kind) for name, kind in find_channels().items()}
    return create_model("ChannelsSettings", __base__=_Channels, __doc__=_Channels.__doc__, **tables)


if TYPE_CHECKING:
    ChannelsSettings = _Channels
else:
    ChannelsSettings = _with_every_channel()
