"""What must not lie in the outbox, put into a message at the last moment: the token of a link, a code."""

from dataclasses import replace

from sqlalchemy.orm import Session

from domain.after import SURVEY_TEMPLATES
from domain.claim import CLAIM_TEMPLATES, PLACE
from domain.errors import Permanent
from domain.message import OutgoingMessage
from routing import preferences
from storage.claim_codes import secret_of
from storage.surveys import token_for
from storage.tables import CustomerRow, MessageRow

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
    return replace(letter, body=f"{letter.body.rstrip()}\n{footer}\n", extra=rest)
