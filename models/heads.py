"""What the network answers: its heads, their labels, and where each stands in its output."""

from models.intents import load_intents

LANGUAGES = ("fr", "en", "de", "es", "it", "pt", "other")
CHOICES: dict[str, tuple[str, ...]] = {
    "language": LANGUAGES,
    "sentiment": ("negative", "neutral", "positive"),
    "intent": tuple(load_intents()),
    "urgency": ("high", "normal", "low"),
}
YES_NO = ("complaint", "about_brand", "ironic", "escalation")
HEADS = (*CHOICES, *YES_NO)


def columns() -> dict[str, slice]:
    """The part of the output that belongs to each head: a number a label, one number for yes or no."""
    found, at = {}, 0
    for head in HEADS:
        size = len(CHOICES.get(head, (head,)))
        found[head] = slice(at, at + size)
        at += size
    return found


WIDTH = sum(len(labels) for labels in CHOICES.values()) + len(YES_NO)
