"""How likely a customer answers on a channel: a hierarchical Beta, the customer shrunk to his segment, that to
everybody.

A trial is a message that reached him, a success a word of his or the solution of his case within 72 hours; it is
counted when these are over, or at the success. Trials fade with a half-life of 180 days. The estimate of a level is
the mean of a Beta distribution whose prior is the level above with the weight of 20 trials (Gelman et al., Bayesian
Data Analysis, 3rd ed., 5.3). Opens are no success: programs open mail too.

Used of a customer: the segments that he is in, the channels of messages to him, when they went and when he answered or
his case was resolved. Nothing else, and of who does not want it nothing at all.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

PRIOR_STRENGTH = 20.0
HALF_LIFE = timedelta(days=180)
CLOSES = timedelta(hours=72)
SOLVED_WITHIN = timedelta(days=30)
LOOKED_BACK = timedelta(days=1080)  # six half-lives: what is older weighs less than 1/64


@dataclass(frozen=True, slots=True)
class Trial:
    """A message that reached a customer: when, and when he answered or his case was resolved, if that was."""

    channel: str
    at: datetime
    answered_at: datetime | None = None
    resolved_at: datetime | None = None

    @property
    def answered(self) -> bool:
        """Whether a word or a solution came in time."""
        return any(at is not None and self.at <= at <= self.at + CLOSES for at in (self.answered_at, self.resolved_at))

    @property
    def solved(self) -> bool:
        """Whether the case was resolved in the month after."""
        return self.resolved_at is not None and self.at <= self.resolved_at <= self.at + SOLVED_WITHIN


@dataclass(frozen=True, slots=True)
class Counts:
    """Faded counts of one channel."""

    tried: float = 0.0
    answered: float = 0.0
    solved: float = 0.0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.tried + other.tried, self.answered + other.answered, self.solved + other.solved)

    def faded(self, age: timedelta) -> "Counts":
        """What is left of it after this time."""
        left = fading(age)
        return Counts(self.tried * left, self.answered * left, self.solved * left)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known by channel: of the customer, of his segment (its name), of everybody."""

    own: Mapping[str, Counts] = field(default_factory=dict)
    segment: Mapping[str, Counts] = field(default_factory=dict)
    everybody: Mapping[str, Counts] = field(default_factory=dict)
    segment_name: str = ""


def fading(age: timedelta) -> float:
    """The weight of a trial of this age: 1 when new, a half after 180 days."""
    return float(0.5 ** (max(age, timedelta(0)) / HALF_LIFE))


def tally(trials: Iterable[Trial], now: datetime) -> dict[str, Counts]:
    """Faded counts by channel, of the trials whose end is known."""
    found: dict[str, Counts] = {}
    for trial in trials:
        if trial.at > now or not (trial.answered or now - trial.at >= CLOSES):
            continue
        one = Counts(1.0, float(trial.answered), float(trial.solved)).faded(now - trial.at)
        found[trial.channel] = found.get(trial.channel, Counts()) + one
    return found


def shrunk(counts: Counts, towards: float, strength: float = PRIOR_STRENGTH) -> float:
    """The mean of the Beta distribution: the share of answers, with the level above as so many trials."""
    return (counts.answered + strength * towards) / (counts.tried + strength)


def probability(channel: str, known: Evidence, strength: float = PRIOR_STRENGTH) -> float:
    """How likely the customer answers on a channel. One of which nothing is known stands at the mean of all."""
    total = sum(known.everybody.values(), Counts())
    mean = shrunk(total, 0.5, 2.0)
    for level in (known.everybody, known.segment, known.own):
        mean = shrunk(level.get(channel, Counts()), mean, strength)
    return mean
