"""A sequence classifier of transformers in this process: texts, or pairs of texts, into the numbers of its own labels.

Texts are batched by length, so that little is padded, and cut to the longest that is asked for or that the model takes.
Padding may change the last bits of a logit, which the four decimals of a reading do not show.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from domain.errors import Misconfigured
from models.hub.files import CONFIG_FILE, config_of, line, tokenizer_of, weights_of
from models.hub.networks import Logits, Network, Numbers, open_network

# Their first positions are kept for padding (transformers, create_position_ids_from_input_ids).
_PADDED_POSITIONS = frozenset(
    """camembert data2vec-text ibert longformer mpnet roberta roberta-prelayernorm xlm-roberta xlm-roberta-xl
    xmod""".split()
)
_FROM_TOKENIZER = ("input_ids", "attention_mask", "token_type_ids")
_MOST_TOKENS = 4096
_opening = Lock()


class Classifier:
    """`labels` are the model's own, in the order of its output; `independent` says that each is a yes or no by itself.

    Safe to share between threads.
    """

    def __init__(self, folder: Path) -> None:
        config = config_of(folder)
        self.folder = folder
        self.labels = _labels(folder, config)
        self.independent = config.problem_type == "multi_label_classification" or len(self.labels) == 1
        self._tokenizer: Any = tokenizer_of(folder)
        self._tokenizing = Lock()  # a tokenizer of the library's changes its own state while it works
        self._pad = self._tokenizer.pad_token_id
        self.longest = _longest(config, self._tokenizer)
        self._network = open_network(weights_of(folder))
        self._try_out()

    @property
    def network(self) -> Network:
        """What runs it."""
        return self._network

    def logits(self, texts: Sequence[str], seconds: Sequence[str] | None = None, *, max_tokens: int) -> Logits:
        """(texts, labels). With `seconds` each text is read with its second one, and only the first is cut."""
        rows = self._encode(texts, seconds, min(max_tokens, self.longest))
        found = np.empty((len(rows), len(self.labels)), np.float64)
        order = sorted(range(len(rows)), key=lambda at: len(rows[at]["input_ids"]))
        size = 1 if self._pad is None else self._network.batch
        for start in range(0, len(order), size):
            some = order[start : start + size]
            found[some] = self._run([rows[at] for at in some])
        return found

    def tokens(self, text: str) -> int:
        """How many the text takes, with those that open and close it."""
        return len(self._encode([text], None, _MOST_TOKENS)[0]["input_ids"])

    def _encode(self, texts: Sequence[str], seconds: Sequence[str] | None, longest: int) -> list[dict[str, list[int]]]:
        if not texts:
            return []
        pair = (list(texts),) if seconds is None else (list(texts), list(seconds))
        cut = True if seconds is None else "only_first"
        with self._tokenizing:
            encoded = self._tokenizer(*pair, truncation=cut, max_length=longest)
        names = [name for name in _FROM_TOKENIZER if name in encoded]
        return [{name: encoded[name][at] for name in names} for at in range(len(texts))]

    def _run(self, rows: list[dict[str, list[int]]]) -> Logits:
        width = max(1, *(len(row["input_ids"]) for row in rows))
        feed = {name: self._array(name, rows, width) for name in self._network.inputs}
        try:
            return self._checked(self._network.run(feed), len(rows))
        except (RuntimeError, ValueError, IndexError) as error:
            raise self._unfit(line(error)) from error

    def _array(self, name: str, rows: list[dict[str, list[int]]], width: int) -> Numbers:
        if name == "position_ids":
            return np.tile(np.arange(width, dtype=np.int64), (len(rows), 1))
        if name not in _FROM_TOKENIZER:
            raise self._unfit(f"it asks for {name}, which no text classifier does")
        filled = np.full((len(rows), width), (self._pad or 0) if name == "input_ids" else 0, np.int64)
        for at, row in enumerate(rows):
            filled[at, : len(row["input_ids"])] = row.get(name, 1 if name == "attention_mask" else 0)
        return filled

    def _checked(self, logits: Logits, texts: int) -> Logits:
        if logits.shape != (texts, len(self.labels)):
            raise self._unfit(f"it gives {logits.shape[1:]} numbers a text and {CONFIG_FILE} names {len(self.labels)}")
        if not np.isfinite(logits).all():
            raise self._unfit("it gives infinite numbers")
        return logits

    def _unfit(self, why: str) -> Misconfigured:
        return Misconfigured(f"{self._network.path}: does not fit its folder's tokenizer and {CONFIG_FILE}: {why}")

    def _try_out(self) -> None:
        """Two texts of different lengths: weights, tokenizer and configuration belong together, or it is told now."""
        try:
            self.logits(["ok", "un texte, a text 🙂"], max_tokens=self.longest)
        except Misconfigured:
            raise
        except Exception as error:  # the network's libraries raise errors of their own
            raise self._unfit(line(error)) from error


def open_classifier(folder: Path) -> Classifier:
    """One a folder and process, however many heads and workers ask for it. Raises Misconfigured."""
    with _opening:
        return _open(folder)


@lru_cache(maxsize=16)
def _open(folder: Path) -> Classifier:
    return Classifier(folder)


def _labels(folder: Path, config: Any) -> tuple[str, ...]:
    names: dict[int, str] = config.id2label
    if config.problem_type == "regression":
        raise Misconfigured(f"{folder / CONFIG_FILE}: a regression, which has no labels")
    if not names or sorted(names) != list(range(len(names))) or len(set(names.values())) != len(names):
        raise Misconfigured(f"{folder / CONFIG_FILE}: id2label is no list of labels")
    return tuple(str(names[at]) for at in range(len(names)))


def _longest(config: Any, tokenizer: Any) -> int:
    positions = int(getattr(config, "max_position_embeddings", 0) or _MOST_TOKENS)
    if config.model_type in _PADDED_POSITIONS:
        positions -= int(config.pad_token_id or 0) + 1
    return int(min(positions, tokenizer.model_max_length, _MOST_TOKENS))
