"""One definition of every figure of what comes after: surveys, ruptures, dissatisfaction corrected.

corrected   resolved cases whose days of watching are over and whose customer spoke of the brand in public again,
            his last word not unhappy (`routing/outcomes.py`)
unhappy     those whose last word was unhappy, or that were open again at the end
silent      those who said nothing more in public
watching    those whose days are not over
rate        corrected / (corrected + unhappy): who is silent is not counted as content; None without any
asked, answered, bad, score   surveys by kind: how many were asked and answered, how many scores were bad, and the
            figure of the kind: mean of CSAT and effort, promoters less detractors in percent for NPS
ruptures    moments at which a customer's way broke, by kind
"""

from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from domain.after import BAD_SCORES, VERDICTS
from domain.journey import RUPTURES
from storage.surveys import went_out
from storage.tables import CaseOutcomeRow, RuptureRow, SurveyRow

PROMOTER = 9


def after(session: Session, brand_id: str) -> dict[str, Any]:
    """All of them as the database stands now, plain types for JSON."""
    verdicts = _verdicts(session, brand_id)
    spoke = verdicts["corrected"] + verdicts["unhappy"]
    return {
        "dissatisfaction": {**verdicts, "rate": verdicts["corrected"] / spoke if spoke else None},
        "surveys": _surveys(session, brand_id),
        "ruptures": _ruptures(session, brand_id),
    }


def _verdicts(session: Session, brand_id: str) -> dict[str, int]:
    query = select(CaseOutcomeRow.verdict, func.count()).where(CaseOutcomeRow.brand_id == brand_id)
    found = dict(session.execute(query.group_by(CaseOutcomeRow.verdict)).all())
    return {verdict: found.get(verdict, 0) for verdict in VERDICTS}


def _ruptures(session: Session, brand_id: str) -> dict[str, int]:
    query = select(RuptureRow.kind, func.count()).where(RuptureRow.brand_id == brand_id).group_by(RuptureRow.kind)
    found = dict(session.execute(query).all())
    return {kind: found.get(kind, 0) for kind in RUPTURES}


def _surveys(session: Session, brand_id: str) -> dict[str, dict[str, Any]]:
    score = SurveyRow.score
    query = (
        select(
            SurveyRow.kind,
            func.count(),
            func.count(score),
            func.avg(score),
            func.sum(case((score >= PROMOTER, 1), else_=0)),
            *(func.sum(case((score <= bad, 1), else_=0)) for bad in BAD_SCORES.values()),
        )
        .where(SurveyRow.brand_id == brand_id, went_out())
        .group_by(SurveyRow.kind)
    )
    found = {}
    for kind, asked, answered, mean, promoters, *bad in session.execute(query):
        poor = int(dict(zip(BAD_SCORES, bad, strict=True))[kind] or 0)
        figure = None
        if answered:
            figure = round(100 * (int(promoters) - poor) / answered, 1) if kind == "nps" else round(float(mean), 2)
        found[kind] = {"asked": asked, "answered": answered, "bad": poor, "score": figure}
    return found
