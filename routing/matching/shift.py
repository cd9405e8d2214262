"""A watch on the base rate: a viral thread of strangers must lower the rate of links. Where it rises, stop."""

import math
from datetime import datetime

from sqlalchemy.orm import Session

from domain.evidence import Grade
from routing.matching.certificate import AUDITED, CertificateRules, may_act, suspend
from storage import grades, matches
from storage.matches import Rates

ENOUGH, SIGMAS, EARLIER = 50, 3.0, 4  # decisions in each time, standard errors, earlier times compared with
WHY = "links rise while fewer posters look like customers (base-rate shift)"


def watch(session: Session, brand_id: str, rules: CertificateRules, now: datetime) -> list[Grade]:
    """Suspend the grades whose links rise while fewer of the other posters look like customers; returns them.

    A viral thread of strangers must lower the rate of links. Where it rises, evidence is being mistaken.
    """
    found = []
    for grade in AUDITED:
        restarted = grades.counting_since(session, brand_id, grade)
        lately = restarted is not None and restarted > now - rules.shift
        if lately or not may_act(session, brand_id, grade, rules, now).acts:
            continue
        begins = now - rules.shift
        before = matches.rates(session, brand_id, grade, begins - EARLIER * rules.shift, begins)
        if shifted(before, matches.rates(session, brand_id, grade, begins, now)):
            suspend(session, brand_id, grade, WHY, matches.SYSTEM, now)
            found.append(grade)
    return found


def shifted(before: Rates, recent: Rates) -> bool:
    """Whether links became more frequent and likely customers among the others rarer, both beyond chance."""
    if min(before.decided, recent.decided) < ENOUGH:
        return False
    rising = _z(before.linked, before.decided, recent.linked, recent.decided)
    others = before.decided - before.linked, recent.decided - recent.linked
    falling = _z(before.likely_others, others[0], recent.likely_others, others[1])
    return rising > SIGMAS and falling < -SIGMAS


def _z(x0: float, n0: int, x1: float, n1: int) -> float:
    """The two-proportion z statistic of the second share against the first."""
    if not n0 or not n1:
        return 0.0
    pooled = (x0 + x1) / (n0 + n1)
    spread = math.sqrt(max(pooled * (1 - pooled) * (1 / n0 + 1 / n1), 1e-12))
    return (x1 / n1 - x0 / n0) / spread
