"""What a desk is told of a case, in the language of the brand's agents, and no more than its settings share.

link        what kind of complaint, how grave, its deadlines, and the link to the case
customer    also who the customer is
all         also what was said in public, and by whom
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from sqlalchemy.orm import Session

from domain.case import CaseState
from routing.desks._agree import IN_DESKS
from routing.desks.base import Ticket
from routing.plain import one_line, plain_text
from storage import desks
from storage.tables import CaseRow

LONGEST_POST, LONGEST_NOTE = 2000, 20_000
FRENCH = {
    "case": "Cas Vigie {id}",
    "kind": "Motif : {intent}, gravité : {severity}, réseau : {network}",
    "opened": "Ouvert le {at}",
    "first": "Première réponse due le {at}",
    "solved": "Résolution due le {at}",
    "customer": "Client : {id}, {name}",
    "nobody": "Client : inconnu",
    "said": "Ce qui a été dit en public :",
    "merged": "Ce cas a été réuni au cas {into} : suite sous {link}",
    "high": "haute",
    "normal": "normale",
    "low": "basse",
}
ENGLISH = {
    "case": "Vigie case {id}",
    "kind": "Reason: {intent}, severity: {severity}, network: {network}",
    "opened": "Opened {at}",
    "first": "First answer due {at}",
    "solved": "Resolution due {at}",
    "customer": "Customer: {id}, {name}",
    "nobody": "Customer: unknown",
    "said": "What was said in public:",
    "merged": "This case was merged into case {into}: it goes on at {link}",
    "high": "high",
    "normal": "normal",
    "low": "low",
}
TEXTS = {"fr": FRENCH, "en": ENGLISH}


@dataclass(frozen=True, slots=True)
class DeskRules:
    """What a desk's settings say of its tickets. `console` is the public address of the console, "" if it has none."""

    share: Literal["link", "customer", "all"] = "link"
    prefix: str = "vigie"
    console: str = ""
    language: str = "fr"
    severities: tuple[str, ...] = ("high", "normal", "low")
    teams: dict[str, str] = field(default_factory=dict)

    @property
    def tells_notes(self) -> bool:
        """Notes are free words, in which people are named: they go only where people may be named."""
        return self.share != "link"


def reference(case: CaseRow, rules: DeskRules) -> str:
    """The name of a case in every desk, for ever."""
    return f"{rules.prefix}-{case.brand_id}-{case.id}"


def ticket(session: Session, case: CaseRow, rules: DeskRules) -> Ticket:
    """The case as it is told."""
    texts = TEXTS[rules.language]
    name = reference(case, rules)
    subject = f"{texts['case'].format(id=case.id)}: {case.intent.replace('_', ' ')} ({texts[case.severity]})"
    return Ticket(
        reference=name,
        subject=subject,
        body="\n".join([*_lines(session, case, rules), "", f"[{name}]"]),
        state=IN_DESKS[CaseState(case.state)],
        severity=case.severity,
        team=rules.teams.get(case.team, ""),
        link=link(case.id, rules),
    )


def link(case_id: int, rules: DeskRules) -> str:
    """Where the case stands in the console, "" where nobody said what its address is."""
    return f"{rules.console}/cases/{case_id}" if rules.console else ""


def said(word: desks.Word, case: CaseRow, rules: DeskRules, body: str) -> str:
    """A comment as it is told; its last line names it, by which it is known again."""
    if word.kind == desks.OPENED:
        text = body
    elif word.kind == desks.MERGED:
        into = word.into or 0
        text = TEXTS[rules.language]["merged"].format(into=into, link=link(into, rules) or "Vigie")
    else:
        text = plain_text(word.text)[:LONGEST_NOTE]
    return f"{text}\n\n{mark(case, rules, word.event_id)}"


def mark(case: CaseRow, rules: DeskRules, event_id: int) -> str:
    """The last line of a comment of ours."""
    return f"[{reference(case, rules)}/{event_id}]"


def marked(text: str, case: CaseRow, rules: DeskRules) -> int | None:
    """Which event of this case a comment tells by its last line; 0 for the case itself, None for a foreign comment."""
    last, name = text.rstrip().rpartition("\n")[2].strip(), reference(case, rules)
    if last == f"[{name}]":
        return 0
    number = last.removeprefix(f"[{name}/").removesuffix("]")
    return (
        int(number)
        if last == f"[{name}/{number}]" and number.isascii() and number.isdigit() and len(number) < 19
        else None
    )


def _lines(session: Session, case: CaseRow, rules: DeskRules) -> Iterator[str]:
    texts = TEXTS[rules.language]
    yield texts["case"].format(id=case.id)
    if rules.console:
        yield link(case.id, rules)
    yield ""
    severity = texts[case.severity]
    yield texts["kind"].format(intent=case.intent.replace("_", " "), severity=severity, network=case.network)
    for key, at in (
        ("opened", case.opened_at),
        ("first", case.due_first_answer_at),
        ("solved", case.due_resolution_at),
    ):
        if at is not None:
            yield texts[key].format(at=_moment(at))
    if rules.share != "link":
        yield from _customer(session, case, texts)
    if rules.share == "all":
        yield from _posts(session, case, texts)


def _customer(session: Session, case: CaseRow, texts: dict[str, str]) -> Iterator[str]:
    found = desks.customer_of(session, case)
    yield (
        texts["nobody"]
        if found is None
        else texts["customer"].format(id=one_line(found.customer_id), name=one_line(found.name or ""))
    )


def _posts(session: Session, case: CaseRow, texts: dict[str, str]) -> Iterator[str]:
    yield ""
    yield texts["said"]
    for post, author in desks.posts_of(session, case):
        handle = "" if author is None else one_line(author.handle or author.name or "")[:100]
        yield f"{_moment(post.created_at or post.heard_at)} {handle} {one_line(post.url or '')}".rstrip()
        yield plain_text(post.text or "")[:LONGEST_POST]


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
