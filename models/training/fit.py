"""Teaches the network: first that a sentence and its translation mean the same, then the labels."""

import logging
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from models.heads import CHOICES, columns
from models.training.batches import batches, inputs, padded
from models.training.examples import Examples
from models.training.network import Network

log = logging.getLogger(__name__)

BATCH = 256
PAIR_BATCH = 256
RATE = 2e-3
TABLE_RATE = 1.5e-2
SHARPNESS = 15.0  # of the similarities between translations
HEAD_WEIGHT = {"language": 0.3, "sentiment": 1.0, "intent": 1.2, "urgency": 0.6}
FLAG_WEIGHT = {"complaint": 1.0, "about_brand": 0.8, "ironic": 0.5, "escalation": 0.5}
SMOOTHING = 0.05
ALIGN_EVERY = 3
Ints = NDArray[np.int64]
Pairs = tuple[Sequence[Ints], Sequence[Ints]]


def fit(network: Network, data: Examples, pairs: Pairs, epochs: int, seed: int = 7) -> None:
    """Both steps, in place. The same seed and data give the same network on the same machine."""
    align(network, pairs, seed)
    teach(network, data, pairs, epochs, seed)


def align(network: Network, pairs: Pairs, seed: int) -> None:
    """One pass over the translations: each English sentence must find its own among those of its batch."""
    optimiser = torch.optim.Adam([{"params": list(network.sentence.parameters()), "top": RATE}], fused=True)
    network.train()
    groups = list(batches([len(one) for one in pairs[0]], PAIR_BATCH, seed))
    began = time.monotonic()
    for step, at in enumerate(groups):
        _rate(optimiser, step / len(groups))
        loss = _translation_loss(network, pairs, at)
        _step(network, optimiser, loss)
        if step % 200 == 0:
            log.info("align %d/%d loss %.3f, %.0f s", step, len(groups), loss.item(), time.monotonic() - began)


def teach(network: Network, data: Examples, pairs: Pairs, epochs: int, seed: int) -> None:
    """All heads at once; translations stay together by a share of the steps."""
    optimiser = torch.optim.Adam(_groups(network), fused=True)
    balance = _balance(data)
    network.train()
    lengths = [len(one) for one in data.pieces]
    plan = [list(batches(lengths, BATCH, seed + epoch)) for epoch in range(epochs)]
    partners = _endless(len(pairs[0]), PAIR_BATCH // 2, seed)
    total, step, began = sum(map(len, plan)), 0, time.monotonic()
    for epoch, groups in enumerate(plan):
        losses = []
        for at in groups:
            _rate(optimiser, step / total)
            loss = _label_loss(network, data, at, balance)
            if step % ALIGN_EVERY == 0:
                loss = loss + 0.3 * _translation_loss(network, pairs, next(partners))
            _step(network, optimiser, loss)
            losses.append(loss.item())
            step += 1
            if step % 200 == 0:
                log.info("step %d/%d loss %.3f, %.0f s", step, total, np.mean(losses[-200:]), time.monotonic() - began)
        log.info("epoch %d loss %.3f, %.0f s", epoch + 1, np.mean(losses), time.monotonic() - began)


def _endless(count: int, size: int, seed: int) -> Iterator[Ints]:
    dice = np.random.default_rng(seed)
    while True:
        yield dice.choice(count, size, replace=False)


def _groups(network: Network) -> list[dict[str, Any]]:
    tables = {id(table) for table in network.tables}
    others = [one for one in network.parameters() if id(one) not in tables]
    return [{"params": others, "top": RATE}, {"params": list(network.tables), "top": TABLE_RATE}]


def _rate(optimiser: torch.optim.Optimizer, done: float) -> None:
    """A short warm-up, then down in a straight line."""
    for group in optimiser.param_groups:
        group["lr"] = group["top"] * min(1.0, done * 20 + 0.05) * (1.02 - done)


def _step(network: Network, optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimiser.step()


def _translation_loss(network: Network, pairs: Pairs, at: Ints) -> Tensor:
    """Contrastive, both ways (van den Oord et al., 2018, with the other sentences of the batch)."""
    one, two = (functional.normalize(network.vector(padded([side[i] for i in at])), dim=1) for side in pairs)
    similar = one @ two.T * SHARPNESS
    own = torch.arange(len(at))
    return functional.cross_entropy(similar, own) + functional.cross_entropy(similar.T, own)


def _label_loss(network: Network, data: Examples, at: Ints, balance: Tensor) -> Tensor:
    """Of both parts of the network, each for itself: added up at the end, neither may lean on the other."""
    target, known = torch.from_numpy(data.targets[at]), torch.from_numpy(data.known[at])
    both = network(*inputs(data, at))
    return torch.stack([_loss(logits, target, known, balance) for logits in both]).sum()


def _loss(logits: Tensor, target: Tensor, known: Tensor, balance: Tensor) -> Tensor:
    parts = []
    for head, where in columns().items():
        weight = known[:, where.start]
        if head in CHOICES:
            each = _choice_loss(logits[:, where], target[:, where], balance[where])
            scale = HEAD_WEIGHT[head]
        else:
            soft = target[:, where] * (1 - SMOOTHING) + SMOOTHING / 2
            each = functional.binary_cross_entropy_with_logits(logits[:, where], soft, reduction="none")[:, 0]
            scale = FLAG_WEIGHT[head]
        parts.append(scale * (each * weight).sum() / len(logits))
    return torch.stack(parts).sum()


def _choice_loss(logits: Tensor, target: Tensor, balance: Tensor) -> Tensor:
    count = logits.shape[1]
    soft = target * (1 - SMOOTHING) + SMOOTHING / count
    return -(soft * functional.log_softmax(logits, 1)).sum(1) * (target @ balance)


def _balance(data: Examples) -> Tensor:
    """Weights of the labels: how much rarer than the mean each is; of long lists of labels, the square root of it."""
    weights = np.ones(data.targets.shape[1], np.float32)
    for head in CHOICES:
        where = columns()[head]
        counts = (data.targets[:, where] * (data.known[:, where] > 0)).sum(0) + 1
        rarity = counts.mean() / counts
        weights[where] = np.clip(rarity if len(counts) == 3 else np.sqrt(rarity), 0.5, 3.0)
    return torch.from_numpy(weights)


@torch.no_grad()
def predict(network: Network, data: Examples) -> NDArray[np.float32]:
    """Logits of every example, in order."""
    network.eval()
    found = np.zeros(data.targets.shape, np.float32)
    order = np.argsort([len(one) for one in data.pieces], kind="stable")
    for start in range(0, len(order), BATCH):
        at = order[start : start + BATCH]
        deep, wide = network(*inputs(data, at))
        found[at] = (deep + wide).numpy()
    return found
