"""What a person can do with a case as it stands."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from config.wiring import App
from console.web import Web
from domain.case import CASE_STEPS, CaseState
from routing.likely_same import Proposal, proposals
from storage import case_moves
from storage.queue import CasePost, Dossier
from storage.tables import CaseMoveRow

# Nobody chooses these, or they have a form of their own.
NOT_LISTED = frozenset({CaseState.NEW, CaseState.MERGED, CaseState.REOPENED, CaseState.RESOLVED})


@dataclass(frozen=True, slots=True)
class Choices:
    """What a person can do with a case as it stands: steps, merges and splits to take back, what looks like it."""

    steps: Sequence[CaseState]
    undoable: Sequence[CaseMoveRow]
    proposals: Sequence[Proposal]
    separable: Sequence[CasePost]


def choices(web: Web, session: Session, found: Dossier) -> Choices:
    """What the page of a case offers."""
    case, own = found.case, [post for post in found.posts if post.role != "copy"]
    steps = CASE_STEPS[CaseState(case.state)] - NOT_LISTED
    within = App(web.settings).join_rules().within
    return Choices(
        steps=sorted(steps, key=list(CaseState).index),
        undoable=[move for move in case_moves.moves_of(session, case.id) if move.undone_at is None],
        proposals=proposals(session, case, within, web.now()),
        separable=own if len(own) > 1 and case.state != CaseState.MERGED else (),
    )
