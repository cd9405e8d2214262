"""What comes after an answer: the resolution that is told, the survey that is asked, the words that are followed."""

from dataclasses import dataclass
from datetime import date

RESOLUTION_TEMPLATE = "resolution"
# kind → the lowest and the highest score: CSAT (satisfied), NPS (would recommend), effort (it was easy).
SURVEY_SCALES = {"csat": (1, 5), "nps": (0, 10), "effort": (1, 7)}
# The highest score that counts as bad; of NPS those are the detractors (Reichheld, "The one number you need to grow").
BAD_SCORES = {"csat": 2, "nps": 6, "effort": 3}
SURVEY_TEMPLATES = frozenset(f"survey_{kind}" for kind in SURVEY_SCALES)
# Messages of a case that runs or ran: no first words to somebody who did not ask.
CARE_TEMPLATES = SURVEY_TEMPLATES | {RESOLUTION_TEMPLATE}
VERDICTS = ("watching", "corrected", "unhappy", "silent")
# Outcomes that can be promised for a day, those that may carry an amount, those that say nothing without words.
CAN_BE_DUE = frozenset({"refunded", "replaced", "repaired", "delivered", "corrected", "other"})
CAN_HAVE_AMOUNT = frozenset({"refunded", "corrected", "apologised", "other"})
NEEDS_WORDS = frozenset({"explained", "other"})
WORDS_MAX = 160


@dataclass(frozen=True, slots=True)
class Resolution:
    """What the brand does about a case. `amount_cents` is in hundredths of `currency` (ISO 4217); `due_on` is the day
    that is promised, None for what is done; `words` are an agent's own, told to the customer as they are.
    """

    outcome: str
    amount_cents: int | None = None
    currency: str | None = None
    due_on: date | None = None
    words: str = ""
