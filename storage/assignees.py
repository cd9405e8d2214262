"""Who has a case: given by a person or by the program, taken back, handed on. Every step an event."""

from datetime import datetime

from sqlalchemy.orm import Session

from storage.cases import SYSTEM, add_event
from storage.tables import CaseRow


def in_charge(case: CaseRow) -> bool:
    """Whether a person has taken the case, or was given it by one; what the program gave her she has yet to take."""
    return case.assignee is not None and case.assigned_by != SYSTEM


def give(session: Session, case: CaseRow, to: str, actor: str, now: datetime, why: str = "") -> bool:
    """Let a person have the case; False if she has it already, on the same word."""
    if case.assignee == to and (case.assigned_by == actor or actor == SYSTEM):
        return False
    add_event(session, case, "assigned", now, actor, to=to, before=case.assignee, why=why)
    case.assignee, case.assigned_by = to, actor
    case.revision += 1
    return True


def take_back(session: Session, case: CaseRow, actor: str, now: datetime, why: str = "") -> bool:
    """Let nobody have the case, so that it is given anew; False if nobody has it."""
    if case.assignee is None:
        return False
    add_event(session, case, "unassigned", now, actor, before=case.assignee, why=why)
    case.assignee = case.assigned_by = None
    case.revision += 1
    return True


def hand_to_team(session: Session, case: CaseRow, team: str, actor: str, now: datetime, why: str = "") -> bool:
    """Let another team have the case, and nobody of it yet; False if it has it already."""
    if case.team == team:
        return False
    add_event(session, case, "team_changed", now, actor, old=case.team, new=team, why=why)
    case.team = team
    case.revision += 1
    take_back(session, case, actor, now, why)
    return True
