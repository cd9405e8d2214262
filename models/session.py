"""The network in this process: weights, tokenizer and calibration of one folder, loaded once.

Texts go through it one by one, on all processors, so that no reading depends on what else is read with it: products of
other shapes differ in their last bits, and what is quantised together shares a scale.
"""

import json
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from domain.errors import Misconfigured
from models.grams import letter_grams, word_grams
from models.heads import CHOICES, HEADS, WIDTH
from models.text import words

MODEL_FILE, TOKENIZER_FILE, CONFIG_FILE, CARD_FILE = "model.onnx", "tokenizer.json", "config.json", "card.md"
INPUTS = ("pieces", "words", "letters")
WORKERS = os.cpu_count() or 1
SHARED_FROM = 4  # texts; fewer are not worth another thread
UNKNOWN = 1  # the piece that stands for an empty text
Logits = NDArray[np.float64]


class Session:
    """Reads words into the logits of all heads. Safe to share between threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = _config(folder / CONFIG_FILE)
        self._tokenizer = _tokenizer(folder / TOKENIZER_FILE)
        self._network = _network(folder / MODEL_FILE)

    def logits(self, texts: Sequence[str]) -> list[Logits]:
        """WIDTH numbers a text; the text must be printable (`models.text`)."""
        split = [words(text) for text in texts]
        encoded = self._tokenizer.encode_batch_fast([" ".join(one) for one in split])
        most = self.config["max_pieces"]
        pieces = [one.ids[:most] or [UNKNOWN] for one in encoded]
        work = list(zip(split, pieces, strict=True))
        if len(work) < SHARED_FROM:
            return self._each(work)
        shares = [work[at::WORKERS] for at in range(WORKERS)]
        found: list[Any] = [None] * len(work)
        for at, done in enumerate(_workers().map(self._each, shares)):
            found[at::WORKERS] = done
        return found

    def _each(self, work: Iterable[tuple[list[str], list[int]]]) -> list[Logits]:
        return [self._one(*one) for one in work]

    def _one(self, split: list[str], pieces: list[int]) -> Logits:
        values = (np.array(pieces, np.int64), word_grams(split), letter_grams(split))
        feed = {name: value[None] for name, value in zip(INPUTS, values, strict=True)}
        return np.asarray(self._network.run(None, feed)[0][0], np.float64)


@lru_cache(maxsize=4)
def open_session(folder: Path) -> Session:
    """One session a folder and process; a missing or broken file is named."""
    for name in (MODEL_FILE, TOKENIZER_FILE, CONFIG_FILE):
        if not (folder / name).is_file():
            raise Misconfigured(f"{folder / name}: missing; the reading model needs it")
    session = Session(folder)
    session.logits([""])
    return session


@cache
def _workers() -> ThreadPoolExecutor:
    """As many as there are processors; the network lets go of the interpreter while it works."""
    return ThreadPoolExecutor(WORKERS, thread_name_prefix="vigie-reading")


os.register_at_fork(after_in_child=_workers.cache_clear)  # threads do not come along


def _config(path: Path) -> dict[str, Any]:
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        labels = {head: tuple(config["heads"][head]["labels"]) for head in CHOICES}
        if labels != CHOICES or set(config["heads"]) != set(HEADS):
            raise ValueError("its labels are not those of this version")
        for key in ("name", "max_pieces", "second_intent", "mention"):
            config[key]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Misconfigured(f"{path}: not a configuration of a reading model ({error})") from error
    return config


def _tokenizer(path: Path) -> Tokenizer:
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises bare Exception on a bad file
        raise Misconfigured(f"{path}: not a tokenizer ({error})") from error


def _network(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        network = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the library's errors share no other base
        raise Misconfigured(f"{path}: not a network ({type(error).__name__})") from error
    names, width = [one.name for one in network.get_inputs()], network.get_outputs()[0].shape[-1]
    if tuple(names) != INPUTS or width != WIDTH:
        raise Misconfigured(f"{path}: not the network of a reading model")
    return network
