"""What stands around a case on its page: the brief in words, the resolution, ruptures, the survey, the words after."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from console.mask import mask_text
from console.words import Words
from routing.brief import Brief, Fact, Material, brief, material_of
from routing.resolution import amount_text, day_text
from storage.after import outcome_of, resolutions_of, ruptures_of
from storage.queue import Dossier
from storage.tables import CaseOutcomeRow, ResolutionRow, RuptureRow

LONGEST = 160
# The group of texts that names a value of a fact.
LABELS = {"intent": "intent", "moment": "moment", "network": "network", "channel": "channel", "state": "state"}


@dataclass(frozen=True, slots=True)
class Beside:
    """Facts around a case; without the right to see customers only what posts tell."""

    brief: Brief
    resolutions: Sequence[ResolutionRow] = ()
    ruptures: Sequence[RuptureRow] = ()
    outcome: CaseOutcomeRow | None = None

    def lines(self, words: Words) -> list[list[tuple[str, str]]]:
        """The three lines: what each fact says, and the address of what tells it."""
        return [
            [told(fact, words) for fact in line] for line in (self.brief.matter, self.brief.history, self.brief.stand)
        ]

    def known(self, words: Words) -> list[tuple[str, str]]:
        """What the customer has told already."""
        return [told(fact, words) for fact in self.brief.told]

    def said(self, row: ResolutionRow, words: Words) -> str:
        """A resolution's facts in one line."""
        return _resolution(row.outcome, row.amount_cents, row.currency, row.due_on, words)


def of_case(session: Session, found: Dossier, with_people: bool, now: datetime) -> Beside:
    """Everything of a case, drawn from what its page has loaded."""
    if not with_people:
        # Analysts read posts; what was drawn out of them to know a person by is not listed for them.
        return Beside(brief(Material(found.case, [(post.post, None) for post in found.posts]), now))
    resolutions, ruptures = resolutions_of(session, found.case.id), ruptures_of(session, found.case)
    material = material_of(found, resolutions, ruptures)
    return Beside(brief(material, now), resolutions, ruptures, outcome_of(session, found.case.id))


def told(fact: Fact, words: Words) -> tuple[str, str]:
    """A fact in words of the page's language, and the address of what tells it, "" where it is the page itself."""
    values = {name: _said(name, value, fact, words) for name, value in fact.values.items()}
    if fact.key == "resolution":
        told = fact.values
        values["what"] = _resolution(told["outcome"], told["amount_cents"], told["currency"], told["due_on"], words)
    if fact.key == "rupture":
        values["kind"] = words.label("rupture", str(fact.values["kind"]))
    if fact.key == "told":
        values["kind"] = words.label("entity", str(fact.values["kind"]))
    kind, _, number = fact.source.partition(":")
    place = f"/cases/{number}" if fact.key == "other_case" else "" if kind == "case" else f"#{kind}-{number}"
    return words(f"brief.{fact.key}", **values), place


def _said(name: str, value: Any, fact: Fact, words: Words) -> str:
    if isinstance(value, datetime):
        return words.date(value)
    if name in LABELS and isinstance(value, str):
        inside = fact.key != "about"
        return words.inside(LABELS[name], value) if inside else words.label(LABELS[name], value)
    if name == "outcome" and fact.key.startswith("contact_"):
        return words.told("contact_outcome", str(value))[:LONGEST]
    if name == "direction":
        return words.label("direction", str(value))
    return mask_text(str(value if value is not None else ""))[:LONGEST]


def _resolution(outcome: str, amount_cents: int | None, currency: str | None, due_on: date | None, words: Words) -> str:
    parts = [words.label("outcome", outcome)]
    if amount_cents is not None:
        parts.append(amount_text(amount_cents, str(currency), words.language))
    if due_on is not None:
        parts.append(words("after.by_day", day=day_text(due_on, words.language)))
    return " · ".join(parts)
