"""docs/settings.md, drawn from config/settings.py: keys, defaults, environment names. The meanings are the page's own.

`python -m scripts.settings_page` writes the page anew and keeps the meanings that stand in it; a new key
comes with an empty meaning, which the tests refuse.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from config.settings import Settings

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"
MARK = (
    "<!-- the tables below are drawn from config/settings.py by `make docs`; only the meanings are written by hand -->"
)
HEAD = "| key | default | environment | meaning |\n| --- | --- | --- | --- |\n"
ROW = re.compile(r"^\| `([^`]+)` \| .* \| [^|]*`VIGIE_[A-Z0-9_]+` \| (.*) \|$", re.MULTILINE)


def page(text: str) -> str:
    """The page as it should be, given what stands in it now."""
    preface, _, tables = text.partition(MARK)
    said = meanings(tables)
    shown: list[Table] = []
    parts = [preface + MARK + "\n"]
    for section in _sections(Settings, ""):
        first = next((table for table in shown if issubclass(table.model, section.model)), None)
        parts.append(_table(section, said) if first is None else _same(section, first))
        shown.append(section)
    return "".join(parts)


def meanings(text: str) -> dict[str, str]:
    """What the page says of each key."""
    return dict(ROW.findall(text))


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the settings, or a list of tables."""

    path: str
    model: type[BaseModel]
    is_list: bool
    is_named: bool = False

    @property
    def title(self) -> str:
        if self.is_named:
            return f"[{self.path}.NAME]"
        return f"[[{self.path}]]" if self.is_list else f"[{self.path}]"

    @property
    def variable(self) -> str:
        return "VIGIE_" + self.path.replace(".", "__").upper()


def _sections(model: type[BaseModel], prefix: str) -> Iterator[Table]:
    for name, field in model.model_fields.items():
        table = _table_of(prefix + name, field)
        if table is not None:
            yield table
            yield from _sections(table.model, f"{prefix}{name}.")


def _table_of(path: str, field: FieldInfo) -> Table | None:
    for kind in (field.annotation, *get_args(field.annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return Table(path, kind, kind is not field.annotation, get_origin(field.annotation) is dict)
    return None


def _same(section: Table, first: Table) -> str:
    each = f"each by `{section.variable}__NAME__KEY`, " if section.is_named else ""
    told = f"The same keys as `{first.title}`; {each}the whole list by `{section.variable}`."
    return f"\n## `{section.title}`\n\n{told}\n"


def _table(section: Table, said: dict[str, str]) -> str:
    fields = section.model.model_fields.items()
    rows = [_row(section, name, field, said) for name, field in fields if not _table_of(name, field)]
    if not rows:
        return ""
    words = " ".join((section.model.__doc__ or "").split())
    return f"\n## `{section.title}`\n\n" + (f"{words}\n\n" if words else "") + HEAD + "".join(rows)


def _row(section: Table, name: str, field: FieldInfo, said: dict[str, str]) -> str:
    key = f"{section.path}.{field.alias or name}"
    variable = f"in the list `{section.variable}`" if section.is_list else f"`{section.variable}__{name.upper()}`"
    return f"| `{key}` | {_default(field)} | {variable} | {said.get(key, '')} |\n"


def _default(field: FieldInfo) -> str:
    if field.annotation is SecretStr:
        return "secret"
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    return "none" if default is None else f"`{_toml(default)}`"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Enum):
        return _toml(value.value)
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (int, float)):
        return f"{value:g}"
    return f'"{value}"'


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
