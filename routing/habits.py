"""Learning which channels are answered: the counts of all customers and of each segment, made anew from the outbox."""

from collections import defaultdict
from datetime import datetime

from sqlalchemy.orm import Session

from domain.appetence import Counts, Trial, tally
from storage import appetence


def learn_habits(session: Session, brand_id: str, now: datetime) -> tuple[int, int]:
    """Make the counts of a brand anew, in the caller's transaction; returns the trials looked at and the rows kept.

    Who objected to it, or to everything, is not looked at. Done twice it is done once.
    """
    left_out = appetence.unlearned(session, brand_id)
    members = appetence.segment_members(session, brand_id)
    by_subject: dict[str, dict[str, Counts]] = defaultdict(dict)
    looked_at = 0
    for key, trial in appetence.trials(session, brand_id, now):
        if key in left_out:
            continue
        looked_at += 1
        for subject in (appetence.EVERYBODY, *(appetence.subject_of(name) for name in members.get(key, ()))):
            _add(by_subject[subject], trial, now)
    return looked_at, appetence.keep(session, brand_id, by_subject, now)


def _add(counts: dict[str, Counts], trial: Trial, now: datetime) -> None:
    for channel, one in tally([trial], now).items():
        counts[channel] = counts.get(channel, Counts()) + one
