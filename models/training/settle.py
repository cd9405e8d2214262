"""The last layer of the sentiment, fitted once more with the classes balanced within each source.

Sources differ in what is common: of the own posts three in four are negative, of tweets one in six. A head that learned
from all of them at once knows a tweet when it sees one, and takes it for what tweets mostly are. With what the network
sees held fast, a logistic regression in which every label of a source weighs the same knows no such short cut.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from models.heads import CHOICES, columns
from models.training.batches import batches, padded
from models.training.network import Network
from models.training.rows import Row, keep

HEAD = "sentiment"
# Rows at most of the sources that begin so.
MOST = {"semeval": 14000, "own": 4500, "umsab_fr": 4000, "umsab_en": 4000, "umsab": 1500}
BATCH, STEPS = 128, 60
SHRINK = 3e-3
Ints = NDArray[np.int64]


def settle(network: Network, rows: Sequence[Row], pieces: Sequence[Ints]) -> None:
    """In place. The grams have no say in this head afterwards."""
    seen = _seen(network.eval(), pieces)
    middle, spread = seen.mean(0), seen.std(0) + 1e-5
    labels = torch.tensor([CHOICES[HEAD].index(str(row.sentiment)) for row in rows])
    weight, bias = _regression((seen - middle) / spread, labels, torch.tensor(_weights(rows)))
    weight = weight / spread[:, None]
    where = columns()[HEAD]
    with torch.no_grad():
        network.deep.weight[where] = weight.T
        network.deep.bias[where] = bias - middle @ weight
        network.wide.weight[where] = 0.0


def settled_rows(rows: Sequence[Row]) -> list[Row]:
    """Those that tell a sentiment, of each source at most MOST."""
    found: list[Row] = []
    taken: set[int] = set()
    for start, most in MOST.items():
        mine = [row for row in rows if row.sentiment and row.source.startswith(start) and id(row) not in taken]
        taken |= {id(row) for row in mine}
        found += keep(mine, most)
    return found


def _weights(rows: Sequence[Row]) -> list[float]:
    """So that every label of a source weighs the same, and every source as much as it has rows."""
    sources = [row.source.partition("_")[0] if row.source.startswith("own") else row.source for row in rows]
    sizes = Counter(sources)
    counts = Counter(zip(sources, (row.sentiment for row in rows), strict=True))
    labels = Counter(source for source, _ in counts)
    return [
        sizes[source] / labels[source] / counts[source, row.sentiment]
        for source, row in zip(sources, rows, strict=True)
    ]


@torch.no_grad()
def _seen(network: Network, pieces: Sequence[Ints]) -> Tensor:
    """What the last layer takes, a row a text."""
    found = torch.zeros(len(pieces), network.deep.in_features)
    for at in batches([len(one) for one in pieces], BATCH, 0):
        with torch.autocast("cpu", torch.bfloat16):
            seen = network.seen(padded([pieces[i] for i in at]))
        found[at] = functional.gelu(network.mix(seen.float()))
    return found


def _regression(seen: Tensor, labels: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    weight = torch.zeros(seen.shape[1], len(CHOICES[HEAD]), requires_grad=True)
    bias = torch.zeros(len(CHOICES[HEAD]), requires_grad=True)
    optimiser = torch.optim.LBFGS([weight, bias], max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss() -> float:
        optimiser.zero_grad()
        each = functional.cross_entropy(seen @ weight + bias, labels, reduction="none")
        value = (each * weights).mean() + SHRINK / 2 * (weight**2).sum()
        value.backward()
        return float(value.detach())

    optimiser.step(loss)
    return weight.detach(), bias.detach()
