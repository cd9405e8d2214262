"""What a reviewer's answer does: a decision, one of two votes, or the finding of a second look; and taking it back.

All take an open write transaction. They wait for a routing of the brand that is under way: what a grade may do does not
change in the middle of one. Words are kept in storage/link_events.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import update
from sqlalchemy.orm import Session

from console import actions
from console.web import PageError
from domain.evidence import Action, Grade
from routing.matching import certificate
from routing.matching.certificate import CertificateRules
from routing.matching.links import facts_of
from storage import audit, audits, cases, link_events, reviews
from storage.brands import lock_brand
from storage.queue import REVIEW_OPEN
from storage.tables import CustomerRow, LinkEventRow, MatchAuditRow, MatchRow, PostRow

Decision = Literal["confirm", "refuse", "unsure"]
YES = "confirm"


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Who answers, by which rules, and when."""

    email: str
    is_admin: bool
    rules: CertificateRules
    now: datetime


def answer(session: Session, match_id: int, decision: Decision, customer_id: str, who: Reviewer) -> int | None:
    """Take an answer. Returns the case that the post lives in; `actions.Conflict` if it was decided meanwhile."""
    match = _locked(session, match_id)
    drawn = audits.open_audit(session, match.post_id, lock=True)
    if match.review in REVIEW_OPEN:
        return _review(session, match, decision, customer_id, who)
    if drawn is None:
        raise actions.Conflict
    return _second_look(session, match, drawn, decision, customer_id, who)


def unlink(session: Session, match_id: int, who: Reviewer) -> int | None:
    """A link is wrong, as somebody saw who worked its case. Returns the case; `actions.Conflict` if it is none."""
    match = _locked(session, match_id)
    if match.action != Action.LINK or match.customer_key is None:
        raise actions.Conflict
    customer = session.get_one(CustomerRow, match.customer_key)
    by_program, grade = match.decided_by == cases.SYSTEM, Grade(match.grade)
    pair = link_events.pair_of(session.get_one(PostRow, match.post_id), customer.id)
    detail = facts_of(session, match, customer.customer_id)
    word = link_events.record(session, pair, "refused", who.email, who.now, why="case", detail=detail)
    drawn = audits.audit_of(session, match.post_id, customer.id)
    if drawn is not None:
        audits.judge(drawn, audits.WRONG, who.email, who.now)
    if by_program:
        certificate.found_wrong(session, word, grade, who.email, who.now)
    _take_away(session, match, word, who)
    return _case_of(session, match)


def _locked(session: Session, match_id: int) -> MatchRow:
    found = session.get(MatchRow, match_id)
    if found is None:
        raise PageError(404)
    lock_brand(session, found.brand_id)
    return session.get_one(MatchRow, match_id, with_for_update=True, populate_existing=True)


def _review(session: Session, match: MatchRow, decision: Decision, customer_id: str, who: Reviewer) -> int | None:
    if decision == "unsure":
        return actions.unsure(session, match, who.email, who.now)
    customer = actions.shown_customer(session, match, customer_id)
    if reviews.is_sensitive(session, match) and not _agreed(session, match, customer, decision, who):
        return _case_of(session, match)
    return _decide(session, match, customer, decision, who)


def _agreed(session: Session, match: MatchRow, customer: CustomerRow, decision: Decision, who: Reviewer) -> bool:
    """Whether a second person says the same, or an admin ends a dispute. The first answer only waits."""
    votes, said = reviews.votes_on(session, match.post_id), "yes" if decision == YES else "no"
    if reviews.disputed(votes):
        if not who.is_admin or any(vote.by == who.email for vote in votes):
            raise PageError(409, "reviews.admin_decides")
        return True
    about = [vote for vote in votes if vote.customer_key == customer.id]
    if any(vote.by == who.email for vote in about):
        raise PageError(409, "reviews.second_needed")
    reviews.add_vote(session, match, customer.id, said, who.email, who.now)
    audit.record(session, match.brand_id, who.email, "match_vote", f"match:{match.id}", who.now)
    return any(vote.answer == said for vote in about) and not reviews.disputed(reviews.votes_on(session, match.post_id))


def _decide(session: Session, match: MatchRow, customer: CustomerRow, decision: Decision, who: Reviewer) -> int | None:
    facts = facts_of(session, match, customer.customer_id)
    held = bool(set(match.gates) & set(certificate.HELD)) and customer.id == audits.first_candidate(session, match)
    grade = Grade(match.grade)
    pair = link_events.pair_of(session.get_one(PostRow, match.post_id), customer.id)
    kind = "confirmed" if decision == YES else "refused"
    word = link_events.record(session, pair, kind, who.email, who.now, why="review", detail=facts)
    if held and grade in certificate.AUDITED:
        _certify(session, match, customer, decision == YES, word, who)
    act = actions.confirm if decision == YES else actions.refuse
    return act(session, match, customer.customer_id, who.email, who.now)


def _certify(
    session: Session, match: MatchRow, customer: CustomerRow, right: bool, word: LinkEventRow, who: Reviewer
) -> None:
    """In shadow every would-be link is looked at: each answer counts for the certificate of its grade."""
    drawn = audits.audit_of(session, match.post_id, customer.id)
    if drawn is None:
        drawn = audits.add_audit(session, match, customer.id, audits.LINK, 1.0, who.now)
    audits.judge(drawn, audits.RIGHT if right else audits.WRONG, who.email, who.now)
    if not right:
        certificate.found_wrong(session, word, Grade(match.grade), who.email, who.now)


def _second_look(
    session: Session, match: MatchRow, drawn: MatchAuditRow, decision: Decision, customer_id: str, who: Reviewer
) -> int | None:
    if decision == "unsure":
        audits.judge(drawn, audits.UNSURE, who.email, who.now)
        return _case_of(session, match)
    customer = actions.shown_customer(session, match, customer_id)
    is_drawn = customer.id == drawn.customer_key
    if not is_drawn and decision != YES:
        return _case_of(session, match)  # of the runner-up nothing was claimed
    is_customer = is_drawn and decision == YES
    right = is_customer == (drawn.kind == audits.LINK)
    audits.judge(drawn, audits.RIGHT if right else audits.WRONG, who.email, who.now)
    word = _word_of(session, match, drawn, is_customer, right, who)
    if not right:
        _mend(session, match, drawn, word, who)
    return _case_of(session, match)


def _word_of(
    session: Session, match: MatchRow, drawn: MatchAuditRow, is_customer: bool, right: bool, who: Reviewer
) -> LinkEventRow:
    assert drawn.customer_key is not None  # noqa: S101 - open_audit gives none without
    customer = session.get_one(CustomerRow, drawn.customer_key)
    detail = facts_of(session, match, customer.customer_id) | {"rate": drawn.rate}
    pair = link_events.pair_of(session.get_one(PostRow, match.post_id), customer.id)
    kind = "audit_right" if right else "audit_wrong"
    return link_events.record(
        session, pair, kind, who.email, who.now, is_customer=is_customer, why="audit", detail=detail
    )


def _mend(session: Session, match: MatchRow, drawn: MatchAuditRow, word: LinkEventRow, who: Reviewer) -> None:
    """A wrong link suspends its grade and is taken away; a wrong refusal is asked about anew."""
    if drawn.kind == audits.LINK:
        certificate.found_wrong(session, word, Grade(drawn.grade), who.email, who.now)
        _take_away(session, match, word, who)
        return
    match.action, match.review, match.customer_key = Action.REVIEW, "waiting", None
    _tell(session, match, "match_reopened", word, who)


def _take_away(session: Session, match: MatchRow, word: LinkEventRow, who: Reviewer) -> None:
    """The post is nobody's from now on: nothing more goes out on it, and the next routing takes its case along."""
    said = link_events.automatic_link(session, match.post_id)
    if said is not None:
        link_events.undo(session, said, who.email, who.now, "refused")
    match.grade, match.action, match.customer_key = Grade.NONE, Action.NONE, None
    match.review, match.decided_by, match.decided_at = "refused", who.email, who.now
    _tell(session, match, "match_refused", word, who)
    _route_again(session, match, "the link was wrong")


def take_back(session: Session, event_id: int, brand_id: str, who: Reviewer) -> None:
    """Undo a word of one's own (an admin: anybody's): the match waits again. 404 for others', Conflict if undone."""
    lock_brand(session, brand_id)
    word = session.get(LinkEventRow, event_id)
    if word is None or word.brand_id != brand_id or not (who.is_admin or word.by == who.email):
        raise PageError(404)
    if word.kind not in link_events.REVIEWERS:
        raise PageError(404)
    try:
        link_events.undo(session, word, who.email, who.now)
    except link_events.AlreadyUndone:
        raise actions.Conflict from None
    certificate.restore(session, brand_id, word, who.rules, who.email, who.now)
    if word.post_id is not None:
        _ask_again(session, word, who)


def _ask_again(session: Session, word: LinkEventRow, who: Reviewer) -> None:
    assert word.post_id is not None  # noqa: S101 - looked at by take_back
    drawn = audits.audit_of(session, word.post_id, word.customer_key)
    if drawn is not None:
        audits.judge(drawn, None, None, None)
    reviews.forget_votes(session, word.post_id)
    match = session.query(MatchRow).filter_by(post_id=word.post_id).with_for_update().one_or_none()
    if match is None:
        return
    if word.kind != "audit_right":
        match.grade = Grade.SUGGESTED if match.grade == Grade.NONE else match.grade
        match.action, match.customer_key, match.review = Action.REVIEW, None, "waiting"
        match.decided_by = cases.SYSTEM
        _route_again(session, match, "an answer was taken back")
    _tell(session, match, "match_undone", word, who)


def _route_again(session: Session, match: MatchRow, why: str) -> None:
    """The next routing lets the case follow what is known now; until then nothing goes out on what was known."""
    session.flush()
    found = cases.case_of_post(session, match.post_id)
    if found is not None:
        cases.hold_contact(session, found[0], why)
    routed = update(PostRow).where(PostRow.id == match.post_id, PostRow.stage == "routed")
    session.execute(routed.values(stage="read"))


def _tell(session: Session, match: MatchRow, kind: str, word: LinkEventRow, who: Reviewer) -> None:
    detail = {"match": match.id, "customer_key": word.customer_key}
    found = cases.case_of_post(session, match.post_id)
    if found is not None:
        cases.add_event(session, found[0], kind, who.now, who.email, **detail)
    audit.record(session, match.brand_id, who.email, kind, f"match:{match.id}", who.now, detail)


def _case_of(session: Session, match: MatchRow) -> int | None:
    found = cases.case_of_post(session, match.post_id)
    return None if found is None else found[0].id
