"""Everything that happened around a case, as one ordered list."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage.queue import CasePost, CustomerRecord, Dossier
from storage.tables import CaseEventRow, RuptureRow

# A message, a rupture and a survey tell these themselves; their other steps are lines of their own.
TOLD_BY_ROWS = ("message_reserved", "rupture_found", "survey_asked")
# In the order in which things of the same instant belong.
ORDER = (
    "interaction",
    "order",
    "case",
    "post",
    "edited",
    "reading",
    "match",
    "event",
    "decision",
    "message",
    "rupture",
    "note",
)

# What a brief may point to.
ANCHORED = ("post", "message", "interaction", "order", "rupture", "survey")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the timeline: when, what kind, and the rows that tell it."""

    at: datetime
    kind: str
    data: Any
    extra: Any = None

    @property
    def anchor(self) -> str:
        """The name of this line in the page, "" for one that nothing points to."""
        row = self.data.post if self.kind == "post" else self.data
        return f"{self.kind}-{row.id}" if self.kind in ANCHORED else ""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Oldest first. `earlier` is the customer's history before the case, `entries` what came with it and since."""

    earlier: list[Entry]
    entries: list[Entry]


def timeline(dossier: Dossier, with_people: bool = True, ruptures: Sequence[RuptureRow] = ()) -> Timeline:
    """The case's own story and, unless `with_people` is off, the customer's over all channels."""
    entries = [*_posts(dossier.posts), *_events(dossier, with_people)]
    if with_people:
        entries += _messages(dossier)
        entries += [Entry(survey.asked_at, "survey", survey) for survey in dossier.surveys]
        entries += _history(dossier.record)
        entries += [Entry(rupture.at, "rupture", rupture) for rupture in ruptures]
    entries.sort(key=lambda entry: (entry.at, ORDER.index(entry.kind) if entry.kind in ORDER else len(ORDER)))
    begin = min((entry.at for entry in _posts(dossier.posts) if entry.kind == "post"), default=dossier.case.opened_at)
    return Timeline([entry for entry in entries if entry.at < begin], [entry for entry in entries if entry.at >= begin])


def _posts(posts: Iterable[CasePost]) -> Iterator[Entry]:
    for told in posts:
        post = told.post
        at = post.created_at or post.heard_at
        yield Entry(at, "post", told)
        if post.deleted_at is not None:
            yield Entry(max(at, post.deleted_at), "deleted", told)
        for row in told.versions:
            if row.version > 1:
                before = next((old.text for old in told.versions if old.version == row.version - 1), None)
                yield Entry(max(at, row.edited_at or row.heard_at), "edited", told, before)
        for reading in told.readings:
            yield Entry(max(at, reading.read_at), "reading", reading, told)
        if told.match is not None:
            yield Entry(max(at, told.match.decided_at), "match", told.match, told)


def _events(dossier: Dossier, with_people: bool) -> Iterator[Entry]:
    """What happened, with the reason that a person gave; a draft's words stand where it is sent from."""
    decided = [event for event in dossier.events if event.kind == "decided"]
    for event in dossier.events:
        if event.kind == "note":
            yield Entry(event.at, "note", event, dossier.notes.get(event.id, ""))
        elif event.kind == "decided":
            yield Entry(
                event.at, "decision", _told(event), dossier.case.contact_decision if event is decided[-1] else None
            )
        elif event.kind not in TOLD_BY_ROWS:
            words = dossier.notes.get(event.id) if with_people and event.kind != "draft" else None
            yield Entry(event.at, "event", event, words)
    if not decided and dossier.case.contact_decision:
        yield Entry(dossier.case.last_post_at, "decision", dossier.case.contact_decision, dossier.case.contact_decision)


def _told(event: CaseEventRow) -> dict[str, Any]:
    return {"action": None, "channel": None, "reasons": [], **event.detail}


def _messages(dossier: Dossier) -> Iterator[Entry]:
    for message in dossier.messages:
        receipts = [receipt for receipt in dossier.receipts if receipt.message_key == message.id]
        yield Entry(message.reserved_at, "message", message, receipts)


def _history(record: CustomerRecord | None) -> Iterator[Entry]:
    if record is None:
        return
    for interaction in record.interactions:
        yield Entry(interaction.at, "interaction", interaction)
    for order in record.orders:
        yield Entry(order.placed_at, "order", order)
    for case in record.other_cases:
        yield Entry(case.opened_at, "case", case)
