"""The account's side of a claim: what makes it the customer's, and what keeps it from being so.

A link that everybody could open proves the customer and not the account. The account's side is a word that only the
proven customer was shown, posted from that very account; or a person who looked and says yes. Then, and not before,
the account is linked.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from domain.claim import ClaimState, Delivery, confirms, is_open
from routing.claim_rules import ClaimRules
from routing.recipient import recipient_of
from storage import audit, cases, claim_codes, claims_link, link_events, merges
from storage.brands import lock_brand
from storage.matches import match_of_post
from storage.reviews import is_sensitive
from storage.tables import AuthorRow, CaseRow, ClaimCodeRow, ClaimRow, CustomerRow

CUSTOMER = "customer"
BY_LINK, BY_WORD = "claim link and code", "claim link, code, and a word from the account"
BY_PERSON = "claim link and code, confirmed by a person"


def linkable(session: Session, brand_id: str, customer_key: int | None) -> CustomerRow | None:
    """The customer of a request, merges followed, as long as he may be linked."""
    if customer_key is None:
        return None
    row = session.get(CustomerRow, merges.kept_key(session, brand_id, customer_key))
    if row is None:
        return None
    told = recipient_of(session, brand_id, row.id)
    return row if told.status == "active" and not told.objections else None


def link_account(
    session: Session,
    claim: ClaimRow,
    customer: CustomerRow,
    rules: ClaimRules,
    now: datetime,
    *,
    proof: str = "authenticated",
    how: str,
    by: str = CUSTOMER,
) -> ClaimState:
    """Both sides said yes: the account is the customer's from now on, and the link is used.

    Where the account, or the case, is known as another customer's, nothing is linked and a person looks. The case
    follows when its posts are routed next.
    """
    lock_brand(session, claim.brand_id)
    author, case = session.get_one(AuthorRow, claim.author_id), case_of(session, claim)
    if _is_anothers(session, author, case, customer, now):
        claim.state, claim.used_at = ClaimState.CONFLICT, now
        note(session, claim, case, "claim_conflict", now, by, customer_key=customer.id)
        return ClaimState.CONFLICT
    claim.state, claim.used_at = ClaimState.AGREED, now
    claims_link.lift_unlinkable(session, author)
    pair = link_events.Pair(claim.brand_id, customer.id, author.id)
    link_events.prove_account(session, pair, proof, how, by, now, rules.identity_lifetime)
    claims_link.route_again(session, case.id, author.id)
    note(session, claim, case, "claim_agreed", now, by, customer_key=customer.id)
    return ClaimState.AGREED


def words_heard(session: Session, brand_id: str, now: datetime) -> list[tuple[int, int]]:
    """(claim, request) for each word that an account has posted and that has not yet linked it."""
    return [
        (claim.id, attempt.id)
        for claim, attempt in claim_codes.half_proven(session, brand_id, now)
        if _said(session, claim, attempt)
    ]


def take_word(session: Session, claim_id: int, attempt_id: int, rules: ClaimRules, now: datetime) -> bool:
    """Link by a word that was heard; True if it did. One claim a transaction: the claim is locked, then the brand."""
    found = _waiting(session, claim_id, attempt_id, now)
    if found is None or not _said(session, *found):
        return False
    customer = linkable(session, found[0].brand_id, found[1].customer_key)
    if customer is None:
        return False
    return link_account(session, found[0], customer, rules, now, how=BY_WORD) is ClaimState.AGREED


def settle_by_person(
    session: Session, claim_id: int, attempt_id: int, is_his: bool, rules: ClaimRules, actor: str, now: datetime
) -> bool:
    """A person says whether the account is the proven customer's. False where there is nothing to say any more.

    Yes makes it a declared account; no is remembered, and the customer is not shown for it again. What is sensitive
    only the account's own word can decide.
    """
    found = _waiting(session, claim_id, attempt_id, now)
    customer = None if found is None else linkable(session, found[0].brand_id, found[1].customer_key)
    if found is None or customer is None or (is_his and needs_word(session, found[0])):
        return False
    claim, attempt = found
    if is_his:
        link_account(session, claim, customer, rules, now, proof="declared", how=BY_PERSON, by=actor)
        return True
    pair = link_events.Pair(claim.brand_id, customer.id, claim.author_id)
    link_events.record(session, pair, "refused", actor, now, why="claim link")
    claim_codes.void(attempt, now)
    note(session, claim, case_of(session, claim), "claim_denied", now, actor, customer_key=customer.id)
    return True


def needs_word(session: Session, claim: ClaimRow) -> bool:
    """Whether the case is so sensitive (`storage.reviews.is_sensitive`) that a single person may not decide."""
    post = claims_link.lead_post(session, case_of(session, claim).id, claim.author_id)
    match = None if post is None else match_of_post(session, post.id)
    return match is not None and is_sensitive(session, match)


def case_of(session: Session, claim: ClaimRow) -> CaseRow:
    """The case of a claim, merges followed."""
    return cases.living(session, session.get_one(CaseRow, claim.case_id))


def note(
    session: Session, claim: ClaimRow, case: CaseRow, kind: str, now: datetime, by: str = CUSTOMER, **detail: int | bool
) -> None:
    """Events and audit cannot be erased: they hold our own numbers only."""
    told = {"claim": claim.id, **detail}
    cases.add_event(session, case, kind, now, by, **told)
    audit.record(session, claim.brand_id, by, kind, f"case:{case.id}", now, told)


def _said(session: Session, claim: ClaimRow, attempt: ClaimCodeRow) -> bool:
    word = claim_codes.word_of_attempt(session, claim, attempt)
    said = claim_codes.last_texts(session, claim.author_id)
    return word is not None and any(confirms(text, word) for text in said)


def _waiting(session: Session, claim_id: int, attempt_id: int, now: datetime) -> tuple[ClaimRow, ClaimCodeRow] | None:
    """A claim that is open to everybody, locked, and the request of it that lacks the account's side."""
    claim = session.get(ClaimRow, claim_id, with_for_update=True, populate_existing=True)
    attempt = session.get(ClaimCodeRow, attempt_id, with_for_update=True, populate_existing=True)
    if claim is None or attempt is None or attempt.claim_id != claim.id or attempt.agreed_at is None:
        return None
    is_public = claim.delivery == Delivery.PUBLIC
    return (claim, attempt) if is_public and is_open(claim.state, claim.expires_at, now) else None


def _is_anothers(session: Session, author: AuthorRow, case: CaseRow, customer: CustomerRow, now: datetime) -> bool:
    if claims_link.other_owners(session, author, customer.id, now):
        return True
    known = case.customer_key
    return known is not None and merges.kept_key(session, case.brand_id, known) != customer.id
