"""Surveys: asked once a case, answered by who holds the signed link.

The link's token names the survey and is signed with a key of the installation (itsdangerous); it lies in no table.
Whether it still opens is told by the survey's own times.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session

from domain.after import SURVEY_SCALES
from domain.errors import BadInput
from domain.message import MessageState
from storage import cases
from storage.merges import records_of
from storage.secrets import installation_secret
from storage.tables import CaseRow, MessageRow, SurveyRow

SURVEY_KEY = "survey"
COMMENT_MAX = 2000
CUSTOMER = "customer"
VOID = (MessageState.CANCELLED, MessageState.FAILED)


@dataclass(frozen=True, slots=True)
class Answered:
    """What an answer did: `first` says whether it is the first one."""

    survey: SurveyRow
    case: CaseRow
    first: bool


def token_of(session: Session, survey_id: int) -> str:
    """The token of a survey's link: always the same one."""
    return str(_signer(session).dumps(survey_id))


def token_for(session: Session, message: MessageRow) -> str | None:
    """The token that belongs into a message, None where its survey is gone."""
    asked = session.scalar(select(SurveyRow.id).where(SurveyRow.message_key == message.id))
    return None if asked is None else token_of(session, asked)


def find(session: Session, token: str, *, lock: bool = False) -> SurveyRow | None:
    """The survey that a token opens, None for a forged one."""
    if session.scalar(select(SurveyRow.id).limit(1)) is None:
        return None
    try:
        number = _signer(session).loads(token[:200])
    except BadSignature:
        return None
    if not isinstance(number, int):
        return None
    return session.get(SurveyRow, number, with_for_update=True if lock else None, populate_existing=True)


def of_case(session: Session, case_id: int) -> SurveyRow | None:
    """The survey of a case."""
    return session.scalars(select(SurveyRow).filter_by(case_id=case_id).limit(1)).one_or_none()


def asked_since(session: Session, case: CaseRow, since: datetime) -> bool:
    """Whether the customer of a case, by any of his records, was asked after this time."""
    if case.customer_key is None:
        return False
    records = records_of(session, case.brand_id, case.customer_key)
    query = (
        select(SurveyRow.id)
        .join(CaseRow, CaseRow.id == SurveyRow.case_id)
        .where(CaseRow.customer_key.in_(records), SurveyRow.asked_at > since, went_out())
    )
    return session.scalar(query.limit(1)) is not None


def went_out() -> ColumnElement[bool]:
    """Of a survey: that its message went out or may still go; one that was taken back or failed asked nobody."""
    void = select(MessageRow.id).where(MessageRow.id == SurveyRow.message_key, MessageRow.state.in_(VOID))
    return SurveyRow.score.is_not(None) | ~exists(void)


def ask(session: Session, case: CaseRow, message: MessageRow, kind: str, now: datetime) -> SurveyRow:
    """Note that the customer of a case is asked by this message, in place of one that never reached him."""
    installation_secret(session, SURVEY_KEY)  # from here on a link can be read without writing
    row = of_case(session, case.id) or SurveyRow(brand_id=case.brand_id, case_id=case.id)
    row.message_key, row.kind, row.asked_at = message.id, kind, now
    session.add(row)
    session.flush()
    cases.add_event(session, case, "survey_asked", now, survey=row.id, channel=message.channel)
    return row


def may_answer(session: Session, survey: SurveyRow, open_for: timedelta, change_for: timedelta, now: datetime) -> bool:
    """Whether an answer is still taken: for some time after it was asked, and then to change what was said.

    Of a case that is nobody's any more (his data were erased, or he was the wrong one) no word is taken.
    """
    if cases.living(session, session.get_one(CaseRow, survey.case_id)).customer_key is None:
        return False
    if survey.answered_at is not None:
        return now <= survey.answered_at + change_for
    return now <= survey.asked_at + open_for


def answer(session: Session, survey: SurveyRow, score: int, comment: str, now: datetime) -> Answered | None:
    """Take an answer, or another one in its place; None where nothing changes. Raises BadInput off the scale.

    The event holds the score and never the words.
    """
    low, high = SURVEY_SCALES[survey.kind]
    if not low <= score <= high:
        raise BadInput(f"a score of {survey.kind} is {low} to {high}")
    words = comment.strip()[:COMMENT_MAX] or survey.comment
    if (survey.score, survey.comment) == (score, words):
        return None
    first, before = survey.answered_at is None, survey.score
    survey.score, survey.comment = score, words
    survey.answered_at = survey.answered_at or now
    case = cases.living(session, session.get_one(CaseRow, survey.case_id, with_for_update=True, populate_existing=True))
    if first or before != score:
        kind = "survey_answered" if first else "survey_changed"
        cases.add_event(session, case, kind, now, CUSTOMER, survey=survey.id, score=score, scale=survey.kind)
    return Answered(survey, case, first)


def _signer(session: Session) -> URLSafeSerializer:
    return URLSafeSerializer(installation_secret(session, SURVEY_KEY), salt="survey")
