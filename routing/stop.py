"""A STOP taken: the customer's No is kept, whoever carried it here; anybody else's is shown to a person.

What a text asks for is read by `domain.stop`. Who wrote it decides what it does: the recipient himself is heeded at
once; the same words from another address or account change nothing and are shown on the case.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from domain.stop import Stop, is_stop, own_lines, read_stop
from storage import audit, cases, customers, messages
from storage.merges import records_of
from storage.tables import CaseRow, MessageRow

__all__ = ["is_request", "is_stop", "read_stop", "take_stop"]
BY = "customer"
PURPOSE = "service"
PHONE = frozenset({"sms", "whatsapp", "phone"})  # channels of one and the same number


def is_request(text: str) -> bool:
    """Whether words can be an answer's reason: the writer's own, and not such as are, or may be, a STOP."""
    said = read_stop(text)
    return not (said.said or said.unsure) and any(sign.isalnum() for line in own_lines(text) for sign in line)


def take_stop(
    session: Session,
    brand_id: str,
    channel: str,
    address: str,
    case_id: int | None,
    message: MessageRow | None,
    words_from_recipient: bool,
    now: datetime,
    text: str | None = None,
) -> bool:
    """Take a STOP that came in by a channel, in the caller's transaction; True if it changed what may be sent.

    `address` is the one that it came from; `text` what was said, where its words are there: without it the STOP is
    about this address on this channel. `now` is aware, and not before the time at which the words were written. Call
    it where `read_stop(text)` has found a STOP or is unsure. Taking it twice is taking it once.
    """
    said = Stop(said=True) if text is None else read_stop(text)
    if not (said.said or said.unsure):
        return False
    case = _case(session, case_id, message)
    detail = {"channel": channel} | ({"message": message.message_id} if message is not None else {})
    if not (said.said and words_from_recipient and address):
        if case is not None:
            cases.add_event(session, case, "stop_to_check", now, **detail, why="unsure" if said.unsure else "sender")
        return False
    if not said.channels or channel in said.channels or said.everything:
        messages.stop(session, brand_id, channel, address, now)
    for name in sorted(said.channels & PHONE if channel in PHONE else ()):
        messages.stop(session, brand_id, name, address, now)
    customer_key = _customer(case, message)
    if customer_key is not None:
        _keep(session, brand_id, customer_key, said, channel, now)
    if case is not None:
        cases.add_event(session, case, "stop_recorded", now, **detail)
    return True


def _keep(session: Session, brand_id: str, customer_key: int, said: Stop, channel: str, now: datetime) -> None:
    """What his words ask for beside this one address, kept with his record."""
    kept = records_of(session, brand_id, customer_key)[0]
    others = said.channels - {channel}
    for name in sorted(others):
        customers.say_consent(session, brand_id, kept, name, PURPOSE, "revoked", now)
    if said.everything:
        customers.object_to(session, brand_id, kept, "all", now)
    if others or said.everything:
        told = {"channels": sorted(others), "everything": said.everything}
        audit.record(session, brand_id, BY, "stop", f"customer:{kept}", now, told)


def _case(session: Session, case_id: int | None, message: MessageRow | None) -> CaseRow | None:
    number = case_id if case_id is not None else (message.case_id if message is not None else None)
    found = None if number is None else session.get(CaseRow, number)
    return None if found is None else cases.living(session, found)


def _customer(case: CaseRow | None, message: MessageRow | None) -> int | None:
    if message is not None and message.customer_key is not None:
        return message.customer_key
    return case.customer_key if case is not None else None
