"""Labelled texts as others name their labels: rows of any file, mapped to the labels of a head."""

import difflib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from domain.errors import BadInput
from models.heads import CHOICES, HEADS, LANGUAGES, YES_NO

YES, NO = "yes", "no"
_YES_WORDS = frozenset({"1", "yes", "true", "y", "oui", "vrai"})
_NO_WORDS = frozenset({"0", "no", "false", "n", "non", "faux"})
OTHERS = "*"
LABEL_FIELDS = {"language": ("language", "lang", "label")}


class NotLabelled(Exception):
    """A row that cannot be used; the message says why."""


class UnknownLabel(Exception):
    """A label that the mapping does not name and that is none of ours."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """`label` is one of the head's (for flags `yes` or `no`); `brand` is the name by which the text calls it."""

    text: str
    label: str
    lang: str
    brand: str | None


class LabelNames:
    """What the labels of a file mean for a head. The mapping goes before our own names; `*` stands for all others."""

    def __init__(self, head: str, mapping: Mapping[str, str | None]) -> None:
        self.head = head
        self.labels = CHOICES.get(head, (YES, NO))
        self._mapping = {_plain(name): self._ours(name, label) for name, label in mapping.items()}

    def row(self, values: Mapping[str, Any]) -> Labelled | None:
        """None where the label is mapped to nothing. Raises `NotLabelled` and `UnknownLabel`."""
        text = values.get("text")
        if not isinstance(text, str) or not text.strip():
            raise NotLabelled("has no text")
        label = self.label(self._told(values))
        lang, brand = values.get("lang"), values.get("brand")
        if label is None:
            return None
        return Labelled(text, label, str(lang) if lang else "", str(brand) if brand else None)

    def label(self, told: Any) -> str | None:
        """One of ours, None for what is left out. Of several, `yes` is stronger than `no`."""
        if isinstance(told, list | tuple):
            return self._of_several(told)
        name = _plain(told)
        if name in self._mapping:
            return self._mapping[name]
        if (own := self._own(name)) is not None:
            return own
        if OTHERS in self._mapping:
            return self._mapping[OTHERS]
        raise UnknownLabel(str(told))

    def _told(self, values: Mapping[str, Any]) -> Any:
        for field in LABEL_FIELDS.get(self.head, (self.head, "label")):
            if values.get(field) not in (None, "", []):
                return values[field]
        raise NotLabelled(f"has neither {self.head!r} nor 'label'")

    def _of_several(self, told: Sequence[Any]) -> str | None:
        found = {label for label in map(self.label, told) if label is not None}
        if self.head in YES_NO and found:
            return YES if YES in found else NO
        if len(found) > 1:
            raise NotLabelled(f"has several labels: {', '.join(sorted(found))}")
        return next(iter(found), None)

    def _own(self, name: str) -> str | None:
        if self.head in YES_NO:
            return YES if name in _YES_WORDS else NO if name in _NO_WORDS else None
        if self.head == "language":
            code = name.replace("_", "-").partition("-")[0]
            return code if code in LANGUAGES else "other" if code.isalpha() and len(code) in (2, 3) else None
        return name if name in self.labels else None

    def _ours(self, name: str, label: str | None) -> str | None:
        if not label:
            return None
        own = self._own(_plain(label))
        if own is None:
            near = difflib.get_close_matches(_plain(label), self.labels, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(self.labels)}"
            raise BadInput(f"labels: {name!r} is mapped to {label!r}, which {self.head} does not have; {hint}")
        return own


def label_mapping(given: str | None) -> dict[str, str | None]:
    """From `a=negative,b=positive,c=`, or a TOML or JSON file (its table `labels`, or the whole). Raises `BadInput`."""
    if not given:
        return {}
    if "=" not in given:
        return _mapping_file(Path(given))
    pairs = [part.partition("=") for part in given.split(",") if part.strip()]
    if any(not sign or not name.strip() for name, sign, _ in pairs):
        raise BadInput(f"labels: {given!r} is not written as theirs=ours,theirs=ours")
    return {name.strip(): label.strip() or None for name, _, label in pairs}


def head_named(task: str) -> str:
    """A head by its name; another word is refused with the nearest one."""
    if task in HEADS:
        return task
    near = difflib.get_close_matches(task, HEADS, 1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise BadInput(f"{task!r} is no task: {', '.join(HEADS)}{hint}")


def _mapping_file(path: Path) -> dict[str, str | None]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        told = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except FileNotFoundError as error:
        raise BadInput(f"{path}: no such file, and not written as theirs=ours,theirs=ours") from error
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"{path}: not a mapping of labels in TOML or JSON ({error})") from error
    table = told.get("labels", told) if isinstance(told, dict) else None
    if not isinstance(table, dict) or not all(isinstance(label, str | None) for label in table.values()):
        raise BadInput(f"{path}: not a table of their labels to ours")
    return table


def _plain(label: Any) -> str:
    """As labels are compared: 1, 1.0, "1" and true are told apart by nobody's file format."""
    if isinstance(label, float) and label.is_integer():
        label = int(label)
    return str(label).strip().casefold()
