"""The network in this process: weights, tokenizer and calibration of one folder, loaded once.

Texts of one length go through it together, on all processors. What is said of a text is the same, bit by bit, whatever
is read with it.
"""

import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from domain.errors import Misconfigured
from models.feed import INPUTS, Encoded, batches, inputs
from models.grams import letter_grams, word_grams
from models.heads import CHOICES, HEADS, WIDTH
from models.text import words

MODEL_FILE, TOKENIZER_FILE, CONFIG_FILE, CARD_FILE = "model.onnx", "tokenizer.json", "config.json", "card.md"
WORKERS = os.cpu_count() or 1
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
        """WIDTH numbers a text; the texts must be printable (`models.text`)."""
        return self.judged(self.encoded(texts))

    def encoded(self, texts: Sequence[str]) -> list[Encoded]:
        """As the network takes them."""
        split = [words(text) for text in texts]
        joined, most = [" ".join(one) for one in split], self.config["max_pieces"]
        pieces = [one.ids[:most] or [UNKNOWN] for one in self._tokenizer.encode_batch_fast(joined)]
        return [Encoded(ids, word_grams(one), letter_grams(one)) for ids, one in zip(pieces, split, strict=True)]

    def judged(self, texts: Sequence[Encoded]) -> list[Logits]:
        """The logits of each."""
        found = np.empty((len(texts), WIDTH))
        groups = list(batches([len(one.pieces) for one in texts]))
        run = _workers().map if len(groups) > 1 else map
        for group, logits in zip(groups, run(self._run, ([texts[at] for at in one] for one in groups)), strict=True):
            found[group] = logits
        return list(found)

    def _run(self, texts: Sequence[Encoded]) -> Logits:
        return np.asarray(self._network.run(None, inputs(texts))[0], np.float64)


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
