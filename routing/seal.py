"""What must not lie in the outbox, put into a message at the last moment: the token of a link, a code."""

from dataclasses import replace

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from domain.after import SURVEY_TEMPLATES
from domain.claim import CLAIM_TEMPLATES, PLACE
from domain.contact import OWN_INBOXES
from domain.errors import Permanent
from domain.message import MessageState, OutgoingMessage
from routing import preferences
from storage.claim_codes import secret_of
from storage.surveys import token_for
from storage.tables import CasePostRow, CustomerRow, InteractionRow, MessageRow, PostRow

PREFERENCES = "preferences"  # in `extra`: where the customer's own page stands, for the link at the end of the text
FOOTERS = {
    "fr": "Choisir comment nous pouvons vous joindre, ou ne plus être contacté : {link}",
    "en": "Choose how we may reach you, or ask us not to: {link}",
}


def unsealed(session: Session, message: MessageRow, letter: OutgoingMessage) -> OutgoingMessage:
    """The letter as its reader gets it. Raises Permanent where what belongs into it is gone."""
    letter = _with_own_page(session, message, letter)
    if message.template in CLAIM_TEMPLATES:
        secret = secret_of(session, message)
    elif message.template in SURVEY_TEMPLATES:
        secret = token_for(session, message)
    else:
        return letter
    if secret is None:
        raise Permanent("its link or code is gone")
    return replace(letter, body=letter.body.replace(PLACE, secret))


def _with_own_page(session: Session, message: MessageRow, letter: OutgoingMessage) -> OutgoingMessage:
    """With the link to the customer's own page below the text, where the message brings its address along."""
    page = str(message.extra.get(PREFERENCES) or "")
    rest = {name: value for name, value in letter.extra.items() if name != PREFERENCES}
    customer = session.get(CustomerRow, message.customer_key) if page and message.customer_key else None
    if customer is None:
        return replace(letter, extra=rest)
    link = page + preferences.token_of(session, customer, message.reserved_at)
    footer = FOOTERS.get(message.language[:2].lower(), FOOTERS["en"]).format(link=link)
    headers = letter.headers + _unsubscribe(session, message, link)
    return replace(letter, body=f"{letter.body.rstrip()}\n{footer}\n", headers=headers, extra=rest)


def _unsubscribe(session: Session, message: MessageRow, link: str) -> tuple[tuple[str, str], ...]:
    """The way out in one click (RFC 2369, RFC 8058), for mail that answers nothing the customer wrote to the brand.

    Only with an https address: mail providers follow no other.
    """
    if message.channel != "email" or not link.startswith("https://") or not link.isascii() or _wrote(session, message):
        return ()
    where = f"<{link}{preferences.ONE_CLICK}>"
    return ("List-Unsubscribe", where), ("List-Unsubscribe-Post", preferences.ONE_CLICK_BODY)


def _wrote(session: Session, message: MessageRow) -> bool:
    """Whether the customer himself wrote to the brand in this case: to an inbox of its own, or in answer to it."""
    inbox = (
        select(CasePostRow.post_id)
        .join(PostRow, PostRow.id == CasePostRow.post_id)
        .where(CasePostRow.case_id == message.case_id, CasePostRow.role != "copy", PostRow.network.in_(OWN_INBOXES))
    )
    answered = select(MessageRow.id).filter_by(case_id=message.case_id, state=MessageState.REPLIED)
    said = select(InteractionRow.id).where(
        InteractionRow.brand_id == message.brand_id,
        InteractionRow.direction == "in",
        InteractionRow.case_ref.in_([str(message.case_id), f"V{message.case_id}"]),
    )
    return bool(session.scalar(select(or_(exists(inbox), exists(answered), exists(said)))))
