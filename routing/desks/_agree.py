"""What a case and its ticket agree on: a pure comparison with what both last knew, so that no state flaps.

Where only one side moved, the other follows. Where both moved, a person's newer act wins: what the robot did to the
case gives way to the desk, except that a customer who complained again counts as a person. What the life of the case
forbids is refused and told to a person; it is not fought over.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from domain.case import OPEN_STATES, CaseState, may_step
from routing.desks.base import DeskState

IN_DESKS = {
    CaseState.NEW: DeskState.OPEN,
    CaseState.OPEN: DeskState.OPEN,
    CaseState.WAITING_US: DeskState.OPEN,
    CaseState.REOPENED: DeskState.OPEN,
    CaseState.WAITING_CUSTOMER: DeskState.PENDING,
    CaseState.SNOOZED: DeskState.HOLD,
    CaseState.RESOLVED: DeskState.SOLVED,
    CaseState.MERGED: DeskState.SOLVED,
    CaseState.CLOSED: DeskState.CLOSED,
}
FROM_DESKS = {
    DeskState.OPEN: CaseState.OPEN,
    DeskState.PENDING: CaseState.WAITING_CUSTOMER,
    DeskState.HOLD: CaseState.WAITING_US,
    DeskState.SOLVED: CaseState.RESOLVED,
    DeskState.CLOSED: CaseState.CLOSED,
}
FINISHED = (DeskState.SOLVED, DeskState.CLOSED)
BETWEEN = (CaseState.OPEN, CaseState.REOPENED, CaseState.RESOLVED)


@dataclass(frozen=True, slots=True)
class Here:
    """Where the case stands, since when, and whether a person put it there."""

    state: CaseState
    since: datetime
    by_person: bool


@dataclass(frozen=True, slots=True)
class Agreement:
    """What follows: steps of the case, or a state to tell the desk, or a refusal that a person should see."""

    steps: tuple[CaseState, ...] = ()
    tell: DeskState | None = None
    refused: bool = False


def agree(
    here: Here,
    there: DeskState | None,
    there_at: datetime | None,
    known: DeskState | None,
    shown: Callable[[DeskState], DeskState],
) -> Agreement:
    """Compare the case, the ticket and what both last knew. `shown` is what the desk makes of a state.

    A state of the ticket that nobody mapped (None) counts as not moved.
    """
    own = shown(IN_DESKS[here.state])
    moved_here, moved_there = not _fits(here.state, known, own), there is not None and there is not known
    if not moved_there:
        return Agreement(tell=own if moved_here else None)
    if there is None or _fits(here.state, there, own):
        return Agreement()
    if here.by_person and there_at is not None and here.since > there_at:  # also by a way there and back
        return Agreement(tell=own)
    steps = steps_to(here.state, there)
    return Agreement(refused=True) if steps is None else Agreement(steps=steps)


def _fits(state: CaseState, there: DeskState | None, own: DeskState) -> bool:
    """Whether the case stands where this state of the ticket would put it."""
    return there is not None and (own is there or steps_to(state, there) == ())


def steps_to(state: CaseState, wanted: DeskState) -> tuple[CaseState, ...] | None:
    """The steps that bring a case to what a desk says; () if it is there, None if its life forbids it."""
    target = FROM_DESKS[wanted]
    if state is CaseState.MERGED:
        return () if wanted in FINISHED else None
    if IN_DESKS[state] is wanted or state is target or (state is CaseState.CLOSED and wanted in FINISHED):
        return ()
    if wanted is DeskState.OPEN and state not in OPEN_STATES and may_step(state, CaseState.REOPENED):
        return (CaseState.REOPENED,)
    if may_step(state, target):
        return (target,)
    return next(((middle, target) for middle in BETWEEN if may_step(state, middle) and may_step(middle, target)), None)
