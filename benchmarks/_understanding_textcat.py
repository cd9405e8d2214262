"""A spaCy text classifier, as its quickstart makes one: an empty pipeline, intents learned for a while, then read."""

import random
import time
from collections.abc import Sequence

import spacy
from spacy.language import Language
from spacy.training import Example
from spacy.util import minibatch

from benchmarks._understanding_posts import BATCH, SEED, batches, posts
from benchmarks._understanding_timing import Speed, speed

INITIAL_EXAMPLES = 500


def measure(texts: Sequence[str], train_seconds: float) -> Speed:
    """How fast it reads the texts; how well is of no concern here."""
    nlp = _trained(train_seconds)
    return speed(lambda batch: list(nlp.pipe(batch, batch_size=BATCH)), batches(texts), len(texts))


def _trained(most_seconds: float) -> Language:
    nlp = spacy.blank("xx")
    intents = sorted({post.intent for post in posts()})
    classifier = nlp.add_pipe("textcat")
    for intent in intents:
        classifier.add_label(intent)  # type: ignore[attr-defined]
    told = [
        Example.from_dict(
            nlp.make_doc(post.text), {"cats": {intent: float(intent == post.intent) for intent in intents}}
        )
        for post in posts()
    ]
    nlp.initialize(lambda: told[:INITIAL_EXAMPLES])
    dice, until = random.Random(SEED), time.monotonic() + most_seconds
    while time.monotonic() < until:
        dice.shuffle(told)
        for batch in minibatch(told, BATCH):
            nlp.update(batch)
            if time.monotonic() > until:
                break
    return nlp
