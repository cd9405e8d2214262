"""Between which values the inputs of each dense layer lie, over texts that are like those to come."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from models.feed import Encoded, batches
from models.training.batches import bag, padded
from models.training.data import own_rows
from models.training.examples import encode, read_words
from models.training.graph import Floats, Ranges
from models.training.network import Network

TEXTS = 1500


def calibration_texts(tokenizer: Tokenizer) -> list[Encoded]:
    """Own rows to learn from, evenly drawn."""
    rows = [row for row in own_rows() if row.part == "train"]
    drawn = [rows[at] for at in np.linspace(0, len(rows) - 1, TEXTS).astype(int)]
    return [Encoded(*one) for one in zip(*encode([read_words(row) for row in drawn], tokenizer), strict=True)]


@torch.no_grad()
def ranges(network: Network, texts: Sequence[Encoded]) -> Ranges:
    """Of each input of a product, by its name in the graph. Texts of one length together: no padding counts."""
    found: dict[str, tuple[Floats, Floats]] = {}
    with _watched(network, found):
        for group in batches([len(text.pieces) for text in texts]):
            alike = [texts[at] for at in group]
            pieces = padded([np.array(text.pieces) for text in alike])
            network(pieces, bag([text.words for text in alike]), bag([text.letters for text in alike]))
    return found


def dense_layers(network: Network) -> dict[str, nn.Module]:
    """By name."""
    parts = ("attention", "out", "up", "down")
    layers = enumerate(network.encoder.layers)
    found = {f"layer{at}.{part}": layer.get_submodule(part) for at, layer in layers for part in parts}
    return found | {name: network.get_submodule(name) for name in ("mix", "deep", "wide")}


@contextmanager
def _watched(network: Network, found: dict[str, tuple[Floats, Floats]]) -> Iterator[None]:
    def watch(name: str) -> object:
        def widen(_: nn.Module, given: tuple[Tensor]) -> None:
            values = given[0].flatten(0, -2).numpy()
            least, most = found.get(name, (values[0], values[0]))
            found[name] = np.minimum(least, values.min(0)), np.maximum(most, values.max(0))

        return widen

    hooks = [layer.register_forward_pre_hook(watch(name)) for name, layer in dense_layers(network).items()]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
