"""The visitor of a claim link: he asks for a code, types it, sees what will be linked, agrees or refuses.

Every step is a function of its own in the caller's transaction. What a visitor gets to see before he has proven
who he is does not depend on any customer: asking for a code writes the same row whether or not anybody is meant,
and whom it means is looked up after the answer has left (`answer_request`). Nor does what he sees before the account
has spoken depend on whose the account is.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.brand import Brand
from domain.claim import (
    CODE_TEMPLATE,
    PLACE,
    Attempt,
    ClaimState,
    Delivery,
    Stage,
    choices,
    code_fits,
    code_point,
    counts,
    digest,
    is_open,
    is_proven,
    may_try,
    stage_of,
)
from routing.claim_accounts import BY_LINK, CUSTOMER, case_of, link_account, linkable, note
from routing.claim_identity import identify, typed_points
from routing.claim_rules import ClaimRules
from routing.recipient import recipient_of
from routing.templates import LONG_FORM, render_claim
from storage import audit, cases, claim_codes, claims_link, customers, link_events, merges, messages
from storage.tables import AuthorRow, CaseEventRow, CaseRow, ClaimCodeRow, ClaimRow, CustomerRow, PostRow


@dataclass(frozen=True, slots=True)
class Visit:
    """A visitor at an open link. `attempt` is his newest request for a code; `proven`: his code still counts."""

    claim: ClaimRow
    author: AuthorRow
    case: CaseRow
    post: PostRow
    stage: Stage
    attempt: ClaimCodeRow | None
    proven: bool

    @property
    def holds_account(self) -> bool:
        """Whether the visitor speaks for the account too: the link went to it alone, or it has spoken."""
        return self.claim.delivery == Delivery.DIRECT or self.stage is Stage.DONE


def visitor_of(session: Session, cookie: str, claim: ClaimRow) -> str:
    """What is kept of a visitor's cookie: a keyed hash, another one for each link."""
    key = claims_link.claim_keys(session).get(claim.key_version, b"")
    return digest(key, "visitor", f"{claim.id}:{cookie}")


def visit(session: Session, token: str, cookie: str, now: datetime, *, lock: bool = False) -> Visit | None:
    """What a token opens for this visitor; None for a forged, unknown, expired or used one alike.

    A link whose author or post is gone opens nothing either.
    """
    claim = claims_link.by_token(session, token, lock=lock)
    if claim is None:
        return None
    attempt = claim_codes.last_attempt(session, claim.id, visitor_of(session, cookie, claim), lock=lock)
    author, case = session.get_one(AuthorRow, claim.author_id), case_of(session, claim)
    post = claims_link.lead_post(session, case.id, author.id)
    stage = _stage(session, claim, author, attempt, now)
    if stage is None or post is None or author.gone_at is not None:
        return None
    proven = attempt is not None and is_proven(attempt.confirmed_at, now)
    return Visit(claim, author, case, post, stage, attempt, proven)


def ask_code(session: Session, here: Visit, cookie: str, rules: ClaimRules, now: datetime) -> int:
    """A visitor typed who he is: note it, the same for everybody. Returns the number of his request."""
    visitor = visitor_of(session, cookie, here.claim)
    return claim_codes.add_attempt(session, here.claim, visitor, now, rules.code_lifetime).id


def answer_request(
    session: Session, brand: Brand, attempt_id: int, who: str, order: str, rules: ClaimRules, now: datetime
) -> bool:
    """Send the code of a request to whom it means, if that is one customer whom it may reach; True if it goes out."""
    attempt = session.get(ClaimCodeRow, attempt_id, with_for_update=True, populate_existing=True)
    customer = identify(session, brand, who, order)
    if attempt is None or attempt.customer_key is not None or customer is None:
        return False
    policy = rules.contact
    typed = frozenset(typed_points(who, brand).values())
    told = recipient_of(session, brand.id, customer.id)
    point = code_point(told, typed, now, policy.changed_address_hours, policy.closed_channels)
    if point is None or not counts(claim_codes.codes_sent(session, customer.id, now - timedelta(days=1)), now):
        return False
    attempt.customer_key, attempt.channel = customer.id, point.channel
    claim = session.get_one(ClaimRow, attempt.claim_id)
    wanted = _code(brand, case_of(session, claim), attempt, customer, point.address, rules, now)
    return messages.reserve(session, brand.id, wanted, now) is not None


def confirm_code(session: Session, here: Visit, typed: str, now: datetime) -> bool:
    """Whether the digits are the code of this visitor's newest request; each try counts."""
    attempt = here.attempt
    if attempt is None or not may_try(_attempt(attempt), now):
        return False
    attempt.tries += 1
    key = claims_link.claim_keys(session)[here.claim.key_version]
    fits = code_fits(key, attempt.salt, attempt.code_hash, typed)
    if not fits or attempt.customer_key is None:
        return False
    attempt.confirmed_at = now
    return True


def customer_of(session: Session, here: Visit) -> CustomerRow | None:
    """The customer whom the visitor has proven to be, as long as he may be linked."""
    if not here.proven or here.attempt is None:
        return None
    return linkable(session, here.claim.brand_id, here.attempt.customer_key)


def channels_of(session: Session, customer: CustomerRow, rules: ClaimRules) -> tuple[str, ...]:
    """The channels that the customer may choose."""
    return choices(recipient_of(session, customer.brand_id, customer.id), rules.contact.closed_channels)


def word(session: Session, here: Visit) -> str | None:
    """What the visitor has to post from the account, once he has agreed."""
    if here.stage is not Stage.WORD or here.attempt is None:
        return None
    return claim_codes.word_of_attempt(session, here.claim, here.attempt)


def agree(session: Session, here: Visit, channel: str, rules: ClaimRules, now: datetime) -> ClaimState | None:
    """The customer says yes: `issued` where the account's word is awaited, None where there is nothing to agree to.

    How he likes to be reached he says of himself, whosever the account is.
    """
    customer = customer_of(session, here)
    if here.stage is not Stage.REVIEW or here.attempt is None or customer is None:
        return None
    here.attempt.agreed_at = now
    if channel in channels_of(session, customer, rules):
        customers.declare_preference(session, customer, channel, claims_link.HOW, now)
        told = {"channel": channel, "claim": here.claim.id}
        audit.record(session, customer.brand_id, CUSTOMER, "preference declared", f"customer:{customer.id}", now, told)
    if here.holds_account:
        return link_account(session, here.claim, customer, rules, now, how=BY_LINK)
    note(session, here.claim, here.case, "claim_half", now, customer_key=customer.id)
    return ClaimState.ISSUED


def refuse_account(session: Session, here: Visit, now: datetime) -> None:
    """ "Not me": remembered of this account and this customer, and what was linked of them is taken back.

    Without proof of a customer it is a hint to a person, once a link: anybody can press it where anybody can read it.
    """
    customer = customer_of(session, here)
    if customer is not None:
        _deny(session, here, customer, now)
        note(session, here.claim, here.case, "claim_not_me", now, customer_key=customer.id, proven=True)
    elif here.holds_account or not _was_hinted(session, here):
        note(session, here.claim, here.case, "claim_not_me", now, proven=False)
    if here.holds_account:
        here.claim.state, here.claim.used_at = ClaimState.REFUSED, now


def refuse_linking(session: Session, here: Visit, now: datetime) -> None:
    """ "Do not link me": nobody has to prove who he is in order to say no.

    Said by who holds the account it ends the link and every link of the account. Said by a visitor of a public link
    it ends guessing (`claims_link.is_unlinkable`), and leaves the link to whom it was meant for.
    """
    customer, known = customer_of(session, here), claims_link.unlinkable(session, here.author)
    if customer is not None:
        _deny(session, here, customer, now)
    if here.holds_account:
        here.claim.state, here.claim.used_at = ClaimState.REFUSED, now
        claims_link.set_unlinkable(session, here.author, claims_link.BY_ACCOUNT, now)
        claims_link.route_again(session, here.case.id, here.author.id)
    elif known is None:
        claims_link.set_unlinkable(session, here.author, claims_link.BY_VISITOR, now)
    if here.holds_account or known is None:
        note(session, here.claim, here.case, "claim_unlinkable", now, proven=here.holds_account)


def _stage(
    session: Session, claim: ClaimRow, author: AuthorRow, attempt: ClaimCodeRow | None, now: datetime
) -> Stage | None:
    if claim.state == ClaimState.AGREED and attempt is not None and _is_linked(session, author, attempt):
        return Stage.DONE
    if not is_open(claim.state, claim.expires_at, now) or claims_link.refuses(session, author):
        return None
    return stage_of(None if attempt is None else _attempt(attempt), now)


def _is_linked(session: Session, author: AuthorRow, attempt: ClaimCodeRow) -> bool:
    """Whether this visitor has proven to be the customer to whom the account was linked."""
    if attempt.customer_key is None or attempt.agreed_at is None:
        return False
    return claims_link.is_linked(session, author, merges.kept_key(session, author.brand_id, attempt.customer_key))


def _deny(session: Session, here: Visit, customer: CustomerRow, now: datetime) -> None:
    """The proven customer says that the account is not his, or not to be his here."""
    pair = link_events.Pair(here.claim.brand_id, customer.id, here.author.id)
    link_events.record(session, pair, "not_me", CUSTOMER, now, why="claim link")
    was_linked = claims_link.revoke(session, here.author, customer.id, now)
    if here.case.customer_key == customer.id:
        cases.cancel_reserved(session, here.case.id, "the customer says that the account is not his")
        was_linked = True
    if was_linked:  # else it is no business of his what a person has decided about this account
        claims_link.route_again(session, here.case.id, here.author.id)
    if here.attempt is not None:
        claim_codes.void(here.attempt, now)


def _was_hinted(session: Session, here: Visit) -> bool:
    told = select(CaseEventRow.detail).filter_by(case_id=here.case.id, kind="claim_not_me")
    return any(detail.get("claim") == here.claim.id for detail in session.scalars(told))


def _code(
    brand: Brand,
    case: CaseRow,
    attempt: ClaimCodeRow,
    customer: CustomerRow,
    address: str,
    rules: ClaimRules,
    now: datetime,
) -> messages.Reservation:
    channel = str(attempt.channel)
    language = customer.language or brand.language
    values = {"code": PLACE, "minutes": f"{rules.code_lifetime.total_seconds() / 60:.0f}"}
    part = "letter" if channel in LONG_FORM else "short"

    def words(part: str) -> str:
        return render_claim(part, language, brand.name or "", values, brand.language, rules.templates)

    return messages.Reservation(
        key=f"{case.id}:{CODE_TEMPLATE}:{attempt.id}",
        case_id=case.id,
        customer_key=customer.id,
        channel=channel,
        address=address,
        template=CODE_TEMPLATE,
        language=language,
        subject=words("subject") if part == "letter" else "",
        body=words(part),
        send_after=now,
        proactive=False,
    )


def _attempt(row: ClaimCodeRow) -> Attempt:
    return Attempt(row.expires_at, row.tries, row.confirmed_at, row.agreed_at)
