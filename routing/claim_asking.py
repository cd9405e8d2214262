"""Asking: whether an author may be asked who he is, the link, and the neutral reply that carries it.

The reply says nothing of any customer. Where the author wrote a mail it goes to his address and nobody else's;
everywhere else it stands in public, under his post.
"""

import re
from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from domain.brand import Brand
from domain.case import OPEN_STATES, CaseState
from domain.claim import CODE_TEMPLATE, PLACE, REPLY_TEMPLATE, TOKEN_LENGTH, Delivery, NoClaim, is_open
from domain.errors import Permanent
from routing import in_place
from routing.claim_rules import ClaimRules
from routing.templates import render_claim
from storage import audit, cases, claims_link, messages
from storage.brands import lock_brand
from storage.claim_codes import secret_of
from storage.tables import AuthorRow, CaseRow, ClaimCodeRow, ClaimRow, MessageRow

MAIL = frozenset({"email", "mail"})
_CHANNEL = re.compile(r"[a-z][a-z0-9_]{0,39}")


class NotAsked(Permanent):
    """This author cannot be asked by a link; `why` says why."""

    def __init__(self, why: NoClaim) -> None:
        super().__init__(f"no claim link: {why}")
        self.why = why


def why_not(session: Session, case: CaseRow, rules: ClaimRules) -> NoClaim | None:
    """Why the author of this case cannot be asked, None if he can."""
    author = None if case.author_id is None else session.get(AuthorRow, case.author_id)
    if author is None:
        return NoClaim.NO_AUTHOR
    return _case_bars(session, case, author) or _author_bars(session, case, author, rules) or _settings_bar(rules)


def issue(session: Session, brand: Brand, case_id: int, rules: ClaimRules, actor: str, now: datetime) -> ClaimRow:
    """Ask the author of a case who he is: a link, and a neutral reply with it in the outbox.

    A link that is still open is not doubled. Raises NotAsked.
    """
    lock_brand(session, brand.id)
    case = cases.living(session, session.get_one(CaseRow, case_id, with_for_update=True, populate_existing=True))
    refused = why_not(session, case, rules)
    if refused is not None:
        raise NotAsked(refused)
    claim = claims_link.open_claim(session, case.id, now)
    if claim is not None:
        return claim
    author = session.get_one(AuthorRow, case.author_id)
    delivery = Delivery.DIRECT if case.network in MAIL else Delivery.PUBLIC
    claim = claims_link.issue(session, case.id, author, delivery, actor, now, rules.lifetime)
    messages.reserve(session, brand.id, _reply(session, brand, case, author, claim, rules, now), now)
    cases.add_event(session, case, "claim_asked", now, actor, claim=claim.id)
    audit.record(session, brand.id, actor, "claim.issue", f"case:{case.id}", now, {"claim": claim.id})
    return claim


def ask_in_place(session: Session, brand: Brand, rules: ClaimRules, limit: int, now: datetime) -> int:
    """Ask, without a person, up to `limit` authors for whom a reply in place was decided; returns how many.

    A case is asked about once, an author not again within `rules.ask_again`.
    """
    if not rules.ask_by_itself:
        return 0
    lock_brand(session, brand.id)
    waiting = select(CaseRow).where(
        CaseRow.brand_id == brand.id,
        CaseRow.state.in_(OPEN_STATES),
        CaseRow.contact_state == "in_place",
        CaseRow.customer_key.is_(None),
        CaseRow.author_id.is_not(None),
        ~exists().where(ClaimRow.author_id == CaseRow.author_id, ClaimRow.issued_at > now - rules.ask_again),
        ~exists().where(ClaimRow.case_id == CaseRow.id),
    )
    asked = 0
    for case in session.scalars(waiting.order_by(CaseRow.priority.desc(), CaseRow.id).limit(limit)).all():
        just_asked = claims_link.asked_since(session, case.author_id or 0, now - rules.ask_again)
        if not just_asked and why_not(session, case, rules) is None:
            issue(session, brand, case.id, rules, cases.SYSTEM, now)
            asked += 1
    return asked


def reply_text(session: Session, brand: Brand, claim: ClaimRow, rules: ClaimRules) -> str:
    """The neutral reply with its link, for the person who posts it."""
    case = session.get_one(CaseRow, claim.case_id)
    token = claims_link.token_of_claim(session, claim)
    handle = session.get_one(AuthorRow, claim.author_id).handle
    return _reply_words(brand, case, rules, rules.address(token or ""), handle)


def lift(session: Session, case: CaseRow, actor: str, now: datetime) -> bool:
    """The owner of the account told a person that he may be linked after all; True if there was a no to lift."""
    author = None if case.author_id is None else session.get(AuthorRow, case.author_id)
    if author is None or not claims_link.lift_unlinkable(session, author):
        return False
    cases.add_event(session, case, "claim_lifted", now, actor)
    audit.record(session, case.brand_id, actor, "claim.lift", f"case:{case.id}", now)
    claims_link.route_again(session, case.id, author.id, decided=False)
    return True


def recheck_claim(session: Session, message: MessageRow, now: datetime) -> str | None:
    """Why a message of a claim must not go out any more, None if it may: its last gate before it is handed over.

    An answer under a post or to a mail, and a code that somebody waits for, know no quiet hours and no caps.
    """
    if secret_of(session, message) is None:
        return "its link or code is gone"
    stopped = messages.suppression(session, message.brand_id, message.channel, message.address or "")
    if stopped:
        return stopped
    number = int(message.key.rpartition(":")[2])
    if message.template == CODE_TEMPLATE:
        attempt = session.get_one(ClaimCodeRow, number)
        return None if now < attempt.expires_at and attempt.confirmed_at is None else "the code has expired"
    claim = session.get_one(ClaimRow, number)
    author = session.get_one(AuthorRow, claim.author_id)
    case = cases.living(session, session.get_one(CaseRow, claim.case_id))
    if not is_open(claim.state, claim.expires_at, now) or claims_link.refuses(session, author):
        return "the link is no longer open"
    return None if _case_bars(session, case, author) is None else "there is nothing left to answer"


def _case_bars(session: Session, case: CaseRow, author: AuthorRow) -> NoClaim | None:
    if case.customer_key is not None:
        return NoClaim.KNOWN
    if CaseState(case.state) not in OPEN_STATES:
        return NoClaim.CLOSED
    gone = author.gone_at is not None or claims_link.lead_post(session, case.id, author.id) is None
    return NoClaim.DELETED if gone else None


def _author_bars(session: Session, case: CaseRow, author: AuthorRow, rules: ClaimRules) -> NoClaim | None:
    by_mail = case.network in MAIL
    if not by_mail and not rules.networks(case.network).may_reply(case.addressed_brand):
        return NoClaim.NETWORK
    if claims_link.unlinkable(session, author) is not None:
        return NoClaim.UNLINKABLE
    if messages.suppression(session, case.brand_id, "email" if by_mail else case.network, author.native_id):
        return NoClaim.SUPPRESSED
    return None


def _settings_bar(rules: ClaimRules) -> NoClaim | None:
    if not rules.base_url:
        return NoClaim.NO_ADDRESS
    return None if rules.contact_on else NoClaim.CONTACT_OFF


def _reply(
    session: Session,
    brand: Brand,
    case: CaseRow,
    author: AuthorRow,
    claim: ClaimRow,
    rules: ClaimRules,
    now: datetime,
) -> messages.Reservation:
    """The neutral reply: where they posted; by mail to who wrote a mail."""
    post = claims_link.lead_post(session, case.id, author.id)
    by_mail = claim.delivery == Delivery.DIRECT
    where, reply_to = (author.native_id, None) if by_mail or post is None else in_place.where(post, author)
    place = case.network if _CHANNEL.fullmatch(case.network) else "reply"
    return messages.Reservation(
        key=f"{case.id}:{REPLY_TEMPLATE}:{claim.id}",
        case_id=case.id,
        customer_key=None,
        channel="email" if by_mail else place,
        address=where[:500],
        reply_to=reply_to if place == case.network else None,
        template=REPLY_TEMPLATE,
        language=case.language,
        subject=_words("reply_subject", brand, case, rules, rules.address(PLACE)) if by_mail else "",
        body=_reply_words(brand, case, rules, rules.address(PLACE), author.handle),
        send_after=now,
        proactive=False,
    )


def _reply_words(brand: Brand, case: CaseRow, rules: ClaimRules, link: str, handle: str | None) -> str:
    """The long form, or the short one where the network has too little room for it."""
    whole = _words("reply", brand, case, rules, link).replace(PLACE, "x" * TOKEN_LENGTH)
    part = "reply" if in_place.fits(case.network, whole, handle or "") else "reply_short"
    return _words(part, brand, case, rules, link)


def _words(part: str, brand: Brand, case: CaseRow, rules: ClaimRules, link: str) -> str:
    values = {"link": link, "hours": f"{rules.lifetime.total_seconds() / 3600:.0f}"}
    return render_claim(part, case.language, brand.name or "", values, brand.language, rules.templates)
