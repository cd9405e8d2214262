"""Playbooks at work: batch by batch over the cases of a brand, each case with its runs in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import Session

from domain.brand import Brand
from domain.case import OPEN_STATES, CaseState
from domain.contact import ContactPolicy
from domain.reading import Intent
from routing.conditions import named
from routing.playbook_acts import Acting, act
from routing.playbook_facts import Story, facts_at, stories
from routing.playbooks import MEANS_CLOSED_TOO, Playbook, wanting
from storage import cases
from storage.brands import lock_brand
from storage.playbooks import Ran, ran_already, record_run
from storage.tables import CaseRow, SurveyRow

LOOKED_BACK = timedelta(days=30)
FRESH = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class PlayRules:
    """What settings say of playbooks, in their order. `templates` is the folder with an operator's own words."""

    playbooks: tuple[Playbook, ...]
    policy: ContactPolicy
    intents: Mapping[str, Intent]
    templates: Path | None = None


@dataclass(frozen=True, slots=True)
class Played:
    """What one batch did. `last` is the last case that was looked at, None where no more wait."""

    cases: int = 0
    acted: int = 0
    would_act: int = 0
    last: int | None = None


def play(
    session: Session, brand: Brand, rules: PlayRules, after: int, limit: int, now: datetime, *, fresh: bool = False
) -> Played:
    """Try the playbooks on up to `limit` cases after a case's id; with `fresh` only on those of the last day."""
    if not rules.playbooks:
        return Played()
    lock_brand(session, brand.id)
    found = session.scalars(_cases(brand.id, rules.playbooks, after, now, fresh).limit(limit)).all()
    ran = ran_already(session, [case.id for case in found])
    acted = would_act = 0
    for story in stories(session, found, now):
        did, would = _play_case(session, brand, rules, story, ran)
        acted, would_act = acted + did, would_act + would
    return Played(len(found), acted, would_act, found[-1].id if len(found) == limit else None)


def _cases(brand_id: str, playbooks: Sequence[Playbook], after: int, now: datetime, fresh: bool) -> Select[CaseRow]:
    """Open cases; those that are over for a month as well, where a rule may mean them."""
    meant: ColumnElement[bool] = CaseRow.state.in_(OPEN_STATES)
    if any(named(playbook.when) & MEANS_CLOSED_TOO for playbook in playbooks):
        answered = select(SurveyRow.case_id).where(
            SurveyRow.brand_id == brand_id, SurveyRow.answered_at > now - LOOKED_BACK
        )
        lately = or_(CaseRow.resolved_at > now - LOOKED_BACK, CaseRow.id.in_(answered))
        meant = meant | (CaseRow.state.in_((CaseState.RESOLVED, CaseState.CLOSED)) & lately)
    query = select(CaseRow).where(CaseRow.brand_id == brand_id, CaseRow.id > after, meant)
    if fresh:
        query = query.where(or_(CaseRow.opened_at > now - FRESH, CaseRow.last_post_at > now - FRESH))
    return query.order_by(CaseRow.id)


def _play_case(session: Session, brand: Brand, rules: PlayRules, story: Story, ran: set[Ran]) -> tuple[int, int]:
    """All playbooks see the case as it was when the pass began; of two that settle the same the first has its way."""
    facts = facts_at(story, story.read_at)
    taken: set[str] = set()
    acted = would_act = 0
    for playbook, occasion in wanting(rules.playbooks, facts):
        run: Ran = (story.case.id, playbook.name, occasion, playbook.dry_run)
        if run in ran:
            continue
        _run(session, brand, rules, story, playbook, run, taken)
        acted, would_act = acted + (not playbook.dry_run), would_act + playbook.dry_run
    return acted, would_act


def _run(
    session: Session, brand: Brand, rules: PlayRules, story: Story, playbook: Playbook, ran: Ran, taken: set[str]
) -> None:
    case, now = story.case, story.read_at
    told = [wanted.as_dict() for wanted in playbook.then]
    run = record_run(session, case.brand_id, ran, playbook.mark, told, now)
    if playbook.dry_run:
        return
    acting = Acting(session, brand, case, run, now, rules.policy, rules.intents, rules.templates)
    done = [act(acting, wanted, taken) for wanted in playbook.then]
    run.actions = done
    acts = [one["act"] for one in done if one["done"]]
    detail = {"playbook": playbook.name, "version": playbook.mark, "occasion": ran[2], "acts": acts}
    cases.add_event(session, case, "playbook", now, acting.actor, **detail)
    session.flush()
