"""`[[playbooks]]` and `[[segments]]`: rules as data, checked when the settings are read (`docs/playbooks.md`)."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import Field, PrivateAttr, model_validator

from config.section import Section
from models.intents import load_intents
from routing.conditions import nearest, parse_when, values_of
from routing.playbook_acts import OF_INTENT
from routing.playbooks import Playbook, make_playbook
from routing.segments import CUSTOMER_KEYS, Segment
from routing.templates import languages, template_names

NAME = r"^[a-z0-9][a-z0-9_-]{0,59}$"


class PlaybookSettings(Section):
    """What is done by rule: `when` something is true of a case, `then` these actions, once for each occasion.

    `dry_run` is on until it is switched off: what would be done is only noted.
    """

    name: str = Field(pattern=NAME)
    version: str = Field("1", pattern=r"^[\w.-]{1,20}$")
    when: dict[str, Any]
    then: tuple[dict[str, Any], ...] = Field(max_length=20)
    dry_run: bool = True
    _made: Playbook = PrivateAttr()

    @model_validator(mode="after")
    def _can_be_read(self) -> Self:
        self._made = make_playbook(self.name, self.version, self.when, self.then, dry_run=self.dry_run)
        intents = load_intents()
        for intent in sorted(values_of(self._made.when, "intent") - intents.keys()):
            raise ValueError(f"when: intent: {intent!r} is not known{nearest(intent, intents)}")
        return self

    def playbook(self) -> Playbook:
        """The same as routing's noun."""
        return self._made


class SegmentSettings(Section):
    """Customers of whom `when` is true, under a name; kept up by the flow `learn`."""

    name: str = Field(pattern=NAME)
    when: dict[str, Any]
    _made: Segment = PrivateAttr()

    @model_validator(mode="after")
    def _can_be_read(self) -> Self:
        self._made = Segment(self.name, parse_when(self.when, CUSTOMER_KEYS))
        return self

    def segment(self) -> Segment:
        """The same as routing's noun."""
        return self._made


def refuse_twins(names: Sequence[str]) -> None:
    """No two of one name: a name is what the history of runs and of memberships goes by. Raises ValueError."""
    for twice in (name for name in names if names.count(name) > 1):
        raise ValueError(f"two have the name {twice!r}")


def refuse_strangers(playbooks: Sequence[PlaybookSettings], segments: Collection[str]) -> None:
    """A playbook speaks of segments that there are. Raises ValueError."""
    for playbook in playbooks:
        for name in sorted(values_of(playbook.playbook().when, "segment") - set(segments)):
            hint = nearest(name, segments) if segments else "; there are none (the file's own is stated_segment)"
            raise ValueError(f"{playbook.name}: segment {name!r} is not known{hint}")


def refuse_templates(playbooks: Sequence[PlaybookSettings], folder: Path | None) -> None:
    """A playbook drafts from a template that is there, in every language that we write. Raises ValueError."""
    names = template_names(folder)
    for playbook in playbooks:
        drafts = [act.value for act in playbook.playbook().then if act.verb == "draft" and act.value != OF_INTENT]
        for name in drafts:
            if name not in names:
                raise ValueError(f"{playbook.name}: there is no template {name!r}{nearest(name, names)}")
            for language in sorted(languages() - languages(folder, name)):
                raise ValueError(f"{playbook.name}: there is no template {name}.{language}.toml")
