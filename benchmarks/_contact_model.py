"""The outbox in memory, for as many events as a database would take days for: the real decision, two workers, faults.

What stands between two steps of a worker may be changed by anything: each step takes its own look at the customer, as
the two transactions of the outbox do. A worker may die after any step.
"""

import heapq
import random
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from benchmarks._contact_checker import Checker
from benchmarks._contact_people import POLICY, Person, Sent
from domain.contact import CaseFacts, ChannelDecision, ContactAction, ContactPolicy, PastContact, Situation
from routing.decide import decide

LEASE = timedelta(seconds=120)
MOST_ATTEMPTS = 4


@dataclass
class Row:
    """A message of the model's outbox."""

    person: Person
    case: CaseFacts
    decision: ChannelDecision
    reserved_at: datetime
    send_after: datetime
    number: int
    state: str = "reserved"
    leased_until: datetime | None = None
    attempts: int = 0
    handing_over_at: datetime | None = None


class Model:
    """Cases that wait, messages that wait, two workers in the middle of something."""

    def __init__(self, chance: random.Random, policy: ContactPolicy = POLICY) -> None:
        self.chance, self.checker, self.actions = chance, Checker(), Counter[str]()
        self.policy = policy
        self.decided = 0
        self.pending: deque[tuple[Person, CaseFacts]] = deque()
        self.held: list[tuple[datetime, int, Person, CaseFacts]] = []
        self.rows: list[Row] = []
        self.of: dict[int, list[Row]] = defaultdict(list)
        self.in_hand: list[Row | None] = [None, None]
        self._count = 0

    def open(self, person: Person, case: CaseFacts) -> None:
        """A case waits for its decision."""
        self.pending.append((person, case))

    def work(self, now: datetime) -> None:
        """One of the two workers takes its next step; both look after cases first."""
        while self.held and self.held[0][0] <= now:
            _, _, person, case = heapq.heappop(self.held)
            self.pending.append((person, case))
        for _ in range(min(len(self.pending), 8)):
            self._plan(*self.pending.popleft(), now)
        for _ in range(4):
            self._step(self.chance.randrange(2), now)

    def _plan(self, person: Person, case: CaseFacts, now: datetime) -> None:
        decision = self._decide(person, case, now)
        self.actions[decision.action.value] += 1
        if decision.action is ContactAction.HOLD and decision.send_at is not None:
            self._hold(person, case, decision.send_at)
        elif decision.action is ContactAction.SEND:
            self._count += 1
            row = Row(person, case, decision, now, now, self._count)
            self.rows.append(row)
            self.of[person.key].append(row)

    def _hold(self, person: Person, case: CaseFacts, until: datetime) -> None:
        self._count += 1
        heapq.heappush(self.held, (until, self._count, person, case))

    def _decide(self, person: Person, case: CaseFacts, now: datetime, *, again: bool = False) -> ChannelDecision:
        self.decided += 1
        return decide(Situation(case, person.known, self._history(person, case, again), now), self.policy)

    def _history(self, person: Person, case: CaseFacts, again: bool) -> tuple[PastContact, ...]:
        sent = (
            PastContact(
                row.handing_over_at or row.reserved_at, row.decision.channel or "", "out", proactive=True,
                status=row.state, case=row.case.id, group=str(row.number),
            )
            for row in self.of[person.key]
            if row.state not in ("cancelled", "failed") and not (again and row.case.id == case.id)
        )  # fmt: skip
        return (*person.past, *sent)

    def _step(self, worker: int, now: datetime) -> None:
        row = self.in_hand[worker]
        if row is None:
            self.in_hand[worker] = self._claim(now)
            return
        self.in_hand[worker] = None
        lost = row.state != "reserved" or row.leased_until is None or row.leased_until <= now
        if lost or self.chance.random() < 0.02:  # it died, or was too slow: the lease runs out
            return
        if self._refused(row, now):
            return
        row.state, row.leased_until, row.handing_over_at = "handing_over", None, now
        self._hand_over(row, now)

    def _claim(self, now: datetime) -> Row | None:
        self.rows = [row for row in self.rows if row.state == "reserved"]
        for row in self.rows:
            free = row.leased_until is None or row.leased_until <= now
            if free and row.send_after <= now:
                row.leased_until = now + LEASE
                return None if self._refused(row, now) else row
        return None

    def _refused(self, row: Row, now: datetime) -> bool:
        decision = self._decide(row.person, row.case, now, again=True)
        same = (decision.channel, decision.address, decision.also, decision.also_addresses) == (
            row.decision.channel, row.decision.address, row.decision.also, row.decision.also_addresses,
        )  # fmt: skip
        if decision.action is ContactAction.SEND and same:
            row.decision = replace(row.decision, order=decision.order, rejected=decision.rejected)
            return False
        if decision.action is ContactAction.HOLD and decision.send_at is not None:
            row.send_after, row.leased_until = max(decision.send_at, now + timedelta(seconds=1)), None
            return True
        row.state = "cancelled"
        self.actions["cancelled at hand-over"] += 1
        if decision.action is ContactAction.SEND:
            self.pending.append((row.person, row.case))
        return True

    def _hand_over(self, row: Row, now: datetime) -> None:
        fate = self.chance.random()
        if fate < 0.06 and row.attempts + 1 < MOST_ATTEMPTS:  # refused for now
            row.state, row.attempts, row.handing_over_at = "reserved", row.attempts + 1, None
            row.send_after = now + timedelta(minutes=2**row.attempts)
        elif fate < 0.09:  # refused for good
            row.state = "failed"
        elif fate < 0.15:  # a time-out, or a death after the point of no return: it may have gone, or not
            row.state = "unconfirmed"
            if self.chance.random() < 0.5:
                self._took(row, now)
        else:
            row.state = "handed_over"
            self._took(row, now)

    def _took(self, row: Row, now: datetime) -> None:
        told = frozenset({*row.decision.order, *(one.channel for one in row.decision.rejected)})
        pairs = [(str(row.decision.channel), str(row.decision.address))]
        pairs += list(zip(row.decision.also, row.decision.also_addresses, strict=True))
        for place, (channel, address) in enumerate(pairs):
            sent = Sent(
                f"{row.number}:{place}", row.case, channel, address, str(row.number), row.decision.reasons, told
            )
            self.checker.saw(row.person, sent, now)
