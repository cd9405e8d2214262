"""What must not lie in the outbox, put into a message at the last moment: the token of a link, a code."""

from dataclasses import replace

from sqlalchemy.orm import Session

from domain.after import SURVEY_TEMPLATES
from domain.claim import CLAIM_TEMPLATES, PLACE
from domain.errors import Permanent
from domain.message import OutgoingMessage
from storage.claim_codes import secret_of
from storage.surveys import token_for
from storage.tables import MessageRow


def unsealed(session: Session, message: MessageRow, letter: OutgoingMessage) -> OutgoingMessage:
    """The letter as its reader gets it. Raises Permanent where what belongs into it is gone."""
    if message.template in CLAIM_TEMPLATES:
        secret = secret_of(session, message)
    elif message.template in SURVEY_TEMPLATES:
        secret = token_for(session, message)
    else:
        return letter
    if secret is None:
        raise Permanent("its link or code is gone")
    return replace(letter, body=letter.body.replace(PLACE, secret))
