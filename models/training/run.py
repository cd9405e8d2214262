"""The whole training: rows, vocabulary, translations, labels, calibration, export, figures, card.

What takes long is kept in `out`/work and goes on from there after a stop.
"""

import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from models.session import Session
from models.text import BRAND, BRAND_LOWER, printable, words
from models.training import data as sources
from models.training import fit, measure
from models.training.agreement import agreement
from models.training.card import Report, write_card
from models.training.checkpoints import Checkpoints
from models.training.examples import Examples, Ints, examples, read_words, variants
from models.training.export import UNTUNED, export, write_config
from models.training.gloss import Lexicon
from models.training.linear import Linear
from models.training.network import Network, bert_layers
from models.training.noise import noisy
from models.training.rows import Row, keep, share
from models.training.sets import tasks, validation_rows
from models.training.settle import settle, settled_rows
from models.training.teacher import Teacher, teacher_folder
from models.training.tokens import make_tokenizer, starting_vectors
from models.training.tune import mention_floor, second_threshold, tune

log = logging.getLogger(__name__)

SEED = 7
KEPT_LAYERS = (0, 2, 4)  # of the teacher's six
MAX_PAIR_PIECES = 48
PAIRS = {"tatoeba": 200000, "diabla": 6000, "mozilla": 5000, "cdsnotify": 2000, "gnomehelp": 4300, "djangodocs": 4000}
ENGLISH_SHARE, NOISY_SHARE = 0.35, 0.3
TWEETS = 40000
PUBLIC_AGAIN = 0.4  # of the public rows, in every epoch but the first
SPEED_TEXTS = 1500


@dataclass(frozen=True)
class Material:
    """All that the network is taught with, and the own rows that it never sees."""

    data: Path
    own: list[Row]
    public: list[Row]
    pairs: list[tuple[str, str]]
    teacher: Teacher = field(repr=False)

    @cached_property
    def rows(self) -> list[Row]:
        """Those to learn from."""
        return [*self.part("train"), *self.public, *sources.language_rows(self.data)]

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """From public rows alone, so that a new row of our own changes no piece."""
        return make_tokenizer(self.public, self.data, self.teacher)

    @cached_property
    def sides(self) -> tuple[list[list[str]], list[list[str]]]:
        """The words of English sentences and of their translations."""
        return tuple([words(printable(pair[side])) for pair in self.pairs] for side in (0, 1))  # type: ignore[return-value]

    @cached_property
    def lexicons(self) -> dict[str, Lexicon]:
        """Word for word, from each language into the other."""
        english, french = self.sides
        return {"en": Lexicon(english, french), "fr": Lexicon(french, english)}

    def part(self, name: str) -> list[Row]:
        """The own rows of one part."""
        return [row for row in self.own if row.part == name]

    def pieces(self, sentences: list[list[str]]) -> list[Ints]:
        """As the network takes them, the end of long ones left out."""
        encoded = self.tokenizer.encode_batch_fast([" ".join(one) for one in sentences])
        return [np.array(one.ids[:MAX_PAIR_PIECES] or [1], np.int64) for one in encoded]


def run(data: Path, out: Path, epochs: int, threads: int, extra: Sequence[Path] = ()) -> None:
    """Writes the weights and the card into `out`. Deterministic on one machine and one set of data.

    `extra` are labelled files of the user's own, JSON Lines.
    """
    torch.set_flush_denormal(True)  # fading moments of rare words turn denormal, which is slow
    torch.set_num_threads(threads)
    torch.manual_seed(SEED)
    work = out / "work"
    work.mkdir(parents=True, exist_ok=True)
    kept = Checkpoints(work)
    material = gather(data, extra)
    network = blank(material)
    align(network, material, kept)
    teach(network, material, epochs, kept)
    rows = settled_rows(material.rows)
    settle(network, rows, examples(rows, [read_words(row) for row in rows], material.tokenizer).pieces)
    calibrate(network, material, out)
    minutes = kept.seconds / 60
    log.info("trained in %.1f minutes, over all starts", minutes)
    report(material, out, minutes, epochs)


def gather(data: Path, extra: Sequence[Path] = ()) -> Material:
    """Rows without those that are measured on, and translation pairs."""
    own = sources.own_rows()
    validation = [row for rows in validation_rows(data).values() for row in rows]
    public = sources.without(sources.public_rows(data), validation)
    own += sources.without(sources.extra_rows(extra), [*validation, *(row for row in own if row.part != "train")])
    pairs = [pair for name, count in PAIRS.items() for pair in sources.pairs(data, name, count)]
    return Material(data, own, public, pairs, Teacher(teacher_folder()))


def blank(material: Material) -> Network:
    """The teacher's layers under the new vocabulary; heads that know nothing."""
    pieces = material.tokenizer.get_vocab()
    log.info("%d pieces, %d rows, %d of them own", len(pieces), len(material.rows), len(material.part("train")))
    network = Network(len(pieces), len(KEPT_LAYERS), brand_pieces(material.tokenizer))
    layers = bert_layers(material.teacher.weights, KEPT_LAYERS)
    table = starting_vectors(material.tokenizer, material.teacher, material.lexicons["fr"].translations)
    network.encoder.load_state_dict({**layers, "pieces.weight": torch.from_numpy(table)})
    return network


def align(network: Network, material: Material, kept: Checkpoints) -> None:
    """French sentences, English ones and tweets, each to where the teacher puts the English."""
    state = kept.last("align")
    if state is not None:
        network.load_state_dict(state["network"])
        return
    dice = random.Random(SEED)
    english, french = (list(side) for side in zip(*material.pairs, strict=True))
    tweets = [row.text for row in keep([r for r in material.public if r.source.startswith("semeval")], TWEETS)]
    again = [at for at, text in enumerate(english) if share(text) < ENGLISH_SHARE]
    goals = [*range(len(english)), *again, *range(len(english), len(english) + len(tweets))]
    texts = [*(noisy(one, "fr", dice) if dice.random() < NOISY_SHARE else one for one in french)]
    texts += [*(english[at] for at in again), *tweets]
    meant = material.teacher.vectors([*english, *tweets])
    pieces = material.pieces([words(printable(text)) for text in texts])
    log.info("%d sentences to land", len(pieces))
    fit.align(network, fit.Sentences(pieces, np.array(goals), meant), SEED)
    kept.keep("align", {"network": network.state_dict()})


def teach(network: Network, material: Material, epochs: int, kept: Checkpoints) -> None:
    """All labels, `epochs` times, in another face each time."""
    english, french = material.sides
    pairs = fit.Pairs(material.pieces(english), material.pieces(french))
    fit.teach(network, lambda epoch: _shown(material, epoch), pairs, epochs, SEED, kept)


def _shown(material: Material, epoch: int) -> Examples:
    """Own rows every time; of the public ones, once all were seen, a part."""
    dice, share = random.Random(SEED + epoch), 1.0 if epoch == 0 else PUBLIC_AGAIN
    rows = [row for row in material.rows if row.source.startswith("own_") or dice.random() < share]
    shown = variants(rows, material.lexicons, dice)
    log.info("%d examples", len(shown))
    return examples([row for row, _ in shown], [split for _, split in shown], material.tokenizer)


def brand_pieces(tokenizer: Tokenizer) -> tuple[int, int]:
    """What stands where the brand is named, with a capital and without."""
    pieces = tokenizer.get_vocab()
    return pieces[BRAND], pieces[BRAND_LOWER]


def calibrate(network: Network, material: Material, out: Path) -> None:
    """The export, then thresholds and temperatures on the tuning rows as the exported network reads them."""
    rows = material.part("tune")
    seen = examples(rows, [read_words(row) for row in rows], material.tokenizer)
    export(network, material.tokenizer, UNTUNED, out / "work" / "exact", exact=True)
    export(network, material.tokenizer, UNTUNED, out)
    logits = np.array(measure.read(Session(out), rows), np.float32)
    heads = tune(rows, seen, logits)
    config = {
        "heads": heads,
        "second_intent": second_threshold(rows, seen, logits, heads["intent"]),
        "mention": mention_floor(material.part("train")),
    }
    for folder in (out, out / "work" / "exact"):
        write_config(config, folder)


def report(material: Material, out: Path, minutes: float, epochs: int) -> None:
    """Measures what was written and writes the card."""
    kept = material.part("test")
    linear, measured = Linear(material.rows), tasks(material.data, kept)
    posts = [row.text for row in kept][:SPEED_TEXTS]
    heard = measure.heard(out, kept)
    asked = measure.asked(out, heard)
    write_card(
        Report(
            folder=out,
            rows=material.rows,
            measured=measure.measure(out, measured, linear),
            exact=measure.figures(out / "work" / "exact", measured),
            doubts=measure.doubts(asked),
            classes=measure.classes(asked),
            reliability=measure.reliability(asked),
            agreement=agreement(material.own),
            urgent={lang: measure.high_urgency([one for one in heard if one[0].lang == lang]) for lang in ("fr", "en")},
            languages=measure.language_accuracy(out, heard),
            speeds={threads: measure.speed(out, posts, threads) for threads in (1, 2)},
            minutes=minutes,
            settings={"epochs": epochs, "batch": fit.BATCH, "learning rate": fit.ENCODER_RATE, "seed": SEED},
        )
    )
