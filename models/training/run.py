"""The whole training: rows, vocabulary, lexicons, network, calibration, export, figures, card."""

import logging
import random
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from models.text import printable, words
from models.training import data as sources
from models.training import fit, measure
from models.training.card import Report, write_card
from models.training.examples import Ints, examples, read_words, variants
from models.training.export import export
from models.training.gloss import Lexicon
from models.training.linear import Linear
from models.training.network import Network
from models.training.rows import Row
from models.training.sets import tasks, validation_rows
from models.training.tokens import VOCABULARY, train_tokenizer
from models.training.tune import mention_floor, second_threshold, tune

log = logging.getLogger(__name__)

SEED = 7
MAX_PAIR_PIECES = 48
PAIRS = {"tatoeba": 120000, "diabla": 6000, "mozilla": 5000, "cdsnotify": 2000, "gnomehelp": 4000, "djangodocs": 4000}
SPEED_TEXTS = 1500


@dataclass(frozen=True)
class Material:
    """All that the network is taught with, and the own rows that it never sees."""

    rows: list[Row]
    own: list[Row]
    tokenizer: Tokenizer
    pairs: tuple[list[list[str]], list[list[str]]]

    def part(self, name: str) -> list[Row]:
        """The own rows of one part."""
        return [row for row in self.own if row.part == name]


def run(data: Path, out: Path, epochs: int, threads: int) -> None:
    """Writes the weights and the card into `out`. Deterministic on one machine and one set of data."""
    began = time.monotonic()
    torch.set_flush_denormal(True)  # fading moments of rare words turn denormal, which is slow
    torch.set_num_threads(threads)
    torch.manual_seed(SEED)
    material = gather(data)
    network = teach(material, epochs)
    calibrate(network, material, out)
    minutes = (time.monotonic() - began) / 60
    log.info("trained in %.1f minutes", minutes)
    report(material, data, out, minutes, epochs)


def gather(data: Path) -> Material:
    """Rows without those that are measured on, vocabulary and translation pairs."""
    own = sources.own_rows()
    public = sources.without(sources.public_rows(data), [row for val in validation_rows(data).values() for row in val])
    rows = [row for row in own if row.part == "train"] + public + sources.language_rows(data, own)
    log.info("%d rows, %d of them own", len(rows), sum(row.part == "train" for row in own))
    found = [pair for name, count in PAIRS.items() for pair in sources.pairs(data, name, count)]
    sides = [words(printable(one)) for one, _ in found], [words(printable(two)) for _, two in found]
    return Material(rows, own, train_tokenizer(rows, data), sides)


def teach(material: Material, epochs: int) -> Network:
    """A network that has seen everything `epochs` times."""
    english, french = material.pairs
    lexicons = {"en": Lexicon(english, french), "fr": Lexicon(french, english)}
    shown = variants(material.rows, lexicons, random.Random(SEED))
    seen = examples([row for row, _ in shown], [split for _, split in shown], material.tokenizer)
    log.info("%d examples", len(shown))
    network = Network(VOCABULARY)
    fit.fit(network, seen, (_pieces(english, material.tokenizer), _pieces(french, material.tokenizer)), epochs)
    return network


def _pieces(sentences: list[list[str]], tokenizer: Tokenizer) -> list[Ints]:
    encoded = tokenizer.encode_batch_fast([" ".join(one) for one in sentences])
    return [np.array(one.ids[:MAX_PAIR_PIECES] or [1], np.int64) for one in encoded]


def calibrate(network: Network, material: Material, out: Path) -> None:
    """Thresholds and temperatures on the tuning rows, then the export."""
    rows = material.part("tune")
    seen = examples(rows, [read_words(row) for row in rows], material.tokenizer)
    logits = fit.predict(network, seen)
    heads = tune(rows, seen, logits)
    config = {
        "heads": heads,
        "second_intent": second_threshold(rows, seen, logits, heads["intent"]),
        "mention": mention_floor(material.part("train")),
    }
    export(network, material.tokenizer, config, out)


def report(material: Material, data: Path, out: Path, minutes: float, epochs: int) -> None:
    """Measures what was written and writes the card."""
    kept = material.part("test")
    linear = Linear([row for row in material.rows if row.source != "own_language"])
    posts = [row.text for row in kept][:SPEED_TEXTS]
    write_card(
        Report(
            folder=out,
            rows=material.rows,
            measured=measure.measure(out, tasks(data, kept), linear),
            doubts=measure.doubts(out, kept),
            urgent={lang: measure.high_urgency(out, [r for r in kept if r.lang == lang]) for lang in ("fr", "en")},
            languages=measure.language_accuracy(out, kept),
            speeds={threads: measure.speed(out, posts, threads) for threads in (1, 2)},
            minutes=minutes,
            settings={"epochs": epochs, "batch": fit.BATCH, "learning rate": fit.RATE, "seed": SEED},
        )
    )
