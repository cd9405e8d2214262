"""What a person may say of a reading."""

from domain.reading import FLAGS, SENTIMENTS, URGENCIES
from models.heads import LANGUAGES
from models.intents import load_intents
from storage.corrections import NO, YES


def head_labels() -> dict[str, tuple[str, ...]]:
    """What a person may say of each head."""
    choices = {"language": LANGUAGES, "sentiment": SENTIMENTS, "intent": tuple(load_intents()), "urgency": URGENCIES}
    return choices | dict.fromkeys(FLAGS, (YES, NO))
