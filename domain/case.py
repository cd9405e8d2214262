"""A complaint's life: one case per customer (or author) and thread."""

from enum import StrEnum


class CaseState(StrEnum):
    """Where a case stands.

    new ──▶ open ──▶ waiting_customer ◀──▶ waiting_us
     │        │            │                  │
     └────────┴────────────┴──▶ resolved ──▶ closed
                               reopened ◀── resolved, closed
    `snoozed` may be entered from every state in which work is open and returns to it.
    `merged` ends a case whose posts went to another one.
    """

    NEW = "new"
    OPEN = "open"
    WAITING_CUSTOMER = "waiting_customer"
    WAITING_US = "waiting_us"
    SNOOZED = "snoozed"
    RESOLVED = "resolved"
    CLOSED = "closed"
    REOPENED = "reopened"
    MERGED = "merged"


_WORK = frozenset({CaseState.NEW, CaseState.OPEN, CaseState.WAITING_CUSTOMER, CaseState.WAITING_US, CaseState.REOPENED})

CASE_STEPS: dict[CaseState, frozenset[CaseState]] = {
    CaseState.NEW: frozenset(
        {CaseState.OPEN, CaseState.WAITING_CUSTOMER, CaseState.SNOOZED, CaseState.RESOLVED, CaseState.MERGED}
    ),
    CaseState.OPEN: frozenset(
        {
            CaseState.WAITING_CUSTOMER,
            CaseState.WAITING_US,
            CaseState.SNOOZED,
            CaseState.RESOLVED,
            CaseState.MERGED,
        }
    ),
    CaseState.WAITING_CUSTOMER: frozenset(
        {CaseState.OPEN, CaseState.WAITING_US, CaseState.SNOOZED, CaseState.RESOLVED, CaseState.MERGED}
    ),
    CaseState.WAITING_US: frozenset(
        {CaseState.OPEN, CaseState.WAITING_CUSTOMER, CaseState.SNOOZED, CaseState.RESOLVED, CaseState.MERGED}
    ),
    CaseState.SNOOZED: _WORK | {CaseState.RESOLVED, CaseState.MERGED},
    CaseState.RESOLVED: frozenset({CaseState.CLOSED, CaseState.REOPENED, CaseState.MERGED}),
    CaseState.CLOSED: frozenset({CaseState.REOPENED, CaseState.MERGED}),
    CaseState.REOPENED: frozenset(
        {
            CaseState.OPEN,
            CaseState.WAITING_CUSTOMER,
            CaseState.WAITING_US,
            CaseState.SNOOZED,
            CaseState.RESOLVED,
            CaseState.MERGED,
        }
    ),
    CaseState.MERGED: frozenset(),
}

OPEN_STATES = _WORK | {CaseState.SNOOZED}


def may_step(old: CaseState, new: CaseState) -> bool:
    """Whether a case may go from one state to the other."""
    return new in CASE_STEPS[old]


class Severity(StrEnum):
    """How much harm the complaint tells of."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


# What the brand does about a complaint; `other` is told in an agent's own words.
OUTCOMES = (
    "refunded",
    "replaced",
    "repaired",
    "delivered",
    "corrected",
    "explained",
    "apologised",
    "declined",
    "other",
)
