"""The network in this process: weights, tokenizer and calibration of one folder, loaded once.

Texts go through it one by one, so that no reading depends on what else is read with it: matrix products of
another shape may differ in their last bits.
"""

import json
from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from domain.errors import Misconfigured
from models.grams import letter_grams, word_grams
from models.heads import CHOICES, HEADS, WIDTH
from models.text import words

MODEL_FILE, TOKENIZER_FILE, CONFIG_FILE, CARD_FILE = "model.onnx", "tokenizer.json", "config.json", "card.md"
SPECIAL = {"unk_token": "[unk]", "pad_token": "[pad]"}
Logits = NDArray[np.float64]


class Session:
    """Reads words into the logits of all heads. Safe to share between threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = _config(folder / CONFIG_FILE)
        self._network = _network(folder / MODEL_FILE)

    @cached_property
    def _tokenizer(self) -> Any:
        path = self.folder / TOKENIZER_FILE
        from transformers import PreTrainedTokenizerFast  # takes half a second: not before it is needed

        try:
            return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
                tokenizer_file=str(path), **SPECIAL
            )
        except Exception as error:  # the library raises bare Exception on a bad file
            raise Misconfigured(f"{path}: not a tokenizer ({error})") from error

    def logits(self, texts: Sequence[str]) -> list[Logits]:
        """WIDTH numbers a text; the text must be printable (`models.text`)."""
        split = [words(text) for text in texts]
        encoded = self._tokenizer([" ".join(one) for one in split])["input_ids"] if split else []
        return [self._one(one, pieces) for one, pieces in zip(split, encoded, strict=True)]

    def _one(self, split: list[str], pieces: list[int]) -> Logits:
        pieces = pieces[: self.config["max_pieces"]] or [1]
        feed = {"pieces": [pieces], "words": [word_grams(split)], "letters": [letter_grams(split)]}
        output = self._network.run(None, {name: np.array(value, np.int64) for name, value in feed.items()})
        return np.asarray(output[0][0], np.float64)


@lru_cache(maxsize=4)
def open_session(folder: Path) -> Session:
    """One session a folder and process; a missing or broken file is named."""
    for name in (MODEL_FILE, TOKENIZER_FILE, CONFIG_FILE):
        if not (folder / name).is_file():
            raise Misconfigured(f"{folder / name}: missing; the reading model needs it")
    session = Session(folder)
    session.logits([""])
    return session


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


def _network(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        network = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the library's errors share no other base
        raise Misconfigured(f"{path}: not a network ({type(error).__name__})") from error
    if [one.name for one in network.get_inputs()] != ["pieces", "words", "letters"] or network.get_outputs()[0].shape[
        -1
    ] != WIDTH:
        raise Misconfigured(f"{path}: not the network of a reading model")
    return network
