"""What must not lie in the outbox, put into a message at the last moment: the token of a link, a code."""

from dataclasses import replace

from sqlalchemy.orm import Session

from domain.claim import CLAIM_TEMPLATES, PLACE
from domain.errors import Permanent
from domain.message import OutgoingMessage
from storage.claim_codes import secret_of
from storage.tables import MessageRow


def unsealed(session: Session, message: MessageRow, letter: OutgoingMessage) -> OutgoingMessage:
    """The letter as its reader gets it. Raises Permanent where what belongs into it is gone."""
    if message.template not in CLAIM_TEMPLATES:
        return letter
    secret = secret_of(session, message)
    if secret is None:
        raise Permanent("its link or code is gone")
    return replace(letter, body=letter.body.replace(PLACE, secret))
